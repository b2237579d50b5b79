"""Results for other programs: what was found in a picture, as rows of plain values.

A row is one object in one picture. Beside COCO's own keys it has `label`, `number` (from 1 in each picture, the value
of the object's pixels in --masks), `model` (the name of what found it) and, for videos, `frame` and `time` or, for
photos, `file`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import cv2
import numpy as np
from pycocotools import mask as rle_masks

from segmentation.instances import Instances

Row = dict[str, Any]  # one object, see describe
FRAME, FRAME_SUFFIX = "frame_", ".jpg"  # of the names of frames' pictures and labels, around the frame's number


@dataclass(frozen=True, eq=False)
class SeenPhoto:
    """A photo and what was found in it.

    image: BGR uint8 (H, W, 3), not drawn on
    found: Instances of the photo
    image_id: the photo's number in the run, from 1
    file: its path as text, "-" for standard input
    name: what its results are named after, a relative path, see pictures.find_photos
    """

    image: np.ndarray
    found: Instances
    image_id: int
    file: str
    name: Path

    def where(self) -> Row:
        """The entries of a row that say where its object is."""
        return {"file": self.file}

    def track(self, i: int) -> Row:
        """The entries of a row that say which object of the whole run object i is: none."""
        return {}

    @property
    def stem(self) -> Path:
        """What its labels are named after, for programs that find them by the photo's name without its suffix."""
        return stem_of(self.file, self.name)

    def picture(self, frames: Path) -> Path:
        """The path of its picture file."""
        return Path(self.file)


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame of a video and what was found in it.

    image: BGR uint8 (H, W, 3), not drawn on
    found: Instances of the frame
    image_id: the frame's number, from 0
    time: in seconds
    tracks: with --track, the number of each object over the whole video; else None
    crossings: with --count-line or --count-zone, what each object has crossed, such as ["gate in"]; else None
    """

    image: np.ndarray
    found: Instances
    image_id: int
    time: float
    tracks: Optional[Sequence[int]] = None
    crossings: Optional[Sequence[Sequence[str]]] = None

    def where(self) -> Row:
        """The entries of a row that say where its object is."""
        return {"frame": self.image_id, "time": round(self.time, 6)}

    def track(self, i: int) -> Row:
        """The entries of a row that say which object of the whole video object i is, and what it has crossed.

        Empty without --track.
        """
        tracked = {} if self.tracks is None else {"track": self.tracks[i]}
        return tracked if self.crossings is None else {**tracked, "crossed": list(self.crossings[i])}

    @property
    def stem(self) -> Path:
        """What its pictures and labels are named after."""
        return Path(f"{FRAME}{self.image_id:06}")

    def picture(self, frames: Path) -> Path:
        """The path of its picture file. frames: the folder of the pictures of frames"""
        return frames / f"{self.stem}{FRAME_SUFFIX}"


Seen = Union[SeenPhoto, SeenFrame]


def stem_of(photo: Union[str, Path], name: Path) -> Path:
    """What a photo's labels are named after: its own name without its suffix, in the subfolders of its results' name.

    >>> stem_of("in/a/x.webp", Path("a/x_webp")).as_posix()
    'a/x'
    """
    return name.parent / Path(photo).stem


def describe(seen: Seen, labels: Sequence[str], model: str, polygons: bool = False,
             category_ids: Optional[Sequence[int]] = None) -> list[Row]:
    """The rows of a picture's objects, in their order: COCO's results, area and more.

    model: the name of what has found them
    polygons: their `segmentation` is polygons, as of fit_polygons, not run lengths, and `size` the picture's (H, W)
    category_ids: of each class; None: its number plus 1
    """
    ids = range(1, len(labels) + 1) if category_ids is None else category_ids
    return [{**describe_one(seen, labels, ids, i, polygons), "model": model} for i in range(len(seen.found))]


def describe_one(seen: Seen, labels: Sequence[str], category_ids: Sequence[int], i: int, polygons: bool) -> Row:
    """The row of object i: its score has six digits; its color is the mean R, G, B of the pixels in its mask."""
    found = seen.found
    x0, y0, x1, y1 = found.boxes[i].tolist()
    mask = found.mask(i).view(np.uint8)
    shape = {"segmentation": flat_polygons(seen.found, i), "size": list(found.image_hw)} if polygons else {
        "segmentation": encode_rle(mask, (x0, y0), found.image_hw)}
    blue, green, red, _ = cv2.mean(seen.image[found.crop(i)], mask)
    return {"image_id": seen.image_id, "category_id": category_ids[found.class_ids[i]],
            "bbox": [x0, y0, x1 - x0, y1 - y0], "score": round(float(found.scores[i]), 6),
            **shape, "area": found.area(i), "iscrowd": 0,
            "label": labels[found.class_ids[i]], "number": i + 1, **seen.where(),
            "color": [round(red), round(green), round(blue)], **seen.track(i)}


def flat_polygons(found: Instances, i: int) -> list[list[float]]:
    """COCO's polygons of object i: [x, y, x, y, ...] of each of its parts, in pixels, with holes cut out of them."""
    return [polygon.ravel().tolist() for polygon in found[i].polygons]


def encode_rle(mask: np.ndarray, at_xy: tuple[int, int], image_hw: tuple[int, int]) -> dict[str, Any]:
    """COCO's compressed RLE of a mask, uint8 (h, w) of 0 and 1, whose upper left corner is at (x, y) in a picture."""
    (x, y), (height, width) = at_xy, mask.shape
    canvas = np.zeros(image_hw, np.uint8, order="F")  # column by column, as COCO counts
    canvas[y:y + height, x:x + width] = mask
    rle = rle_masks.encode(canvas)
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}
