"""The host side of a `gan` head, as Graphs/README.md describes it: speech + portrait -> frames.

An independent reference of that contract; it needs NumPy and ONNX Runtime. What both families share (sound, files,
sessions) comes from the reference of the `warp` family. Images are [height, width, 3] in RGB unless said otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import host

MASK_FROM = 0.5          # rows from here down are hidden from the generator


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def face_edges(landmarks: np.ndarray, pads: Sequence[float], width: int, height: int) -> np.ndarray:
    """Left, top, right, bottom of the landmarks, widened by `pads` (top, bottom, left, right), inside the picture."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    top, bottom, left, right = pads
    return np.array([max(low[0] - left, 0), max(low[1] - top, 0),
                     min(high[0] + right, width), min(high[1] + bottom, height)])


def smoothed(edges: np.ndarray, count: int) -> np.ndarray:
    """Each row becomes the mean of `count` rows from it on; the last rows share the last full window."""
    last = max(len(edges) - count, 0)
    return np.array([edges[min(i, last):min(i, last) + count].mean(0) for i in range(len(edges))])


def resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Linear resampling with pixel centres at halves and repeated borders; shrinking does not blur."""
    for axis, size in ((0, height), (1, width)):
        length = image.shape[axis]
        position = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.minimum(position.astype(int), max(length - 2, 0))
        part = (position - low).reshape([-1 if each == axis else 1 for each in range(image.ndim)])
        high = np.minimum(low + 1, length - 1)
        image = image.take(low, axis) * (1 - part) + image.take(high, axis) * part
    return image


def soft_rectangle(width: int, height: int, feather: float) -> np.ndarray:
    """[height, width, 1]: 1 inside; rises over `feather` of each side from the edge."""
    def ramp(size: int) -> np.ndarray:
        if feather == 0:
            return np.ones(size)
        inwards = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size))
        return np.minimum(inwards / (feather * size), 1)

    return (ramp(height)[:, None] * ramp(width)[None])[..., None]


def back_and_forth(index: int, count: int) -> int:
    """Which of `count` portrait frames frame `index` shows: forwards, then backwards, and so on."""
    turn, step = divmod(index, count)
    return step if turn % 2 == 0 else count - 1 - step


def window_start(index: int, fps: float, columns: int, window: int) -> int:
    return max(min(math.floor(host.MEL_RATE * index / fps), columns - window), 0)


@dataclass(frozen=True)
class Portrait:
    """One frame of the portrait: the picture (bytes), where its face is, and what the generator sees of it."""

    picture: np.ndarray
    box: Box
    face: np.ndarray                  # [6, size, size]
    mask: np.ndarray


class Head:
    """A head bundle of family `gan`."""

    def __init__(self, folder: Path):
        self.manifest = json.loads((folder / "head.json").read_text(encoding="utf8"))
        if self.manifest["format"] != 1 or self.manifest["family"] != "gan":
            raise ValueError(f"{folder} is not a gan head of format 1")
        self.gan = self.manifest["gan"]
        self.generator = host.session(str(folder / self.gan["generator"]))

    # Portrait

    def portraits(self, pictures: Sequence[np.ndarray], landmarks: Sequence[np.ndarray]) -> list[Portrait]:
        edges = np.array([face_edges(points, self.gan["pads"], picture.shape[1], picture.shape[0])
                          for picture, points in zip(pictures, landmarks)])
        return [self.portrait(picture, Box(*(int(edge) for edge in mean)))
                for picture, mean in zip(pictures, smoothed(edges, self.gan["smooth"]))]

    def portrait(self, picture: np.ndarray, box: Box) -> Portrait:
        size, (low, high) = self.gan["size"], self.gan["range"]
        crop = self.resize(picture[box.slices].astype(np.float64), size, size) / 255 * (high - low) + low
        if self.gan["channels"] == "bgr":
            crop = crop[..., ::-1]
        crop = crop.transpose(2, 0, 1)
        hidden = crop.copy()
        hidden[:, int(size * MASK_FROM):] = 0
        parts = {"masked": hidden, "reference": crop}
        face = np.concatenate([parts[name] for name in self.gan["order"]]).astype(np.float32)
        return Portrait(picture, box, face, soft_rectangle(box.width, box.height, self.gan["feather"]))

    # Frames

    def windows(self, samples: np.ndarray, frames: int, fps: float) -> np.ndarray:
        """What each frame hears, [frames, 1, bins, window]."""
        mel = host.mel_columns(host.levelled(samples, self.manifest["audio"].get("level")))
        window = self.gan["window"]
        if mel.shape[1] < window:
            mel = np.pad(mel, ((0, 0), (window - mel.shape[1], 0)), constant_values=host.SILENCE)
        starts = [window_start(index, fps, mel.shape[1], window) for index in range(frames)]
        return np.stack([mel[None, :, start:start + window] for start in starts])

    def frames(self, samples: np.ndarray, portraits: Sequence[Portrait], fps: float, count: int) -> Iterator[np.ndarray]:
        """Yields frames as bytes [height, width, 3]."""
        windows, gan = self.windows(samples, count, fps), self.gan
        for first in range(0, count, gan["batch"]):
            batch = range(first, min(first + gan["batch"], count))
            shown = [portraits[back_and_forth(index, len(portraits))] for index in batch]
            given = {gan["audioInput"]: windows[batch.start:batch.stop],
                     gan["faceInput"]: np.stack([portrait.face for portrait in shown])}
            for portrait, painted in zip(shown, self.generator.run([gan["output"]], given)[0]):
                yield self.paste(portrait, painted)

    def paste(self, portrait: Portrait, painted: np.ndarray) -> np.ndarray:
        low, high = self.gan["range"]
        image = (painted.transpose(1, 2, 0).astype(np.float64) - low) / (high - low) * 255
        if self.gan["channels"] == "bgr":
            image = image[..., ::-1]
        image = self.resize(image, portrait.box.width, portrait.box.height)
        result = portrait.picture.copy()
        under = result[portrait.box.slices].astype(np.float64)
        blended = under + portrait.mask * (image - under)
        result[portrait.box.slices] = np.clip(np.round(blended), 0, 255).astype(np.uint8)
        return result

    resize = staticmethod(resized)
