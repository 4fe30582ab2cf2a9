"""Makes one recording sound like many: other voices, rooms, microphones and noises.

`vary` works on waveforms, once, before training; `vary_mel` on batches of mel columns, anew at every step.
"""

import numpy as np
import torch
from scipy.signal import butter, fftconvolve, lfilter, resample_poly

RATE = 16_000
SPEECH = 0.07       # RMS of what `vary` returns before its gain


def vary(samples, phones, noise):
    """Returns (samples, phones) of a variant; `noise` is a NumPy generator."""
    percent = int(noise.choice([82, 86, 90, 94, 98, 100, 102, 106, 110, 115, 120]))     # speed, pitch and formants
    samples = resample_poly(samples, 100, percent)
    samples = samples / (np.sqrt(np.mean(samples**2)) + 1e-6) * SPEECH
    lead = int(noise.uniform(.1, .8) * RATE)
    samples = np.pad(samples, (lead, int(noise.uniform(.1, .6) * RATE)))
    scale = 100 / percent
    phones = [(symbol, start * scale + lead / RATE, end * scale + lead / RATE) for symbol, start, end in phones]
    clean = samples
    for chance, effect in ((.6, _equalise), (.4, _reverberate), (.25, _band_limit), (.1, _overdrive), (.7, _add_noise)):
        if noise.random() < chance:
            samples = effect(samples, noise)
    return (samples * 10 ** (noise.uniform(-6, 6) / 20)).astype(np.float32), phones, clean


def _equalise(samples, noise):
    for _ in range(2):
        centre, gain, q = np.exp(noise.uniform(np.log(120), np.log(6000))), noise.uniform(-9, 9), noise.uniform(.4, 1.5)
        a, w = 10 ** (gain / 40), 2 * np.pi * centre / RATE
        alpha = np.sin(w) / (2 * q)
        samples = lfilter([1 + alpha * a, -2 * np.cos(w), 1 - alpha * a],
                          [1 + alpha / a, -2 * np.cos(w), 1 - alpha / a], samples)
    return samples


def _reverberate(samples, noise):
    length = int(noise.uniform(.08, .5) * RATE)
    room = noise.standard_normal(length) * np.exp(-np.arange(length) * 6 / length)
    room *= noise.uniform(.1, .6) / np.sqrt((room**2).sum())
    room[0] = 1
    return fftconvolve(samples, room)[:len(samples)]


def _band_limit(samples, noise):
    low, high = noise.uniform(80, 300), noise.uniform(3200, 6500)
    return lfilter(*butter(3, [low / (RATE / 2), high / (RATE / 2)], "band"), samples)


def _overdrive(samples, _):
    return np.tanh(samples * 8) / 8


def _add_noise(samples, noise):
    hiss = noise.standard_normal(len(samples))
    if noise.random() < .7:
        hiss = lfilter([1], [1, -noise.uniform(.7, .98)], hiss)
    if noise.random() < .3:
        time = np.arange(len(samples)) / RATE
        hiss = hiss * (1 + .8 * np.sin(time * 2 * np.pi * noise.uniform(.5, 4)))
    return samples + hiss / (hiss.std() + 1e-9) * SPEECH * 10 ** (-noise.uniform(8, 45) / 20)


def vary_mel(mel, random):
    """A batch of mel columns [items, 80, columns] in -4 … 4, varied item by item; `random` is a torch generator."""
    items, bins, columns = mel.shape

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=random)

    # Another vocal tract: the mel axis is stretched about its lower end and shifted.
    at = torch.arange(bins)[None] * uniform(.92, 1.08, items, 1) + uniform(-3, 3, items, 1)
    at = at.clamp(0, bins - 1)
    low = at.floor().clamp(max=bins - 2).long()
    part = (at - low)[..., None]
    below = mel.gather(1, low[..., None].expand(-1, -1, columns))
    above = mel.gather(1, (low + 1)[..., None].expand(-1, -1, columns))
    mel = below * (1 - part) + above * part

    # Another microphone and distance: a smooth gain curve over the mel axis.
    mel = mel + _curves(uniform(-.45, .45, items, 1, 5), bins) + uniform(-.4, .4, items, 1, 1)

    # A steady noise behind it, added as amplitudes (8 units are 100 dB).
    floor = uniform(-4.5, -1.8, items, 1, 1) + _curves(uniform(-.8, .8, items, 1, 5), bins)
    floor = torch.where(torch.rand(items, 1, 1, generator=random) < .5, floor, torch.tensor(-6.))
    floor = floor + .15 * torch.randn(items, bins, columns, generator=random)
    unit = 8 / 5 / np.log(10)
    mel = torch.logaddexp(mel / unit, floor / unit) * unit + .05 * torch.randn(items, bins, columns, generator=random)

    # What is missing must be guessed from the rest.
    bin_index, column_index = torch.arange(bins)[None, :, None], torch.arange(columns)[None, None]
    first, width = uniform(0, bins, items, 1, 1), uniform(0, 12, items, 1, 1)
    hidden = (bin_index >= first) & (bin_index < first + width) & (torch.rand(items, 1, 1, generator=random) < .5)
    first, width = uniform(0, columns, items, 1, 1), uniform(0, 7, items, 1, 1)
    gap = (column_index >= first) & (column_index < first + width) & (torch.rand(items, 1, 1, generator=random) < .3)
    return mel.masked_fill(hidden | gap, -2.5).clamp(-4, 4)


def _curves(points, bins):
    """Smooth curves [items, bins, 1] through a few evenly spaced points [items, 1, count]."""
    return torch.nn.functional.interpolate(points, bins, mode="linear", align_corners=True).transpose(1, 2)
