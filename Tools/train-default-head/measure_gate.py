"""Measures how well silence can be told from speech, to choose the `gate` of head.json.

For recordings of people, clean and with white noise added: the mean opening of the gate at outputs inside phones, which
should be 1, and at those well inside pauses, which should be 0.

usage: measure_gate.py SPEECH.npz ...
"""

import sys

import numpy as np

import host
import utterance
import visemes

LEVEL = {"rms": .08, "active": .02}
HOP, FADE = 2, 5
NOISES = {"clean": None, "noise 30 dB below": 30, "noise 20 dB below": 20}
THRESHOLDS, HOLDS = (-2.8, -2.6, -2.4, -2.2, -2.0), (4, 6, 8, 10)
MARGIN = 8                  # outputs around a phone that are not well inside a pause


def with_noise(samples, below, seed):
    """Samples with noise so many decibels below their active part."""
    if below is None:
        return samples
    active = samples[np.abs(samples) > LEVEL["active"] * np.abs(samples).max()]
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return samples + noise * np.sqrt(np.mean(active**2)) * 10 ** (-below / 20)


def spoken_and_paused(phones, outputs):
    """Masks of the outputs inside phones, and of those well inside pauses."""
    time, spoken = (HOP * np.arange(outputs) + (HOP - 1) / 2) / host.MEL_RATE, np.zeros(outputs, bool)
    for symbol, start, end in phones:
        if visemes.plain(symbol):
            spoken |= (time >= start) & (time < end)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(spoken, MARGIN, mode="edge"), 2 * MARGIN + 1)
    return spoken, ~around.any(1)


def main():
    clips = [utterance.labelled(path) for path in sys.argv[1:]]
    for name, below in NOISES.items():
        mels = [host.mel_columns(host.levelled(with_noise(samples, below, index), LEVEL))
                for index, (samples, _) in enumerate(clips)]
        for threshold in THRESHOLDS:
            for hold in HOLDS:
                audio = {"hop": HOP, "gate": {"threshold": threshold, "hold": hold, "fade": FADE}}
                inside, outside = [], []
                for mel, (_, phones) in zip(mels, clips):
                    gate = host.gate_of(mel, audio)
                    spoken, paused = spoken_and_paused(phones, len(gate))
                    inside.append(gate[spoken])
                    outside.append(gate[paused])
                inside, outside = np.concatenate(inside), np.concatenate(outside)
                print(f"{name}, threshold {threshold}, hold {hold}: in speech {inside.mean():.3f} of {len(inside)}, "
                      f"in pauses {outside.mean():.3f} of {len(outside)}")


if __name__ == "__main__":
    main()
