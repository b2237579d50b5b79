"""--track: numbers that stay with objects through gaps and crossings."""

import json
import sys
from collections import Counter

import numpy as np
import pytest
from tracking.test_instance_ids import found

from segmentation import SegmentationError
from segmentation.tracking.tracker import PATIENCE, Tracker

RATE = 10


@pytest.fixture(scope="module", autouse=True)
def packages():
    pytest.importorskip("trackers", reason="--track needs the package trackers")


def walker(x, y=40, class_id=0):
    """An object 20 wide and 30 high whose upper left corner is at x, y."""
    return class_id, x, y, x + 20, y + 30


def track(tracker, frames):
    """The numbers in each frame, in its order."""
    return [tracker(found(*frame)) for frame in frames]


def crowd(frames=90, seed=5):
    """Frames of six objects of three classes that wander, are missed now and then, and come in any order."""
    rng = np.random.default_rng(seed)
    place, step = rng.uniform(0, 300, (6, 2)), rng.uniform(-3, 3, (6, 2))
    for _ in range(frames):
        place += step + rng.normal(0, 1, (6, 2))
        seen = rng.permutation(6)[:rng.integers(3, 7)]
        yield [walker(*place[i].round().astype(int), class_id=i % 3) for i in seen]


def test_an_object_keeps_its_number_whatever_the_order():
    frames = [[walker(2 * t), walker(200 - t)][::(-1) ** t] for t in range(30)]
    assert track(Tracker(RATE), frames) == [[0, 1][::(-1) ** t] for t in range(30)]


@pytest.mark.parametrize("gap", [1, 5, RATE - 1])
def test_a_number_outlasts_a_gap(gap):
    frames = [[walker(3 * t)] if not 12 <= t < 12 + gap else [] for t in range(40)]
    assert {number for numbers in track(Tracker(RATE), frames) for number in numbers} == {0}


def test_an_object_away_for_longer_is_another():
    frames = [[walker(50)] if not 12 <= t < 14 + RATE else [] for t in range(40)]
    assert {number for numbers in track(Tracker(RATE), frames) for number in numbers} == {0, 1}


def test_another_class_never_takes_a_number():
    frames = [[walker(3 * t, class_id=17), walker(120 - 3 * t, class_id=16)] for t in range(40)]
    assert track(Tracker(RATE), frames) == [[0, 1]] * 40
    turned = [[walker(50, class_id=16 + (t >= 20))] for t in range(40)]
    assert track(Tracker(RATE), turned) == [[0]] * 20 + [[1]] * 20


def test_two_of_a_class_cross():
    frames = [[walker(3 * t), walker(120 - 3 * t, 46)][::(-1) ** t] for t in range(40)]
    assert track(Tracker(RATE), frames) == [[0, 1][::(-1) ** t] for t in range(40)]


def test_one_that_is_hidden_while_two_of_a_class_cross():
    frames = [[walker(3 * t), *([] if 18 <= t <= 22 else [walker(120 - 3 * t, 46)])] for t in range(40)]
    numbers = track(Tracker(RATE), frames)
    assert numbers[0] == numbers[-1] == [0, 1] and set(map(tuple, numbers)) == {(0, 1), (0,)}


def test_a_new_object_has_its_number_from_its_first_frame():
    frames = [[walker(2 * t), *([walker(200 - 2 * t)] if t >= 10 else [])] for t in range(20)]
    assert track(Tracker(RATE), frames) == [[0]] * 10 + [[0, 1]] * 10


def test_a_false_start_shares_its_number_with_nothing():
    frames = [[walker(2 * t), *([walker(200)] if t == 5 else []), *([walker(100, 90)] if t >= 8 else [])]
              for t in range(20)]
    numbers = track(Tracker(RATE), frames)
    assert numbers[5] == [0, 1] and numbers[6] == [0] and numbers[-1] == [0, 2]


def test_nothing_found():
    tracker = Tracker(RATE)
    assert track(tracker, [[]] * 200) == [[]] * 200
    assert not tracker.count_distinct()
    assert track(tracker, [[walker(5)], [], [walker(5)]])[0] == [0]


def test_numbers_are_each_given_once_a_frame():
    for numbers in track(Tracker(RATE), crowd(300)):
        assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("stop", [1, 2, 11, 39, 40, 41, 60, 89])
def test_a_run_that_was_stopped_gives_the_numbers_of_one_that_was_not(stop):
    frames, whole, first = list(crowd()), Tracker(RATE), Tracker(RATE)
    numbers = track(whole, frames)
    before = track(first, frames[:stop])
    second = Tracker(RATE, json.loads(json.dumps(first.state())))
    assert before + track(second, frames[stop:]) == numbers
    assert second.count_distinct() == whole.count_distinct()
    assert json.dumps(second.state()) == json.dumps(whole.state())


def test_a_state_stays_as_it_was():
    tracker = Tracker(RATE)
    tracker(found(walker(0)))
    state = tracker.state()
    text = json.dumps(state)
    track(tracker, crowd(10))
    assert json.dumps(state) == text


def test_memory_is_bounded():
    tracker, rng = Tracker(RATE), np.random.default_rng(1)
    for _ in range(500):
        tracker(found(walker(*rng.integers(0, 500, 2).tolist())))
    state = tracker.state()
    assert tracker.next > 200 and max(len(state["seen"]), len(state["calls"])) <= 4 * RATE


@pytest.mark.parametrize("rate, calls", [(0.1, PATIENCE[0]), (24, 24), (1000, PATIENCE[1])])
def test_the_gap_is_a_second_within_bounds(rate, calls):
    assert Tracker(rate).missing == calls


def test_count_distinct_leaves_out_what_flickers():
    tracker = Tracker(25)
    track(tracker, [[walker(2 * t), walker(200, class_id=3), *([walker(100, 90)] if t in (9, 10) else []),
                     *([walker(10 * t, 200, 5)] if t % 7 == 0 else [])] for t in range(60)])
    assert tracker.count_distinct() == Counter({0: 1, 3: 1})


def test_count_distinct_in_a_clip_of_one_frame():
    tracker = Tracker(25)
    tracker(found(walker(0), walker(100), walker(200, class_id=3)))
    assert tracker.count_distinct() == Counter({0: 2, 3: 1})


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackers", None)
    with pytest.raises(SegmentationError, match=r"--track, .* need more packages: pip install"):
        Tracker(RATE)
