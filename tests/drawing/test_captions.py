"""segmentation/drawing/captions.py: where captions find room."""

import doctest
from itertools import combinations

import numpy as np
import pytest

from segmentation.drawing import captions
from segmentation.drawing.captions import covered, draw_captions, places

PICTURE, PLATE = (200, 300), (80, 16)


def rooms(boxes, plate=PLATE, image_hw=PICTURE):
    """The plates (N, 4) of boxes."""
    corners = np.array(places(np.array(boxes), [plate] * len(boxes), image_hw))
    return np.concatenate([corners, corners + plate], 1)


def test_examples_in_docstrings():
    assert doctest.testmod(captions).failed == 0 < doctest.testmod(captions).attempted


def test_one_caption_stands_above_its_box_and_inside_at_the_top_of_the_picture():
    assert rooms([(40, 50, 200, 150)])[0].tolist() == [40, 34, 120, 50]
    assert rooms([(40, 5, 200, 150)])[0].tolist() == [40, 0, 120, 16]
    assert rooms([(280, 50, 300, 150)])[0].tolist() == [220, 34, 300, 50]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_captions_of_boxes_that_lie_on_each_other_do_not_cover_each_other(count):
    found = rooms([(50 + 3 * i, 60 + 2 * i, 250, 160) for i in range(count)])
    for one, other in combinations(found, 2):
        assert covered(one[None], other[None])[0] == 0
    assert (found[:, :2] >= 0).all() and (found[:, 2:] <= PICTURE[::-1]).all()


def test_where_there_is_no_room_the_better_caption_stays_readable():
    image, box = np.zeros((20, 90, 3), np.uint8), (0, 0, 90, 20)
    draw_captions(image, np.array([box, box]), ["first", "second"], [(0, 255, 0), (0, 0, 255)], 1)
    assert (image == (0, 255, 0)).all(2).sum() > 200


def test_a_caption_stays_at_its_object_though_there_is_room_elsewhere():
    boxes = [(100, 90, 110, 100)] * 12
    for room, (x0, y0, x1, y1) in zip(rooms(boxes), boxes):
        assert room[0] <= x1 and room[2] >= x0 and room[1] <= y1 and room[3] >= y0


def test_nothing_needs_no_room():
    assert places(np.empty((0, 4), int), [], PICTURE) == []
