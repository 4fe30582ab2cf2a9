"""Measures how loud mel columns are in speech, pauses and noise, to choose the `gate` of head.json.

Column means are compared inside and outside the phones of labelled utterances, clean and with noise added after the
level was set, as a host would hear it. Printed: quantiles, and how much is kept and shut at a few thresholds.

usage: measure_gate.py SPEECH.npz ...
"""

import sys

import numpy as np

import host
import utterance
import visemes

LEVEL = {"rms": .08, "active": .02}
NOISES = {"clean": None, "noise 30 dB below": 30, "noise 20 dB below": 20, "noise 10 dB below": 10}
THRESHOLDS = (-3.2, -3.0, -2.8, -2.6, -2.4, -2.2, -2.0, -1.8)
MARGIN = 8                  # columns from a border between speech and pause that count as neither


def column_means(samples, phones):
    """Mean mel values of columns well inside speech, and well inside pauses."""
    mel = host.mel_columns(host.levelled(samples, LEVEL)).mean(0)
    time, spoken = np.arange(len(mel)) / host.MEL_RATE, np.zeros(len(mel), bool)
    for symbol, start, end in phones:
        if visemes.plain(symbol):
            spoken |= (time >= start) & (time < end)
    padded = np.pad(spoken, MARGIN, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * MARGIN + 1)
    return mel[spoken], mel[~around.any(1)]


def main():
    clips = [utterance.labelled(path) for path in sys.argv[1:]]
    for name, below in NOISES.items():
        speech, pause = [], []
        for index, (samples, phones) in enumerate(clips):
            active = samples[np.abs(samples) > .02 * np.abs(samples).max()]
            if below is not None:
                noise = np.random.default_rng(index).standard_normal(len(samples))
                samples = samples + noise * np.sqrt(np.mean(active**2)) * 10 ** (-below / 20)
            for into, values in zip((speech, pause), column_means(samples, phones)):
                into.append(values)
        speech, pause = np.concatenate(speech), np.concatenate(pause)
        print(f"{name}: {len(speech)} columns of speech, {len(pause)} of pause")
        for label, values in (("speech", speech), ("pause", pause)):
            print(f"  {label}: quantiles 1, 5, 50, 95 %:", np.round(np.quantile(values, (.01, .05, .5, .95)), 2))
        print("  threshold: speech kept, pause shut:", *(
            f"{t}: {np.mean(speech > t):.3f}, {np.mean(pause <= t):.3f};" for t in THRESHOLDS))


if __name__ == "__main__":
    main()
