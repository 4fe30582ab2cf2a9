"""Measures how face units move and shade the 468 FaceMesh landmarks, on MakeHuman's average head.

Three steps, because the landmarks come from a package that wants an environment of its own:

    make_basis.py picture ASSETS PICTURE.png         draws the head with parted lips
    make_basis.py find PICTURE.png POINTS.npy        finds the landmarks (needs mediapipe 0.10.21)
    make_basis.py measure ASSETS POINTS.npy BASIS.npz

The landmark net with attention is asked, since the plain one misplaces an open lower lip. BASIS.npz holds `neutral`
[468, 3] and `motion` [468, 8, 3] in pixels of the picture (x right, y down, z away), and `shade` [468, 8]: the relative
change of brightness.
"""

import sys

import numpy as np

SIDE, SPAN, MARGIN = 512, 2.9, .25          # of the picture: pixels, decimetres across, decimetres above the head
PARTED = .35                                # jawOpen in the picture, so that the inner lips are apart
PICTURE_LIGHT = ((.3, .4, .85), .35)         # where from, and how much comes from everywhere
SHADE_LIGHT = ((0, .55, .83), .55)
SHADE_LIMIT = .2
NEAREST = 3

UNITS = {
    "jaw": {"jawOpen": 1}, "funnel": {"mouthFunnel": 1}, "pucker": {"mouthPucker": 1},
    "stretch": {"mouthStretchLeft": .7, "mouthStretchRight": .7, "mouthSmileLeft": .35, "mouthSmileRight": .35},
    "tuck": {"mouthRollLower": 1, "mouthUpperUpLeft": .15, "mouthUpperUpRight": .15},
    "upper": {"mouthUpperUpLeft": 1, "mouthUpperUpRight": 1},
    "lower": {"mouthLowerDownLeft": 1, "mouthLowerDownRight": 1},
    "press": {"mouthRollLower": .45, "mouthRollUpper": .45, "mouthPressLeft": .5, "mouthPressRight": .5},
}


def average_head(assets):
    import makehuman
    head = makehuman.Head(assets)
    return head, head.vertices + .5 * (head.macro("caucasian", "male") + head.macro("caucasian", "female"))


def to_pixels(head, neutral, vertices):
    """Vertices -> picture: x right, y down, z away."""
    top = neutral[head.part("body"), 1].max()
    scale = SIDE / SPAN
    x, y, z = vertices.T
    return np.stack([SIDE / 2 + x * scale, (top + MARGIN - y) * scale, -z * scale], 1).astype(np.float32)


def brightness(head, vertices, light):
    import makehuman
    towards, ambient = light
    facing = makehuman.normals(vertices, head.faces) @ (np.array(towards) / np.linalg.norm(towards))
    return ambient + (1 - ambient) * np.clip(facing, 0, 1)


def seen(head, points):
    """The triangle and its weights at every pixel of points as `to_pixels` makes them."""
    import makehuman
    return makehuman.raster(points * [1, 1, -1], head.faces, SIDE, SIDE)


def draw(assets, path):
    from PIL import Image
    head, neutral = average_head(assets)
    vertices = neutral + PARTED * head.unit("jawOpen")
    _, index, weights = seen(head, to_pixels(head, neutral, vertices).astype(np.float32))
    skin, other = np.array([205, 160, 135]), np.array([40, 25, 20])
    colours = {"body": skin, "helper-l-eye": [235] * 3, "helper-r-eye": [235] * 3,
               "helper-upper-teeth": [235, 230, 215], "helper-lower-teeth": [225, 220, 205],
               "helper-tongue": [170, 80, 80]}
    colour = np.array([colours.get(part, other) for part in head.parts], np.float32)[index]
    lips = np.asarray(Image.open(f"{assets}/mpfb2/textures/mpfb_lips.jpg").convert("L")) / 255
    u, v = (head.texture[head.texture_faces[index]] * weights[..., None]).sum(2).transpose(2, 0, 1)
    row, column = ((1 - v) * lips.shape[0]).astype(int) % lips.shape[0], (u * lips.shape[1]).astype(int) % lips.shape[1]
    lip = (lips[row, column] * (head.parts[index] == "body"))[..., None] * .6
    colour = colour * (1 - lip) + lip * np.array([170, 70, 75])
    colour *= (brightness(head, vertices, PICTURE_LIGHT)[head.faces[index]] * weights).sum(2)[..., None]
    y, x = np.mgrid[:SIDE, :SIDE]
    for part in ("helper-l-eye", "helper-r-eye"):
        eye = to_pixels(head, neutral, vertices)[head.part(part)].mean(0)
        distance = np.hypot(x - eye[0], y - eye[1]) * SPAN / SIDE
        colour[(head.parts[index] == part) & (distance < .055)] = [80, 50, 30]
        colour[(head.parts[index] == part) & (distance < .025)] = 10
    colour[index < 0] = [120, 130, 140]
    Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).save(path)


def find(picture, out):
    import mediapipe
    from PIL import Image
    image = np.asarray(Image.open(picture).convert("RGB"))
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=.3)
    found = mesh.process(image).multi_face_landmarks[0].landmark
    height, width = image.shape[:2]
    np.save(out, np.array([[p.x * width, p.y * height, p.z * width] for p in found][:468], np.float32))


def measure(assets, points, out):
    head, neutral = average_head(assets)
    parted = neutral + PARTED * head.unit("jawOpen")
    pixels = to_pixels(head, neutral, parted)
    depth = seen(head, pixels.astype(np.float32))[0]
    import makehuman
    body = head.part("body")
    x, y = np.clip(pixels[body, :2].astype(int), 0, SIDE - 1).T
    facing = makehuman.normals(parted, head.faces)[body, 2] > -.25
    visible = body[(-pixels[body, 2] > depth[y, x] - 4) & facing]

    landmarks = np.load(points)
    distance = np.linalg.norm(pixels[visible][None, :, :2] - landmarks[:, None, :2], axis=2)
    nearest = np.argsort(distance, 1)[:, :NEAREST]
    weights = 1 / (np.take_along_axis(distance, nearest, 1) + .3) ** 2
    weights /= weights.sum(1, keepdims=True)

    def at_landmarks(values):
        return np.einsum("pn,pn...->p...", weights, values[visible[nearest]])

    rest, light = to_pixels(head, neutral, neutral), brightness(head, neutral, SHADE_LIGHT)
    motion, shade = [], []
    for parts in UNITS.values():
        moved = neutral + sum(amount * head.unit(name) for name, amount in parts.items())
        motion.append(at_landmarks(to_pixels(head, neutral, moved) - rest))
        shade.append(np.clip(at_landmarks(brightness(head, moved, SHADE_LIGHT) / light - 1), -SHADE_LIMIT, SHADE_LIMIT))
    arrays = {"neutral": at_landmarks(rest), "motion": np.stack(motion, 1), "shade": np.stack(shade, 1)}
    np.savez_compressed(out, **{name: array.astype(np.float32) for name, array in arrays.items()})
    print(f"nearest vertex: {distance.min(1).mean():.2f} pixels on average, {distance.min(1).max():.1f} at most")


def main():
    steps = {"picture": draw, "find": find, "measure": measure}
    if len(sys.argv) < 4 or sys.argv[1] not in steps:
        raise SystemExit(__doc__)
    steps[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
