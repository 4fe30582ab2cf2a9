"""Estimates for boards: loops are found, cycles become times, and the kernels still have the loops it looks for."""

import json

import pytest

from bench import board_estimates as estimates

ASSEMBLY = """
outer:                                  // @outer
	mov	x9, #0
.LBB0_1:                                // =>This Loop Header: Depth=1
	ldr	q0, [x1]
.LBB0_2:                                // =>  This Inner Loop Header: Depth=2
	fmla	v1.4s, v0.4s, v2.s[0]           // a comment
	fmls	v3.4s, v0.4s, v2.s[1]
	subs	x8, x8, #1
	b.ne	.LBB0_2
	cbnz	x9, .LBB0_1
	b	.LBB0_3
.LBB0_3:
	ret
other:
	ret
"""


def test_only_the_innermost_loops_count():
    found = estimates.functions(ASSEMBLY)
    assert set(found) == {"outer", "other"} and estimates.inner_loops(found["other"]) == []
    (loop,) = estimates.inner_loops(found["outer"])
    assert [line.split()[0] for line in loop] == ["fmla", "fmls", "subs", "b.ne"] and "comment" not in loop[0]
    assert estimates.products(loop, estimates.ARM) == 2


def step(operator, shape, multiply_adds=0):
    return {"operatorName": operator, "outputShape": shape, "multiplyAdds": multiply_adds}


RATES = {"gemm": 8.0, "depthwise": 4.0, "add": 1.0, "exp": 0.25}


def test_a_step_takes_its_arithmetic_or_its_traffic():
    product = {"steps": [step("MatMul", [10, 100], 8_000_000)]}
    # A million cycles at 1 GHz; 8,000 bytes and 32,000 of weights at 1 GB/s.
    assert estimates.seconds(product, 32_000, RATES, 1, 1, False) == pytest.approx(1e-3)
    assert estimates.seconds(product, 32_000, RATES, 1, 1, True) == pytest.approx(1e-3 + 40e-6)
    assert estimates.seconds(product, 4_000_000, RATES, 1, 1, False) == pytest.approx(4.008e-3)
    # A small step of another kind, and one that only moves.
    assert estimates.seconds({"steps": [step("Softmax", [1000])]}, 0, RATES, 2, 1000, False) == pytest.approx(2e-6)
    assert estimates.loops_of(step("Conv", [1, 8, 4, 4], 9 * 128)) == [("depthwise", 9 * 128)]
    assert estimates.loops_of(step("Conv", [1, 8, 4, 4], 72 * 128)) == [("gemm", 72 * 128)]
    assert estimates.loops_of(step("Mystery", [3, 4])) == [("add", 12)]
    fused = {**step("FusedElementwise", [3, 4]), "label": "viseme.FusedElementwise node “Sub+Exp”"}
    assert estimates.loops_of(fused) == [("add", 12), ("exp", 12)]


def test_the_kernels_have_the_loops_that_are_counted(tmp_path):
    mca = tmp_path / "mca"
    answer = json.dumps({"CodeRegions": [{"SummaryView": {"TotalCycles": 400}}]})
    mca.write_text(f"#!/bin/sh\ncat >/dev/null\necho 'warning: none'\necho '{answer}'\n")
    mca.chmod(0o755)
    table = estimates.measure(estimates.Toolchain("clang", str(mca), None), estimates.X86, {"some-core": 1e9})
    assert {"gemm", "vector by matrix", "depthwise", "winograd in, rows", "winograd out, columns"} <= set(table)
    # Every loop that steps are counted by is there, and no product loop is one without products.
    assert set(estimates.ELEMENT_LOOPS.values()) | {"add"} <= set(table)
    for name, entry in table.items():
        assert entry["work"] > 0 and entry["perCycle"]["some-core"] == pytest.approx(entry["work"] / 4), name
    # The four loops of the transforms cost something, so that less than the four-fold is gained.
    assert 0.5 < estimates.winograd_gain(table, "some-core", 16, 256) < 4


def test_a_missing_program_is_named(tmp_path, capsys):
    assert estimates.main(["--clang", str(tmp_path / "none")]) == 1
    assert "none cannot be started" in capsys.readouterr().err
