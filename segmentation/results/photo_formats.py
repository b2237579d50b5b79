"""The formats of the rows of photos: COCO's data set, JSON Lines, and CSV."""

import csv
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Optional

from segmentation import SegmentationError
from segmentation.network.made import Made
from segmentation.results.coco_ids import CocoIds
from segmentation.results.photo_files import PhotoFormat, Record, key_of, read_record, whole_lines
from segmentation.results.row_formats import Csv, separated
from segmentation.results.rows import Row, SeenPhoto

ANNOTATIONS, IMAGES = b', "annotations": [\n', b'], "images": '  # what stands around the rows of a data set


class PhotoLines(PhotoFormat):
    """JSON Lines, one for each object; while the run goes on, one for each photo: {"image": ..., "annotations": [...]}.

    polygons: whether the masks of this run are polygons, not run lengths
    ids: the ids of categories; None: those of the model

    category_ids: of each class, once `use` has taken the labels
    classes: the label of each category_id in the rows of earlier runs
    forms: whether their masks are polygons: True, False, or both
    """

    def __init__(self, polygons: bool = False, ids: Optional[CocoIds] = None) -> None:
        super().__init__()
        self.polygons, self.ids = polygons, ids
        self.category_ids: Sequence[int] = ()
        self.classes: dict[int, str] = {}
        self.forms: set[bool] = set()

    @staticmethod
    def text(seen: SeenPhoto, rows: Sequence[Row]) -> str:
        """The record of a photo; its `about` is the image_id."""
        height, width = seen.found.image_hw
        image = {"id": seen.image_id, "file_name": seen.file, "width": width, "height": height}
        return photo_line(image, rows)

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        start = file.tell()
        for line in whole_lines(file):
            try:
                photo = json.loads(line)
                key, number = key_of(photo["image"]["file_name"]), int(photo["image"]["id"])
                self.classes.update((row["category_id"], row["label"]) for row in photo["annotations"])
                self.forms.update(isinstance(row["segmentation"], list) for row in photo["annotations"])
                self.models.update(row["model"] for row in photo["annotations"] if "model" in row)
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"the line at byte {start} is of another kind") from error
            yield Record(key, start, len(line), about=number)
            start += len(line)

    def take_up(self, file: BinaryIO) -> Iterator[bytes]:
        try:
            for (number, name), group in groupby(map(json.loads, file), lambda row: (row["image_id"], row["file"])):
                rows = list(group)
                height, width = rows[0]["size"] if "size" in rows[0] else rows[0]["segmentation"]["size"]
                yield photo_line({"id": number, "file_name": name, "width": width, "height": height}, rows).encode()
        except (KeyError, TypeError) as error:
            raise ValueError("it holds other rows") from error

    def assemble(self, records: Sequence[Record], file: BinaryIO) -> Iterator[bytes]:
        for record in records:
            for row in json.loads(read_record(file, record))["annotations"]:
                yield json.dumps(row).encode() + b"\n"

    def use(self, labels: Sequence[str], made: Made, path: object) -> None:
        super().use(labels, made, path)
        if self.forms - {self.polygons}:
            are, do = ("run lengths", "leave out") if self.polygons else ("polygons", "give")
            raise SegmentationError(f"cannot add to {path}: its masks are {are}; {do} --polygons, "
                                    "name another file, or replace it by --overwrite")
        self.category_ids = self.ids.category_ids(labels) if self.ids else range(1, len(labels) + 1)
        names = dict(zip(self.category_ids, labels))
        for number, label in sorted(self.classes.items()):
            now = names.get(number)
            if label != now:
                raise SegmentationError(f"cannot add to {path}: its class {number} is {label}, that of this run "
                                        f"{now or 'does not exist'}; name another file, or replace it by --overwrite")


class PhotoDataset(PhotoLines):
    """COCO's data set: info, categories, the rows as annotations, and the images; while the run goes on, as PhotoLines.

    labels: the name of each class, once `use` has taken them
    """

    def __init__(self, polygons: bool = False, ids: Optional[CocoIds] = None) -> None:
        super().__init__(polygons, ids)
        self.labels: Sequence[str] = ()

    def use(self, labels: Sequence[str], made: Made, path: object) -> None:
        super().use(labels, made, path)
        self.labels = labels

    def take_up(self, file: BinaryIO) -> Iterator[bytes]:
        if not file.readline().endswith(ANNOTATIONS):
            raise ValueError("its annotations do not begin on a line of their own")
        begin, images = file.tell(), last_line(file)
        if not images.startswith(IMAGES):
            raise ValueError("its images are not on the last line")
        file.seek(begin)
        rows = (json.loads(line.rstrip(b",\n")) for line in file if line.startswith(b"{"))
        try:
            groups = groupby(rows, lambda row: row["image_id"])
            group = next(groups, None)
            for image in json.loads(b'{"images": ' + images[len(IMAGES):])["images"]:
                found = []
                if group and group[0] == image["id"]:
                    found = [{name: value for name, value in row.items() if name != "id"} for row in group[1]]
                    group = next(groups, None)
                yield photo_line(image, found).encode()
        except (KeyError, TypeError) as error:
            raise ValueError("it holds other rows") from error
        if group:
            raise ValueError(f"it holds rows of image {group[0]}, which is none of its images")

    def assemble(self, records: Sequence[Record], file: BinaryIO) -> Iterator[bytes]:
        images: list[dict[str, Any]] = []
        categories = (self.ids or CocoIds(Path())).all_categories(self.labels)
        info = self.made.info() if self.made else {}
        yield f'{{"info": {json.dumps(info)}, "categories": {json.dumps(categories)}, "annotations": [\n'.encode()
        yield from (text.encode() for text in separated(annotations(records, file, images)))  # fills `images`
        yield f'\n], "images": {json.dumps(images)}}}\n'.encode()


class PhotoTable(PhotoFormat):
    """CSV. A record is the lines of one photo, so there is none for a photo in which nothing was found."""

    grouped = True

    def __init__(self) -> None:
        super().__init__()
        self.table = Csv(video=False)
        self.head = self.table.head.encode()

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        for key, rows in groupby(table_rows(file, len(self.table.columns) + 1), lambda row: row[0][0]):
            group = list(rows)
            self.models.update(row[-1] for row, _, _ in group)
            yield Record(key, group[0][1], group[-1][2] - group[0][1])

    def text(self, rows: Sequence[Row]) -> str:
        """The record of a photo."""
        return self.table.text(rows)

    def take_up(self, file: BinaryIO) -> Iterator[bytes]:
        if file.readline() != self.head:
            raise ValueError("its columns are others")
        yield self.head
        rows = deque(table_rows(file, len(self.table.columns) + 1), maxlen=1)
        end = rows[0][2] if rows else len(self.head)
        if file.seek(0, os.SEEK_END) != end:
            raise ValueError(f"its row at byte {end} is cut off")
        file.seek(len(self.head))
        yield from file


def table_rows(file: BinaryIO, columns: int) -> Iterator[tuple[list[str], int, int]]:
    """(values, where it begins, where it ends, in bytes) of each row of a CSV file, from where the file stands.

    A row that the end of the file cuts off is left out. Raises ValueError for a row that has not so many columns.
    """
    start = end = file.tell()

    def lines() -> Iterator[str]:
        nonlocal end
        for line in whole_lines(file):
            end += len(line)
            yield line.decode()
    rows = csv.reader(lines(), strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if not file.read(1):  # a name may hold the end of a line: the file ends within one
                return
            raise ValueError(f"the row at byte {start}: {error}") from error
        if len(row) != columns:
            raise ValueError(f"the row at byte {start} has {len(row)} columns")
        yield row, start, end
        start = end


def photo_line(image: dict[str, Any], rows: Sequence[Row]) -> str:
    """A photo and its rows as a line of JSON. image: its entry among the images of COCO's data set"""
    return json.dumps({"image": image, "annotations": rows}) + "\n"


def annotations(records: Sequence[Record], file: BinaryIO, images: list[dict[str, Any]]) -> Iterator[str]:
    """The rows of records of PhotoLines, numbered, as JSON. Each photo's entry is added to `images`."""
    number = 0
    for record in records:
        photo = json.loads(read_record(file, record))
        images.append(photo["image"])
        for row in photo["annotations"]:
            number += 1
            yield json.dumps({"id": number, **row})


def last_line(file: BinaryIO) -> bytes:
    """The last line of a file, from where it stands; empty if there is none."""
    return next(iter(deque(file, maxlen=1)), b"")
