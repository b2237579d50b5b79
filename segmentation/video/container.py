"""Containers of videos, through PyAV: how one is opened, and what it says about rate, times and duration."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Optional

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from segmentation import SegmentationError
from segmentation.files import reason

PATIENCE = 10  # seconds without a frame after which a camera or stream has ended
LARGEST_RATE = 240  # frames a second; a larger rate makes no sense
BEGINNING = 300  # frames at the beginning that show whether the rate varies
REORDERED = 16  # frames by which H.264 and H.265 reorder at most


def open_container(name: str, live: bool) -> InputContainer:
    """A PyAV container to read from. Raises SegmentationError if it cannot be opened."""
    if not live and not Path(name).is_file():
        raise SegmentationError(f"cannot read {name}: there is no such file")
    container_format = None
    if name.isdecimal():
        formats = {"linux": ("v4l2", f"/dev/video{name}"), "darwin": ("avfoundation", name),
                   "win32": ("dshow", f"video={name}")}
        container_format, name = formats.get(sys.platform, formats["linux"])
    try:
        return av.open(name, format=container_format, timeout=PATIENCE if live else None)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SegmentationError(f"cannot read {name} as a video: {reason(error)}") from error


def seconds_of(time_base: Optional[Fraction]) -> Fraction:
    """A time base in seconds. PyAV's types allow None; a stream or frame that is read always has one."""
    return time_base or Fraction(0)


def go_to(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction:
    """Seek a file to the keyframe at or before `start` seconds; returns the time that counts as 0, in seconds."""
    zero = (stream.start_time or 0) * seconds_of(stream.time_base)
    # In MPEG streams, FFmpeg seeks to a place where it cannot decode, because the keyframe is before it.
    if start and stream.start_time is not None and container.format.name not in ("mpegts", "mpeg"):
        with suppress(av.error.FFmpegError):  # a file without times cannot seek; it is read from its beginning
            container.seek(int((start + zero) * av.time_base))
    return zero


def frame_rate(stream: VideoStream) -> Optional[Fraction]:
    """Frames a second as the container has them. None if that makes no sense.

    FFmpeg offers two rates. If they agree except for rounding, the guessed one is the exact one, such as 30000/1001.
    If they do not agree, with the average one the result lasts as long as the source.
    """
    average, guessed = stream.average_rate or Fraction(0), stream.guessed_rate or Fraction(0)
    rates = [rate for rate in (guessed, average) if 0 < rate <= LARGEST_RATE]
    if len(rates) == 2 and abs(average / guessed - 1) > 0.002:
        return average
    return rates[0] if rates else None


def measured_rate(name: Optional[str], stream: VideoStream) -> tuple[Optional[Fraction], bool]:
    """(frames a second, whether the time between frames varies) of a file. The rate is None if none makes sense.

    If the time varies, the rate is measured by the times of all packets. If not, only the beginning is read, and the
    rate is the declared one. Nothing is decoded. name None: a live source; its rate is the declared one too.
    """
    declared = frame_rate(stream)
    if name is None:
        return declared, False
    with av.open(name) as container:
        times: list[int] = sorted(islice(packet_times(container), BEGINNING))
        # Among the last times, those of some B-frames may still be missing.
        sure = times[:-REORDERED] if len(times) == BEGINNING else times
        steps = np.diff(sure) if len(sure) > 2 else np.ones(1)
        # Times are rounded to the time base, in Matroska to a thousandth of a second.
        if np.ptp(steps) <= max(2, 0.05 * np.median(steps)):
            return declared, False
        times = sorted([*times, *packet_times(container)])
    if stream.frames == len(times):
        return declared, True
    seconds = (times[-1] - times[0] + Fraction(float(np.median(steps)))) * seconds_of(stream.time_base)
    rate = (len(times) / seconds).limit_denominator(100_000)
    return (rate if 0 < rate <= LARGEST_RATE else None), True


def packet_times(container: InputContainer) -> Iterator[int]:
    """The times of a container's frames, in units of the stream's time base, in the order of the file."""
    try:
        for packet in container.demux(video=0):
            if packet.pts is not None:
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
