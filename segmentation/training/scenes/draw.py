"""Draws scenes in COCO's instance format, to train and to test a small Mask R-CNN.

    python -m segmentation.training.scenes.draw --out scenes --count 500 --seed 7 --split test

writes scenes/images/00000.jpg to 00499.jpg and scenes/instances.json. Each scene has 1 to 8 objects of the classes in
shapes.py, in front of the backgrounds in places.py or of photos, with a mask of the visible part of each object. Scene
i depends only on the seed and on i: with another --count the scenes stay the same.

The pictures vary in what the network is to ignore: the size of an object (0.14 to 0.6 of the short side), its angle
(+-12 degrees), light, texture and shadow, what covers it (at most 35 % of it), and the background. Training pictures
and test pictures have different kinds of background.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import cv2
import numpy as np
from pycocotools import mask as rle
from tqdm import tqdm

from segmentation import SegmentationError
from segmentation.cli.parser import Parser, number_in
from segmentation.files import complete_file
from segmentation.terminal import info, run, warn
from segmentation.training.scenes.arranging import log_uniform
from segmentation.training.scenes.photos import usable_photos
from segmentation.training.scenes.places import PLACES
from segmentation.training.scenes.scene import draw_scene
from segmentation.training.scenes.shapes import CLASSES
from segmentation.wording import counted

LONGEST_ASPECT = 2.5            # the long side of a picture over its short one


def draw_size(rng: np.random.Generator, min_size: tuple[int, int], max_size: tuple[int, int]) -> tuple[int, int]:
    """A random size (width, height) between two, with any aspect up to LONGEST_ASPECT."""
    width = round(log_uniform(rng, min_size[0], max_size[0]))
    low = min(max(min_size[1], math.ceil(width / LONGEST_ASPECT)), max_size[1])
    high = max(min(max_size[1], int(width * LONGEST_ASPECT)), low)
    return width, round(log_uniform(rng, low, high))


def annotation(number: int, image_id: int, category_id: int, mask: np.ndarray) -> dict[str, Any]:
    """One object in COCO's instance format: compressed RLE, area and box (x, y, width, height)."""
    code = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"id": number, "image_id": image_id, "category_id": category_id, "iscrowd": 0,
            "area": int(rle.area(code)), "bbox": [float(v) for v in rle.toBbox(code)],
            "segmentation": {"size": list(map(int, code["size"])), "counts": code["counts"].decode("ascii")}}


def write_dataset(folder: Union[str, Path], count: int, seed: int, min_size: tuple[int, int] = (320, 240),
                  max_size: tuple[int, int] = (1920, 1080), split: str = "train",
                  photos: Sequence[Union[str, Path]] = (), suffix: str = ".jpg") -> Path:
    """Write `count` scenes and their instances.json into a folder; the path of that file.

    photos: as in draw_scene; suffix: ".jpg" or ".png". Raises SegmentationError where a file cannot be written.
    """
    folder = Path(folder)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in tqdm(range(count), unit="scene", file=sys.stderr):
        rng = np.random.default_rng([seed, index])
        size_wh = draw_size(rng, min_size, max_size)
        image, objects = draw_scene(rng, size_wh, split, photos=photos)
        name = f"{index:05d}{suffix}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix == ".jpg" else []
        with complete_file(folder / "images" / name) as temporary:
            cv2.imwrite(str(temporary), image, quality)
        images.append({"id": index, "file_name": name, "width": size_wh[0], "height": size_wh[1]})
        for category_id, mask in objects:
            annotations.append(annotation(len(annotations) + 1, index, category_id, mask))
    origin = {"description": f"{counted(count, 'drawn scene')}", "seed": seed, "split": split}
    return write_instances(folder / "instances.json", origin, images, annotations)


def write_instances(path: Path, origin: dict[str, Any], images: Sequence[dict[str, Any]],
                    annotations: Sequence[dict[str, Any]]) -> Path:
    """Write a file in COCO's instance format with the categories that are drawn here; its path."""
    categories = [{"id": category_id, "name": name} for name, (category_id, _) in CLASSES.items()]
    with complete_file(path) as temporary:
        temporary.write_text(json.dumps({"info": origin, "images": images, "annotations": annotations,
                                         "categories": categories}), encoding="utf-8")
    return path


# ---- The command -----------------------------------------------------------------------------------------

def size(text: str) -> tuple[int, int]:
    """An argparse type: a size such as 640x480, at least 64 pixels each way."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 64):
        raise argparse.ArgumentTypeError(f"must be WIDTHxHEIGHT from 64x64, such as 640x480, got {text!r}")
    return int(width), int(height)


natural = number_in(0, 2**31, int)


def make_parser() -> Parser:
    """The parser of draw.py's options."""
    parser = Parser("--out DIR [options]", "Draw scenes with exact masks, as a COCO data set.",
                    [("some", "--out scenes --count 100"), ("others", "--out more --count 100 --seed 1")],
                    prog="python -m segmentation.training.scenes.draw")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for images/ and instances.json")
    parser.add_argument("--count", type=natural, default=500, metavar="N",
                        help="number of scenes (default: %(default)s)")
    parser.add_argument("--seed", type=natural, default=0, metavar="N",
                        help="another seed gives other scenes (default: %(default)s)")
    parser.add_argument("--split", choices=list(PLACES), default="train", metavar="|".join(PLACES),
                        help="kinds of background: train's or test's (default: %(default)s)")
    parser.add_argument("--min-size", type=size, default=(320, 240), metavar="WxH",
                        help="smallest picture (default: 320x240)")
    parser.add_argument("--max-size", type=size, default=(1920, 1080), metavar="WxH",
                        help="largest picture (default: 1920x1080)")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos for half of the backgrounds")
    parser.add_argument("--background-annotations", type=Path, metavar="FILE.json",
                        help="what they show, in COCO's format: those with a class drawn here are left out")
    parser.add_argument("--png", action="store_true", help="write PNG, without loss, and not JPEG")
    return parser


def find_photos(args: argparse.Namespace) -> list[Path]:
    """The photos of --backgrounds that can be used; raises SegmentationError where there is none."""
    photos, warnings = usable_photos(args.backgrounds, args.background_annotations)
    for warning in warnings:
        warn(f"[WARNING] {warning}")
    if not photos:
        raise SegmentationError(f"{args.backgrounds} holds no photo that can serve as a background")
    info(f"backgrounds: {counted(len(photos), 'photo')} of {args.backgrounds}")
    return photos


def work(args: argparse.Namespace) -> int:
    """Draw and write what the options ask for; the exit code."""
    cv2.setNumThreads(1)  # the pictures are too small to share out
    photos = find_photos(args) if args.backgrounds else []
    path = write_dataset(args.out, args.count, args.seed, args.min_size, args.max_size, args.split,
                         photos, ".png" if args.png else ".jpg")
    info(f"{counted(args.count, 'scene')} in {path.parent / 'images'}, their objects in {path}")
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of draw.py."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if any(low > high for low, high in zip(args.min_size, args.max_size)):
        parser.error("--min-size must not exceed --max-size, got "
                     f"{args.min_size[0]}x{args.min_size[1]} and {args.max_size[0]}x{args.max_size[1]}")
    if args.background_annotations and not args.backgrounds:
        parser.error("--background-annotations needs --backgrounds, the folder of the photos")
    return run(work, args)


if __name__ == "__main__":
    sys.exit(main())
