"""Write files: complete or not at all under their final name, and by one run at a time. Read text files."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Optional, Union

from segmentation import SegmentationError

AnyPath = Union[str, Path]
BLOCK = 1 << 20  # bytes of a file that are read at a time

BLOCKS, BLOCK_SIZE = 16, 64 << 10  # what fingerprint reads of a file: 1 MB, however large it is


@contextmanager
def complete_file(path: AnyPath) -> Iterator[Path]:
    """A temporary path next to `path`. It is renamed to `path` when the block ends without an error.

    The temporary path has the same suffix, because some writers choose the format by it. The folder is made if it is
    missing. If the block raises, the temporary file is removed and the old file at `path` stays as it was.

        with complete_file("output/photo.png") as temporary:
            temporary.write_bytes(data)

    Two runs that write the same path at the same time have two temporary files. One that a killed run has left is
    used again.

    Raises SegmentationError if the folder or the file cannot be written.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with own_temporary(path) as temporary:
            try:
                yield temporary
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


@contextmanager
def own_temporary(path: Path) -> Iterator[Path]:
    """A temporary path next to `path` that no other run uses in the block."""
    if sys.platform == "win32":  # there, a file that is open for its lock could not be renamed
        yield path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        return
    number = 0
    while (file := open_locked(temporary := path.with_name(f".{path.stem}.{number}.part{path.suffix}"))) is None:
        number += 1
    with file:
        yield temporary


@contextmanager
def only_writer(path: AnyPath) -> Iterator[None]:
    """In the block, no other run may write `path`: only_writer refuses it there. The folder is made if it is missing.

    The lock is a file beside it, .NAME.lock. It is removed when the block ends. A lock file that a killed run has left
    locks nothing. The block may end in another thread.

    Raises SegmentationError if another run writes `path` now, or if the folder cannot be written.
    """
    path = Path(path)
    lock_path = path.with_name(f".{path.name}.lock")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open_locked(lock_path)
    if file is None:
        raise SegmentationError(f"{path} is being written by another run: wait for it, or name another file to write")
    with file:
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove an open file: there it stays
                lock_path.unlink()


def open_locked(path: Path) -> Optional[BinaryIO]:
    """The file at `path`, new or not, open and locked until it is closed. None: another process has locked it.

    Not by the package filelock: it leaves the files on the disk, and when a user of it removes them, two runs can each
    lock a file of their own, as nothing but the open file tells whether it is still the one at its path.
    """
    while True:
        file = open(path, "ab")  # noqa: SIM115 (the caller closes it)
        if not lock(file):
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()  # the run before has removed it since it was opened


if sys.platform == "win32":
    import msvcrt

    def lock(file: BinaryIO) -> bool:
        """Lock an open file. False: another process has locked it."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def lock(file: BinaryIO) -> bool:
        """Lock an open file. False: another process has locked it. Where the file system has no locks, it is True."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the second is what some network file systems say
            return False
        except OSError:
            return True  # better to run without a lock than not at all
        return True


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


def check_folders(folders: Iterable[Path]) -> None:
    """Raise SegmentationError if no file can be written into one of the folders. They are not made yet.

    Of a folder that is missing the nearest one above it is tried.
    """
    for folder in dict.fromkeys(folders):
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        with writing(folder), TemporaryFile(dir=there):
            pass


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


def hash_of_file(path: AnyPath) -> str:
    """The hexadecimal SHA-256 of a file. Raises SegmentationError if it cannot be read."""
    digest = sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    return digest.hexdigest()


def fingerprint(path: AnyPath) -> str:
    """A text that tells a large file from another one: its size, and a hash of BLOCKS parts of it, the ends too.

    Its time and its name do not count: a copy of a file has the same fingerprint.

    Raises SegmentationError if the file cannot be read.
    """
    digest = sha256()
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            for block in range(BLOCKS):
                file.seek(max(size - BLOCK_SIZE, 0) * block // (BLOCKS - 1))
                digest.update(file.read(BLOCK_SIZE))
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    return f"{size} bytes, hash {digest.hexdigest()[:16]}"
