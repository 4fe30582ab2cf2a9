"""Trains the audio net: mel columns -> nine articulators, 40 times a second.

The labels come from `visemes.py`. Weights are averaged over the last steps (EMA). The run is a fixed number of steps
with fixed seeds; what is kept is the end of the run, never a lucky moment of it.
"""

import argparse
import glob
import hashlib
import json
import os
import time

import numpy as np
import torch
from torch import nn

import augment
import host
import utterance
import visemes

HOP, BEFORE, AFTER = 2, 38, 13                  # columns per output, and those it looks at around column HOP · k
WINDOW = BEFORE + AFTER + 1
LEVEL = {"rms": 0.08, "active": 0.02}           # as in head.json
OUTPUTS = 48                                    # of a training item: 1.2 s
BATCH = 20
WEIGHTS = torch.tensor([1.5, 1.5, 1.2, 1.2, 1, 1.5, 1, 1, 2])[:, None]
CHANGE, CHANGE_SPAN = 1.0, 2                    # weight of the error in the change over that many outputs

VARIANTS = {"kokoro": 4, "flite": 2, "espeak": 1}       # of every utterance
HELD_OUT = 25                                           # one utterance in so many is never trained on


class Block(nn.Module):
    def __init__(self, channels, dilation, dropout=.1):
        super().__init__()
        self.dilation = dilation
        self.layers = nn.Sequential(
            nn.Conv1d(channels, channels, 3, dilation=dilation, bias=False), nn.BatchNorm1d(channels), nn.ReLU())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.layers(x) + x[:, :, self.dilation:-self.dilation])


class AudioNet(nn.Module):
    """Convolutions without padding: [N, 80, 2 T + 50] -> [N, 9, T]. Every output looks at 52 columns."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(80, channels, 4, stride=HOP, bias=False), nn.BatchNorm1d(channels), nn.ReLU(),
            *(Block(channels, dilation) for dilation in (1, 2, 4, 5)),
            nn.Conv1d(channels, channels, 1), nn.ReLU(), nn.Conv1d(channels, len(visemes.ARTICULATORS), 1))

    def forward(self, mel):
        return self.layers(mel).clamp(-.2, 1.3)


def item(samples, phones, loudness_of=None):
    """(mel columns as the graph wants them [80, 2 T + 50], labels [T, 9])."""
    mel = host.mel_columns(samples)
    outputs = -(-mel.shape[1] // HOP)
    columns = np.arange(HOP * outputs) / host.MEL_RATE
    labels = visemes.tracks(phones, columns, samples if loudness_of is None else loudness_of)
    padded = host.audio_window(mel, {"hop": HOP, "before": BEFORE, "after": AFTER})
    return padded, labels.reshape(outputs, HOP, -1).mean(1)


def training_set(paths, seed, cache):
    """All variants of all utterances end to end: mel [columns, 80], labels [columns, 9] at the same places."""
    if os.path.exists(cache):
        with np.load(cache) as data:
            return torch.tensor(data["mel"]), torch.tensor(data["labels"])
    mels, labels = [], []
    for index, path in enumerate(paths):
        samples, phones = utterance.labelled(path)
        noise = np.random.default_rng([seed, index])
        for _ in range(VARIANTS[utterance.source(path).split("-")[0]]):
            varied, times, clean = augment.vary(samples, phones, noise)
            mel, label = item(host.levelled(varied, LEVEL), times, clean)
            mels.append(mel.T[:HOP * len(label) + WINDOW - HOP].astype(np.float16))
            around = (BEFORE, WINDOW - HOP - BEFORE), (0, 0)
            labels.append(np.pad(np.repeat(label, HOP, 0), around).astype(np.float16))
    mel, label = np.concatenate(mels), np.concatenate(labels)
    np.savez(cache, mel=mel, labels=label)
    return torch.tensor(mel), torch.tensor(label)


def test_set(paths):
    return [item(host.levelled(samples, LEVEL), phones) for samples, phones in map(utterance.labelled, paths)]


def scores(net, items):
    """Correlation with the labels, articulator by articulator."""
    with torch.no_grad():
        heard = np.concatenate([net(torch.tensor(mel)[None])[0].numpy().T for mel, _ in items])
    wanted = np.concatenate([label for _, label in items])
    return {name: round(float(np.corrcoef(heard[:, i], wanted[:, i])[0, 1]), 3)
            for i, name in enumerate(visemes.ARTICULATORS)}


def train(net, mel, labels, steps, seed, report):
    random = torch.Generator().manual_seed(seed)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(.998), use_buffers=True)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=2e-3)
    offsets = torch.arange(HOP * OUTPUTS + WINDOW - HOP)
    for step in range(steps):
        rate = 2e-3 * min(1, (step + 1) / 200) * (.5 + .5 * np.cos(np.pi * step / steps)) + 1e-5
        for group in optimiser.param_groups:
            group["lr"] = rate
        starts = torch.randint(0, (len(mel) - len(offsets)) // HOP, (BATCH,), generator=random) * HOP
        at = starts[:, None] + offsets
        wanted = labels[at[:, BEFORE:BEFORE + HOP * OUTPUTS:HOP]].float().transpose(1, 2)
        heard = net(augment.vary_mel(mel[at].float().transpose(1, 2), random))
        error = (heard - wanted) * WEIGHTS
        change = error[:, :, CHANGE_SPAN:] - error[:, :, :-CHANGE_SPAN]
        loss = (error**2).mean() + CHANGE * (change**2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update_parameters(net)
        if (step + 1) % 2000 == 0:
            report(step + 1, float(loss.detach()), average.module)
    return average.module.eval()


def export(net, path):
    torch.onnx.export(
        net, (torch.zeros(1, 80, WINDOW + 8),), path, input_names=["mel"], output_names=["articulators"],
        dynamic_axes={"mel": {2: "columns"}, "articulators": {2: "outputs"}}, opset_version=17, dynamo=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", help="folder of training utterances")
    parser.add_argument("out", help="audio.onnx; OUT.json gets the scores, OUT.2000 and so on the nets on the way")
    parser.add_argument("--test", nargs="*", default=[], metavar="NAME=DIR", help="utterances never trained on")
    parser.add_argument("--steps", type=int, default=14_000)
    parser.add_argument("--channels", type=int, default=112)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", help="where to keep the prepared training set")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)

    paths = sorted(glob.glob(f"{options.speech}/*.npz"))
    held = [p for p in paths if int(hashlib.sha256(os.path.basename(p).encode()).hexdigest(), 16) % HELD_OUT == 0]
    tests = {"held-out text": test_set(held)}
    for name, folder in (pair.split("=") for pair in options.test):
        tests[name] = test_set(sorted(glob.glob(f"{folder}/*.npz")))
    trained = [path for path in paths if path not in set(held)]
    began = time.time()
    mel, labels = training_set(trained, options.seed, options.cache or options.out + ".cache.npz")
    minutes = {}
    for path in trained:
        name = utterance.source(path)
        minutes[name] = minutes.get(name, 0) + utterance.seconds_in(path) / 60
    print(f"{len(mel) / host.MEL_RATE / 3600:.2f} hours with variants, made in {time.time() - began:.0f} s", flush=True)

    def report(step, loss, net):
        net.eval()
        print(step, f"{time.time() - began:.0f} s, loss {loss:.4f}", *(
            f"{name}: " + " ".join(f"{value:.2f}" for value in scores(net, items).values())
            for name, items in tests.items()), sep="; ", flush=True)
        export(net, f"{options.out}.{step}")

    net = AudioNet(options.channels)
    began = time.time()
    final = train(net, mel, labels, options.steps, options.seed, report)
    export(final, options.out)
    result = {"minutes of speech": {name: round(value, 1) for name, value in minutes.items()},
              "hours with variants": round(len(mel) / host.MEL_RATE / 3600, 2), "steps": options.steps,
              "channels": options.channels, "parameters": sum(p.numel() for p in net.parameters()),
              "training seconds": round(time.time() - began),
              "correlation": {name: scores(final, items) for name, items in tests.items()}}
    with open(options.out + ".json", "w", encoding="utf8") as file:
        json.dump(result, file, indent=2)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
