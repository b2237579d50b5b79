"""Lines, zones and counts drawn on frames: where they stand, and what the tables say."""

import doctest

import numpy as np
import pytest

from segmentation.drawing import counts
from segmentation.drawing.captions import covered, draw_captions, places
from segmentation.drawing.counts import CountsPicture, table
from segmentation.tracking.boundaries import Line, Zone
from segmentation.tracking.crossings import Count

GATE = Line("gate", ((40, 200), (600, 200)))
YARD = Zone("yard", ((100, 220), (500, 220), (500, 340), (100, 340)))
LABELS = [f"class {number}" for number in range(20)]


def frame(value=128, image_hw=(360, 640)):
    return np.full((*image_hw, 3), value, np.uint8)


def test_examples_in_docstrings():
    assert doctest.testmod(counts).failed == 0 < doctest.testmod(counts).attempted


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_lines_and_tables_are_seen_on_any_ground(ground):
    image = frame(ground)
    picture = CountsPicture([GATE, YARD], [{0: Count(3, 1)}, {}], LABELS, image)
    picture.draw([(300, 150)])
    for part in (image[190:210, 550], image[215:225, 550 - 100], image[140:160, 300]):
        assert part.min() < 60 and part.max() > 200
    left, top, right, bottom = picture.rooms[0]
    assert image[top:bottom, left:right].mean() < 110 and image[top:bottom, left:right].max() > 200


def test_the_arrow_of_a_line_is_on_the_side_that_in_leads_to():
    image = frame(0)
    CountsPicture([GATE], [{}], LABELS, image).draw()
    assert (image[205:212, 310:330] > 200).sum() > 30 and not (image[185:195, 310:330] > 0).any()


def test_a_table_has_a_row_for_each_class_and_the_rarest_share_one():
    many = {number: Count(number, 1, 0, 2) for number in range(9)}
    rows = table(YARD, many, LABELS)
    assert rows[0] == ["yard", "in", "out", "now"] and rows[1] == ["class 0", "0", "1", "2"]
    assert len(rows) == 8 and rows[6:] == [["others", "26", "4", "8"], ["all", "36", "9", "18"]]
    assert table(YARD, {}, LABELS)[1:] == [["all", "0", "0", "0"]]
    assert table(GATE, {3: Count(2)}, LABELS)[1:] == [["class 3", "2", "0"]]


def test_tables_lie_in_the_picture_and_captions_leave_them_free():
    lines = [Line(f"line {number}", ((0, y), (640, y))) for number, y in enumerate((0, 10, 360))]
    image = frame()
    rooms = CountsPicture(lines, [{0: Count(12345, 1)}] * 3, LABELS, image).rooms
    assert (rooms[:, :2] >= 0).all() and (rooms[:, 2:] <= (640, 360)).all()
    box = np.array([[rooms[0, 0], rooms[0, 3], 200, 300]])
    before, after = (np.array(places(box, [(60, 16)], (360, 640), taken)) for taken in (None, rooms[:1]))
    size = np.array([60, 16])
    assert covered(np.concatenate([before, before + size], 1), rooms[:1]) > 0
    assert covered(np.concatenate([after, after + size], 1), rooms[:1]) == 0
    draw_captions(image, box, ["dog: 0.99"], [(0, 0, 255)], 1, rooms)
    assert (image[rooms[0, 1]:rooms[0, 3], rooms[0, 0]:rooms[0, 2]] == 128).all()


@pytest.mark.parametrize("image_hw", [(1, 1), (8, 2000), (2160, 3840)])
def test_pictures_of_any_size(image_hw):
    height, width = image_hw
    corners = ((0, 0), (width, 0), (width, height))
    CountsPicture([Line("gate", corners[::2]), Zone("yard", corners)], [{}, {1: Count(5)}], LABELS,
                  frame(0, image_hw)).draw([(0, 0)])

