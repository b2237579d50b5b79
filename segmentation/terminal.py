"""The lines of a run on stdout and stderr, Ctrl-C and SIGTERM, and the exit code."""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, Callable, Optional, TextIO, TypeVar, Union, cast

from segmentation import SegmentationError

Args = TypeVar("Args")

# What commands a terminal, or turns the order of the letters on it: the control characters, and Unicode's own.
COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

lines = {"brief": False, "quiet": False}
last_lines: list[str] = []  # that `run` prints at its end


@contextmanager
def brief() -> Iterator[None]:
    """Suppress [INFO] lines in the block, except those that are printed with always=True."""
    lines["brief"] = True
    try:
        yield
    finally:
        lines["brief"] = False


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Suppress all [INFO] lines and progress bars in the block, if that is wanted. Warnings and errors stay."""
    lines["quiet"] = wanted
    try:
        yield
    finally:
        lines["quiet"] = False


def is_quiet() -> bool:
    """Whether [INFO] lines and progress bars are suppressed."""
    return lines["quiet"]


def info(text: str, always: bool = False) -> None:
    """Print one [INFO] line on stdout, above the progress bar if there is one."""
    if not lines["quiet"] and (always or not lines["brief"]):
        put(f"[INFO] {text}", sys.stdout)


def warn(text: str) -> None:
    """Print one line on stderr, where warnings and errors go."""
    put(text, sys.stderr)


def warn_at_end(text: str) -> None:
    """Print one line on stderr when the command ends: a warning that 240 lines of [INFO] must not hide."""
    if text not in last_lines:
        last_lines.append(text)


def put(text: str, stream: TextIO) -> None:
    """Print one line, above the progress bar if there is one. Names in it may hold any characters: see `visible`."""
    from tqdm import tqdm  # a tenth of a second, which the start of a command does not wait for

    lasting = as_lasting(stream)
    tqdm.write(visible(text), file=lasting)
    lasting.flush()


def visible(text: str) -> str:
    """A text whose control characters are spelled out: on a terminal they would move the cursor or set the title.

    >>> visible("a\x1b[2J.jpg")
    'a\\\\x1b[2J.jpg'
    """
    return COMMANDS.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


class Lasting:
    """A text stream that the work does not depend on: once it cannot be written, what is printed is dropped.

    That is so for a closed pipe (| head), a closed stream (>&-) and a full disk.
    """

    def __init__(self, stream: TextIO):
        self.stream, self.lost = stream, False

    def write(self, text: str) -> int:
        """Print a text."""
        self.attempt(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Print what has been kept back."""
        self.attempt(self.stream.flush)

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something to the stream, unless it is lost."""
        if self.lost:
            return
        try:
            action()
        except (OSError, ValueError):  # ValueError: some code has closed the stream
            self.lost = True
            drop_all(self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def as_lasting(stream: TextIO) -> TextIO:
    """The stream as a Lasting one."""
    return stream if isinstance(stream, Lasting) else cast(TextIO, Lasting(stream))


def drop_all(stream: TextIO) -> None:
    """Let a stream that cannot be written end nowhere. Else Python would try again at its end, and exit with 120."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
    except (OSError, ValueError):  # no file of the operating system is behind it, as in a notebook
        pass


# ---- Signals -------------------------------------------------------------------------------------------------

class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM has come. number: of the signal"""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


Handler = Callable[[int, Optional[FrameType]], Any]


@contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """In the block, Ctrl-C and SIGTERM go to the handler, unless they are ignored: in the background of a shell script
    they stay so. In another thread than the main one, the block changes nothing.
    """
    before: dict[int, Union[int, Handler, None]] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for kept in before.items():
            signal.signal(*kept)


def stop(number: int, frame: Optional[FrameType]) -> None:
    """A handler that raises Stopped."""
    raise Stopped(number)


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM raise Stopped in the block. Gives a function that raises it again if it was lost.

    Python drops an exception of a signal that arrives inside a destructor or inside the callback of a weak reference.
    """
    received: list[int] = []

    def note(number: int, frame: Optional[FrameType]) -> None:
        received.append(number)
        raise Stopped(number)

    def check() -> None:
        if received:
            raise Stopped(received[0])
    with handling(note):
        yield check


# ---- A command -----------------------------------------------------------------------------------------------

def run(work: Callable[[Args], int], args: Args) -> int:
    """The exit code of work(args): its result, 1 for a SegmentationError, 130 for Ctrl-C, 143 for SIGTERM."""
    last_lines.clear()  # those of what a program did before it called this command
    with lasting_streams(), handling(stop):
        try:
            return work(args)
        except SegmentationError as error:
            warn(f"[ERROR] {error}")
            return 1
        except KeyboardInterrupt as error:
            number = error.number if isinstance(error, Stopped) else int(signal.SIGINT)
            said = "interrupted" if number == signal.SIGINT else "stopped"
            warn(f"[INFO] {said}; what was finished is kept")
            return 128 + number
        finally:
            while last_lines:
                warn(last_lines.pop(0))


@contextmanager
def lasting_streams() -> Iterator[None]:
    """In the block, stdout and stderr take all that is printed, whatever becomes of it."""
    for stream in (sys.stdout, sys.stderr):
        # A file name with characters that the terminal lacks does not stop the run. A notebook's stream has no
        # reconfigure and takes all characters.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    with ExitStack() as stack:
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            lasting = as_lasting(stream)
            stack.enter_context(redirect(lasting))
            stack.callback(lasting.flush)
        yield
