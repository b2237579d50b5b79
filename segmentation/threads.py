"""Work done beside the main thread: items read ahead, results written behind, both in order and bounded.

Reading and writing spend their time in codecs, which let other threads run, so they cost a run nothing
while the network works.
"""

import queue
import threading
import time

DEPTH = 8  # items that wait at most: 8 frames of 4K are 200 MB


class ReadAhead:
    """An iterator over items that another thread takes from an iterable, at most `depth` ahead.

    An error of the iterable is raised where its item would have come. It ends early where `stopped()` says so,
    and raises TimeoutError where nothing comes for `patience` seconds.
    """

    def __init__(self, items, patience=None, stopped=lambda: False, depth=DEPTH):
        self.items, self.patience, self.stopped = items, patience, stopped
        self.queue, self.closed = queue.Queue(depth), threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for item in self.items:
                if not self.offer(("item", item)):
                    return
            self.offer(("end", None))
        except BaseException as error:  # it belongs to the thread that reads us
            self.offer(("error", error))

    def offer(self, entry):
        """Queue an entry; False where nobody wants it any more."""
        while not self.closed.is_set():
            try:
                self.queue.put(entry, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def __iter__(self):
        return self

    def __next__(self):
        waited = 0
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

    def close(self, abandon=False):
        """End the thread; `abandon` it where its source may never give another item."""
        self.closed.set()
        if not abandon:
            self.thread.join()


class WriteBehind:
    """Calls made in another thread, in order, at most `depth` behind.

    An error of a call is raised by the next one, or by `drain`; no call after it is made.
    seconds: how long the calls took so far
    """

    def __init__(self, depth=DEPTH):
        self.error, self.seconds = None, 0.0
        self.queue = queue.Queue(depth)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while (call := self.queue.get()) is not None:
            if self.error is None:
                began = time.perf_counter()
                try:
                    call[0](*call[1:])
                except BaseException as error:  # it belongs to the thread that calls us
                    self.error = error
                self.seconds += time.perf_counter() - began

    def __call__(self, function, *args):
        """Have function(*args) called once it is its turn."""
        if self.error is not None:
            raise self.error
        self.queue.put((function, *args))

    def drain(self):
        """Wait until every call is made, and end the thread."""
        if self.thread.is_alive():
            self.queue.put(None)
            self.thread.join()
        if self.error is not None:
            raise self.error
