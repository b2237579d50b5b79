"""A video cut into chunks that can be decoded apart, each with the compressed packets that its frames need.

    index = PacketIndex(source)                        # reads every packet, decodes none
    for chunk, sound in read_chunks(index, cut(index, frames_a_chunk=240)):
        for frame in decode(chunk):                    # the same Frames as the VideoSource's, bit for bit

A chunk is a range of frames as they are shown. Its packets begin at the last keyframe that is shown at or before
the first of them and end with the last that one of them needs, so they carry what B-frames and open GOPs refer
to; frames decoded on the way are dropped. What each frame must be is known by its time: a worker that decodes
anything else, or anything damaged, raises CannotCut, and the video is done in one process from there. So no
codec's peculiarities (hidden frames, fields in packets of their own, guessed times) can lose or move a frame.
"""

import math
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from segmentation.files import reason
from segmentation.video.sink import SEGMENT
from segmentation.video.source import REORDERED, Frame, go_to, open_container, to_bgr

LONGEST_LEAD = 1000  # frames decoded for nothing before a chunk, at most; x264's keyframes lie 250 apart
LONGEST_CHUNK = 2400  # frames; their encoded pictures wait in memory
COLORS = ("color_range", "color_primaries", "color_trc", "colorspace")


class CannotCut(Exception):
    """A video whose packets do not say which frames they hold; the text says why."""


@dataclass(frozen=True)
class Decoding:
    """What a decoder must know beside the packets; plain values.

    codec, tag, extradata, pix_fmt, bits, colors, reorder: as the container gave them to its own decoder
    coded_wh: width and height as stored; size_wh: as shown, turned by `rotation` degrees counterclockwise
    time_base: seconds, of the packets' times
    """

    codec: str
    tag: str
    extradata: bytes
    pix_fmt: str
    bits: int
    colors: tuple
    reorder: int
    coded_wh: tuple
    size_wh: tuple
    rotation: int
    time_base: Fraction

    @classmethod
    def of(cls, stream, size_wh, rotation):
        context = stream.codec_context
        return cls(context.codec.name, context.codec_tag, context.extradata, context.pix_fmt,
                   context.bits_per_coded_sample, tuple(int(getattr(context, name)) for name in COLORS),
                   context.reorder_depth, (context.width, context.height), tuple(size_wh), rotation, stream.time_base)

    def decoder(self, threads=1):
        """A new decoder, set as the container's own would be."""
        context = av.CodecContext.create(self.codec, "r")
        context.codec_tag, context.extradata, context.pix_fmt = self.tag, self.extradata, self.pix_fmt
        context.width, context.height = self.coded_wh
        context.bits_per_coded_sample = self.bits
        for name, value in zip(COLORS, self.colors):
            setattr(context, name, value)
        # Without it the H.264 decoder learns by mistakes how far frames are reordered.
        context.options = {"has_b_frames": str(self.reorder)}
        context.thread_count, context.thread_type = threads, "AUTO"
        return context


@dataclass(frozen=True)
class Chunk:
    """Frames first <= number < last of a video, as packets.

    look: the frame to decode from: `first`, or the one before whose objects are drawn on it (--every)
    times: the times of frames `look` to `last` in units of decoding.time_base, (last - look,) int64
    base: the time of frame 0 in the same units
    packets: in the order of decoding: (bytes, pts, dts, is_keyframe)
    """

    first: int
    last: int
    look: int
    times: np.ndarray
    base: int
    packets: list
    decoding: Decoding

    @property
    def bytes(self):
        return sum(len(packet[0]) for packet in self.packets)


class PacketIndex:
    """Which packet of a video file holds which frame.

    source: the VideoSource that it is the index of
    times: the times of its frames in order, (frames,) int64 in units of time_base; position: their packets'
        places in the file, (frames,)
    keys: the places of the keyframes, and key_times their times
    durations: how long each packet says that it is shown, 0 where it does not
    zero: seconds, the time that counts as 0
    trouble: why reading broke off, or None; complete: no frame comes after the last of `times`

    Raises CannotCut where a frame's packet cannot be told by its time.
    """

    def __init__(self, source):
        if source.live:
            raise CannotCut(f"{source.name} is a camera or stream")
        self.source = source
        with open_container(source.name, False) as container:
            stream = container.streams.video[0]
            self.zero = go_to(container, stream, source.start)
            self.decoding = Decoding.of(stream, source.size_wh, source.rotation)
            time_base = stream.time_base
            low = math.ceil((source.start + self.zero) / time_base) if source.start else None
            high = None if source.end is None else math.ceil((source.end + self.zero) / time_base)
            pts, key, shown, self.durations = self.read(container, high)
        self.pts = np.array(pts, np.int64)
        if len(np.unique(self.pts)) != len(pts):
            raise CannotCut(f"frames of {source.name} share their times")
        shown = np.array(shown, bool)
        shown &= True if low is None else self.pts >= low
        self.complete = high is None or not (shown & (self.pts >= high)).any()
        shown &= True if high is None else self.pts < high
        order = np.argsort(self.pts, kind="stable")
        self.position = order[shown[order]]
        self.times = self.pts[self.position]
        self.keys = np.flatnonzero(key)
        if not len(self.times) or not len(self.keys):
            raise CannotCut(f"{source.name} has no keyframe where it should begin")

    def read(self, container, high):
        """(times, whether it is a keyframe, whether it is shown, durations) of the picture's packets, lists."""
        pts, key, shown, durations, past, self.trouble = [], [], [], [], 0, None
        try:
            for packet in container.demux(video=0):
                if not packet.size:
                    continue
                if packet.pts is None:
                    raise CannotCut(f"frames of {self.source.name} have no times")
                if packet.has_sidedata("new_extradata") or packet.has_sidedata("palette"):
                    raise CannotCut(f"{self.source.name} changes its settings on the way")
                pts.append(packet.pts)
                key.append(packet.is_keyframe)
                shown.append(not packet.is_discard)  # an edit list leaves it out
                durations.append(packet.duration or 0)
                past = past + 1 if high is not None and packet.pts >= high else 0
                if past > 2 * REORDERED:
                    break
        except (av.error.FFmpegError, OSError) as error:
            self.trouble = reason(error)
        return pts, key, shown, durations

    def __len__(self):
        return len(self.times)

    def seconds(self, number):
        """The time of a frame in seconds from the first: a Fraction, as VideoSource gives it."""
        return int(self.times[number] - self.times[0]) * self.decoding.time_base

    def packets_of(self, look, last):
        """(place of the first packet, place of the last) that frames look <= number < last need."""
        needed = self.position[look:last]
        keys = self.keys[(self.keys <= needed.min()) & (self.pts[self.keys] <= self.times[look])]
        if not len(keys):
            raise CannotCut(f"{self.source.name} does not begin with a keyframe")
        return int(keys[-1]), int(needed.max())

    def note_end(self):
        """Tell the source how its frames end, which it finds out itself only where it decodes all."""
        if self.complete:
            last, time_base = self.position[-1], self.decoding.time_base
            shown_for = max(1 / self.source.rate, self.durations[last] * time_base)
            self.source.note_end(len(self), int(self.times[-1]) * time_base + shown_for, self.zero, self.trouble)


def chunk_size(frames, workers, every=1, most=240):
    """How many frames a chunk should have: a multiple of SEGMENT, and of `every` where that is not too long.

    Few enough that each of `workers` gets four chunks, and at most `most`. Encoded segments then line up, and a
    chunk begins with a frame that the network sees.

    >>> chunk_size(10_000, 2), chunk_size(400, 2), chunk_size(10_000, 2, every=7), chunk_size(10_000, 2, every=1000)
    (240, 48, 336, 240)
    """
    unit = math.lcm(SEGMENT, every)
    if unit > LONGEST_CHUNK:
        unit = SEGMENT
    wanted = min(max(frames // (4 * workers), 1), most)
    return max(wanted // unit, 1) * unit


def cut(index, size=240, done=0, every=1):
    """The ranges of frames (look, first, last) from frame `done` to the end, cut at multiples of `size`.

    Raises CannotCut where one of them would need too many frames before it decoded.
    """
    if done >= len(index):
        return []
    edges = [done, *range(done - done % size + size, len(index), size), len(index)]
    ranges = []
    for first, last in zip(edges, edges[1:]):
        look = first - first % every
        begin, _ = index.packets_of(look, last)
        if index.position[first:last].min() - begin > max(LONGEST_LEAD, every) and (done or len(edges) > 2):
            raise CannotCut(f"{index.source.name} has a keyframe too seldom")
        ranges.append((look, first, last))
    return ranges


def read_chunks(index, ranges):
    """(Chunk, Sound before its end) for each of the ranges of `cut`; last (None, the rest of the sound)."""
    source, base = index.source, int(index.times[0]) * index.decoding.time_base
    todo, kept, sound = deque((part, index.packets_of(part[0], part[2])) for part in ranges), {}, []
    for place, packet in read_packets(index):
        if place is None:
            sound.append(packet)
            continue
        if todo and place >= todo[0][1][0]:
            kept[place] = bytes(packet), packet.pts, packet.dts, packet.is_keyframe
        while todo and place >= todo[0][1][1]:
            (look, first, last), (begin, end) = todo.popleft()
            packets = [kept[number] for number in range(begin, end + 1)]
            yield (Chunk(first, last, look, index.times[look:last], int(index.times[0]), packets, index.decoding),
                   list(source.sound_since(base, index.zero, sound)))
            kept = {number: packet for number, packet in kept.items() if todo and number >= todo[0][1][0]}
    if todo:
        raise CannotCut(f"{source.name} has changed while it was read")
    yield None, list(source.sound_since(base, index.zero, sound))


def read_packets(index):
    """(place, packet) of the picture and (None, packet) of the source's sound, in the order of the file."""
    source, place = index.source, 0
    with open_container(source.name, False) as container, suppress(av.error.FFmpegError, OSError):
        stream = container.streams.video[0]
        # The same streams of another container: the source's own are those that the result knows.
        sound = {stream: own for own, stream in zip(source.sound, container.streams.audio)}
        go_to(container, stream, source.start)
        for packet in container.demux([stream, *sound]):
            if packet.size and packet.stream is stream:
                if place == len(index.pts) or packet.pts != index.pts[place]:
                    return
                yield place, packet
                place += 1
            elif packet.size:
                packet.stream = sound[packet.stream]
                yield None, packet


def decode(chunk, threads=1):
    """The chunk's frames from `look` to `last`, once each, in order, as VideoSource gives them.

    Raises CannotCut at the first frame that is not what its packets said.
    """
    expected, decoding = deque(chunk.times.tolist()), chunk.decoding
    decoder, number, key_time = decoding.decoder(threads), chunk.look, chunk.packets[0][1]
    for packet in [*chunk.packets, None]:
        began = time.perf_counter()
        frames = decode_packet(decoder, packet, decoding.time_base, key_time)
        for frame in frames:
            if number == chunk.look and frame.pts is not None and frame.pts < expected[0]:
                continue  # decoded for the others' sake
            if not expected:
                return
            if frame.pts != expected.popleft() or frame.is_corrupt:
                raise CannotCut(f"frame {number} is not what its packet says")
            image = to_bgr(frame, decoding.rotation)
            if image.shape[1::-1] != decoding.size_wh:
                raise CannotCut(f"frame {number} is of another size")
            at = (frame.pts - chunk.base) * decoding.time_base
            yield Frame(number, at, image, (time.perf_counter() - began) / len(frames))
            number += 1
    if expected:
        raise CannotCut(f"frame {number} is not in its packets")


def decode_packet(decoder, entry, time_base, key_time):
    """The decoded frames that a packet completes; None stands for the end."""
    if entry is None:
        return decoder.decode(None)
    packet = av.Packet(entry[0])
    packet.time_base, packet.pts, packet.dts, packet.is_keyframe = time_base, *entry[1:]
    try:
        return decoder.decode(packet)
    except av.error.FFmpegError as error:
        if packet.pts < key_time:  # it refers to frames before the chunk's keyframe, and is not shown
            return []
        raise CannotCut(f"a frame is damaged: {reason(error)}") from error
