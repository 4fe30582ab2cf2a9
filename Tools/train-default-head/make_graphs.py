"""Writes prep.onnx (landmarks -> dense fields, once per portrait) and render.onnx (one frame).

Nothing in them is learned: the motion basis comes from make_basis.py, teeth and tongue are drawn here.
Units are pixels of a 256 x 256 crop; dense fields live on a grid of GRID x GRID nodes over the crop.

usage: make_graphs.py BASIS.npz OUT_DIR
"""

import sys

import numpy as np

import facemesh
import mouth_textures
from graph import Graph

CROP = 256
GRID = 96
UNITS = ["jaw", "funnel", "pucker", "stretch", "tuck", "upper", "lower", "press",
         "gap", "blink", "brow", "yaw", "pitch"]
FROM_BASIS = 8                                  # of them: the first eight are measured on a 3D face
CONTROL = ["jaw", "close", "funnel", "pucker", "stretch", "tuck", "upper", "lower", "tongue",
           "blink", "brow", "yaw", "pitch"]
CHANNELS = 3                                    # of a field: x, y, shade

# unit: what drives it, how much, and how much a closed mouth and a tucked lip hold it back
DRIVES = {
    "jaw": ("jaw", .58, .9, .5), "funnel": ("funnel", .8, 1, 0), "pucker": ("pucker", .85, .5, 0),
    "stretch": ("stretch", .8, .6, 0), "tuck": ("tuck", .9, 0, 0), "upper": ("upper", .6, 1, 0),
    "lower": ("lower", .7, 1, 0), "press": ("close", .55, 0, 0), "gap": ("close", 1, 0, 0),
    "blink": ("blink", 1, 0, 0), "brow": ("brow", 1, 0, 0), "yaw": ("yaw", 1, 0, 0), "pitch": ("pitch", 1, 0, 0),
}

# Rows of the crop, in sixteenths: the lower layer starts at MIDDLE, the upper one ends at LOW.
MIDDLE, LOW = 8, 13
# Columns in which the inside of the mouth can be seen.
LEFT, RIGHT = 4, 12

# The inversion: Newton steps (in y) on the grid of half the nodes, then plain ones on all of them.
COARSE_STEPS, FINE_STEPS = 4, (1, 0)             # the upper layer has eyelids
SLOPES = (-.7, 3.)                              # of the vertical displacement, bounded for Newton's steps

REACH = 1.45                # the face oval, grown so much, does not move
PARALLAX = .15              # pixels sideways per pixel of depth, at yaw or pitch 1
SHADED_FROM, SHADED_FULLY = 112, 140            # rows over which shading sets in


def node_positions():
    """Centres of the grid's nodes in crop pixels, [GRID², 2]."""
    y, x = np.mgrid[:GRID, :GRID]
    return (np.stack([x, y], -1).reshape(-1, 2) + .5) * (CROP / GRID) - .5


def head_axes(points):
    """Columns: right, down, forward of a head, and its width; of landmarks as a NumPy array."""
    across = points[facemesh.SIDES[1]] - points[facemesh.SIDES[0]]
    down = points[facemesh.CHIN] - points[facemesh.FOREHEAD]
    width = np.linalg.norm(across)
    right = across / width
    down = down - (down @ right) * right
    down /= np.linalg.norm(down)
    return np.stack([right, down, np.cross(right, down)], 1), width


def layer_masks(neutral):
    """Which landmarks each layer follows, [2, 468]: the upper layer knows nothing of the lower lip, and vice versa.

    A layer also ignores the skin on the far side of the mouth, so that its field stays invertible inside the opening.
    """
    upper, lower = np.ones(468), np.ones(468)
    upper[np.ravel(facemesh.LOWER_LIP)] = 0
    lower[np.ravel(facemesh.UPPER_LIP)] = 0
    corners = neutral[list(facemesh.CORNERS), 0]
    middle = np.abs(neutral[:, 0] - corners.mean()) < .95 * abs(corners[1] - corners[0]) / 2
    y = neutral[:, 1]
    upper[middle & (y > y[facemesh.LOWER_OUTER] - 1)] = 0
    lower[middle & (y < y[facemesh.UPPER_OUTER] + 1) & (y > y[facemesh.UNDER_NOSE] - 2)] = 0
    return np.stack([upper, lower])


def gap_matrix():
    """Moves facing lip rows together: the displacement as a linear map of the landmarks."""
    matrix = np.zeros((468, 468))
    inner_upper, inner_lower = facemesh.UPPER_LIP[3], facemesh.LOWER_LIP[3]
    for row, share in enumerate((.6, .78, .92, 1)):
        for a, b, top, bottom in zip(facemesh.UPPER_LIP[row], facemesh.LOWER_LIP[row], inner_upper, inner_lower):
            matrix[a, bottom] += .4 * share
            matrix[a, top] -= .4 * share
            matrix[b, top] += .6 * share
            matrix[b, bottom] -= .6 * share
    return matrix


def blink_matrix():
    """Moves the upper lid down to the lower one, and the crease after it."""
    matrix = np.zeros((468, 468))
    for upper, lower, crease in facemesh.LIDS:
        for u, l, c in zip(upper, lower, crease):
            for point, towards, share in ((u, l, .88), (l, u, .1)):
                matrix[point, towards] += share
                matrix[point, point] -= share
            matrix[c, l] += .42
            matrix[c, u] -= .42
    return matrix


def smoothing_matrix():
    """A running mean of three along an axis of the grid, ends repeated."""
    matrix = np.zeros((GRID, GRID))
    for node in range(GRID):
        for near in (node - 1, node, node + 1):
            matrix[node, np.clip(near, 0, GRID - 1)] += 1 / 3
    return matrix


def border_points():
    """Points around the crop, which do not move."""
    t = np.arange(12) / 12
    zero, one = 0 * t, 1 + 0 * t
    sides = [np.stack(side, 1) for side in ((t, zero), (one, t), (1 - t, one), (zero, 1 - t))]
    return np.concatenate(sides) * 300 - 22


def write_prep(basis, path):
    g = Graph("prep")
    neutral = basis["neutral"]
    axes, width = head_axes(neutral)
    motion = (basis["motion"] @ axes / width).transpose(1, 0, 2).reshape(-1, 3)        # [8 · 468, 3]
    landmarks = g.input("landmarks", [468, 3])
    points = landmarks.take([0, 1], axis=1)

    # Displacement of every landmark by every unit, [468, 13, 2].
    across = landmarks.take([facemesh.SIDES[1]]) - landmarks.take([facemesh.SIDES[0]])
    size = (across * across).sum(1).sqrt()
    right = across / size
    down = landmarks.take([facemesh.CHIN]) - landmarks.take([facemesh.FOREHEAD])
    down = down - (down * right).sum(1) * right
    down = down / (down * down).sum(1).sqrt()
    forward = (right.take([1, 2, 0], 1) * down.take([2, 0, 1], 1) - right.take([2, 0, 1], 1) * down.take([1, 2, 0], 1))
    turn = g.concat([right, down, forward], 0).take([0, 1], axis=1)                     # [3, 2]
    measured = ((g.value(motion) @ turn) * size).reshape(FROM_BASIS, 468, 2)

    def linear_unit(matrix):
        used = np.flatnonzero(np.abs(matrix).sum(0))
        return g.value(matrix[:, used]) @ points.take(list(used))

    raised = np.zeros((468, 2))
    raised[facemesh.BROWS, 1] = -.035
    depth = landmarks.take([2], axis=1)
    shift = (depth - depth.mean(0)) * -PARALLAX
    still = shift * 0.0
    units = [linear_unit(gap_matrix()), linear_unit(blink_matrix()), g.value(raised) * size,
             g.concat([shift, still], 1), g.concat([still, shift], 1)]
    moved = g.concat([measured, *(unit.reshape(1, 468, 2) for unit in units)], 0)      # [13, 468, 2]

    # Shading of every landmark by every unit, only in the lower face.
    shading = np.zeros((len(UNITS), 468, 1))
    shading[:FROM_BASIS, :, 0] = basis["shade"].T
    y = points.take([1], axis=1)
    ramp = ((y - float(SHADED_FROM)) * (1 / (SHADED_FULLY - SHADED_FROM))).clip(0., 1.)
    moved = g.concat([moved, g.value(shading) * ramp], 2)                               # [13, 468, 3]

    # Spread over the grid by inverse distance; the grown oval and the border stay where they are.
    middle = points.mean(0)
    ring = middle + (points.take(facemesh.OVAL) - middle) * REACH
    sites = g.concat([points, ring, g.value(border_points())], 0)
    fixed = np.zeros((len(UNITS), len(facemesh.OVAL) + len(border_points()), CHANNELS))
    values = g.concat([moved, g.value(fixed)], 1).transpose(1, 0, 2).reshape(-1, len(UNITS) * CHANNELS)
    nodes = node_positions()
    squared = g.value((nodes**2).sum(1, keepdims=True)) + (sites * sites).sum(1).transpose(1, 0)
    near = 1.0 / ((squared - 2.0 * (g.value(nodes) @ sites.transpose(1, 0))).clip(0.) + 2.0)
    near = near * near
    smooth = smoothing_matrix()
    layers = []
    for mask in layer_masks(neutral):
        weight = near * np.concatenate([mask, np.ones(fixed.shape[1])])
        spread = (weight @ values) / weight.sum(1)                                      # [GRID², 13 · 3]
        spread = spread.transpose(1, 0).reshape(len(UNITS), CHANNELS, GRID, GRID)
        layers.append(g.value(smooth) @ spread @ smooth.T)
    fields = g.concat([layer.reshape(len(UNITS), 1, CHANNELS * GRID * GRID) for layer in layers], 1)
    size_of_fields = 2 * CHANNELS * GRID * GRID
    g.output(fields.reshape(len(UNITS), size_of_fields), "fields", [len(UNITS), size_of_fields])

    # How far every node is below the upper lip, above the lower lip, and inside an already open mouth.
    x, y = g.value(nodes[:, :1]), g.value(nodes[:, 1:])

    def lip(row):
        """y of a piecewise linear curve through landmarks at every node's x."""
        through = points.take([facemesh.INNER_CORNERS[0], *row, facemesh.INNER_CORNERS[1]])
        count = len(row) + 2
        start, end = through.slice(0, 0, count - 1), through.slice(0, 1, count)
        run = (end.take([0], 1) - start.take([0], 1)).clip(.2).transpose(1, 0)
        rise = (end.take([1], 1) - start.take([1], 1)).transpose(1, 0)
        done = g.minimum((x - start.take([0], 1).transpose(1, 0)).clip(0.), run)        # [GRID², 10]
        return (done * (rise / run)).sum(1) + through.take([0]).take([1], 1)

    upper, lower = lip(facemesh.UPPER_LIP[3]), lip(facemesh.LOWER_LIP[3])
    left, right_end = (points.take([corner]).take([0], 1) for corner in facemesh.INNER_CORNERS)
    outside = (left - x).clip(0.) + (x - right_end).clip(0.)
    hole = g.minimum(y - upper, lower - y) - 2.0 * outside
    maps = g.concat([upper - y, y - lower + 2.0 * outside, hole], 1).transpose(1, 0).reshape(1, 3, GRID, GRID)
    g.output(maps, "maps", [1, 3, GRID, GRID])

    # Middle x, upper and lower inner lip y, width of the mouth, drop of the lower lip when the jaw is open.
    top, bottom = points.take([facemesh.UPPER_INNER]), points.take([facemesh.LOWER_INNER])
    drop = measured.take([0]).take([facemesh.LOWER_INNER], 1).reshape(1, 2).take([1], 1) * .9
    mouth = g.concat([top, bottom.take([1], 1), right_end - left, drop], 1)
    g.output(mouth, "mouth", [1, 5])
    g.save(path)


def write_render(path):
    g = Graph("render")
    image = g.input("image", [1, 3, "side", "side"])
    fields = g.input("fields", [len(UNITS), 2 * CHANNELS * GRID * GRID])
    maps = g.input("maps", [1, 3, GRID, GRID])
    mouth = g.input("mouth", [1, 5])
    control = g.input("control", [1, len(CONTROL)])

    side = g.node("Shape", image).slice(0, 3, 4)

    def sixteenths(count):
        return side * g.integers(count) / g.integers(16)

    def sizes(batch, channels, rows, columns):
        return g.concat([g.integers([batch, channels]), sixteenths(rows), sixteenths(columns)], 0)

    # Control -> weights of the units.
    source, close, tuck = (np.zeros((len(CONTROL), len(UNITS))) for _ in range(3))
    for index, unit in enumerate(UNITS):
        driver, gain, held_by_close, held_by_tuck = DRIVES[unit]
        source[CONTROL.index(driver), index] = gain
        close[CONTROL.index("close"), index] = held_by_close
        tuck[CONTROL.index("tuck"), index] = held_by_tuck
    weights = (control @ source) * (1.0 - control @ close) * (1.0 - control @ tuck)     # [1, 13]

    # Where each layer's pixels come from: the inverse of the displacement.
    forward = (weights @ fields).reshape(2, CHANNELS, GRID, GRID)
    centres = (2 * np.arange(GRID) + 1) / GRID - 1
    base = np.stack(np.meshgrid(centres, centres), -1)[None]                            # [1, GRID, GRID, 2]

    half = GRID // 2
    coarse_base = base.reshape(1, half, 2, half, 2, 2).mean((2, 4))

    def layer(index, first, last):
        """[1, 4, rows, GRID]: source x, y, distance to the lip, shade, for rows first … last of the grid."""
        both = forward.take([index])
        motion = both.slice(1, 0, 2) * (2 / CROP)
        coarse = motion.resize(g.integers([1, 2, half, half]))
        down = coarse.slice(1, 1, 2)
        padded = g.node("Pad", down, g.integers([0, 0, 1, 0, 0, 0, 1, 0]), mode="edge")
        slope = (padded.slice(2, 2, half + 2) - padded.slice(2, 0, half)) * (half / 4)
        step = g.concat([down * 0.0 + 1.0, 1.0 / (slope.clip(*SLOPES) + 1.0)], 1)
        known = g.concat([coarse, step], 1)
        here = coarse_base[:, first // 2:last // 2].transpose(0, 3, 1, 2)
        place = here - coarse.slice(2, first // 2, last // 2)
        for _ in range(COARSE_STEPS):
            there = known.sample(place.transpose(0, 2, 3, 1))
            place = place - (place + there.slice(1, 0, 2) - here) * there.slice(1, 2, 4)
        offset = (place - here).resize(g.integers([1, 2, last - first, GRID]))
        here = base[:, first:last].transpose(0, 3, 1, 2)
        for _ in range(FINE_STEPS[index]):
            offset = -motion.sample((here + offset).transpose(0, 2, 3, 1))
        place = here + offset
        rest = g.concat([maps.take([index], 1), both.slice(1, 2, 3)], 1).sample(place.transpose(0, 2, 3, 1))
        return g.concat([place, rest], 1)

    def drawn(coarse, rows):
        """Colour [1, 3, rows, side], lip distance and shade [1, 1, rows, side] of a layer."""
        fine = coarse.resize(sizes(1, 4, rows, 16))
        colour = image.sample(fine.slice(1, 0, 2).transpose(0, 2, 3, 1))
        return colour, fine.slice(1, 2, 3), fine.slice(1, 3, 4)

    per_sixteenth = GRID // 16
    above, above_lip, above_shade = drawn(layer(0, 0, LOW * per_sixteenth), LOW)
    below, below_lip, below_shade = drawn(layer(1, MIDDLE * per_sixteenth, GRID), 16 - MIDDLE)
    below = below * (below_shade + 1.0)
    strip = LOW - MIDDLE                                                                # where both are seen
    upper = above.slice(2, sixteenths(MIDDLE), sixteenths(LOW))
    upper_lip = above_lip.slice(2, sixteenths(MIDDLE), sixteenths(LOW))
    upper = upper * (above_shade.slice(2, sixteenths(MIDDLE), sixteenths(LOW)) + 1.0)
    lower, lower_lip = (value.slice(2, 0, sixteenths(strip)) for value in (below, below_lip))

    # Inside of the mouth, in a window of the strip.
    def window(value):
        return value.slice(3, sixteenths(LEFT), sixteenths(RIGHT))

    rows = slice(MIDDLE * per_sixteenth, LOW * per_sixteenth)
    columns = slice(LEFT * per_sixteenth, RIGHT * per_sixteenth)
    pixels = (base[:, rows, columns].transpose(0, 3, 1, 2) + 1) * (CROP / 2) - .5        # [1, 2, 30, 48]
    middle, top, bottom, width, drop = mouth.split(5, axis=1)
    opened = weights.slice(1, 0, 1) * drop
    funnel, pucker, tongue = (control.take([CONTROL.index(name)], 1) for name in ("funnel", "pucker", "tongue"))
    across = (g.value(pixels[:, :1]) - middle) / width
    narrowed = across * ((pucker * .25 + funnel * .15 + 1.0) * (1 / mouth_textures.HALF_WIDTH))
    heights = [top + width * .012, bottom + opened - width * .010,
               bottom + opened * (tongue * -.5 + .85) - width * (tongue * .05 + .03)]
    places = [g.concat([narrowed, (g.value(pixels[:, 1:]) - height) * (2.0 / width)], 1) for height in heights]
    edge = (across * 2.0).clip(-1., 1.)
    edge = edge * edge
    vignette = 1.0 - edge * edge * .7
    already = maps.slice(1, 2, 3).slice(2, rows.start, rows.stop).slice(3, columns.start, columns.stop)
    fine = g.concat([*places, vignette, already], 1).resize(sizes(1, 8, strip, RIGHT - LEFT))
    grids = g.node("Reshape", fine.slice(1, 0, 6), g.concat([g.integers([3, 2]), sixteenths(strip),
                                                             sixteenths(RIGHT - LEFT)], 0)).transpose(0, 2, 3, 1)
    textures = g.value(mouth_textures.all()).sample(grids, "zeros")                    # [3, 4, rows, columns]
    inside = g.value(mouth_textures.CAVITY.reshape(1, 3, 1, 1))
    for index in (2, 1, 0):                                                             # tongue, lower, upper teeth
        part = textures.take([index])
        inside = inside * (1.0 - part.slice(1, 3, 4)) + part.slice(1, 0, 3)

    # The light of the portrait, shadows of the lips, and teeth that the portrait already shows.
    light = image.slice(2, sixteenths(8), sixteenths(14)).slice(3, sixteenths(5), sixteenths(11)).mean(2, 3)
    light = (light / mouth_textures.REFERENCE.reshape(1, 3, 1, 1)).clip(.2, 1.25).sqrt()
    shadow = g.minimum(window(upper_lip) * (-10.0 / width), window(lower_lip) * (-1 / .06 / width) + .45).clip(0., 1.)
    inside = inside * light * (shadow * .45 + .55) * fine.slice(1, 6, 7)
    seen = ((fine.slice(1, 7, 8) - 1.6) * 2.2).sigmoid()
    own = window(image.slice(2, sixteenths(MIDDLE), sixteenths(LOW))) * (shadow * .25 + .75)
    inside = inside + (own - inside) * seen
    pads = g.concat([g.integers([0, 0, 0]), sixteenths(LEFT), g.integers([0, 0, 0]), sixteenths(16 - RIGHT)], 0)
    inside = g.node("Pad", inside, pads)

    # Upper lip over lower lip over the inside.
    lower = inside + (lower - inside) * ((lower_lip + .7) * 1.8).sigmoid()
    mixed = lower + (upper - lower) * ((upper_lip + .7) * 1.8).sigmoid()
    frame = g.concat([above.slice(2, 0, sixteenths(MIDDLE)), mixed,
                      below.slice(2, sixteenths(strip), sixteenths(16 - MIDDLE))], 2)
    g.output(frame, "frame", [1, 3, "side", "side"])
    g.save(path)


def main():
    with np.load(sys.argv[1]) as data:
        basis = dict(data)
    write_prep(basis, f"{sys.argv[2]}/prep.onnx")
    write_render(f"{sys.argv[2]}/render.onnx")


if __name__ == "__main__":
    main()
