"""Crossings: by hand-made ways of objects past a line and a zone."""

import json

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.tracking.boundaries import Line, Zone
from segmentation.tracking.crossings import Count, Crossings

GATE = Line("gate", ((0, 100), (200, 100)))  # "in" is downwards
YARD = Zone("yard", ((50, 50), (150, 50), (150, 150), (50, 150)))
WIDTH, HEIGHT = 20, 30  # of an object: its margin is 1.7 pixels, and from 12.2 pixels on one look is enough


def found(*feet, class_ids=None):
    """Instances whose feet are at (x, y); an object at None has left the picture."""
    boxes = [(x - WIDTH // 2, y - HEIGHT, x + WIDTH // 2, y) if at else (0, 0, 0, 0)
             for at in feet for x, y in [at or (0, 0)]]
    count = len(boxes)
    return Instances(np.int32(boxes).reshape(-1, 4), np.ones(count, np.float32),
                     np.int32([0] * count if class_ids is None else class_ids), np.zeros((count, 15, 15), np.float32),
                     (300, 300))


def crossings(*boundaries, patience=10, lasting=3, state=None):
    return Crossings(boundaries or (GATE,), patience, lasting, state)


def walk(count, feet, number=0):
    """What one object crosses on each frame; where it is None, it is not found."""
    return [count(found(at), [number])[0] if at else count(found(), []) for at in feet]


def down(*ys, x=100):
    return [(x, y) for y in ys]


def counted(count, place=0):
    """(in, out) at a line or zone."""
    return tuple(sum(values) for values in zip((0, 0), *(one[:2] for one in count.counts[place].values())))


@pytest.mark.parametrize("feet, expected", [
    (down(80, 90, 110, 120), (1, 0)), (down(120, 110, 90, 80), (0, 1)),
    (down(80, 120, 80, 120), (2, 1)),
    (down(80, 100, 101, 102, 80), (0, 0)), (down(120, 100, 99, 98, 120), (0, 0)),   # it touches and goes back
    (down(80, *[98, 102] * 20, 80), (0, 0)), (down(80, *[98, 102] * 20, 110, 120), (1, 0)),  # it swings on the line
    ([(x, 100) for x in range(10, 190, 10)], (0, 0)), (down(100, 101, 99, 100), (0, 0)),  # along it, on it
    (down(95, 94, 105, 106), (1, 0)), (down(105, 106, 95, 94), (0, 1)),             # slowly
    (down(80, 95, 105, 95, 105, 95, 80), (0, 0)), (down(80, 90, 105, 90, 80), (0, 0)),  # single looks that are wrong
    (down(99, 110, 120), (0, 0)), (down(95, 110, 120), (0, 0)),                     # seen once or not at all before
    (down(10, 290), (1, 0)),                                                        # in one leap
    (down(80, 120, x=250), (0, 0)), ([(190, 80), (230, 90), (230, 110), (190, 120)], (0, 0)),  # past the end
    ([(190, 80), (190, 101), (230, 101), (230, 120)], (1, 0)),                      # through it, then along it
    ([(190, 80), (230, 99), (230, 101), (190, 120), (190, 80)], (0, 1)),            # past the end, then back through it
    ([(100, 80), None, None, None, (100, 120)], (1, 0)),                            # hidden as it crosses
    ([(100, 80), *[None] * 11, (100, 120)], (0, 0)),                                # away for longer than the patience
    ([], (0, 0)), (down(80), (0, 0))])
def test_ways_past_a_line(feet, expected):
    count = crossings()
    said = [one for frame in walk(count, feet) for one in frame]
    assert counted(count) == (said.count("gate in"), said.count("gate out")) == expected


def test_the_frame_that_says_it_is_the_one_on_which_it_is_sure():
    assert walk(crossings(), down(80, 99, 101, 102, 103, 104)) == [[], [], [], [], ["gate in"], []]
    assert walk(crossings(), down(80, 113)) == [[], ["gate in"]]


def test_the_margin_grows_with_the_object():
    class Large(Crossings):
        def step(self, number, class_id, box, fresh):
            super().step(number, class_id, [box[0] - 90, box[1] - 170, box[2] + 90, box[3]], fresh)  # 200 x 200
    for kind, expected in ((Crossings, (2, 1)), (Large, (0, 0))):  # margins of 1.7 and 14 pixels
        count = kind((GATE,), 10, 3)
        walk(count, down(0, 1, *[112] * 2, *[88] * 2, *[112] * 2))
        assert counted(count) == expected
    walk(count, down(115, 116))
    assert counted(count) == (1, 0)


def test_another_number_is_another_object():
    count = crossings()
    walk(count, down(80, 90), 1)
    walk(count, down(110, 120), 2)
    assert counted(count) == (0, 0)


def test_each_class_and_each_place_has_its_own_counts():
    count = crossings(GATE, Line("back", ((200, 115), (0, 115))), YARD)
    feet = [(100, 30), (120, 30), (250, 120)], [(100, 125), (120, 165), (250, 90)], [(100, 140), (120, 180), (250, 20)]
    said = [count(found(*at, class_ids=[5, 2, 2]), [7, 3, 9]) for at in feet]
    assert said == [[[], [], []], [["gate in", "yard in"], ["gate in", "back out"], []], [["back out"], [], []]]
    assert count.counts == [{5: Count(1), 2: Count(1)}, {5: Count(0, 1), 2: Count(0, 1)}, {5: Count(1, 0, 1, 1)}]


def test_a_zone_counts_who_comes_goes_is_there_and_was_there():
    count = crossings(YARD)
    for step in range(8):
        # One comes and goes, one was there from the start, one flickers.
        count(found((100, 30 + 20 * step), (70, 100), *([(130, 120)] if step == 4 else [])), [0, 1, *[2] * (step == 4)])
        assert count.counts[0][0].inside == 1 + (2 <= step <= 6) + (step == 4), step
    assert count.counts == [{0: Count(1, 1, 2, 1)}]


def test_swinging_on_the_edge_of_a_zone_is_no_coming_and_going():
    count = crossings(YARD)
    walk(count, [(30, 100), *[(51, 100), (49, 100)] * 20, *[(60, 100)] * 2, *[(51, 100), (49, 100)] * 20])
    assert count.counts == [{0: Count(1, 0, 1, 1)}]


def test_what_was_in_a_zone_for_a_moment_leaves_no_row():
    count = crossings(YARD)
    walk(count, [(100, 100), None])
    assert count.counts == [{}]


def test_between_fresh_frames_a_crossing_counts_and_waits_for_the_objects_next_row():
    count = crossings()
    assert count(found((100, 80), (50, 120)), [0, 1]) == [[], []]
    assert count(found((100, 120), (50, 80)), [0, 1], fresh=False) == [] and counted(count) == (1, 1)
    assert count(found((50, 80)), [1]) == [["gate out"]]        # the other is not found
    assert count(found((100, 120), (50, 80)), [0, 1]) == [["gate in"], []]


def test_what_the_flow_says_is_no_second_look():
    count = crossings()
    for y, fresh in ((80, True), (105, True), (106, False), (107, False)):
        count(found((100, y)), [0], fresh)
        assert counted(count) == (0, 0)
    assert count(found((100, 105)), [0]) == [["gate in"]]


def test_what_has_left_the_picture_between_fresh_frames_does_not_count():
    count = crossings(Line("gate", ((0, 5), (200, 5))))
    count(found((100, 20)), [0])
    count(found(None), [0], fresh=False)
    assert counted(count) == (0, 0) and count(found(), []) == []


def test_on_fresh_frames_alone_a_zone_counts_whom_it_sees_long_enough():
    count = crossings(YARD)
    for step in range(9):
        count(found((100, 100)), [0], fresh=step % 4 == 0)
        assert count.counts[0][0].objects == (step == 8)


def crowd(frames=80, seed=3):
    """(Instances, numbers, fresh) of frames of six objects of three classes that wander and are missed now and then."""
    rng = np.random.default_rng(seed)
    at, step = rng.uniform(40, 160, (6, 2)), rng.uniform(-6, 6, (6, 2))
    for frame in range(frames):
        step[(at + step < 30).any(1) | (at + step > 170).any(1)] *= -1
        at += step + rng.normal(0, 2, (6, 2))
        seen = rng.permutation(6)[:rng.integers(4, 7)]
        yield (found(*(tuple(at[i].round().astype(int).tolist()) for i in seen), class_ids=seen % 3), seen.tolist(),
               frame % 3 == 0)


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 30, 43, 79])
def test_a_run_that_was_stopped_counts_as_one_that_was_not(stop):
    places, frames = (GATE, YARD), list(crowd())
    whole, first = crossings(*places), crossings(*places)
    expected = [whole(*frame) for frame in frames]
    before = [first(*frame) for frame in frames[:stop]]
    state = first.state()
    text = json.dumps(state)
    first(*frames[stop])
    assert json.dumps(state) == text  # it stays as it was
    second = crossings(*places, state=json.loads(text))
    assert before + [second(*frame) for frame in frames[stop:]] == expected
    assert second.counts == whole.counts and json.dumps(second.state()) == json.dumps(whole.state())
    assert sum(counted(whole)) > 3 and sum(counted(whole, 1)) > 3


def test_memory_is_bounded():
    count = crossings()
    for number in range(500):
        count(found((100, 50)), [number])
    assert len(count.state()["known"]) == 11
