"""The gan reference host against definitions written another way, and the comparison of frames."""

import json
import math
import sys
from fractions import Fraction

import numpy as np
import pytest

from conftest import ROOT, TOOLS

sys.path[:0] = [str(TOOLS / "reference"), str(TOOLS / "train-default-head")]

import compare_frames  # noqa: E402
import gan  # noqa: E402
import host  # noqa: E402
from heads import wav2lip  # noqa: E402

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(60)])
def test_windows_do_not_drift_in_an_hour(fps):
    columns = 80 * 3600 + 1
    frames = math.ceil(3600 * fps)
    for index in [*range(1000), *range(frames - 1000, frames)]:
        exact = min(math.floor(80 * index / fps), columns - 16)
        assert gan.window_start(index, float(fps), columns, 16) == exact
    assert abs(gan.window_start(frames - 20, float(fps), columns, 16) / 80 - (frames - 20) / float(fps)) < 1 / 80


def test_the_last_window_repeats_and_short_speech_is_padded():
    assert [gan.window_start(index, 25, 40, 16) for index in (0, 1, 7, 8, 100)] == [0, 3, 22, 24, 24]
    assert gan.window_start(3, 25, 10, 16) == 0


def test_portrait_frames_go_forth_and_back():
    assert [gan.back_and_forth(index, 3) for index in range(8)] == [0, 1, 2, 2, 1, 0, 0, 1]
    assert [gan.back_and_forth(index, 1) for index in range(3)] == [0, 0, 0]


def test_boxes_are_means_of_those_that_follow():
    edges = np.arange(7.0)[:, None].repeat(4, 1)
    assert gan.smoothed(edges, 3)[:, 0].tolist() == [1, 2, 3, 4, 5, 5, 5]
    assert gan.smoothed(edges[:2], 5)[:, 0].tolist() == [0.5, 0.5]


def test_pads_stay_inside_the_picture():
    landmarks = np.array([[10.0, 5.0, 0], [90.0, 95.0, 0]])
    assert gan.face_edges(landmarks, [20, 10, 1, 2], 100, 100).tolist() == [9, 0, 92, 100]


def test_resizing_follows_pixel_centres():
    row = np.array([[0.0, 10.0, 20.0, 30.0]])
    np.testing.assert_allclose(gan.resized(row, 2, 1), [[5, 25]])
    np.testing.assert_allclose(gan.resized(row, 8, 1), [[0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30]])
    image = np.random.default_rng(1).random((5, 7, 3))
    np.testing.assert_allclose(gan.resized(image, 7, 5), image, atol=1e-12)
    np.testing.assert_allclose(gan.resized(np.ones((3, 1, 1)), 4, 9), 1)


def test_the_edge_fades():
    mask = gan.soft_rectangle(100, 50, 0.12)[..., 0]
    assert mask.shape == (50, 100)
    assert mask[25, 50] == 1 and mask[0, 50] < 0.1 and mask[25, 0] < 0.05
    np.testing.assert_allclose(mask, mask[::-1, ::-1])
    assert (gan.soft_rectangle(4, 4, 0) == 1).all()


def test_psnr():
    black = np.zeros((4, 4, 3), np.uint8)
    assert compare_frames.psnr(black, black) == compare_frames.LOSSLESS
    assert compare_frames.psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A narrow Wav2Lip head with half a second of sound of its own."""
    folder = tmp_path_factory.mktemp("heads") / "wav2lip"
    wav2lip.write_bundle(folder, 1, True, ROOT / "Graphs" / "default")
    import soundfile

    random = np.random.default_rng(5)
    time = np.arange(8000) / host.SAMPLE_RATE
    sound = 0.3 * np.sin(2 * np.pi * (200 + 400 * time) * time) + 0.02 * random.standard_normal(len(time))
    soundfile.write(folder / "speech.wav", sound, host.SAMPLE_RATE)
    return folder


@pytest.fixture
def viseme(tmp_path):
    """A program that takes the options of `viseme talk` and renders by the reference; `bias` spoils its frames."""
    def make(bias=0, drop=0):
        program = tmp_path / "viseme"
        program.write_text(f"""#!{sys.executable}
import sys
sys.path[:0] = [{str(TOOLS / "reference")!r}]
from pathlib import Path
import numpy as np
import ort_talk
arguments = sys.argv[1:]
assert arguments.pop(0) == "talk"
arguments.remove("--quiet")
for option in ("--chroma", "--threads"):
    if option in arguments:
        at = arguments.index(option)
        del arguments[at:at + 2]
write = ort_talk.write_jpeg
ort_talk.write_jpeg = lambda path, frame, *rest: write(path, np.clip(frame.astype(int) + {bias}, 0, 255).astype(np.uint8),
                                                       *rest)
status = ort_talk.main(arguments)
for file in sorted(Path(arguments[arguments.index("-o") + 1]).glob("*.jpg"))[:{drop}]:
    file.unlink()
sys.exit(status)
""")
        program.chmod(0o755)
        return program

    return make


def test_equal_frames_pass_and_the_report_says_how_they_were_made(head, viseme, tmp_path, capsys):
    report = tmp_path / "results" / "frames.json"
    assert compare_frames.main(["--head", str(head), "--viseme", str(viseme()), "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert result["frames"] == len(result["rows"]) == 13
    assert result["psnr"]["least"] > 45 and result["below"] == []
    assert {"command", "date", "machine", "versions"} <= set(result)
    assert "13 frames" in capsys.readouterr().out


def test_other_frames_fail(head, viseme, capsys):
    assert compare_frames.main(["--head", str(head), "--viseme", str(viseme(bias=3)), "--duration", "0.1"]) == 1
    assert "3 frames are below 45 dB" in capsys.readouterr().out


def test_missing_frames_and_programs_cannot_be_compared(head, viseme, tmp_path, capsys):
    assert compare_frames.main(["--head", str(head), "--viseme", str(viseme(drop=1)), "--duration", "0.1"]) == 2
    assert "2 frames, the reference has 3" in capsys.readouterr().err
    assert compare_frames.main(["--head", str(head), "--viseme", str(tmp_path / "none")]) == 2
    assert compare_frames.main(["--head", str(tmp_path), "--viseme", str(viseme())]) == 2


def test_the_default_head_renders(viseme):
    head = ROOT / "Graphs" / "default"
    assert compare_frames.main(["--head", str(head), "--viseme", str(viseme()), "--duration", "0.1"]) == 0
