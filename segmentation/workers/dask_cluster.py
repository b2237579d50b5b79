"""Workers on the machines of a Dask cluster: DaskWorkers.

    with DaskWorkers(Task(find_model(MODEL_FOLDER)), "tcp://127.0.0.1:8786") as workers:
        workers.submit(1, (chunk, Drawing(every=1, palette="class", style=Style())))    # a Chunk of chunks.py
        while not (done := workers.wait(seconds=1)):
            pass
        key, part = done[0]

The protocol Workers in ordering.py says what each method does.

Each machine has the same version of this project. The scheduler and the workers are started in its folder, so that they
can import `segmentation`. Each worker gets the model's files once, and checks their hashes; a worker that joins later
gets them when it joins. A chunk stays in the scheduler until it is done, so it is not lost if a worker dies.
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
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Optional

from segmentation import SegmentationError
from segmentation.network.weights import ModelFiles
from segmentation.terminal import info, warn
from segmentation.wording import counted
from segmentation.workers.chunks import Chunk
from segmentation.workers.ordering import AHEAD, ATTEMPTS, Job
from segmentation.workers.tasks import AnyTask, ChunkFailed, Drawing, Result, Task, attempt

try:
    import distributed
    from distributed.comm import CommClosedError
except ImportError as error:
    raise SegmentationError("--scheduler needs Dask: pip install distributed") from error

AWAY = 300  # seconds to wait for a scheduler that does not answer or has no workers
ARRIVAL = 120  # seconds in which a new worker must get the model
ASKED_EVERY = 5  # seconds between questions for the number of workers
GONE = (OSError, CommClosedError, TimeoutError, distributed.TimeoutError, CancelledError, asyncio.CancelledError,
        RuntimeError)

# In the process of a worker: the Task of each model that it got.
tasks: dict[str, AnyTask] = {}
one_at_a_time = threading.Lock()

ROLES = ("weights", "text_graph", "labels", "colors", "config")  # the fields of ModelFiles that are paths


class Model(distributed.WorkerPlugin):
    """Brings the model's files to the workers, and removes them when the run ends.

    files: role in ModelFiles -> (suffix, bytes, SHA-256)
    """

    def __init__(self, task: Task):
        self.options = task.options
        self.files: dict[str, tuple[str, bytes, str]] = {}
        for role in ROLES:
            path: Optional[Path] = getattr(task.files, role)
            if path is not None:
                data = path.read_bytes()
                self.files[role] = path.suffix, data, hashlib.sha256(data).hexdigest()
        everything = "".join(digest for _, _, digest in self.files.values())
        # Each run has its own name, so that the end of one run does not remove the files of another.
        self.name = f"mask-rcnn-{hashlib.sha256(everything.encode()).hexdigest()[:12]}-{uuid.uuid4().hex[:8]}"

    def setup(self, worker: Any) -> None:
        """Write the files to the worker's own folder, with the names that find_model expects."""
        folder = Path(worker.local_directory, self.name)
        folder.mkdir(parents=True, exist_ok=True)
        paths = {role: self.write(role, folder) for role in self.files}
        files = ModelFiles(paths["weights"], paths["text_graph"], paths["labels"], paths["colors"])
        tasks[self.name] = Task(replace(files, config=paths.get("config")), self.options, worker.state.nthreads)

    def write(self, role: str, folder: Path) -> Path:
        """Write one file; returns its path. Raises OSError if it is not complete."""
        suffix, data, digest = self.files[role]
        # The files beside a graph have its name. Labels and colours have the same suffix, so they need two names.
        path = folder / f"{'colors' if role == 'colors' else 'model'}{suffix}"
        path.write_bytes(data)
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise OSError(f"{path} has not arrived whole")
        return path

    def teardown(self, worker: Any) -> None:
        """Remove the files."""
        tasks.pop(self.name, None)
        shutil.rmtree(Path(worker.local_directory, self.name), ignore_errors=True)


def do(name: str, code: str, chunk: Chunk, drawing: Drawing) -> Result:
    """The Part of a chunk, or the error that the task raised. Runs on a worker.

    name: of the Model; code: the code_hash of the run
    """
    if code != code_hash():
        return SegmentationError(f"the worker {distributed.get_worker().address} has another state of this project: "
                                 "bring all machines to the same")
    with one_at_a_time:  # threads must not share a network
        began = time.monotonic()
        while name not in tasks and time.monotonic() - began < ARRIVAL:
            time.sleep(0.1)  # a new worker gets chunks before the model
        return attempt(tasks[name], chunk, drawing) if name in tasks else ChunkFailed("it did not get the model")


@lru_cache
def code_hash() -> str:
    """A hash of the code that decides what is made of a chunk."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        if package / "training" not in path.parents:
            digest.update(path.read_bytes())
    return digest.hexdigest()


class DaskWorkers:
    """The workers of the scheduler at `address`.

    is_stopped: says whether the run must end
    """

    def __init__(self, task: Task, address: str, is_stopped: Callable[[], bool] = lambda: False):
        self.model, self.address = Model(task), address
        self.client: Optional[Any] = None  # a distributed.Client while there is a connection
        self.is_stopped, self.given_up = is_stopped, False
        # By key, of the chunks that are not done yet: what was submitted, Dask's futures, and the time of sending.
        self.jobs: dict[int, Job] = {}
        self.futures: dict[int, Any] = {}
        self.since: dict[int, float] = {}
        self.count, self.asked = 1, 0.0
        self.dask_keys = itertools.count()
        # Dask's own lines about connections and large chunks are not for the user of this script.
        for name in ("distributed", "distributed.client"):  # each of the two has its own level
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def __enter__(self) -> "DaskWorkers":
        self.connect()
        info(f"{counted(self.size, 'worker')} at {self.address}")
        return self

    def __exit__(self, *error: object) -> None:
        if self.client is not None:
            with suppress(*GONE):
                self.client.cancel(list(self.futures.values()), force=True)
                self.client.unregister_worker_plugin(self.model.name)
            self.disconnect()

    def give_up(self) -> None:
        """Do not wait for the scheduler any more."""
        self.given_up = True

    def stopped(self) -> bool:
        """Whether it makes no sense to wait for the scheduler."""
        return self.given_up or self.is_stopped()

    def connect(self) -> None:
        """Connect to the scheduler and send the model.

        Waits if it does not answer. Raises SegmentationError after AWAY seconds.
        """
        began, said = time.monotonic(), False
        while not self.stopped():
            trouble = self.try_to_connect()
            if trouble is None:
                return
            self.disconnect()
            if time.monotonic() - began > AWAY:
                raise SegmentationError(f"the scheduler {self.address} {trouble}, for {AWAY} s now")
            if not said:
                warn(f"[WARNING] the scheduler {self.address} {trouble}: it is waited for")
            said = True
            time.sleep(1)

    def try_to_connect(self) -> Optional[str]:
        """Connect to the scheduler and send the model. Returns what is wrong; None: there is a connection."""
        try:
            self.client = distributed.Client(self.address, timeout=5)
            self.client.register_plugin(self.model)
            if not self.client.nthreads():
                return "has no workers"
            self.asked = 0.0
            return None
        except (*GONE, ValueError) as error:
            return f"does not answer ({error})"

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        client, self.client = self.client, None
        if client is not None:
            with suppress(*GONE):
                client.close(timeout=2)

    def reconnect(self) -> None:
        """Connect again, and send all chunks that are not done: a scheduler that was restarted knows none of them."""
        self.disconnect()
        self.connect()
        if self.client is not None:
            for key in self.jobs:
                self.send(key)

    @property
    def size(self) -> int:
        """How many workers there are. 1 if there is none at the moment."""
        if self.client is not None and time.monotonic() - self.asked > ASKED_EVERY:
            with suppress(*GONE):
                self.count, self.asked = max(1, len(self.client.nthreads())), time.monotonic()
        return self.count

    def submit(self, key: int, job: Job) -> None:
        """Have a chunk done by any worker."""
        self.jobs[key] = job
        self.send(key)

    def send(self, key: int) -> None:
        """Send a chunk to the scheduler. If there is no connection, `wait` sends it later."""
        with suppress(*GONE):
            if self.client is not None:
                # If Dask gets a key twice, it takes the second task for the first one. So each sending has a new key.
                self.futures[key] = self.client.submit(do, self.model.name, code_hash(), *self.jobs[key], pure=False,
                                                       key=f"{self.model.name}-{next(self.dask_keys)}")
        self.since[key] = time.monotonic()

    def wait(self, seconds: float) -> list[tuple[int, Result]]:
        """(key, Result) of each chunk that is done since the last call. Connects again if the scheduler was away."""
        done: list[tuple[int, Result]] = []
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

    def result(self, future: Any) -> Result:
        """The Result of one of Dask's futures that is done."""
        if future.status == "finished":
            result: Result = future.result(timeout=60)
            return result
        error = future.exception(timeout=60)
        # Dask raises KilledWorker when it has tried the chunk several times itself.
        attempts = ATTEMPTS if isinstance(error, distributed.KilledWorker) else 1
        return ChunkFailed(str(error).splitlines()[0] if str(error) else type(error).__name__, attempts)

    def forget(self, key: int) -> None:
        """Remove a chunk that is done or given up."""
        self.jobs.pop(key, None)
        self.futures.pop(key, None)
        self.since.pop(key, None)

    def running(self, key: int) -> float:
        """An estimate of the seconds since a worker began with a chunk. It may have waited for other chunks before."""
        return (time.monotonic() - self.since.get(key, time.monotonic())) / (AHEAD + 1)

    def drop(self, key: int) -> None:
        """Give up a chunk, and restart the worker that has it, because Dask cannot end a running chunk."""
        with suppress(*GONE):
            if self.client is None or key not in self.futures:
                raise OSError("the scheduler has gone away")
            name = self.futures[key].key
            hung = [worker for worker, keys in self.client.processing().items() if name in keys]
            self.futures[key].cancel(force=True)
            self.client.restart_workers(hung, timeout=30, raise_for_error=False)
        self.forget(key)
