"""Compare two engines on the same inputs: what the second one finds of what the first one finds.

    cost = compare(exact, fast, blobs)
    str(cost)   # "97 of 98 objects found, 1 more; scores differ by 0.004, box IoU 0.981, mask IoU 0.975"
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segmentation.wording import counted

if TYPE_CHECKING:
    from segmentation.network.engines import Engine

SHOWN, LOOKED_AT = 0.5, 0.3  # an object that one engine shows may score less with the other, but not below the second
SAME_OBJECT = 0.5  # the box IoU from which two detections of a class are one object
NEAR = 0.9  # int8 keeps the AP of the demo graph and has 0.94 and 0.91
INSIDE = 0.5  # a cell of a mask is the object's if it is above this


@dataclass(frozen=True)
class Cost:
    """How the detections of two engines differ.

    objects: how many the first engine shows, with a score above SHOWN
    found: how many of these the second one finds
    more: how many the second one shows that the first one does not find
    score, box, mask: of the objects that both find, the mean difference of the scores, the mean IoU of the boxes, and
        the mean IoU of the masks, cell by cell. nan if there is no such object
    """

    objects: int
    found: int
    more: int
    score: float
    box: float
    mask: float

    def __str__(self) -> str:
        counts = f"{self.found} of {counted(self.objects, 'object')} found, {self.more} more"
        if not self.found:
            return counts
        return (f"{counts}; scores differ by {self.score:.3f}, "
                f"box IoU {self.box:.3f}, mask IoU {self.mask:.3f}")

    @property
    def keeps(self) -> bool:
        """Whether the second engine may stand for the first.

        At most one object in 50 is lost or new, and boxes and masks have an IoU of at least NEAR with those of the
        first.
        """
        wrong = self.objects - self.found + self.more
        return wrong <= max(1, self.objects / 50) and not (self.box < NEAR or self.mask < NEAR)


def compare(first: "Engine", second: "Engine", blobs: Iterable[np.ndarray]) -> Cost:
    """The Cost of the second engine against the first. Both must give all detections that score above LOOKED_AT.

    blobs: float32 (1, 3, H, W), RGB 0..255
    """
    objects = more = 0
    pairs: list[tuple[float, float, float]] = []
    for blob in blobs:
        (rows, masks), (other_rows, other_masks) = (detections(engine, blob) for engine in (first, second))
        matches = match(rows, other_rows)
        shown = [i for i, row in enumerate(rows) if row[2] > SHOWN]
        objects += len(shown)
        more += sum(row[2] > SHOWN for j, row in enumerate(other_rows) if j not in matches.values())
        for i in shown:
            if i in matches:
                j = matches[i]
                pairs.append((abs(rows[i, 2] - other_rows[j, 2]), box_iou(rows[i, 3:], other_rows[j, 3:]),
                              mask_iou(masks[i], other_masks[j])))
    means = np.mean(pairs, axis=0).tolist() if pairs else [float("nan")] * 3
    return Cost(objects, len(pairs), int(more), *means)


def detections(engine: "Engine", blob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows (N, 7), the mask of each row's own class (N, M, M)) of all detections that score above LOOKED_AT."""
    boxes, features = engine.boxes(blob)
    boxes = boxes[:, :, boxes[0, 0, :, 2] > LOOKED_AT]
    rows = boxes[0, 0]
    if not len(rows):
        return rows, np.empty((0, 1, 1))
    return rows, engine.masks(features, boxes)[range(len(rows)), rows[:, 1].astype(int)]


def match(rows: np.ndarray, others: np.ndarray) -> dict[int, int]:
    """The number of each of `rows`, (N, 7), best first -> that of the row of `others` that is the same object.

    >>> row = [0, 16, 0.9, 0.1, 0.1, 0.5, 0.5]
    >>> match(np.array([row]), np.array([[0, 17, 0.9, 0.1, 0.1, 0.5, 0.5], row]))
    {0: 1}
    """
    matches: dict[int, int] = {}
    for i, row in enumerate(rows):
        free = [j for j, other in enumerate(others) if other[1] == row[1] and j not in matches.values()]
        best = max(free, key=lambda j: box_iou(row[3:], others[j, 3:]), default=None)
        if best is not None and box_iou(row[3:], others[best, 3:]) >= SAME_OBJECT:
            matches[i] = best
    return matches


def box_iou(box: np.ndarray, other: np.ndarray) -> float:
    """The IoU of two boxes x0, y0, x1, y1."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    both = float(np.prod(np.maximum(sides, 0)))
    return both / max(float(np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2])) - both, 1e-12)


def mask_iou(mask: np.ndarray, other: np.ndarray) -> float:
    """The IoU of two masks of probabilities, cell by cell; 1 if both are empty."""
    inside, other_inside = mask > INSIDE, other > INSIDE
    either = np.count_nonzero(inside | other_inside)
    return float(np.count_nonzero(inside & other_inside) / either) if either else 1.0
