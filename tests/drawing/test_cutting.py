"""Objects cut out of their picture."""

import cv2
import numpy as np
import pytest

from segmentation.drawing.cutting import cut_out, cut_out_all, own_colors, soften, united
from segmentation.instances import Instances

RED, BLUE = (0, 0, 255), (255, 0, 0)


def instances(*boxes, image_hw=(200, 300), threshold=None):
    return Instances(np.int32(boxes).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32),
                     np.zeros(len(boxes), np.int32), np.ones((len(boxes), 15, 15), np.float32), image_hw, threshold)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(1, 255, (200, 300, 3), dtype=np.uint8)


def blurred_disc(radius=60, image_hw=(200, 300)):
    """(a red disc on blue, as a camera sees it, its mask 0 or 255)."""
    mask = np.zeros(image_hw, np.uint8)
    cv2.circle(mask, (150, 100), radius, 255, cv2.FILLED)
    alpha = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None] / 255
    return np.rint(alpha * RED + (1 - alpha) * BLUE).astype(np.uint8), mask


# soft edges, in the object's own colours

def test_a_softened_edge_is_half_on_the_edge_and_hard_at_the_border():
    mask = np.zeros((40, 60), np.uint8)
    mask[:, 30:] = 255
    soft = soften(mask, 1.0).astype(int)
    assert abs(soft[20, 29] + soft[20, 30] - 255) <= 1 and (np.diff(soft[20]) >= 0).all()
    assert (soft[:, 40:] == 255).all() and not soft[:, :20].any()


def test_little_background_is_left_in_the_colours_of_the_edge():
    image, mask = blurred_disc()
    alpha = soften(mask, 1.0)
    edge = (alpha > 5) & (alpha < 250)
    colors = own_colors(image, mask, 1.0)
    assert colors[edge][:, 0].mean() < 0.35 * image[edge][:, 0].mean()
    assert colors[edge][:, 0].max() < 130 < 230 < image[edge][:, 0].max()
    assert np.array_equal(colors[mask == 0][-50:], image[mask == 0][-50:])  # far from it nothing changes


def test_colours_do_not_depend_on_the_strips(monkeypatch):
    image, mask = blurred_disc()
    image[::3] //= 2
    whole = own_colors(image, mask, 2.0)
    for rows in (7, 64):
        monkeypatch.setattr("segmentation.drawing.cutting.STRIP", rows)
        assert np.array_equal(own_colors(image, mask, 2.0), whole)


def test_a_part_of_one_pixels_width_keeps_its_colours(picture):
    mask = np.zeros((200, 300), np.uint8)
    mask[100] = 255
    assert np.array_equal(own_colors(picture, mask, 1.0), picture)
    assert np.array_equal(own_colors(picture, np.zeros_like(mask), 1.0), picture)


# one object

def test_a_cut_out_is_the_object_with_a_smooth_edge_and_nothing_else(picture):
    found = instances((30, 40, 180, 190))
    found.masks[0, :, 8:] = 0  # 0.5 is crossed at column 80: 75 + 10 * 0.5
    cut = cut_out(picture, found, 0)
    assert (cut.shape, cut.dtype) == ((150, 150, 4), np.uint8)
    alpha = cut[..., 3]
    assert (alpha[:, :75] == 255).all() and not alpha[:, 90:].any()  # opaque up to the border of the box
    edge = alpha[70, 73:88].astype(int)
    assert (np.diff(edge) <= 0).all() and len(set(edge)) > 4
    assert abs(edge[6] + edge[7] - 255) <= 1  # half on the edge itself
    assert np.array_equal(cut[:, :78, :3], picture[40:190, 30:108])
    assert not cut[alpha == 0].any()  # no background under what is transparent


def test_a_threshold_that_was_chosen_decides(picture):
    alphas = {}
    for threshold in (None, 0.5, 0.3):
        found = instances((30, 40, 180, 190), threshold=threshold)
        found.masks[0, :, 8:] = 0
        alphas[threshold] = cut_out(picture, found, 0)[..., 3]
    assert np.array_equal(alphas[None], alphas[0.5]) and alphas[0.3].sum() > alphas[0.5].sum()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (299, 199, 300, 200), (10, 0, 11, 200), (0, 0, 300, 200)])
def test_cut_outs_of_any_box(picture, box):
    x0, y0, x1, y1 = box
    cut = cut_out(picture, instances(box), 0)
    assert np.array_equal(cut[..., :3], picture[y0:y1, x0:x1]) and (cut[..., 3] == 255).all()


def test_an_empty_mask_cuts_out_nothing(picture):
    found = instances((10, 10, 50, 50))
    found.masks[:] = 0
    assert not cut_out(picture, found, 0).any() and not cut_out_all(picture, found).any()


def test_a_picture_of_one_pixel():
    found, picture = instances((0, 0, 1, 1), image_hw=(1, 1)), np.uint8([[[3, 2, 1]]])
    assert cut_out(picture, found, 0).tolist() == [[[3, 2, 1, 255]]] == cut_out_all(picture, found).tolist()


# all objects

def test_all_objects_together_without_a_seam_where_they_touch(picture):
    found = instances((20, 20, 100, 100), (100, 20, 160, 100))
    cut = cut_out_all(picture, found)
    assert cut.shape == (200, 300, 4)
    assert (cut[30:90, 30:150, 3] == 255).all() and np.array_equal(cut[30:90, 30:150, :3], picture[30:90, 30:150])
    assert not cut[:, 170:].any() and not cut[110:].any()
    assert np.array_equal(united(found), np.where(cut[..., 3] > 127, 255, 0))


def test_without_objects_all_is_transparent(picture):
    assert not cut_out_all(picture, instances()).any()
