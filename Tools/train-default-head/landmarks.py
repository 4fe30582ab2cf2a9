"""Portrait -> 468 landmarks, with the two nets that `Tools/get-face-models` makes (not part of this repository).

usage: landmarks.py FACE_DIR PICTURE OUT.landmarks.json
"""

import sys

import numpy as np

import host

DETECT_SIDE, LANDMARK_SIDE = 128, 192


def anchors():
    """Centres of the detector's 896 boxes, in 0 … 1."""
    return np.array([((x + 0.5) / cells, (y + 0.5) / cells)
                     for cells, boxes in ((16, 2), (8, 6)) for y in range(cells) for x in range(cells)
                     for _ in range(boxes)])


class View:
    """How a net of `side` pixels sees pictures of one shape [height, width, …] through the map `to_net`."""

    def __init__(self, to_net, side, shape):
        self.to_net, self.side = to_net, side
        points = to_net.inverse().apply(host.grid(side, side))
        height, width = shape[:2]
        margin = 4 + 2 / to_net.scale
        left, top = np.clip(np.floor(points.min(0) - margin).astype(int), 0, [width - 1, height - 1])
        right, bottom = np.clip(np.ceil(points.max(0) + margin).astype(int), 1, [width, height])
        self.box = slice(top, bottom), slice(left, right)
        self.pixels = (bottom - top) * (right - left)
        self.sampler = host.Sampler(points - [left, top], bottom - top, right - left)

    def read(self, picture):
        """The picture (bytes) for the net, [1, 3, side, side] in 0 … 1."""
        source = picture[self.box].astype(np.float32) / 255
        if self.to_net.scale < 1:
            source = host.gaussian(source, host.shrinking_sigma(self.to_net.scale))
        return self.sampler.read(source).clip(0, 1).T.reshape(1, 3, self.side, self.side)


class Region:
    """A turned square of the picture in which to look for landmarks."""

    def __init__(self, centre, side, angle):
        self.centre, self.side, self.angle = np.asarray(centre), side, angle

    def map(self):
        """From the picture to the landmark net's input."""
        scale = LANDMARK_SIDE / self.side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        matrix = np.array([[cos, sin], [-sin, cos]])
        return host.Affine(matrix, LANDMARK_SIDE / 2 - matrix @ self.centre)

    @staticmethod
    def around(points):
        """Around landmarks [468, 3], level with the eyes, half as large again."""
        across = points[263, :2] - points[33, :2]
        angle = float(np.arctan2(across[1], across[0]))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = points[:, :2] @ turn
        low, high = turned.min(0), turned.max(0)
        return Region(turn @ ((low + high) / 2), 1.5 * float((high - low).max()), angle)


class FaceNets:
    def __init__(self, folder):
        self.detector = host.session(f"{folder}/detect.onnx")
        self.net = host.session(f"{folder}/landmark.onnx")

    def detect(self, picture):
        """Returns (region of the clearest face, score)."""
        height, width = picture.shape[:2]
        scale = DETECT_SIDE / max(height, width)
        to_net = host.Affine(np.eye(2) * scale, (DETECT_SIDE - np.array([width, height]) * scale) / 2)
        image = View(to_net, DETECT_SIDE, picture.shape).read(picture) * 2 - 1
        outputs = self.detector.run(None, {self.detector.get_inputs()[0].name: image.astype(np.float32)})
        boxes, scores = sorted(outputs, key=lambda output: -output.shape[-1])
        best = int(scores[0, :, 0].argmax())
        values = boxes[0, best].reshape(-1, 2) / DETECT_SIDE          # centre, size, then key points
        points = to_net.inverse().apply((anchors()[best] + values[[0, 2, 3]]) * DETECT_SIDE)
        across = points[2] - points[1]
        side = 1.5 * values[1].max() * max(height, width)
        return Region(points[0], side, float(np.arctan2(across[1], across[0]))), 1 / (1 + np.exp(-scores[0, best, 0]))

    def look(self, view, picture):
        """Points [468, 3], in pixels of the picture, of the face in a view."""
        image = view.read(picture).astype(np.float32)
        outputs = self.net.run(None, {self.net.get_inputs()[0].name: image})
        raw = max(outputs, key=lambda output: output.size).reshape(468, 3).astype(np.float64)
        return np.column_stack([view.to_net.inverse().apply(raw[:, :2]), raw[:, 2] / view.to_net.scale])

    def landmarks(self, picture, region, passes=2):
        """Points as `look`; each pass looks around what the one before found."""
        for _ in range(passes):
            points = self.look(View(region.map(), LANDMARK_SIDE, picture.shape), picture)
            region = Region.around(points)
        return points

    def find(self, picture):
        region, score = self.detect(picture)
        if score < 0.5:
            raise ValueError(f"no face found (score {score:.2f})")
        return self.landmarks(picture, region)


def save(path, points, width, height):
    """Writes the `.landmarks.json` that belongs beside a portrait."""
    rows = ",\n".join(f"    [{x:.3f}, {y:.3f}, {z:.3f}]" for x, y, z in points)
    with open(path, "w", encoding="utf8") as file:
        file.write(f'{{\n  "width": {width},\n  "height": {height},\n  "points": [\n{rows}\n  ]\n}}\n')


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    nets, picture = FaceNets(sys.argv[1]), host.read_picture(sys.argv[2])
    points = nets.find(picture)
    save(sys.argv[3], points, picture.shape[1], picture.shape[0])


if __name__ == "__main__":
    main()
