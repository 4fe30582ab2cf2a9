"""Correlates what an audio graph hears with the label teacher, articulator by articulator.

usage: eval_audio.py HEAD NAME=DIR ...      (DIR holds labelled utterances; prints JSON)
"""

import glob
import json
import sys

import numpy as np

import host
import utterance
import visemes


def labels(samples, phones, hop):
    """The teacher at the moments the outputs of an audio graph describe, [outputs, articulators]."""
    outputs = -(-(1 + len(samples) // 200) // hop)
    columns = np.arange(hop * outputs) / host.MEL_RATE
    return visemes.tracks(phones, columns, samples).reshape(outputs, hop, -1).mean(1)


def scores(head, paths):
    heard, wanted = [], []
    for path in paths:
        samples, phones = utterance.labelled(path)
        heard.append(head.tracks(samples))
        wanted.append(labels(samples, phones, head.audio["hop"]))
    heard, wanted = np.concatenate(heard), np.concatenate(wanted)
    return {name: round(float(np.corrcoef(heard[:, i], wanted[:, i])[0, 1]), 3)
            for i, name in enumerate(visemes.ARTICULATORS)}


def main():
    head = host.Head(sys.argv[1])
    result = {}
    for pair in sys.argv[2:]:
        name, folder = pair.split("=")
        paths = sorted(glob.glob(f"{folder}/*.npz"))
        result[name] = {"seconds": round(sum(map(utterance.seconds_in, paths)), 1), **scores(head, paths)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
