"""The workers of a Dask cluster, offering what segmentation/workers/processes.py asks of workers.

Every machine of it holds this project at the same state, and its scheduler and workers are started there, so
that they can import `segmentation`. The model's files go to each worker once, and are checked by their hashes;
a worker that joins later gets them when it comes. Chunks go through the scheduler and stay there until they are
done, so a worker may die with one.
"""

import asyncio
import hashlib
import itertools
import logging
import shutil
import threading
import time
import uuid
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

from segmentation import SegmentationError
from segmentation.network.weights import ModelFiles
from segmentation.terminal import info, warn
from segmentation.workers.processes import AHEAD, ATTEMPTS, Task, attempt

try:
    import distributed
    from distributed.comm import CommClosedError
except ImportError as error:
    raise SegmentationError("--scheduler needs Dask: pip install -r requirements-cluster.txt") from error

AWAY = 300  # seconds for which a scheduler that does not answer, or has no workers, is waited for
ARRIVAL = 120  # seconds in which the model must have come to a new worker
ASKED_EVERY = 5  # seconds between questions for the number of workers
GONE = (OSError, CommClosedError, TimeoutError, distributed.TimeoutError, CancelledError, asyncio.CancelledError,
        RuntimeError)

tasks, one_at_a_time = {}, threading.Lock()  # in a worker's process: the Task of each model that it was sent


class Model(distributed.WorkerPlugin):
    """The model's files on their way to the workers, which keep them as long as the run lasts.

    files: role in ModelFiles -> (suffix, bytes, SHA-256)
    """

    def __init__(self, task):
        paths = {role.name: getattr(task.files, role.name) for role in fields(ModelFiles)}
        self.options, self.files = task.options, {}
        for role, path in paths.items():
            if isinstance(path, Path):
                data = path.read_bytes()
                self.files[role] = path.suffix, data, hashlib.sha256(data).hexdigest()
        everything = "".join(digest for _, _, digest in self.files.values())
        # A name of its own for each run, so that one run's end takes nothing from another.
        self.name = f"mask-rcnn-{hashlib.sha256(everything.encode()).hexdigest()[:12]}-{uuid.uuid4().hex[:8]}"

    def setup(self, worker):
        """Write the files to the worker's own folder, in the form in which a model is found."""
        folder, found = Path(worker.local_directory, self.name), {}
        folder.mkdir(parents=True, exist_ok=True)
        for role, (suffix, data, digest) in self.files.items():
            # What a graph carries beside it is named after it; the colours are a text as the labels are.
            found[role] = folder / f"{'colors' if role == 'colors' else 'model'}{suffix}"
            found[role].write_bytes(data)
            if hashlib.sha256(found[role].read_bytes()).hexdigest() != digest:
                raise OSError(f"{found[role]} has not arrived whole")
        tasks[self.name] = Task(ModelFiles(**found), self.options, worker.state.nthreads)

    def teardown(self, worker):
        tasks.pop(self.name, None)
        shutil.rmtree(Path(worker.local_directory, self.name), ignore_errors=True)


def do(name, code, chunk, drawing):
    """A chunk's Part, or the error that it ended with; runs on a worker."""
    if code != code_hash():
        return SegmentationError(f"the worker {distributed.get_worker().address} has another state of this project: "
                                 "bring all machines to the same")
    with one_at_a_time:  # a network is not safe to share between threads
        began = time.monotonic()
        while name not in tasks and time.monotonic() - began < ARRIVAL:
            time.sleep(0.1)  # a worker that has just begun gets chunks before the model
        return attempt(tasks[name], chunk, drawing) if name in tasks else RuntimeError("it did not get the model")


@lru_cache
def code_hash():
    """A hash of the code that decides what a chunk becomes."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        if package / "training" not in path.parents:
            digest.update(path.read_bytes())
    return digest.hexdigest()


class DaskWorkers:
    """The workers of the scheduler at `address`; stopped: says whether the run is to end."""

    def __init__(self, task, address, stopped=lambda: False):
        self.model, self.address, self.client = Model(task), address, None
        self.is_stopped, self.given_up = stopped, False
        self.jobs, self.futures, self.since = {}, {}, {}
        self.number, self.asked = 1, 0.0
        self.keys = itertools.count()
        # Its own lines about connections and large chunks are not for the user of this script.
        for name in ("distributed", "distributed.client"):  # Dask gives each a level of its own
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def __enter__(self):
        self.connect()
        info(f"{self.size} workers at {self.address}")
        return self

    def __exit__(self, *error):
        if self.client is not None:
            with suppress(*GONE):
                self.client.cancel(list(self.futures.values()), force=True)
                self.client.unregister_worker_plugin(self.model.name)
            self.disconnect()

    def give_up(self):
        self.given_up = True

    def stopped(self):
        return self.given_up or self.is_stopped()

    def connect(self):
        """Connect to the scheduler and send the model; waited for where it does not answer."""
        began, said = time.monotonic(), False
        while not self.stopped():
            try:
                self.client = distributed.Client(self.address, timeout=5)
                self.client.register_plugin(self.model)
                if self.client.nthreads():
                    self.asked = 0.0
                    return
                trouble = "has no workers"
            except (*GONE, ValueError) as error:
                trouble = f"does not answer ({error})"
            self.disconnect()
            if time.monotonic() - began > AWAY:
                raise SegmentationError(f"the scheduler {self.address} {trouble}, for {AWAY} s now")
            if not said:
                warn(f"[WARNING] the scheduler {self.address} {trouble}: it is waited for")
            said = True
            time.sleep(1)

    def disconnect(self):
        client, self.client = self.client, None
        if client is not None:
            with suppress(*GONE):
                client.close(timeout=2)

    def reconnect(self):
        """Connect anew, and have done all that was not: a scheduler that was away knows of nothing."""
        self.disconnect()
        self.connect()
        if self.client is not None:
            for key in self.jobs:
                self.send(key)

    @property
    def size(self):
        """How many workers there are; 1 where there is none for now."""
        if self.client is not None and time.monotonic() - self.asked > ASKED_EVERY:
            with suppress(*GONE):
                self.number, self.asked = max(1, len(self.client.nthreads())), time.monotonic()
        return self.number

    def submit(self, key, job):
        self.jobs[key] = job
        self.send(key)

    def send(self, key):
        # Dask takes a key that it has seen for the same work.
        with suppress(*GONE):  # `wait` sees to it
            self.futures[key] = self.client.submit(do, self.model.name, code_hash(), *self.jobs[key], pure=False,
                                                   key=f"{self.model.name}-{next(self.keys)}")
        self.since[key] = time.monotonic()

    def wait(self, seconds):
        done = []
        try:
            if self.client is None or self.client.status != "running" or self.jobs.keys() - self.futures.keys():
                raise OSError("the scheduler has gone away")
            if not self.futures:
                time.sleep(seconds)
                return []
            with suppress(TimeoutError, distributed.TimeoutError):
                distributed.wait(list(self.futures.values()), seconds, "FIRST_COMPLETED")
            for key, future in list(self.futures.items()):
                if future.status in ("cancelled", "lost"):
                    raise OSError("the scheduler has forgotten a chunk")
                if future.done():
                    done.append((key, self.result(future)))
                    self.forget(key)
        except GONE:
            if not self.stopped():
                self.futures.clear()
                self.reconnect()
        return done

    def result(self, future):
        """What a worker gave, or the error that stands for it."""
        if future.status == "finished":
            return future.result(timeout=60)
        error = future.exception(timeout=60)
        failed = RuntimeError(str(error).splitlines()[0] if str(error) else type(error).__name__)
        if isinstance(error, distributed.KilledWorker):  # Dask itself has tried it again
            failed.attempts = ATTEMPTS
        return failed

    def forget(self, key):
        for table in (self.jobs, self.futures, self.since):
            table.pop(key, None)

    def running(self, key):
        """The seconds that a chunk takes, for one that may have waited for the others of its worker."""
        return (time.monotonic() - self.since.get(key, time.monotonic())) / (AHEAD + 1)

    def drop(self, key):
        """Give up a chunk, and start the worker anew that has it: Dask cannot end what runs in one."""
        with suppress(*GONE):
            name = self.futures[key].key
            hung = [worker for worker, keys in self.client.processing().items() if name in keys]
            self.futures[key].cancel(force=True)
            self.client.restart_workers(hung, timeout=30, raise_for_error=False)
        self.forget(key)
