"""The stream of a video: each frame with the objects to draw on it, whoever ran the network.

    for item in look_at(source.items(), timed(net), every=3):
        if isinstance(item, Look):
            draw(item.image, item.found)
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Callable, NamedTuple, Optional, Protocol, Union

import av
import numpy as np

from segmentation.drawing.palettes import Color
from segmentation.instances import Instances
from segmentation.network.made import Made
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import ModelFiles
from segmentation.terminal import info
from segmentation.threads import Newest, ReadAhead
from segmentation.video.container import PATIENCE
from segmentation.video.follow import Follower
from segmentation.video.resumable import PartialVideo
from segmentation.video.source import Frame, Sound, VideoSource
from segmentation.wording import counted

# The objects of a frame, and the seconds that the network took.
Find = Callable[[Frame], tuple[Instances, float]]


# ---- What is in the stream -------------------------------------------------------------------------------

@dataclass(frozen=True)
class StreamFrame:
    """A frame in the stream of a video, in one of the three forms below.

    number: of the frame, from 0
    seconds: what the frame took until now, by stage: decode, network, follow, draw, encode
    runs: how many runs of the network are in these seconds
    """

    number: int
    seconds: dict[str, float]
    runs: int


@dataclass(frozen=True)
class WrittenFrame(StreamFrame):
    """A frame that an earlier run has written. There is nothing to draw."""


@dataclass(frozen=True)
class Look(StreamFrame):
    """A frame and the objects to draw on it.

    time: seconds from the first frame, exact
    image: BGR uint8 (H, W, 3), not drawn on
    found: the objects of this frame if it is fresh; if not, those of the last fresh frame before it,
        moved to this one unless objects are not followed
    """

    time: Fraction
    image: np.ndarray
    found: Instances

    @property
    def fresh(self) -> bool:
        """Whether the network saw this frame."""
        return self.runs > 0


@dataclass(frozen=True)
class EncodedFrame(StreamFrame):
    """A frame that a worker has drawn and encoded.

    The first frame of a chunk has the seconds and runs of the whole chunk; the others have none.

    packet: the encoded frame
    found: the objects of this frame; None: the network did not see it
    """

    packet: av.Packet
    found: Optional[Instances]


# Frames come in their order. Sound comes before the first frame that is shown after it.
Item = Union[StreamFrame, Sound]


class NetworkFacts(NamedTuple):
    """What a run must know about its network: the labels and colours of the classes, the files of the model, and what
    results say of it.
    """

    labels: Sequence[str]
    colors: Sequence[Color]
    files: ModelFiles
    made: Made


class VideoLooks(Protocol):
    """A video that is open, and its stream. OwnLooks runs the network in this process, SpreadVideo in workers.

    source: the video that is read; partial: the one that is written
    facts: about the network
    """

    source: VideoSource
    partial: PartialVideo
    facts: NetworkFacts

    @property
    def frames(self) -> Optional[int]:
        """How many frames the video has. None: it does not say."""
        ...

    @property
    def workers(self) -> Optional[int]:
        """How many networks run at the same time, if the seconds of a run are those of one of them. None: one.

        None also if the seconds are divided by the number of workers already.
        """
        ...

    def looks(self) -> AbstractContextManager[Iterator[Item]]:
        """The stream, for a `with` block. It is open until the block ends.

        Raises TimeoutError if a live source gives nothing for PATIENCE seconds, and CannotCut if workers cannot do
        this video.
        """
        ...


# ---- The stream when the network runs here ---------------------------------------------------------------

def look_at(items: Iterable[Union[Frame, Sound]], find: Find, every: int = 1, done: int = 0,
            follow: bool = False) -> Iterator[Item]:
    """A Look or a WrittenFrame for each Frame of a source's items, and its Sound unchanged.

    every: the network sees the frames 0, every, 2 * every, ...
    done: an earlier run has written the frames before this one. The network sees at most one of them: the one whose
        objects are drawn on frame `done`
    follow: whether objects move with the picture on the frames between; if not, they stay where they were
    """
    found, first = None, done - done % every
    follower = Follower() if follow and every > 1 else None
    for item in items:
        if isinstance(item, Sound):
            yield item
            continue
        seconds: dict[str, float] = {}
        fresh = item.number % every == 0 and item.number >= first
        if fresh:
            found, seconds["network"] = find(item)
        if follower and found is not None:
            began = time.perf_counter()
            found = follower(item.image, found if fresh else None)
            seconds["follow"] = time.perf_counter() - began
        if item.number < done or found is None:
            yield WrittenFrame(item.number, seconds, int(fresh))
        else:
            seconds["decode"] = item.seconds
            yield Look(item.number, seconds, int(fresh), item.time, item.image, found)


def timed(net: Callable[[np.ndarray], Instances]) -> Find:
    """A `find` for look_at that runs the network here."""
    def find(frame: Frame) -> tuple[Instances, float]:
        began = time.perf_counter()
        found = net(frame.image)
        return found, time.perf_counter() - began
    return find


class OwnLooks:
    """VideoLooks of a video whose network runs in this process.

    every: the network sees the frames 0, every, 2 * every, ...
    follow: whether objects move with the picture between these
    stopped: says whether the run must end
    newest: of a source that is live and has no length, the network sees the newest frame; the frames that came
        meanwhile are left out
    """

    workers = None

    def __init__(self, source: VideoSource, partial: PartialVideo, net: MaskRCNN, every: int, follow: bool,
                 stopped: Callable[[], bool], newest: bool = False):
        self.source, self.partial, self.net, self.stopped = source, partial, net, stopped
        self.every, self.follow, self.newest = every, follow, newest
        self.facts = NetworkFacts(net.labels, net.colors, net.files, net.made)

    @property
    def frames(self) -> Optional[int]:
        """How many frames the source says it has. None: it does not say."""
        return self.source.frames

    @contextmanager
    def looks(self) -> Iterator[Iterator[Item]]:
        """The stream, see VideoLooks. A second thread decodes the frames ahead."""
        live = self.source.live
        if self.source.endless and self.newest:
            items: ReadAhead[Union[Frame, Sound]] = Newest(self.source.items(), PATIENCE, self.stopped)
        else:
            items = ReadAhead(self.source.items(), PATIENCE if live else None, self.stopped)
        try:
            yield look_at(in_turn(items), timed(self.net), self.every, self.partial.done, self.follow)
        finally:
            items.close(abandon=live)
            if isinstance(items, Newest) and items.left_out:
                info(f"{counted(items.left_out, 'frame')} left out, which came while others were looked at; --stream "
                     "all takes them too")


def in_turn(items: Iterable[Union[Frame, Sound]]) -> Iterator[Union[Frame, Sound]]:
    """The items, with frames numbered from 0 in turn, also where some were left out. Their times stay."""
    number = 0
    for item in items:
        if isinstance(item, Frame):
            item = item if item.number == number else replace(item, number=number)
            number += 1
        yield item
