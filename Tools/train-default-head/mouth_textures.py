"""Teeth, tongue and cavity, drawn: what is seen between the lips.

Textures are premultiplied RGBA over x = -HALF_WIDTH … HALF_WIDTH and y = -0.5 … 0.5, in widths of the mouth.
"""

import numpy as np

HALF_WIDTH = .75
CAVITY = np.array([.16, .055, .05])         # colour of the back of the mouth
REFERENCE = np.array([.74, .58, .50])       # the lower face in the light these colours were chosen for
ROWS, OVERSAMPLING = 64, 6
STRENGTH = [1., .9, .85]                    # upper teeth, lower teeth, tongue

# Half-widths of the teeth from the middle outwards, where their edges and necks are, and their colour.
UPPER = dict(widths=[.092, .076, .078, .066, .06, .05], edges=[.088, .076, .082, .062, .044, .026], neck=-.20,
             colour=[.95, .90, .83], rounding=.012)
LOWER = dict(widths=[.058, .062, .068, .064, .06, .05], edges=[-.030, -.028, -.028, -.018, -.004, .010], neck=.22,
             colour=[.84, .785, .71], rounding=-.010)


def _teeth(x, y, widths, edges, neck, colour, rounding):
    opacity, rgb = np.zeros_like(x), np.zeros((3, *x.shape))
    bounds = np.concatenate([[0], np.cumsum(widths)])
    side = 1 if neck < 0 else -1                                # of the edge on which the tooth lies
    for mirror in (-1, 1):
        for first, last, edge in zip(bounds, bounds[1:], edges):
            centre, half = (first + last) / 2, (last - first) / 2
            r = np.abs(mirror * x - centre) / half
            end = edge - rounding * r**4
            tooth = (np.clip((1.04 - r) * half * 300, 0, 1) * np.clip(side * (end - y) * 180, 0, 1)
                     * np.clip(side * (y - neck) * 60, 0, 1))
            height = np.abs(y - edge) / abs(edge - neck)
            shade = (1 - .10 * r**2 - .16 * r**10) * (1 - .62 * (centre / bounds[-1]) ** 1.6)
            shade = shade * (.80 + .25 * np.clip(height * 2.2, 0, 1)) * (1 - .35 * np.clip(height - .45, 0, 1))
            opacity = np.maximum(opacity, tooth)
            rgb = np.where(tooth > .02, np.array(colour)[:, None, None] * shade, rgb)
    return rgb, opacity


def _tongue(x, y):
    r = (x / .34) ** 2 + ((y - .06) / .15) ** 2
    shade = (.62 + .38 * np.clip(1 - r, 0, 1)) * (1 - .12 * np.exp(-(x / .02) ** 2))
    return np.array([.70, .36, .36])[:, None, None] * shade, np.clip((1 - r) * 6, 0, 1)


def all():
    """Upper teeth, lower teeth, tongue: [3, 4, ROWS, 2 ROWS]."""
    height, width = ROWS * OVERSAMPLING, 2 * ROWS * OVERSAMPLING
    y, x = (np.mgrid[:height, :width] + .5) / [[[height]], [[width]]]
    x, y = (x * 2 - 1) * HALF_WIDTH, y - .5
    layers = []
    for strength, (rgb, opacity) in zip(STRENGTH, (_teeth(x, y, **UPPER), _teeth(x, y, **LOWER), _tongue(x, y))):
        full = np.concatenate([rgb * opacity * strength, opacity[None]])
        layers.append(full.reshape(4, ROWS, OVERSAMPLING, 2 * ROWS, OVERSAMPLING).mean((2, 4)))
    return np.stack(layers).astype(np.float32)
