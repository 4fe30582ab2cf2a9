#!/usr/bin/env python3
"""Renders a head with ONNX Runtime and NumPy: the reference of what `viseme talk` must show.

Without --fast every step follows Graphs/README.md literally, in double precision. With --fast OpenCV does the
resampling and the JPEG files, as a Python program in production would (then frames differ a little, by OpenCV's
fixed-point arithmetic); that is what the benchmark times.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "train-default-head")]

import gan  # noqa: E402
import host  # noqa: E402


class Talk:
    """Frames of one head, portrait and speech; what is not given comes with the head."""

    def __init__(self, head: Path, portrait: Path | None = None, landmarks: Path | None = None,
                 speech: Path | None = None, fps: float | None = None, seed: int = 0, duration: float | None = None,
                 fast: bool = False):
        self.manifest = json.loads((head / "head.json").read_text(encoding="utf8"))
        self.fps = fps or self.manifest["fps"]
        self.samples = host.read_speech(str(speech or head / self.manifest["speech"]))
        if duration is not None:                    # what comes later is not heard, not even by the level
            self.samples = self.samples[:round(duration * host.SAMPLE_RATE)]
        self.count = max(1, math.ceil(len(self.samples) * self.fps / host.SAMPLE_RATE))
        own = self.manifest.get("portrait", {})
        picture = portrait or head / own["image"]
        points = landmarks or picture.parent / f"{picture.stem}.landmarks.json"
        self.pictures = [host.read_picture(str(picture))]
        self.landmarks = [host.read_landmarks(str(points))]
        self.head, self.seed, self.fast = head, seed, fast

    def frames(self) -> Iterator[np.ndarray]:
        """Yields frames as bytes [height, width, 3], RGB."""
        yield from {"warp": self.warp_frames, "gan": self.gan_frames}[self.manifest["family"]]()

    def warp_frames(self) -> Iterator[np.ndarray]:
        head = host.Head(str(self.head))
        kind = fast_portrait() if self.fast else host.Portrait
        portrait = kind(head, self.pictures[0], self.landmarks[0])
        for control in head.controls(self.samples, self.fps, self.seed)[:self.count]:
            yield head.frame(portrait, control)

    def gan_frames(self) -> Iterator[np.ndarray]:
        head = (fast_gan() if self.fast else gan.Head)(self.head)
        portraits = head.portraits(self.pictures, self.landmarks)
        yield from head.frames(self.samples, portraits, self.fps, self.count)


def opencv():
    """OpenCV on one thread, like the sessions here."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def fast_portrait() -> type:
    """The portrait of a warp head with OpenCV's resampling instead of NumPy's."""
    cv2 = opencv()

    class FastPortrait(host.Portrait):
        def _plan_paste(self, feather):
            super()._plan_paste(feather)
            offset = self.map.matrix @ [self.left, self.top] + self.map.offset
            self.to_crop = np.column_stack([self.map.matrix, offset])
            self.size = (self.right - self.left, self.bottom - self.top)
            self.soft = self.mask.reshape(self.size[1], self.size[0], 1).astype(np.float32)
            self.under = self.picture[self.top:self.bottom, self.left:self.right].astype(np.float32)
            self.whole = self.picture.astype(np.uint8)

        def paste(self, frame):
            crop = np.ascontiguousarray(frame[0].transpose(1, 2, 0)) * np.float32(255)
            if self.map.scale > 1:
                crop = cv2.GaussianBlur(crop, (0, 0), host.shrinking_sigma(1 / self.map.scale))
            box = cv2.warpAffine(crop, self.to_crop, self.size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                                 borderMode=cv2.BORDER_REPLICATE)
            result = self.whole.copy()
            blended = self.under + self.soft * (box - self.under)
            result[self.top:self.bottom, self.left:self.right] = np.clip(np.rint(blended), 0, 255)
            return result

    return FastPortrait


def fast_gan() -> type:
    """The gan head with OpenCV's resizing instead of NumPy's."""
    cv2 = opencv()

    class FastHead(gan.Head):
        @staticmethod
        def resize(image, width, height):
            return cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)

    return FastHead


def write_jpeg(path: Path, frame: np.ndarray, quality: int, fast: bool) -> None:
    """Writes a frame whole or not at all."""
    new = path.with_suffix(".new")
    if fast:
        import cv2

        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        new.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), flags)[1].tobytes())
    else:
        from PIL import Image

        Image.fromarray(frame).save(new, "JPEG", quality=quality, subsampling=0)
    os.replace(new, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ort_talk.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  ort_talk.py --head Graphs/default -o /tmp/reference --duration 2\n",
    )
    parser.add_argument("--head", type=Path, required=True, metavar="DIR")
    parser.add_argument("--portrait", type=Path, metavar="FILE", help="default: the head's own")
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="default: NAME.landmarks.json beside it")
    parser.add_argument("--speech", type=Path, metavar="FILE", help="default: the head's own")
    parser.add_argument("--fps", type=float, help="default: the head's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="of speech to use at most")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEG files (default: 90)")
    parser.add_argument("--fast", action="store_true", help="OpenCV instead of NumPy (needs opencv-python-headless)")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        talk = Talk(options.head, options.portrait, options.landmarks, options.speech, options.fps, options.seed,
                    options.duration, options.fast)
        options.out.mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(talk.frames(), 1):
            write_jpeg(options.out / f"frame_{index:06d}.jpg", frame, options.quality, options.fast)
    except (OSError, ValueError, KeyError) as error:
        print(f"ort_talk.py: {error}", file=sys.stderr)
        return 1
    print(f"{talk.count} frames in {options.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
