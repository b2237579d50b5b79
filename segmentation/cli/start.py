"""Where the commands begin: Ctrl-C and closed streams are provided for before numpy and OpenCV are imported.

Those imports take half a second. This module imports next to nothing.
"""

import atexit
import os
import signal
import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def photos(argv: "Optional[Sequence[str]]" = None) -> int:
    """Run the command line for photos; the exit code. argv: as of its main"""
    return start("segmentation.cli.photos", argv)


def videos(argv: "Optional[Sequence[str]]" = None) -> int:
    """Run the command line for videos; the exit code. argv: as of its main"""
    return start("segmentation.cli.videos", argv)


def start(module: str, argv: "Optional[Sequence[str]]" = None) -> int:
    """Import a module and run its main(argv); the exit code.

    Until main begins, Ctrl-C and SIGTERM end the process at once: nothing is lost. An exception in the middle of an
    import could be taken for a broken package.
    """
    open_closed_streams()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, leave)
    atexit.register(ignore)
    try:
        from segmentation.terminal import run

        return run(import_module(module).main, argv)
    except ModuleNotFoundError as error:
        if (error.name or "segmentation").startswith("segmentation"):
            raise
        print(f"[ERROR] the package {error.name} is not installed for {sys.executable}: pip install -r "
              "requirements.txt, or activate the environment where it is", file=sys.stderr)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(number: int, frame: object) -> None:
    """A handler that ends the process at once."""
    try:
        if number == signal.SIGINT:
            os.write(2, b"[INFO] interrupted\n")
    finally:  # stderr may be full
        os._exit(128 + number)


def ignore() -> None:
    """Ignore signals from here on: all is done, the process only ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def open_closed_streams() -> None:
    """Give stdin, stdout and stderr something to stand for if they are closed (>&-).

    Else the next file that is opened would get the number of a closed stream, and what a library prints would go into
    it. A closed stdin holds nothing; a closed stdout or stderr cannot be written, and says so.
    """
    for number, name, way in ((0, "stdin", os.O_RDWR), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, way)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            os.set_inheritable(number, True)  # a worker must have it too
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
