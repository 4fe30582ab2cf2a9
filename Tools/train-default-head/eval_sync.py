"""Measures lip sync where it is seen: in the frames.

The mouth opening is read from every frame with a landmark net and compared with that of frames drawn from the label
teacher (`visemes.py` on the utterance's phones, through the same control, renderer and portrait). Frames are drawn by
the reference host, or were written by any other runtime.

usage:
    eval_sync.py --head DIR --face DIR --speech DIR [--portrait P --landmarks L] [--frames DIR] [-o RESULT.json]
    eval_sync.py --speech DIR --write-wav DIR       writes NAME.wav for another runtime to speak

DIR of --speech holds labelled utterances NAME.npz; DIR of --frames holds folders NAME of frame_000001.jpg … (or .png).
"""

import argparse
import glob
import json
import os
import wave

import numpy as np
from scipy.sparse import csr_matrix

import eval_audio
import host
import landmarks
import utterance
import visemes

CLOSED = .008               # opening, in heights of the face, under which lips count as closed
SLACK = .03                 # seconds around a bilabial in which its closure may be seen
LAGS = range(-3, 4)         # frames
TEACHER_LEAD = .03          # seconds: lips lead the sound a little; a head's own `lead` also makes up for its net


class Matrix:
    """A `host.Sampler` as a sparse matrix: the same numbers, faster when an image is read again and again."""

    def __init__(self, sampler, pixels):
        rows = np.repeat(np.arange(len(sampler.indices)), 16)
        entries = (sampler.weights.ravel(), (rows, sampler.indices.ravel()))
        self.matrix = csr_matrix(entries, (len(sampler.indices), pixels), dtype=np.float32)

    def read(self, image):
        return self.matrix @ image.astype(np.float32).reshape(-1, image.shape[-1])


class Ruler:
    """Measures mouth openings in frames of one portrait."""

    def __init__(self, face_nets, points, shape):
        self.nets = face_nets
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        region = landmarks.Region((low + high) / 2, 1.5 * float((high - low).max()), 0.)
        self.view = landmarks.View(region.map(), landmarks.LANDMARK_SIDE, shape)
        self.view.sampler = Matrix(self.view.sampler, self.view.pixels)

    def opening(self, frame):
        """Distance of the inner lips in heights of the face."""
        found = self.nets.look(self.view, frame)[:, :2]
        return np.linalg.norm(found[13] - found[14]) / np.linalg.norm(found[10] - found[152])


def teacher_controls(head, samples, phones, seed):
    """Control rows as `Head.controls`, with the labels in the place of what the net heard."""
    hop, fps = head.audio["hop"], head.manifest["fps"]
    frames = max(1, int(np.ceil(len(samples) * fps / host.SAMPLE_RATE)))
    warp = {**head.warp, "lead": TEACHER_LEAD}
    return host.controls(eval_audio.labels(samples, phones, hop), frames, fps, seed, warp, hop)


def frames_on_disk(folder):
    for path in sorted(glob.glob(f"{folder}/frame_*")):
        yield host.read_picture(path)


def bilabials(phones, fps, frames):
    """First and last frame in which each p, b or m may be seen closed."""
    for symbol, start, end in phones:
        first, last = int((start - SLACK) * fps), int((end + SLACK) * fps) + 1
        if visemes.plain(symbol) in ("p", "b", "m") and first >= 0 and last < frames:
            yield first, last


def closures(opening, spans):
    """(closed, of how many, closed if the same spans were anywhere)."""
    hits = sum(opening[first:last + 1].min() < CLOSED for first, last in spans)
    chance = 0.
    for first, last in spans:
        length = last - first + 1
        anywhere = np.lib.stride_tricks.sliding_window_view(opening, length).min(1) < CLOSED
        chance += anywhere.mean()
    return np.array([hits, len(spans), chance])


def compare(measured, wanted, spans):
    """The figures of all clips: lists of openings, and of bilabial spans."""
    everything, teacher = np.concatenate(measured), np.concatenate(wanted)
    by_lag = {lag: float(np.mean([np.corrcoef(np.roll(m, -lag)[4:-4], w[4:-4])[0, 1]
                                  for m, w in zip(measured, wanted)])) for lag in LAGS}
    closed, count, chance = sum(closures(m, s) for m, s in zip(measured, spans))
    teacher_closed = sum(closures(w, s) for w, s in zip(wanted, spans))[0]
    return {
        "frames": len(everything),
        "correlation over all frames": round(float(np.corrcoef(everything, teacher)[0, 1]), 3),
        "mean correlation of clips by lag in frames (positive: the picture trails)":
            {str(lag): round(value, 3) for lag, value in by_lag.items()},
        "best lag in frames": max(by_lag, key=by_lag.get),
        "swing relative to the teacher": round(float(everything.std() / teacher.std()), 3),
        "bilabials closed": int(closed), "bilabials": int(count),
        "bilabials closed by chance": round(float(chance), 1), "bilabials closed by the teacher": int(teacher_closed),
    }


def write_wavs(paths, folder):
    os.makedirs(folder, exist_ok=True)
    for path in paths:
        with np.load(path) as data, wave.open(f"{folder}/{os.path.basename(path)[:-4]}.wav", "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(utterance.RATE)
            file.writeframes(data["audio"].astype("<i2").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head")
    parser.add_argument("--face", help="folder of detect.onnx and landmark.onnx")
    parser.add_argument("--speech", required=True)
    parser.add_argument("--portrait")
    parser.add_argument("--landmarks")
    parser.add_argument("--frames")
    parser.add_argument("--write-wav")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out")
    options = parser.parse_args()
    paths = sorted(glob.glob(f"{options.speech}/*.npz"))
    if options.write_wav:
        return write_wavs(paths, options.write_wav)

    head = host.Head(options.head)
    own = head.manifest.get("portrait", {})
    points = host.read_landmarks(options.landmarks or f"{head.folder}/{own['landmarks']}")
    picture = host.read_picture(options.portrait or f"{head.folder}/{own['image']}")
    portrait, ruler = host.Portrait(head, picture, points), Ruler(
        landmarks.FaceNets(options.face), points, picture.shape)
    portrait.sampler = Matrix(portrait.sampler, portrait.side**2)
    measured, wanted, spans = [], [], []
    for path in paths:
        samples, phones = utterance.labelled(path)
        name = os.path.basename(path)[:-4]
        frames = (frames_on_disk(f"{options.frames}/{name}") if options.frames else
                  (head.frame(portrait, row) for row in head.controls(samples, seed=options.seed)))
        measured.append(np.array([ruler.opening(frame) for frame in frames]))
        rows = teacher_controls(head, samples, phones, options.seed)
        wanted.append(np.array([ruler.opening(head.frame(portrait, row)) for row in rows]))
        if len(measured[-1]) != len(rows):
            raise SystemExit(f"{name}: {len(measured[-1])} frames, but {len(rows)} were expected")
        spans.append(list(bilabials(phones, head.manifest["fps"], len(rows))))
        print(f"{name}: {len(rows)} frames, r = {np.corrcoef(measured[-1], wanted[-1])[0, 1]:.3f}", flush=True)
    result = compare(measured, wanted, spans)
    print(json.dumps(result, indent=2))
    if options.out:
        with open(options.out, "w", encoding="utf8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
