"""The stream of a video from what its workers made: Spread, all videos of a run; SpreadVideo, one of them.

    jobs = [SpreadJob("in.mp4", Path("out.mp4"), every=1, palette="class", style=Style(), fps=None, draws_here=False)]

    def open_video(job):                                   # ready to be read and written
        partial = PartialVideo(job.output)
        partial.start({})
        return VideoSource(job.name), partial

    with Spread(workers, facts, jobs, open_video, stopped=lambda: False) as spread:    # facts: NetworkFacts
        with spread.video(jobs[0]).looks() as looks:
            for item in looks:                             # the stream that segmentation/video/looks.py describes
                print(item)

A second thread reads chunks ahead, also those of the next video, so that the workers always have some.

If colours depend on the class, workers draw and encode, and their packets are written as they come. If they depend on
the frames before (--palette instance), workers only run the network; this process decodes, draws and encodes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Callable, Optional

from segmentation import SegmentationError
from segmentation.drawing.draw import Style
from segmentation.instances import Instances
from segmentation.threads import ReadAhead
from segmentation.video.looks import EncodedFrame, Item, NetworkFacts, WrittenFrame, look_at
from segmentation.video.resumable import PartialVideo
from segmentation.video.sink import Coding, FrameTimes
from segmentation.video.source import Frame, Sound, VideoSource
from segmentation.workers.chunks import chunk_size, cut, read_chunks
from segmentation.workers.ordering import Job, Outcome, Workers, in_order
from segmentation.workers.packet_index import CannotCut, PacketIndex
from segmentation.workers.tasks import Drawing, Part


@dataclass(frozen=True)
class SpreadJob:
    """What Spread must know about a video.

    name: the video itself, as of VideoSource; output: the path of the result
    every: the network sees the frames 0, every, 2 * every, ...
    follow: whether objects move with the picture between these
    palette, style: as of Annotator
    fps: frames a second of the result; None: those of the source
    draws_here: whether this process must draw the frames, in their order
    """

    name: str
    output: Path
    every: int
    palette: str
    style: Style
    fps: Optional[Fraction]
    draws_here: bool
    follow: bool = False


@dataclass(frozen=True)
class Piece:
    """A step in the merging of a video. The first piece is an OpenedPiece or a FailedPiece.

    spread_job: of the video
    job: the chunk that a worker has to do, and its Drawing. None: no chunk, as in the first piece and in the last one
    sound: what comes before the end of the chunk; in the last piece, the rest
    """

    spread_job: SpreadJob
    job: Optional[Job]
    sound: list[Sound]

    @property
    def name(self) -> str:
        """The name of the video, for messages."""
        return self.spread_job.name


@dataclass(frozen=True)
class OpenedPiece(Piece):
    """The video is open."""

    video: "SpreadVideo"


@dataclass(frozen=True)
class FailedPiece(Piece):
    """The error that prevented opening the video, or reading more of it. No piece of the video comes after this one."""

    error: Exception


class Spread:
    """All videos of a run, whose chunks are given to workers.

    workers: in their `with` block
    facts: about the network that the workers run
    jobs: one for each video, in order
    open_video: opens the video of a job: the VideoSource, and the PartialVideo after its `start`
    is_stopped: says whether the run must end
    """

    def __init__(self, workers: Workers, facts: NetworkFacts, jobs: Sequence[SpreadJob],
                 open_video: Callable[[SpreadJob], tuple[VideoSource, PartialVideo]], is_stopped: Callable[[], bool]):
        self.workers, self.facts, self.open_video, self.is_stopped = workers, facts, open_video, is_stopped
        self.closed = False
        self.given_up: set[SpreadJob] = set()
        self.ahead: Optional[tuple[Piece, Outcome]] = None
        pieces = (piece for job in jobs for piece in self.pieces(job))
        self.parts = ReadAhead(in_order(workers, pieces, self.stopped), stopped=self.stopped, depth=1)

    def __enter__(self) -> "Spread":
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True
        self.workers.give_up()
        self.parts.close()

    def stopped(self) -> bool:
        """Whether no more chunks are needed."""
        return self.closed or self.is_stopped()

    def give_up(self, job: SpreadJob) -> None:
        """Do not read more chunks of this video."""
        self.given_up.add(job)

    def pieces(self, job: SpreadJob) -> Iterator[Piece]:
        """Every Piece of a video, in order. It is opened, and its chunks are read, when they are asked for."""
        if self.stopped():
            return
        try:
            source, partial = self.open_video(job)
        except SegmentationError as error:
            yield FailedPiece(job, None, [], error)
            return
        try:
            video = SpreadVideo(self, job, source, partial)
        except (CannotCut, SegmentationError) as error:
            source.close()
            partial.close()
            yield FailedPiece(job, None, [], error)
            return
        yield OpenedPiece(job, None, [], video)
        try:
            yield from video.pieces()
        except (CannotCut, SegmentationError) as error:
            yield FailedPiece(job, None, [], error)

    def next(self, job: Optional[SpreadJob] = None) -> Optional[tuple[Piece, Outcome]]:
        """The next piece and its outcome.

        None if there are no more pieces or, with `job`, if the next piece belongs to another video.
        """
        entry, self.ahead = self.ahead or next(self.parts, None), None
        if entry is not None and job is not None and entry[0].spread_job is not job:
            self.ahead, entry = entry, None
        return entry

    def video(self, job: SpreadJob) -> "SpreadVideo":
        """The open video of that job. Raises the error that prevented opening it.

        Raises KeyboardInterrupt if the run was stopped before its turn.
        """
        while (entry := self.next()) is not None:
            piece, _ = entry
            if piece.spread_job is not job:
                self.give_up(piece.spread_job)
            elif isinstance(piece, OpenedPiece):
                return piece.video
            elif isinstance(piece, FailedPiece):
                raise piece.error
        raise KeyboardInterrupt


class StoppedLooking(Exception):
    """The run is stopped, so no more Instances come from the workers."""


class SpreadVideo:
    """VideoLooks of a video whose network runs in workers, see segmentation/video/looks.py.

    Raises CannotCut if the video cannot be cut into chunks, SegmentationError if it cannot be read.
    """

    def __init__(self, spread: Spread, job: SpreadJob, source: VideoSource, partial: PartialVideo):
        self.spread, self.job, self.source, self.partial, self.facts = spread, job, source, partial, spread.facts
        self.index = PacketIndex(source)
        self.coding = Coding.of(job.output.suffix, source.size_wh, job.fps or source.rate)
        size = chunk_size(len(self.index) - partial.done, spread.workers.size, job.every)
        self.ranges = cut(self.index, size, partial.done, job.every)

    @property
    def frames(self) -> int:
        """How many frames the video has."""
        return len(self.index)

    @property
    def workers(self) -> Optional[int]:
        """How many networks run at the same time. None: the seconds of a Look are divided by it already."""
        return None if self.job.draws_here else self.spread.workers.size

    # ---- What is given to the workers; this runs in the thread that reads ahead ------------------------------

    def pieces(self) -> Iterator[Piece]:
        """A Piece for each chunk, and the last one."""
        job, times = self.job, self.times()
        for _ in range(self.partial.done):
            next(times)
        for chunk, sound in read_chunks(self.index, self.ranges):
            if job in self.spread.given_up:
                return
            if chunk is None:
                yield Piece(job, None, sound)
            elif job.draws_here:
                yield Piece(job, (chunk, Drawing(job.every, job.palette, job.style)), sound)
            else:
                own = tuple(next(times) for _ in range(chunk.first, chunk.last))
                drawing = Drawing(job.every, job.palette, job.style, self.coding, own, job.follow)
                yield Piece(job, (chunk, drawing), sound)

    def times(self) -> Iterator[int]:
        """The time of each frame in the result, in units of the coding's time base."""
        time_of = FrameTimes(self.coding)
        for number in range(len(self.index)):
            yield time_of(number, None if self.job.fps else self.index.seconds(number))

    # ---- What comes back -------------------------------------------------------------------------------------

    @contextmanager
    def looks(self) -> Iterator[Iterator[Item]]:
        """The stream, see VideoLooks."""
        if not self.job.draws_here:
            yield self.encoded_frames()
            return
        items = ReadAhead(self.looks_to_draw(), stopped=self.spread.stopped)
        try:
            yield items
        finally:
            items.close()

    def looks_to_draw(self) -> Iterator[Item]:
        """Each frame, decoded here, as soon as the workers have found its objects."""
        parts = self.parts()
        found: dict[int, tuple[Instances, float]] = {}

        def find(frame: Frame) -> tuple[Instances, float]:
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
            yield from look_at(self.source.items(), find, self.job.every, self.partial.done, self.job.follow)
        except StoppedLooking:
            return

    def found_in(self, part: Optional[Part]) -> dict[int, tuple[Instances, float]]:
        """Frame number -> (Instances, seconds of the network) of a Part. Empty for the last piece: it has no Part."""
        if part is None:
            return {}
        seconds = part.seconds.get("network", 0) / max(len(part.found), 1) / self.spread.workers.size
        return {number: (instances, seconds) for number, instances in part.found.items()}

    def encoded_frames(self) -> Iterator[Item]:
        """Each frame as a worker has encoded it, and the sound between the frames."""
        sound: deque[Sound] = deque()
        number = 0
        for piece, part in self.parts():
            sound.extend(piece.sound)
            while number < self.partial.done:
                yield from self.sound_until(number, sound)
                yield WrittenFrame(number, {}, 0)
                number += 1
            if part is None:
                yield from sound
                sound.clear()
                continue
            for place in range(len(part.frames)):
                yield from self.sound_until(number, sound)
                yield self.encoded_frame(number, part, place)
                number += 1
        self.index.note_end()

    def encoded_frame(self, number: int, part: Part, place: int) -> EncodedFrame:
        """The frame at that place in a Part. The first one has the seconds and runs of the whole Part."""
        seconds, runs = (part.seconds, len(part.found)) if place == 0 else ({}, 0)
        return EncodedFrame(number, seconds, runs, part.frames[place].packet(self.coding), part.found.get(number))

    def sound_until(self, number: int, sound: deque[Sound]) -> Iterator[Sound]:
        """The Sound before a frame. It is removed from the front of `sound`."""
        while sound and sound[0].time <= self.index.seconds(number):
            yield sound.popleft()

    def parts(self) -> Iterator[tuple[Piece, Optional[Part]]]:
        """(Piece, its Part) for each further piece of the video, until its last one or until the run is stopped.

        Raises the error of a piece or of its chunk.
        """
        while (entry := self.spread.next(self.job)) is not None:
            piece, outcome = entry
            error = piece.error if isinstance(piece, FailedPiece) else outcome
            if isinstance(error, Exception):
                self.spread.give_up(self.job)
                raise error
            yield piece, error
