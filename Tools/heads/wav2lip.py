#!/usr/bin/env python3
"""Builds a head of the family `gan`: the published Wav2Lip generator with seeded random weights.

The layout is that of the paper's generator (36.3 million parameters), so that speed, memory and numbers are those of
the real thing. The weights are noise: the mouth it paints is a coloured texture that changes with sound and face.
Nothing trained is needed or contained. The same seed gives the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
OPSET, IR_VERSION = 17, 8
PARAMETERS = 36_298_035                  # of the full width: convolutions' weights and biases, norms' scales and shifts
SMALL = 4                                # the narrow variant has this fraction of the channels
MEL_BINS, WINDOW, SIZE = 80, 16, 96
RECTIFIED, RESIDUAL = 0.3, 0.45          # variance of what a ReLU leaves of unit noise, and what a residual block adds
DETAIL = 0.3                             # of filters, beside their smooth part
QUIET = 0.5                              # how loud the face is beside the sound where the decoder joins them


@dataclass(frozen=True)
class Block:
    """A convolution, batch normalisation and ReLU; `residual` adds the input before the ReLU."""

    inputs: int
    outputs: int
    kernel: int = 3
    stride: tuple[int, int] = (1, 1)
    pad: int = 1
    residual: bool = False
    transposed: bool = False
    output_padding: int = 0

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs * self.kernel**2 + 3 * self.outputs


def down(inputs: int, outputs: int, stride: int | tuple[int, int]) -> Block:
    return Block(inputs, outputs, stride=stride if isinstance(stride, tuple) else (stride, stride))


def up(inputs: int, outputs: int) -> Block:
    return Block(inputs, outputs, stride=(2, 2), transposed=True, output_padding=1)


def keep(channels: int, count: int) -> list[Block]:
    return [Block(channels, channels, residual=True)] * count


@dataclass(frozen=True)
class Layout:
    """The generator as lists of blocks; after each stage of the decoder comes the face stage of the same size."""

    audio: list[Block]
    face: list[list[Block]]
    decoder: list[list[Block]]
    last: Block
    colours: int

    @staticmethod
    def of_width(fraction: int = 1) -> Layout:
        a, b, c, d, e, f, g = (n // fraction for n in (16, 32, 64, 128, 256, 384, 512))
        return Layout(
            audio=[
                Block(1, b), *keep(b, 2),
                down(b, c, (3, 1)), *keep(c, 2),
                down(c, d, 3), *keep(d, 2),
                down(d, e, (3, 2)), *keep(e, 1),
                Block(e, g, pad=0), Block(g, g, kernel=1, pad=0),
            ],
            face=[
                [Block(6, a, kernel=7, pad=3)],                                       # 96
                [down(a, b, 2), *keep(b, 2)],                                         # 48
                [down(b, c, 2), *keep(c, 3)],                                         # 24
                [down(c, d, 2), *keep(d, 2)],                                         # 12
                [down(d, e, 2), *keep(e, 2)],                                         # 6
                [down(e, g, 2), *keep(g, 1)],                                         # 3
                [Block(g, g, pad=0), Block(g, g, kernel=1, pad=0)],                   # 1
            ],
            decoder=[
                [Block(g, g, kernel=1, pad=0)],                                       # 1
                [Block(g + g, g, pad=0, transposed=True), *keep(g, 1)],               # 3
                [up(g + g, g), *keep(g, 2)],                                          # 6
                [up(g + e, f), *keep(f, 2)],                                          # 12
                [up(f + d, e), *keep(e, 2)],                                          # 24
                [up(e + c, d), *keep(d, 2)],                                          # 48
                [up(d + b, c), *keep(c, 2)],                                          # 96
            ],
            last=Block(c + a, b),
            colours=3,
        )

    def blocks(self) -> Iterator[Block]:
        yield from self.audio
        for stage in [*self.face, *self.decoder]:
            yield from stage
        yield self.last

    @property
    def parameters(self) -> int:
        return sum(block.parameters for block in self.blocks()) + (self.last.outputs + 1) * self.colours


@dataclass(frozen=True)
class Signal:
    """A value of the graph: its name, channels, and the variance expected of its elements.

    `quiet` channels, the last ones, are to have less to say than the others.
    """

    name: str
    channels: int
    power: float
    quiet: int = 0


class Builder:
    """Writes a layout down as ONNX nodes with seeded weights.

    Weights are He-initialised for the expected variance of what they see, so that activations keep about unit size
    through all layers. Every filter sums to zero, because what ReLU leaves is positive: its mean would soon drown the
    signal. Where sound and face meet, the face is turned down, or its many skips would leave nothing of the sound.
    Filters are smooth, as trained ones are, so that frames are pictures rather than noise to a JPEG encoder.
    All draws are integers and all arithmetic is elementwise, so that no machine's order of summation shows.
    """

    def __init__(self, layout: Layout, seed: int):
        self.layout = layout
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.parameters = 0

    def model(self) -> onnx.ModelProto:
        sound = Signal("audio", 1, 8.0)
        for index, block in enumerate(self.layout.audio):
            sound = self.block(block, sound, f"audio.{index}")

        picture, pictures = Signal("face", 6, 0.2), []
        for stage, blocks in enumerate(self.layout.face):
            for index, block in enumerate(blocks):
                picture = self.block(block, picture, f"face.{stage}.{index}")
            pictures.append(picture)

        painted = sound
        for stage, blocks in enumerate(self.layout.decoder):
            for index, block in enumerate(blocks):
                painted = self.block(block, painted, f"decoder.{stage}.{index}")
            painted = self.concatenate(painted, pictures.pop(), f"decoder.{stage}.joined")
        painted = self.block(self.layout.last, painted, "output.0")
        self.colours(painted)

        graph = helper.make_graph(
            self.nodes, "wav2lip",
            [image("audio", 1, MEL_BINS, WINDOW), image("face", 6, SIZE, SIZE)],
            [image("frame", self.layout.colours, SIZE, SIZE)], self.initializers,
            doc_string="Wav2Lip generator with seeded random weights (not trained).",
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="viseme",
        )

    def block(self, block: Block, source: Signal, name: str) -> Signal:
        if source.channels != block.inputs:
            raise ValueError(f"{name}: {block.inputs} channels wanted, {source.name} has {source.channels}")
        value = self.convolution(block, source, f"{name}.conv")
        value = self.normalisation(block.outputs, value, f"{name}.norm")
        power = RECTIFIED
        if block.residual:
            value = self.node("Add", [value, source.name], f"{name}.sum")
            power = source.power + RESIDUAL
        return Signal(self.node("Relu", [value], f"{name}.relu"), block.outputs, power)

    def convolution(self, block: Block, source: Signal, name: str) -> str:
        weights = self.filters(block) * source.power**-0.5
        if source.quiet:
            weights[:, -source.quiet :] *= QUIET
        kind, attributes = "Conv", {}
        if block.transposed:
            kind, attributes["output_padding"] = "ConvTranspose", [block.output_padding] * 2
            weights = weights.swapaxes(0, 1)
        bias = self.uniform(block.outputs, -0.1, 0.1)
        return self.node(
            kind, [source.name, self.learned(weights, f"{name}.weight"), self.learned(bias, f"{name}.bias")], name,
            kernel_shape=[block.kernel] * 2, strides=block.stride, pads=[block.pad] * 4, **attributes,
        )

    def normalisation(self, channels: int, source: str, name: str) -> str:
        inputs = [
            source,
            self.learned(self.uniform(channels, 0.8, 1.2), f"{name}.weight"),
            self.learned(self.uniform(channels, -0.2, 0.2), f"{name}.bias"),
            self.initializer(self.uniform(channels, -0.3, 0.3), f"{name}.mean"),
            self.initializer(self.uniform(channels, 0.7, 1.4), f"{name}.variance"),
        ]
        return self.node("BatchNormalization", inputs, name, epsilon=1e-5)

    def concatenate(self, first: Signal, second: Signal, name: str) -> Signal:
        channels = first.channels + second.channels
        power = (first.power * first.channels + QUIET**2 * second.power * second.channels) / channels
        joined = self.node("Concat", [first.name, second.name], name, axis=1)
        return Signal(joined, channels, power, quiet=second.channels)

    def colours(self, source: Signal) -> None:
        weights = self.filters(Block(source.channels, self.layout.colours, kernel=1)) * 1.3 * source.power**-0.5
        bias = self.uniform(self.layout.colours, -0.3, 0.3)
        inputs = [source.name, self.learned(weights, "output.1.weight"), self.learned(bias, "output.1.bias")]
        value = self.node("Conv", inputs, "output.1", kernel_shape=[1, 1])
        self.nodes.append(helper.make_node("Sigmoid", [value], ["frame"], name="frame"))

    # Numbers

    def filters(self, block: Block) -> np.ndarray:
        """Smooth filters with a little detail, [outputs, inputs, kernel, kernel], for inputs of unit variance."""
        window = np.array([math.comb(block.kernel - 1, tap) for tap in range(block.kernel)]) / 2 ** (block.kernel - 1)
        if block.transposed:
            window = window * 2                              # interpolates: each output is reached by a quarter
        tone = self.noise((block.outputs, block.inputs, 1, 1)) * block.inputs**-0.5
        detail = self.noise((block.outputs, block.inputs, block.kernel, block.kernel))
        detail *= DETAIL * (block.inputs * block.kernel**2) ** -0.5
        return tone * window[:, None] * window + detail

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform noise of unit variance in double precision that sums to zero for each output."""
        draws = self.random.integers(-(2**15), 2**15, shape, dtype=np.int16)
        count = draws[0].size
        sums = draws.sum(axis=(1, 2, 3), dtype=np.int64, keepdims=True) if count > 1 else 0
        return (draws - sums / count) * (3**0.5 / 2**15)

    def uniform(self, count: int, low: float, high: float) -> np.ndarray:
        return low + (high - low) * self.random.integers(0, 2**16, count) / 2**16

    # Graph

    def node(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def learned(self, value: np.ndarray, name: str) -> str:
        self.parameters += value.size
        return self.initializer(value, name)

    def initializer(self, value: np.ndarray, name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name


def image(name: str, channels: int, height: int, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, height, width])


def generator(seed: int, small: bool) -> onnx.ModelProto:
    """The checked generator; `small` has a quarter of the channels."""
    layout = Layout.of_width(SMALL if small else 1)
    builder = Builder(layout, seed)
    model = builder.model()
    if builder.parameters != layout.parameters or not (small or layout.parameters == PARAMETERS):
        raise AssertionError(f"{builder.parameters} parameters were written, {layout.parameters} are in the layout")
    onnx.checker.check_model(model, full_check=True)
    return model


README = """\
# The Wav2Lip architecture, untrained

Made by `Tools/build-wav2lip` with seed {seed}: the published generator's layout ({parameters:,} parameters{width}) with
seeded random weights. It is for measuring and for checking one runtime against another; the mouth it paints is noise.
"""


def write_bundle(dest: Path, seed: int, small: bool, default: Path) -> None:
    """Writes the whole bundle beside `dest`, then puts it in place."""
    model = generator(seed, small)
    dest.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as scratch:
        folder = Path(scratch) / "new"
        folder.mkdir()
        (folder / "generator.onnx").write_bytes(model.SerializeToString(deterministic=True))
        manifest = {
            "format": 1,
            "name": "wav2lip",
            "family": "gan",
            "title": "The Wav2Lip architecture with seeded random weights" + (", a quarter as wide" if small else ""),
            "licence": "Apache-2.0",
            "fps": 25,
            "audio": {"profile": "w2l-mel"},
            **borrowed(default, folder),
            "gan": {
                "generator": "generator.onnx",
                "audioInput": "audio", "faceInput": "face", "output": "frame",
                "window": WINDOW, "size": SIZE, "channels": "bgr", "range": [0, 1],
                "mask": "lower", "order": ["masked", "reference"],
                "pads": [0, 10, 0, 0], "smooth": 5, "batch": 16, "feather": 0.12,
            },
        }
        (folder / "head.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf8")
        layout = Layout.of_width(SMALL if small else 1)
        width = ", a quarter of the channels" if small else ""
        (folder / "README.md").write_text(README.format(seed=seed, parameters=layout.parameters, width=width))
        if dest.exists():
            os.replace(dest, Path(scratch) / "old")
        os.replace(folder, dest)


def borrowed(default: Path, folder: Path) -> dict:
    """Copies portrait, landmarks and speech of the default head, if it is there; returns their manifest keys."""
    try:
        source = json.loads((default / "head.json").read_text(encoding="utf8"))
    except FileNotFoundError:
        return {}
    keys = {}
    if "portrait" in source:
        keys["portrait"] = {
            "image": copied(default / source["portrait"]["image"], folder, "portrait"),
            "landmarks": copied(default / source["portrait"]["landmarks"], folder, "portrait.landmarks"),
        }
    if "speech" in source:
        keys["speech"] = copied(default / source["speech"], folder, "speech")
    return keys


def copied(source: Path, folder: Path, stem: str) -> str:
    name = stem + source.suffix
    shutil.copyfile(source, folder / name)
    return name


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="Tools/build-wav2lip", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  Tools/build-wav2lip\n  Tools/build-wav2lip --small --dest /tmp/wav2lip-small\n",
    )
    parser.add_argument("--dest", type=Path, default=ROOT / "Graphs" / "wav2lip", metavar="DIR",
                        help="the bundle's folder, replaced as a whole (default: Graphs/wav2lip)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default: 0)")
    parser.add_argument("--small", action="store_true", help="a quarter of the channels (9 instead of 145 MB)")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    if options.dest.exists() and not (options.dest / "head.json").exists() and any(options.dest.iterdir()):
        print(f"Tools/build-wav2lip: {options.dest} is not a head; it is left alone", file=sys.stderr)
        return 1
    try:
        write_bundle(options.dest, options.seed, options.small, ROOT / "Graphs" / "default")
    except OSError as error:
        print(f"Tools/build-wav2lip: {error}", file=sys.stderr)
        return 1
    print(f"Head: {options.dest}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
