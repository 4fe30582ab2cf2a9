"""Puts frames side by side, cropped to the face: a small JPEG that lets a person judge them.

usage: contact_sheet.py FRAMES_DIR LANDMARKS.json OUT.jpg [--first 1] [--step 2] [--count 40] [--columns 10] [--mouth]
"""

import argparse
import glob

from PIL import Image

import host


def box_around(points, part):
    """A square (left, top, right, bottom) around the face, or the lower face."""
    if part == "mouth":
        points = points[[61, 291, 2, 152, 205, 425]]
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    centre, reach = (low + high) / 2, (high - low).max() * (0.55 if part == "mouth" else 0.62)
    return tuple(int(v) for v in (*(centre - reach), *(centre + reach)))


def sheet(images, columns, side):
    """A picture of all images in rows."""
    rows = -(-len(images) // columns)
    result = Image.new("RGB", (columns * side, rows * side))
    for index, image in enumerate(images):
        tile = image.resize((side, side), Image.LANCZOS)
        result.paste(tile, (index % columns * side, index // columns * side))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames")
    parser.add_argument("landmarks")
    parser.add_argument("out")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--step", type=int, default=2)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--side", type=int, default=120)
    parser.add_argument("--mouth", action="store_true", help="the lower face only")
    options = parser.parse_args()
    paths = sorted(glob.glob(f"{options.frames}/frame_*"))[options.first - 1::options.step][:options.count]
    box = box_around(host.read_landmarks(options.landmarks), "mouth" if options.mouth else "face")
    images = [Image.open(path).convert("RGB").crop(box) for path in paths]
    sheet(images, options.columns, options.side).save(options.out, quality=82)


if __name__ == "__main__":
    main()
