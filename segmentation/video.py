"""Videos in and out, through PyAV: VideoSource, VideoSink, count_frames.

    with VideoSource("in.mp4") as source, VideoSink("out.avi", source.size_wh, source.rate) as sink:
        for item in source.items():
            if isinstance(item, Frame):
                sink.write(annotate(item.image), item.time)

PyAV rather than cv2.VideoCapture and VideoWriter for both ends: it keeps 30000/1001 as it is, gives each
frame's own time, copies sound, has H.264, writes AVI past 4 GB, and says why something failed.
"""

import os
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
from av.bitstream import BitStreamFilterContext, bitstream_filters_available

from segmentation import SegmentationError
from segmentation.files import reason

PATIENCE = 10  # seconds without a frame after which a camera or stream has ended
USUAL_RATE = Fraction(30)  # where the source has none that makes sense
LARGEST_RATE = 240
ROUNDING = Fraction(2, 1000)  # seconds; Matroska keeps times to a thousandth
BEGINNING = 300  # frames by which an even rate is told from a varying one
REORDERED = 16  # frames by which H.264 and H.265 reorder at most
# The suffix picks the container and its encoders, the best first.
CONTAINERS = {
    ".avi": ("avi", ("mjpeg",)),
    ".mp4": ("mp4", ("libx264", "libx265", "mpeg4")),
    ".mkv": ("matroska", ("libx264", "libx265", "mpeg4")),
}
ENCODER_OPTIONS = {
    "mjpeg": {"qmin": "3", "qmax": "3"},  # 2 is the best, 31 the worst; 3 shows no blocks
    "libx264": {"crf": "20", "preset": "veryfast"},
    "libx265": {"crf": "22", "preset": "veryfast", "x265-params": "log-level=none"},
    "mpeg4": {"qmin": "3", "qmax": "3"},
}
# What keeps the file readable up to its last second or so if the run is killed. A hybrid_fragmented MP4 is made
# of fragments until it is closed, and a plain MP4 then.
MUXER_OPTIONS = {
    "avi": {"flush_packets": "1"},
    "mp4": {"flush_packets": "1", "movflags": "+hybrid_fragmented+frag_keyframe"},
    "matroska": {"flush_packets": "1", "cluster_time_limit": "2000"},
}
# A new encoder starts every so many frames, with a keyframe. What it gives depends on nothing before it, so a
# run that is resumed there gives the same frames as one that never stopped. MJPG starts anew with each frame.
SEGMENT = 48


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
    size_wh: width and height as shown, upright
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
        zero = (self.stream.start_time or 0) * self.stream.time_base if not self.live else None
        if self.start and not self.live and self.stream.start_time is not None:
            with suppress(av.error.FFmpegError):  # what has no times cannot seek, and is read up to there
                self.container.seek(int((self.start + zero) * av.time_base))
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
            image = to_bgr(frame)
            yield Frame(number, shown - base, image, seconds + time.perf_counter() - began)
            number += 1
        self.notice_a_short_end(number, until, zero)

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

    def notice_a_short_end(self, number, until, zero):
        """Set `trouble` where the picture ends well before the length that the container declares.

        A file that was cut off gives no error: its frames just end.
        """
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


def to_bgr(frame):
    """A decoded frame as BGR uint8 (H, W, 3), turned upright."""
    image = frame.to_ndarray(format="bgr24")
    # FFmpeg's angle is counterclockwise, as rot90's.
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4)) if frame.rotation else image


def find_encoder(suffix):
    """(container, encoder) for a file suffix; ValueError naming what is available otherwise."""
    if suffix.lower() not in CONTAINERS:
        raise ValueError(f"must end in {', '.join(CONTAINERS)}, got {suffix or 'no suffix'}")
    container, encoders = CONTAINERS[suffix.lower()]
    for encoder in encoders:
        if encoder in av.codecs_available:
            try:
                av.codec.Codec(encoder, "w")
            except ValueError:  # this build can only decode it
                continue
            return container, encoder
    raise ValueError(f"no encoder for {suffix} ({', '.join(encoders)}) is in this PyAV; .avi needs none but mjpeg")


class VideoSink:
    """A video being written: frames and sound in order, complete when `close` returns.

    path: its suffix picks container and encoder
    size_wh: width and height of the frames; padded by one where the encoder wants even sides
    rate: frames a second
    sound: the source's sound streams, copied as they are where the container takes them
    """

    def __init__(self, path, size_wh, rate, sound=()):
        self.path, self.frames, self.rate, self.closed = Path(path), 0, Fraction(rate), False
        container, self.codec = find_encoder(self.path.suffix)
        self.intra = self.codec == "mjpeg"
        self.fixed_rate = container == "avi"
        # Fine enough for times off the rate's grid; .avi knows the rate alone.
        fine = -(-10_000 // self.rate.numerator)
        self.time_base = 1 / self.rate if self.fixed_rate else Fraction(1, self.rate.numerator * fine)
        self.frame_wh, multiple = tuple(size_wh), 1 if self.intra else 2
        self.padding = [-side % multiple for side in size_wh]
        self.size_wh = [side + pad for side, pad in zip(size_wh, self.padding)]
        self.container = av.open(str(path), "w", format=container, options=MUXER_OPTIONS[container])
        self.stream = self.container.add_stream(self.codec, rate=self.rate)
        self.encoder = self.set_up(self.stream.codec_context)
        self.last_pts = -1
        self.sound = {stream: self.container.add_stream_from_template(stream) for stream in sound
                      if takes_sound(container, stream)}
        self.sound_shift = {}
        self.container.start_encoding()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def set_up(self, encoder):
        """An encoder with this video's settings."""
        encoder.width, encoder.height = self.size_wh
        encoder.pix_fmt = "yuvj420p" if self.intra else "yuv420p"
        encoder.time_base, encoder.framerate = self.time_base, self.rate
        # No B-frames: the times of one segment's frames then never overlap the next one's.
        encoder.options = {**ENCODER_OPTIONS[self.codec], **({} if self.intra else {"bf": "0", "g": str(SEGMENT)})}
        if self.container.format.name in ("mp4", "matroska"):
            encoder.flags |= av.codec.context.Flags.global_header
        return encoder

    def write(self, image, at=None):
        """Add a frame, BGR uint8 (H, W, 3), `at` seconds from the first; by the rate without `at`, and in .avi."""
        if image.shape[1::-1] != self.frame_wh:
            raise ValueError(f"frame must be {self.frame_wh}, got {image.shape[1::-1]}")
        if any(self.padding):
            image = cv2.copyMakeBorder(image, 0, self.padding[1], 0, self.padding[0], cv2.BORDER_REPLICATE)
        if self.frames and not self.intra and self.frames % SEGMENT == 0:
            self.mux(self.encoder.encode(None))
            self.encoder = self.set_up(av.CodecContext.create(self.codec, "w"))
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=self.encoder.pix_fmt)
        frame.time_base, frame.pts = self.time_base, self.next_pts(at)
        self.mux(self.encoder.encode(frame))
        self.frames += 1

    def next_pts(self, at):
        """The time of the next frame in units of time_base.

        On the rate's grid, unless `at` is off it by more than the rounding of the source's times.
        """
        by_rate = self.frames / self.rate
        if self.fixed_rate or at is None or abs(at - by_rate) <= ROUNDING:
            at = by_rate
        self.last_pts = max(self.last_pts + 1, round(at / self.time_base))
        return self.last_pts

    def keep(self, packet):
        """Add a frame that is encoded already: a packet of an earlier part of this same video."""
        self.last_pts = self.frames if packet.pts is None else round(packet.pts * packet.time_base / self.time_base)
        self.mux([packet])
        self.frames += 1

    def mux(self, packets):
        for packet in packets:
            packet.stream = self.stream
            self.container.mux(packet)

    def write_sound(self, sound):
        """Copy a packet of the source's sound, where the container takes it."""
        packet = sound.packet
        out = self.sound.get(packet.stream)
        if out is None:
            return
        # AAC begins with a packet before 0, which would make the muxer move the picture: the sound is moved
        # instead, by 23 ms at most.
        shift = self.sound_shift.setdefault(out, max(-sound.time, Fraction(0)))
        pts = round((sound.time + shift) / packet.time_base)
        packet.dts = pts if packet.dts is None else packet.dts - packet.pts + pts
        packet.pts, packet.stream = pts, out
        self.container.mux(packet)

    def close(self):
        """Finish the file."""
        if not self.closed:
            self.closed = True
            try:
                self.mux(self.encoder.encode(None) if self.frames else ())
            finally:
                self.container.close()


def takes_sound(container, stream):
    """Whether a container takes a sound stream as it is: tried on a file of nothing."""
    try:
        with av.open(os.devnull, "w", format=container) as trial:
            video = trial.add_stream("mjpeg", rate=25)
            video.width, video.height, video.pix_fmt = 16, 16, "yuvj420p"
            trial.add_stream_from_template(stream)
            trial.start_encoding()
        return True
    except (av.error.FFmpegError, ValueError, OSError):
        return False


def count_frames(path):
    """How many frames a finished video holds, counted packet by packet; SegmentationError where it cannot be read."""
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise SegmentationError(f"the result {path} cannot be read back: {error}") from error


def encoded_frames(path):
    """The frames of a video as packets, in order, not decoded, in the form in which an encoder gives them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        # .mp4 and .mkv hold H.264 with lengths before its units, encoders put start codes there.
        name = f"{stream.codec_context.name}_mp4toannexb"
        convert = BitStreamFilterContext(name, stream).filter if name in bitstream_filters_available else \
            lambda packet: [packet] if packet is not None else []
        for packet in container.demux(video=0):
            if packet.size:
                yield from convert(packet)
        yield from convert(None)
