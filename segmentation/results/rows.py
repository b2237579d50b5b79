"""Results for other programs: COCO's JSON, JSON Lines and CSV, written row by row as a run goes on.

    NAME.json            what the user asked for; appears when the run is over
    NAME.partial.json    what is there so far, valid at any moment; kept where the run is stopped

A row is one object in one picture. Beside COCO's own keys it has `label`, `number` (from 1 within the picture,
the value of its pixels in --masks) and, for videos, `frame` and `time` or, for photos, `file`.
"""

import csv
import io
import json
import os
import time
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.files import writing
from segmentation.instances import Instances, paste_mask

FOOT_SECONDS = 1.0  # between writings of what ends a file, where that grows with the number of photos


class Seen(NamedTuple):
    """A picture and what was found in it.

    image: BGR uint8 (H, W, 3), not drawn on; numbers: of the objects over the clip, with --track, else None
    photos: file, and image_id from 1; videos: frame from 0, which is the image_id, and time in seconds
    """

    image: np.ndarray
    found: Instances
    image_id: int
    file: Optional[str] = None
    time: Optional[float] = None
    numbers: Optional[list] = None


def describe(seen, labels, threshold=0.3, interpolation="cubic"):
    """The rows of a picture's objects, in their order: COCO's results with area and more.

    The score has six digits, the mean colour (of the pixels under the mask) is R, G, B.
    """
    return [describe_one(seen, labels, i, threshold, interpolation) for i in range(len(seen.found))]


def describe_one(seen, labels, i, threshold, interpolation):
    found = seen.found
    x0, y0, x1, y1 = found.boxes[i].tolist()
    mask = paste_mask(found.masks[i], found.boxes[i], threshold, interpolation).view(np.uint8)
    blue, green, red, _ = cv2.mean(seen.image[y0:y1, x0:x1], mask)
    where = {"file": seen.file} if seen.file is not None else {"frame": seen.image_id, "time": round(seen.time, 6)}
    row = {"image_id": seen.image_id, "category_id": int(found.class_ids[i]) + 1, "bbox": [x0, y0, x1 - x0, y1 - y0],
           "score": round(float(found.scores[i]), 6), "segmentation": encode_rle(mask, (x0, y0), found.image_hw),
           "area": int(np.count_nonzero(mask)), "iscrowd": 0, "label": labels[found.class_ids[i]], "number": i + 1,
           **where, "color": [round(red), round(green), round(blue)]}
    return row if seen.numbers is None else {**row, "track": seen.numbers[i]}


def encode_rle(mask, at_xy, image_hw):
    """COCO's compressed RLE of a mask (h, w) uint8 of 0 and 1 that lies at (x, y) in a picture."""
    (x, y), (height, width) = at_xy, mask.shape
    canvas = np.zeros(image_hw, np.uint8, order="F")  # column by column, as COCO counts
    canvas[y:y + height, x:x + width] = mask
    rle = rle_masks.encode(canvas)
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


# ---- Formats: what stands before the rows, between and behind them ---------------------------------------

class JsonLines:
    """A JSON object a line."""

    head = ""
    between = ""
    foot_grows = False

    def text(self, row):
        return json.dumps(row) + "\n"

    def foot(self):
        return ""

    def frame_of(self, line):
        return json.loads(line.rstrip(",\n"))["frame"]


class JsonList(JsonLines):
    """COCO's results: a list, an object of it a line."""

    head, between = "[\n", ",\n"

    def text(self, row):
        return json.dumps(row)

    def foot(self):
        return "\n]\n"


class JsonDataset(JsonList):
    """COCO's data set: the results as annotations, with the pictures and categories that they are about.

    images: COCO's entries, to be added to as they come
    """

    foot_grows = True

    def __init__(self, labels):
        categories = [{"id": number, "name": label} for number, label in enumerate(labels, 1)]
        self.head = f'{{"categories": {json.dumps(categories)}, "annotations": [\n'
        self.images, self.rows = [], 0

    def text(self, row):
        self.rows += 1
        return super().text({"id": self.rows, **row})

    def foot(self):
        return f'\n], "images": {json.dumps(self.images)}}}\n'


class Csv:
    """A table: the file or the frame and its time, then what a spreadsheet can use."""

    between = ""
    foot_grows = False
    columns = ("label", "score", "x0", "y0", "x1", "y1", "mask_area", "red", "green", "blue")

    def __init__(self, video, tracked=False):
        self.first = (("frame", "time") if video else ("file",)) + (("track",) if tracked else ())
        self.head = self.line([*self.first, *self.columns])

    def text(self, row):
        x, y, width, height = row["bbox"]
        return self.line([*(row[name] for name in self.first), row["label"], row["score"], x, y, x + width, y + height,
                          row["area"], *row["color"]])

    def line(self, values):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        return text.getvalue()

    def foot(self):
        return ""

    def frame_of(self, line):
        return int(line.partition(",")[0])


# ---- Files -----------------------------------------------------------------------------------------------

class RowFile:
    """A file of rows in one of the formats above, under its partial name until `finish`.

    resume_before: go on with an earlier run's partial file after its rows for frames before this one

    Raises SegmentationError where the file cannot be written, or there is none to go on with.
    """

    def __init__(self, path, row_format, resume_before=0):
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

    def find_end(self, frame):
        """Where the rows for frames before `frame` end, in bytes, and whether there are none."""
        head = self.format.head.encode()
        if self.file.read(len(head)) != head:
            raise SegmentationError(f"cannot go on with {self.partial}, which was made with other options")
        end = at = len(head)
        for line in self.file:
            try:
                if self.format.frame_of(line.decode()) >= frame:
                    break
            except (ValueError, KeyError, TypeError):  # the end of a list, or a line cut off
                break
            end, at = at + len(line.rstrip(b",\n") if self.format.between else line), at + len(line)
        return end, end == len(head)

    def add(self, rows):
        """Append the rows of a picture, dicts of `describe`."""
        for row in rows:
            self.write(("" if self.empty else self.format.between) + self.format.text(row))
            self.empty = False
        self.write("", at_once=not self.format.foot_grows)

    def write(self, text, at_once=False):
        """Write text behind the rows, and what ends the file behind that, at once or now and then."""
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

    def finish(self):
        """Complete the file under its final name."""
        self.stop()
        with writing(self.partial):
            os.replace(self.partial, self.path)

    def stop(self):
        """End the file here, and leave it under its partial name."""
        if not self.file.closed:
            self.write("", at_once=True)
            with writing(self.partial):
                self.file.close()


def partial_path(path):
    """The name of a file until it is complete.

    >>> str(partial_path("out/rows.json"))
    'out/rows.partial.json'
    """
    path = Path(path)
    return path.with_suffix(f".partial{path.suffix}")
