"""`viseme talk` as its users meet it: what it writes, what it says of broken input, and how it stops."""

import ctypes
import io
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
import wave
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from conftest import ROOT
from heads import wav2lip

HEAD = ROOT / "Graphs" / "default"
PORTRAIT, LANDMARKS = HEAD / "portrait.jpg", HEAD / "portrait.landmarks.json"
SIZE = (512, 512)
BINARY = Path(os.environ.get("VISEME_BINARY", ROOT / ".build" / "release" / "viseme"))
SECONDS = 0.3
FRAMES = 8


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not os.access(BINARY, os.X_OK):
        pytest.fail(
            f"{BINARY} is missing: build it with `swift build -c release --product viseme`, or name one by "
            "VISEME_BINARY", pytrace=False)


def viseme(*arguments, program=BINARY, timeout=30, **options) -> subprocess.CompletedProcess:
    """The finished program, whatever its status; its standard error as text. A program that hangs fails the test."""
    environment = {**os.environ, "VISEME_HEADS": str(HEAD.parent), **options.pop("environment", {})}
    done = subprocess.run(
        [str(program), *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=timeout,
        env=environment, **{"stdout": subprocess.PIPE, **options})
    done.stderr = done.stderr.decode("utf8")
    return done


def talk(*arguments, **options) -> subprocess.CompletedProcess:
    return viseme("talk", *arguments, **options)


def write_speech(path: Path, seconds=SECONDS, rate=16_000, channels=1) -> Path:
    """Something like vowels: a gliding tone with overtones, louder and softer."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (140 * t + 10 * np.sin(5 * t))
    sound = sum(np.sin(k * phase) / k for k in range(1, 12)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))
    samples = np.repeat((6000 * sound).astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def speech(tmp_path_factory) -> Path:
    return write_speech(tmp_path_factory.mktemp("speech") / "speech.wav")


@pytest.fixture(scope="session")
def expected(speech, tmp_path_factory) -> list[bytes]:
    """The frames of a plain run."""
    folder = tmp_path_factory.mktemp("plain") / "frames"
    done = talk("--speech", speech, "-o", folder)
    assert done.returncode == 0, done.stderr
    return frames(folder)


def frames(folder: Path) -> list[bytes]:
    """The frames of a folder that must hold nothing else: all whole, numbered from 1."""
    names = sorted(os.listdir(folder))
    assert names == [f"frame_{number + 1:06}.jpg" for number in range(len(names))]
    found = [(folder / name).read_bytes() for name in names]
    for name, jpeg in zip(names, found):
        assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9", f"{name} is not a whole JPEG"
    return found


def pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG" and image.mode == "RGB"
        return np.asarray(image, dtype=np.float64)


def psnr(a: bytes, b: bytes) -> float:
    error = np.mean((pixels(a) - pixels(b)) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def check_refusal(done: subprocess.CompletedProcess, *reasons: str) -> None:
    """One line on standard error that matches every one of `reasons`, and status 1."""
    assert done.returncode == 1, f"status {done.returncode}: {done.stderr}"
    assert done.stderr.endswith("\n") and done.stderr.count("\n") == 1, done.stderr
    assert len(done.stderr) < 2000 and not done.stdout
    for reason in reasons:
        assert re.search(reason, done.stderr, re.IGNORECASE), f"“{done.stderr.strip()}” does not say “{reason}”"


# Runs that work


def test_frames_are_whole_and_numbered(expected):
    assert len(expected) == FRAMES == math.ceil(SECONDS * 25)
    assert all(pixels(jpeg).shape == (SIZE[1], SIZE[0], 3) for jpeg in expected)


def test_the_face_moves(expected):
    assert min(psnr(expected[0], jpeg) for jpeg in expected[1:]) < 45


def test_everything_has_a_default(tmp_path):
    done = talk("-o", tmp_path / "frames", "--duration", 0.1)
    assert done.returncode == 0 and len(frames(tmp_path / "frames")) == 3
    assert not done.stdout and "3 frames of 512 × 512" in done.stderr


def test_json_summary(speech, tmp_path):
    sheet = tmp_path / "sheet.jpg"
    done = talk("--speech", speech, "-o", tmp_path / "frames", "--contact-sheet", sheet, "--json")
    assert done.returncode == 0 and not done.stderr
    summary = json.loads(done.stdout)
    kinds = {
        "frames": int, "width": int, "height": int, "fps": (int, float), "filmSeconds": float, "wallSeconds": float,
        "firstFrameSeconds": float, "framesPerSecond": float, "realTimeFactor": float, "peakMemoryBytes": int,
        "head": str, "portrait": str, "speech": str, "output": str, "contactSheet": str,
    }
    assert set(summary) == set(kinds)
    for key, kind in kinds.items():
        assert isinstance(summary[key], kind), key
    assert [summary[key] for key in ("frames", "width", "height", "fps")] == [FRAMES, *SIZE, 25]
    assert summary["filmSeconds"] == pytest.approx(FRAMES / 25)
    assert 0 < summary["firstFrameSeconds"] <= summary["wallSeconds"]
    assert summary["framesPerSecond"] == pytest.approx(FRAMES / summary["wallSeconds"])
    assert summary["realTimeFactor"] == pytest.approx(summary["filmSeconds"] / summary["wallSeconds"])
    assert 1 << 20 < summary["peakMemoryBytes"] < 1 << 30
    assert summary["speech"] == str(speech) and summary["contactSheet"] == str(sheet)
    with Image.open(sheet) as image:
        assert image.size == (5 * 192, 2 * 192)


def test_quiet_prints_nothing(speech, tmp_path):
    done = talk("--speech", speech, "-o", tmp_path / "frames", "--quiet")
    assert done.returncode == 0 and not done.stdout and not done.stderr


def test_stream(speech, expected):
    done = talk("--speech", speech, "-o", "-", "--quiet")
    assert done.returncode == 0 and done.stdout == b"".join(expected)
    assert done.stdout.count(b"\xff\xd8\xff") == done.stdout.count(b"\xff\xd9") == FRAMES


@pytest.mark.parametrize("fps, count", [("30000/1001", 9), ("29.97", 9), ("10", 3), ("1", 1), ("24", 8)])
def test_frame_rates(speech, tmp_path, fps, count):
    done = talk("--speech", speech, "-o", tmp_path, "--fps", fps, "--json")
    assert done.returncode == 0 and len(frames(tmp_path)) == count
    assert json.loads(done.stdout)["fps"] == pytest.approx(float(fps.split("/")[0]) / float((fps + "/1").split("/")[1]))


@pytest.mark.parametrize(
    "part, count",
    [(("--start", 0.1), 5), (("--duration", 0.1), 3), (("--start", 0.1, "--duration", 0.04), 1),
     (("--start", 0.2, "--duration", 9), 3)])
def test_parts_of_the_speech(speech, tmp_path, part, count):
    done = talk("--speech", speech, "-o", tmp_path, *part)
    assert done.returncode == 0 and len(frames(tmp_path)) == count


@pytest.mark.parametrize("rate, channels", [(44_100, 2), (8_000, 1)])
def test_other_kinds_of_sound(tmp_path, rate, channels):
    sound = write_speech(tmp_path / "speech.wav", rate=rate, channels=channels)
    assert talk("--speech", sound, "-o", tmp_path / "frames").returncode == 0
    assert len(frames(tmp_path / "frames")) == FRAMES


@pytest.mark.parametrize("samples", [0, 1, 160])
def test_very_short_silence(tmp_path, samples):
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * samples)
    assert talk("--speech", tmp_path / "one.wav", "-o", tmp_path / "frames").returncode == 0
    assert len(frames(tmp_path / "frames")) == 1


def test_own_portrait_with_landmarks(speech, tmp_path):
    """A PNG of another size, with points that were scaled along."""
    with Image.open(PORTRAIT) as image:
        image.resize((300, 300)).save(tmp_path / "me.png")
    points = json.loads(LANDMARKS.read_text(encoding="utf8"))
    scaled = {"width": 300, "height": 300, "points": [[300 / 512 * v for v in point] for point in points["points"]]}
    (tmp_path / "me.json").write_text(json.dumps(scaled), encoding="utf8")
    done = talk(
        "--portrait", tmp_path / "me.png", "--landmarks", tmp_path / "me.json", "--speech", speech, "-o",
        tmp_path / "frames")
    assert done.returncode == 0 and pixels(frames(tmp_path / "frames")[0]).shape == (300, 300, 3)


@pytest.mark.parametrize(
    "options", [(), ("--threads", 1), ("--threads", 2), ("--threads", "auto", "--cores", "big"), ("--seed", 0)], ids=str)
def test_frames_do_not_depend_on(speech, expected, tmp_path, options):
    assert talk("--speech", speech, "-o", tmp_path, *options).returncode == 0
    assert frames(tmp_path) == expected


def test_one_line_says_what_was_measured_on_what(speech, tmp_path):
    done = talk("--speech", speech, "--line", "--threads", 2, cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr and done.stdout.count(b"\n") == 1
    line = json.loads(done.stdout)
    assert line["figures"]["frames"] == FRAMES and line["figures"]["framesPerSecond"] > 0 and line["threads"] == 2
    assert line["machine"]["architecture"] == os.uname().machine and line["machine"]["kernel"] == os.uname().release
    assert sum(len(kind["numbers"]) for kind in line["machine"]["cores"]) >= len(line["cores"]) > 0
    assert line["machine"]["level"] in ("scalar", "avx2", "avx512", "avx512vnni", "neon", "dotprod", "i8mm")
    assert not list(tmp_path.iterdir())


def test_another_seed_moves_the_head_otherwise(speech, expected, tmp_path):
    assert talk("--speech", speech, "-o", tmp_path, "--seed", 1).returncode == 0
    assert frames(tmp_path) != expected


def test_instruction_sets_agree(speech, tmp_path):
    found = {}
    for level in ("", "scalar", "avx2"):
        folder = tmp_path / f"frames{level}"
        # An instruction set that the processor lacks is replaced by the best one below it.
        environment = {"VISEME_CPU": level} if level else {}
        done = talk("--speech", speech, "--duration", 0.12, "-o", folder, environment=environment)
        assert done.returncode == 0, done.stderr
        found[level] = frames(folder)
        assert len(found[level]) == 3 and all(psnr(a, b) >= 45 for a, b in zip(found[level], found[""]))


def test_older_frames_are_named(speech, tmp_path):
    assert talk("--speech", speech, "-o", tmp_path).returncode == 0
    done = talk("--speech", speech, "-o", tmp_path, "--duration", 0.1)
    assert done.returncode == 0 and len(frames(tmp_path)) == FRAMES
    assert f"{FRAMES - 3} frames of an earlier, longer run, from frame_000004.jpg on" in done.stderr


def test_quality_and_chroma(speech, expected, tmp_path):
    assert talk("--speech", speech, "-o", tmp_path, "--quality", 30, "--duration", 0.04).returncode == 0
    assert len(frames(tmp_path)[0]) < 0.6 * len(expected[0])
    assert talk("--speech", speech, "-o", tmp_path, "--chroma", 444, "--duration", 0.04).returncode == 0
    assert len(frames(tmp_path)[0]) > len(expected[0])


def test_help_and_version():
    for arguments in (["--help"], ["talk", "--help"], ["help", "talk"], ["--version"]):
        done = viseme(*arguments)
        assert done.returncode == 0 and done.stdout and not done.stderr, arguments
    assert re.fullmatch(rb"\d+\.\d+\.\d+\n", viseme("--version").stdout)
    text = talk("--help").stdout
    for option in ("--portrait", "--speech", "--output", "--head", "--fps", "--json", "EXAMPLES", "EXIT CODES"):
        assert option.encode() in text


# Wrong usage


@pytest.mark.parametrize(
    "arguments",
    [(), ("--nonsense",), ("-o",), ("-o", "x", "extra"), ("-o", "x", "--quality", "0"), ("-o", "x", "--quality", "101"),
     ("-o", "x", "--threads", "0"), ("-o", "x", "--threads", "many"), ("-o", "x", "--fps", "0"),
     ("-o", "x", "--fps", "fast"), ("-o", "x", "--fps", "1/0"), ("-o", "x", "--fps", "1/2/3"),
     ("-o", "x", "--fps", "nan"), ("-o", "x", "--fps", "100000"), ("-o", "x", "--start=-1"),
     ("-o", "x", "--duration", "0"), ("-o", "x", "--duration", "nan"), ("-o", "x", "--chroma", "411"),
     ("-o", "x", "--seed=-1"), ("-o", "-", "--json"), ("-o", "-", "--line"), ("-o", "x", "--cores", "little"), ("-o", "x", "--cores", "1023")],
    ids=" ".join)
def test_wrong_usage(tmp_path, arguments):
    done = talk(*arguments, cwd=tmp_path)
    assert done.returncode == 64 and not done.stdout and "Usage: viseme talk" in done.stderr
    assert os.listdir(tmp_path) == []


def test_unknown_command():
    done = viseme("sing")
    assert done.returncode == 64 and "Usage: viseme" in done.stderr


# Broken input: each defect makes something else of a good file

HUGE = 20 << 30


def make_missing(path, good):
    path.unlink(missing_ok=True)


def make_empty(path, good):
    path.write_bytes(b"")


def make_truncated(path, good):
    path.write_bytes(good[: len(good) // 2])


def make_text(path, good):
    path.write_text("The quick brown fox jumps over the lazy dog.\n" * 20)


def make_noise(path, good):
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def make_sparse(path, good):
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, HUGE)


def make_sparse_tail(path, good):
    path.write_bytes(good)
    os.truncate(path, HUGE)


def make_folder(path, good):
    path.unlink(missing_ok=True)
    path.mkdir()


def make_pipe(path, good):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def make_device(path, good):
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def make_dangling(path, good):
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere")


def make_unreadable(path, good):
    path.write_bytes(good)
    path.chmod(0)


DEFECTS = [value for name, value in sorted(globals().items()) if name.startswith("make_")]


def without_privileges() -> None:
    """Takes away root's right to read and write everything."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)


def copy_head(folder: Path) -> Path:
    folder.mkdir()
    for name in ("head.json", "audio.onnx", "prep.onnx", "render.onnx", PORTRAIT.name, LANDMARKS.name):
        shutil.copyfile(HEAD / name, folder / name)
    return folder


# What is broken → the file's name, and the option that gives it when it is not part of a head.
TARGETS = {
    "speech": ("speech.wav", "--speech"),
    "portrait": ("portrait.jpg", "--portrait"),
    "landmarks": (LANDMARKS.name, "--landmarks"),
    "manifest": ("head.json", None),
    "audio graph": ("audio.onnx", None),
    "prepare graph": ("prep.onnx", None),
    "render graph": ("render.onnx", None),
}


CASES = [
    (target, defect) for target in TARGETS for defect in DEFECTS
    # Half a WAV file is a shorter WAV file; nothing reads what follows its samples.
    if target != "speech" or defect not in (make_truncated, make_sparse_tail)
]


@pytest.mark.parametrize("target, defect", CASES, ids=[f"{target}-{defect.__name__[5:]}" for target, defect in CASES])
def test_broken_input(speech, tmp_path, target, defect):
    name, option = TARGETS[target]
    if option:
        path, arguments = tmp_path / name, [option, tmp_path / name]
        good = (speech if target == "speech" else HEAD / name).read_bytes()
    else:
        head = copy_head(tmp_path / "head")
        path, arguments = head / name, ["--head", head]
        good = path.read_bytes()
    defect(path, good)
    if target != "speech":
        arguments += ["--speech", speech]
    out = tmp_path / "frames"
    done = talk(*arguments, "-o", out, preexec_fn=without_privileges)
    check_refusal(done, re.escape(name))
    assert not out.exists() or os.listdir(out) == []


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG of 8 × 8 pixels whose header says something else."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header, with a right checksum, says something else."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    "data", [jpeg_of(65_500, 65_500), jpeg_of(0, 8), png_of(2**31 - 1, 2**31 - 1), png_of(100_000, 8), png_of(0, 0)],
    ids=["jpeg-huge", "jpeg-flat", "png-huge", "png-wide", "png-nothing"])
def test_pictures_that_lie(speech, tmp_path, data):
    (tmp_path / "me.jpg").write_bytes(data)
    check_refusal(talk("--portrait", tmp_path / "me.jpg", "--speech", speech, "-o", tmp_path / "frames"), r"me\.jpg")


def test_files_under_a_wrong_name(speech, tmp_path):
    picture, sound = tmp_path / "speech.wav", tmp_path / "me.jpg"
    with Image.open(PORTRAIT) as image:
        image.save(picture, "PNG")
    shutil.copyfile(speech, sound)
    check_refusal(talk("--speech", picture, "-o", tmp_path / "frames"), r"speech\.wav", "not sound")
    check_refusal(talk("--portrait", sound, "-o", tmp_path / "frames"), r"me\.jpg", "neither a JPEG nor a PNG")
    check_refusal(talk("--speech", "/dev/zero", "-o", tmp_path / "frames"), "/dev/zero", "device")
    check_refusal(talk("--portrait", "/dev/zero", "-o", tmp_path / "frames"), "/dev/zero", "device")
    check_refusal(talk("--head", tmp_path, "-o", tmp_path / "frames"), r"head\.json", "no such file")
    check_refusal(talk("--head", sound, "-o", tmp_path / "frames"), r"me\.jpg", "folder")
    check_refusal(talk("--speech", "", "-o", tmp_path / "frames"))
    check_refusal(talk("--speech", tmp_path / "a\nb.wav", "-o", tmp_path / "frames"), "b.wav")


def wav_of(**changes) -> bytes:
    fields = {"format": 1, "channels": 1, "rate": 16_000, "bits": 16, "size": 3200, **changes}
    block = max(1, fields["channels"] * fields["bits"] // 8) & 0xFFFF
    head = struct.pack(
        "<HHIIHH", fields["format"], fields["channels"], fields["rate"], fields["rate"] * block & 0xFFFFFFFF, block,
        fields["bits"])
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", fields["size"]) + bytes(3200)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "changes",
    [{"channels": 0}, {"channels": 65_535}, {"rate": 0}, {"rate": 1}, {"rate": 2**32 - 1}, {"bits": 0},
     {"bits": 65_535}, {"format": 0x7777}],
    ids=str)
def test_sound_that_lies(tmp_path, changes):
    (tmp_path / "odd.wav").write_bytes(wav_of(**changes))
    check_refusal(talk("--speech", tmp_path / "odd.wav", "-o", tmp_path / "frames"), r"odd\.wav")


def test_start_after_the_end(speech, tmp_path):
    check_refusal(talk("--speech", speech, "--start", 5, "-o", tmp_path / "frames"), r"speech\.wav", "start")


# Hostile heads


@pytest.fixture
def hostile_head(tmp_path):
    """Copies the head, changes it, and returns what `viseme talk` says."""

    def run(speech, change) -> subprocess.CompletedProcess:
        head = copy_head(tmp_path / "head")
        change(head)
        return talk("--head", head, "--speech", speech, "-o", tmp_path / "frames")

    return run


def edit(*path_and_value):
    """Changes one value of the manifest."""

    def change(head: Path) -> None:
        *path, value = path_and_value
        manifest = json.loads((head / "head.json").read_text(encoding="utf8"))
        place = manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        (head / "head.json").write_text(json.dumps(manifest), encoding="utf8")

    return change


@pytest.mark.parametrize(
    "change",
    [("audio", "graph", "../audio.onnx"), ("audio", "graph", "/etc/passwd"), ("audio", "graph", "a/../../audio.onnx"),
     ("audio", "graph", ""), ("audio", "graph", "x" * 5000), ("audio", "graph", "a\0b"), ("warp", "render", "../../x"),
     ("portrait", "image", "../portrait.jpg"), ("portrait", "landmarks", "/dev/zero"), ("format", 2),
     ("family", "none"), ("fps", 0), ("fps", 1e300), ("fps", "25"), ("speling", 1), ("audio", "profile", "other"),
     ("audio", "hop", 0), ("audio", "hop", 10**15), ("audio", "before", 10**18), ("audio", "before", -5),
     ("audio", "gate", "hold", 10**17),
     ("audio", "gate", "fade", 0), ("audio", "gate", "fade", 2**62), ("audio", "input", "nothing"),
     ("audio", "output", "nothing"), ("warp", "articulators", []), ("warp", "articulators", ["jaw"] * 9),
     ("warp", "articulators", ["a"] * 10**4), ("warp", "smooth", []), ("warp", "gain", [1]), ("warp", "lead", 1e18),
     ("warp", "limit", -1), ("warp", "blink", "every", [0, 0]), ("warp", "blink", "every", [5, 1]),
     ("warp", "blink", "down", 0), ("warp", "brow", "window", 10**12), ("warp", "close", "span", 0),
     ("warp", "crop", "max", 10**9), ("warp", "crop", "unit", 0), ("warp", "crop", "feather", 0),
     ("warp", "crop", "multiple", 0), ("warp", "yaw", [[1, 2, 3]]), ("warp", "yaw", [[0.1, 1]] * 10**4)],
    ids=lambda change: re.sub(r"[^!-~]", "?", " ".join(map(str, change)))[:50])
def test_hostile_manifest(hostile_head, speech, change):
    # A wrong name of a graph's input or output is the graph's complaint.
    check_refusal(hostile_head(speech, edit(*change)), r"head\.json|audio\.onnx")


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"format": 1, "format": 1}', '{"a": ' * 50_000, "\ufeff{}", '{"a": 1e999}', "null"],
    ids=["deep-list", "twice", "deep-object", "mark", "infinite", "null"])
def test_hostile_json(hostile_head, speech, text):
    check_refusal(
        hostile_head(speech, lambda head: (head / "head.json").write_text(text, encoding="utf8")), r"head\.json")


@pytest.mark.parametrize("name", ["audio.onnx", "render.onnx", "portrait.jpg", LANDMARKS.name])
def test_links_out_of_the_head(hostile_head, speech, tmp_path, name):
    def change(head: Path) -> None:
        (head / name).rename(tmp_path / "outside")
        (head / name).symlink_to("../outside")

    check_refusal(hostile_head(speech, change), re.escape(name), "leaves the bundle")


@pytest.mark.parametrize(
    "points",
    [[[0, 0, 0]] * 468, [[1e5 * i, -1e5, 0] for i in range(468)], [[10, 10, 0]] * 467, [[1e30, 0, 0]] * 468,
     ["x"] * 468],
    ids=["one-place", "far", "few", "beyond", "words"])
def test_hostile_landmarks(speech, tmp_path, points):
    """Points without sense are refused or drawn, but never crash."""
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"width": 512, "height": 512, "points": points}), encoding="utf8")
    done = talk("--landmarks", path, "--speech", speech, "-o", tmp_path / "frames", "--quiet")
    if done.returncode:
        check_refusal(done, r"odd\.json")


def model(nodes, inputs, outputs, initializers=()) -> bytes:
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    graph = helper.make_graph(
        nodes, "g", [value(*each) for each in inputs], [value(*each) for each in outputs], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
MEL = [("mel", FLOAT, [1, 80, "n"])]
TRACKS = [("articulators", FLOAT, [1, 9, "t"])]
node = helper.make_node


def ints(name, *values):
    return helper.make_tensor(name, INT64, [len(values)], values)


def absurd_weight() -> bytes:
    weight = TensorProto(name="w", data_type=FLOAT, dims=[2**40, 2**40, 3], raw_data=b"\0" * 16)
    return model([node("Conv", ["mel", "w"], ["articulators"])], MEL, TRACKS, [weight])


def negative_weight() -> bytes:
    weight = TensorProto(name="w", data_type=FLOAT, dims=[-9, 80, 3], raw_data=b"\0" * 16)
    return model([node("Conv", ["mel", "w"], ["articulators"])], MEL, TRACKS, [weight])


def absurd_constant() -> bytes:
    return model(
        [node("ConstantOfShape", ["s"], ["c"]), node("ReduceSum", ["c"], ["r"], keepdims=0),
         node("Add", ["mel", "r"], ["articulators"])],
        MEL, TRACKS, [ints("s", 2**20, 2**20, 2**20)])


def absurd_expansion() -> bytes:
    return model([node("Expand", ["mel", "s"], ["articulators"])], MEL, TRACKS, [ints("s", 2**31, 2**31, 1, 80, 1)])


def absurd_padding() -> bytes:
    return model([node("Pad", ["mel", "p"], ["articulators"])], MEL, TRACKS, [ints("p", 0, 0, 2**62, 0, 0, 2**62)])


def absurd_range() -> bytes:
    scalar = lambda name, value: helper.make_tensor(name, INT64, [], [value])
    return model(
        [node("Range", ["a", "b", "c"], ["r"]), node("Cast", ["r"], ["f"], to=FLOAT),
         node("Add", ["f", "mel"], ["articulators"])],
        MEL, TRACKS, [scalar("a", 0), scalar("b", 2**62), scalar("c", 1)])


def absurd_kernel() -> bytes:
    return model(
        [node("MaxPool", ["mel"], ["articulators"], kernel_shape=[2**40], pads=[2**40, 2**40])], MEL, TRACKS)


def cycle() -> bytes:
    return model(
        [node("Add", ["mel", "b"], ["a"]), node("Add", ["a", "a"], ["b"]), node("Identity", ["b"], ["articulators"])],
        MEL, TRACKS)


def unknown_operator() -> bytes:
    return model([node("FlyToTheMoon", ["mel"], ["articulators"])], MEL, TRACKS)


def wrong_shape() -> bytes:
    return model([node("Relu", ["mel"], ["articulators"])], MEL, TRACKS)


def wrong_type() -> bytes:
    return model([node("Cast", ["mel"], ["articulators"], to=INT64)], MEL, [("articulators", INT64, [1, 9, "t"])])


def wrong_inputs() -> bytes:
    return model([node("Relu", ["sound"], ["articulators"])], [("sound", FLOAT, [1, 80, "n"])], TRACKS)


def two_inputs() -> bytes:
    return model([node("Add", ["mel", "x"], ["articulators"])], [*MEL, ("x", FLOAT, ["a", "b"])], TRACKS)


def division_by_zero() -> bytes:
    return model(
        [node("Cast", ["mel"], ["i"], to=INT64), node("Div", ["i", "z"], ["d"]),
         node("Cast", ["d"], ["articulators"], to=FLOAT)],
        MEL, TRACKS, [ints("z", 0)])


@pytest.mark.parametrize(
    "make",
    [absurd_weight, negative_weight, absurd_constant, absurd_expansion, absurd_padding, absurd_range, absurd_kernel,
     cycle, unknown_operator, wrong_shape, wrong_type, wrong_inputs, two_inputs, division_by_zero],
    ids=lambda make: make.__name__)
def test_hostile_audio_graph(hostile_head, speech, make):
    check_refusal(hostile_head(speech, lambda head: (head / "audio.onnx").write_bytes(make())), r"audio\.onnx")


def prepared(change) -> bytes:
    graph = onnx.load(HEAD / "prep.onnx")
    change(graph.graph)
    return graph.SerializeToString()


def as_integers(graph) -> None:
    output = graph.output[0]
    for each in graph.node:
        for index, name in enumerate(each.output):
            if name == output.name:
                each.output[index] = "before_cast"
    graph.node.append(node("Cast", ["before_cast"], [output.name], to=INT64))
    output.type.tensor_type.elem_type = INT64


@pytest.mark.parametrize(
    "change",
    [as_integers, lambda graph: graph.output.pop(),
     lambda graph: graph.ClearField("output"), lambda graph: graph.ClearField("node"),
     lambda graph: graph.node.append(graph.node[0])],
    ids=["integers", "output-missing", "no-outputs", "no-nodes", "node-twice"])
def test_hostile_prepare_graph(hostile_head, speech, change):
    data = prepared(change)
    check_refusal(hostile_head(speech, lambda head: (head / "prep.onnx").write_bytes(data)), r"\w+\.onnx")


def test_a_graph_that_lists_an_output_twice(hostile_head, speech):
    data = prepared(lambda graph: graph.output.append(graph.output[0]))
    done = hostile_head(speech, lambda head: (head / "prep.onnx").write_bytes(data))
    assert done.returncode == 0, done.stderr


def test_no_head_and_no_face_models(speech, tmp_path):
    """A binary away from its clone finds only what VISEME_HEADS names."""
    program = tmp_path / "viseme"
    shutil.copy2(BINARY.resolve(), program)
    heads = tmp_path / "heads"
    heads.mkdir()
    options = {"program": program, "environment": {"VISEME_HEADS": str(heads)}}
    check_refusal(talk("--speech", speech, "-o", tmp_path / "frames", **options), "no head", str(heads), "VISEME_HEADS")
    copy_head(heads / "default")
    done = talk("--portrait", PORTRAIT, "--speech", speech, "-o", tmp_path / "frames", **options)
    check_refusal(done, "face models", f"{heads}/face", "Tools/get-face-models", "--landmarks")
    assert not (tmp_path / "frames").exists()


# Video: a script in ffmpeg's place keeps what it is given


def fake_ffmpeg(folder: Path, script: str) -> dict:
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"environment": {"PATH": f"{folder}:{os.environ['PATH']}"}}


def test_video(speech, expected, tmp_path):
    options = fake_ffmpeg(
        tmp_path / "bin", 'echo "$@" >"$(dirname "$0")/arguments"; for last; do :; done; cat >"${last#file:}"')
    video = tmp_path / "a: b.mp4"
    done = talk("--speech", speech, "--video", video, "--start", 0, "--quiet", **options)
    assert done.returncode == 0 and not done.stderr
    assert video.read_bytes() == b"".join(expected)
    assert f" file:{speech} " in (tmp_path / "bin" / "arguments").read_text()
    assert sorted(os.listdir(tmp_path)) == ["a: b.mp4", "bin"]


@pytest.mark.parametrize("script", ["exit 1", "cat >/dev/null; exit 1", "head -c 10 >/dev/null; kill -9 $$"])
def test_video_that_fails(speech, tmp_path, script):
    options = fake_ffmpeg(tmp_path / "bin", script)
    check_refusal(talk("--speech", speech, "--video", tmp_path / "film.mp4", **options), "ffmpeg")
    assert os.listdir(tmp_path) == ["bin"]


def test_video_without_ffmpeg(speech, tmp_path):
    done = talk("--speech", speech, "--video", tmp_path / "film.mp4", environment={"PATH": str(tmp_path)})
    assert done.returncode == 64 and "ffmpeg, which is not installed" in done.stderr


@pytest.mark.parametrize("name", ["film", "film.gif", "film.webm"])
def test_video_of_another_kind_is_refused_at_once(speech, tmp_path, name):
    done = talk("--speech", speech, "--video", tmp_path / name, **fake_ffmpeg(tmp_path / "bin", "exit 1"))
    assert done.returncode == 64 and ".mp4" in done.stderr and name in done.stderr


# Heads that paint the face


@pytest.fixture(scope="session")
def painter(tmp_path_factory) -> Path:
    """A narrow Wav2Lip head of seeded weights."""
    folder = tmp_path_factory.mktemp("heads") / "wav2lip"
    wav2lip.write_bundle(folder, 0, True, HEAD)
    return folder


def test_painted_frames_differ_in_the_face_only(painter, speech, tmp_path):
    done = talk("--head", painter, "--speech", speech, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    found = frames(tmp_path)
    assert len(found) == FRAMES
    with Image.open(PORTRAIT) as image:
        portrait = np.asarray(image.convert("RGB"), dtype=np.float64)
    points = np.array(json.loads(LANDMARKS.read_text(encoding="utf8"))["points"])
    (left, top), (right, bottom) = points[:, :2].min(0).astype(int) - 20, points[:, :2].max(0).astype(int) + 30
    change = np.abs(pixels(found[0]) - portrait).mean(axis=2)
    inside = change[top:bottom, left:right].copy()
    change[top:bottom, left:right] = 0
    assert inside.mean() > 2 > 1 > change.mean()


@pytest.mark.parametrize("names, problem", [([], "holds no .jpg"), (["b.txt"], "holds no .jpg")], ids=["empty", "text"])
def test_folders_without_pictures(painter, speech, tmp_path, names, problem):
    folder = tmp_path / "me"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x")
    done = talk("--head", painter, "--portrait", folder, "--speech", speech, "-o", tmp_path / "frames")
    check_refusal(done, "/me: ", problem)


# Output that cannot be written


def test_full_device(speech):
    with open("/dev/full", "wb") as full:
        check_refusal(talk("--speech", speech, "-o", "-", stdout=full), "standard output", "no space")


def test_closed_pipe(speech):
    ends = os.pipe()
    os.close(ends[0])
    try:
        check_refusal(talk("--speech", speech, "-o", "-", stdout=ends[1]), "standard output", "closed the pipe")
    finally:
        os.close(ends[1])


def test_reader_that_leaves(speech):
    script = 'set -o pipefail; "$0" talk --speech "$1" -o - | head -c 1000 >/dev/null; echo "${PIPESTATUS[0]}"'
    done = viseme("-c", script, BINARY, speech, program="/bin/bash")
    assert done.stdout == b"1\n" and done.stderr.count("\n") == 1 and "closed the pipe" in done.stderr


def limit_files(byte_count: int):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, byte_count))

    return limit


def test_no_room_for_frames(speech, expected, tmp_path):
    smallest = min(map(len, expected))
    done = talk("--speech", speech, "-o", tmp_path, preexec_fn=limit_files(smallest // 2), restore_signals=False)
    check_refusal(done, r"frame_000001\.jpg", "too large")
    assert os.listdir(tmp_path) == []


def test_no_room_for_the_sheet(speech, tmp_path):
    done = talk(
        "--speech", speech, "--contact-sheet", tmp_path / "sheet.jpg", preexec_fn=limit_files(1000),
        restore_signals=False)
    check_refusal(done, r"sheet\.jpg", "too large")
    assert os.listdir(tmp_path) == []


def test_targets_that_cannot_be_written(speech, tmp_path):
    closed, file = tmp_path / "closed", tmp_path / "file"
    closed.mkdir(mode=0o555)
    file.write_text("precious")
    run = lambda *arguments: talk("--speech", speech, *arguments, preexec_fn=without_privileges)
    check_refusal(run("-o", closed), "closed", "permission denied")
    check_refusal(run("-o", closed / "frames"), "closed/frames", "permission denied")
    check_refusal(run("-o", "/proc/frames"), "/proc/frames")
    check_refusal(run("-o", file), "file")
    check_refusal(run("-o", file / "frames"), "file/frames")
    check_refusal(run("-o", ""))
    check_refusal(run("--contact-sheet", closed / "sheet.jpg"), r"sheet\.jpg", "permission denied")
    check_refusal(run("--contact-sheet", tmp_path / "none" / "sheet.jpg"), r"sheet\.jpg", "no such file")
    check_refusal(run("--contact-sheet", tmp_path), re.escape(tmp_path.name))
    assert os.listdir(closed) == [] and file.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["closed", "file"]


# Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopping_in_the_middle(tmp_path, number):
    sound = write_speech(tmp_path / "long.wav", seconds=120)
    out = tmp_path / "frames"
    process = subprocess.Popen(
        [str(BINARY), "talk", "--speech", sound, "-o", out], env={**os.environ, "VISEME_HEADS": str(HEAD.parent)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while not (out / "frame_000003.jpg").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        message = process.communicate(timeout=10)[1].decode()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130 and message.count("\n") == 1
    found = frames(out)
    assert 3 <= len(found) < 3000 and f"stopped after {len(found)} frames" in message
    assert pixels(found[-1]).shape == (SIZE[1], SIZE[0], 3)
