"""Makes the pictures of README.md and docs: an example before and after, what each --effect makes of it, and counts.

    python -m segmentation.training.readme_pictures           # docs/before_after.jpg, effects.jpg and counting.jpg

They show what the demo graph finds, so make them again when it changes.
"""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Optional

import cv2
import numpy as np

from segmentation.cli.parser import Parser
from segmentation.drawing.draw import EFFECTS
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import DEMO, MODEL_FOLDER
from segmentation.pictures import read_photo, write_picture
from segmentation.results.outputs import ResultOptions
from segmentation.results.video_results import VideoResults
from segmentation.terminal import info, run
from segmentation.tracking.boundaries import CountOptions, parse_line, parse_zone
from segmentation.tracking.crossings import Crossings
from segmentation.training.photo_panel import segmented, titled
from segmentation.training.scenes.clip import draw_clip
from segmentation.video.annotate import Annotator
from segmentation.video.looks import Look

ROOT = MODEL_FOLDER.parent
DOCS = ROOT / "docs"
WIDTH = 640  # of each picture
CLIP_WH, COUNTED = (960, 540), 60  # of the clip in which objects are counted, and how many of its frames
EXAMPLE = "images/example_01.jpg"


def small(image: np.ndarray) -> np.ndarray:
    """The picture WIDTH pixels wide."""
    return cv2.resize(image, (WIDTH, round(WIDTH * image.shape[0] / image.shape[1])), interpolation=cv2.INTER_AREA)


def counting(net: MaskRCNN) -> np.ndarray:
    """A frame of a drawn clip whose objects are counted at a line and in a zone: BGR uint8, CLIP_WH."""
    options = CountOptions((parse_line("26%,98%,26%,58%,lane"),), (parse_zone("55%,70%,95%,70%,98%,98%,50%,98%,yard"),))
    names = ("car", "person", "bus", "dog", "person")
    clip = draw_clip(np.random.default_rng(8), CLIP_WH, 100, place="street", names=names)
    with VideoResults(ResultOptions(track=True, counting=options), net.labels, net.made, 25) as results:
        crossings = Crossings(options.place(CLIP_WH), patience=30, lasting=5)
        annotate = Annotator(net.labels, net.colors, results=results, crossings=crossings)
        for number, (image, _) in zip(range(COUNTED), clip):
            image = annotate(Look(number, {}, 1, Fraction(number, 25), image, net(image)))
    return image


def work(args: argparse.Namespace) -> int:
    """Find, draw, write; the exit code."""
    net = MaskRCNN.load(MODEL_FOLDER, MODEL_FOLDER / DEMO)
    before = read_photo(ROOT / EXAMPLE)
    tiles = [titled(small(segmented(net, before, effect)), effect) for effect in EFFECTS]
    pictures = {"before_after.jpg": np.hstack([small(before), small(segmented(net, before))]),
                "counting.jpg": counting(net),
                "effects.jpg": np.vstack([np.hstack(tiles[row:row + 3]) for row in (0, 3)])}
    for name, picture in pictures.items():
        write_picture(DOCS / name, picture)
        info(f"wrote {DOCS / name}")
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of readme_pictures.py."""
    parser = Parser("", __doc__.splitlines()[0], prog="python -m segmentation.training.readme_pictures")
    return run(work, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
