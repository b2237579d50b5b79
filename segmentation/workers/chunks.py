"""Chunks of a video that can be decoded independently, each with the compressed packets that its frames need.

    with VideoSource("in.mp4") as source:
        index = PacketIndex(source)                    # reads every packet, decodes none
        for chunk, sound in read_chunks(index, cut(index, size=240)):
            for frame in decode(chunk) if chunk else ():
                print(frame.number, frame.image.shape)   # the same Frames as source.items() gives, bit for bit

A chunk is a range of frames in the order in which they are shown. Its packets begin at a keyframe: the last one that is
shown at or before the first frame. They end with the last packet that one of the frames needs. So they hold all frames
that B-frames and open GOPs refer to. Frames that are decoded only for this are dropped.

The index knows the time of each frame. A worker that decodes a frame with another time, or a damaged frame, raises
CannotCut. Then the rest of the video is done in one process. So no property of a codec (hidden frames, two packets for
one frame, guessed times) can lose or move a frame.
"""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Optional

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from segmentation.files import reason
from segmentation.video.container import go_to, joined_packets, open_container
from segmentation.video.sink import SEGMENT
from segmentation.video.source import Frame, Sound, to_bgr, width_height
from segmentation.workers.packet_index import CannotCut, Decoding, PacketIndex

LONGEST_LEAD = 1000  # frames that are decoded and dropped before a chunk, at most; x264's keyframes are 250 apart
LONGEST_CHUNK = 2400  # frames; encoded, they wait in memory


class PacketData(NamedTuple):
    """A compressed packet as plain values; pts and dts are in units of the stream's time base."""

    data: bytes
    pts: Optional[int]
    dts: Optional[int]
    is_keyframe: bool


class FrameRange(NamedTuple):
    """Frames first <= number < last of a video, to be decoded from frame `look` on.

    look: `first`, or with --every the frame before it whose objects are drawn on `first`
    """

    look: int
    first: int
    last: int


@dataclass(frozen=True)
class Chunk:
    """Frames first <= number < last of a video, as packets.

    look: the frame to decode from, see FrameRange
    times: the times of the frames from `look` on, in units of decoding.time_base, (last - look,) int64
    base: the time that counts as 0, in seconds
    packets: in the order of decoding
    """

    first: int
    last: int
    look: int
    times: np.ndarray
    base: Fraction
    packets: list[PacketData]
    decoding: Decoding

    @property
    def bytes(self) -> int:
        """The size of the packets in bytes."""
        return sum(len(packet.data) for packet in self.packets)


def chunk_size(frames: int, workers: int, every: int = 1, most: int = 240) -> int:
    """How many frames a chunk should have.

    It is a multiple of SEGMENT, so that workers encode the same segments as one process. It is also a multiple of
    `every`, so that a chunk begins with a frame that the network sees, unless that is more than LONGEST_CHUNK. It is
    the largest such number that gives each of `workers` four chunks and is at most `most`, or else the smallest.

    >>> chunk_size(10_000, 2), chunk_size(400, 2), chunk_size(10_000, 2, every=7), chunk_size(10_000, 2, every=1000)
    (240, 48, 336, 240)
    """
    unit = math.lcm(SEGMENT, every)
    if unit > LONGEST_CHUNK:
        unit = SEGMENT
    wanted = min(max(frames // (4 * workers), 1), most)
    return max(wanted // unit, 1) * unit


def cut(index: PacketIndex, size: int = 240, done: int = 0, every: int = 1) -> list[FrameRange]:
    """The FrameRanges of the frames from `done` to the end, cut at multiples of `size`.

    Raises CannotCut if too many frames before one of them would have to be decoded.
    """
    if done >= len(index):
        return []
    edges = [done, *range(done - done % size + size, len(index), size), len(index)]
    ranges: list[FrameRange] = []
    for first, last in zip(edges, edges[1:]):
        look = first - first % every
        begin, _ = index.packets_of(look, last)
        if index.position[first:last].min() - begin > LONGEST_LEAD and (done or len(edges) > 2):
            raise CannotCut(f"{index.source.name} has a keyframe too seldom" if first - look < LONGEST_LEAD
                            else f"of its frames, the network sees too few with --every {every}")
        ranges.append(FrameRange(look, first, last))
    return ranges


def read_chunks(index: PacketIndex, ranges: Sequence[FrameRange]) -> Iterator[tuple[Optional[Chunk], list[Sound]]]:
    """(the Chunk, the Sound before its end) for each of the FrameRanges of `cut`; then (None, the rest of the sound).

    Raises CannotCut if the file has changed since it was indexed.
    """
    todo = deque((part, *index.packets_of(part.look, part.last)) for part in ranges)  # FrameRange, first and last place
    packets: dict[int, PacketData] = {}
    sound: list[av.Packet] = []
    for place, packet in read_packets(index):
        if place is None:
            sound.append(packet)
            continue
        if todo and place >= todo[0][1]:
            packets[place] = PacketData(bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
        while todo and place >= todo[0][2]:
            part, begin, end = todo.popleft()
            yield (make_chunk(index, part, [packets[needed] for needed in range(begin, end + 1)]),
                   list(index.source.sound_since(index.base, index.zero, sound)))
            packets = {held: data for held, data in packets.items() if todo and held >= todo[0][1]}
    if todo:
        raise CannotCut(f"{index.source.name} has changed while it was read")
    yield None, list(index.source.sound_since(index.base, index.zero, sound))


def make_chunk(index: PacketIndex, part: FrameRange, packets: list[PacketData]) -> Chunk:
    """The Chunk of a FrameRange whose packets have been read."""
    return Chunk(part.first, part.last, part.look, index.times[part.look:part.last],
                 index.zero + index.base, packets, index.decoding)


def read_packets(index: PacketIndex) -> Iterator[tuple[Optional[int], av.Packet]]:
    """(place, packet) of the picture and (None, packet) of the source's sound, in the order of the file."""
    source, place = index.source, 0
    with open_container(source.name, False) as container, suppress(av.error.FFmpegError, OSError):
        stream = container.streams.video[0]
        # The result knows the streams of the source's own container. Here the same file is open a second time.
        sound: dict[Stream, AudioStream] = dict(zip(container.streams.audio, source.sound))
        go_to(container, stream, source.span.start)
        for packet in joined_packets(container):
            if packet.size and packet.stream is stream:
                if place == len(index.pts) or packet.pts != index.pts[place]:
                    return
                yield place, packet
                place += 1
            elif packet.size:
                packet.stream = sound[packet.stream]
                yield None, packet


def decode(chunk: Chunk, threads: int = 1) -> Iterator[Frame]:
    """The frames of a chunk from `look` on, once each, in order, as VideoSource gives them.

    Raises CannotCut at the first frame that is not the one that its packet said.
    """
    expected, decoding = deque(chunk.times.tolist()), chunk.decoding
    decoder, number = decoding.decoder(threads), chunk.look
    for packet in [*chunk.packets, None]:
        began = time.perf_counter()
        frames = decode_packet(decoder, packet, chunk)
        for frame in frames:
            if number == chunk.look and frame.pts is not None and frame.pts < expected[0]:
                continue  # it is before the chunk; others refer to it
            if not expected:
                return
            if frame.pts is None or frame.pts != expected.popleft() or frame.is_corrupt:
                raise CannotCut(f"frame {number} is not what its packet says")
            image = to_bgr(frame, decoding.rotation)
            if width_height(image) != decoding.size_wh:
                raise CannotCut(f"frame {number} is of another size")
            at = max(frame.pts * decoding.time_base - chunk.base, Fraction(0))
            yield Frame(number, at, image, (time.perf_counter() - began) / len(frames))
            number += 1
    if expected:
        raise CannotCut(f"frame {number} is not in its packets")


def decode_packet(decoder: VideoCodecContext, compressed: Optional[PacketData], chunk: Chunk) -> list[av.VideoFrame]:
    """The decoded frames that are ready after a packet of a chunk; None: after its last packet.

    Raises CannotCut if the packet is damaged.
    """
    if compressed is None:
        return decoder.decode(None)
    packet = av.Packet(compressed.data)
    packet.pts, packet.dts, packet.is_keyframe = compressed.pts, compressed.dts, compressed.is_keyframe
    packet.time_base = chunk.decoding.time_base
    try:
        return decoder.decode(packet)
    except av.error.FFmpegError as error:
        pts, key_time = compressed.pts, chunk.packets[0].pts
        if pts is not None and key_time is not None and pts < key_time:
            return []  # it refers to frames before the chunk's keyframe, and is not shown
        raise CannotCut(f"a frame is damaged: {reason(error)}") from error
