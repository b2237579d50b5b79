"""Tasks of photos for Label Studio, with what was found as predictions: TaskList, a format of PhotoFile."""

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from statistics import fmean
from typing import Any, BinaryIO
from urllib.parse import quote

from segmentation.instances import Instance
from segmentation.polygons import join
from segmentation.results.photo_files import PhotoFormat, Record, key_of, read_record, whole_lines
from segmentation.results.row_formats import separated
from segmentation.results.rows import SeenPhoto

SERVED = "/data/local-files/?d="  # where Label Studio serves the files below its LOCAL_FILES_DOCUMENT_ROOT
FROM_NAME, TO_NAME = "label", "image"  # of the PolygonLabels and the Image in the labelling interface


class TaskList(PhotoFormat):
    """A JSON list with a task for each photo; while the run goes on, a task on each line.

    A task's prediction has a polygon for each object, x and y in per cent of the photo, and the name of the model. The
    parts of an object are joined by ways of no width, and holes are cut out by such ones, so that it is one region.
    """

    kept = "the tasks so far are kept"

    def text(self, seen: SeenPhoto, names: Sequence[str]) -> str:
        """The record of a photo. names: of the classes"""
        found = [(number, one) for number, one in enumerate(seen.found, 1) if one.polygons]
        prediction = {"model_version": self.made.model if self.made else "",
                      "score": round(fmean(one.score for _, one in found), 6) if found else 0.0,
                      "result": [region(one, number, names[one.class_id]) for number, one in found]}
        image = f"{SERVED}{quote(Path(key_of(seen.file)).as_posix().lstrip('/'))}"
        return json.dumps({"data": {TO_NAME: image, "file": seen.file}, "predictions": [prediction]}) + "\n"

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        start = file.tell()
        for line in whole_lines(file):
            try:
                task = json.loads(line)
                key = key_of(task["data"]["file"])
                self.models.update(prediction["model_version"] for prediction in task["predictions"])
            except (LookupError, TypeError, AttributeError) as error:
                raise ValueError(f"the line at byte {start} is of another kind") from error
            yield Record(key, start, len(line))
            start += len(line)

    def take_up(self, file: BinaryIO) -> Iterator[bytes]:
        if file.readline() != b"[\n":
            raise ValueError("its tasks do not begin on a line of their own")
        for line in file:
            if line.startswith(b"{"):
                yield line.rstrip(b",\n") + b"\n"

    def assemble(self, records: Sequence[Record], file: BinaryIO) -> Iterator[bytes]:
        yield b"[\n"
        yield from (text.encode() for text in separated(read_record(file, record).decode().rstrip("\n")
                                                        for record in records))
        yield b"\n]\n"


def region(one: Instance, number: int, label: str) -> dict[str, Any]:
    """An object as a region of Label Studio. number: of the object in its photo"""
    height, width = one.among.image_hw
    points = reduce(join, one.polygons) * 100 / (width, height)
    return {"id": f"object{number}", "from_name": FROM_NAME, "to_name": TO_NAME, "type": "polygonlabels",
            "original_width": width, "original_height": height, "image_rotation": 0, "score": round(one.score, 6),
            "value": {"points": points.round(5).tolist(), "closed": True, "polygonlabels": [label]}}
