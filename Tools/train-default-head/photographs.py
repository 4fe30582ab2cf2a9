"""Two public-domain photographs to judge the head by, with their landmarks: US government pictures in PyPI packages.

`hopper.png` (US Navy, in matplotlib) and `collins.png` (NASA, in scikit-image). People who can be recognised: they are
for measuring only and are never shipped as input.

usage: photographs.py FACE_DIR OUT_DIR
"""

import os
import sys

import matplotlib
from PIL import Image
from skimage import data

import host
import landmarks


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    nets, out = landmarks.FaceNets(sys.argv[1]), sys.argv[2]
    os.makedirs(out, exist_ok=True)
    Image.open(f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg").convert("RGB").save(f"{out}/hopper.png")
    Image.fromarray(data.astronaut()).save(f"{out}/collins.png")
    for name in ("hopper", "collins"):
        picture = host.read_picture(f"{out}/{name}.png")
        landmarks.save(f"{out}/{name}.landmarks.json", nets.find(picture), picture.shape[1], picture.shape[0])


if __name__ == "__main__":
    main()
