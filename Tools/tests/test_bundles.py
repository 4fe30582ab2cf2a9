"""Every head in Graphs/ against the contract in Graphs/README.md: keys, files, graphs, tensor names and shapes."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from conftest import ROOT
from heads import wav2lip

# Keys by place; "?" marks the optional ones.
KEYS = {
    "": "format name family title licence fps audio portrait? speech? warp? gan?",
    "portrait": "image landmarks",
    "audio of warp": "profile level? graph input output before after hop gate?",
    "audio of gan": "profile level?",
    "audio level": "rms active",
    "audio gate": "threshold hold fade",
    "warp": "prepare render articulators lead smooth gain limit dead close blink brow yaw pitch crop",
    "warp close": "from span",
    "warp blink": "first every down up hold",
    "warp brow": "window scale limit",
    "warp crop": "eyeMouth mouth unit multiple min max feather",
    "gan": "generator audioInput faceInput output window size channels range mask order pads smooth batch feather",
}


def check_keys(place: str, value: dict) -> None:
    allowed = {key.rstrip("?"): not key.endswith("?") for key in KEYS[place].split()}
    assert set(value) <= set(allowed), f"{place}: unknown keys"
    assert {key for key, required in allowed.items() if required} <= set(value), f"{place}: missing keys"


@pytest.fixture(scope="module", params=[*sorted(path.parent.name for path in ROOT.glob("Graphs/*/head.json")), "built"])
def folder(request, tmp_path_factory) -> Path:
    """Each head of the clone, and a narrow Wav2Lip head made for the test."""
    if request.param != "built":
        return ROOT / "Graphs" / request.param
    dest = tmp_path_factory.mktemp("heads") / "built"
    wav2lip.write_bundle(dest, 0, True, ROOT / "Graphs" / "default")
    return dest


@pytest.fixture(scope="module")
def manifest(folder) -> dict:
    return json.loads((folder / "head.json").read_text(encoding="utf8"))


def test_keys_are_those_of_the_contract(manifest):
    family = manifest["family"]
    assert manifest["format"] == 1 and family in ("warp", "gan") and 1 <= manifest["fps"] <= 120
    check_keys("", manifest)
    assert {"warp", "gan"} & set(manifest) == {family}
    check_keys(f"audio of {family}", manifest["audio"])
    check_keys(family, manifest[family])
    for place in KEYS:
        outer, _, inner = place.partition(" ")
        value = manifest.get(outer, {}).get(inner) if not inner.startswith("of ") else None
        if isinstance(value, dict):
            check_keys(place, value)


def named_files(manifest: dict) -> list[str]:
    inner = manifest[manifest["family"]]
    names = [manifest["audio"].get("graph"), manifest.get("speech"), *manifest.get("portrait", {}).values(),
             *(inner.get(key) for key in ("prepare", "render", "generator"))]
    return [name for name in names if name]


def test_files_are_inside_the_folder(folder, manifest):
    for name in named_files(manifest):
        path = (folder / name).resolve()
        assert path.is_file() and path.is_relative_to(folder.resolve()), name


def test_graphs_are_valid_and_import_nothing_unusual(folder, manifest):
    for name in named_files(manifest):
        if name.endswith(".onnx"):
            model = onnx.load(folder / name)
            onnx.checker.check_model(model, full_check=True)
            assert {each.domain for each in model.opset_import} <= {"", "ai.onnx"}, name
            assert not any(each.external_data for each in model.graph.initializer), name


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_landmarks_belong_to_the_portrait(folder, manifest):
    if "portrait" not in manifest:
        return
    with Image.open(folder / manifest["portrait"]["image"]) as picture:
        size = picture.size
    landmarks = json.loads((folder / manifest["portrait"]["landmarks"]).read_text(encoding="utf8"))
    points = np.array(landmarks["points"], np.float64)
    assert (landmarks["width"], landmarks["height"]) == size
    assert points.shape == (468, 3) and (points[:, :2] >= 0).all() and (points[:, :2] <= size).all()


def test_the_audio_graph_hears_what_the_manifest_says(folder, manifest):
    audio = manifest["audio"]
    if "graph" not in audio:
        return
    network = session(folder / audio["graph"])
    hop, around = audio["hop"], audio["before"] + audio["after"] - (audio["hop"] - 1)
    mel = np.random.default_rng(3).uniform(-4, 4, (1, 80, hop * 20 + around)).astype(np.float32)
    whole = network.run([audio["output"]], {audio["input"]: mel})[0]
    assert whole.shape == (1, len(manifest["warp"]["articulators"]), 20)
    piece = network.run([audio["output"]], {audio["input"]: mel[:, :, hop * 5:hop * 11 + around]})[0]
    np.testing.assert_allclose(piece, whole[:, :, 5:11], atol=1e-4)


def test_warp_graphs_fit_each_other(folder, manifest):
    if manifest["family"] != "warp":
        return
    warp = manifest["warp"]
    prepare, render = session(folder / warp["prepare"]), session(folder / warp["render"])
    wanted = {value.name for value in render.get_inputs()} - {"image", "control"}
    assert wanted <= {value.name for value in prepare.get_outputs()}
    assert [value.name for value in prepare.get_inputs()] == ["landmarks"]
    assert len(warp["gain"]) == len(warp["articulators"]) and {"jaw", "close"} <= set(warp["articulators"])
    control = next(value for value in render.get_inputs() if value.name == "control")
    assert control.shape[1] == len(warp["articulators"]) + 4


def test_gan_graphs_take_the_windows_and_crops_of_the_manifest(folder, manifest):
    if manifest["family"] != "gan":
        return
    gan = manifest["gan"]
    network = session(folder / gan["generator"])
    shapes = {value.name: value.shape[1:] for value in [*network.get_inputs(), *network.get_outputs()]}
    size = gan["size"]
    assert shapes == {gan["audioInput"]: [1, 80, gan["window"]], gan["faceInput"]: [6, size, size],
                      gan["output"]: [3, size, size]}
    assert sorted(gan["order"]) == ["masked", "reference"] and gan["channels"] in ("rgb", "bgr")
