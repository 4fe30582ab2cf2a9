#!/usr/bin/env python3
"""ESTIMATES, on paper, how fast ARM boards run models: cycles of the inner loops by llvm-mca, bytes by bandwidth.

Nothing here is measured on a board. The loops of the NEON kernels are compiled for ARM with the package's own flags;
llvm-mca (of LLVM 17 or newer, for its model of Neoverse N1) counts their cycles on three cores, all data in the first
cache. `viseme profile` says what a model multiplies and writes. A step then takes the longer of its arithmetic and its
memory traffic; on a core that works in order, both one after the other. `--compare-here` does the same for this x86-64
machine and says how far the estimate is from what was measured, which is how much to believe it.

Real figures: viseme talk --threads auto --cores big --line.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from lib.machine import facts  # noqa: E402

KERNELS = ROOT / "Kernels"


@dataclass(frozen=True)
class Target:
    """What kernels are compiled for."""
    triple: str
    suffix: str  # of the kernels' files and symbols
    tile: str  # the matrix product's widest kernel
    lanes: int  # float32 in a vector
    product: str  # the instruction that multiplies and adds


ARM = Target("aarch64-linux-gnu", "neon", "n16", 4, r"\bfml[as]\t")
X86 = Target("x86_64-linux-gnu", "avx512", "n64", 16, r"\bvfn?m(add|sub)\d+ps\t.*zmm")


@dataclass(frozen=True)
class Core:
    """A processor core as llvm-mca knows it; `peak` is its multiply-adds a cycle by its maker's optimization guide."""
    name: str
    model: str
    peak: int
    is_in_order: bool


CORES = (
    Core("Cortex-A55", "cortex-a55", 4, True),
    # LLVM gives the A76 the older A57's pipes; the N1 is the same core, and has a model of its own.
    Core("Cortex-A76", "neoverse-n1", 8, False),
    Core("Neoverse-N1", "neoverse-n1", 8, False),
)


@dataclass(frozen=True)
class Board:
    """A board's usual clock, and the gigabytes a second that one core reads from its memory (assumed, not measured)."""
    name: str
    core: str
    gigahertz: float
    bandwidth: float


BOARDS = (
    Board("Cortex-A55 at 1.8 GHz (RK3566, the small cores of RK3588)", "Cortex-A55", 1.8, 4.0),
    Board("Cortex-A76 at 2.4 GHz (Raspberry Pi 5, the big cores of RK3588)", "Cortex-A76", 2.4, 10.0),
    Board("Neoverse-N1 at 3.0 GHz (servers)", "Neoverse-N1", 3.0, 18.0),
)

# Loops of the vector vocabulary, as elementwise programs, normalization and samplers use it: (name, vectors an
# iteration, statement). x, y and z are arrays of floats, at of positions.
PROBES = (
    # The empty statement keeps the compiler from calling memcpy.
    ("copy", 1, '__asm__ volatile(""); vf_store(y + i, vf_load(x + i));'),
    ("add", 1, "vf_store(y + i, vf_add(vf_load(x + i), vf_load(z + i)));"),
    ("moments", 1, "vf v = vf_load(x + i); s = vf_add(s, v); q = vf_fma(v, v, q);"),
    ("exp", 1, "vf_store(y + i, vf_exp(vf_load(x + i)));"),
    ("sigmoid", 1, "vf_store(y + i, vf_sigmoid(vf_load(x + i)));"),
    ("tanh", 1, "vf_store(y + i, vf_tanh(vf_load(x + i)));"),
    ("gelu", 1, "vf_store(y + i, vf_gelu(vf_load(x + i)));"),
    ("gridsample planes", 1,
     "vf a, b, d, e; vf_gather_pairs(x, at + i, &a, &b); vf_gather_pairs(x + 999, at + i, &d, &e);"
     " vf_store(y + i, vf_add(vf_fma(s, a, vf_mul(q, b)), vf_fma(s, d, vf_mul(q, e))));"),
)

# (name, file, function): the loop with the most products of a kernel.
PRODUCT_KERNELS = (
    ("gemm", "gemm", "vz_tile_f32_{tile}"),
    ("vector by matrix", "gemm", "vz_vecmat_f32"),
    ("depthwise", "depthwise", "vz_strip_f32"),
)


class EstimateError(Exception):
    """Why there is no estimate; the message is for the user."""


def run(*command: str | Path, text: str | None = None) -> str:
    try:
        done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True)
    except OSError as error:
        raise EstimateError(f"{command[0]} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise EstimateError(f"{' '.join(map(str, command[:6]))} … failed: {done.stderr.strip()[:500]}")
    return done.stdout


# ---------------------------------------------------------------------------------------------- assembly


def functions(assembly: str) -> dict[str, list[str]]:
    """The lines of each function."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in assembly.splitlines():
        if label := re.match(r"^([A-Za-z_][\w.$]*):", line):
            lines = found.setdefault(label[1], [])
        elif lines is not None:
            lines.append(line)
    return found


BRANCH = re.compile(r"\s+(?:b|b\.\w+|cbn?z|tbn?z|j\w+)\s+.*?(\.L\w+)\s*(?:(?://|#).*)?$")


def instructions(lines: list[str]) -> list[str]:
    return [re.sub(r"\s*(//|#\s).*", "", line) for line in lines if re.match(r"^\s+[a-z]", line)]


def inner_loops(lines: list[str]) -> list[list[str]]:
    """The instructions of every loop that holds no other, in order."""
    place = {label[1]: i for i, line in enumerate(lines) if (label := re.match(r"^(\.L\w+):", line))}
    spans = [(place[branch[1]], i) for i, line in enumerate(lines)
             if (branch := BRANCH.match(line)) and place.get(branch[1], i + 1) <= i]
    return [instructions(lines[a:b + 1]) for a, b in spans
            if not any((c, d) != (a, b) and a <= c and d <= b for c, d in spans)]


def products(loop: list[str], target: Target) -> int:
    return sum(bool(re.search(target.product, line)) for line in loop)


# ---------------------------------------------------------------------------------------------- loops


@dataclass
class Loop:
    """An inner loop: what an iteration does, in multiply-adds of float32 or in elements written."""
    name: str
    unit: str
    work: int
    code: list[str]


class Toolchain:
    def __init__(self, clang: str, mca: str, sysroot: str | None):
        self.clang, self.mca = clang, mca
        self.sysroot = [f"--sysroot={sysroot}"] if sysroot else []

    def assembly(self, target: Target, file: Path) -> str:
        # SwiftPM's flags for a release build, and those of Package.swift.
        root = self.sysroot if target is ARM else []
        return run(self.clang, f"--target={target.triple}", *root, f"-I{KERNELS / 'include'}", "-std=gnu11", "-O2",
                   "-fPIC", "-g0", "-S", file, "-o", "-")

    def cycles(self, target: Target, model: str, code: list[str]) -> float:
        """Cycles of an iteration among many."""
        count = 100
        report = run(self.mca, f"-mtriple={target.triple}", f"-mcpu={model}", f"-iterations={count}", "--json",
                     text="\n".join(code) + "\n")
        # What comes before the report are warnings.
        regions = json.loads(report[report.index("{"):])["CodeRegions"]
        return regions[0]["SummaryView"]["TotalCycles"] / count


def probe_source(target: Target) -> str:
    common = KERNELS / "common"
    text = [f'#include "{common}/vz_simd_{target.suffix}.h"', f'#include "{common}/vz_simd_math.h"']
    for index, (_, _, statement) in enumerate(PROBES):
        text += [f"void probe_{index}(float *restrict y, const float *x, const float *z, const int *at, size_t n) {{",
                 "  vf s = vf_load(y), q = vf_load(y + VF);", "#pragma clang loop unroll(disable)",
                 f"  for (size_t i = 0; i < n; i += VF) {{ {statement} }}",
                 "  vf_store(y, s); vf_store(y + VF, q);", "}"]
    return "\n".join([*text, f'#include "{common}/vz_simd_end.h"', ""])


def loops(tools: Toolchain, target: Target) -> list[Loop]:
    found: list[Loop] = []
    for name, folder, pattern in PRODUCT_KERNELS:
        symbol = pattern.format(tile=target.tile)
        code = functions(tools.assembly(target, KERNELS / folder / f"{target.suffix}.c"))
        candidates = inner_loops(code.get(f"{symbol}_{target.suffix}", []))
        if not candidates:
            raise EstimateError(f"{symbol}_{target.suffix} has no loop in {folder}/{target.suffix}.c")
        best = max(candidates, key=lambda loop: products(loop, target))
        found.append(Loop(name, "multiply-adds", products(best, target) * target.lanes, best))
    winograd = functions(tools.assembly(target, KERNELS / "winograd" / f"{target.suffix}.c"))
    for name, symbol in (("winograd in", "vz_winograd_in_f32"), ("winograd out", "vz_winograd_out_f32")):
        # The first two: columns, then rows, of whole vectors.
        pair = inner_loops(winograd.get(f"{symbol}_{target.suffix}", []))[:2]
        if len(pair) != 2:
            raise EstimateError(f"{symbol}_{target.suffix} has not the two loops it used to have")
        for step, loop in zip(("columns", "rows"), pair):
            found.append(Loop(f"{name}, {step}", "vectors", target.lanes, loop))
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "probes.c"
        file.write_text(probe_source(target))
        code = functions(tools.assembly(target, file))
    for index, (name, vectors, _) in enumerate(PROBES):
        found.append(Loop(name, "elements", vectors * target.lanes, max(inner_loops(code[f"probe_{index}"]), key=len)))
    return found


def measure(tools: Toolchain, target: Target, peaks: dict[str, float]) -> dict[str, dict]:
    """For every loop: what it does, and its cycles on each model of a core.

    LLVM's model of the A55 lets a few more multiply-adds through than its two 64-bit pipes do: `peaks` bound them.
    """
    table: dict[str, dict] = {}
    for loop in loops(tools, target):
        cycles = {model: tools.cycles(target, model, loop.code) for model in peaks}
        if loop.unit == "multiply-adds":
            cycles = {model: max(taken, loop.work / peaks[model]) for model, taken in cycles.items()}
        cycles = {model: round(taken, 3) for model, taken in cycles.items()}
        table[loop.name] = {"unit": loop.unit, "work": loop.work, "instructions": len(loop.code), "cycles": cycles,
                            "perCycle": {model: round(loop.work / taken, 3) for model, taken in cycles.items()}}
    return table


def winograd_gain(table: dict[str, dict], model: str, lanes: int, channels: int) -> float:
    """How many times a 3x3 convolution of so many channels to as many is faster by F(4x4, 3x3) than directly."""
    rate = table["gemm"]["perCycle"][model]
    vectors = -(-channels // lanes)
    loop = {name: entry["cycles"][model] for name, entry in table.items()}
    transforms = vectors * (6 * (loop["winograd in, columns"] + loop["winograd in, rows"])
                            + 6 * loop["winograd out, columns"] + 4 * loop["winograd out, rows"])
    return (16 * 9 * channels**2 / rate) / (36 * channels**2 / rate + transforms)


# ---------------------------------------------------------------------------------------------- models

# Steps without products, by what costs them: the loop of each operator. Everything else is an addition a piece.
ELEMENT_LOOPS = {
    "GridSample": "gridsample planes", "Softmax": "exp", "Exp": "exp", "Sigmoid": "sigmoid", "Silu": "sigmoid",
    "Swish": "sigmoid", "Tanh": "tanh", "Gelu": "gelu", "Erf": "gelu", "LayerNormalization": "moments",
    "GroupNormalization": "moments", "InstanceNormalization": "moments", "Transpose": "copy", "Concat": "copy",
    "Slice": "copy", "Reshape": "copy", "Pad": "copy", "Gather": "copy", "Relayout": "copy",
}


def count(shape: list[int]) -> int:
    result = 1
    for extent in shape:
        result *= extent
    return result


def loops_of(step: dict) -> list[tuple[str, int]]:
    """The loops that a step spends its time in, and how much work it is there."""
    elements = count(step["outputShape"])
    if step["multiplyAdds"]:
        is_depthwise = step["operatorName"] == "Conv" and step["multiplyAdds"] in (9 * elements, 25 * elements)
        return [("depthwise" if is_depthwise else "gemm", step["multiplyAdds"])]
    if step["operatorName"] == "FusedElementwise":
        # Named after its operators: “Sub+Mul+Clip”.
        names = re.search("“(.*)”", step["label"])
        return [(ELEMENT_LOOPS.get(name, "add"), elements) for name in (names[1] if names else "").split("+")]
    return [(ELEMENT_LOOPS.get(step["operatorName"], "add"), elements)]


def seconds(profile: dict, parameters: int, rates: dict[str, float], gigahertz: float, bandwidth: float,
            is_in_order: bool) -> float:
    """Of a run, on one thread. All results are taken to go through the memory, and weights to be read once."""
    products = sum(step["multiplyAdds"] for step in profile["steps"]) or 1
    total = 0.0
    for step in profile["steps"]:
        arithmetic = sum(work / rates[name] for name, work in loops_of(step)) / (gigahertz * 1e9)
        moved = 2 * 4 * count(step["outputShape"]) + parameters * step["multiplyAdds"] / products
        memory = moved / (bandwidth * 1e9)
        total += arithmetic + memory if is_in_order else max(arithmetic, memory)
    return total


def profile_of(viseme: str, graph: str, shapes: list[str]) -> tuple[dict, int]:
    arguments = [word for shape in shapes for word in ("--shape", shape)]
    profile = json.loads(run(viseme, "profile", graph, "--json", "--repeat", "3", *arguments))
    return profile, json.loads(run(viseme, "inspect", graph, "--json", *arguments))["parameterByteCount"]


def default_graphs() -> list[tuple[str, str, list[str]]]:
    """Name, file, shapes of what is in the clone."""
    head = ROOT / "Graphs" / "default"
    found = [("default head, a frame", str(head / "render.onnx"), ["image=1,3,256,256"]),
             ("default head, 0.4 s of sound", str(head / "audio.onnx"), ["mel=1,80,82"])]
    wav2lip = ROOT / "Graphs" / "wav2lip" / "generator.onnx"
    if wav2lip.exists():
        found.append(("wav2lip layout, a frame", str(wav2lip), ["audio=1,1,80,16", "face=1,6,96,96"]))
    return found


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("graphs", nargs="*", metavar="NAME=FILE", help="further models, all extents known")
    result.add_argument("--viseme", default=str(ROOT / ".build" / "release" / "viseme"), help="the program")
    result.add_argument("--clang", default="clang", help="a clang that knows 64-bit ARM, such as Swift's")
    result.add_argument("--mca", default=shutil.which("llvm-mca-19") or "llvm-mca", help="llvm-mca, 17 or newer")
    result.add_argument("--sysroot", help="where the headers of arm64's C library are: Tools/arm64's CACHE/target")
    result.add_argument("--compare-here", metavar="MODEL:PEAK:GHZ:GBS",
                        help="also estimate this x86-64 machine: llvm-mca's name of its core, multiply-adds a cycle, "
                             "gigahertz, gigabytes a second")
    result.add_argument("--out", type=Path, help="write everything as JSON")
    return result


def estimate(options: argparse.Namespace) -> dict:
    tools = Toolchain(options.clang, options.mca, options.sysroot)
    table = measure(tools, ARM, {core.model: core.peak for core in CORES})
    result: dict = {
        "kind": "estimate on paper: nothing was measured on a board",
        **facts(),
        "llvm-mca": next((line.strip() for line in run(options.mca, "--version").splitlines() if "LLVM" in line), ""),
        "cores": [asdict(core) for core in CORES], "boards": [asdict(board) for board in BOARDS],
        "loops": table, "gemmShareOfPeak": {}, "winogradGain": {}, "graphs": {},
    }
    for core in CORES:
        result["gemmShareOfPeak"][core.name] = round(table["gemm"]["perCycle"][core.model] / core.peak, 3)
        result["winogradGain"][core.name] = {
            str(channels): round(winograd_gain(table, core.model, ARM.lanes, channels), 2)
            for channels in (32, 64, 128, 256, 512)}
    here = None
    if options.compare_here:
        model, peak, gigahertz, bandwidth = options.compare_here.split(":")
        here_table = measure(tools, X86, {model: float(peak)})
        here = ({name: entry["perCycle"][model] for name, entry in here_table.items()}, float(gigahertz),
                float(bandwidth))
        result["here"] = {"model": model, "gigahertz": here[1], "bandwidth": here[2], "loops": here_table,
                          "gemmShareOfPeak": round(here[0]["gemm"] / float(peak), 3)}
    graphs = default_graphs() + [(*graph.split("=", 1), []) for graph in options.graphs]
    for name, file, shapes in graphs:
        profile, parameters = profile_of(options.viseme, file, shapes)
        entry: dict = {"multiplyAdds": profile["multiplyAdds"], "parameterBytes": parameters, "milliseconds": {},
                       "perSecond": {}}
        for board in BOARDS:
            core = next(core for core in CORES if core.name == board.core)
            rates = {loop: values["perCycle"][core.model] for loop, values in table.items()}
            taken = seconds(profile, parameters, rates, board.gigahertz, board.bandwidth, core.is_in_order)
            entry["milliseconds"][board.name] = round(taken * 1e3, 2)
            entry["perSecond"][board.name] = round(1 / taken, 1)
        if here:
            taken = seconds(profile, parameters, here[0], here[1], here[2], False)
            arguments = [word for shape in shapes for word in ("--shape", shape)]
            # Processor time: others may use the machine, too.
            measured = json.loads(run(options.viseme, "bench", file, "--json", "--repeat", "20", *arguments))
            entry["here"] = {"estimatedMilliseconds": round(taken * 1e3, 2),
                             "measuredMilliseconds": round(measured["processorSeconds"] * 1e3, 2),
                             "measuredOverEstimated": round(measured["processorSeconds"] / taken, 2)}
        result["graphs"][name] = entry
    return result


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        result = estimate(options)
    except EstimateError as error:
        print(f"board_estimates.py: {error}", file=sys.stderr)
        return 1
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    if options.out:
        options.out.write_text(text)
    print("ESTIMATES on paper; nothing was measured on a board.")
    for name, entry in result["loops"].items():
        rates = ", ".join(f"{model} {rate:.2f}" for model, rate in entry["perCycle"].items())
        print(f"{name:24s} {entry['unit']} a cycle: {rates}")
    print("share of peak, gemm:", result["gemmShareOfPeak"])
    for name, entry in result["graphs"].items():
        print(f"{name}: {entry['multiplyAdds'] / 1e9:.2f} G multiply-adds", entry.get("here", ""))
        for board, taken in entry["milliseconds"].items():
            print(f"  {board}: {taken:.1f} ms, {entry['perSecond'][board]:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
