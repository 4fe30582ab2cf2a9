"""One labelled utterance on disk: 16 kHz mono samples and the phones spoken in it, with their times."""

import os

import numpy as np

RATE = 16_000

# Seconds by which each source's phone times are late, measured by measure_offset.py.
OFFSETS = {"espeak": .028, "kokoro": .063, "piper": .006,
           "flite-awb": .009, "flite-kal16": .006, "flite-rms": .011, "flite-slt": .006}


def save(path, samples, phones):
    """Writes float samples (-1 … 1) and phones [(IPA symbol, start s, end s)] to `path` (.npz)."""
    audio = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    symbols = np.array([symbol for symbol, _, _ in phones])
    times = np.array([[start, end] for _, start, end in phones], np.float32).reshape(-1, 2)
    partial = path + ".partial.npz"
    np.savez(partial, audio=audio, symbols=symbols, times=times)
    os.replace(partial, path)


def load(path):
    """Returns (float samples, phones as in `save`)."""
    with np.load(path) as data:
        samples = data["audio"].astype(np.float32) / 32768
        phones = [(str(s), float(a), float(b)) for s, (a, b) in zip(data["symbols"], data["times"])]
    return samples, phones


def seconds_in(path):
    """The length of a saved utterance."""
    with np.load(path) as data:
        return len(data["audio"]) / RATE


def join_marks(symbols, ends, blanks=""):
    """Turns a synthesiser's tokens into phones [(symbol, start, end)].

    A stress mark is spoken as the beginning of the sound that follows it, and so is a blank of `blanks`; a length
    mark is the end of the sound before it. Giving a mark's time to the wrong side ruins the labels.
    """
    phones, held = [], None
    for symbol, start, end in zip(symbols, [0.0, *ends[:-1]], ends):
        if symbol in "ˈˌ" or symbol in blanks:
            held = start if held is None else held
        elif symbol in "ː̃" and phones:
            phones[-1][2] = end
        else:
            phones.append([symbol, start if held is None else held, end])
            held = None
    return [tuple(phone) for phone in phones]


def source(path):
    return os.path.basename(path).split("_")[0]


def labelled(path):
    """(samples, phones on the clock of the sound) of an utterance on disk."""
    samples, phones = load(path)
    late = OFFSETS.get(source(path), 0)
    return samples, [(symbol, max(start - late, 0), max(end - late, 0)) for symbol, start, end in phones]
