"""Span: the seconds of a video that were asked for, and which frames are shown in them.

    for item in Span(Fraction(1), Fraction(2)).pick(items):    # TimedFrames and packets of sound, in order
        ...
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Optional, Union

import av
import numpy as np

# Seconds. Times that differ by no more are the same: people write thousandths at most, and Matroska's times are rounded
# to them. So the same --start and --end pick the same frames of a film, whatever file holds it.
SAME = Fraction(1, 2000)


class TimedFrame(NamedTuple):
    """A decoded frame in PyAV's form.

    at, until: the times from which and to which it is shown, in seconds from the beginning of the video; `until` is
        what the file says, or one frame's time, and does not know of the next frame
    seconds: how long it took to decode
    """

    frame: av.VideoFrame
    at: Fraction
    until: Fraction
    seconds: float


@dataclass(frozen=True)
class Span:
    """The time from `start` to `end`, in seconds from the beginning of a video; end None: to its end.

    Its frames are those that are shown at a time in it: from the one that is shown at `start`, which may have begun
    before, to the last one that begins before `end`. At 25 frames a second, Span(0, 0.2) has frames 0 to 4, and
    Span(2.39, None) begins with frame 59, which is shown from 2.36 to 2.40.
    """

    start: Fraction
    end: Optional[Fraction]

    def is_over(self, until: Fraction) -> bool:
        """Whether a frame that is shown until then is over when the span begins."""
        return bool(self.start) and until <= self.start + SAME

    def is_past(self, at: Fraction) -> bool:
        """Whether a frame that begins then begins after the span."""
        return self.end is not None and at >= self.end - SAME

    def pick(self, items: Iterable[Union[av.Packet, TimedFrame]]) -> Iterator[Union[av.Packet, TimedFrame]]:
        """The frames of the span, and all packets up to the first frame after it; that frame is the last item."""
        before: Optional[TimedFrame] = None  # it begins before the span; the next frame says whether it lasts into it
        for item in items:
            if isinstance(item, av.Packet):
                yield item
                continue
            begins_before = self.is_over(item.at)
            if before is not None and not begins_before:
                yield before
            before = item if begins_before else None
            if not begins_before:
                yield item
            if self.is_past(item.at):
                return
        if before is not None and not self.is_over(before.until):
            yield before

    def places(self, times: np.ndarray, unit: Fraction, zero: Fraction, until: Fraction) -> tuple[int, int]:
        """(first, last): the frames first <= number < last of a file are those of the span.

        times: of its frames, in order, (N,) int64, in units of `unit` seconds
        zero: the time that counts as 0, in seconds
        until: the time to which the last frame is shown, in seconds from the beginning of the video
        """
        first, last = 0, len(times)
        if self.start:
            first = int(np.searchsorted(times, (self.start + SAME + zero) // unit, "right")) - 1
            first += bool(first == last - 1 and self.is_over(until))
        if self.end is not None:
            last = int(np.searchsorted(times, -((SAME - self.end - zero) // unit), "left"))
        return max(first, 0), last

    def begins(self, at: Fraction, rate: Fraction) -> Fraction:
        """The time that is 0 in the result, if the first frame of the span begins at `at`.

        Of a frame that has been shown for long before the span, only the last frame's time at that rate is taken.
        """
        return max(at, self.start - 1 / rate) if self.start else at
