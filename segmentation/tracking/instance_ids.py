"""The same object in one frame after another: InstanceIds."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from segmentation.instances import Instances

OVERLAP = 0.3  # intersection over union of two boxes from which they may show the same object


class InstanceIds:
    """A number for each object, which it keeps while its box overlaps its box in the frame before.

    state: {"next": ..., "last": [[box, class_id, id], ...]}, plain numbers, so that it can be saved and a stopped
        run can be resumed
    """

    def __init__(self, state: Optional[dict[str, Any]] = None):
        self.state = state or {"next": 0, "last": []}

    def __call__(self, found: Instances) -> list[int]:
        """The numbers of the objects in a frame, in the order of its Instances: (N,) from 0.

        Objects of one class are matched by the overlap of their boxes, the largest overlap first, each object once.
        """
        ids = []
        for known in same_objects(found.boxes, found.class_ids, self.state["last"], OVERLAP):
            ids.append(self.take_number() if known is None else known)
        self.state["last"] = [[box, int(class_id), number]
                              for box, class_id, number in zip(found.boxes.tolist(), found.class_ids, ids)]
        return ids

    def take_number(self) -> int:
        """The next number that no object has had."""
        self.state["next"] += 1
        return self.state["next"] - 1


def same_objects(boxes: np.ndarray, class_ids: np.ndarray, last: Sequence[Sequence[Any]],
                 overlap: float) -> list[Optional[int]]:
    """For each box the id of the object in `last` that it shows, None for a new object: (N,) list.

    boxes: (N, 4); class_ids: (N,); last: [[box, class_id, id], ...]
    overlap: intersection over union from which two boxes of one class may show the same object
    """
    overlaps = box_iou(boxes, np.array([box for box, _, _ in last], float).reshape(-1, 4))
    overlaps[class_ids[:, None] != np.array([class_id for _, class_id, _ in last], int)] = 0
    ids: list[Optional[int]] = [None] * len(boxes)
    for flat in np.argsort(-overlaps, axis=None, kind="stable"):
        new, old = np.unravel_index(flat, overlaps.shape)
        if overlaps[new, old] < overlap:
            break
        if ids[new] is None and last[old][2] not in ids:
            ids[new] = last[old][2]
    return ids


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each of boxes (N, 4) with each of others (M, 4): (N, M) float64.

    >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[1.0, 0.333, 0.0]]
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2, dtype=float)
    area = [np.prod(b[:, 2:] - b[:, :2], axis=1, dtype=float) for b in (boxes, others)]
    return shared / np.maximum(area[0][:, None] + area[1][None] - shared, 1)
