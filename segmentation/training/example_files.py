"""Draws the example pictures and the example clip of this repository: scenes that no network was trained on.

    python -m segmentation.training.example_files             # images/example_0*.jpg, videos/*.mp4, docs/classes.jpg
    python -m segmentation.training.example_files --out /tmp/examples

They are of the test split (scenes/places.py), so the training pictures have other kinds of background. PICTURES and
CLIP say how each is drawn; truth() and clip() draw the same again, with the masks. The clip is H.264 where PyAV is
installed (pip install av), else MPEG-4. docs/classes.jpg shows every class.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Optional

import cv2
import numpy as np

from segmentation.cli.parser import Parser
from segmentation.files import complete_file
from segmentation.terminal import info, run
from segmentation.training.scenes.clip import draw_clip
from segmentation.training.scenes.scene import draw_scene
from segmentation.training.scenes.shapes import CLASSES, draw_object

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {  # file: place, seed
    "images/example_01.jpg": ("shore", 21),
    "images/example_02.jpg": ("street", 3),
    "images/example_03.jpg": ("tablecloth", 4),
}
PICTURE_WH, JPEG_QUALITY = (1280, 853), 92
CLIP, CLIP_PLACE, CLIP_SEED = "videos/cats_and_dogs.mp4", "shore", 22
CLIP_WH, CLIP_FPS, CLIP_FRAMES = (640, 360), 25, 150
SHEET, SHEET_COLUMNS, SHEET_TILE = "docs/classes.jpg", 8, 112
CLIP_NAMES = ("dog", "cat", "dog", "cat", "sports ball")


def truth(name: str) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """The image and the objects [(category id, mask)] of one of PICTURES, as draw_scene gives them."""
    place, seed = PICTURES[name]
    return draw_scene(np.random.default_rng([seed, 0]), PICTURE_WH, "test", count=8, place=place)


def clip() -> Iterator[tuple[np.ndarray, list[tuple[int, np.ndarray]]]]:
    """The frames of CLIP, each an image and objects as draw_scene gives them."""
    return draw_clip(np.random.default_rng([CLIP_SEED, 0]), CLIP_WH, CLIP_FRAMES, place=CLIP_PLACE,
                     names=CLIP_NAMES)


def sheet() -> np.ndarray:
    """A picture of one object of every class, in the order of CLASSES, on light grey: (H, W, 3) uint8 BGR."""
    tiles = []
    for name, (category, _) in CLASSES.items():
        drawn = draw_object(np.random.default_rng(category), name, SHEET_TILE - 12)
        drawn = cv2.copyMakeBorder(drawn, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
        ground = np.full((SHEET_TILE, SHEET_TILE, 3), 232, np.uint16) * (255 - drawn[..., 3:]) // 255
        tiles.append(cv2.add(ground.astype(np.uint8), np.ascontiguousarray(drawn[..., :3])))
    rows = [np.hstack(tiles[start:start + SHEET_COLUMNS]) for start in range(0, len(tiles), SHEET_COLUMNS)]
    return np.vstack(rows)


def write_clip(path: Path, frames: Iterable[np.ndarray]) -> None:
    """Write BGR uint8 frames as a clip."""
    try:
        import av
    except ImportError:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), CLIP_FPS, CLIP_WH)
        for frame in frames:
            writer.write(frame)
        writer.release()
        return
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", CLIP_FPS, options={"crf": "20", "preset": "slow"})
        stream.width, stream.height = CLIP_WH
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))
        output.mux(stream.encode())


def work(args: argparse.Namespace) -> int:
    """Draw and write them all; the exit code."""
    for name, image in [*((name, truth(name)[0]) for name in PICTURES), (SHEET, sheet())]:
        with complete_file(args.out / name) as temporary:
            cv2.imwrite(str(temporary), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        info(f"wrote {args.out / name}")
    with complete_file(args.out / CLIP) as temporary:
        write_clip(temporary, (image for image, _ in clip()))
    info(f"wrote {args.out / CLIP}")
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of example_files.py."""
    parser = Parser("[options]", __doc__.splitlines()[0], prog="python -m segmentation.training.example_files")
    parser.add_argument("--out", type=Path, default=ROOT, metavar="DIR",
                        help="folder to write to (default: this repository)")
    return run(work, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
