"""Files that hold something of every photo of a run, rows or the report, and that later runs can add to: PhotoFile.

    NAME.csv            the file that the user asked for; it appears when the run is complete
    NAME.partial.csv    what there is so far, one record for each photo; it is only appended to

A run that adds to a finished file first copies it to the partial one. So where there is a partial file, it holds all
that is known, and a run may be killed at any moment.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Optional

from segmentation import SegmentationError
from segmentation.files import AnyPath, complete_file, reason, writing
from segmentation.network.made import Made
from segmentation.results.row_files import AppendedFile, partial_path, to_bytes
from segmentation.terminal import warn


class Record(NamedTuple):
    """What a partial file holds of a photo.

    key: the photo's, see key_of
    start, size: where the record is in the file, in bytes
    whole: False if the photo must be done again
    about: what else the format needs to know of it
    """

    key: str
    start: int
    size: int
    whole: bool = True
    about: Any = None


class PhotoFormat:
    """What a partial file consists of, and the finished file that is made of it.

    head: what the partial file begins with
    grouped: whether neighbouring records of one photo look like one record
    kept: what is said of a partial file that is kept
    models: the names of the models that have found what earlier runs have written
    made: what has found what this run writes; None: it does not say
    """

    head = b""
    grouped = False
    kept = "the rows so far are kept"

    def __init__(self) -> None:
        self.models: set[str] = set()
        self.made: Optional[Made] = None

    def use(self, labels: Sequence[str], made: Made, path: object) -> None:
        """Take the name of each class, and what finds the objects of this run.

        Raises SegmentationError if another model has found those of earlier runs. path: of the file
        """
        others = self.models - {made.model}
        if others:
            raise SegmentationError(f"cannot add to {path}: what it holds was found by {', '.join(sorted(others))}, "
                                    f"and this run uses {made.model}; name another file, or replace it by --overwrite")
        self.made = made

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        """The records of a partial file, until the first that is not complete; ValueError if it is of another kind."""
        raise NotImplementedError

    def take_up(self, file: BinaryIO) -> Iterable[bytes]:
        """What the partial file of a finished file holds; ValueError if that is of another kind."""
        return file

    def assemble(self, records: Sequence[Record], file: BinaryIO) -> Iterator[bytes]:
        """The finished file, piece by piece. file: the partial one, to be read"""
        yield self.head
        for record in records:
            yield read_record(file, record)


class PhotoFile:
    """A file in one of the formats, open under its partial name.

    keep: add to what earlier runs have written; else it is a new file
    photos: the paths of the run's photos, in the order that the finished file has; those that only earlier runs had
        come before them

    records: what it holds, by the photos' keys; begun: whether the partial file holds what the finished one lacks

    Raises SegmentationError if the file cannot be written, or cannot be added to.
    """

    def __init__(self, path: AnyPath, photo_format: PhotoFormat, keep: bool = False,
                 photos: Sequence[str] = ()):
        self.path, self.format, self.partial = Path(path), photo_format, partial_path(path)
        self.places = {key_of(photo): place for place, photo in enumerate(photos)}
        self.records: dict[str, Record] = {}
        self.added: Optional[tuple[str, Optional[Record]]] = None
        if self.path.is_dir():
            raise SegmentationError(f"cannot write {self.path}: it is a folder")
        self.begun = keep and self.partial.exists()
        with writing(self.partial):
            if keep and not self.begun and self.path.exists():
                self.take_up()
            self.file = AppendedFile(self.partial, self.read() if keep and self.partial.exists() else None)
            if not self.file.size:
                self.file.append(photo_format.head)

    # ---- What earlier runs have written ----------------------------------------------------------------------

    def take_up(self) -> None:
        """Make the partial file of the finished one."""
        with complete_file(self.partial) as temporary, open(self.path, "rb") as finished, \
                open(temporary, "wb") as file:
            try:
                file.writelines(self.format.take_up(finished))
            except ValueError as error:
                raise self.cannot_add(self.path, error) from error

    def read(self) -> int:
        """Find the records of the partial file. Returns how many bytes of it are whole."""
        with open(self.partial, "rb") as file:
            head = file.read(len(self.format.head))
            if head != self.format.head[:len(head)]:
                raise self.cannot_add(self.partial, ValueError("it begins otherwise"))
            end = len(head) if head == self.format.head else 0
            try:
                for record in self.format.scan(file):
                    self.records[record.key] = record
                    end = record.start + record.size
            except ValueError as error:
                raise self.cannot_add(self.partial, error) from error
        if self.records and self.format.grouped and self.begun:
            # A killed run may have written some of its rows.
            key, record = list(self.records.items())[-1]
            self.records[key] = record._replace(whole=False)
        return end

    @staticmethod
    def cannot_add(path: Path, error: ValueError) -> SegmentationError:
        """The error for a file that is not as a run has left it."""
        return SegmentationError(f"cannot add to {path}, which no run of this kind has written, or it is broken "
                                 f"({reason(error)}): name another file, or replace it by --overwrite")

    def holds(self, photo: str) -> bool:
        """Whether it holds all of a photo, by its path."""
        record = self.records.get(key_of(photo))
        return record is not None and record.whole

    # ---- What this run writes --------------------------------------------------------------------------------

    def append(self, photo: str, text: str, about: Any = None, whole: bool = True) -> None:
        """Append the record of a photo; it replaces an earlier one. text: may be empty; about, whole: as of Record"""
        key, data = key_of(photo), to_bytes(text)
        before = self.records.get(key)
        with writing(self.partial):
            if before and self.format.grouped and before.start + before.size == self.file.size:
                self.file.cut(before.start)
                before = None
            start = self.file.size
            self.file.append(data)
        self.records[key] = Record(key, start, len(data), whole, about)
        self.added, self.begun = (key, before), True

    def undo(self, photo: str) -> None:
        """Take back what was appended last, if it is of this photo: the photo has failed after that."""
        key, before = self.added or (None, None)
        if key == key_of(photo):
            with writing(self.partial):
                self.file.cut(self.records.pop(key).start)
            if before:
                self.records[key] = before
            self.added = None

    def write(self) -> None:
        """Write the finished file as of now; more may follow."""
        records = sorted(self.records.values(), key=lambda record: self.places.get(record.key, -1))
        with complete_file(self.path) as temporary, open(self.partial, "rb") as partial, open(temporary, "wb") as file:
            file.writelines(self.format.assemble(records, partial))

    def finish(self) -> None:
        """Write the finished file, if there is anything new, and remove the partial one."""
        if self.begun or not self.path.exists():
            self.write()
        self.discard()

    def stop(self, error: Optional[BaseException] = None) -> None:
        """End the partial file here. It is kept if it holds something that the finished file lacks.

        error: that has ended the run
        """
        if not (self.begun and self.records):
            self.discard()
        elif not self.file.closed:
            with writing(self.partial):
                self.file.close()
            warn(f"[INFO] {self.format.kept} in {self.partial}")

    def discard(self) -> None:
        """Remove the partial file."""
        with writing(self.partial):
            self.file.close()
            self.partial.unlink(missing_ok=True)


def check_new(path: Path, photo_format: PhotoFormat) -> None:
    """Raise SegmentationError if a file, or the partial one, holds what an earlier run has written."""
    partial = partial_path(path)
    if path.exists():
        raise SegmentationError(f"{path} exists already: name another file, add to it by --skip-existing, or replace "
                                "it by --overwrite")
    if partial.exists() and os.path.getsize(partial) > len(photo_format.head):
        raise SegmentationError(f"{partial} is left of an earlier run: go on with it by --skip-existing, or start over "
                                "by --overwrite")


def read_record(file: BinaryIO, record: Record) -> bytes:
    """The bytes of a record of a partial file."""
    file.seek(record.start)
    return file.read(record.size)


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file from where it stands, without the end of a line that a killed run has left."""
    return (line for line in file if line.endswith(b"\n"))


def key_of(photo: str) -> str:
    """A photo's path as text that all files can hold: a byte that is no text is a backslash and its number."""
    return to_bytes(photo).decode()
