"""Containers of videos, through PyAV: how one is opened, and what it says about rate, times and duration."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from typing import Callable, NamedTuple, Optional

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.video.clock import REORDERED, Clock, Jump

PATIENCE = 10  # seconds without a frame after which a camera or stream has ended
LARGEST_RATE = 240  # frames a second; a larger rate makes no sense
# A frame an hour; a smaller rate makes no sense. FFmpeg crashes on an .mp4 whose frames last 2**31 units of its time.
SMALLEST_RATE = Fraction(1, 3600)
MPEG_STREAMS = ("mpegts", "mpeg")  # the formats whose times leap where a recording was interrupted
TAGS = "replace"  # what PyAV does with titles that are not UTF-8, as old cameras write them; else it gives an error
BEGINNING = 300  # frames at the beginning that show whether the rate varies


def open_container(name: str, live: bool) -> InputContainer:
    """A PyAV container to read from. Raises SegmentationError if it cannot be opened."""
    if not live and not os.path.isfile(name):
        raise SegmentationError(f"cannot read {name}: {why_no_file(name)}")
    container_format = None
    if name.isdecimal():
        formats = {"linux": ("v4l2", f"/dev/video{name}"), "darwin": ("avfoundation", name),
                   "win32": ("dshow", f"video={name}")}
        container_format, name = formats.get(sys.platform, formats["linux"])
    try:
        return av.open(name, format=container_format, timeout=PATIENCE if live else None, metadata_errors=TAGS)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SegmentationError(f"cannot read {name} as a video: {reason(error)}") from error


def why_no_file(name: str) -> str:
    """What is wrong with a name that is no regular file, in words."""
    if os.path.isdir(name):
        return "it is a folder without videos"
    try:
        os.stat(name)
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long
        return reason(error)
    return "it is no regular file: save what comes from it in one first"


def seconds_of(time_base: Optional[Fraction]) -> Fraction:
    """A time base in seconds. PyAV's types allow None; a stream or frame that is read always has one."""
    return time_base or Fraction(0)


def go_to(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction:
    """Seek a file to the keyframe at or before `start` seconds; returns the time that counts as 0, in seconds."""
    unit = seconds_of(stream.time_base)
    zero = (stream.start_time or 0) * unit
    # In MPEG streams, FFmpeg seeks to a place where it cannot decode, because the keyframe is before it.
    if start and stream.start_time is not None and container.format.name not in MPEG_STREAMS:
        with suppress(av.error.FFmpegError):  # a file without times cannot seek; it is read from its beginning
            # In the stream's own units: FFmpeg rounds others to the nearest one, which may be the frame after.
            seek(container, stream, (start + zero) // unit)
    return zero


def seek(container: InputContainer, stream: VideoStream, at: int) -> None:
    """Seek a file to a keyframe that is shown at a time or before it, in units of the stream's time base."""
    container.seek(at, stream=stream)
    place = at
    try:
        while (earlier := earlier_place(next(container.demux(stream), None), at, place)) is not None:
            container.seek(earlier, stream=stream)
            place = earlier
    finally:
        container.seek(place, stream=stream)  # back to where the packet was that has been read


def earlier_place(first: Optional[av.Packet], at: int, place: int) -> Optional[int]:
    """Where to seek instead of `place`, if its first packet is shown only after the time `at`. None: it is not."""
    # FFmpeg seeks in an .mp4 by the times of decoding. With B-frames, a keyframe is shown some frames later.
    if first is None or first.pts is None or first.dts is None or first.pts <= at or first.dts > place:
        return None
    return first.dts - 1


def joined_packets(container: InputContainer, note: Callable[[Jump], None] = lambda jump: None) -> Iterator[av.Packet]:
    """The packets of a file's picture and sound, with times that are joined where they jump: see clock.py.

    note: called with each Jump
    """
    picture = container.streams.video[0]
    clock = Clock(picture, container.format.name in MPEG_STREAMS, note)
    return clock.joined(container.demux([picture, *container.streams.audio]))


def makes_sense(rate: Fraction) -> bool:
    """Whether a video can have so many frames a second."""
    # FFmpeg holds the two parts of a rate in 32 bits each.
    return SMALLEST_RATE <= rate <= LARGEST_RATE and max(rate.numerator, rate.denominator) < 1 << 31


def frame_rate(stream: VideoStream) -> Optional[Fraction]:
    """Frames a second as the container has them. None if that makes no sense.

    FFmpeg offers two rates. If they agree except for rounding, the guessed one is the exact one, such as 30000/1001.
    If they do not agree, with the average one the result lasts as long as the source.
    """
    average, guessed = stream.average_rate or Fraction(0), stream.guessed_rate or Fraction(0)
    rates = [rate for rate in (guessed, average) if makes_sense(rate)]
    if len(rates) == 2 and abs(average / guessed - 1) > 0.002:
        return average
    return rates[0] if rates else None


class Timing(NamedTuple):
    """What the times of a file's frames say.

    rate: frames a second; None: none makes sense
    variable: whether the time between frames varies
    frames, seconds: how many there are, and how long they last; None: not all of their times were read
    """

    rate: Optional[Fraction]
    variable: bool = False
    frames: Optional[int] = None
    seconds: Optional[Fraction] = None


def measure_timing(name: Optional[str], stream: VideoStream) -> Timing:
    """The Timing of a file. Nothing is decoded. name None: a live source, of which only the declared rate is known.

    If the time between frames varies, all times are read, and the rate is measured. If not, only the beginning is read,
    and the rate is the declared one. Of MPEG streams all times are read too: what such a file declares is guessed, from
    its first and last times, which say nothing if times jump between.
    """
    declared = frame_rate(stream)
    if name is None:
        return Timing(declared)
    jumps: list[Jump] = []
    with av.open(name, metadata_errors=TAGS) as container:
        packets = picture_times(container, jumps.append)
        times: list[int] = sorted(islice(packets, BEGINNING))
        # Among the last times, those of some B-frames may still be missing.
        sure = times[:-REORDERED] if len(times) == BEGINNING else times
        steps = np.diff(sure) if len(sure) > 2 else np.ones(1)
        # Times are rounded to the time base, in Matroska to a thousandth of a second.
        steady = bool(np.ptp(steps) <= max(2, 0.05 * np.median(steps)))
        if len(sure) <= 2 or (steady and not jumps and container.format.name not in MPEG_STREAMS):
            return Timing(declared)
        times = sorted([*times, *packets])
    unit = seconds_of(stream.time_base)
    seconds = (times[-1] - times[0] + Fraction(float(np.median(steps)))) * unit
    if steady:
        rate = steady_rate(stream, Fraction(float(np.mean(steps))) * unit) if jumps and steps.any() else declared
    elif stream.frames == len(times):
        rate = declared
    else:
        rate = (len(times) / seconds).limit_denominator(100_000)
    return Timing(rate if rate and makes_sense(rate) else None, not steady, len(times), seconds)


def steady_rate(stream: VideoStream, step: Fraction) -> Fraction:
    """The rate of frames that follow each other after `step` seconds: a declared one that fits, or the measured one."""
    fitting = [rate for rate in (stream.guessed_rate, stream.average_rate) if rate and abs(rate * step - 1) <= 0.002]
    return fitting[0] if fitting else (1 / step).limit_denominator(1001)


def picture_times(container: InputContainer, note: Callable[[Jump], None]) -> Iterator[int]:
    """The joined times of a container's frames, in units of the stream's time base, in the order of the file.

    note: as of joined_packets
    """
    picture = container.streams.video[0]
    try:
        for packet in joined_packets(container, note):
            if packet.stream is picture and packet.pts is not None:
                yield packet.pts
    except (av.error.FFmpegError, OSError):
        return  # decoding the file will say so


def declared_seconds(stream: VideoStream) -> Optional[Fraction]:
    """How long the picture lasts by what the container says. None: it does not say."""
    if stream.container.format.name == "avi":
        # FFmpeg takes the duration of an AVI from the length of the file. Only the header knows of missing frames.
        return stream.frames / stream.average_rate if stream.frames and stream.average_rate else None
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # Matroska's tag
    if match:
        hours, minutes, seconds = match.groups()
        # The tag is the time of the end, counted from the beginning of the container.
        begins = (stream.start_time or 0) * seconds_of(stream.time_base)
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - max(begins, Fraction(0))
    return None
