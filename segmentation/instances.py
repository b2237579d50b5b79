"""What the network found in a picture: Instances; decode (raw outputs to pixels); paste_mask."""

from dataclasses import dataclass

import cv2
import numpy as np

INTERPOLATIONS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Instances:
    """The objects found in one picture: parallel arrays, best first, possibly empty.

    boxes:     (N, 4) int32, x0, y0, x1, y1 in pixels of the picture; x1 and y1 exclusive; clipped to it
    scores:    (N,) float32, 0..1
    class_ids: (N,) int32, from 0: the line in the label file; COCO's category_id is one more
    masks:     (N, 15, 15) float32, the probability that a cell of the box is the object. They stay at the
               network's resolution, pasted one at a time: 100 objects on a 4K frame are 90 kB, not 830 MB
    image_hw:  height and width of the picture
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    masks: np.ndarray
    image_hw: tuple

    def __len__(self):
        return len(self.scores)


def decode(boxes, masks, image_hw, confidence=0.5):
    """The network's raw outputs as Instances in pixels: those that score above `confidence`.

    boxes: (1, 1, N, 7) detection_out_final, rows (0, class, score, x0, y0, x1, y1), the box in 0..1;
           rows of zeros pad it
    masks: detection_masks, row i of detection i: (N or more, classes, 15, 15), of which the mask of the
           detection's class counts, or (N or more, 15, 15) of that class alone; (1, N or more, 15, 15)
           too, as TensorFlow's are recorded
    image_hw: height and width of the picture that the boxes are for

    Boxes are rounded to whole pixels and clipped; one that then covers no pixel is left out, as is a
    row that is not finite or whose class has no mask.

    >>> row = [0, 2, 0.9, 0.25, 0.5, 0.75, 1.0]
    >>> decode(np.float32([[[row]]]), np.zeros((1, 90, 15, 15)), (100, 200)).boxes
    array([[ 50,  50, 150, 100]], dtype=int32)
    """
    rows, masks = np.reshape(boxes, (-1, 7)), np.asarray(masks, np.float32)
    rows = np.where(np.isfinite(rows).all(1, keepdims=True), rows, 0)
    if masks.ndim == 4 and len(masks) == 1 < len(rows):
        masks = masks[0]
    if len(masks) < len(rows) and (rows[len(masks):, 2] > confidence).any():
        raise ValueError(f"masks must have a row for each of the {len(rows)} detections, got {len(masks)}")
    classes = masks.shape[1] if masks.ndim == 4 else np.inf
    pixels = to_pixels(rows[:, 3:], image_hw)
    keep = ((rows[:, 2] > confidence) & (rows[:, 1] >= 0) & (rows[:, 1] < classes)
            & (pixels[:, 0] < pixels[:, 2]) & (pixels[:, 1] < pixels[:, 3]))
    best = np.flatnonzero(keep)[np.argsort(-rows[keep, 2], kind="stable")]
    class_ids = rows[best, 1].astype(np.int32)
    return Instances(pixels[best], rows[best, 2].astype(np.float32), class_ids,
                     masks[best, class_ids] if masks.ndim == 4 else masks[best], tuple(image_hw))


def to_pixels(boxes, image_hw):
    """Boxes (N, 4) in 0..1 as whole pixels, clipped to the picture.

    Rounded, not cut off as in the tutorial, which moves every box up to a pixel to the upper left.
    """
    height, width = image_hw
    size = np.array([width, height, width, height])
    pixels = np.rint(boxes.astype(np.float64) * size)
    return np.clip(pixels, 0, size).astype(np.int32)


def paste_mask(mask, box_xyxy, threshold=0.3, interpolation="cubic"):
    """The pixels of the box that are the object, bool (y1 - y0, x1 - x0): the mask resized, then cut at
    `threshold`.

    mask: (15, 15) float32 probabilities
    box_xyxy: x0, y0, x1, y1 in pixels, exclusive
    interpolation: how cv2.resize fills in between the cells: nearest (blocks), linear or cubic
    """
    x0, y0, x1, y1 = (int(edge) for edge in box_xyxy)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), bool)
    resized = cv2.resize(mask, (x1 - x0, y1 - y0), interpolation=INTERPOLATIONS[interpolation])
    return resized > threshold


def mask_areas(found, threshold=0.3, interpolation="cubic"):
    """How many pixels of the picture each object covers, (N,) int64: its pasted mask, counted."""
    return np.array([np.count_nonzero(paste_mask(mask, box, threshold, interpolation))
                     for mask, box in zip(found.masks, found.boxes)], np.int64)
