"""Chunks given to workers, and the results taken in order: the protocol Workers, in_order.

    with LocalWorkers(Task(find_model(MODEL_FOLDER)), 4) as workers:
        for piece, part in in_order(workers, pieces):    # pieces: of one video or several, in order
            print(piece.name, part)                      # a Part, an error, or None for a piece without a chunk

If a worker dies, or takes ten times as long for a chunk as others, only this chunk is lost. Another worker does it
again.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Callable, Generic, Optional, Protocol, TypeVar, Union

from segmentation import SegmentationError
from segmentation.terminal import warn
from segmentation.workers.chunks import Chunk
from segmentation.workers.packet_index import CannotCut
from segmentation.workers.tasks import ChunkFailed, Drawing, Part, Result

ATTEMPTS = 3  # how often a chunk is tried
AHEAD = 2  # chunks for each worker that are given out and not joined yet; this limits the memory
FIRST_LIMIT = 3600  # seconds for a chunk before the first one is done
SLOWER = 10  # a chunk that takes so many times as long as the slowest one so far counts as hung
SHORTEST_LIMIT = 120  # seconds; they include the loading of the network

Job = tuple[Chunk, Drawing]


class Workers(Protocol):
    """Does chunks, several at a time. It is used in a `with` block, which ends the work of all workers.

    A key is a number that the caller chooses for a chunk. It is used for one chunk only, and only for one attempt.
    """

    @property
    def size(self) -> int:
        """How many chunks are done at a time."""
        ...

    def submit(self, key: int, job: Job) -> None:
        """Have a chunk done by any worker."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, Result]]:
        """(key, Result) of each chunk that is done since the last call. If there is none, waits `seconds` for one."""
        ...

    def running(self, key: int) -> float:
        """The seconds since a worker began with a chunk; 0: none has begun."""
        ...

    def drop(self, key: int) -> None:
        """Give up a chunk that takes too long, and end the worker that has it. Its result never comes."""
        ...

    def give_up(self) -> None:
        """Do not wait any more, for a chunk or for a connection: the run ends."""
        ...

    def __enter__(self) -> "Workers":
        """Make the workers ready."""
        ...

    def __exit__(self, *error: object) -> None:
        """End the workers, whatever they are doing."""
        ...


class AnyPiece(Protocol):
    """A step in the merging of a video."""

    @property
    def job(self) -> Optional[Job]:
        """The chunk that has to be done for it. None: no chunk."""
        ...

    @property
    def name(self) -> str:
        """The name of the video, for messages."""
        ...


PieceT = TypeVar("PieceT", bound=AnyPiece)
# What in_order gives for a piece.
Outcome = Union[Part, CannotCut, SegmentationError, None]


def in_order(workers: Workers, pieces: Iterable[PieceT],
             stopped: Callable[[], bool] = lambda: False) -> Iterator[tuple[PieceT, Outcome]]:
    """(piece, its Part) for each piece, in the order of `pieces`.

    Instead of a Part there is None for a piece without a chunk, the CannotCut that a worker raised, or a
    SegmentationError if all ATTEMPTS failed.

    pieces: taken only when there is room: at most AHEAD chunks for each worker are given out and not joined
    stopped: says whether the run must end; then the iterator ends early
    """
    line = Line(workers, iter(pieces))
    while not stopped():
        line.fill()
        while (entry := line.next_ready()) is not None:
            yield entry.piece, entry.outcome
        if line.waiting:
            line.collect()
        elif line.at_end:
            return


class Line(Generic[PieceT]):
    """The pieces that wait for their turn, in order.

    at_end: whether no more pieces come
    """

    def __init__(self, workers: Workers, pieces: Iterator[PieceT]):
        self.workers, self.pieces, self.at_end = workers, pieces, False
        self.waiting: deque[Waiting[PieceT]] = deque()
        self.due: dict[int, tuple[Waiting[PieceT], Job]] = {}  # by key, those whose chunk a worker has or will get
        self.limit, self.key = Limit(), 0

    def fill(self) -> None:
        """Take pieces while there is room and the first one is not ready."""
        while not self.at_end and self.given_out() < AHEAD * self.workers.size:
            piece = next(self.pieces, None)
            if piece is None:
                self.at_end = True
                return
            entry = Waiting(piece)
            self.waiting.append(entry)
            if piece.job is not None:
                self.submit(entry, piece.job)
            if self.waiting[0].ready:
                return

    def given_out(self) -> int:
        """How many chunks are given out and not joined."""
        return sum(entry.piece.job is not None for entry in self.waiting)

    def submit(self, entry: "Waiting[PieceT]", job: Job) -> None:
        """Give the chunk of a piece to the workers."""
        self.key += 1
        self.due[self.key] = entry, job
        self.workers.submit(self.key, job)

    def next_ready(self) -> "Optional[Waiting[PieceT]]":
        """Remove the first piece and return it; None: it is not ready, or there is no piece."""
        return self.waiting.popleft() if self.waiting and self.waiting[0].ready else None

    def collect(self) -> None:
        """Take the results that come, and have the chunks done again that failed."""
        late = [key for key, (_, job) in self.due.items() if self.workers.running(key) > self.limit(job[0])]
        for key in late:
            self.workers.drop(key)
        results: list[tuple[int, Result]] = [(key, ChunkFailed("it took too long")) for key in late]
        for key, result in [*results, *self.workers.wait(0.1)]:
            if key in self.due:
                entry, job = self.due.pop(key)
                if entry.take(result, job[0], self.limit):
                    self.submit(entry, job)


class Waiting(Generic[PieceT]):
    """A piece that waits for its turn.

    ready: whether its outcome is known
    """

    def __init__(self, piece: PieceT):
        self.piece, self.failures, self.ready = piece, 0, piece.job is None
        self.outcome: Outcome = None

    def take(self, result: Result, chunk: Chunk, limit: "Limit") -> bool:
        """Take what a worker gave for its chunk. True if the chunk must be done again."""
        if isinstance(result, Part):
            limit.learn(chunk, result)
            self.outcome = result
        elif isinstance(result, CannotCut):
            self.outcome = result
        else:
            frames = f"frames {chunk.first} to {chunk.last - 1} of {self.piece.name}"
            self.failures += result.attempts if isinstance(result, ChunkFailed) else 1
            if self.failures < ATTEMPTS:
                warn(f"[WARNING] {frames} are done again: {result}")
                return True
            self.outcome = SegmentationError(f"{frames} failed {ATTEMPTS} times, at last because: {result}")
        self.ready = True
        return False


class Limit:
    """The seconds that a chunk may take. It learns from the chunks that were done."""

    def __init__(self) -> None:
        self.slowest: Optional[float] = None  # seconds a frame

    def learn(self, chunk: Chunk, part: Part) -> None:
        """Take the seconds of a chunk that was done."""
        a_frame = sum(part.seconds.values()) / (chunk.last - chunk.look)
        self.slowest = max(self.slowest or 0, a_frame)

    def __call__(self, chunk: Chunk) -> float:
        """The seconds that this chunk may take."""
        if self.slowest is None:
            return FIRST_LIMIT
        return max(SHORTEST_LIMIT, SLOWER * self.slowest * (chunk.last - chunk.look))
