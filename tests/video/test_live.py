"""Live sources: the newest frame is looked at, what came meanwhile is left out and counted. Frames are made by hand."""

import threading
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from segmentation.threads import Newest
from segmentation.video.looks import OwnLooks, in_turn
from segmentation.video.source import Frame


def frame(number):
    return Frame(number, Fraction(number, 25), np.zeros((4, 6, 3), np.uint8), seconds=0)


class Live:
    """Items that come one by one: `come` returns when so many more have come, and the reader's thread waits then."""

    def __init__(self, count):
        self.count, self.asked, self.came = count, threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self):
        for number in range(self.count):
            self.asked.acquire()
            yield frame(number)
            self.came.release()

    def come(self, count):
        self.asked.release(count)
        for _ in range(count):
            assert self.came.acquire(timeout=10)


def test_the_newest_item_is_given_and_the_others_are_counted():
    live = Live(5)
    newest = Newest(live)
    live.come(1)
    assert next(newest).number == 0
    live.come(3)
    assert next(newest).number == 3 and newest.left_out == 2
    live.asked.release()
    assert [item.number for item in newest] == [4]  # the end does not take the place of the last item
    assert newest.left_out == 2
    newest.close()


def test_an_error_comes_after_the_last_item():
    def items():
        yield 1
        raise OSError("unplugged")
    newest = Newest(items())
    assert next(newest) == 1
    with pytest.raises(OSError, match="unplugged"):
        next(newest)


def test_nothing_for_too_long_is_a_timeout():
    live = Live(1)
    newest = Newest(live, patience=0.2)
    with pytest.raises(TimeoutError):
        next(newest)
    newest.close(abandon=True)
    live.asked.release()


def test_frames_are_numbered_in_turn_and_keep_their_times():
    items = list(in_turn([frame(0), frame(7), frame(15)]))
    assert [item.number for item in items] == [0, 1, 2]
    assert [item.time for item in items] == [0, Fraction(7, 25), Fraction(15, 25)]


class LateNet:
    """Stands for a network; while it looks at the first frame, all the others come."""

    labels = colors = files = made = None

    def __init__(self, live):
        self.live, self.seen = live, 0

    def __call__(self, image):
        self.seen += 1
        if self.seen == 1:
            self.live.come(self.live.count - 1)
        return SimpleNamespace()


@pytest.mark.parametrize("newest, numbers, said", [(True, [0, 7], "6 frames left out"), (False, list(range(8)), "")])
def test_a_network_that_is_late_goes_on_with_the_newest_frame(newest, numbers, said, capsys):
    live = Live(8)
    source = SimpleNamespace(live=True, endless=True, items=lambda: live)
    looks = OwnLooks(source, SimpleNamespace(done=0), LateNet(live), 1, False, lambda: False, newest)
    live.asked.release()
    with looks.looks() as stream:
        times = [look.time * 25 for look in stream]
    assert times == numbers
    out = capsys.readouterr().out
    assert said in out and ("left out" in out) == newest
