"""What is drawn, on small arrays and to within one grey level."""

import numpy as np
import pytest

from segmentation.drawing import captions
from segmentation.drawing.draw import TILE, caption, draw_instances, segmentation_steps, steps_panel
from segmentation.drawing.effects import blend, crop
from segmentation.instances import Instances

LABELS = tuple(f"class {i}" for i in range(90))
CAPTIONS = [f"class {i}: 0.9876" for i in range(90)]


def instances(*boxes, image_hw=(200, 300), mask=1.0):
    return Instances(np.int32(boxes).reshape(-1, 4), np.full(len(boxes), 0.9876, np.float32),
                     np.arange(len(boxes), dtype=np.int32), np.full((len(boxes), 15, 15), mask, np.float32), image_hw)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)


def test_blend_is_four_tenths_of_the_colour(picture):
    mask, before = picture[:, :, 0] > 100, picture.copy()
    blend(picture, mask, (10, 200, 90), 0.4)
    expected = 0.6 * before[mask] + 0.4 * np.array([10, 200, 90])
    assert np.abs(picture[mask] - expected).max() <= 1
    assert np.array_equal(picture[~mask], before[~mask])


def test_the_mask_is_blended_inside_its_box_and_nowhere_else(picture):
    before, found = picture.copy(), instances((100, 60, 180, 160))
    draw_instances(picture, found, CAPTIONS, [(0, 0, 255)])
    inside = picture[70:150, 110:170]
    assert np.abs(inside - (0.6 * before[70:150, 110:170] + 0.4 * np.array([0, 0, 255]))).max() <= 1
    assert picture[61, 101].tolist() == picture[158, 178].tolist() == [0, 0, 255]  # the box, two pixels wide
    changed = (picture != before).any(2)
    assert not changed[165:].any() and not changed[62:, :95].any() and not changed[:35].any()


def test_small_objects_stay_visible_above_large_ones(picture):
    picture[:] = 0
    found = instances((100, 80, 130, 110), (20, 20, 280, 190))
    draw_instances(picture, found, CAPTIONS, [(255, 0, 0), (0, 0, 255)])
    assert picture[95, 115].tolist() == [102, 0, 61]  # red first, then blue over it


@pytest.mark.parametrize("box", [(0, 0, 10, 10), (290, 0, 300, 10), (0, 190, 10, 200), (295, 195, 300, 200),
                                 (0, 0, 300, 200)])
def test_labels_stay_inside_the_picture(picture, box):
    before = picture.copy()
    draw_instances(picture, instances(box), CAPTIONS, [(0, 255, 0)])
    plate = np.argwhere((picture == (0, 255, 0)).all(2) & (before != (0, 255, 0)).any(2))
    assert (plate.max(0) - plate.min(0) > (12, 80)).all()  # the whole plate is there


def test_tiny_pictures_are_drawn_on():
    for image_hw in ((1, 1), (1, 40), (3, 2)):
        picture = np.zeros((*image_hw, 3), np.uint8)
        draw_instances(picture, instances((0, 0, image_hw[1], image_hw[0]), image_hw=image_hw), CAPTIONS, [(9, 9, 9)])
        assert picture.any()


def test_lines_grow_with_the_picture():
    picture = np.zeros((2400, 2400, 3), np.uint8)
    draw_instances(picture, instances((800, 800, 1600, 1600), mask=0), CAPTIONS, [(0, 255, 0)])
    assert np.count_nonzero(picture[1200, :1200].any(1)) >= 8


def test_nothing_found_draws_nothing(picture):
    before = picture.copy()
    draw_instances(picture, instances(), CAPTIONS, [])
    assert np.array_equal(picture, before)


def test_captions_name_the_class_the_score_and_the_number():
    found = instances((0, 0, 9, 9), (9, 9, 20, 20))
    assert caption(found, 1, LABELS) == "class 1: 0.99"
    assert caption(found, 1, LABELS, 12) == "#12 class 1: 0.99" and caption(found, 0, LABELS, 0) == "#0 class 0: 0.99"


@pytest.mark.parametrize("color, expected", [((0, 255, 255), (0, 0, 0)), ((255, 0, 0), (255, 255, 255)),
                                             ((0, 0, 255), (255, 255, 255)), ((255, 255, 255), (0, 0, 0))])
def test_ink_is_readable(color, expected):
    assert captions.ink(color) == expected


def test_steps_are_the_region_its_mask_and_its_pixels(picture):
    found = instances((10, 20, 40, 50))
    found.masks[0, :, :8] = 0
    roi, mask, cut_out = segmentation_steps(picture, found, 0)
    assert np.array_equal(roi, picture[20:50, 10:40]) and set(np.unique(mask)) == {0, 255}
    assert np.array_equal(cut_out[mask > 0], roi[mask > 0]) and not cut_out[mask == 0].any()


def test_the_panel_has_a_row_of_three_for_each_object(picture):
    found = instances((10, 20, 40, 50), (0, 0, 300, 3), (5, 5, 6, 190))
    panel = steps_panel(picture, found, LABELS)
    assert panel.shape == (3 * TILE, 3 * TILE, 3)
    # The first region, enlarged without smoothing, stands in the first tile.
    colors = {tuple(pixel) for pixel in panel[:TILE, :TILE].reshape(-1, 3)}
    assert {tuple(pixel) for pixel in crop(picture, found.boxes[0]).reshape(-1, 3)} <= colors
