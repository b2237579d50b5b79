"""Write files so that they get their final name only when they are complete; read text files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from segmentation import SegmentationError

AnyPath = Union[str, Path]


@contextmanager
def complete_file(path: AnyPath) -> Iterator[Path]:
    """A temporary path next to `path`. It is renamed to `path` when the block ends without an error.

    The temporary path has the same suffix, because some writers choose the format by it. The folder is made if it is
    missing. If the block raises, the temporary file is removed and the old file at `path` stays as it was.

        with complete_file("output/photo.png") as temporary:
            temporary.write_bytes(data)

    Raises SegmentationError if the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: AnyPath) -> Iterator[None]:
    """Turn an OSError in the block into a SegmentationError that names `path`."""
    try:
        yield
    except OSError as error:
        raise SegmentationError(f"cannot write {path}: {reason(error)}") from error


def make_folder(path: AnyPath) -> None:
    """Make a folder and the folders above it. Raises SegmentationError if that fails."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegmentationError(f"cannot write to {path}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The operating system's own words for an error, without the path and the number."""
    return getattr(error, "strerror", None) or str(error)


def read_text(path: AnyPath) -> str:
    """The text of a UTF-8 file. Raises SegmentationError if it cannot be read or is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise SegmentationError(f"{path} is no text file: it must be UTF-8") from error
