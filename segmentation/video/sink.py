"""Videos out, through PyAV: VideoSink writes frames and sound; count_frames and encoded_frames read back.

Coding, FrameEncoder and FrameTimes are what decides a frame's bytes, for VideoSink and for workers elsewhere.

    with VideoSink("out.avi", source.size_wh, source.rate) as sink:
        sink.write(image)

PyAV rather than cv2.VideoWriter: it keeps 30000/1001 as it is, copies sound, has H.264, writes AVI past 4 GB,
and says why something failed.
"""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext, bitstream_filters_available

from segmentation import SegmentationError
from segmentation.files import reason

ROUNDING = Fraction(2, 1000)  # seconds; Matroska keeps times to a thousandth
# The suffix picks the container and its encoders, the best first.
CONTAINERS = {
    ".avi": ("avi", ("mjpeg",)),
    ".mp4": ("mp4", ("libx264", "libx265", "mpeg4")),
    ".mkv": ("matroska", ("libx264", "libx265", "mpeg4")),
}
ENCODER_OPTIONS = {
    "mjpeg": {"qmin": "3", "qmax": "3"},  # 2 is the best, 31 the worst; 3 shows no blocks
    # cpu-independent: the same bytes on every processor. Without it x264's AVX-512 also reads memory that was never
    # set (core 165), and a frame is now and then not the same twice.
    "libx264": {"crf": "20", "preset": "veryfast", "x264-params": "cpu-independent=1"},
    "libx265": {"crf": "22", "preset": "veryfast", "x265-params": "log-level=none:bframes=0"},
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
# x264's frames depend on how many threads it has: with a fixed number they are the same on every machine.
ENCODER_THREADS = 4


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


@dataclass(frozen=True)
class Coding:
    """How the frames of a result are encoded; plain values, so that another process can do it as well.

    container, codec: from `find_encoder`
    frame_wh: width and height of the frames; padded by one where the encoder wants even sides
    rate: frames a second
    """

    container: str
    codec: str
    frame_wh: tuple
    rate: Fraction

    @classmethod
    def of(cls, suffix, frame_wh, rate):
        return cls(*find_encoder(suffix), tuple(frame_wh), Fraction(rate))

    @property
    def intra(self):
        return self.codec == "mjpeg"

    @property
    def fixed_rate(self):
        return self.container == "avi"

    @property
    def time_base(self):
        """Seconds: fine enough for times off the rate's grid; .avi knows the rate alone."""
        fine = -(-10_000 // self.rate.numerator)
        return 1 / self.rate if self.fixed_rate else Fraction(1, self.rate.numerator * fine)

    @property
    def padding(self):
        multiple = 1 if self.intra else 2
        return [-side % multiple for side in self.frame_wh]

    @property
    def size_wh(self):
        return [side + pad for side, pad in zip(self.frame_wh, self.padding)]

    def set_up(self, encoder):
        """An encoder with these settings."""
        encoder.width, encoder.height = self.size_wh
        encoder.pix_fmt = "yuvj420p" if self.intra else "yuv420p"
        encoder.time_base, encoder.framerate = self.time_base, self.rate
        encoder.thread_count = ENCODER_THREADS
        # No B-frames: the times of one segment's frames then never overlap the next one's.
        encoder.options = {**ENCODER_OPTIONS[self.codec], **({} if self.intra else {"bf": "0", "g": str(SEGMENT)})}
        if self.container in ("mp4", "matroska"):
            encoder.flags |= av.codec.context.Flags.global_header
        return encoder

    def new_encoder(self):
        return self.set_up(av.CodecContext.create(self.codec, "w"))


class FrameEncoder:
    """Frames in order to packets of a Coding, by a new encoder for each segment."""

    def __init__(self, coding, encoder=None):
        self.coding, self.encoder, self.used = coding, encoder or coding.new_encoder(), False

    def __call__(self, image, number, pts):
        """The packets that are ready once frame `number` is in, BGR uint8 (H, W, 3), at `pts` time_bases."""
        coding = self.coding
        if image.shape[1::-1] != coding.frame_wh:
            raise ValueError(f"frame must be {coding.frame_wh}, got {image.shape[1::-1]}")
        if any(coding.padding):
            image = cv2.copyMakeBorder(image, 0, coding.padding[1], 0, coding.padding[0], cv2.BORDER_REPLICATE)
        before = []
        if self.used and not coding.intra and number % SEGMENT == 0:
            before, self.encoder = self.flush(), coding.new_encoder()
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=self.encoder.pix_fmt)
        frame.time_base, frame.pts, self.used = coding.time_base, pts, True
        return [*before, *self.encoder.encode(frame)]

    def flush(self):
        """The packets still to come."""
        return self.encoder.encode(None)


class FrameTimes:
    """The times of a result's frames, asked for in order, in units of its Coding's time_base."""

    def __init__(self, coding):
        self.coding, self.last = coding, -1

    def __call__(self, number, at=None):
        """On the rate's grid, unless `at` seconds is off it by more than the rounding of the source's times."""
        by_rate = number / self.coding.rate
        if self.coding.fixed_rate or at is None or abs(at - by_rate) <= ROUNDING:
            at = by_rate
        self.last = max(self.last + 1, round(at / self.coding.time_base))
        return self.last


class VideoSink:
    """A video being written: frames and sound in order, complete when `close` returns.

    path: its suffix picks container and encoder
    size_wh: width and height of the frames; padded by one where the encoder wants even sides
    rate: frames a second
    sound: the source's sound streams, copied as they are where the container takes them
    """

    def __init__(self, path, size_wh, rate, sound=()):
        self.path, self.frames, self.closed = Path(path), 0, False
        self.coding = coding = Coding.of(self.path.suffix, size_wh, rate)
        self.codec, self.intra, self.fixed_rate = coding.codec, coding.intra, coding.fixed_rate
        self.size_wh, self.padding, self.rate = coding.size_wh, coding.padding, coding.rate
        container = coding.container
        self.container = av.open(str(path), "w", format=container, options=MUXER_OPTIONS[container])
        self.stream = self.container.add_stream(self.codec, rate=self.rate)
        self.encode = FrameEncoder(coding, coding.set_up(self.stream.codec_context))
        self.times = FrameTimes(coding)
        self.sound = {stream: self.container.add_stream_from_template(stream) for stream in sound
                      if takes_sound(container, stream)}
        self.sound_shift = {}
        self.container.start_encoding()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def write(self, image, at=None):
        """Add a frame, BGR uint8 (H, W, 3), `at` seconds from the first; by the rate without `at`, and in .avi."""
        self.mux(self.encode(image, self.frames, self.times(self.frames, at)))
        self.frames += 1

    def keep(self, packet):
        """Add a frame that is encoded already with this Coding: a packet of an earlier run or of a worker."""
        self.times.last = (self.frames if packet.pts is None
                           else round(packet.pts * packet.time_base / self.coding.time_base))
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
                if not self.frames:
                    # FFmpeg dies of a hybrid_fragmented MP4 without a frame; whoever closes it removes the file.
                    self.mux(self.encode(np.zeros((*self.coding.frame_wh[::-1], 3), np.uint8), 0, 0))
                self.mux(self.encode.flush())
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
        raise SegmentationError(f"the result {path} cannot be read back: {reason(error)}") from error


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
