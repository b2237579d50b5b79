"""Workers that are processes of this machine: LocalWorkers.

    with LocalWorkers(Task(find_model(MODEL_FOLDER)), 2) as workers:
        workers.submit(1, (chunk, Drawing(every=1, palette="class", style=Style())))    # a Chunk of chunks.py
        while not (done := workers.wait(seconds=1)):
            pass
        key, part = done[0]

The protocol Workers in ordering.py says what each method does.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.context import SpawnContext

from segmentation.network.cost import physical_memory
from segmentation.workers.ordering import Job
from segmentation.workers.tasks import AnyTask, ChunkFailed, Result, attempt

MEMORY = 2 << 30  # bytes that a worker may need: the network's weights and maps, and a chunk


class LocalWorkers:
    """Up to `size` processes of this machine, each with its own network. They start when there are chunks for them.

    A ProcessPoolExecutor would give up all chunks when one of its processes is killed.
    """

    def __init__(self, task: AnyTask, size: int):
        self.task, self.size, self.context = task, size, get_context("spawn")
        self.queue: deque[tuple[int, Job]] = deque()
        self.done: list[tuple[int, Result]] = []
        self.workers: list[Worker] = []

    def __enter__(self) -> "LocalWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.workers:
            worker.end()

    def submit(self, key: int, job: Job) -> None:
        """Have a chunk done by any worker."""
        self.queue.append((key, job))
        self.give_out()

    def give_up(self) -> None:
        """Nothing here waits for long."""

    def give_out(self) -> None:
        """Give chunks from the queue to the workers that have none, and to new ones."""
        for place in range(self.size):
            if not self.queue:
                return
            if place == len(self.workers):
                self.workers.append(Worker(self.context, self.task))
            worker = self.workers[place]
            if not worker.busy:
                key, job = self.queue.popleft()
                try:
                    worker.give(key, job)
                except OSError:  # it died while it had nothing to do, or it cannot even start
                    self.done.append((key, worker.death()))
                    self.renew(place)

    def renew(self, place: int) -> None:
        """Replace a worker by a new one."""
        self.workers[place].end()
        self.workers[place] = Worker(self.context, self.task)

    def wait(self, seconds: float) -> list[tuple[int, Result]]:
        """(key, Result) of each chunk that is done since the last call."""
        busy = {worker.connection: place for place, worker in enumerate(self.workers) if worker.busy}
        if not self.done and not busy:
            time.sleep(seconds)
        ready = connection.wait(list(busy), 0 if self.done else seconds) if busy else []
        for place in [place for pipe, place in busy.items() if pipe in ready]:
            worker = self.workers[place]
            key = worker.key
            try:
                self.done.append((key, worker.receive()))
            except (EOFError, OSError):
                self.done.append((key, worker.death()))
                self.renew(place)
        self.give_out()
        done, self.done = self.done, []
        return done

    def running(self, key: int) -> float:
        """The seconds since a worker began with a chunk; 0: none has begun."""
        return next((time.monotonic() - worker.began for worker in self.workers if worker.has(key)), 0)

    def drop(self, key: int) -> None:
        """Give up a chunk, and end the worker that has it."""
        for place, worker in enumerate(self.workers):
            if worker.has(key):
                self.renew(place)


class Worker:
    """A process that does one chunk after another.

    busy: whether it has a chunk; key: of this chunk, or of the last one
    began: when it got the chunk, by time.monotonic()
    """

    def __init__(self, context: SpawnContext, task: AnyTask):
        self.connection, there = context.Pipe()
        self.busy, self.key, self.began = False, 0, 0.0
        # A daemon, so that it ends with this process.
        self.process = context.Process(target=work, args=(task, there), daemon=True)
        with ctrl_c_held_back():
            self.process.start()
        there.close()

    def give(self, key: int, job: Job) -> None:
        """Give it a chunk. Raises OSError if the process has died."""
        self.connection.send(job)
        self.busy, self.key, self.began = True, key, time.monotonic()

    def has(self, key: int) -> bool:
        """Whether it has this chunk."""
        return self.busy and self.key == key

    def receive(self) -> Result:
        """The Result of its chunk. Raises EOFError or OSError if the process has died."""
        result: Result = self.connection.recv()
        self.busy = False
        return result

    def death(self) -> ChunkFailed:
        """How the process died, as an error."""
        self.process.join(5)
        code = self.process.exitcode
        return ChunkFailed(f"its process was killed by signal {-code}" if code and code < 0
                           else f"its process ended with {code}")

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """A process that is started in the block never gets Ctrl-C, not even while it imports numpy. This one gets it after
    the block at the latest.

    Ctrl-C reaches all processes of the group, and the main process decides what happens.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # where it is started, signals are let through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(task: AnyTask, pipe: "connection.Connection") -> None:
    """The process of a worker: receives (chunk, drawing) and sends the Result, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # see ctrl_c_held_back
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(attempt(task, *pipe.recv()))


def end_with_parent() -> None:
    """End this process as soon as its parent has ended, for whatever reason."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def automatic_workers() -> int:
    """How many workers `--workers auto` is: one for each core, but not more than the memory is enough for."""
    memory = physical_memory()
    return cores() if memory is None else max(1, min(cores(), memory // MEMORY))
