"""How far a long run is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

from tqdm import tqdm

LINE_EVERY = 30  # seconds between lines where stderr is no terminal


class Progress:
    """Frames, or what `unit` says, done of `total` (None where nobody knows), `done` of them before this run."""

    def __init__(self, total, done=0, unit="frame"):
        self.total, self.before, self.count, self.began = total, done, done, time.monotonic()
        self.unit, self.line = unit, self.began
        self.bar = tqdm(total=total, initial=done, unit=unit) if sys.stderr.isatty() and total != 1 else None

    def step(self):
        """One more frame is done."""
        self.count += 1
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update()
        elif now - self.line >= LINE_EVERY:
            self.line = now
            print("[INFO] " + tqdm.format_meter(self.count, self.total, now - self.began, initial=self.before,
                                                unit=self.unit, ncols=0), file=sys.stderr, flush=True)

    def skip(self, frames):
        """So many frames are there already."""
        self.before, self.count = self.before + frames, self.count + frames
        if self.bar is not None:
            self.bar.initial += frames
            self.bar.update(frames)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()


class Share:
    """One video's part in the Progress of a run over several, of which `done` frames were done before."""

    def __init__(self, whole, done=0):
        self.whole, self.step = whole, whole.step
        whole.skip(done)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """The others go on."""
