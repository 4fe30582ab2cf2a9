"""The host side of a `warp` head, as Graphs/README.md describes it: speech + portrait -> frames.

An independent reference of that contract, and what the trainers measure with. The mathematics needs NumPy and ONNX
Runtime only; Pillow (and soundfile, for anything but 16-bit WAV) read and write files when this is run as a program.

Conventions: images are [height, width, 3] in 0 … 1, pixel (x, y) has its centre at (x, y), points are (x, y).
"""

import argparse
import json
import math
import os
import wave

import numpy as np
import onnxruntime

SILENCE = -4.0      # what columns of the mel picture that do not exist are
MEL_RATE = 80       # columns a second
SAMPLE_RATE = 16_000

LEFT_EYE, RIGHT_EYE, MOUTH = (33, 133), (362, 263), (61, 291)    # landmarks: corners


# Audio


def mel_filters(rate=SAMPLE_RATE, fft=800, bins=80, low=55.0, high=7600.0):
    """Slaney's triangular mel filters with area normalisation, [bins, fft / 2 + 1]."""
    def to_mel(hertz):
        return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1e-9) / 1000) * 27 / np.log(6.4))

    def to_hertz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    edges = to_hertz(np.linspace(to_mel(np.float64(low)), to_mel(np.float64(high)), bins + 2))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequency = np.arange(fft // 2 + 1) * rate / fft
    rising, falling = (frequency - left) / (centre - left), (right - frequency) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)


FILTERS = mel_filters()
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 800)


def mel_columns(samples):
    """The `w2l-mel` profile: samples at 16 kHz -> [80, 1 + len(samples) // 200], values -4 … 4."""
    samples = np.asarray(samples, np.float64)
    emphasised = np.concatenate([samples[:1], samples[1:] - 0.97 * samples[:-1]])
    padded = np.pad(emphasised, 400, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 800)[::200]
    magnitude = np.abs(np.fft.rfft(windows * HANN, axis=1))
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude @ FILTERS.T)) - 20
    return np.clip(8 * (decibels + 100) / 100 - 4, -4, 4).T.astype(np.float32)


def levelled(samples, level):
    """Brings the active samples to the RMS that the manifest asks for."""
    if level is None:
        return samples
    active = samples[np.abs(samples) > level["active"] * np.abs(samples).max()].astype(np.float64)
    rms = math.sqrt(np.mean(active**2)) if len(active) else 0.0
    return samples * (level["rms"] / (rms + 1e-6))


def audio_window(mel, audio):
    """Pads mel columns so that the audio graph returns one output per `hop` columns."""
    hop, before, after = audio["hop"], audio["before"], audio["after"]
    outputs = math.ceil(mel.shape[1] / hop)
    end = hop * (outputs - 1) + after + 1 - mel.shape[1]
    return np.pad(mel, ((0, 0), (before, end)), constant_values=SILENCE)


def gate_of(mel, audio):
    """How open the mouth may be at each output, 0 … 1: closed in silence."""
    hop = audio["hop"]
    outputs = math.ceil(mel.shape[1] / hop)
    if audio.get("gate") is None:
        return np.ones(outputs)
    gate = audio["gate"]
    loud = mel.mean(0) > gate["threshold"]
    opened = np.array([
        loud[max(0, hop * k - gate["hold"]):hop * k + gate["hold"] + 1].any() for k in range(outputs)], np.float64)
    before = (gate["fade"] - 1) // 2
    padded = np.pad(opened, (before, gate["fade"] - 1 - before), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, gate["fade"]).mean(1)


# Control


class SplitMix64:
    """The random numbers of the manifest."""

    def __init__(self, seed):
        self.state = seed % 2**64

    def uniform(self, low, high):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        x = self.state
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        x ^= x >> 31
        return low + (high - low) * (x >> 11) * 2.0**-53


def controls(tracks, frames, fps, seed, warp, hop):
    """Articulator tracks [outputs, articulators], gated -> what `render` is told, [frames, articulators + 4]."""
    names = warp["articulators"]
    jaw, close = names.index("jaw"), names.index("close")
    random = SplitMix64(seed)
    swings = [[(a, w, random.uniform(0, 2 * math.pi)) for a, w in warp[axis]] for axis in ("yaw", "pitch")]

    taps = np.array(warp["smooth"])
    half = len(taps) // 2
    padded = np.pad(tracks, ((half, half), (0, 0)), mode="edge")
    smooth = sum(tap * padded[i:i + len(tracks)] for i, tap in enumerate(taps))

    def read(position):
        at = np.clip(position, 0, len(smooth) - 1)
        low = np.minimum(at.astype(int), max(len(smooth) - 2, 0))
        high = np.minimum(low + 1, len(smooth) - 1)
        part = (at - low)[..., None]
        value = smooth[low] * (1 - part) + smooth[high] * part
        return np.clip(value * np.array(warp["gain"]), 0, warp["limit"])

    time = np.arange(frames) / fps
    position = ((time + warp["lead"]) * MEL_RATE - (hop - 1) / 2) / hop
    value = read(position)
    value[:, close] = np.clip((value[:, close] - warp["close"]["from"]) / warp["close"]["span"], 0, 1)
    value[value < warp["dead"]] = 0

    brow = warp["brow"]
    offsets = np.arange(brow["window"]) - (brow["window"] - 1) / 2
    mean_jaw = read(position[:, None] + offsets)[..., jaw].mean(1)
    brows = np.clip(brow["scale"] * mean_jaw, 0, brow["limit"])
    turns = [sum(a * np.sin(w * time + phase) for a, w, phase in swing) for swing in swings]
    return np.column_stack([value, blinks(time, random, warp["blink"]), brows, *turns]).astype(np.float32)


def blinks(time, random, blink):
    """How closed the eyes are at each time, 0 … 1."""
    closed = np.zeros(len(time))
    start = random.uniform(*blink["first"])
    while start <= time[-1]:
        since = time - start
        until_end = blink["down"] + blink["hold"] + blink["up"] - since
        closed = np.maximum(closed, np.clip(np.minimum(since / blink["down"], until_end / blink["up"]), 0, 1))
        start += random.uniform(*blink["every"])
    return closed


# Images


def shrinking_sigma(scale):
    """How much an image is blurred before it is read at `scale` < 1 of its size: Graphs/README.md."""
    return 0.5 * math.sqrt(1 / scale**2 - 1)


def gaussian(image, sigma):
    """Blurs the first two axes; borders repeat."""
    radius = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(image.dtype)
    for axis in (0, 1):
        widths = [(0, 0)] * image.ndim
        widths[axis] = (radius, radius)
        padded = np.pad(image, widths, mode="edge")
        length = image.shape[axis]
        image = sum(k * padded.take(range(i, i + length), axis) for i, k in enumerate(kernel))
    return image


def keys(distance, a=-0.75):
    """The Keys cubic convolution kernel."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


class Sampler:
    """Reads an image [height, width, channels] at fixed points [n, 2], cubically, with repeated borders."""

    def __init__(self, points, height, width):
        base = np.floor(points).astype(int)
        part = points - base
        reach = np.arange(-1, 3)
        x = np.clip(base[:, :1] + reach, 0, width - 1)
        y = np.clip(base[:, 1:] + reach, 0, height - 1)
        self.indices = (y[:, :, None] * width + x[:, None, :]).reshape(-1, 16)
        weights = keys(part[:, 1:] - reach)[:, :, None] * keys(part[:, :1] - reach)[:, None, :]
        self.weights = weights.reshape(-1, 16).astype(np.float32)

    def read(self, image):
        pixels = image.astype(np.float32).reshape(-1, image.shape[-1])
        return np.einsum("nk,nkc->nc", self.weights, pixels[self.indices])


def linear(image, points):
    """Reads a single-channel image at points [n, 2]; 0 outside."""
    padded = np.pad(image, 1)
    height, width = padded.shape
    at = np.clip(points + 1, 0, [width - 1, height - 1])
    x, y = np.minimum(at.astype(int), [width - 2, height - 2]).T
    u, v = at[:, 0] - x, at[:, 1] - y
    top = padded[y, x] * (1 - u) + padded[y, x + 1] * u
    return top * (1 - v) + (padded[y + 1, x] * (1 - u) + padded[y + 1, x + 1] * u) * v


def grid(width, height, left=0, top=0):
    """Points (x, y) of a rectangle of pixels, row by row."""
    y, x = np.mgrid[top:top + height, left:left + width]
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)


# Portrait


class Affine:
    """point -> matrix · point + offset, with one scale."""

    def __init__(self, matrix, offset):
        self.matrix, self.offset = matrix, offset
        self.scale = math.sqrt(abs(np.linalg.det(matrix)))

    def apply(self, points):
        return points @ self.matrix.T + self.offset

    def inverse(self):
        matrix = np.linalg.inv(self.matrix)
        return Affine(matrix, -matrix @ self.offset)


def crop_map(landmarks, crop, side):
    """The map from the portrait to a crop of `side` pixels."""
    eyes = [landmarks[list(eye), :2].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)]
    middle, mouth = (eyes[0] + eyes[1]) / 2, landmarks[list(MOUTH), :2].mean(0)
    x = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
    y = np.array([-x[1], x[0]])
    distance = max(abs((mouth - middle) @ y), 0.001)
    matrix = np.stack([x, y]) * (side / crop["unit"] * crop["eyeMouth"] / distance)
    target = np.array([crop["mouth"][0], crop["mouth"][1] - crop["eyeMouth"] / 2]) * side / crop["unit"]
    return Affine(matrix, target - matrix @ (middle + mouth) / 2)


def crop_side(landmarks, crop):
    """The side at which a crop shows the portrait about pixel by pixel."""
    natural = crop["unit"] / crop_map(landmarks, crop, crop["unit"]).scale
    side = math.floor(natural / crop["multiple"] + 0.5) * crop["multiple"]
    return min(max(side, crop["min"]), crop["max"])


class Portrait:
    """A picture [height, width, 3] of bytes and its landmarks [468, 3], ready to be animated by a head."""

    def __init__(self, head, picture, landmarks):
        crop = head.warp["crop"]
        self.picture = picture.astype(np.float64)
        self.height, self.width = picture.shape[:2]
        self.side = crop_side(landmarks, crop)
        self.map = crop_map(landmarks, crop, self.side)

        unit = crop_map(landmarks, crop, crop["unit"])
        in_unit = np.column_stack([unit.apply(landmarks[:, :2]), landmarks[:, 2] * unit.scale])
        names = [output.name for output in head.prepare.get_outputs()]
        self.prepared = dict(zip(names, head.prepare.run(None, {"landmarks": in_unit.astype(np.float32)})))

        source = self.picture / 255
        if self.map.scale < 1:
            source = gaussian(source, shrinking_sigma(self.map.scale))
        points = self.map.inverse().apply(grid(self.side, self.side))
        image = np.clip(Sampler(points, self.height, self.width).read(source), 0, 1)
        self.image = image.T.reshape(1, 3, self.side, self.side).astype(np.float32)
        self._plan_paste(crop["feather"])

    def _plan_paste(self, feather):
        low, high = -2, self.side + 2
        corners = self.map.inverse().apply(np.array([[low, low], [high, low], [low, high], [high, high]]))
        self.left, self.top = np.clip(np.floor(corners.min(0)).astype(int), 0, [self.width, self.height])
        self.right, self.bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [self.width, self.height])
        points = self.map.apply(grid(self.right - self.left, self.bottom - self.top, self.left, self.top))
        border = self.side // feather
        mask = np.zeros((self.side, self.side))
        mask[border:-border, border:-border] = 1
        self.mask = linear(gaussian(mask, border / 2.2), points)[:, None]
        self.sampler = Sampler(points, self.side, self.side)

    def paste(self, frame):
        """Puts a rendered crop [1, 3, side, side] into the picture; returns bytes [height, width, 3]."""
        crop = frame[0].transpose(1, 2, 0).astype(np.float64)
        if self.map.scale > 1:
            crop = gaussian(crop, shrinking_sigma(1 / self.map.scale))
        result = self.picture.copy()
        box = result[self.top:self.bottom, self.left:self.right]
        flat = box.reshape(-1, 3)
        flat = flat + self.mask * (self.sampler.read(crop) * 255 - flat)
        box[:] = flat.reshape(box.shape)
        return np.clip(np.round(result), 0, 255).astype(np.uint8)


# Head


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Head:
    """A head bundle of family `warp`."""

    def __init__(self, folder):
        with open(f"{folder}/head.json", encoding="utf8") as file:
            self.manifest = json.load(file)
        if self.manifest["format"] != 1 or self.manifest["family"] != "warp":
            raise ValueError(f"{folder} is not a warp head of format 1")
        self.folder = folder
        self.audio, self.warp = self.manifest["audio"], self.manifest["warp"]
        self.listen = session(f"{folder}/{self.audio['graph']}")
        self.prepare = session(f"{folder}/{self.warp['prepare']}")
        self.render = session(f"{folder}/{self.warp['render']}")

    def tracks(self, samples):
        """Speech at 16 kHz -> gated articulator tracks [outputs, articulators]."""
        mel = mel_columns(levelled(samples, self.audio.get("level")))
        window = audio_window(mel, self.audio)
        raw = self.listen.run([self.audio["output"]], {self.audio["input"]: window[None]})[0][0].T
        return raw * gate_of(mel, self.audio)[:, None]

    def controls(self, samples, fps=None, seed=0):
        """Speech at 16 kHz -> one row of control for every frame."""
        fps = fps or self.manifest["fps"]
        frames = max(1, math.ceil(len(samples) * fps / SAMPLE_RATE))
        return controls(self.tracks(samples), frames, fps, seed, self.warp, self.audio["hop"])

    def draw(self, portrait, control):
        """One rendered crop [1, 3, side, side]."""
        given = {**portrait.prepared, "image": portrait.image, "control": control[None].astype(np.float32)}
        return self.render.run(["frame"], {each.name: given[each.name] for each in self.render.get_inputs()})[0]

    def frame(self, portrait, control):
        """One frame, bytes [height, width, 3]."""
        return portrait.paste(self.draw(portrait, control))


# Files


def read_speech(path):
    """Samples -1 … 1 at 16 kHz, mono."""
    try:
        with wave.open(path) as file:
            if file.getsampwidth() != 2:
                raise wave.Error("not 16-bit")
            rate, channels = file.getframerate(), file.getnchannels()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels) / 32768
    except wave.Error:
        import soundfile
        samples, rate = soundfile.read(path, always_2d=True)
    samples = samples.mean(1)
    if rate != SAMPLE_RATE:
        from scipy.signal import resample_poly
        divisor = math.gcd(rate, SAMPLE_RATE)
        samples = resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor)
    return samples


def read_landmarks(path):
    """Points [468, 3] of a `.landmarks.json`."""
    with open(path, encoding="utf8") as file:
        points = np.array(json.load(file)["points"], np.float64)
    if points.shape != (468, 3):
        raise ValueError(f"{path}: expected 468 points of 3 numbers")
    return points


def read_picture(path):
    from PIL import Image
    return np.asarray(Image.open(path).convert("RGB"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("head")
    parser.add_argument("--speech")
    parser.add_argument("--portrait")
    parser.add_argument("--landmarks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=float)
    parser.add_argument("--frames", type=int, help="at most this many")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="write JPEG instead of PNG")
    parser.add_argument("-o", "--out", required=True, metavar="DIR")
    options = parser.parse_args()
    from PIL import Image

    head = Head(options.head)
    own = head.manifest.get("portrait", {})
    speech = options.speech or f"{head.folder}/{head.manifest['speech']}"
    picture = options.portrait or f"{head.folder}/{own['image']}"
    landmarks = options.landmarks or f"{head.folder}/{own['landmarks']}"
    portrait = Portrait(head, read_picture(picture), read_landmarks(landmarks))
    rows = head.controls(read_speech(speech), options.fps, options.seed)[:options.frames]
    os.makedirs(options.out, exist_ok=True)
    for index, control in enumerate(rows, 1):
        image = Image.fromarray(head.frame(portrait, control))
        if options.jpeg:
            image.save(f"{options.out}/frame_{index:06d}.jpg", quality=options.jpeg, subsampling=0)
        else:
            image.save(f"{options.out}/frame_{index:06d}.png")
    print(f"{len(rows)} frames of {portrait.width} x {portrait.height}, crop {portrait.side}")


if __name__ == "__main__":
    main()
