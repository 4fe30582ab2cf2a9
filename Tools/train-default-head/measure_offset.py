"""Finds the constant offset of each source's phone times.

Vowels are loud and stops are not: the lag at which +1 for a vowel and -1 for a stop correlate best with the loudness
of the sound is how far the source's times are off. `train_audio.py` subtracts what was found (OFFSETS there).

usage: measure_offset.py SPEECH.npz ...     (grouped by the name before the first '_')
"""

import collections
import sys

import numpy as np

import host
import utterance
import visemes

STOPS = set("pbtdkɡg")
LAGS = range(-14, 15)       # columns of 12.5 ms
AT_MOST = 60                # utterances of a source


def correlations(path):
    """Correlation of labels and loudness at every lag."""
    samples, phones = utterance.load(path)
    mel = host.mel_columns(samples / (np.sqrt(np.mean(samples**2)) + 1e-6) * 0.07)
    loudness, label = mel[5:60].mean(0), np.zeros(mel.shape[1])
    time = np.arange(mel.shape[1]) / host.MEL_RATE
    for symbol, start, end in phones:
        first = visemes.plain(symbol)[:1]
        value = 1 if first in visemes.VOWELS else -1 if first in STOPS else 0
        label[(time >= start) & (time < end)] += value
    return [np.corrcoef(loudness[15:-15], np.roll(label, lag)[15:-15])[0, 1] for lag in LAGS]


def main():
    groups = collections.defaultdict(list)
    for path in sys.argv[1:]:
        groups[path.split("/")[-1].split("_")[0]].append(path)
    for name, paths in groups.items():
        mean = np.nanmean([correlations(path) for path in paths[:AT_MOST]], 0)
        best = int(np.clip(mean.argmax(), 1, len(mean) - 2))
        left, top, right = mean[best - 1:best + 2]
        lag = LAGS[best] + 0.5 * (left - right) / (left - 2 * top + right)
        print(f"{name}: times are {-lag / host.MEL_RATE * 1000:+.0f} ms off; correlation {top:.3f}, "
              f"{mean[LAGS.index(0)]:.3f} as they are; {len(paths[:AT_MOST])} utterances")


if __name__ == "__main__":
    main()
