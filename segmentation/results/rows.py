"""Results for other programs: COCO's JSON, JSON Lines and CSV, written row by row during a run.

    NAME.json            the file that the user asked for; it appears when the run is complete
    NAME.partial.json    the rows so far, valid at any moment; kept if the run is stopped

A row is one object in one picture. Beside COCO's own keys it has `label`, `number` (from 1 in each picture, the value
of the object's pixels in --masks) and, for videos, `frame` and `time` or, for photos, `file`.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import cv2
import numpy as np
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.files import writing
from segmentation.instances import Instances

FOOT_SECONDS = 1.0  # least time between writings of a file's end, where that grows with the number of photos

Row = dict[str, Any]  # one object, see describe


@dataclass(frozen=True, eq=False)
class SeenPhoto:
    """A photo and what was found in it.

    image: BGR uint8 (H, W, 3), not drawn on
    found: Instances of the photo
    image_id: the photo's number in the run, from 1
    file: its path as text, "-" for standard input
    """

    image: np.ndarray
    found: Instances
    image_id: int
    file: str

    def where(self) -> Row:
        """The entries of a row that say where its object is."""
        return {"file": self.file}

    def track(self, i: int) -> Row:
        """The entries of a row that say which object of the whole run object i is: none."""
        return {}


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame of a video and what was found in it.

    image: BGR uint8 (H, W, 3), not drawn on
    found: Instances of the frame
    image_id: the frame's number, from 0
    time: in seconds
    tracks: with --track, the number of each object over the whole video; else None
    """

    image: np.ndarray
    found: Instances
    image_id: int
    time: float
    tracks: Optional[Sequence[int]] = None

    def where(self) -> Row:
        """The entries of a row that say where its object is."""
        return {"frame": self.image_id, "time": round(self.time, 6)}

    def track(self, i: int) -> Row:
        """The entries of a row that say which object of the whole video object i is; empty without --track."""
        return {} if self.tracks is None else {"track": self.tracks[i]}


Seen = Union[SeenPhoto, SeenFrame]


def describe(seen: Seen, labels: Sequence[str]) -> list[Row]:
    """The rows of a picture's objects, in their order: COCO's results, area and more."""
    return [describe_one(seen, labels, i) for i in range(len(seen.found))]


def describe_one(seen: Seen, labels: Sequence[str], i: int) -> Row:
    """The row of object i: its score has six digits; its color is the mean R, G, B of the pixels in its mask."""
    found = seen.found
    x0, y0, x1, y1 = found.boxes[i].tolist()
    mask = found.mask(i).view(np.uint8)
    blue, green, red, _ = cv2.mean(seen.image[found.crop(i)], mask)
    return {"image_id": seen.image_id, "category_id": int(found.class_ids[i]) + 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0], "score": round(float(found.scores[i]), 6),
            "segmentation": encode_rle(mask, (x0, y0), found.image_hw), "area": found.area(i), "iscrowd": 0,
            "label": labels[found.class_ids[i]], "number": i + 1, **seen.where(),
            "color": [round(red), round(green), round(blue)], **seen.track(i)}


def encode_rle(mask: np.ndarray, at_xy: tuple[int, int], image_hw: tuple[int, int]) -> dict[str, Any]:
    """COCO's compressed RLE of a mask, uint8 (h, w) of 0 and 1, whose upper left corner is at (x, y) in a picture."""
    (x, y), (height, width) = at_xy, mask.shape
    canvas = np.zeros(image_hw, np.uint8, order="F")  # column by column, as COCO counts
    canvas[y:y + height, x:x + width] = mask
    rle = rle_masks.encode(canvas)
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


# ---- Formats ---------------------------------------------------------------------------------------------

class RowFormat:
    """What a file of rows consists of: a head, each row as text with `between` between two of them, and a foot.

    foot_grows: whether the foot becomes longer with every picture
    """

    head = ""
    between = ""
    foot_grows = False

    def text(self, row: Row) -> str:
        """A row as it is in the file."""
        raise NotImplementedError

    def foot(self) -> str:
        """The end of the file after the rows so far."""
        return ""

    def frame_of(self, line: str) -> int:
        """The number of the frame of a line that `text` made; ValueError, KeyError or TypeError for another line."""
        raise NotImplementedError


class JsonLines(RowFormat):
    """One JSON object on each line."""

    def text(self, row: Row) -> str:
        return json.dumps(row) + "\n"

    def frame_of(self, line: str) -> int:
        return json.loads(line.rstrip(",\n"))["frame"]


class JsonList(JsonLines):
    """COCO's results: a list with one object on each line."""

    head, between = "[\n", ",\n"

    def text(self, row: Row) -> str:
        return json.dumps(row)

    def foot(self) -> str:
        return "\n]\n"


class JsonDataset(JsonList):
    """COCO's data set: the categories, the results as annotations, and the images."""

    foot_grows = True

    def __init__(self, labels: Sequence[str]):
        categories = [{"id": number, "name": label} for number, label in enumerate(labels, 1)]
        self.head = f'{{"categories": {json.dumps(categories)}, "annotations": [\n'
        self.images: list[dict[str, Any]] = []
        self.rows = 0

    def add_image(self, seen: SeenPhoto) -> None:
        """Add a photo to the images; its rows come next."""
        height, width = seen.found.image_hw
        self.images.append({"id": seen.image_id, "file_name": seen.file, "width": width, "height": height})

    def text(self, row: Row) -> str:
        self.rows += 1
        return super().text({"id": self.rows, **row})

    def foot(self) -> str:
        return f'\n], "images": {json.dumps(self.images)}}}\n'


class Csv(RowFormat):
    """A table for spreadsheets: the file, or the frame and its time, then the columns."""

    columns = ("label", "score", "x0", "y0", "x1", "y1", "mask_area", "red", "green", "blue")

    def __init__(self, video: bool, tracked: bool = False):
        self.first = (("frame", "time") if video else ("file",)) + (("track",) if tracked else ())
        self.head = self.line([*self.first, *self.columns])

    def text(self, row: Row) -> str:
        x, y, width, height = row["bbox"]
        return self.line([*(row[name] for name in self.first), row["label"], row["score"], x, y, x + width, y + height,
                          row["area"], *row["color"]])

    def line(self, values: Iterable[Any]) -> str:
        """The values as a line of the file."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        return text.getvalue()

    def frame_of(self, line: str) -> int:
        return int(line.partition(",")[0])


# ---- Files -----------------------------------------------------------------------------------------------

class RowFile:
    """A file of rows in one of the formats above, under its partial name until `finish`.

    resume_before: continue the partial file of an earlier run; its rows for frames before this one are kept

    Raises SegmentationError if the file cannot be written, or there is no partial file to continue.
    """

    def __init__(self, path: Union[str, Path], row_format: RowFormat, resume_before: int = 0):
        self.path, self.format, self.partial = Path(path), row_format, partial_path(path)
        self.footed = 0.0
        with writing(self.partial):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if resume_before:
                self.file = open(self.partial, "r+b")  # noqa: SIM115 (stop closes it)
                self.end, self.empty = self.find_end(resume_before)
            else:
                self.file = open(self.partial, "w+b")  # noqa: SIM115
                self.end, self.empty = self.file.write(self.format.head.encode()), True
            self.write("", at_once=True)

    def find_end(self, frame: int) -> tuple[int, bool]:
        """Where the rows for frames before `frame` end, in bytes, and whether there are no such rows."""
        head = self.format.head.encode()
        if self.file.read(len(head)) != head:
            raise SegmentationError(f"cannot go on with {self.partial}, which was made with other options")
        end = at = len(head)
        for line in self.file:
            try:
                if self.format.frame_of(line.decode()) >= frame:
                    break
            except (ValueError, KeyError, TypeError):  # the end of a list, or an incomplete line
                break
            end, at = at + len(line.rstrip(b",\n") if self.format.between else line), at + len(line)
        return end, end == len(head)

    def add(self, rows: Iterable[Row]) -> None:
        """Append the rows of a picture, as `describe` makes them."""
        for row in rows:
            self.write(("" if self.empty else self.format.between) + self.format.text(row))
            self.empty = False
        self.write("", at_once=not self.format.foot_grows)

    def write(self, text: str, at_once: bool = False) -> None:
        """Write text after the rows, and the foot after that: always if at_once, else each FOOT_SECONDS."""
        with writing(self.partial):
            if text:
                self.file.seek(self.end)
                self.end += self.file.write(text.encode())
            if at_once or time.monotonic() - self.footed > FOOT_SECONDS:
                self.file.seek(self.end)
                self.file.write(self.format.foot().encode())
                self.file.truncate()
                self.file.flush()
                self.footed = time.monotonic()

    def finish(self) -> None:
        """End the file here, under its final name."""
        self.stop()
        with writing(self.partial):
            os.replace(self.partial, self.path)

    def stop(self) -> None:
        """End the file here, under its partial name."""
        if not self.file.closed:
            self.write("", at_once=True)
            with writing(self.partial):
                self.file.close()


def partial_path(path: Union[str, Path]) -> Path:
    """The name of a file until it is complete.

    >>> str(partial_path("out/rows.json"))
    'out/rows.partial.json'
    """
    path = Path(path)
    return path.with_suffix(f".partial{path.suffix}")
