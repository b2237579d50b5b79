"""What a run writes of photos beside the annotated ones: rows, cut-outs and masks, the report. PhotoResults."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, Optional

import numpy as np

from segmentation.results.outputs import ObjectPictures, ResultOptions
from segmentation.results.report import Report
from segmentation.results.row_files import RowFile
from segmentation.results.row_formats import Csv, JsonLines, RowFormat, separated
from segmentation.results.rows import SeenPhoto, describe
from segmentation.terminal import warn
from segmentation.tracking.instance_ids import Color


class JsonDataset(RowFormat):
    """COCO's data set: the categories, the results as annotations, and the images. A line for each photo until then."""

    as_is = False

    def __init__(self, labels: Sequence[str]):
        self.categories = [{"id": number, "name": label} for number, label in enumerate(labels, 1)]

    def assemble(self, lines: Iterable[str]) -> Iterator[str]:
        images = []

        def annotations() -> Iterator[str]:
            number = 0
            for photo in map(json.loads, lines):
                images.append(photo["image"])
                for row in photo["annotations"]:
                    number += 1
                    yield json.dumps({"id": number, **row})
        yield f'{{"categories": {json.dumps(self.categories)}, "annotations": [\n'
        yield from separated(annotations())
        yield f'\n], "images": {json.dumps(images)}}}\n'


class PhotoResults:
    """Results of photos: rows, cut-outs, masks, and --report.

    hides: whether the effect hides the objects, so that the report must show the annotated photos
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], hides: bool):
        self.options, self.labels, self.hides = options, labels, hides
        self.names: set[str] = set()
        self.pictures = ObjectPictures(options, labels)
        self.json = self.csv = None
        if options.json:
            lines = options.json.suffix.lower() == ".jsonl"
            self.json = RowFile(options.json, JsonLines() if lines else JsonDataset(labels))
        if options.csv:
            self.csv = RowFile(options.csv, Csv(video=False))
        self.report = Report(options.report, "Segmented photos") if options.report else None

    def add(self, seen: SeenPhoto, annotated: np.ndarray, colors: Sequence[Color]) -> None:
        """Write what was found in a photo.

        annotated: the photo drawn on, BGR uint8 (H, W, 3)
        colors: a (B, G, R) for each object
        """
        rows = describe(seen, self.labels) if self.json or self.csv else []
        if self.json and isinstance(self.json.format, JsonDataset):
            self.json.append(json.dumps({"image": image_entry(seen), "annotations": rows}) + "\n")
        elif self.json:
            self.json.add(rows)
        if self.csv:
            self.csv.add(rows)
        self.pictures.write(seen, self.name(seen))
        if self.report:
            # The page draws the masks itself, but it must not contain what the effect hides.
            image = annotated if self.hides else seen.image
            self.report.add(seen.file, image, seen.found, self.labels, colors)

    def name(self, seen: SeenPhoto) -> str:
        """The name that a photo's files begin with: its own, with a number if another photo had it."""
        stem = "stdin" if seen.file == "-" else Path(seen.file).stem
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        name = next(name for name in names if name.lower() not in self.names)  # some systems ignore case
        self.names.add(name.lower())
        return name

    def add_failure(self, photo: object, error: object) -> None:
        """Note a photo that failed, by its path, and the error."""
        if self.report:
            self.report.add_failure(str(photo), str(error))

    def __enter__(self) -> "PhotoResults":
        if self.report:
            self.report.__enter__()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Any, trace: Any) -> None:
        for file in (self.json, self.csv):
            if file and kind is None:
                os.replace(file.complete(), file.path)
                file.partial.unlink(missing_ok=True)
            elif file:
                file.stop()
                warn(f"[INFO] the rows so far are kept in {file.partial}")
        if self.report:
            self.report.__exit__(kind, error, trace)


def image_entry(seen: SeenPhoto) -> dict[str, Any]:
    """A photo's entry among the images of COCO's data set."""
    height, width = seen.found.image_hw
    return {"id": seen.image_id, "file_name": seen.file, "width": width, "height": height}
