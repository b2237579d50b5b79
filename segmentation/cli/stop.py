"""StopSignals: Ctrl-C and SIGTERM are noted, so that the run can finish its result before it ends."""

from types import FrameType
from typing import Optional

from segmentation.terminal import Stopped, handling


class StopSignals:
    """In a `with` block, the first signal is noted. A second one ends the run at once, with Stopped.

    If a signal is ignored, as in the background of a shell script, it stays ignored.

    received: the number of the first signal; None: none has come
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self.block = handling(self.note)

    def __enter__(self) -> "StopSignals":
        self.block = handling(self.note)
        self.block.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.block.__exit__(None, None, None)

    def note(self, number: int, frame: Optional[FrameType] = None) -> None:
        """Take a signal, or a key of the user that counts as one.

        number: of the signal; frame: what Python gives to a handler
        """
        if self.received is not None:
            raise Stopped(number)
        self.received = number

    def came(self) -> bool:
        """Whether the run must end."""
        return self.received is not None
