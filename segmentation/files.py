"""Files that appear under their final name only when they are complete, and text files read."""

import os
from contextlib import contextmanager
from pathlib import Path

from segmentation import SegmentationError


@contextmanager
def complete_file(path):
    """A temporary path beside `path` to write to, renamed to `path` when the block ends without an error.

    The suffix stays the same, for writers that go by it; the folder is made. When the block raises,
    the temporary file is removed and whatever stood at `path` still stands there.

        with complete_file("output/photo.png") as temporary:
            temporary.write_bytes(data)

    Raises SegmentationError where the folder or the file cannot be written.
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
def writing(path):
    """Raises SegmentationError where the block fails to write to `path`."""
    try:
        yield
    except OSError as error:
        raise SegmentationError(f"cannot write {path}: {reason(error)}") from error


def make_folder(path):
    """Make a folder and those above it, where they are not there; SegmentationError where that fails."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegmentationError(f"cannot write to {path}: {reason(error)}") from error


def reason(error):
    """What the operating system says of a failure, without the path and the number."""
    return getattr(error, "strerror", None) or str(error)


def read_text(path):
    """The text of a UTF-8 file."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise SegmentationError(f"{path} is no text file: it must be UTF-8") from error
