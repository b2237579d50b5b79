"""look_at: which frames the network sees, and what the stream has for each frame. All frames are made by hand."""

from fractions import Fraction

import av
import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.video.looks import Look, WrittenFrame, look_at, timed
from segmentation.video.source import Frame, Sound


def frame(number):
    return Frame(number, Fraction(number, 25), np.full((4, 6, 3), number, np.uint8), seconds=0.5)


def objects(number):
    """Instances that show which frame they were found on: the box begins at x = number."""
    return Instances(np.int32([[number, 0, number + 1, 1]]), np.float32([0.9]), np.int32([0]),
                     np.ones((1, 15, 15), np.float32), (4, 6))


class Find:
    """Stands for the network, which takes two seconds; seen: the numbers of the frames that it saw."""

    def __init__(self):
        self.seen = []

    def __call__(self, frame):
        self.seen.append(frame.number)
        return objects(frame.number), 2.0


def found_on(look):
    """The number of the frame whose objects a Look has."""
    return int(look.found.boxes[0, 0])


def test_each_frame_is_a_look_with_its_own_objects():
    find = Find()
    looks = list(look_at(map(frame, range(3)), find))
    assert find.seen == [0, 1, 2] == [found_on(look) for look in looks]
    for number, look in enumerate(looks):
        assert isinstance(look, Look) and look.fresh
        assert (look.number, look.time, look.runs) == (number, Fraction(number, 25), 1)
        assert (look.image == number).all() and look.image.shape == (4, 6, 3)
        assert look.seconds == {"decode": 0.5, "network": 2.0}


def test_with_every_the_frames_between_have_the_objects_of_the_last_fresh_one():
    find = Find()
    looks = list(look_at(map(frame, range(8)), find, every=3))
    assert find.seen == [0, 3, 6] == [look.number for look in looks if look.fresh]
    assert [found_on(look) for look in looks] == [0, 0, 0, 3, 3, 3, 6, 6]
    assert looks[1].seconds == {"decode": 0.5} and looks[1].runs == 0


@pytest.mark.parametrize("every, done, seen", [
    (1, 3, [3, 4, 5, 6, 7]), (3, 3, [3, 6]), (3, 4, [3, 6]), (3, 5, [3, 6]), (3, 6, [6]), (10, 5, [0]),
    (3, 0, [0, 3, 6])])
def test_of_the_frames_that_are_done_the_network_sees_one_at_most(every, done, seen):
    find = Find()
    items = list(look_at(map(frame, range(8)), find, every, done))
    assert find.seen == seen and [item.number for item in items] == list(range(8))
    assert [isinstance(item, WrittenFrame) for item in items] == [number < done for number in range(8)]
    assert [found_on(look) for look in items[done:]] == [number - number % every for number in range(done, 8)]
    # A frame that is done costs what the network took; its decoding does not count.
    assert [item.runs for item in items] == [int(number in seen) for number in range(8)]
    assert all(item.seconds == ({"network": 2.0} if item.number in seen else {}) for item in items[:done])


def test_all_frames_done_already_need_no_network():
    find = Find()
    items = list(look_at(map(frame, range(4)), find, every=2, done=4))
    assert find.seen == [] and all(isinstance(item, WrittenFrame) for item in items)


def test_a_chunk_begins_at_the_frame_whose_objects_it_shows():
    find = Find()
    items = list(look_at(map(frame, range(6, 12)), find, every=3, done=8))
    assert find.seen == [6, 9] and [type(item) for item in items] == [WrittenFrame] * 2 + [Look] * 4
    assert [found_on(look) for look in items[2:]] == [6, 9, 9, 9]


def test_sound_passes_through_in_its_place():
    sound = [Sound(av.Packet(b"sound"), Fraction(at, 100)) for at in (-1, 3, 9)]
    items = [sound[0], frame(0), sound[1], frame(1), frame(2), sound[2]]
    result = list(look_at(items, Find(), every=2, done=1))
    assert [item for item in result if isinstance(item, Sound)] == sound
    assert [isinstance(item, Sound) for item in result] == [isinstance(item, Sound) for item in items]


def test_no_items_give_no_looks():
    assert list(look_at([], Find())) == []


def test_frames_are_taken_one_at_a_time():
    taken = []
    looks = look_at((taken.append(number) or frame(number) for number in range(5)), Find())
    next(looks)
    assert taken == [0]


def test_timed_runs_the_network_on_the_image():
    found, seconds = timed(lambda image: objects(int(image[0, 0, 0])))(frame(7))
    assert found.boxes[0, 0] == 7 and 0 <= seconds < 1
