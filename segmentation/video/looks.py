"""The stream of a video: each frame with the objects to draw on it, whoever ran the network.

    for item in look_at(source.items(), timed(net), every=3):
        if isinstance(item, Look):
            draw(item.image, item.found)
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Optional, Union

import av
import numpy as np

from segmentation.instances import Instances
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.threads import ReadAhead
from segmentation.video.resumable import PartialVideo
from segmentation.video.source import PATIENCE, Frame, Sound, VideoSource


@dataclass(frozen=True)
class Look:
    """A frame and the objects to draw on it.

    number: of the frame, from 0
    time: seconds from the first frame, exact; None where a worker has drawn and encoded the frame
    image: BGR uint8 (H, W, 3), not drawn on; None where a worker has drawn and encoded the frame
    found: the objects of this frame, or of the last one before it that the network saw; None where they are not needed
    fresh: whether the network saw this frame
    seconds: by stage (decode, network, draw, encode), what this frame took until now
    runs: how many runs of the network are in these seconds
    packet: the frame drawn and encoded, where a worker has done that
    """

    number: int
    time: Optional[Fraction] = None
    image: Optional[np.ndarray] = None
    found: Optional[Instances] = None
    fresh: bool = False
    seconds: dict = field(default_factory=dict)
    runs: int = 0
    packet: Optional[av.Packet] = None


def look_at(items: Iterable[Union[Frame, Sound]], find: Callable[[Frame], tuple], every: int = 1,
            done: int = 0) -> Iterator[Union[Look, Sound]]:
    """A Look for each Frame among a source's items, and its Sound as it is.

    find: Frame -> (Instances, seconds of the network)
    every: the network sees frames 0, every, 2 * every, ...
    done: frames before this one exist already. Of these the network sees one at most: the one whose objects are
        drawn on frame `done`
    """
    found, first = None, done - done % every
    for item in items:
        if isinstance(item, Sound):
            yield item
            continue
        fresh, seconds = item.number % every == 0 and item.number >= first, {}
        if fresh:
            found, seconds["network"] = find(item)
        if item.number >= done:
            seconds["decode"] = item.seconds
        yield Look(item.number, item.time, item.image, found, fresh, seconds, runs=int(fresh))


def timed(net: Callable[[np.ndarray], Instances]) -> Callable[[Frame], tuple]:
    """A `find` for look_at that runs the network here."""
    def find(frame):
        began = time.perf_counter()
        found = net(frame.image)
        return found, time.perf_counter() - began
    return find


class OwnLooks:
    """The stream of a video whose network runs in this process.

    source, partial: the video read and the one written; facts: the network, with its labels, colours and files
    every: the network sees frames 0, every, 2 * every, ...; stopped: says whether the run is to end
    """

    workers = None  # as SpreadVideo's

    def __init__(self, source: VideoSource, partial: PartialVideo, net: MaskRCNN, every: int,
                 stopped: Callable[[], bool]):
        self.source, self.partial, self.facts, self.every, self.stopped = source, partial, net, every, stopped

    @property
    def frames(self) -> Optional[int]:
        """How many frames the source says it has, or None."""
        return self.source.frames

    @contextmanager
    def looks(self) -> Iterator[Iterator[Union[Look, Sound]]]:
        """The Looks and the Sound in the order of the source; open while the block lasts.

        Frames are decoded ahead, in another thread. Raises TimeoutError where a live source gives nothing for PATIENCE.
        """
        live = self.source.live
        items = ReadAhead(self.source.items(), PATIENCE if live else None, self.stopped)
        try:
            yield look_at(items, timed(self.facts), self.every, self.partial.done)
        finally:
            items.close(abandon=live)
