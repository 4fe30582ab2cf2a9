#!/usr/bin/env python3
"""Writes the golden vectors of the mel profiles: sounds, and the columns an independent reference makes of them.

The reference is written from the profile's definition in Graphs/README.md with NumPy, in double precision: an explicit
discrete Fourier transform as a matrix product, no code shared with the program. When librosa is installed its filter
bank and transform are compared with ours first.

    Tools/golden/make_mel_golden.py        writes Tests/MediaTests/Golden/mel-*.f32 and mel.json
"""

import json
import math
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "MediaTests" / "Golden"
RATE, LENGTH, HOP, BANDS, LOW, HIGH = 16_000, 800, 200, 80, 55.0, 7_600.0


def mel_of(hertz):
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def hertz_of(mel):
    return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def filter_bank():
    """[80, 401]"""
    points = [hertz_of(m) for m in np.linspace(mel_of(LOW), mel_of(HIGH), BANDS + 2)]
    bank = np.zeros((BANDS, LENGTH // 2 + 1))
    for band, (left, centre, right) in enumerate(zip(points, points[1:], points[2:])):
        for bin in range(LENGTH // 2 + 1):
            hertz = bin * RATE / LENGTH
            if left < hertz <= centre:
                bank[band, bin] = (hertz - left) / (centre - left)
            elif centre < hertz < right:
                bank[band, bin] = (right - hertz) / (right - centre)
        bank[band] *= 2 / (right - left)
    return bank


def columns(samples):
    """samples -> [1 + len // 200, 80]"""
    x = np.asarray(samples, np.float32).astype(np.float64)
    y = x.copy()
    y[1:] -= 0.97 * x[:-1]
    padded = np.pad(y, LENGTH // 2, mode="reflect") if len(y) > 1 else np.full(LENGTH, y[0])
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH))
    k, n = np.arange(LENGTH // 2 + 1), np.arange(LENGTH)
    matrix = np.exp(-2j * np.pi * (np.outer(n, k) % LENGTH) / LENGTH) * hann[:, None]
    count = 1 + len(x) // HOP
    magnitude = np.abs(np.stack([padded[HOP * j:HOP * j + LENGTH] for j in range(count)]) @ matrix)
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude @ filter_bank().T)) - 20
    return np.clip(8 * (decibels + 100) / 100 - 4, -4, 4).astype(np.float32)


def sounds():
    random = np.random.default_rng(20_250_101)
    time = np.arange(RATE) / RATE
    sweep = np.sin(2 * np.pi * (60 * time + 3_700 * time**2)) * 0.7
    syllables = random.standard_normal(RATE) * 0.2 * np.maximum(0, np.sin(2 * np.pi * 4 * time)) ** 2
    yield "sweep", sweep[:8_000]
    yield "syllables", (syllables + 0.1 * np.sin(2 * np.pi * 220 * time))[:7_999]
    yield "loud", np.clip(2 * np.sin(2 * np.pi * 997 * time[:3_201]), -1, 1)
    yield "silence", np.zeros(1_000)
    yield "faint", random.standard_normal(1_600) * 1e-5
    for count in (1, 2, 3, 150, 199, 200, 201, 399, 400, 401, 402, 599, 600, 601, 801):
        yield f"short-{count}", random.standard_normal(count) * 0.3


def check_with_librosa():
    try:
        import librosa
    except ImportError:
        print("librosa is not installed: its comparison is skipped")
        return
    theirs = librosa.filters.mel(sr=RATE, n_fft=LENGTH, n_mels=BANDS, fmin=LOW, fmax=HIGH)
    print("filter bank, largest difference to librosa:", np.abs(theirs - filter_bank()).max())


def main():
    check_with_librosa()
    OUT.mkdir(parents=True, exist_ok=True)
    index, samples, values = [], [], []
    for name, sound in sounds():
        sound = np.asarray(sound, np.float32)
        result = columns(sound)
        index.append({"name": name, "samples": len(sound), "columns": len(result)})
        samples.append(sound)
        values.append(result.ravel())
    np.concatenate(samples).astype("<f4").tofile(OUT / "mel-samples.f32")
    np.concatenate(values).astype("<f4").tofile(OUT / "mel-columns.f32")
    (OUT / "mel.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
