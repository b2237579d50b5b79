"""The clock of a video file: where its times jump they are joined, so that the picture goes on and the sound with it.

    clock = Clock(picture, can_leap=True, note=print)
    for packet in clock.joined(container.demux([picture, *container.streams.audio])):
        print(packet.stream.type, packet.pts * packet.time_base)    # it never goes back

A .ts that was put together of several files, or a recording that was interrupted, has times that go back or leap ahead.
Between two jumps there is a part. The first frame of a part follows the last frame of the part before it, one frame's
time later. The sound of a part is moved by as much as its picture.

Every reader of a file has a Clock of its own, and gives it the same packets: so all of them see the same times.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Callable, NamedTuple, Optional

import av
import numpy as np
from av.stream import Stream
from av.video.stream import VideoStream

REORDERED = 16  # frames by which H.264 and H.265 reorder at most
AHEAD = 10  # seconds; a longer step ahead is a leap, in a format that has leaps. FFmpeg's command has the same limit
# Seconds; a longer step back is a jump. Where the times of decoding are guessed, they go back a little with B-frames.
BACK, GUESSED_BACK = Fraction(1, 10), Fraction(1)
APART = 2  # seconds by which sound can come later in the file than its picture
PATIENCE = 5  # seconds of picture for which sound that jumps waits for a jump of the picture
WRAP = 1 << 33  # MPEG's clock begins again at so many units; FFmpeg shows many a step back as a leap of nearly that


class Jump(NamedTuple):
    """A place where the times of a file jump.

    at: seconds from the beginning, as joined
    by: seconds; below 0 if the times go back
    """

    at: Fraction
    by: Fraction

    def __str__(self) -> str:
        step = "go back" if self.by < 0 else "leap ahead"
        return f"{step} by {abs(float(self.by)):.2f} s at {float(self.at):.2f} s"


@dataclass
class SoundTrack:
    """What the clock knows of a stream of sound.

    part: the number of the part that its last packet belongs to
    own: seconds by which it is moved besides, because its times jumped though those of the picture did not
    last: the time of its last packet as the file has it, in seconds
    ends: the time at which that packet ends, as joined, in seconds
    """

    part: int
    own: Fraction = Fraction(0)
    last: Optional[Fraction] = None
    ends: Optional[Fraction] = None


class Clock:
    """Joins the times of the packets of one file, in the order of the file.

    picture: its stream of frames
    can_leap: whether the format is one whose times leap. In the others a long step ahead is a frame that is shown long
    note: called with each Jump
    """

    def __init__(self, picture: VideoStream, can_leap: bool, note: Callable[[Jump], None] = lambda jump: None):
        self.picture, self.can_leap, self.note = picture, can_leap, note
        self.unit = picture.time_base or Fraction(1)
        self.back = BACK if can_leap else GUESSED_BACK
        self.offsets = [0]  # by which each part is moved, in units
        self.last: Optional[int] = None  # when the last packet of the picture is decoded, as the file has it
        self.shown: deque[int] = deque(maxlen=2 * REORDERED)  # the joined times of the last packets of the picture
        self.first: Optional[int] = None  # the smallest of them at the beginning
        self.begun: list[av.Packet] = []  # the first packets of a part whose offset is not known yet
        self.tracks: dict[Stream, SoundTrack] = {}
        self.waiting: list[av.Packet] = []  # sound that jumped before the picture
        self.waiting_since = Fraction(0)

    def joined(self, packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
        """The packets, with joined times. Some of the sound comes a little later than in the file."""
        try:
            for packet in packets:
                if not packet.size:  # the end of a stream
                    yield from self.settle()
                    yield packet
                elif packet.stream is self.picture:
                    yield from self.take_picture(packet)
                else:
                    yield from self.take_sound(packet)
        except (av.error.FFmpegError, OSError):
            yield from self.settle()
            raise
        yield from self.settle()

    def settle(self) -> Iterator[av.Packet]:
        """The packets that were held back. No others of the picture come."""
        yield from self.join()
        yield from self.release(at_last=True)

    # ---- The picture -----------------------------------------------------------------------------------------

    def take_picture(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packets that are ready when this one has come."""
        jumps = self.jumps(packet)
        if jumps:
            yield from self.join()
        self.last = self.last if packet.dts is None else packet.dts
        if not jumps and not self.begun:
            yield self.moved(packet)
            if self.waiting and self.now() - self.waiting_since > PATIENCE:
                yield from self.release(at_last=True)
            return
        self.begun.append(packet)
        # A keyframe can be followed by frames that are shown before it. They end with the first one shown after it.
        if len(self.begun) > REORDERED or shown_at(packet) > shown_at(self.begun[0]):
            yield from self.join()

    def jumps(self, packet: av.Packet) -> bool:
        """Whether a new part begins with this packet of the picture."""
        if self.last is None or packet.dts is None:
            return False
        step = (packet.dts - self.last) * self.unit
        return step < -self.back or (self.can_leap and step > AHEAD and not self.sound_went_on(packet.dts * self.unit))

    def sound_went_on(self, until: Fraction) -> bool:
        """Whether there was sound up to about that time: then the picture just stood still."""
        return any(track.last is not None and track.last > until - AHEAD for track in self.tracks.values())

    def join(self) -> Iterator[av.Packet]:
        """The first packets of the part that has begun, if one has, and the sound that waited for it."""
        if not self.begun:
            return
        begun, self.begun = self.begun, []
        step = self.step(begun[0])
        ends = max(self.shown) + step
        self.offsets.append(ends - min(map(shown_at, begun)))
        by = self.offsets[-2] - self.offsets[-1]
        if self.can_leap and abs(by) > WRAP // 2:
            by -= WRAP if by > 0 else -WRAP
        if abs(by) >= step:  # else the clock has begun again, and there is no jump in the picture
            self.note(Jump((ends - (self.first or 0)) * self.unit, by * self.unit))
        for packet in begun:
            yield self.moved(packet)
        yield from self.release()

    def step(self, packet: av.Packet) -> int:
        """The time from frame to frame before a new part, in units. packet: its first one"""
        steps = np.diff(sorted(self.shown))
        return round(float(np.median(steps))) if len(steps) else packet.duration or 1

    def moved(self, packet: av.Packet) -> av.Packet:
        """A packet of the picture with its joined times."""
        move(packet, self.offsets[-1])
        if packet.pts is not None or packet.dts is not None:
            shown = shown_at(packet)
            self.shown.append(shown)
            if len(self.shown) < REORDERED and len(self.offsets) == 1:
                self.first = shown if self.first is None else min(self.first, shown)
        return packet

    def now(self) -> Fraction:
        """The joined time of the picture, in seconds."""
        return max(self.shown, default=0) * self.unit

    # ---- The sound -------------------------------------------------------------------------------------------

    def take_sound(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packet, if it can be said to which part it belongs."""
        if any(other.stream is packet.stream for other in self.waiting):
            self.waiting.append(packet)
        elif self.place(packet):
            yield packet
        else:
            self.waiting_since = self.now() if not self.waiting else self.waiting_since
            self.waiting.append(packet)

    def release(self, at_last: bool = False) -> Iterator[av.Packet]:
        """The sound that can be placed now. at_last: all of it; what jumps is joined to the sound before it"""
        packets, self.waiting = self.waiting, []
        for packet in packets:
            if at_last:
                self.place(packet, at_last)
                yield packet
            else:
                yield from self.take_sound(packet)

    def place(self, packet: av.Packet, at_last: bool = False) -> bool:
        """Move a packet of sound with its part. False if it jumps, and the picture has not jumped yet.

        Around a jump, sound of two parts comes mixed with the picture of both. So a packet belongs to the part in which
        it follows best on the packet before it or, after a part without sound, comes nearest to the picture.
        """
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None or packet.time_base is None:
            return True
        seconds, track = at * packet.time_base, self.tracks.setdefault(packet.stream, SoundTrack(len(self.offsets) - 1))
        moves = {part: self.offsets[part] * self.unit + (track.own if part == track.part else 0)
                 for part in range(track.part, len(self.offsets))}
        ends, now = track.ends, self.now()
        paused = ends is None or (len(self.offsets) > 1 and now - ends > APART)
        near = now if ends is None or paused else ends
        part = min(moves, key=lambda number: abs(seconds + moves[number] - near))
        move_by = moves[part]
        if not at_last and paused and len(self.offsets) > 1 and abs(seconds + move_by - now) > APART:
            return False
        if ends is not None and part == track.part and self.sound_jumps(seconds + move_by, ends):
            if not at_last:
                return False
            track.own += ends - seconds - move_by
            move_by = ends - seconds
        if part != track.part:
            track.part, track.own = part, Fraction(0)
        move(packet, round(move_by / packet.time_base))
        track.last, track.ends = seconds, seconds + move_by + (packet.duration or 0) * packet.time_base
        return True

    def sound_jumps(self, at: Fraction, ends: Fraction) -> bool:
        """Whether sound at a joined time jumps, if the sound before it `ends` at that time. In seconds."""
        return at - ends < -self.back or (self.can_leap and at - max(ends, self.now()) > AHEAD)


def shown_at(packet: av.Packet) -> int:
    """The time of a packet's frame. Where the container has none, the time of decoding."""
    return packet.pts if packet.pts is not None else packet.dts or 0


def move(packet: av.Packet, offset: int) -> None:
    """Add to the times of a packet."""
    if offset and packet.pts is not None:
        packet.pts += offset
    if offset and packet.dts is not None:
        packet.dts += offset
