"""StopSignals: Ctrl-C and SIGTERM are noted, so that the run can finish its result before it ends."""

import signal
from types import FrameType
from typing import Any, Optional


class StopSignals:
    """In a `with` block, the first signal is noted. A second one ends the run at once, with KeyboardInterrupt.

    If a signal is ignored, as in the background of a shell script, it stays ignored.

    received: the number of the first signal; None: none has come
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self.before: dict[int, Any] = {}  # the handlers outside the block, by the number of the signal

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.before[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def note(self, number: int, frame: Optional[FrameType] = None) -> None:
        """Take a signal, or a key of the user that counts as one.

        number: of the signal; frame: what Python gives to a handler
        """
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number

    def came(self) -> bool:
        """Whether the run must end."""
        return self.received is not None
