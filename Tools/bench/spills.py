#!/usr/bin/env python3
"""Disassembles the compiled kernels and fails where an innermost loop of a micro-kernel keeps vectors on the stack.

A micro-kernel holds its sums in registers; when the compiler runs out of them it stores vectors to the stack and loads
them again in every step, and the kernel runs at half its speed and still gives the right results. So loops with at least
--least multiply-adds are searched for loads and stores of vector registers relative to the stack or frame pointer. Build
first: swift build -c release --product KernelCheck.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The transforms of `winograd` keep tiles on the stack on purpose.
FAMILIES = ("gemm", "depthwise", "integer")

LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*(?:#.*|<.*)?$")
HEAD = re.compile(r"^[0-9a-f]+ <(.+)>:$")
TARGET = re.compile(r"(?:0x)?([0-9a-f]+)$")
PRODUCT = re.compile(r"vfn?m(add|sub)\d|vpdp|vpmaddwd|^fml[as]$|^fmla$|[su]dot|[su]?mmla")
JUMP = re.compile(r"^(j[a-z]+|b\.\w+|cbn?z|tbn?z|b)$")
# Without frame pointers %rbp points to data: only what lies below it is a place on the stack.
STACK = re.compile(r"\(%rsp[,)]|-\w+\(%rbp\)|\[(?:sp|x29)[,\]]")
VECTOR = re.compile(r"%[xyz]mm\d|(?<![a-z])[qv]\d+")


def functions(file: Path):
    """Names and instructions (address, operation, operands) of an object file."""
    text = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", file], capture_output=True, text=True, check=True)
    name, body = None, []
    for line in text.stdout.splitlines():
        if head := HEAD.match(line):
            if name:
                yield name, body
            name, body = head[1], []
        elif found := LINE.match(line):
            body.append((int(found[1], 16), found[2], found[3]))
    if name:
        yield name, body


def innermost_loops(body):
    """Runs of instructions that end with a jump to their start and hold no other such run."""
    place = {address: index for index, (address, _, _) in enumerate(body)}
    loops = []
    for index, (address, operation, operands) in enumerate(body):
        if not JUMP.match(operation):
            continue
        target = TARGET.search(operands.split(",")[-1].strip())
        start = place.get(int(target[1], 16)) if target else None
        if start is not None and start <= index:
            loops.append((start, index))
    for start, end in loops:
        if not any((a, b) != (start, end) and start <= a and b <= end for a, b in loops):
            yield body[start : end + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=Path, default=ROOT / ".build" / "release" / "CKernels.build",
                        help="folder of object files (default: %(default)s)")
    parser.add_argument("--families", default=",".join(FAMILIES), help="folders of kernels (default: %(default)s)")
    parser.add_argument("--least", type=int, default=4, help="multiply-adds of a loop that counts (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="list the loops that are in order as well")
    options = parser.parse_args()
    count, spilled = 0, []
    for family in options.families.split(","):
        files = sorted((options.objects / family).glob("*.o"))
        if not files:
            sys.exit(f"{options.objects / family} holds no object files; swift build -c release --product KernelCheck")
        for file in files:
            for name, body in functions(file):
                for loop in innermost_loops(body):
                    products = sum(bool(PRODUCT.search(operation)) for _, operation, _ in loop)
                    if products < options.least:
                        continue
                    count += 1
                    moves = [row for row in loop if STACK.search(row[2]) and VECTOR.search(row[2])]
                    line = f"{family}/{file.stem} {name}+{loop[0][0] - body[0][0]:#x}: {products} multiply-adds"
                    if moves:
                        spilled.append(f"{line}, {len(moves)} vectors on the stack, such as {moves[0][1]} {moves[0][2]}")
                    elif options.verbose:
                        print(line)
    for line in spilled:
        print(line)
    print(f"{count} loops of micro-kernels, {len(spilled)} with vectors on the stack")
    if count == 0:
        sys.exit("no loop was found: the disassembly was not understood")
    if spilled:
        sys.exit(1)


if __name__ == "__main__":
    main()
