"""Polygons of masks: drawn again by COCO's code and by OpenCV's, they give the masks, small ones too."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle_masks

from segmentation.instances import paste_mask
from segmentation.polygons import LIKENESS, find_edges, fit_polygons, join

RING = np.ones((30, 30), bool)
RING[8:22, 10:20] = False


def blobs(count, sides, seed=0):
    """Masks as networks give them, with holes and islands, bool (h, w)."""
    rng = np.random.default_rng(seed)
    cone = 1 - np.hypot(*np.mgrid[-1:1:15j, -1:1:15j])
    for _ in range(count):
        cells = np.float32(cv2.GaussianBlur(rng.random((15, 15)), (0, 0), 1.5) * 3 + cone * 0.5)
        width, height = rng.choice(sides, 2)
        mask = paste_mask(cells, (0, 0, width, height), float(np.quantile(cells, rng.uniform(0.2, 0.8))))
        if mask.any():
            yield mask


def coco(polygons, mask):
    """The intersection over union of a mask and of polygons, by pycocotools."""
    runs = rle_masks.merge(rle_masks.frPyObjects([polygon.ravel().tolist() for polygon in polygons], *mask.shape))
    drawn = rle_masks.decode(runs).astype(bool)
    return (drawn & mask).sum() / (drawn | mask).sum()


def exactly(polygons, mask):
    """The same by the pixels whose middles are inside, as cv2.fillPoly finds them on a grid 64 times as fine."""
    drawn = np.zeros((mask.shape[0] * 64, mask.shape[1] * 64), np.uint8)
    cv2.fillPoly(drawn, [np.rint(polygon * 64).astype(np.int32) for polygon in polygons], 1)
    drawn = drawn[32::64, 32::64].astype(bool)
    return (drawn & mask).sum() / (drawn | mask).sum()


@pytest.mark.parametrize("sides", [(1, 2, 3, 4), (5, 8, 12), (20, 40), (90, 150)], ids=str)
def test_masks_come_back_of_small_objects_too(sides):
    for mask in blobs(40, sides):
        polygons = fit_polygons(mask)
        assert coco(polygons, mask) >= LIKENESS >= 0.98
        # An edge may go through the middles of pixels, which OpenCV counts as inside and COCO's code does not.
        assert mask.size < 100 or exactly(polygons, mask) >= 0.94


def test_noise_comes_back_and_single_pixels_are_squares():
    rng = np.random.default_rng(1)
    for share in (0.2, 0.5, 0.8):
        mask = rng.random((9, 13)) < share
        assert coco(fit_polygons(mask), mask) >= LIKENESS
    dot = np.zeros((3, 3), bool)
    dot[1, 1] = True
    assert sorted(fit_polygons(dot, (10, 20))[0].tolist()) == [[11, 21], [11, 22], [12, 21], [12, 22]]


def test_a_hole_is_cut_out_by_a_slit():
    polygon, = fit_polygons(RING)
    assert coco([polygon], RING) >= LIKENESS and exactly([polygon], RING) >= LIKENESS
    assert cv2.contourArea(np.float32(polygon)) == pytest.approx(760, rel=0.02)  # a hole turns the other way


def test_parts_are_polygons_of_their_own_and_specks_are_left_out():
    mask = np.zeros((100, 100), bool)
    mask[:60, :60] = mask[70:, 70:] = mask[80, 3] = True
    assert len(fit_polygons(mask)) == 2
    assert fit_polygons(np.zeros((4, 5), bool)) == [] and find_edges(np.zeros((4, 5), bool), (0, 0), 1) == []


def test_large_masks_need_few_points():
    disc = np.hypot(*np.mgrid[-1:1:1000j, -1:1:1000j]) < 0.9
    assert sum(map(len, fit_polygons(disc))) < 50


def test_joined_rings_hold_the_points_of_both():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    joined = join(square, square + 9)
    assert len(joined) == 10 and {tuple(point) for point in joined} == {tuple(p) for p in [*square, *(square + 9)]}
