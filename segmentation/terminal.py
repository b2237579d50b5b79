"""The lines of a run on stdout and stderr, Ctrl-C, and the exit code."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Optional, TypeVar

from tqdm import tqdm

from segmentation import SegmentationError

Args = TypeVar("Args")

lines = {"brief": False}


@contextmanager
def brief() -> Iterator[None]:
    """Suppress [INFO] lines in the block, except those that are printed with always=True."""
    lines["brief"] = True
    try:
        yield
    finally:
        lines["brief"] = False


def info(text: str, always: bool = False) -> None:
    """Print one [INFO] line on stdout, above the progress bar if there is one.

    A closed pipe (| head) does not stop the work.
    """
    if lines["brief"] and not always:
        return
    try:
        tqdm.write(f"[INFO] {text}", file=sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str) -> None:
    """Print one line on stderr, where warnings and errors go."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Ctrl-C raises KeyboardInterrupt in the block. Gives a function that raises it again if it was lost.

    Python drops an exception of a signal that arrives inside a destructor or inside the callback of a weak
    reference. If Ctrl-C is ignored, as in the background of a shell script, it stays ignored.
    """
    received = []

    def interrupt(number: int, frame: Optional[FrameType]) -> None:
        received.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if received:
            raise KeyboardInterrupt
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def run(work: Callable[[Args], int], args: Args) -> int:
    """The exit code of work(args): its result, 1 for a SegmentationError, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A file name with characters that the terminal lacks does not stop the run. A notebook's stream has no
        # reconfigure and takes all characters.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        return work(args)
    except SegmentationError as error:
        warn(f"[ERROR] {error}")
        return 1
    except KeyboardInterrupt:
        warn("[INFO] interrupted; what was finished is kept")
        return 130
