"""Finds by how much the tracks of an audio graph run ahead of the label teacher, to choose `lead` in head.json.

The lead is what the teacher's lips have (`eval_sync.TEACHER_LEAD`) less what is printed here for a voice that neither
training nor the final figures know.

usage: measure_lead.py HEAD SPEECH.npz ...
"""

import sys

import numpy as np

import eval_audio
import host
import utterance
import visemes

ASKED = ["jaw", "close", "funnel", "stretch"]
SHIFTS = np.arange(-50, 51, 2.5)        # milliseconds


def main():
    head = host.Head(sys.argv[1])
    hop = head.audio["hop"]
    pairs = []
    for path in sys.argv[2:]:
        samples, phones = utterance.labelled(path)
        pairs.append((head.tracks(samples), eval_audio.labels(samples, phones, hop)))
    wanted = np.concatenate([label for _, label in pairs])
    best = []
    for name in ASKED:
        column, curve = visemes.ARTICULATORS.index(name), []
        for shift in SHIFTS / 1000 * host.MEL_RATE / hop:
            heard = [np.interp(np.arange(len(t)) + shift, np.arange(len(t)), t[:, column]) for t, _ in pairs]
            curve.append(np.corrcoef(np.concatenate(heard), wanted[:, column])[0, 1])
        best.append(-SHIFTS[int(np.argmax(curve))])
        print(f"{name}: {best[-1]:+.1f} ms ahead, correlation {max(curve):.3f}, {curve[len(curve) // 2]:.3f} as it is")
    print(f"mean: {np.mean(best):+.1f} ms ahead")


if __name__ == "__main__":
    main()
