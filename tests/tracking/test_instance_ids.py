"""Numbers that stay with objects from frame to frame."""

import json

import numpy as np

from segmentation.instances import Instances
from segmentation.tracking.instance_ids import InstanceIds


def found(*objects):
    """Instances of (class, x0, y0, x1, y1)."""
    boxes = np.int32([box for _, *box in objects]).reshape(-1, 4)
    return Instances(boxes, np.ones(len(objects), np.float32), np.int32([c for c, *_ in objects]),
                     np.zeros((len(objects), 15, 15), np.float32), (100, 100))


def test_an_object_keeps_its_number_and_a_new_one_gets_a_new_one():
    ids = InstanceIds()
    assert ids(found((0, 0, 0, 20, 20), (0, 50, 50, 80, 80))) == [0, 1]
    assert ids(found((0, 52, 51, 82, 81), (0, 2, 1, 22, 21))) == [1, 0]  # found in another order
    assert ids(found((0, 54, 52, 84, 82), (0, 30, 0, 45, 20))) == [1, 2]
    assert ids(found()) == []
    assert ids(found((0, 54, 52, 84, 82))) == [3]


def test_another_class_is_another_object():
    ids = InstanceIds()
    assert ids(found((0, 0, 0, 20, 20))) == [0]
    assert ids(found((5, 0, 0, 20, 20))) == [1]


def test_each_number_is_given_once_to_the_best_overlap():
    ids = InstanceIds()
    ids(found((0, 0, 0, 20, 20)))
    assert ids(found((0, 5, 0, 25, 20), (0, 1, 0, 21, 20))) == [1, 0]


def test_the_state_goes_on_after_a_stop():
    one, frames = InstanceIds(), [found((0, 0, 0, 20, 20)), found((0, 1, 0, 21, 20), (0, 60, 60, 90, 90))]
    one(frames[0])
    other = InstanceIds(json.loads(json.dumps(one.state)))
    assert one(frames[1]) == other(frames[1]) == [0, 1]
