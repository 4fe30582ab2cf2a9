"""Draws the bundled portrait: a person who does not exist, from MakeHuman's CC0 head and shapes.

Skin, eyes, brows, lashes, hair, clothes and light are procedural; everything follows from the seed.

usage: make_portrait.py ASSETS FACE_DIR OUT.png [SEED]      (FACE_DIR: see landmarks.py)
"""

import sys

import cv2
import numpy as np

import facemesh
import landmarks
import makehuman

SIDE, SCALE = 512, 2                        # of the result; it is drawn larger and reduced
SPAN, ABOVE, DISTANCE = 3.7, .55, 14.0      # decimetres: across the picture, above the head, to the camera
FULL = SIDE * SCALE

KEY, FILL, RIM = (.55, .45, .75), (-.8, .15, .6), (-.7, .45, -.55)
KEY_COLOUR, FILL_COLOUR, RIM_COLOUR = (1.28, 1.20, 1.10), (.22, .25, .31), (.45, .47, .52)
AMBIENT = (.26, .27, .30)

PEOPLE = {"caucasian": .62, "asian": .23, "african": .15}
SHAPES = {"mouth/mouth-lowerlip-volume-incr": .35, "mouth/mouth-upperlip-volume-incr": .3, "head/head-oval": .5,
          "mouth/mouth-angles-up": .25, "nose/nose-scale-horiz-decr": .3, "nose/nose-point-width-decr": .3,
          "nose/nose-width3-decr": .25, "chin/chin-width-decr": .35, "cheek/l-cheek-bones-incr": .2,
          "cheek/r-cheek-bones-incr": .2, "eyes/l-eye-height2-incr": .35, "eyes/r-eye-height2-incr": .35,
          "eyes/l-eye-scale-incr": .3, "eyes/r-eye-scale-incr": .3, "head/head-scale-horiz-decr": .35}
SMILE = {"mouthSmileLeft": .16, "mouthSmileRight": .16, "cheekSquintLeft": .1, "cheekSquintRight": .1}

SKIN, LIP = (222, 174, 148), (172, 84, 82)
IRIS = (96, 66, 38)
HAIR, HAIR_SHINE = (58, 36, 24), (196, 148, 104)
CLOTH = (52, 74, 92)
HEAD_CENTRE, HEAD_RADII = np.array([0, 6.33, .43]), np.array([.70, 1.0, .93])
STRANDS, STEPS, STEP = 42_000, 42, .062
PARTING = .16


def linear(colour):
    return (np.asarray(colour, np.float32) / 255) ** 2.2


def unit(vector, axis=-1):
    return vector / (np.linalg.norm(vector, axis=axis, keepdims=True) + 1e-9)


def blur(image, sigma):
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)


def masked_blur(image, mask, sigma):
    """Blurs what is inside a mask without mixing in what is outside."""
    mask = mask.astype(np.float32)
    weight = blur(mask, sigma) + 1e-4
    return blur(image * (mask if image.ndim == 2 else mask[..., None]), sigma) / (
        weight if image.ndim == 2 else weight[..., None])


class Painter:
    def __init__(self, assets, seed):
        self.assets, self.random = assets, np.random.default_rng(seed)
        self.head = makehuman.Head(assets, lowest=3.4)
        self.vertices = self.shape()
        self.top = self.vertices[self.head.part("body"), 1].max()

    def shape(self):
        head = self.head
        vertices = head.vertices.copy()
        for race, share in PEOPLE.items():
            vertices += share * (.93 * head.macro(race, "female") + .07 * head.macro(race, "male"))
        vertices += sum(amount * head.shape(name) for name, amount in SHAPES.items())
        vertices += sum(amount * head.unit(name) for name, amount in SMILE.items())
        dressed = np.isin(np.arange(len(vertices)), head.part("body")) * self.dressed(vertices, soft=.12)
        return vertices + .05 * dressed[:, None] * makehuman.normals(vertices, head.faces)

    @staticmethod
    def dressed(points, soft):
        """1 where there are clothes: below a round neckline."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        line = 4.84 + .20 * np.abs(x) ** 1.5 - .16 * np.clip(z - .2, 0, 1)
        return np.clip((line - y) / soft, 0, 1)

    def project(self, points):
        """Decimetres -> picture at full scale: x right, y down, z towards the viewer."""
        scale = FULL / SPAN * DISTANCE / (DISTANCE - (points[..., 2] - .8))
        middle = self.top + ABOVE - SPAN / 2
        return np.stack([FULL / 2 + points[..., 0] * scale, FULL / 2 - (points[..., 1] - middle) * scale,
                         points[..., 2]], -1).astype(np.float32)

    def noise(self, sigma, amount):
        """Smooth noise over the picture with a standard deviation of `amount`."""
        small = max(1, int(sigma / 3))
        size = FULL // small + 1
        field = blur(self.random.standard_normal((size, size)), sigma / small)
        return cv2.resize(field / field.std() * amount, (FULL, FULL), interpolation=cv2.INTER_CUBIC)

    def texture(self, name):
        """A mask of MakeHuman's, looked up through the texture coordinates of what is seen."""
        picture = cv2.imread(f"{self.assets}/mpfb2/textures/{name}", 0)
        height, width = picture.shape
        u, v = self.uv[..., 0] * width, (1 - self.uv[..., 1]) * height
        return cv2.remap(picture, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR) / 255 * self.body

    # What is where

    def see(self):
        head = self.head
        shown = np.flatnonzero(~np.char.startswith(head.parts.astype(str), "helper-l-eyelashes")
                               & ~np.char.startswith(head.parts.astype(str), "helper-r-eyelashes"))
        self.depth, index, weights = makehuman.raster(self.project(self.vertices), head.faces[shown], FULL, FULL)
        self.seen = index >= 0
        index = np.where(self.seen, shown[index], 0)
        faces = head.faces[index]
        self.part = np.where(self.seen, head.parts[index], "")
        self.body = self.part == "body"
        self.normal = unit((makehuman.normals(self.vertices, head.faces)[faces] * weights[..., None]).sum(2))
        self.place = (self.vertices[faces] * weights[..., None]).sum(2)
        self.uv = (head.texture[head.texture_faces[index]] * weights[..., None]).sum(2)

    def shadow(self, light):
        """How much of a light reaches each pixel, by a depth map seen from it."""
        towards = unit(np.array(light, np.float32))
        right = unit(np.cross([0, 1, 0], towards))
        axes = np.stack([right, -np.cross(towards, right), towards], 1)
        side, scale = 1200, 1200 / 6.0

        def seen_from(points):
            turned = (points - [0, 5.6, .5]) @ axes
            return turned * [scale, scale, 1] + [side / 2, side / 2, 0]

        depth = makehuman.raster(seen_from(self.vertices).astype(np.float32), self.head.faces, side, side)[0]
        at = seen_from(self.place)
        stored = cv2.remap(depth, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32), cv2.INTER_NEAREST)
        return masked_blur((at[..., 2] > stored - .05).astype(np.float32), self.seen, 2.2 * SCALE)

    def occlusion(self):
        """How open to the surroundings each pixel is: less where its neighbours are nearer to the viewer."""
        depth = np.where(self.seen, self.depth, 0).astype(np.float32)
        result = np.ones((FULL, FULL), np.float32)
        for sigma, reach, strength in ((2.5, .05, .30), (8, .14, .35), (24, .38, .40)):
            nearer = masked_blur(depth, self.seen, sigma * SCALE) - depth
            result *= 1 - strength * np.clip(nearer / reach, 0, 1)
        return result

    # Skin, eyes and clothes

    def lit(self, normal, occlusion, key_shadow, wrap=.25):
        """Diffuse light on a surface, [FULL, FULL, 3]."""
        def lambert(light, wrap):
            return np.clip((normal @ unit(np.array(light)) + wrap) / (1 + wrap), 0, 1)[..., None]

        up = (.72 + .28 * normal[..., 1:2]) * np.array(AMBIENT)
        shadow = key_shadow[..., None]
        return ((lambert(KEY, wrap) * shadow * KEY_COLOUR + lambert(FILL, .3) * FILL_COLOUR + up)
                * occlusion[..., None] + lambert(RIM, 0) * RIM_COLOUR * .5)

    def shine(self, normal, power, strength):
        half = unit(unit(np.array(KEY)) + [0, 0, 1])
        return strength * np.clip(normal @ half, 0, 1)[..., None] ** power

    def paint(self):
        self.see()
        occlusion, key_shadow = self.occlusion(), self.shadow(KEY)
        light = self.lit(self.normal, occlusion, key_shadow)
        # Light spreads under the skin, red furthest.
        spread = np.stack([masked_blur(light[..., c], self.body, s * SCALE) for c, s in enumerate((3.6, 1.5, .9))], 2)
        light = np.where(self.body[..., None], .35 * light + .65 * spread, light)

        skin = np.ones((FULL, FULL, 3), np.float32) * linear(SKIN)
        x, y, z = np.moveaxis(self.place, -1, 0)
        eyes = self.vertices[self.head.part("helper-l-eye")].mean(0)

        def patch(cx, cy, rx, ry):
            return np.exp(-(((np.abs(x) - cx) / rx) ** 2 + ((y - cy) / ry) ** 2))[..., None]

        warmth = patch(.42, eyes[1] - .38, .22, .2) * .55 + patch(0, eyes[1] - .42, .14, .16) * .45
        warmth = warmth + patch(0, eyes[1] - 1.12, .25, .14) * .2 + self.noise(9 * SCALE, .10)[..., None]
        skin *= 1 - warmth * np.array([.05, .26, .24])
        sockets = patch(eyes[0], eyes[1] - .04, .22, .13) * .30 + patch(eyes[0], eyes[1] + .13, .24, .1) * .18
        skin *= 1 - sockets * np.array([.45, .6, .5])
        mottle = self.noise(.55 * SCALE, .035) + self.noise(2 * SCALE, .03) + self.noise(14 * SCALE, .03)
        skin *= 1 + mottle[..., None]
        freckles = np.clip(self.noise(.8 * SCALE, 1) - 2.1, 0, 1)[..., None]
        skin *= 1 - freckles * patch(.25, eyes[1] - .3, .3, .2) * np.array([.12, .25, .3])

        rooted = self.scalp(self.place.reshape(-1, 3)).reshape(FULL, FULL) + self.noise(SCALE, .02)
        rooted = (np.clip(rooted / .07, 0, 1) * self.body)[..., None] * (np.abs(x) < .70)[..., None]
        skin = skin * (1 - .9 * rooted) + .9 * rooted * linear(HAIR) * .8
        lips = blur(self.texture("mpfb_lips.jpg"), 1.0 * SCALE)[..., None]
        creases = 1 + cv2.GaussianBlur(self.random.standard_normal((FULL, FULL)), (0, 0), .5 * SCALE,
                                       sigmaY=4 * SCALE)[..., None] * .22
        skin = skin * (1 - .85 * lips) + .85 * lips * linear(LIP) * creases
        bumps = np.stack(np.gradient(self.noise(.7 * SCALE, 1)), -1)
        rough = unit(self.normal + np.dstack([bumps[..., 1], -bumps[..., 0], 0 * bumps[..., 0]]) * .045)
        oily = .55 + patch(0, eyes[1] - .1, .14, .5) + patch(0, eyes[1] + .55, .35, .2) * .6
        gloss = (self.shine(rough, 14, .055) * oily + self.shine(rough, 60, .05) * oily
                 + lips * self.shine(rough, 36, .16)) * (key_shadow * occlusion)[..., None]
        picture = skin * light + gloss

        cloth = linear(CLOTH) * (1 + self.noise(.6 * SCALE, .12) + self.noise(5 * SCALE, .05))[..., None]
        dressed = (self.dressed(self.place, .012) * self.body)[..., None]
        picture = picture * (1 - dressed) + dressed * cloth * light
        hem = np.exp(-((self.dressed(self.place, .12) - .25) / .12) ** 2)[..., None] * dressed
        picture *= 1 - .3 * hem
        self.paint_eyes(picture, occlusion, light)
        inside = np.isin(self.part, ["helper-upper-teeth", "helper-lower-teeth", "helper-tongue"])
        picture[inside] = linear((120, 60, 55)) * .3

        row, column = np.mgrid[:FULL, :FULL] / FULL
        backdrop = linear((128, 138, 142)) * (1.25 - 1.15 * np.hypot(column - .62, row - .32))[..., None]
        edge = blur(self.seen, .35 * SCALE)[..., None]
        self.picture = np.clip(np.where(self.seen[..., None], picture, backdrop) * edge + backdrop * (1 - edge), 0, 4)
        self.skin_light = light

    def paint_eyes(self, picture, occlusion, light):
        y, x = np.mgrid[:FULL, :FULL].astype(np.float32)
        decimetre = FULL / SPAN
        for name in ("helper-l-eye", "helper-r-eye"):
            where = self.part == name
            centre = self.project(self.vertices[self.head.part(name)]).mean(0)[:2] - [0, .006 * decimetre]
            away = np.hypot(x - centre[0], y - centre[1])[..., None] / decimetre
            angle = np.arctan2(y - centre[1], x - centre[0])[..., None]
            white = linear((226, 216, 208)) * (1 - .5 * np.clip((away - .06) / .07, 0, 1) * np.array([.1, .6, .6]))
            fibres = sum(np.sin(angle * n + phase) for n, phase in
                         zip((23, 37, 51, 68), self.random.uniform(0, 6.28, 4)))[..., None].reshape(*away.shape)
            ring = np.clip((away - .02) / .04, 0, 1)
            dark_rim = 1 - .75 * np.clip((away - .05) / .012, 0, 1)
            below_pupil = np.clip((y - centre[1])[..., None] / decimetre / .06, 0, 1)
            iris = linear(IRIS) * ((1.5 - .7 * ring + .16 * fibres * ring) * dark_rim + 1.6 * below_pupil * (1 - ring * .4))
            colour = white + (iris - white) * np.clip((.0605 - away) * 130, 0, 1)
            colour = colour + (.004 - colour) * np.clip((.0235 - away) * 200, 0, 1)
            shade = (.55 + .45 * occlusion[..., None] ** 1.6) * (.62 + .38 * light / 1.6)
            lid = blur(where, 2.2 * SCALE)[..., None]
            below = blur(np.roll(where, int(2.2 * SCALE), 0), 1.6 * SCALE)[..., None]
            colour = colour * shade * (.35 + .65 * lid) * (.4 + .6 * below)
            for dx, dy, size, strength in ((.021, -.024, .0085, .95), (-.018, .022, .013, .12)):
                spot = np.hypot(x - centre[0] - dx * decimetre, y - centre[1] - dy * decimetre) / decimetre
                colour = colour + strength * np.clip((size - spot) * 260, 0, 1)[..., None]
            soft = blur(where, .3 * SCALE)[..., None] * where[..., None]
            picture[:] = picture * (1 - soft) + colour * soft

    # Hair

    def scalp(self, points):
        """> 0 where hair grows: above a line across the forehead, before the ears and down to the nape."""
        eye = self.vertices[self.head.part("helper-l-eye")].mean(0)
        back = np.clip((eye[2] + .10 - points[:, 2]) / .9, 0, 1)
        drop = .62 * np.clip((back - .35) / .4, 0, 1) + 1.0 * np.clip((back - .85) / .15, 0, 1)
        return points[:, 1] - (eye[1] + .70 - .22 * np.abs(points[:, 0]) - drop)

    def strands(self):
        """Strands of hair as points [strands, STEPS, 3]: combed from a parting, falling over the ears."""
        head, random = self.head, self.random
        faces = head.faces[head.parts == "body"]
        corners = self.vertices[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        area *= (corners[..., 1].mean(1) > 5.75) & (corners[..., 2].mean(1) > -.6)
        picked = random.choice(len(faces), STRANDS * 4, p=area / area.sum())
        weights = random.dirichlet([1, 1, 1], STRANDS * 4)
        roots = (corners[picked] * weights[..., None]).sum(1)
        fuzzy = self.scalp(roots) + random.normal(0, .04, len(roots))
        ears = (np.abs(roots[:, 0]) > .66) & (roots[:, 1] < 6.5)
        place = roots[(fuzzy > 0) & ~ears][:STRANDS].astype(np.float64)
        count = len(place)

        clump = np.floor(place / .07)
        code = (clump @ [12.9898, 78.233, 37.719])
        clumped = np.modf(np.abs(np.sin(code) * 43758.5453))[0]             # the same for neighbours
        thickness = .03 + .12 * random.random(count) ** 1.5 + .03 * clumped
        end = 4.72 + .34 * clumped + random.normal(0, .11, count)
        side = np.where(place[:, 0] + .03 * np.sin(place[:, 2] * 20) > PARTING, 1., -1.)
        front = np.clip((place[:, 2] - .55) / .6, 0, 1)
        result, alive = np.empty((count, STEPS, 3)), np.ones(count, bool)
        for step in range(STEPS):
            result[:, step] = place
            t = step / STEPS
            level = (place - HEAD_CENTRE) / HEAD_RADII
            outward = unit(level / HEAD_RADII)
            fall = np.clip((HEAD_CENTRE[1] + .75 - place[:, 1]) / .8, 0, 1)
            wish = np.stack([side * (1.15 - fall), -.45 - .9 * fall, -(1.25 * front + .15) * (1 - fall) - .1], 1)
            wish[:, 0] += side * .16 * np.sin(place[:, 1] * 5.5 + clumped * 5) * fall
            wish[:, 0] -= side * .55 * np.clip((5.35 - place[:, 1]) / .5, 0, 1) * (1 + .5 * clumped)
            wish += random.normal(0, .05, (count, 3))
            along = (wish * outward).sum(1)
            above = (place[:, 1] > HEAD_CENTRE[1]) & (np.linalg.norm(level, axis=1) > 1 + .6 * thickness)
            wish -= np.where(above, along, np.minimum(along, 0))[:, None] * outward
            alive &= place[:, 1] > end
            place = place + unit(wish) * STEP * alive[:, None]
            depth = np.linalg.norm((place - HEAD_CENTRE) / HEAD_RADII, axis=1)
            wanted = 1 + thickness * min(1, .25 + 4 * t)
            push = np.where(depth < wanted, wanted / depth, 1)[:, None]
            place = HEAD_CENTRE + (place - HEAD_CENTRE) * push
            cheek = (place[:, 1] < 6.25) & (place[:, 2] > .3)               # never in front of the face
            place[:, 2] -= .06 * cheek
            tight = .80 + thickness * .6
            below = (place[:, 1] < 6.2) & (place[:, 2] > .1)
            place[:, 0] = np.where(below & (np.abs(place[:, 0]) < tight) & (place[:, 1] > 5.25),
                                   place[:, 0] + .25 * (side * tight - place[:, 0]), place[:, 0])
        return result, clumped

    def comb(self):
        points, clumped = self.strands()
        tangent = unit(np.gradient(points, axis=1))
        key = unit(np.array(KEY))
        along = tangent @ key
        diffuse = np.sqrt(np.clip(1 - along**2, 0, 1))
        eye = np.sqrt(np.clip(1 - tangent[..., 2] ** 2, 0, 1))
        glint = np.clip(-along * tangent[..., 2] + diffuse * eye, 0, 1)
        outward = unit((points - HEAD_CENTRE) / HEAD_RADII**2)
        facing = np.clip((outward @ key + .45) / 1.45, 0, 1)
        rim = np.clip(outward @ unit(np.array(RIM)), 0, 1)
        inner = np.clip((np.linalg.norm((points - HEAD_CENTRE) / HEAD_RADII, axis=2) - 1) / .13, 0, 1)
        tone = self.random.normal(1, .22, len(points)) * (.7 + .6 * clumped)
        strength = (.25 + 1.1 * facing * diffuse + .25 * rim) * (.30 + .70 * inner)
        shine = (glint**30 + .30 * glint**7) * facing * (.3 + .7 * inner)
        colour = linear(HAIR) * strength[..., None] + linear(HAIR_SHINE) * (.75 * shine)[..., None]
        colour *= tone[:, None, None]

        pixels = self.project(points)
        column, row = np.clip(pixels[..., :2].astype(int), 0, FULL - 1).transpose(2, 0, 1)
        hidden = self.depth[row, column]
        drawn = points[..., 2] > hidden - .07
        cover = np.zeros((FULL, FULL), np.uint8)
        layer = (np.clip(self.picture, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        bytes_of = (np.clip(colour, 0, 1) ** (1 / 2.2) * 255)
        order = np.argsort(points[:, :-1, 2].ravel(), kind="stable")
        fixed = np.round(pixels[..., :2] * 16).astype(int)
        segments = []
        for flat in order:
            strand, step = divmod(flat, STEPS - 1)
            if drawn[strand, step] and drawn[strand, step + 1]:
                a, b = fixed[strand, step], fixed[strand, step + 1]
                if a[0] != b[0] or a[1] != b[1]:
                    segments.append((tuple(a.tolist()), tuple(b.tolist()), bytes_of[strand, step].tolist()))
        for a, b, _ in segments:
            cv2.line(cover, a, b, 255, 2, cv2.LINE_AA, 4)
        # Hair shades what is behind it.
        shade = blur(np.roll(cover, (int(3 * SCALE), int(-2 * SCALE)), (0, 1)) / 255, 5 * SCALE)[..., None]
        layer = (layer * (1 - .5 * shade * self.seen[..., None])).astype(np.uint8)
        for a, b, tint in segments:
            cv2.line(layer, a, b, tint, 1, cv2.LINE_AA, 4)
        self.picture = layer

    # Brows and lashes, on the reduced picture, where the landmarks are

    def finish(self, nets):
        small = cv2.resize(self.picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        points = nets.find(small)[:, :2] * SCALE + (SCALE - 1) / 2
        hairs = np.zeros((FULL, FULL), np.float32)

        def hair(path, strength, width=1):
            one = np.zeros((FULL, FULL), np.uint8)
            fixed = np.round(path * 16).astype(np.int32)
            cv2.polylines(one, [fixed], False, int(255 * strength), width, cv2.LINE_AA, 4)
            low, high = np.clip(path.min(0).astype(int) - 3, 0, FULL), np.clip(path.max(0).astype(int) + 4, 0, FULL)
            box = slice(low[1], high[1]), slice(low[0], high[0])
            hairs[box] = 1 - (1 - hairs[box]) * (1 - one[box] / 255)

        def along(row, u):
            at = u * (len(row) - 1)
            index = np.minimum(at.astype(int), len(row) - 2)
            return row[index] + (row[index + 1] - row[index]) * (at - index)[:, None]

        random, middle = self.random, points[168]
        for upper, lower in facemesh.BROW_EDGES:
            top, bottom = points[upper], points[lower]
            for u, v in zip(random.random(560), random.random(560)):
                inset = .06 + .6 * abs(u - .45) ** 2
                share = inset + (1 - 2 * inset) * v
                root = along(top, np.array([u]))[0] * share + along(bottom, np.array([u]))[0] * (1 - share)
                out = np.sign(root[0] - middle[0])
                rise = np.interp(u, [0, .35, .75, 1], [.35, -.05, -.55, -1.3]) + .35 * (share - .5)
                way = np.array([out * (.35 + .65 * (1 - u) + .3), rise]) + random.normal(0, .1, 2)
                length = SCALE * random.uniform(3.2, 6.0) * (.75 + .25 * (u < .9))
                hair(root + unit(way) * np.linspace(0, 1, 4)[:, None] * length
                     + np.array([0, .12 * length]) * np.linspace(0, 1, 4)[:, None] ** 2, .30)
        for upper, lower, _ in facemesh.LIDS:
            for row, count, length, rise, strength in ((upper, 75, 4.2, -1., .8), (lower, 40, 2., .8, .25)):
                edge = points[row]
                for u in random.random(count):
                    root = along(edge, np.array([u]))[0]
                    out = (root - points[[upper[3]]][0])[0] / (np.ptp(edge[:, 0]) + 1)
                    reach = SCALE * length * random.uniform(.7, 1.1) * (.55 + .45 * np.sin(np.pi * np.clip(u, .1, .9)))
                    t = np.linspace(0, 1, 6)[:, None]
                    sideways, upwards = out * 1.1 * t, rise * (t * .25 + t**2 * .5)
                    hair(root + np.hstack([sideways, upwards]) * reach, strength)
                if rise < 0:
                    hair(along(edge, np.linspace(.02, .98, 30)), .75, SCALE)
        hairs = blur(hairs, .28 * SCALE)[..., None]
        dark = np.array(HAIR) * .42
        result = self.picture * (1 - hairs * .9) + dark * hairs * .9
        result = cv2.resize(result.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        grain = blur(self.random.standard_normal((SIDE, SIDE)), .6)[..., None] * 2.2
        return np.clip(result + grain, 0, 255).astype(np.uint8)


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    assets, face, out = sys.argv[1:4]
    painter = Painter(assets, int(sys.argv[4]) if len(sys.argv) > 4 else 5)
    painter.paint()
    painter.comb()
    cv2.imwrite(out, painter.finish(landmarks.FaceNets(face))[..., ::-1])


if __name__ == "__main__":
    main()
