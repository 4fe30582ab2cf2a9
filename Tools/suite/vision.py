"""Blocks of the operators that torchvision adds: computed by their formulas, exported as torchvision's are.

torchvision itself is not needed: its compiled part has to match the build of PyTorch.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from .blocks import Block, block, rand


def bilinear(image: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Values of an image [c, h, w] at points of any shape, zero outside: [c, …]."""
    h, w = image.shape[1:]
    top, left = y.floor(), x.floor()
    total = torch.zeros(image.shape[0], *y.shape)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        weight = (1 - (y - row).abs()) * (1 - (x - column).abs())
        inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
        total = total + image[:, row.clamp(0, h - 1).long(), column.clamp(0, w - 1).long()] * torch.where(inside, weight, 0.0)
    return total


@torch.library.custom_op("suite::roi_align", mutates_args=())
def roi_align(x: torch.Tensor, boxes: torch.Tensor, images: torch.Tensor, size: int, scale: float, samples: int) -> torch.Tensor:
    results = []
    h, w = x.shape[2:]
    for box, image in zip(boxes * scale - 0.5, images, strict=True):
        steps = (torch.arange(size * samples) + 0.5) / samples / size
        column, row = box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1])
        y, points = torch.meshgrid(row, column, indexing="ij")
        outside = (y < -1) | (y > h) | (points < -1) | (points > w)
        values = bilinear(x[image], y.clamp(0, h - 1), points.clamp(0, w - 1))
        values = torch.where(outside, 0.0, values).reshape(-1, size, samples, size, samples)
        results.append(values.mean((2, 4)))
    return torch.stack(results)


@roi_align.register_fake
def _(x, boxes, images, size, scale, samples):
    return x.new_empty(boxes.shape[0], x.shape[1], size, size)


@torch.library.custom_op("suite::deform_convolution", mutates_args=())
def deform_convolution(x: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One group of offsets, stride 1, padding as wide as half the kernel."""
    b, c, h, w = x.shape
    k = weight.shape[2]
    rows, columns = torch.meshgrid(torch.arange(h).float(), torch.arange(w).float(), indexing="ij")
    results = []
    for image in range(b):
        total = torch.zeros(weight.shape[0], h, w)
        for tap in range(k * k):
            y = rows + tap // k - k // 2 + offset[image, 2 * tap]
            column = columns + tap % k - k // 2 + offset[image, 2 * tap + 1]
            values = bilinear(x[image], y, column) * mask[image, tap]
            total = total + torch.einsum("oc,chw->ohw", weight[:, :, tap // k, tap % k], values)
        results.append(total)
    return torch.stack(results)


@deform_convolution.register_fake
def _(x, weight, offset, mask):
    return x.new_empty(x.shape[0], weight.shape[0], *x.shape[2:])


@torch.library.custom_op("suite::suppress", mutates_args=())
def suppress(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> torch.Tensor:
    """The boxes that no better one covers, best first."""
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        a = boxes[index]
        covered = False
        for other in kept:
            b = boxes[other]
            side = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])
            common = side.clamp(min=0).prod()
            covered |= bool(common > overlap * ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common))
        if not covered:
            kept.append(index)
    return torch.tensor(kept)


@suppress.register_fake
def _(boxes, scores, overlap):
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def translations(opset: int) -> dict:
    """What the newer exporter writes for them."""
    import onnxscript

    op = getattr(onnxscript, f"opset{min(opset, 23)}")

    def as_roi_align(x, boxes, images, size: int, scale: float, samples: int):
        return op.RoiAlign(x, boxes, images, coordinate_transformation_mode="half_pixel", output_height=size, output_width=size,
                           spatial_scale=scale, sampling_ratio=samples)

    def as_deform_convolution(x, weight, offset, mask):
        return op.DeformConv(x, weight, offset, None, mask, pads=[1, 1, 1, 1], kernel_shape=[3, 3])

    def as_suppress(boxes, scores, overlap: float):
        axes = op.Constant(value_ints=[0])
        rows = op.NonMaxSuppression(op.Unsqueeze(boxes, axes), op.Unsqueeze(op.Unsqueeze(scores, axes), axes),
                                    op.Constant(value_ints=[1 << 40]), op.Constant(value_floats=[overlap]))
        return op.Squeeze(op.Slice(rows, op.Constant(value_ints=[2]), op.Constant(value_ints=[3]), op.Constant(value_ints=[1])),
                          op.Constant(value_ints=[1]))

    table = {torch.ops.suite.roi_align.default: as_roi_align, torch.ops.suite.suppress.default: as_suppress}
    if opset >= 19:
        table[torch.ops.suite.deform_convolution.default] = as_deform_convolution
    return table


class Vision(nn.Module):
    """A network with the operators of this file."""

    translations = staticmethod(translations)


class Regions(Vision):
    def forward(self, x, boxes):
        return roi_align(x, boxes, torch.tensor([0, 0, 1]), 3, 0.5, 2)


@block
def regions() -> Block:
    boxes = torch.tensor([[1.0, 2.0, 9.0, 11.0], [0.0, 0.0, 15.0, 15.0], [4.0, 3.0, 7.5, 14.0]])
    return Regions(), (rand(2, 3, 8, 8), boxes)


class Deformable(Vision):
    def __init__(self) -> None:
        super().__init__()
        self.offset, self.weight = nn.Conv2d(4, 18, 3, padding=1), nn.Parameter(rand(6, 4, 3, 3) / math.sqrt(36))
        self.mask = nn.Conv2d(4, 9, 3, padding=1)

    def forward(self, x):
        return deform_convolution(x, self.weight, self.offset(x), torch.sigmoid(self.mask(x)))


@block
def deformable_convolution() -> Block:
    return Deformable(), (rand(2, 4, 7, 9),)


class Boxes(Vision):
    def forward(self, corners, scores):
        boxes = torch.cat([corners, corners + 0.4], 1)
        return boxes[suppress(boxes, scores, 0.3)]


@block
def suppressed_boxes() -> Block:
    return Boxes(), (torch.rand(20, 2), torch.rand(20))
