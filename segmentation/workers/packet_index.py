"""PacketIndex: which packet of a video file holds which frame, and Decoding: what else a decoder must know.

    with VideoSource("in.mp4") as source:
        index = PacketIndex(source)
        print(len(index), index.seconds(10), index.packets_of(10, 20))
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Optional, cast

import av
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from segmentation.files import reason
from segmentation.video.clock import REORDERED
from segmentation.video.container import go_to, joined_packets, open_container, seconds_of
from segmentation.video.source import VideoSource

COLORS = ("color_range", "color_primaries", "color_trc", "colorspace")


class CannotCut(Exception):
    """A video cannot be cut into chunks, because its packets do not say which frames they hold. The text says why."""


@dataclass(frozen=True)
class Decoding:
    """What a decoder must know besides the packets; plain values.

    codec, tag, extradata, pix_fmt, bits, colors, reorder: as the container gives them to its own decoder
    coded_wh: width and height as stored
    size_wh: width and height as shown, after a turn by `rotation` degrees counterclockwise
    time_base: the unit of the packets' times, in seconds
    """

    codec: str
    tag: str
    extradata: Optional[bytes]
    pix_fmt: Optional[str]
    bits: int
    colors: tuple[int, ...]
    reorder: int
    coded_wh: tuple[int, int]
    size_wh: tuple[int, int]
    rotation: int
    time_base: Fraction

    @classmethod
    def of(cls, stream: VideoStream, size_wh: tuple[int, int], rotation: int) -> "Decoding":
        """The Decoding of a stream whose frames are shown in that size, after that turn.

        Raises CannotCut if PyAV is too old to tell all of it; the last one for Python 3.9 is.
        """
        context = stream.codec_context
        if not hasattr(context, "reorder_depth"):
            raise CannotCut(f"PyAV {av.__version__} does not say how frames are reordered, a newer one does")
        return cls(context.codec.name, context.codec_tag, context.extradata, context.pix_fmt,
                   context.bits_per_coded_sample, tuple(int(getattr(context, name)) for name in COLORS),
                   context.reorder_depth, (context.width, context.height), size_wh, rotation,
                   seconds_of(stream.time_base))

    def decoder(self, threads: int = 1) -> VideoCodecContext:
        """A new decoder with the settings of the container's own."""
        context = cast(VideoCodecContext, av.CodecContext.create(self.codec, "r"))
        context.codec_tag, context.extradata, context.pix_fmt = self.tag, self.extradata, self.pix_fmt
        context.width, context.height = self.coded_wh
        context.bits_per_coded_sample = self.bits
        for name, value in zip(COLORS, self.colors):
            setattr(context, name, value)
        # Without it, the H.264 decoder learns only from its own mistakes by how far frames are reordered.
        context.options = {"has_b_frames": str(self.reorder)}
        context.thread_count, context.thread_type = threads, "AUTO"
        return context


@dataclass
class PacketLists:
    """What is read of each packet of the picture, in the order of the file: parallel lists."""

    pts: list[int]
    keyframe: list[bool]
    shown: list[bool]
    durations: list[int]


class PacketIndex:
    """Knows which packet of a video file holds which frame. The place of a packet is its number in the file, from 0.

    Times are joined where those of the file jump: see segmentation/video/clock.py.

    source: the VideoSource of the file

    pts: the time of each packet, (packets,) int64, in units of the stream's time base
    times: the time of each frame, in the order in which they are shown, (frames,) int64, in the same units
    position: the place of each frame's packet, (frames,)
    keys: the places of the keyframes
    durations: how long each packet says that its frame is shown; 0: it does not say
    zero: the time that counts as 0, in seconds
    base: the time of frame 0, in seconds from there
    trouble: why reading broke off; None: it did not
    complete: whether the file has no frame after the last of `times`

    Raises CannotCut if the time of a packet does not say which frame it holds.
    """

    def __init__(self, source: VideoSource):
        if source.live:
            raise CannotCut(f"{source.name} is a camera or stream")
        self.source = source
        self.trouble: Optional[str] = None
        with open_container(source.name, False) as container:
            stream = container.streams.video[0]
            self.zero = go_to(container, stream, source.span.start)
            self.decoding = Decoding.of(stream, source.size_wh, source.rotation)
            packets = self.read(container)
        self.durations = packets.durations
        self.pts = np.array(packets.pts, np.int64)
        if len(np.unique(self.pts)) != len(self.pts):
            raise CannotCut(f"frames of {source.name} share their times")
        order = np.argsort(self.pts, kind="stable")
        order = order[np.array(packets.shown, bool)[order]]
        self.keys = np.flatnonzero(packets.keyframe)
        if not len(order) or not len(self.keys):
            raise CannotCut(f"{source.name} has no keyframe where it should begin")
        unit = self.decoding.time_base
        first, last = source.span.places(self.pts[order], unit, self.zero, self.until(order[-1]))
        self.complete = last == len(order)
        self.position = order[first:last]
        self.times = self.pts[self.position]
        if not len(self.times):
            raise CannotCut(f"{source.name} has no frames in the seconds asked for")
        self.base = source.span.begins(int(self.times[0]) * unit - self.zero, source.rate)

    def until(self, place: int) -> Fraction:
        """The time to which a packet says that its frame is shown, in seconds from the beginning of the video."""
        unit = self.decoding.time_base
        return int(self.pts[place]) * unit - self.zero + max(1 / self.source.rate, self.durations[place] * unit)

    def read(self, container: InputContainer) -> PacketLists:
        """The packets of the picture, up to some after the source's `end`. Sets `trouble` if reading breaks off.

        Raises CannotCut for a packet without a time, or with new settings for the decoder.
        """
        found, past, picture = PacketLists([], [], [], []), 0, container.streams.video[0]
        try:
            for packet in joined_packets(container, self.source.note_jump):
                if packet.stream is not picture or not packet.size:
                    continue
                if packet.pts is None:
                    raise CannotCut(f"frames of {self.source.name} have no times")
                if packet.has_sidedata("new_extradata") or packet.has_sidedata("palette"):
                    raise CannotCut(f"{self.source.name} changes its settings on the way")
                found.pts.append(packet.pts)
                found.keyframe.append(packet.is_keyframe)
                found.shown.append(not packet.is_discard)  # an edit list can say that a frame is not shown
                found.durations.append(packet.duration or 0)
                is_past = self.source.span.is_past(packet.pts * self.decoding.time_base - self.zero)
                past = past + 1 if is_past else 0
                if past > 2 * REORDERED:
                    break
        except (av.error.FFmpegError, OSError) as error:
            self.trouble = reason(error)
        return found

    def __len__(self) -> int:
        return len(self.times)

    def seconds(self, number: int) -> Fraction:
        """The time of a frame in seconds from the first one, exact, as VideoSource gives it."""
        return max(int(self.times[number]) * self.decoding.time_base - self.zero - self.base, Fraction(0))

    def packets_of(self, look: int, last: int) -> tuple[int, int]:
        """(the place of the first packet, the place of the last one) that the frames look <= number < last need."""
        needed = self.position[look:last]
        keys = self.keys[(self.keys <= needed.min()) & (self.pts[self.keys] <= self.times[look])]
        if not len(keys):
            raise CannotCut(f"{self.source.name} does not begin with a keyframe")
        return int(keys[-1]), int(needed.max())

    def note_end(self) -> None:
        """Tell the source how its frames end. It knows that itself only if it has decoded them all."""
        if self.complete:
            self.source.note_end(len(self), self.until(self.position[-1]), self.trouble)
