"""The default head and the scripts that make it. Needs numpy, onnx, onnxruntime and pytest only."""

import collections
import json
import math
import os
import sys

import numpy as np
import onnx
import pytest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(TOOLS, "train-default-head")
HEAD = os.path.join(os.path.dirname(TOOLS), "Graphs", "default")
sys.path.insert(0, SCRIPTS)

import facemesh  # noqa: E402
import host  # noqa: E402
import make_graphs  # noqa: E402
import utterance  # noqa: E402
import visemes  # noqa: E402

OPERATORS = set("""Add Sub Mul Div Min Max Clip Sigmoid MatMul Concat Slice Split Pad Resize GridSample ReduceMean
ReduceSum Reshape Transpose Gather Unsqueeze Squeeze Cast Shape Where Exp Sqrt Reciprocal Neg Pow Conv Relu
Constant""".split())


@pytest.fixture(scope="module")
def head():
    return host.Head(HEAD)


@pytest.fixture(scope="module")
def points(head):
    return host.read_landmarks(f"{HEAD}/{head.manifest['portrait']['landmarks']}")


@pytest.fixture(scope="module")
def portrait(head, points):
    y, x = np.mgrid[:512, :512]
    picture = np.stack([x / 2, y / 2, 128 + 60 * np.sin(x / 9) * np.sin(y / 11)], 2).astype(np.uint8)
    return host.Portrait(head, picture, points)


def control(**values):
    return np.array([values.get(name, 0) for name in make_graphs.CONTROL], np.float32)


# The label teacher


def test_every_target_is_an_articulator_and_every_sound_has_one_class():
    symbols = [symbol for _, sounds, _ in visemes.TARGETS for symbol in sounds.split()]
    assert [s for s, n in collections.Counter(symbols).items() if n > 1] == []
    for kind, _, target in visemes.TARGETS:
        assert kind in visemes.CLASSES
        assert set(target) <= set(visemes.ARTICULATORS)
    for governed in visemes.GOVERNS.values():
        assert set(governed) <= set(visemes.ARTICULATORS)


def test_lips_meet_in_a_bilabial_and_part_in_a_vowel():
    phones = [("_", 0, .3), ("a", .3, .5), ("m", .5, .6), ("a", .6, .8), ("_", .8, 1.2)]
    tracks = visemes.tracks(phones, np.arange(96) / 80)
    jaw, close = (tracks[:, visemes.ARTICULATORS.index(name)] for name in ("jaw", "close"))
    assert close[44] > .8 and close[32] < .2
    assert jaw[32] > .5 > jaw[44]
    assert tracks[2].max() < .05


def test_symbols_lose_their_marks():
    assert [visemes.plain(s) for s in ("ˈaː", "tʰ", "ɑ̃", "dʒ")] == ["a", "t", "ɑ", "dʒ"]


def test_a_stress_mark_is_the_beginning_of_the_next_sound_and_a_length_mark_the_end_of_the_last():
    assert utterance.join_marks(list("tˈaːn"), [.1, .2, .3, .4, .5]) == [("t", 0, .1), ("a", .1, .4), ("n", .4, .5)]


# The reference host


def test_random_numbers_are_splitmix64():
    assert host.SplitMix64(0).uniform(0, 1) == (0xE220A8397B1DCDAF >> 11) * 2.0**-53


def test_mel_columns_of_silence_and_of_a_tone():
    silence = host.mel_columns(np.zeros(1600))
    assert silence.shape == (80, 9) and (silence == -4).all()
    tone = host.mel_columns(np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000) * .1)
    peak = int(tone[:, 40].argmax())
    assert abs(np.diff(tone[peak, 5:-5])).max() < .01
    # Bins are evenly spaced in Slaney's mels: 1000 Hz is 15 of them.
    def mel(f):
        return f * 3 / 200 if f < 1000 else 15 + math.log(f / 1000) * 27 / math.log(6.4)
    assert abs(peak - ((15 - mel(55)) / (mel(7600) - mel(55)) * 81 - 1)) <= 1


def test_level_ignores_gain():
    samples = np.random.default_rng(0).standard_normal(4000) * .02
    level = {"rms": .08, "active": .02}
    assert np.allclose(host.levelled(samples, level), host.levelled(samples * 7, level), rtol=1e-3)


def test_cubic_kernel_sums_to_one():
    for part in np.linspace(0, 1, 11):
        assert math.isclose(host.keys(part - np.arange(-1, 3)).sum(), 1, abs_tol=1e-9)


def test_crop_puts_eyes_level_and_the_mouth_in_its_place(head, points):
    angle = math.radians(11)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = np.column_stack([points[:, :2] @ turn.T * 1.7 + 40, points[:, 2]])
    crop = head.warp["crop"]
    placed = host.crop_map(turned, crop, crop["unit"]).apply(turned[:, :2])
    left, right, mouth = (placed[list(p)].mean(0) for p in (host.LEFT_EYE, host.RIGHT_EYE, host.MOUTH))
    assert math.isclose(left[1], right[1], abs_tol=1e-6)
    assert math.isclose(mouth[1] - left[1], crop["eyeMouth"], rel_tol=1e-6)
    middle = (left + right) / 2
    assert np.allclose((middle + mouth) / 2, [crop["mouth"][0], crop["mouth"][1] - crop["eyeMouth"] / 2])
    side = host.crop_side(turned, crop)
    assert side % crop["multiple"] == 0 and crop["min"] <= side <= crop["max"]


def test_the_gate_is_shut_in_silence_and_open_in_speech(head):
    mel = np.full((80, 400), -4, np.float32)
    mel[:, 200:240] = 0
    gate = host.gate_of(mel, head.audio)
    assert gate[:90].max() == 0 and gate[100:120].min() == 1 and gate[130:].max() == 0
    assert len(gate) == 200


def test_control_rows_keep_their_bounds_and_depend_on_the_seed_only(head):
    tracks = np.random.default_rng(1).random((400, 9)) * 1.3 - .2
    rows = host.controls(tracks, 250, 25, 3, head.warp, head.audio["hop"])
    assert rows.shape == (250, len(make_graphs.CONTROL))
    assert rows[:, :9].min() >= 0 and rows[:, :9].max() <= head.warp["limit"] + 1e-6
    assert np.array_equal(rows, host.controls(tracks, 250, 25, 3, head.warp, head.audio["hop"]))
    other = host.controls(tracks, 250, 25, 4, head.warp, head.audio["hop"])
    assert np.array_equal(rows[:, :9], other[:, :9]) and not np.array_equal(rows[:, 9], other[:, 9])
    assert rows[:, make_graphs.CONTROL.index("blink")].max() > .5


# The bundle


def test_graphs_agree_with_the_manifest(head):
    with open(f"{HEAD}/head.json", encoding="utf8") as file:
        manifest = json.load(file)
    assert manifest["warp"]["articulators"] == visemes.ARTICULATORS
    assert manifest["warp"]["crop"]["unit"] == make_graphs.CROP
    assert head.render.get_inputs()[-1].shape == [1, len(visemes.ARTICULATORS) + 4]
    produced = {output.name: output.shape for output in head.prepare.get_outputs()}
    wanted = {each.name: each.shape for each in head.render.get_inputs() if each.name not in ("image", "control")}
    assert produced == wanted
    for name in ("audio", "prep", "render"):
        model = onnx.load(f"{HEAD}/{name}.onnx")
        assert [o.version for o in model.opset_import] == [17]
        assert {node.op_type for node in model.graph.node} <= OPERATORS


def test_the_audio_graph_gives_the_same_in_pieces(head):
    audio = head.audio
    mel = np.random.default_rng(2).uniform(-4, 2, (80, 120)).astype(np.float32)
    window = host.audio_window(mel, audio)
    outputs = mel.shape[1] // audio["hop"]
    assert window.shape[1] == audio["hop"] * outputs + audio["before"] + audio["after"] - (audio["hop"] - 1)

    def run(part):
        return head.listen.run(None, {audio["input"]: part[None]})[0][0]

    whole = run(window)
    assert whole.shape == (len(visemes.ARTICULATORS), outputs)
    reach = audio["before"] + audio["after"] + 1
    pieces = [run(window[:, audio["hop"] * k:audio["hop"] * (k + 10 - 1) + reach]) for k in range(0, outputs, 10)]
    assert np.allclose(np.concatenate(pieces, 1), whole, atol=1e-5)


def test_committed_graphs_are_what_the_script_writes(tmp_path):
    with np.load(f"{SCRIPTS}/basis.npz") as data:
        basis = dict(data)
    make_graphs.write_prep(basis, str(tmp_path / "prep.onnx"))
    make_graphs.write_render(str(tmp_path / "render.onnx"))
    for name in ("prep.onnx", "render.onnx"):
        new, committed = onnx.load(tmp_path / name), onnx.load(f"{HEAD}/{name}")
        assert new.graph.node == committed.graph.node
        for a, b in zip(new.graph.initializer, committed.graph.initializer, strict=True):
            assert np.allclose(onnx.numpy_helper.to_array(a), onnx.numpy_helper.to_array(b), atol=1e-6)


def test_nothing_moves_without_control(head, portrait):
    change = np.abs(head.draw(portrait, control()) - portrait.image)[0].max(0)[4:-4, 4:-4]
    assert np.quantile(change, .98) < .005      # all but the line between the lips
    pasted = portrait.paste(portrait.image)
    assert np.abs(pasted.astype(float) - portrait.picture).mean() < 1


def test_an_open_jaw_moves_the_lower_lip_and_leaves_the_eyes(head, portrait):
    still, moved = (head.draw(portrait, control(jaw=jaw)) for jaw in (0., .8))
    change = np.abs(moved - still).mean((0, 1))
    side = portrait.side
    assert change[:side // 3].max() < .01
    assert change[int(side * .64):int(side * .74), side // 2 - 8:side // 2 + 8].mean() > .05


@pytest.mark.parametrize("side", [128, 256, 512])
def test_render_accepts_every_side(head, portrait, side):
    given = {**portrait.prepared, "control": control(jaw=.5)[None],
             "image": np.random.default_rng(0).random((1, 3, side, side), np.float32)}
    frame, = head.render.run(None, given)
    assert frame.shape == (1, 3, side, side) and np.isfinite(frame).all()


def test_the_bundle_is_small_and_complete(head, points):
    manifest = head.manifest
    sizes = {name: os.path.getsize(f"{HEAD}/{name}") for name in
             ("audio.onnx", "prep.onnx", "render.onnx", manifest["speech"], manifest["portrait"]["image"])}
    assert sum(sizes.values()) < 4_000_000 and sizes[manifest["speech"]] < 400_000
    seconds = len(host.read_speech(f"{HEAD}/{manifest['speech']}")) / host.SAMPLE_RATE
    assert 5 <= seconds <= 12
    lips = points[[facemesh.UPPER_INNER, facemesh.LOWER_INNER], 1]
    assert points[:, :2].min() > 0 and points[:, :2].max() < 512 and lips[0] <= lips[1] + 2
