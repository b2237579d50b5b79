"""Masks as polygons: the edges of their parts, with as few points as a likeness to the mask needs.

    polygons = fit_polygons(found.mask(i), found.boxes[i, :2])

Coordinates are those of the edges of pixels, as of boxes: the mask of one pixel is a square with a side of 1.
"""

from collections.abc import Sequence
from typing import Union

import cv2
import numpy as np
from pycocotools import mask as rle_masks

LIKENESS = 0.985  # of a mask and its polygons: their intersection as a part of their union
TOLERANCES = (4.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25, 0.0)  # in pixels; with 0 the likeness is 1

Corner = Union[Sequence[int], np.ndarray]


def fit_polygons(mask: np.ndarray, corner_xy: Corner = (0, 0)) -> list[np.ndarray]:
    """The parts of a mask as polygons, each float64 (n, 2), x and y in pixels of the picture; n is at least 3.

    mask: bool (h, w)
    corner_xy: the upper left corner of the mask in the picture

    They have as few points as a LIKENESS to the mask allows, drawn by COCO's own code. Parts and holes that do not
    count for that are left out. The others are cut out of their part: a slit of no width leads to a hole and back.

    >>> fit_polygons(np.ones((2, 3), bool), (10, 20))[0].tolist()
    [[10.0, 20.0], [10.0, 22.0], [13.0, 22.0], [13.0, 20.0]]
    """
    rings = trace(mask)
    parts: list[np.ndarray] = []
    for tolerance in TOLERANCES if rings else ():
        parts = cut_holes([(simplify(ring, tolerance), part) for ring, part in rings])
        if likeness(parts, mask) >= LIKENESS:
            break
    return [part + np.asarray(corner_xy, np.float64) for part in parts]


def find_edges(mask: np.ndarray, corner_xy: Corner, tolerance: float) -> list[np.ndarray]:
    """The edges of the parts of a mask and of their holes in whole pixels, each int32 (n, 2), for an even-odd fill.

    mask, corner_xy: as of fit_polygons
    tolerance: how far they may be from the edges of the pixels, in pixels

    They are for pages: short, and close enough to look at. The corners of stairs are cut off.
    """
    # cv2.findContours gives the middles of pixels. After the mask has grown by one pixel to the right and below, their
    # numbers are those of its edges. The same is true of a hole, which shrinks.
    grown = cv2.dilate(np.pad(mask.view(np.uint8), ((0, 1), (0, 1))), np.ones((2, 2), np.uint8), anchor=(1, 1))
    rings, _ = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [(cv2.approxPolyDP(ring, tolerance, True).reshape(-1, 2) + corner_xy).astype(np.int32) for ring in rings]


def trace(mask: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """(ring, its part) for each edge of a mask: an int32 (n, 1, 2) in half pixels, and -1 for the outer edge of a part;
    for a hole the number of the ring around it.

    mask: bool (h, w)

    The rings run along the edges of pixels. At inner corners they leave the edge for half a pixel, which changes no
    mask that is drawn of them, as the middles of the pixels stay on their side.
    """
    # cv2.findContours gives the middles of its pixels. So each pixel becomes 3x3 of a grid of corners, middles of
    # sides and middles of pixels, which it shares with its neighbours.
    grid = np.zeros((2 * mask.shape[0] + 1, 2 * mask.shape[1] + 1), np.uint8)
    grid[1::2, 1::2] = mask
    grid = cv2.dilate(grid, np.ones((3, 3), np.uint8))
    rings, tree = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [(ring, int(above)) for ring, above in zip(rings, tree[0, :, 3])] if len(rings) else []


def simplify(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """A ring of `trace` as float64 (n, 2) in pixels, no farther than `tolerance` pixels from it."""
    return cv2.approxPolyDP(ring, 2 * tolerance, True).reshape(-1, 2) / 2


def cut_holes(rings: Sequence[tuple[np.ndarray, int]]) -> list[np.ndarray]:
    """The parts, with their holes cut out. rings: as of `trace`, float64 (n, 2); those of n < 3 are left out"""
    parts = {number: ring for number, (ring, part) in enumerate(rings) if part < 0 and len(ring) > 2}
    for ring, part in rings:
        if part in parts and len(ring) > 2:
            parts[part] = join(parts[part], ring)
    return list(parts.values())


def join(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two rings, (m, 2) and (n, 2), as one, (m + n + 2, 2): a way of no width leads from one to the other and back,
    between their nearest points.

    >>> join(np.array([[0, 0], [9, 0], [9, 9]]), np.array([[8, 5], [9, 1], [8, 1]])).tolist()
    [[0, 0], [9, 0], [9, 1], [8, 1], [8, 5], [9, 1], [9, 0], [9, 9]]
    """
    distances = ((first[:, None] - second[None]) ** 2).sum(2)
    i, j = np.unravel_index(distances.argmin(), distances.shape)
    return np.concatenate([first[:i + 1], second[j:], second[:j + 1], first[i:]])


def likeness(polygons: Sequence[np.ndarray], mask: np.ndarray) -> float:
    """The intersection of a mask, bool (h, w), and that of polygons, by COCO's code, as a part of their union."""
    if not polygons:
        return 0.0
    runs = rle_masks.frPyObjects([polygon.ravel().tolist() for polygon in polygons], *mask.shape)
    given = rle_masks.encode(np.asfortranarray(mask, np.uint8))
    return float(rle_masks.iou([rle_masks.merge(runs)], [given], [0])[0, 0])
