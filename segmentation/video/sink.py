"""Videos out, through PyAV: VideoSink writes frames and sound; count_frames and encoded_frames read them again.

Coding, FrameEncoder and FrameTimes decide the bytes of a frame. VideoSink uses them, and so do workers.

    with VideoSink("out.avi", source.size_wh, source.rate) as sink:
        for image in images:
            sink.write(image)

PyAV, not cv2.VideoWriter, because it writes a rate of 30000/1001 exactly, copies sound, has H.264, writes AVI files of
more than 4 GB, and says why something failed.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Optional, cast

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext, bitstream_filters_available
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from segmentation import SegmentationError
from segmentation.files import AnyPath, reason
from segmentation.video.container import LARGEST_RATE, SMALLEST_RATE, TAGS, makes_sense, seconds_of
from segmentation.video.source import Sound

ROUNDING = Fraction(2, 1000)  # seconds; Matroska rounds times to a thousandth
# The suffix picks the container and its encoders, the best first.
CONTAINERS = {
    ".avi": ("avi", ("mjpeg",)),
    ".mp4": ("mp4", ("libx264", "libx265", "mpeg4")),
    ".mkv": ("matroska", ("libx264", "libx265", "mpeg4")),
}
LARGEST_SIDES = {"mjpeg": 65_500, "libx264": 16_384, "libx265": 65_536, "mpeg4": 8_190}  # pixels, as measured
ENCODER_OPTIONS = {
    "mjpeg": {"qmin": "3", "qmax": "3"},  # 2 is the best, 31 the worst; 3 shows no blocks
    # cpu-independent: the same bytes on every processor. Without it, x264's AVX-512 code also reads memory that was
    # never set (core 165), and sometimes the same frame gives other bytes.
    "libx264": {"crf": "20", "preset": "veryfast", "x264-params": "cpu-independent=1"},
    "libx265": {"crf": "22", "preset": "veryfast", "x265-params": "log-level=none:bframes=0"},
    "mpeg4": {"qmin": "3", "qmax": "3"},
}
# With these, the file is readable up to about its last second if the run is killed. A hybrid_fragmented MP4 consists
# of fragments until it is closed; then it becomes a plain MP4.
MUXER_OPTIONS = {
    "avi": {"flush_packets": "1"},
    "mp4": {"flush_packets": "1", "movflags": "+hybrid_fragmented+frag_keyframe"},
    "matroska": {"flush_packets": "1", "cluster_time_limit": "2000"},
}
# A segment: after so many frames a new encoder starts, with a keyframe. Its bytes depend on no frame before it, so a
# run that is resumed there gives the same frames as one that never stopped. In MJPG each frame is independent.
SEGMENT = 48
# The frames of x264 depend on how many threads it has: with a fixed count they are the same on every machine.
ENCODER_THREADS = 4


def find_encoder(suffix: str) -> tuple[str, str]:
    """(container, encoder) for a file suffix.

    Raises ValueError if there is none; it names what is available.
    """
    if suffix.lower() not in CONTAINERS:
        raise ValueError(f"an output video must end in {', '.join(CONTAINERS)}, got {suffix or 'no suffix'}")
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
    """How the frames of a result are encoded; plain values, so that another process can encode them too.

    container, codec: from `find_encoder`
    frame_wh: width and height of the frames; padded by one where the encoder wants even sides
    rate: frames a second

    Raises ValueError for a rate that makes no sense: with some, FFmpeg ends the whole process. Raises SegmentationError
    for frames that are too large for the encoder.
    """

    container: str
    codec: str
    frame_wh: tuple[int, int]
    rate: Fraction

    def __post_init__(self) -> None:
        if not makes_sense(self.rate):
            raise ValueError(f"rate must be {SMALLEST_RATE} to {LARGEST_RATE} frames a second, got {self.rate}")
        if max(self.size_wh) > LARGEST_SIDES[self.codec]:
            raise SegmentationError(f"frames of {self.frame_wh[0]}x{self.frame_wh[1]} are too large for {self.codec}, "
                                    f"whose sides have at most {LARGEST_SIDES[self.codec]} pixels"
                                    f"{'' if self.intra else '; .avi takes larger ones'}")

    @classmethod
    def of(cls, suffix: str, frame_wh: tuple[int, int], rate: Fraction) -> "Coding":
        """The Coding for a file suffix. Raises ValueError if this PyAV has no encoder for it."""
        container, codec = find_encoder(suffix)
        return cls(container, codec, (frame_wh[0], frame_wh[1]), Fraction(rate))

    @property
    def intra(self) -> bool:
        """Whether each frame can be decoded without the others."""
        return self.codec == "mjpeg"

    @property
    def fixed_rate(self) -> bool:
        """Whether the container has no time for each frame, only a rate."""
        return self.container == "avi"

    @property
    def time_base(self) -> Fraction:
        """The unit of times, in seconds. In .avi it is one frame, in the others at most 1/10000 s."""
        fine = -(-10_000 // self.rate.numerator)
        return 1 / self.rate if self.fixed_rate else Fraction(1, self.rate.numerator * fine)

    @property
    def padding(self) -> tuple[int, int]:
        """How many pixels are added to width and height, 0 or 1 each."""
        multiple = 1 if self.intra else 2
        return -self.frame_wh[0] % multiple, -self.frame_wh[1] % multiple

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the result, with the padding."""
        return self.frame_wh[0] + self.padding[0], self.frame_wh[1] + self.padding[1]

    def set_up(self, encoder: VideoCodecContext) -> VideoCodecContext:
        """The same encoder, with these settings."""
        encoder.width, encoder.height = self.size_wh
        encoder.pix_fmt = "yuvj420p" if self.intra else "yuv420p"
        encoder.time_base, encoder.framerate = self.time_base, self.rate
        encoder.thread_count = ENCODER_THREADS
        # No B-frames: then the times of one segment's frames never overlap those of the next segment.
        encoder.options = {**ENCODER_OPTIONS[self.codec], **({} if self.intra else {"bf": "0", "g": str(SEGMENT)})}
        if self.container in ("mp4", "matroska"):
            encoder.flags |= av.codec.context.Flags.global_header
        return encoder

    def new_encoder(self) -> VideoCodecContext:
        """A new encoder with these settings."""
        return self.set_up(cast(VideoCodecContext, av.CodecContext.create(self.codec, "w")))


class FrameEncoder:
    """Encodes frames, in order, with a new encoder for each segment.

    encoder: for the first segment; None: a new one
    """

    def __init__(self, coding: Coding, encoder: Optional[VideoCodecContext] = None):
        self.coding, self.encoder, self.used = coding, encoder or coding.new_encoder(), False

    def __call__(self, image: np.ndarray, number: int, pts: int) -> list[av.Packet]:
        """The packets that are ready when this frame is encoded.

        image: BGR uint8 (H, W, 3); number: of the frame; pts: its time, in units of the Coding's time_base

        Raises ValueError if the image has another size than the Coding.
        """
        coding = self.coding
        if image.shape[1::-1] != coding.frame_wh:
            raise ValueError(f"frame must be {coding.frame_wh}, got {image.shape[1::-1]}")
        if any(coding.padding):
            image = cv2.copyMakeBorder(image, 0, coding.padding[1], 0, coding.padding[0], cv2.BORDER_REPLICATE)
        before: list[av.Packet] = []
        if self.used and not coding.intra and number % SEGMENT == 0:
            before, self.encoder = self.flush(), coding.new_encoder()
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=self.encoder.pix_fmt)
        frame.time_base, frame.pts, self.used = coding.time_base, pts, True
        return [*before, *self.encoder.encode(frame)]

    def flush(self) -> list[av.Packet]:
        """The packets that are still to come after the last frame."""
        return self.encoder.encode(None)


class FrameTimes:
    """The time of each frame of a result, in order, in units of the Coding's time_base."""

    def __init__(self, coding: Coding):
        self.coding, self.last = coding, -1

    def __call__(self, number: int, at: Optional[Fraction] = None) -> int:
        """The time of the next frame.

        It is number / rate. It is `at` (seconds from the first frame) if that differs by more than the rounding of the
        source's times, and if the container can have such a time.
        """
        by_rate = number / self.coding.rate
        if self.coding.fixed_rate or at is None or abs(at - by_rate) <= ROUNDING:
            at = by_rate
        return self.skip_to(max(self.last + 1, round(at / self.coding.time_base)))

    def skip_to(self, pts: int) -> int:
        """Set the time of the last frame to `pts`, and return it."""
        self.last = pts
        return pts


class VideoSink:
    """Writes a video: frames and sound, in order. The file is complete when `close` returns.

    path: its suffix picks container and encoder
    size_wh: width and height of the frames; padded by one where the encoder wants even sides
    rate: frames a second
    sound: the source's sound streams. They are copied unchanged if the container takes them
    comment: a text in the file's metadata

    frames: how many frames were written

    Raises av.error.FFmpegError or OSError if the file cannot be written.
    """

    def __init__(self, path: AnyPath, size_wh: tuple[int, int], rate: Fraction, sound: Sequence[AudioStream] = (),
                 comment: str = ""):
        self.path, self.frames, self.closed = Path(path), 0, False
        self.coding = coding = Coding.of(self.path.suffix, size_wh, rate)
        self.codec, self.intra, self.fixed_rate = coding.codec, coding.intra, coding.fixed_rate
        self.size_wh, self.padding, self.rate = coding.size_wh, coding.padding, coding.rate
        container = coding.container
        self.container = av.open(str(path), "w", format=container, options=MUXER_OPTIONS[container])
        self.stream = cast(VideoStream, self.container.add_stream(self.codec, rate=self.rate))
        self.encode = FrameEncoder(coding, coding.set_up(self.stream.codec_context))
        self.times = FrameTimes(coding)
        self.sound = {stream: self.container.add_stream_from_template(stream) for stream in sound
                      if takes_sound(container, stream)}
        self.sound_shift: dict[AudioStream, Fraction] = {}
        self.sound_last: dict[AudioStream, int] = {}  # when its last packet is decoded, in the packet's own units
        if comment:
            self.container.metadata["comment"] = comment
        self.container.start_encoding()

    def __enter__(self) -> "VideoSink":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write(self, image: np.ndarray, at: Optional[Fraction] = None) -> None:
        """Add a frame.

        image: BGR uint8 (H, W, 3)
        at: seconds from the first frame. None: the rate decides; it always does in .avi
        """
        self.mux(self.encode(image, self.frames, self.times(self.frames, at)))
        self.frames += 1

    def write_encoded(self, packet: av.Packet) -> None:
        """Add a frame that an earlier run or a worker has encoded with this Coding."""
        self.times.skip_to(self.frames if packet.pts is None
                           else round(packet.pts * packet.time_base / self.coding.time_base))
        self.mux([packet])
        self.frames += 1

    def mux(self, packets: Sequence[av.Packet]) -> None:
        """Write packets of the picture."""
        for packet in packets:
            packet.stream = self.stream
            self.container.mux(packet)

    def write_sound(self, sound: Sound) -> None:
        """Copy a packet of the source's sound, if the container takes its stream."""
        packet = sound.packet
        out = self.sound.get(packet.stream)
        if out is None:
            return
        # AAC and MP3 begin before 0. The muxer would move the picture because of it. So the sound is moved: measured
        # 23 ms (AAC) and 25 ms (MP3) at 44100 Hz, 64 ms (AAC) at 16000 Hz.
        shift = self.sound_shift.setdefault(out, max(-sound.time, Fraction(0)))
        pts = round((sound.time + shift) / packet.time_base)
        dts = pts if packet.dts is None or packet.pts is None else packet.dts - packet.pts + pts
        # Where sound was joined, a packet can begin a little before the end of the last one. No muxer takes that.
        step = max(1, -(-seconds_of(out.time_base) // packet.time_base))
        packet.dts = max(dts, self.sound_last.get(out, dts - step) + step)
        packet.pts, packet.stream = max(pts, packet.dts), out
        self.sound_last[out] = packet.dts
        self.container.mux(packet)

    def close(self) -> None:
        """Finish the file."""
        if not self.closed:
            self.closed = True
            try:
                if not self.frames:
                    # FFmpeg crashes on a hybrid_fragmented MP4 without a frame. The caller removes this file.
                    self.mux(self.encode(np.zeros((*self.coding.frame_wh[::-1], 3), np.uint8), 0, 0))
                self.mux(self.encode.flush())
            finally:
                self.container.close()


def takes_sound(container: str, stream: AudioStream) -> bool:
    """Whether a container takes a sound stream unchanged. This is tried on an empty file."""
    if stream.codec_context is None:  # of a kind that FFmpeg does not know; PyAV 15 crashes on a copy of it
        return False
    try:
        with av.open(os.devnull, "w", format=container) as trial:
            video = trial.add_stream("mjpeg", rate=25)
            video.width, video.height, video.pix_fmt = 16, 16, "yuvj420p"
            trial.add_stream_from_template(stream)
            trial.start_encoding()
        return True
    except (av.error.FFmpegError, ValueError, OSError):
        return False


def count_frames(path: AnyPath) -> int:
    """How many whole frames a video holds, counted packet by packet. A run that was killed may end in a part of one.

    Raises SegmentationError if it cannot be read.
    """
    try:
        with av.open(str(path), metadata_errors=TAGS) as container:
            return sum(packet.size > 0 and not packet.is_corrupt for packet in container.demux(video=0))
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise SegmentationError(f"the result {path} cannot be read back: {reason(error)}") from error


def encoded_frames(path: AnyPath) -> Iterator[av.Packet]:
    """The whole frames of a video as packets, in order, in the form in which an encoder gives them."""
    with av.open(str(path), metadata_errors=TAGS) as container:
        stream = container.streams.video[0]
        # In .mp4 and .mkv each unit of H.264 begins with its length. An encoder writes start codes there.
        name = f"{stream.codec_context.name}_mp4toannexb"
        to_start_codes = BitStreamFilterContext(name, stream) if name in bitstream_filters_available else None
        for packet in container.demux(video=0):
            if packet.size and not packet.is_corrupt:
                yield from to_start_codes.filter(packet) if to_start_codes else [packet]
        yield from to_start_codes.filter(None) if to_start_codes else []
