"""What workers made of a run's videos, merged in order: Spread, and SpreadVideo, one video's part in it.

    with Spread(workers, facts, jobs, open_video, stopped) as spread:
        for job in jobs:
            with spread.video(job).looks() as looks:    # the stream that segmentation/video/looks.py describes
                ...

Chunks are given out ahead of what is merged, across the ends of videos, so that workers have work to the last.
With colours by class, workers draw and encode, and their packets are written as they come. Colours by instance are
decided in the order of the frames. There workers only run the network, and this process decodes, draws and encodes.
"""

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional

import av

from segmentation import SegmentationError
from segmentation.network.weights import ModelFiles
from segmentation.threads import ReadAhead
from segmentation.video.looks import Look, look_at
from segmentation.video.sink import Coding, FrameTimes
from segmentation.workers.chunks import CannotCut, PacketIndex, chunk_size, cut, read_chunks
from segmentation.workers.processes import Drawing, in_order


class NetworkFacts(NamedTuple):
    """What a run must know of a network that runs elsewhere: the labels and colours of its classes, and its files."""

    labels: list
    colors: list
    files: ModelFiles


@dataclass(frozen=True)
class SpreadJob:
    """What Spread must know of a video.

    output: the path of the result; every: the network sees frames 0, every, 2 * every, ...
    palette, style: as Annotator's; fps: frames a second of the result, None for the source's
    draws_here: whether the frames must be drawn in this process, in their order
    """

    name: str
    output: Path
    every: int
    palette: str
    style: object
    fps: Optional[object]
    draws_here: bool


@dataclass(frozen=True)
class Piece:
    """A step in the merging of a video: a chunk, or an event without one.

    The first piece says that the video is open, or holds the error that prevented opening. The last one holds the rest
    of the sound.

    name: of the video, for messages; job: the (Chunk, Drawing) to do; sound: that comes before the chunk's end
    """

    video: "SpreadVideo"
    name: str
    job: Optional[tuple] = None
    sound: list = field(default_factory=list)
    error: Optional[Exception] = None


class Spread:
    """All videos of a run on their way through the workers.

    workers: see processes.py; facts: NetworkFacts; jobs: a SpreadJob for each video, in order
    open_video: SpreadJob -> (VideoSource, PartialVideo), ready to begin
    stopped: says whether the run is to end
    """

    def __init__(self, workers, facts, jobs, open_video, stopped):
        self.workers, self.facts, self.open_video, self.is_stopped = workers, facts, open_video, stopped
        self.closed, self.ahead = False, None
        pieces = (piece for job in jobs for piece in SpreadVideo(self, job).pieces())
        self.parts = ReadAhead(in_order(workers, pieces, self.stopped), stopped=self.stopped, depth=1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True
        self.workers.give_up()
        self.parts.close()

    def stopped(self):
        return self.closed or self.is_stopped()

    def next(self, video=None):
        """The next (piece, Part), of that video if one is given; None where there is none (any more)."""
        entry, self.ahead = self.ahead or next(self.parts, None), None
        if entry is not None and video is not None and entry[0].video is not video:
            self.ahead, entry = entry, None
        return entry

    def video(self, job):
        """The SpreadVideo of that job, open; the error that prevented opening is raised."""
        while (entry := self.next()) is not None:
            piece, _ = entry
            if piece.video.job is job:
                if piece.error is not None:
                    raise piece.error
                return piece.video
            piece.video.give_up()
        raise KeyboardInterrupt  # stopped before its turn


class StoppedLooking(Exception):
    """The run is stopped, so no more Instances come from the workers."""


class SpreadVideo:
    """One video that is done by workers.

    source, partial: its VideoSource and PartialVideo; frames: how many it has; facts: NetworkFacts
    workers: how many the seconds of a network run are each one's; None where they are shared out already
    """

    def __init__(self, spread, job):
        self.spread, self.job, self.facts, self.given_up = spread, job, spread.facts, False

    def give_up(self):
        """Nobody wants the video's further pieces."""
        self.given_up = True

    @property
    def frames(self):
        return len(self.index)

    @property
    def workers(self):
        return None if self.job.draws_here else self.spread.workers.size

    # ---- What is given to the workers, in the thread that reads ahead ----------------------------------------

    def pieces(self):
        """Every Piece of the video, in order, its chunks read as they are asked for."""
        if self.spread.stopped():
            return
        name, every = self.job.name, self.job.every
        try:
            self.source, self.partial = self.spread.open_video(self.job)
        except SegmentationError as error:
            yield Piece(self, name, error=error)
            return
        try:
            self.index = PacketIndex(self.source)
            size = chunk_size(len(self.index) - self.partial.done, self.spread.workers.size, every)
            chunks = read_chunks(self.index, cut(self.index, size, self.partial.done, every))
        except (CannotCut, SegmentationError) as error:
            self.source.close()
            yield Piece(self, name, error=error)
            return
        yield Piece(self, name)
        try:
            yield from self.chunk_pieces(chunks)
        except (CannotCut, SegmentationError) as error:
            yield Piece(self, name, error=error)

    def chunk_pieces(self, chunks):
        job = self.job
        coding = Coding.of(job.output.suffix, self.source.size_wh, job.fps or self.source.rate)
        times = self.times(coding)
        for _ in range(self.partial.done):
            next(times)
        for chunk, sound in chunks:
            if self.given_up:
                return
            if chunk is None:
                yield Piece(self, job.name, None, sound)
            elif job.draws_here:
                yield Piece(self, job.name, (chunk, Drawing(job.every, job.palette, job.style)), sound)
            else:
                own = tuple(next(times) for _ in range(chunk.first, chunk.last))
                yield Piece(self, job.name, (chunk, Drawing(job.every, job.palette, job.style, coding, own)), sound)

    def times(self, coding):
        """The time of each frame in the result, in the units of its Coding."""
        time_of = FrameTimes(coding)
        for number in range(len(self.index)):
            yield time_of(number, None if self.job.fps else self.index.seconds(number))

    # ---- What comes back -------------------------------------------------------------------------------------

    @contextmanager
    def looks(self):
        """The stream of the video, as segmentation/video/looks.py describes it; open while the block lasts."""
        if not self.job.draws_here:
            yield self.encoded_looks()
            return
        items = ReadAhead(self.looks_to_draw(), stopped=self.spread.stopped)
        try:
            yield items
        finally:
            items.close()

    def looks_to_draw(self):
        """Each frame decoded here, once the workers have found its objects."""
        parts, found = self.parts(), {}

        def find(frame):
            while frame.number not in found:
                entry = next(parts, None)
                if entry is None and self.spread.stopped():
                    raise StoppedLooking
                if entry is None:
                    raise CannotCut("it has more frames than its packets say")
                found.update(self.found_in(entry[1]))
            for number in [number for number in found if number < frame.number]:
                del found[number]
            return found.pop(frame.number)
        try:
            yield from look_at(self.source.items(), find, self.job.every, self.partial.done)
        except StoppedLooking:
            return

    def found_in(self, part):
        """Frame number -> (Instances, seconds) of a Part; the last piece of a video has none."""
        if part is None:
            return {}
        seconds = part.seconds.get("network", 0) / max(len(part.found), 1) / self.spread.workers.size
        return {number: (instances, seconds) for number, instances in part.found.items()}

    def encoded_looks(self):
        """Each frame as a worker has encoded it, and the sound between."""
        sound, number = deque(), 0
        for piece, part in self.parts():
            sound.extend(piece.sound)
            while number < self.partial.done:
                yield from self.sound_until(number, sound)
                yield Look(number)
                number += 1
            for place, entry in enumerate(part.frames if part else ()):
                yield from self.sound_until(number, sound)
                yield self.encoded_look(number, part, entry, first=place == 0)
                number += 1
            if part is None:
                yield from sound
                sound.clear()
        self.index.note_end()

    def encoded_look(self, number, part, entry, first):
        """A frame of a Part; the first of its frames tells what the whole Part took."""
        found = part.found.get(number)
        seconds, runs = (part.seconds, len(part.found)) if first else ({}, 0)
        packet = packet_of(entry, self.partial.sink.coding)
        return Look(number, None, None, found, found is not None, seconds, runs, packet)

    def sound_until(self, number, sound):
        """The Sound, taken from the front of a deque, that comes before a frame."""
        while sound and sound[0].time <= self.index.seconds(number):
            yield sound.popleft()

    def parts(self):
        """(piece, Part) of the video's further pieces, until its last or until the run is stopped."""
        while (entry := self.spread.next(self)) is not None:
            piece, part = entry
            error = part if isinstance(part, Exception) else piece.error
            if error is not None:
                self.give_up()
                raise error
            yield piece, part


def packet_of(entry, coding):
    """An encoded frame as it came from a worker, as a packet."""
    data, pts, dts, duration, key = entry
    packet = av.Packet(data)
    packet.time_base, packet.pts, packet.dts, packet.is_keyframe = coding.time_base, pts, dts, key
    if duration:
        packet.duration = duration
    return packet
