"""What a run says on stdout and stderr, and how it ends."""

import os
import signal
import sys
from contextlib import contextmanager

from tqdm import tqdm

from segmentation import SegmentationError

lines = {"brief": False}


@contextmanager
def brief():
    """While it lasts, only those [INFO] lines are printed that always are."""
    lines["brief"] = True
    try:
        yield
    finally:
        lines["brief"] = False


def info(text, always=False):
    """One [INFO] line on stdout, above a progress bar where there is one.

    A reader that has gone away (| head) is no reason to stop the work.
    """
    if lines["brief"] and not always:
        return
    try:
        tqdm.write(f"[INFO] {text}", file=sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text):
    """One line on stderr, where warnings and errors go."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


@contextmanager
def interruptible():
    """While it lasts, Ctrl-C raises KeyboardInterrupt; gives a function that raises it again where that was lost.

    Python drops what a signal raises while a destructor or the callback of a weak reference happens to run.
    Where Ctrl-C is ignored, as in the background of a shell script, it stays so.
    """
    came = []

    def interrupt(number, frame):
        came.append(number)
        raise KeyboardInterrupt

    def check():
        if came:
            raise KeyboardInterrupt
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def run(work, args):
    """The exit code of work(args): what it returns, 1 for an error that the user can mend, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal's encoding lacks is no reason to stop (a notebook's stream takes all).
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return work(args)
    except SegmentationError as error:
        warn(f"[ERROR] {error}")
        return 1
    except KeyboardInterrupt:
        warn("[INFO] interrupted; what was finished is kept")
        return 130
