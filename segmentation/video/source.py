"""Videos in, through PyAV: VideoSource gives frames and sound in order, and says where a source breaks off.

    with VideoSource("in.mp4") as source:
        for item in source.items():
            if isinstance(item, Frame):
                print(item.number, float(item.time), item.image.shape)

PyAV, not cv2.VideoCapture, because it reads a rate of 30000/1001 exactly, gives the time of each frame and the sound,
and says why something failed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Optional, Union

import av
import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.terminal import warn
from segmentation.video.clock import Jump
from segmentation.video.container import (
    declared_seconds,
    go_to,
    joined_packets,
    measure_timing,
    open_container,
    seconds_of,
)
from segmentation.video.span import Span, TimedFrame

USUAL_RATE = Fraction(30)  # frames a second, if the source has no rate that makes sense
JUMPS_SAID = 3  # of a source whose times jump more often, the others are not printed


@dataclass(frozen=True)
class Frame:
    """One frame of a source.

    number: from 0
    time: seconds from the first frame, exact
    image: BGR uint8 (H, W, 3), upright
    seconds: how long it took to decode
    """

    number: int
    time: Fraction
    image: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Sound:
    """A packet of sound as the source holds it, and its time in seconds from the first frame."""

    packet: av.Packet
    time: Fraction


class VideoSource:
    """Reads a video: a file, a camera (its number) or a stream (its address).

    start, end: seconds from the beginning. The frames that are shown at a time between them are given: from the one
        that is shown at `start`, to the last one that begins before `end`. end None: all frames from `start`

    size_wh: width and height as shown, upright
    rotation: degrees by which the last frame was turned
    rate: frames a second, exact; has_rate: whether the source says its rate
    variable: whether the time between frames varies
    live: whether it is a camera or stream
    endless: whether it is live and has no length; a file behind an address has one, and can wait
    sound: the sound streams that can be copied; mute: it has sound that cannot be copied
    trouble: where and why the source broke off, known after the last item; None: it did not

    Raises SegmentationError if there is no video that can be read.
    """

    def __init__(self, name: object, start: Union[Fraction, float] = 0, end: Union[Fraction, float, None] = None):
        self.name = str(name)
        self.span = Span(Fraction(start), None if end is None else Fraction(end))
        self.trouble: Optional[str] = None
        self.damage: Optional[str] = None
        self.warned: set[tuple[int, ...]] = set()
        self.jumps: list[Jump] = []
        self.rotation = 0
        self.live = self.name.isdecimal() or "://" in self.name
        self.container = open_container(self.name, self.live)
        self.endless = self.live and not self.container.duration
        try:
            if not self.container.streams.video:
                raise SegmentationError(f"{self.name} has no video in it")
            self.stream = self.container.streams.video[0]
            self.stream.thread_type = "SLICE" if self.endless else "AUTO"  # threads for frames hold some of them back
            self.sound = [] if self.live else list(self.container.streams.audio)
            self.mute = self.live and bool(self.container.streams.audio)
            self.timing = measure_timing(None if self.live else self.name, self.stream)
            self.rate, self.has_rate = self.timing.rate or USUAL_RATE, self.timing.rate is not None
            self.variable = self.timing.variable
            self.rest = self.read()
            self.peeked: list[Union[Frame, Sound]] = []
            self.size_wh = self.peek_size()
        except (av.error.FFmpegError, OSError) as error:
            self.container.close()
            raise SegmentationError(f"cannot read {self.name} as a video: {reason(error)}") from error
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A live source stays open: it can hang in its own closing once it gives nothing more."""
        if not self.live:
            self.container.close()

    def peek_size(self) -> tuple[int, int]:
        """Width and height of the first frame, as shown. The items up to this frame wait in `peeked`."""
        # Only a frame tells: the size that the container has does not include the rotation.
        for item in self.rest:
            self.peeked.append(item)
            if isinstance(item, Frame):
                return width_height(item.image)
        raise SegmentationError(f"{self.name} has no frames{self.range_asked_for()}")

    def range_asked_for(self) -> str:
        """Words for an error message."""
        return " in the seconds asked for" if self.span.start or self.span.end is not None else ""

    @property
    def frames(self) -> Optional[int]:
        """How many frames the container says there are. None: it does not say. The true number may differ."""
        if self.live:
            return None
        frames = self.stream.frames or self.timing.frames or round((self.declared_seconds or 0) * self.rate)
        if not frames:
            return None
        end = frames / self.rate if self.span.end is None else min(self.span.end, frames / self.rate)
        return max(1, round((end - self.span.start) * self.rate))

    @property
    def declared_seconds(self) -> Optional[Fraction]:
        """How long the picture should last. None: it is not known."""
        if self.live or self.jumps:
            return self.timing.seconds
        return declared_seconds(self.stream)

    def note_jump(self, jump: Jump) -> None:
        """Print that the times of the file jump, once for each Jump, whoever reads the file."""
        if jump not in self.jumps:
            self.jumps.append(jump)
            if len(self.jumps) <= JUMPS_SAID:
                more = "; more jumps are joined without a line" if len(self.jumps) == JUMPS_SAID else ""
                warn(f"[WARNING] the times of {self.name} {jump}: they are joined there, picture and sound{more}")

    def items(self) -> Iterator[Union[Frame, Sound]]:
        """Every Frame and, between the frames, every packet of Sound, once, in the order of the source.

        Frames of another size than the first are resized to the size of the first.
        """
        while self.peeked:
            yield self.peeked.pop(0)
        for item in self.rest:
            if isinstance(item, Frame) and width_height(item.image) != self.size_wh:
                if item.image.shape not in self.warned:
                    warn(f"[WARNING] {self.name} changes its size to {item.image.shape[1]}x{item.image.shape[0]} at "
                         f"frame {item.number}: frames from there on are resized")
                    self.warned.add(item.image.shape)
                item = replace(item, image=cv2.resize(item.image, self.size_wh, interpolation=cv2.INTER_AREA))
            yield item

    def read(self) -> Iterator[Union[Frame, Sound]]:
        """Frames and sound as they come, from `start` to `end`; sets `trouble` if they break off."""
        zero = None if self.live else go_to(self.container, self.stream, self.span.start)
        base: Optional[Fraction] = None  # the time of the first frame that is given, in seconds from the beginning
        until: Optional[Fraction] = None
        number, early = 0, []
        for item in self.span.pick(self.timed(zero)):
            if isinstance(item, av.Packet):
                early.append(item)  # some of the sound comes before the decoder's first frame
                if base is not None:
                    yield from self.sound_since(base, zero or Fraction(0), early)
                continue
            if self.span.is_past(item.at):
                return
            base = self.span.begins(item.at, self.rate) if base is None else base
            until = item.until
            yield from self.sound_since(base, zero or Fraction(0), early)
            began = time.perf_counter()
            image, self.rotation = to_bgr(item.frame), item.frame.rotation
            yield Frame(number, max(item.at - base, Fraction(0)), image, item.seconds + time.perf_counter() - began)
            number += 1
        self.note_end(number, until)

    def timed(self, zero: Optional[Fraction]) -> Iterator[Union[av.Packet, TimedFrame]]:
        """The packets of sound and the decoded frames with their times.

        If a frame has no time or the source is live, the rate decides.

        zero: the time that counts as 0, in seconds; None: the source is live
        """
        at: Optional[Fraction] = None
        for item in self.decode():
            if isinstance(item, av.Packet):
                yield item
                continue
            frame, seconds = item
            if frame.pts is not None and zero is not None:
                at = frame.pts * seconds_of(frame.time_base) - zero
            else:
                at = Fraction(0) if at is None else at + 1 / self.rate
            until = at + max(1 / self.rate, (frame.duration or 0) * seconds_of(frame.time_base))
            yield TimedFrame(frame, at, until, seconds)

    def sound_since(self, base: Fraction, zero: Fraction, packets: list[av.Packet]) -> Iterator[Sound]:
        """The Sound of those packets that are between `start` and `end`; empties the list.

        base: the time of the first frame that is given, in seconds from the beginning
        zero: the time that counts as 0, in seconds
        """
        for packet in packets:
            if packet.pts is not None:
                at = packet.pts * packet.time_base - zero
                # Before the first frame there is only what a codec needs to begin (AAC's priming).
                if (at >= base or not self.span.start) and (self.span.end is None or at < self.span.end):
                    yield Sound(packet, at - base)
        packets.clear()

    def decode(self) -> Iterator[Union[av.Packet, tuple[av.VideoFrame, float]]]:
        """The packets of sound, and (frame, seconds that it took) of the picture, until the end or an error."""
        packets = (self.container.demux([self.stream]) if self.live
                   else joined_packets(self.container, self.note_jump))
        while True:
            began = time.perf_counter()
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                self.trouble = None if self.live else reason(error)
                return
            if packet is None:
                return
            if packet.stream is not self.stream:
                if packet.size:
                    yield packet
                continue
            try:
                frames = self.stream.decode(packet)
            except av.error.FFmpegError as error:
                if not self.live:  # the first packet of a live stream is often not the beginning of a frame
                    self.damage = f"{self.name} is damaged, a part of it could not be decoded: {reason(error)}"
                continue
            for frame in frames:
                yield frame, (time.perf_counter() - began) / len(frames)
            began = time.perf_counter()

    def note_end(self, count: int, until: Optional[Fraction], trouble: Optional[str] = None) -> None:
        """Set `trouble` if reading broke off, or if the picture ends well before its declared length.

        A file of which the end is missing gives no error: its frames just end.

        count: how many frames were read
        until: the time at which the last frame ends, in seconds from the beginning
        trouble: why reading broke off, if another object has read the file
        """
        self.trouble = trouble or self.trouble
        declared = self.declared_seconds
        allowed = max(Fraction(1, 4), 3 / self.rate)
        if self.trouble is None and declared and until is not None and declared - until > allowed:
            self.trouble = f"it should last {float(declared):.2f} s"
        if self.trouble is not None:
            self.trouble = f"{self.name} breaks off after frame {count - 1}: {self.trouble}"
        elif self.damage is not None:
            self.trouble = self.damage


def width_height(image: np.ndarray) -> tuple[int, int]:
    """Width and height of an image, in pixels."""
    return image.shape[1], image.shape[0]


def to_bgr(frame: av.VideoFrame, rotation: Optional[int] = None) -> np.ndarray:
    """A decoded frame as BGR uint8 (H, W, 3), turned upright.

    rotation: degrees counterclockwise by which it is turned; None: what the frame itself says
    """
    image, rotation = frame.to_ndarray(format="bgr24"), frame.rotation if rotation is None else rotation
    # FFmpeg's angle is counterclockwise, like that of rot90.
    return np.ascontiguousarray(np.rot90(image, round(rotation / 90) % 4)) if rotation else image
