"""Chunks of videos given to workers: processes of this machine, or those of a Dask cluster.

    with LocalWorkers(Task.of(args), 4) as workers:
        for piece, part in in_order(workers, pieces):   # a Part for each piece's chunk, in the order of the pieces
            join(part)

Workers are a Task's, which loads the network once in each, and offer the same:

    size                    how many chunks they do at a time
    submit(key, chunk)      have it done, by any worker
    wait(seconds)           [(key, Part or the error)] of chunks that are done since, at once where there are some
    running(key)            the seconds since a worker began with a chunk
    give_up()               nobody waits for chunks any more
    drop(key)               have done with a chunk that takes too long, and with the worker that has it

A worker that dies, or takes ten times as long as others for a chunk, costs that chunk: another does it again.
"""

import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing import connection, get_context, parent_process
from typing import Optional

import cv2

from segmentation import SegmentationError
from segmentation.drawing.draw import Style
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import NetworkOptions
from segmentation.network.weights import ModelFiles
from segmentation.terminal import warn
from segmentation.video.annotate import Annotator
from segmentation.video.looks import look_at, timed
from segmentation.video.sink import Coding, FrameEncoder
from segmentation.workers.chunks import CannotCut, decode

ATTEMPTS = 3  # how often a chunk may fail
AHEAD = 2  # chunks for each worker that are given out and not joined yet, so that memory stays bounded
FIRST_LIMIT = 3600  # seconds that a chunk may take before one was done
SLOWER = 10  # times the slowest so far, from which a chunk counts as hung
SHORTEST_LIMIT = 120  # seconds; loading the network is in it
MEMORY = 2 << 30  # bytes that a worker may need: the network's weights and maps, and a chunk


@dataclass(frozen=True)
class Drawing:
    """What is done with a chunk's frames; plain values.

    every, palette, style: as Annotator's
    coding: how they are encoded; None where they are not, only looked at
    times: of the frames first to last of the chunk, in units of the coding's time_base
    """

    every: int
    palette: str
    style: Style
    coding: Optional[Coding] = None
    times: tuple = ()


@dataclass(frozen=True)
class Part:
    """What a worker makes of a chunk.

    frames: for each frame, its encoded (bytes, pts, dts, duration, is_keyframe); empty without a coding
    found: frame number -> Instances, of each frame that the network saw
    seconds: decode, network, draw and encode, in all
    """

    first: int
    frames: list
    found: dict
    seconds: dict


@dataclass(frozen=True)
class Task:
    """What a worker does: the network that it loads, and how many threads it may use.

    files: of the model; threads: None for as many as there are cores
    """

    files: ModelFiles
    options: NetworkOptions = field(default_factory=NetworkOptions)
    threads: Optional[int] = None

    @cached_property
    def net(self):
        """The network, loaded once."""
        if self.threads:
            cv2.setNumThreads(self.threads)  # before loading: the engines take their number of threads from here
        return MaskRCNN.of_files(lambda: replace(self.files, demo_because=None), self.options)

    def do(self, chunk, drawing):
        """A chunk's Part."""
        annotate = Annotator(self.net.labels, self.net.colors, drawing.palette, drawing.style)
        encode = drawing.coding and FrameEncoder(drawing.coding)
        packets, found = [], {}
        for look in look_at(decode(chunk, self.threads or 0), timed(self.net), drawing.every, chunk.first):
            annotate.account(look)
            if look.fresh:
                found[look.number] = look.found
            if encode and look.number >= chunk.first:
                image, began = annotate(look), time.perf_counter()
                packets += encode(image, look.number, drawing.times[look.number - chunk.first])
                annotate.seconds["encode"] += time.perf_counter() - began
        packets += encode.flush() if encode else ()
        return Part(chunk.first, [plain(packet) for packet in packets], found, dict(annotate.seconds))


def plain(packet):
    """An encoded frame as (bytes, pts, dts, duration, is_keyframe)."""
    return bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe


class LocalWorkers:
    """`size` processes of this machine, each with its own network.

    Processes of our own rather than a ProcessPoolExecutor, which gives up all work when one process is killed.
    """

    def __init__(self, task, size):
        self.task, self.size = task, size
        self.queue, self.done, self.context = deque(), [], get_context("spawn")
        self.workers = [Worker(self.context, task) for _ in range(size)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.workers:
            worker.end()

    def submit(self, key, job):
        self.queue.append((key, job))
        self.give_out()

    def give_up(self):
        """Nothing here waits for long."""

    def give_out(self):
        """Give waiting chunks to workers that have none."""
        for number, worker in enumerate(self.workers):
            if self.queue and worker.key is None:
                key, job = self.queue.popleft()
                try:
                    worker.give(key, job)
                except OSError:  # it died while it had nothing to do, or cannot even start
                    self.done.append((key, worker.death()))
                    self.renew(number)

    def renew(self, number):
        self.workers[number].end()
        self.workers[number] = Worker(self.context, self.task)

    def wait(self, seconds):
        busy = {worker.connection: number for number, worker in enumerate(self.workers) if worker.key is not None}
        if not self.done and not busy:
            time.sleep(seconds)
        for ready in connection.wait(list(busy), 0 if self.done else seconds) if busy else ():
            number = busy[ready]
            worker = self.workers[number]
            try:
                self.done.append((worker.key, ready.recv()))
                worker.key = None
            except (EOFError, OSError):
                self.done.append((worker.key, worker.death()))
                self.renew(number)
        self.give_out()
        done, self.done = self.done, []
        return done

    def running(self, key):
        """The seconds since a worker began with a chunk; 0 where none has."""
        return next((time.monotonic() - worker.began for worker in self.workers if worker.key == key), 0)

    def drop(self, key):
        for number, worker in enumerate(self.workers):
            if worker.key == key:
                self.renew(number)


class Worker:
    """A process that does one chunk after another; key: of the one that it has, None without."""

    def __init__(self, context, task):
        self.connection, there = context.Pipe()
        self.key, self.began = None, 0.0
        # A daemon, so that it ends with this process.
        self.process = context.Process(target=work, args=(task, there), daemon=True)
        self.process.start()
        there.close()

    def give(self, key, job):
        self.connection.send(job)
        self.key, self.began = key, time.monotonic()

    def death(self):
        """What the process died of, as an error."""
        self.process.join(5)
        code = self.process.exitcode
        return RuntimeError(f"its process was killed by signal {-code}" if code and code < 0
                            else f"its process ended with {code}")

    def end(self):
        self.process.kill()
        self.process.join()
        self.connection.close()


def work(task, pipe):
    """What a worker's process does: (chunk, drawing) in, a Part or an error out, until nobody asks any more."""
    import signal

    # Ctrl-C reaches the whole group of processes; the one that joins decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(attempt(task, *pipe.recv()))


def end_with_parent():
    """End this process once its parent has, however it did."""
    connection.wait([parent_process().sentinel])
    os._exit(1)


def attempt(task, chunk, drawing):
    """A chunk's Part, or the error that it ended with, in a form that can be sent."""
    try:
        return task.do(chunk, drawing)
    except (CannotCut, SegmentationError) as error:
        return error
    except MemoryError:
        return RuntimeError("it ran out of memory")
    except Exception as error:  # it is told once the chunk has failed for good
        return RuntimeError(f"{type(error).__name__}: {error}")


def in_order(workers, pieces, stopped=lambda: False):
    """(piece, Part) for each piece, in the order of `pieces`; the Part is None for a piece without a chunk.

    pieces: anything with `job`, the (Chunk, Drawing) to do or None, and `name`, the video's; taken as there is
        room, so that at most AHEAD chunks a worker are given out and not joined
    A Part's place is taken by the CannotCut that a worker found, or by a SegmentationError after ATTEMPTS.
    """
    pieces, waiting, due, limit, key = iter(pieces), deque(), {}, Limit(), 0
    while not stopped():
        while pieces is not None and sum(entry.piece.job is not None for entry in waiting) < AHEAD * workers.size:
            piece = next(pieces, None)
            if piece is None:
                pieces = None
                break
            waiting.append(Waiting(piece))
            if piece.job is not None:
                key += 1
                due[key] = waiting[-1]
                workers.submit(key, piece.job)
            if waiting[0].ready:
                break
        while waiting and waiting[0].ready:
            entry = waiting.popleft()
            yield entry.piece, entry.result
        if not waiting:
            if pieces is None:
                return
            continue
        late = [number for number, entry in due.items() if workers.running(number) > limit(entry.piece.job[0])]
        for number in late:
            workers.drop(number)
        results = [(number, RuntimeError("it took too long")) for number in late]
        for number, result in [*results, *workers.wait(0.1)]:
            entry = due.pop(number, None)
            if entry is None:
                continue
            if entry.take(result, limit):
                key += 1
                due[key] = entry
                workers.submit(key, entry.piece.job)


class Waiting:
    """A piece whose turn has not come."""

    def __init__(self, piece):
        self.piece, self.result, self.failures, self.ready = piece, None, 0, piece.job is None

    def take(self, result, limit):
        """Take what a worker gave; whether the chunk has to be done again."""
        if isinstance(result, Part):
            limit.learn(self.piece.job[0], result)
        elif not isinstance(result, CannotCut):
            chunk = self.piece.job[0]
            frames = f"frames {chunk.first} to {chunk.last - 1} of {self.piece.name}"
            self.failures += getattr(result, "attempts", 1)
            if self.failures < ATTEMPTS:
                warn(f"[WARNING] {frames} are done again: {result}")
                return True
            result = SegmentationError(f"{frames} failed {ATTEMPTS} times, at last because: {result}")
        self.result, self.ready = result, True
        return False


class Limit:
    """The seconds that a chunk may take, by how long others took."""

    def __init__(self):
        self.slowest = None

    def learn(self, chunk, part):
        a_frame = sum(part.seconds.values()) / (chunk.last - chunk.look)
        self.slowest = max(self.slowest or 0, a_frame)

    def __call__(self, chunk):
        if self.slowest is None:
            return FIRST_LIMIT
        return max(SHORTEST_LIMIT, SLOWER * self.slowest * (chunk.last - chunk.look))


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def automatic_workers():
    """How many workers "auto" is: one a core, as far as the memory lasts."""
    memory = cores() * MEMORY
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores(), memory // MEMORY))
