"""Work in a second thread: ReadAhead reads items early, WriteBehind makes calls later. Both keep the order. Newest
gives the newest of the items that have come.

Readers and writers spend their time in codecs, and codecs let other threads run. So reading and writing cost a run
nothing while the network works.
"""

import queue
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Callable, Generic, Optional, TypeVar

DEPTH = 8  # the most items that wait: 8 frames of 4K are 200 MB

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """An iterator over `items`. A second thread takes them from the iterable, at most `depth` ahead.

    An error of the iterable is raised where its item would have come. The iterator ends early when `stopped()` is
    true. It raises TimeoutError when nothing comes for `patience` seconds.
    """

    def __init__(self, items: Iterable[Item], patience: Optional[float] = None,
                 stopped: Callable[[], bool] = lambda: False, depth: int = DEPTH) -> None:
        self.items, self.patience, self.stopped = items, patience, stopped
        self.queue: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        """Put every item, then the end or the error, into the queue. Runs in the second thread."""
        try:
            for item in self.items:
                if not self.offer(("item", item)):
                    return
            self.offer(("end", None))
        except BaseException as error:  # it belongs to the thread that reads from this object
            self.offer(("error", error))

    def offer(self, entry: tuple[str, Any]) -> bool:
        """Put an entry into the queue. False if the reader has closed it."""
        while not self.closed.is_set():
            try:
                self.queue.put(entry, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def __iter__(self) -> "ReadAhead[Item]":
        return self

    def __next__(self) -> Item:
        waited = 0.0
        while not self.stopped():
            try:
                kind, value = self.queue.get(timeout=0.1)
                break
            except queue.Empty:
                waited += 0.1
                if self.patience is not None and waited >= self.patience:
                    raise TimeoutError(f"nothing came for {self.patience} s") from None
        else:
            raise StopIteration
        if kind == "item":
            return value
        raise StopIteration if kind == "end" else value

    def close(self, abandon: bool = False) -> None:
        """End the second thread. With `abandon`, do not wait for it: its source may never give another item."""
        self.closed.set()
        if not abandon:
            self.thread.join()


class Newest(ReadAhead[Item]):
    """A ReadAhead that gives the newest item there is, so that whoever is slower than the items does not lag behind.

    left_out: how many items were not given, because a newer one came
    """

    def __init__(self, items: Iterable[Item], patience: Optional[float] = None,
                 stopped: Callable[[], bool] = lambda: False) -> None:
        self.left_out = 0
        super().__init__(items, patience, stopped, depth=1)

    def offer(self, entry: tuple[str, Any]) -> bool:
        """Put an entry into the queue, in place of an item that waits there. False if the reader has closed it."""
        if entry[0] == "item":
            with suppress(queue.Empty):
                self.queue.get_nowait()
                self.left_out += 1
        return super().offer(entry)


class WriteBehind:
    """Makes calls in a second thread, in order. At most `depth` calls wait.

    An error of a call is raised by the next call, or by `drain`. After an error no more calls are made.
    seconds: how long the calls took so far
    """

    def __init__(self, depth: int = DEPTH) -> None:
        self.error: Optional[BaseException] = None
        self.seconds = 0.0
        self.queue: queue.Queue[Optional[tuple[Any, ...]]] = queue.Queue(depth)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        """Make the calls of the queue until None comes. Runs in the second thread."""
        while (call := self.queue.get()) is not None:
            if self.error is None:
                began = time.perf_counter()
                try:
                    call[0](*call[1:])
                except BaseException as error:  # it belongs to the thread that calls this object
                    self.error = error
                self.seconds += time.perf_counter() - began

    def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        """Queue the call function(*args)."""
        if self.error is not None:
            raise self.error
        self.queue.put((function, *args))

    def drain(self) -> None:
        """Wait until every call is made, and end the second thread."""
        if self.thread.is_alive():
            self.queue.put(None)
            self.thread.join()
        if self.error is not None:
            raise self.error
