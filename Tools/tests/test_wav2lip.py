"""The seeded Wav2Lip head: layout, determinism, and that its output depends on everything it is given."""

import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest

from heads import wav2lip
from heads.wav2lip import Layout


def test_the_full_layout_has_the_published_parameters():
    layout = Layout.of_width()
    assert layout.parameters == wav2lip.PARAMETERS == 36_298_035
    parts = [sum(block.parameters for block in blocks) for blocks in (
        layout.audio, sum(layout.face, []), [*sum(layout.decoder, []), layout.last])]
    assert [round(part / 1e6, 2) for part in parts] == [2.81, 8.17, 25.31]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads") / "small"
    assert wav2lip.main(["--small", "--seed", "3", "--dest", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def session(bundle):
    return onnxruntime.InferenceSession(bundle / "generator.onnx", providers=["CPUExecutionProvider"])


def feeds(random, count):
    face = random.random((count, 6, 6, 6)).repeat(16, 2).repeat(16, 3)
    face[:, :3, 48:] = 0
    return {"audio": random.uniform(-4, 4, (count, 1, 80, 16)).astype(np.float32), "face": face.astype(np.float32)}


def test_the_graph_is_what_the_manifest_says(bundle):
    model = onnx.shape_inference.infer_shapes(onnx.load(bundle / "generator.onnx"), strict_mode=True, data_prop=True)
    edges = {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
             for value in [*model.graph.input, *model.graph.output]}
    assert edges == {"audio": ["N", 1, 80, 16], "face": ["N", 6, 96, 96], "frame": ["N", 3, 96, 96]}
    gan = json.loads((bundle / "head.json").read_text())["gan"]
    assert {gan["audioInput"], gan["faceInput"], gan["output"]} == set(edges)
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.value_info}
    assert all(node.output[0] in shapes for node in model.graph.node if node.output[0] != "frame")


def test_the_kinds_of_nodes_are_those_of_an_exported_network(bundle):
    kinds = [node.op_type for node in onnx.load(bundle / "generator.onnx").graph.node]
    assert set(kinds) == {"Add", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "Relu", "Sigmoid"}
    assert kinds.count("ConvTranspose") == 6 and kinds.count("Concat") == 7
    assert kinds.count("BatchNormalization") == len(list(Layout.of_width().blocks())) == 50


def test_the_same_seed_gives_the_same_bytes(bundle, tmp_path):
    def digest(seed):
        wav2lip.main(["--small", "--seed", str(seed), "--dest", str(tmp_path / "again")])
        return hashlib.sha256((tmp_path / "again" / "generator.onnx").read_bytes()).hexdigest()

    first = hashlib.sha256((bundle / "generator.onnx").read_bytes()).hexdigest()
    assert digest(3) == first
    assert digest(4) != first


def test_frames_are_neither_saturated_nor_constant(session):
    frame = session.run(None, feeds(np.random.default_rng(1), 4))[0]
    assert frame.max() - frame.min() > 0.5
    assert frame.std((2, 3)).min() > 0.03
    assert np.mean((frame < 0.01) | (frame > 0.99)) < 0.01


def test_frames_depend_on_sound_and_on_both_faces_but_not_on_their_neighbours(session):
    given = feeds(np.random.default_rng(2), 2)
    both = session.run(None, given)[0]
    one = {name: value[:1].copy() for name, value in given.items()}
    alone = session.run(None, one)[0]
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)
    for name, part in [("audio", np.s_[:, :, :, 8:]), ("face", np.s_[:, :3]), ("face", np.s_[:, 3:])]:
        changed = {**one, name: one[name].copy()}
        changed[name][part] = given[name][1:][part]
        assert np.abs(session.run(None, changed)[0] - alone).mean() > 0.005


def test_a_folder_that_is_no_head_is_left_alone(tmp_path, capsys):
    (tmp_path / "precious").write_text("keep me")
    assert wav2lip.main(["--small", "--dest", str(tmp_path)]) == 1
    assert "left alone" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
