"""Makes a panel of what a graph finds on photos, to look at.

    python -m segmentation.training.photo_panel --images photos/ more/ --out panel.jpg

It shows the same number of photos from each folder, chosen at random, with what the scripts would draw on them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import cv2
import numpy as np

from segmentation.cli.parser import Parser, number_in
from segmentation.drawing.draw import FONT, Style, drawn
from segmentation.drawing.palettes import colors_for
from segmentation.instances import Instances
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import DEMO, MODEL_FOLDER
from segmentation.pictures import read_photo, write_picture
from segmentation.terminal import info, run
from segmentation.wording import counted

COLUMNS, TILE_WH = 5, (400, 300)


def segmented(net: MaskRCNN, image: np.ndarray, effect: str = "overlay") -> np.ndarray:
    """A copy of the picture, BGR uint8 (H, W, 3), with its objects drawn by one of EFFECTS."""
    return with_objects(net, net(image), image, effect)


def with_objects(net: MaskRCNN, found: Instances, image: np.ndarray, effect: str = "overlay") -> np.ndarray:
    """The same with these objects."""
    return drawn(image, found, net.labels, colors_for("colors", found, net.colors), Style(effect))


def titled(image: np.ndarray, title: str) -> np.ndarray:
    """The picture with a title drawn into its upper left corner."""
    (width, height), _ = cv2.getTextSize(title, FONT, 0.7, 1)
    cv2.rectangle(image, (0, 0), (width + 20, height + 18), (40, 40, 40), cv2.FILLED)
    cv2.putText(image, title, (10, height + 8), FONT, 0.7, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def tile(image: np.ndarray) -> np.ndarray:
    """The picture as large as fits into a tile, on grey: (300, 400, 3) uint8."""
    height, width = image.shape[:2]
    scale = min(TILE_WH[0] / width, TILE_WH[1] / height)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    out = np.full((TILE_WH[1], TILE_WH[0], 3), 64, np.uint8)
    out[:small.shape[0], :small.shape[1]] = small
    return out


def panel_of(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures side by side, COLUMNS in a row, BGR uint8; there must be one at least."""
    tiles = [tile(picture) for picture in pictures]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[start:start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)])


def choose(folders: Sequence[Union[str, Path]], count: int, rng: np.random.Generator) -> list[Path]:
    """The paths of `count` photos, the same number from each folder."""
    each = [sorted(path for path in Path(folder).iterdir() if path.is_file()) for folder in folders]
    return [paths[i] for paths in each for i in rng.permutation(len(paths))[:count // len(folders)]]


def work(args: argparse.Namespace) -> int:
    """Choose, find, draw, write; the exit code."""
    net = MaskRCNN.load(MODEL_FOLDER, args.weights)
    paths = choose(args.images, args.count, np.random.default_rng(args.seed))
    write_picture(args.out, panel_of([segmented(net, read_photo(path)) for path in paths]))
    info(f"wrote {args.out}: {counted(len(paths), 'photo')}")
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of photo_panel.py."""
    parser = Parser("--images DIR ... [options]", __doc__.splitlines()[0],
                    prog="python -m segmentation.training.photo_panel")
    parser.add_argument("--images", nargs="+", required=True, metavar="DIR", help="folders of photos")
    parser.add_argument("--weights", type=Path, default=MODEL_FOLDER / DEMO, metavar="FILE",
                        help="the frozen graph (default: the demo graph)")
    parser.add_argument("--count", type=number_in(1, 1000, int), default=20, metavar="N",
                        help="photos in all (default: %(default)s)")
    parser.add_argument("--seed", type=number_in(0, 2**31, int), default=0, metavar="N",
                        help="draws other photos (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("panel.jpg"), metavar="FILE",
                        help="the picture to write (default: %(default)s)")
    return run(work, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
