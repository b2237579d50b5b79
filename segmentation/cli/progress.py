"""How far a long run is: a bar on a terminal, else a line every 30 seconds."""

import sys
import time
from typing import Optional, Protocol

from tqdm import tqdm

from segmentation.terminal import is_quiet, warn

LINE_EVERY = 30  # seconds between lines if stderr is no terminal


class AnyProgress(Protocol):
    """A Progress or a Share. It is used in a `with` block."""

    def step(self) -> None:
        """One more frame is done."""
        ...

    def __enter__(self) -> "AnyProgress": ...

    def __exit__(self, *error: object) -> None: ...


class Progress:
    """Shows how many frames are done.

    total: how many there are; None: nobody knows
    done: how many of them were done before this run
    unit: what is counted
    """

    def __init__(self, total: Optional[int], done: int = 0, unit: str = "frame"):
        self.total, self.before, self.count, self.began = total, done, done, time.monotonic()
        self.unit, self.line = unit, self.began
        shown = sys.stderr.isatty() and total != 1 and not is_quiet()
        self.bar = tqdm(total=total, initial=done, unit=unit) if shown else None

    def step(self) -> None:
        """One more frame is done."""
        self.count += 1
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update()
        elif now - self.line >= LINE_EVERY and not is_quiet():
            self.line = now
            warn("[INFO] " + tqdm.format_meter(self.count, self.total, now - self.began, initial=self.before,
                                               unit=self.unit, ncols=0))

    def skip(self, frames: int) -> None:
        """So many more frames were done before this run."""
        self.before, self.count = self.before + frames, self.count + frames
        if self.bar is not None:
            self.bar.initial += frames  # tqdm has no method for this; the rate is counted from here
            self.bar.update(frames)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()


class Share:
    """One video's share in the Progress of a run of several videos.

    done: how many frames of the video were done before this run
    """

    def __init__(self, whole: Progress, done: int = 0):
        self.whole = whole
        whole.skip(done)

    def step(self) -> None:
        """One more frame is done."""
        self.whole.step()

    def __enter__(self) -> "Share":
        return self

    def __exit__(self, *error: object) -> None:
        """The progress of the other videos continues."""
