"""The formats of rows: COCO's JSON, JSON Lines and CSV, as text that is only ever appended to during a run.

A run appends each picture's rows to a partial file. What the user asked for is made from that file at the end, where
it is not the same. So a partial file is valid at any moment; a run that is killed leaves at worst half a line.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from segmentation.results.rows import Row


class RowFormat:
    """What a file of rows consists of.

    head: the text that the partial file begins with
    as_is: whether the partial file, when it is complete, is what the user asked for
    """

    head = ""
    as_is = True

    def text(self, rows: Sequence[Row]) -> str:
        """The rows of a picture as they are appended to the partial file."""
        raise NotImplementedError

    def assemble(self, lines: Iterable[str]) -> Iterator[str]:
        """The text of the finished file, piece by piece, from the lines of the partial one."""
        return iter(lines)


class JsonLines(RowFormat):
    """One JSON object on each line."""

    def text(self, rows: Sequence[Row]) -> str:
        return "".join(json.dumps(row) + "\n" for row in rows)


class JsonList(JsonLines):
    """COCO's results: a list with one object on each line."""

    as_is = False

    def assemble(self, lines: Iterable[str]) -> Iterator[str]:
        yield "[\n"
        yield from separated(line.rstrip("\n") for line in lines)
        yield "\n]\n"


class Csv(RowFormat):
    """A table for spreadsheets: the file, or the frame and its time, then the columns.

    tracked, counted: whether there is the number of each object, and what it has crossed
    """

    columns = ("label", "score", "x0", "y0", "x1", "y1", "mask_area", "red", "green", "blue", "model")

    def __init__(self, video: bool, tracked: bool = False, counted: bool = False):
        self.first = (("frame", "time") if video else ("file",)) + (("track",) if tracked else ())
        self.last = ("crossed",) if counted else ()
        self.head = csv_line([*self.first, *self.columns, *self.last])

    def text(self, rows: Sequence[Row]) -> str:
        return "".join(map(self.line, rows))

    def line(self, row: Row) -> str:
        """A row as a line of the table."""
        x, y, width, height = row["bbox"]
        return csv_line([*(row[name] for name in self.first), row["label"], row["score"], x, y, x + width, y + height,
                         row["area"], *row["color"], row["model"], *("; ".join(row[name]) for name in self.last)])


def csv_line(values: Iterable[Any]) -> str:
    r"""The values as a line of a CSV file.

    >>> csv_line(["a,b.jpg", 0.5])
    '"a,b.jpg",0.5\n'
    """
    text = io.StringIO()
    # With this end of line, Python quotes a name that holds either half of it; the file has "\n" alone.
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue()[:-2] + "\n"


def separated(texts: Iterable[str]) -> Iterator[str]:
    """The texts with a comma and the end of a line between each two."""
    for number, text in enumerate(texts):
        yield f",\n{text}" if number else text
