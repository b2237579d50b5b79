"""Files of rows that a run appends to, and marks that say where one stands: RowFile.

    NAME.json             the file that the user asked for; it appears when the run is complete
    NAME.partial.jsonl    the rows so far, one on each line; kept if the run is stopped
    NAME.csv, NAME.partial.csv

    rows = RowFile("out/rows.csv", Csv(video=True))
    rows.add(describe(seen, labels, made.model))
    mark = rows.mark()

A later run continues the partial file after the mark: RowFile(..., resume_at=mark).
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Optional, Union

from segmentation import SegmentationError
from segmentation.files import AnyPath, writing
from segmentation.results.row_formats import RowFormat
from segmentation.results.rows import Row

PIECE = 1 << 20  # bytes that are read at a time

Mark = list[Union[int, str]]  # [how many bytes a file holds, the hexadecimal SHA-256 of these bytes]


class AppendedFile:
    """A file that grows at its end; one write for each text, so that half a text is at worst the last.

    size: how many bytes of an earlier run's file to continue after, what comes later is cut off; None: a new file

    Raises OSError if the file cannot be written.
    """

    def __init__(self, path: Path, size: Optional[int] = None):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.size = size or 0
        # Without a buffer, a text is in the file when append has returned.
        self.file = open(path, "wb" if size is None else "r+b", buffering=0)  # noqa: SIM115 (close closes it)
        self.cut(self.size)

    def append(self, data: bytes) -> None:
        """Write data at the end: all of it or, if the disk is full or Ctrl-C comes, none."""
        left = memoryview(data)
        try:
            while left:
                left = left[self.file.write(left):]
        except BaseException:
            self.cut(self.size)
            raise
        self.size += len(data)

    def cut(self, size: int) -> None:
        """Let the file end after `size` bytes."""
        self.file.truncate(size)
        self.file.seek(size)
        self.size = size

    @property
    def closed(self) -> bool:
        """Whether the file has been ended."""
        return self.file.closed

    def close(self) -> None:
        """End the file after the last whole text."""
        if not self.closed:
            self.cut(self.size)
            self.file.close()


class RowFile:
    """A file of rows in one of the formats, under its partial name.

    resume_at: the mark after which an earlier run's partial file is continued; None: a new file

    Raises SegmentationError if the file cannot be written, or if it does not fit the mark.
    """

    def __init__(self, path: AnyPath, row_format: RowFormat, resume_at: Optional[Mark] = None):
        self.path, self.format, self.partial = Path(path), row_format, partial_path(path)
        self.hash = sha256()
        if resume_at is not None and not rows_fit(path, row_format, resume_at):
            raise SegmentationError(f"cannot go on with {self.partial}, which is not what the earlier run has written: "
                                    "start over by --overwrite")
        with writing(self.partial):
            if resume_at is None:
                self.file = AppendedFile(self.partial)
                self.append(row_format.head)
            else:
                size = int(resume_at[0])
                self.hash = hash_of(self.partial, size)
                self.file = AppendedFile(self.partial, size)

    def add(self, rows: Sequence[Row]) -> None:
        """Append the rows of a picture, as `describe` makes them."""
        self.append(self.format.text(rows))

    def append(self, text: str) -> None:
        """Append text, and remember it in the hash."""
        data = to_bytes(text)
        with writing(self.partial):
            self.file.append(data)
        self.hash.update(data)

    def mark(self) -> Mark:
        """Where the file stands now, as plain values."""
        return [self.file.size, self.hash.hexdigest()]

    @property
    def has_rows(self) -> bool:
        """Whether there is more in it than its head."""
        return self.file.size > len(to_bytes(self.format.head))

    def complete(self) -> Path:
        """End the file; the path of what the user asked for, still under a temporary name."""
        self.stop()
        if self.format.as_is:
            return self.partial
        path = temporary_path(self.path)
        with writing(path), open(self.partial, encoding="utf-8", newline="\n") as lines, \
                open(path, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(self.format.assemble(lines))
        return path

    def stop(self) -> None:
        """End the file here, under its partial name."""
        with writing(self.partial):
            self.file.close()


def rows_fit(path: AnyPath, row_format: RowFormat, mark: Any) -> bool:
    """Whether the partial file of `path` is, up to the mark, what the run of the mark has written.

    mark: from a file, so it may be anything
    """
    if not (isinstance(mark, list) and len(mark) == 2 and isinstance(mark[0], int) and isinstance(mark[1], str)):
        return False
    partial, head = partial_path(path), to_bytes(row_format.head)
    try:
        with open(partial, "rb") as file:
            if mark[0] < len(head) or file.read(len(head)) != head:
                return False
        return partial.stat().st_size >= mark[0] and hash_of(partial, mark[0]).hexdigest() == mark[1]
    except OSError:
        return False


def hash_of(path: Path, size: int) -> Any:
    """The SHA-256, as an object of hashlib, of the first `size` bytes of a file. Raises OSError."""
    digest, left = sha256(), size
    with open(path, "rb") as file:
        while left > 0 and (piece := file.read(min(left, PIECE))):
            digest.update(piece)
            left -= len(piece)
    return digest


def partial_path(path: AnyPath) -> Path:
    """The name of a file of rows, a page or a plot until it is complete. All kinds of JSON are lines until then.

    >>> str(partial_path("out/rows.json")), str(partial_path("out/rows.csv"))
    ('out/rows.partial.jsonl', 'out/rows.partial.csv')
    """
    path = Path(path)
    return path.with_suffix(".partial.jsonl" if path.suffix.lower() == ".json" else f".partial{path.suffix}")


def temporary_path(path: AnyPath) -> Path:
    """The name under which a file is written at the end, where it is not the partial file itself.

    >>> str(temporary_path("out/rows.json"))
    'out/rows.partial.json'
    """
    path = Path(path)
    return path.with_suffix(f".partial{path.suffix}")


def to_bytes(text: str) -> bytes:
    """Text as UTF-8. A byte of a file name that is no text becomes a backslash and its number, as in \\udcff."""
    return text.encode("utf-8", "backslashreplace")
