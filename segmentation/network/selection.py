"""Which of the detections are wanted: by score, class and size."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Optional

import numpy as np

from segmentation import SegmentationError


@dataclass(frozen=True)
class Selection:
    """What a detection must be: score above `confidence`, class one of `class_ids` (None: any), box of at
    least `min_area` pixels and at least `min_share` (0..1) of the picture.
    """

    confidence: float = 0.5
    class_ids: Optional[frozenset] = None
    min_area: float = 0.0
    min_share: float = 0.0

    def keep(self, boxes, image_hw):
        """Which of boxes (1, 1, N, 7), rows (0, class, score, x0, y0, x1, y1) in 0..1, are wanted: (N,) bool.

        >>> rows = np.array([[[[0, 16, 0.9, 0, 0, 0.5, 0.5], [0, 0, 0.9, 0, 0, 0.1, 0.1], [0, 0, 0.4, 0, 0, 1, 1]]]])
        >>> Selection(0.5, frozenset([0, 16]), min_share=0.2).keep(rows, (100, 100)).tolist()
        [True, False, False]
        """
        rows = boxes[0, 0]
        share = np.prod(rows[:, 5:] - rows[:, 3:5], axis=1, dtype=float)
        keep = (rows[:, 2] > self.confidence) & (share >= self.min_share)
        if self.min_area:
            keep &= share * image_hw[0] * image_hw[1] >= self.min_area - 0.5  # boxes come as floats
        if self.class_ids is not None:
            keep &= np.isin(rows[:, 1].astype(int), list(self.class_ids))
        return keep


def select(labels, options):
    """The Selection that NetworkOptions ask for; labels: the names of the classes."""
    class_ids = None
    if options.classes or options.exclude:
        wanted = find_classes(options.classes, labels) if options.classes else set(range(len(labels)))
        class_ids = frozenset(wanted - find_classes(options.exclude, labels))
        if not class_ids:
            raise SegmentationError("--classes and --exclude leave no class to look for")
    pixels, share = parse_area(options.min_area)
    return Selection(options.confidence, class_ids, pixels, share)


def find_classes(names, labels):
    """The numbers from 0 of classes, {int}, by their names or by COCO's numbers, which count from 1.

    Raises SegmentationError where there is no such class, with the nearest name.
    """
    return {find_class(name, labels) for name in names}


def find_class(name, labels):
    lower = [label.lower() for label in labels]
    name = str(name).strip()
    if name.isdecimal() and 1 <= int(name) <= len(labels):
        return int(name) - 1
    if name.lower() in lower:
        return lower.index(name.lower())
    near = get_close_matches(name.lower(), lower, 1, 0.5)
    raise SegmentationError(f"there is no class {name!r}" + (f": did you mean {labels[lower.index(near[0])]!r}?" if near
                            else f": the names are in the label file, their numbers are 1 to {len(labels)}"))


def parse_area(text):
    """(pixels, share of the picture), one of them 0, of an area such as "400" or "0.5%"; ValueError otherwise.

    >>> parse_area("400"), parse_area("0.5%")
    ((400.0, 0.0), (0.0, 0.005))
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", str(text))
    if found is None or (found[2] and float(found[1]) > 100):
        raise ValueError(f"must be a number of pixels or a per cent of the picture (such as 400 or 0.5%), got {text!r}")
    number = float(found[1])
    return (0.0, number / 100) if found[2] else (number, 0.0)
