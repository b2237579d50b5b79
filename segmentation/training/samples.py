"""One picture as training sees it: a random window of it, resized, perhaps flipped, in other light.

    sample = make_sample(data.pictures[0], (609, 353), part=1.0, rng=np.random.default_rng(1))
    sample.image                                        # (353, 609, 3) uint8 RGB

A window is x0, y0, x1, y1 in whole pixels of the picture. A RoI is the box under which the network looks for a mask.
"""

from typing import NamedTuple, Optional

import cv2
import numpy as np
from pycocotools import mask as rle_masks

from segmentation.training.dataset import Outline, Picture
from segmentation.training.targets import JITTER, MASK_CELLS

FLIP = 0.5              # random_horizontal_flip of the model's published training configuration
# A window is enlarged by up to this. Not to the size of the whole picture: that would take more time, and objects
# would be larger than they are when the network is used.
ZOOM = 1.25
GAIN, OFFSET = 0.2, 16  # each colour channel is multiplied by 1 +- GAIN and moved by up to OFFSET grey levels
# Of an object that the window cuts, this part must be visible. Nobody could name a smaller rest.
VISIBLE = 0.3


class Sample(NamedTuple):
    """One picture as the network sees it, with M objects; boxes in 0..1 of the image.

    image: (H, W, 3) uint8 RGB
    boxes, rois: (M, 4) float32, x0, y0, x1, y1: the true boxes, and the same moved a little at random
    labels: (M,) int64, classes from 0
    masks: (M, 15, 15) float32, the part of each cell of the RoI that is object
    looked: as in Picture
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    rois: np.ndarray
    masks: np.ndarray
    looked: Optional[frozenset[int]]


def make_sample(picture: Picture, size_wh: tuple[int, int], part: float, rng: np.random.Generator) -> Optional[Sample]:
    """A Sample of a picture, its image of size_wh; None where the picture cannot be read.

    part: of the picture's sides, as far as its shape allows, the window has this part
    """
    image = picture.read()
    if image is None:
        return None
    window = random_window(picture.image_hw, size_wh, part, rng)
    flip = rng.random() < FLIP
    found = [describe(outline, window, flip, rng) for outline in picture.objects]
    objects = [entry for entry in found if entry is not None]
    boxes, labels, rois, masks = zip(*objects) if objects else ((), (), (), ())
    return Sample(recoloured(window_pixels(image, window, size_wh, flip), rng),
                  np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64),
                  np.array(rois, np.float32).reshape(-1, 4),
                  np.array(masks, np.float32).reshape(-1, MASK_CELLS, MASK_CELLS), picture.looked)


# ---- The image -------------------------------------------------------------------------------------------

def random_window(image_hw: tuple[int, int], size_wh: tuple[int, int], part: float,
                  rng: np.random.Generator) -> np.ndarray:
    """A window with the shape of size_wh, (4,) float64: the largest for part 1, else smaller by about that factor."""
    height, width = image_hw
    scale = min(width / size_wh[0], height / size_wh[1])
    if part < 1:
        scale *= part * rng.uniform(1 / ZOOM, 1)
    size = np.array(size_wh) * scale
    start = rng.uniform(0, 1, 2) * (np.array([width, height]) - size)
    return np.concatenate([np.floor(start), np.minimum(np.ceil(start + size), [width, height])])


def window_pixels(image: np.ndarray, window: np.ndarray, size_wh: tuple[int, int], flip: bool) -> np.ndarray:
    """The window of a BGR image as RGB uint8 (H, W, 3) of size_wh."""
    x0, y0, x1, y1 = window.astype(int)
    shrinks = (x1 - x0) * (y1 - y0) > size_wh[0] * size_wh[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR  # as the scripts resize
    image = cv2.resize(image[y0:y1, x0:x1], size_wh, interpolation=method)
    return np.ascontiguousarray(image[:, ::-1 if flip else 1, ::-1])


def recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image with a random gain and offset for each channel."""
    # Most of it is the same for all three channels: brightness. A quarter is each channel's own: tint.
    gain, offset = rng.uniform(-1, 1, (2, 1)) + rng.uniform(-0.25, 0.25, (2, 3))       # (3,) each
    table = np.arange(256)[:, None] * (1 + GAIN * gain) + OFFSET * offset              # (256, 3)
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None])


# ---- Its objects -----------------------------------------------------------------------------------------

def describe(outline: Outline, window: np.ndarray, flip: bool,
             rng: np.random.Generator) -> Optional[tuple[np.ndarray, int, np.ndarray, np.ndarray]]:
    """(box, label, RoI, mask) of an object in a window, boxes in 0..1 of it; None where too little is visible."""
    mask = rle_masks.decode(outline.rle)
    part = visible_box(outline.rle, mask, window)
    if part is None:
        return None
    origin, size = np.tile(window[:2], 2), np.tile(window[2:] - window[:2], 2)
    box = (part - origin) / size
    roi = np.clip(box + rng.uniform(-JITTER, JITTER, 4) * np.tile(box[2:] - box[:2], 2), 0, 1)
    cells = mask_target(mask, roi * size + origin)
    if flip:
        box, roi, cells = mirrored(box), mirrored(roi), cells[:, ::-1]
    return box, outline.label, roi, cells


def visible_box(rle: dict, mask: np.ndarray, window: np.ndarray) -> Optional[np.ndarray]:
    """The box x0, y0, x1, y1 in pixels around the visible part of a mask; None where that is less than VISIBLE."""
    x0, y0, width, height = rle_masks.toBbox(rle)
    box = np.array([x0, y0, x0 + width, y0 + height])
    part = np.concatenate([np.maximum(box[:2], window[:2]), np.minimum(box[2:], window[2:])])
    if (part == box).all():
        return box
    left, top, right, bottom = np.maximum(part, 0).astype(int)
    seen = mask[top:bottom, left:right]
    if (part[2:] <= part[:2]).any() or np.count_nonzero(seen) < VISIBLE * rle_masks.area(rle):
        return None
    x, y = (np.flatnonzero(seen.any(axis)) for axis in (0, 1))
    return np.array([left + x[0], top + y[0], left + x[-1] + 1, top + y[-1] + 1])


def mirrored(box: np.ndarray) -> np.ndarray:
    """A box x0, y0, x1, y1 in 0..1 after its image is flipped left to right."""
    return np.array([1 - box[2], box[1], 1 - box[0], box[3]])


def mask_target(mask: np.ndarray, roi: np.ndarray) -> np.ndarray:
    """The part of each of a RoI's 15 x 15 cells that the mask covers, 0..1, (15, 15) float.

    mask: (H, W) uint8 of 0 and 1; roi: x0, y0, x1, y1 in its pixels, fractions allowed

    Cell i goes from i / 15 to (i + 1) / 15 of the RoI, because the scripts paste the mask with cv2.resize. The result
    is exact: the sum over a rectangle is four values of the integral image, which is linear inside a pixel.
    """
    left, top = np.maximum(np.floor(roi[:2]).astype(int), 0)
    right, bottom = np.ceil(roi[2:]).astype(int)
    total = cv2.integral(np.ascontiguousarray(mask[top:bottom, left:right]), sdepth=cv2.CV_64F)
    x = np.linspace(roi[0], roi[2], MASK_CELLS + 1) - left
    y = np.linspace(roi[1], roi[3], MASK_CELLS + 1) - top
    corners = between(between(total, y).T, x).T                                        # (16, 16)
    area = (x[1] - x[0]) * (y[1] - y[0])
    return np.clip(np.diff(np.diff(corners, axis=0), axis=1) / max(area, 1e-9), 0, 1)


def between(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of an array (N, ...) at fractional places (K,), interpolated linearly: (K, ...)."""
    below = np.clip(places.astype(int), 0, len(rows) - 2)
    part = np.clip(places - below, 0, 1)[:, None]
    return rows[below] * (1 - part) + rows[below + 1] * part
