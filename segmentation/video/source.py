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
from typing import NamedTuple, Optional, Union

import av
import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.terminal import warn
from segmentation.video.container import declared_seconds, go_to, measured_rate, open_container, seconds_of

USUAL_RATE = Fraction(30)  # frames a second, if the source has no rate that makes sense


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


class DecodedFrame(NamedTuple):
    """A frame in PyAV's form, and how many seconds it took to decode."""

    frame: av.VideoFrame
    seconds: float


class VideoSource:
    """Reads a video: a file, a camera (its number) or a stream (its address).

    start, end: seconds from the beginning; the frames between them are given. end None: all frames from `start`

    size_wh: width and height as shown, upright
    rotation: degrees by which the last frame was turned
    rate: frames a second, exact; has_rate: whether the source says its rate
    variable: whether the time between frames varies
    live: whether it is a camera or stream
    sound: the sound streams that can be copied; mute: it has sound that cannot be copied
    trouble: where and why the source broke off, known after the last item; None: it did not

    Raises SegmentationError if there is no video that can be read.
    """

    def __init__(self, name: object, start: float = 0, end: Optional[float] = None):
        self.name, self.start = str(name), Fraction(start)
        self.end = None if end is None else Fraction(end)
        self.trouble: Optional[str] = None
        self.damage: Optional[str] = None
        self.warned: set[tuple[int, ...]] = set()
        self.rotation = 0
        self.live = self.name.isdecimal() or "://" in self.name
        self.container = open_container(self.name, self.live)
        try:
            if not self.container.streams.video:
                raise SegmentationError(f"{self.name} has no video in it")
            self.stream = self.container.streams.video[0]
            self.stream.thread_type = "AUTO"
            self.sound = [] if self.live else list(self.container.streams.audio)
            self.mute = self.live and bool(self.container.streams.audio)
            rate, self.variable = measured_rate(None if self.live else self.name, self.stream)
            self.rate, self.has_rate = rate or USUAL_RATE, rate is not None
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
        return " in the seconds asked for" if self.start or self.end is not None else ""

    @property
    def frames(self) -> Optional[int]:
        """How many frames the container says there are. None: it does not say. The true number may differ."""
        if self.live:
            return None
        frames = self.stream.frames or round((declared_seconds(self.stream) or 0) * self.rate)
        if not frames:
            return None
        end = frames / self.rate if self.end is None else min(self.end, frames / self.rate)
        return max(1, round((end - self.start) * self.rate))

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
        """Frames and sound as they come, from `start` to `end`; sets `trouble` if they break off.

        Times in seconds: shown, of a frame; last, of the frame before it; base, of the first frame that is given;
        zero, the time that counts as 0 for `start` and `end`.
        """
        base: Optional[Fraction] = None
        last: Optional[Fraction] = None
        until: Optional[Fraction] = None
        zero = None if self.live else go_to(self.container, self.stream, self.start)
        number, early = 0, []
        for item in self.decode():
            if isinstance(item, av.Packet):
                early.append(item)  # some of the sound comes before the decoder's first frame
                if base is not None and zero is not None:
                    yield from self.sound_since(base, zero, early)
                continue
            shown = self.time_of(item.frame, last, zero)
            zero, last = shown if zero is None else zero, shown
            if self.start and shown - zero < self.start:
                continue
            if self.end is not None and shown - zero >= self.end:
                return
            base = shown if base is None else base
            until = shown + max(1 / self.rate, (item.frame.duration or 0) * seconds_of(item.frame.time_base))
            yield from self.sound_since(base, zero, early)
            began = time.perf_counter()
            image, self.rotation = to_bgr(item.frame), item.frame.rotation
            yield Frame(number, shown - base, image, item.seconds + time.perf_counter() - began)
            number += 1
        self.note_end(number, until, zero)

    def time_of(self, frame: av.VideoFrame, last: Optional[Fraction], zero: Optional[Fraction]) -> Fraction:
        """The time of a frame in seconds. If it has none or the source is live, the rate decides.

        last: the time of the frame before it; zero: the time that counts as 0
        """
        if frame.pts is not None and not self.live:
            return frame.pts * seconds_of(frame.time_base)
        return (zero or Fraction(0)) if last is None else last + 1 / self.rate

    def sound_since(self, base: Fraction, zero: Fraction, packets: list[av.Packet]) -> Iterator[Sound]:
        """The Sound of those packets that are between `start` and `end`; empties the list.

        base: the time of the first frame that is given; zero: the time that counts as 0; both in seconds
        """
        for packet in packets:
            if packet.pts is not None:
                at = packet.pts * packet.time_base
                # Before the first frame there is only what a codec needs to begin (AAC's priming).
                if (at >= base or not self.start) and (self.end is None or at - zero < self.end):
                    yield Sound(packet, at - base)
        packets.clear()

    def decode(self) -> Iterator[Union[av.Packet, DecodedFrame]]:
        """The packets of sound and the decoded frames of the picture, until the end or an error."""
        packets = self.container.demux([self.stream, *self.sound])
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
                yield DecodedFrame(frame, (time.perf_counter() - began) / len(frames))
            began = time.perf_counter()

    def note_end(self, count: int, until: Optional[Fraction], zero: Optional[Fraction],
                 trouble: Optional[str] = None) -> None:
        """Set `trouble` if reading broke off, or if the picture ends well before its declared length.

        A file of which the end is missing gives no error: its frames just end.

        count: how many frames were read
        until, zero: the time at which the last frame ends, and the time that counts as 0, in seconds
        trouble: why reading broke off, if another object has read the file
        """
        self.trouble = trouble or self.trouble
        declared = None if self.live else declared_seconds(self.stream)
        if self.trouble is None and declared and until is not None and zero is not None:
            missing = declared - (until - zero)
            if missing > max(Fraction(1, 4), 3 / self.rate):
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
