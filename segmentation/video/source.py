"""Videos in, through PyAV: VideoSource gives frames and sound in order, and says where a source breaks off.

    with VideoSource("in.mp4") as source:
        for item in source.items():
            if isinstance(item, Frame):
                show(item.image, item.time)

PyAV rather than cv2.VideoCapture: it keeps 30000/1001 as it is, gives each frame's own time and the sound, and
says why something failed.
"""

import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import reason

PATIENCE = 10  # seconds without a frame after which a camera or stream has ended
USUAL_RATE = Fraction(30)  # where the source has none that makes sense
LARGEST_RATE = 240
BEGINNING = 300  # frames by which an even rate is told from a varying one
REORDERED = 16  # frames by which H.264 and H.265 reorder at most


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
    """A video file, a camera (its number) or a stream (its address), being read.

    start, end: seconds from the beginning between which frames are given
    items(): every Frame and, between them, every packet of Sound, in the order of the source
    size_wh: width and height as shown, upright; rotation: degrees that the last frame was turned by
    rate: frames a second, exact; has_rate: whether the source says so itself
    variable: the frames do not come at one rate
    live: a camera or stream, which ends when it ends; mute: it has sound, which is not copied
    trouble: once all items are read, where and why the source broke off, or None

    Raises SegmentationError where there is no video to read.
    """

    def __init__(self, name, start=0, end=None):
        self.name, self.start, self.trouble = str(name), Fraction(start), None
        self.end = None if end is None else Fraction(end)
        self.damage, self.warned = None, set()
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
            self.rest, self.peeked = self.read(), []
            # The size as shown is known from a frame alone: the container does not count a rotation in.
            while not (self.peeked and isinstance(self.peeked[-1], Frame)):
                self.peeked.append(next(self.rest))
            self.size_wh = self.peeked[-1].image.shape[1::-1]
        except StopIteration:
            self.container.close()
            raise SegmentationError(f"{self.name} has no frames{self.range_asked_for()}") from None
        except (av.error.FFmpegError, OSError) as error:
            self.container.close()
            raise SegmentationError(f"cannot read {self.name} as a video: {reason(error)}") from error
        except BaseException:
            self.container.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close the file; a live source is left alone."""
        # A source that gives nothing more can hang in its own closing.
        if not self.live:
            self.container.close()

    def range_asked_for(self):
        return " in the seconds asked for" if self.start or self.end is not None else ""

    @property
    def frames(self):
        """How many frames the container says there are, or None. Not to be relied on."""
        seconds = None if self.live else declared_seconds(self.stream)
        frames = None if self.live else self.stream.frames or (seconds and round(seconds * self.rate))
        if not frames:
            return None
        end = frames / self.rate if self.end is None else min(self.end, frames / self.rate)
        return max(1, round((end - self.start) * self.rate))

    def items(self):
        """Every Frame and packet of Sound, once; frames of another size are resized to the first's."""
        while self.peeked:
            yield self.peeked.pop(0)
        for item in self.rest:
            if isinstance(item, Frame) and item.image.shape[1::-1] != self.size_wh:
                if item.image.shape not in self.warned:
                    print(f"[WARNING] {self.name} changes its size to {item.image.shape[1]}x{item.image.shape[0]} at "
                          f"frame {item.number}: frames from there on are resized", file=sys.stderr)
                    self.warned.add(item.image.shape)
                item = replace(item, image=cv2.resize(item.image, self.size_wh, interpolation=cv2.INTER_AREA))
            yield item

    def read(self):
        """Frames and sound as they come, from `start` to `end`; sets `trouble` where they break off."""
        base, last, until, number, early = None, None, None, 0, []
        zero = None if self.live else go_to(self.container, self.stream, self.start)
        for stream, found in self.decode():
            if stream is not self.stream:
                early.append(found)  # a decoder's first frame comes after some of the sound
                if base is not None:
                    yield from self.sound_since(base, zero, early)
                continue
            frame, seconds = found
            shown = frame.pts * frame.time_base if frame.pts is not None else None
            if shown is None or self.live:
                shown = (last + 1 / self.rate) if last is not None else (zero or Fraction(0))
            zero, last = shown if zero is None else zero, shown
            if self.start and shown - zero < self.start:
                continue
            if self.end is not None and shown - zero >= self.end:
                return
            base = shown if base is None else base
            until = shown + max(1 / self.rate, (frame.duration or 0) * frame.time_base)
            yield from self.sound_since(base, zero, early)
            began = time.perf_counter()
            image, self.rotation = to_bgr(frame), frame.rotation
            yield Frame(number, shown - base, image, seconds + time.perf_counter() - began)
            number += 1
        self.note_end(number, until, zero)

    def sound_since(self, base, zero, packets):
        """Sound of the packets that belong to the part asked for; empties the list."""
        for packet in packets:
            if packet.pts is not None:
                at = packet.pts * packet.time_base
                # Before the first frame there is only what a codec needs to begin (AAC's priming).
                if (at >= base or not self.start) and (self.end is None or at - zero < self.end):
                    yield Sound(packet, at - base)
        packets.clear()

    def decode(self):
        """(stream, packet) of sound and (stream, (frame, seconds)) of the picture, until the end or an error."""
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
                    yield packet.stream, packet
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if not self.live:  # a stream is often joined in the middle of something
                    self.damage = f"{self.name} is damaged, a part of it could not be decoded: {reason(error)}"
                continue
            for frame in frames:
                yield self.stream, (frame, (time.perf_counter() - began) / len(frames))
            began = time.perf_counter()

    def note_end(self, number, until, zero, trouble=None):
        """Set `trouble` where reading broke off, or where the picture ends well before its declared length.

        A file that was cut off gives no error: its frames just end.

        number: how many frames were read; until: the end of the last one, and zero: the time that counts as 0, in
            seconds; trouble: why reading broke off, where somebody else has read the file
        """
        self.trouble = trouble or self.trouble
        declared = None if self.live else declared_seconds(self.stream)
        if self.trouble is None and declared and until is not None:
            missing = declared - (until - zero)
            if missing > max(Fraction(1, 4), 3 / self.rate):
                self.trouble = f"it should last {float(declared):.2f} s"
        if self.trouble is not None:
            self.trouble = f"{self.name} breaks off after frame {number - 1}: {self.trouble}"
        elif self.damage is not None:
            self.trouble = self.damage


def open_container(name, live):
    """A PyAV container to read from; SegmentationError where it cannot be opened."""
    if not live and not Path(name).is_file():
        raise SegmentationError(f"cannot read {name}: there is no such file")
    options = {"timeout": PATIENCE} if live else {}
    if name.isdecimal():
        formats = {"linux": ("v4l2", f"/dev/video{name}"), "darwin": ("avfoundation", name),
                   "win32": ("dshow", f"video={name}")}
        options["format"], name = formats.get(sys.platform, formats["linux"])
    try:
        return av.open(name, **options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SegmentationError(f"cannot read {name} as a video: {reason(error)}") from error


def go_to(container, stream, start):
    """Seek a file to the keyframe at or before `start` seconds; the time that counts as 0, in seconds."""
    zero = (stream.start_time or 0) * stream.time_base
    # In MPEG streams FFmpeg seeks into the middle of what it cannot decode without the keyframe before.
    if start and stream.start_time is not None and container.format.name not in ("mpegts", "mpeg"):
        with suppress(av.error.FFmpegError):  # what has no times cannot seek, and is read up to there
            container.seek(int((start + zero) * av.time_base))
    return zero


def frame_rate(stream):
    """Frames a second as the container has them; None where that makes no sense.

    Where the two rates that FFmpeg offers agree but for rounding, the guessed one is the exact one, such as
    30000/1001. Where they do not, the average keeps the length.
    """
    average, guessed = stream.average_rate or 0, stream.guessed_rate or 0
    rates = [rate for rate in (guessed, average) if 0 < rate <= LARGEST_RATE]
    if len(rates) == 2 and abs(average / guessed - 1) > 0.002:
        return average
    return rates[0] if rates else None


def measured_rate(name, stream):
    """(frames a second, whether they vary) of a file, by the times of its packets where they are not even.

    Nothing is decoded, and of an even video only the beginning is read. Without a name, it is as declared.
    """
    declared = frame_rate(stream)
    if name is None:
        return declared, False
    with av.open(name) as container:
        times = sorted(islice(packet_times(container), BEGINNING))
        # Between the last ones, B-frames may still be missing.
        sure = times[:-REORDERED] if len(times) == BEGINNING else times
        steps = np.diff(sure) if len(sure) > 2 else np.ones(1)
        # Times are rounded to the time base, in Matroska to a thousandth.
        if np.ptp(steps) <= max(2, 0.05 * np.median(steps)):
            return declared, False
        times = sorted([*times, *packet_times(container)])
    if stream.frames == len(times):
        return declared, True
    seconds = (times[-1] - times[0] + Fraction(float(np.median(steps)))) * stream.time_base
    rate = (len(times) / seconds).limit_denominator(100_000)
    return (rate if 0 < rate <= LARGEST_RATE else None), True


def packet_times(container):
    """The times of a container's frames, in units of the stream's time base, in the order of the file."""
    try:
        for packet in container.demux(video=0):
            if packet.pts is not None:
                yield packet.pts
    except (av.error.FFmpegError, OSError):
        return  # whoever decodes it will say so


def declared_seconds(stream):
    """How long the container says that the picture lasts, or None where it does not say."""
    if stream.container.format.name == "avi":
        # FFmpeg takes the length of an AVI from the file's own; only its header knows of what was cut off.
        return stream.frames / stream.average_rate if stream.frames and stream.average_rate else None
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # Matroska's tag
    if match:
        hours, minutes, seconds = match.groups()
        # The tag is the time of the end, counted from the container's beginning.
        begins = (stream.start_time or 0) * stream.time_base
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - max(begins, 0)
    return None


def to_bgr(frame, rotation=None):
    """A decoded frame as BGR uint8 (H, W, 3), turned upright: by `rotation` degrees, or what it says itself."""
    image, rotation = frame.to_ndarray(format="bgr24"), frame.rotation if rotation is None else rotation
    # FFmpeg's angle is counterclockwise, as rot90's.
    return np.ascontiguousarray(np.rot90(image, round(rotation / 90) % 4)) if rotation else image
