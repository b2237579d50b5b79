"""Which detections are wanted: by score, class and size."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Optional, Union

import numpy as np

from segmentation import SegmentationError
from segmentation.terminal import warn

if TYPE_CHECKING:
    from segmentation.network.options import NetworkOptions


@dataclass(frozen=True)
class Selection:
    """What a detection must have to be wanted.

    confidence: its score is above this, 0..1
    class_ids: its class is one of these, from 0. None: any class
    min_area: its box has at least so many pixels
    min_share: its box covers at least this part of the image, 0..1
    """

    confidence: float = 0.5
    class_ids: Optional[frozenset[int]] = None
    min_area: float = 0.0
    min_share: float = 0.0

    def keep(self, boxes: np.ndarray, image_hw: tuple[int, int]) -> np.ndarray:
        """Which detections are wanted: bool (N,).

        boxes: (1, 1, N, 7), rows (0, class, score, x0, y0, x1, y1), the box in 0..1

        >>> rows = np.array([[[[0, 16, 0.9, 0, 0, 0.5, 0.5], [0, 0, 0.9, 0, 0, 0.1, 0.1], [0, 0, 0.4, 0, 0, 1, 1]]]])
        >>> Selection(0.5, frozenset([0, 16]), min_share=0.2).keep(rows, (100, 100)).tolist()
        [True, False, False]
        """
        rows = boxes[0, 0]
        share = np.prod(rows[:, 5:] - rows[:, 3:5], axis=1, dtype=float)
        keep = (rows[:, 2] > self.confidence) & (share >= self.min_share)
        if self.min_area:
            keep &= share * image_hw[0] * image_hw[1] >= self.min_area - 0.5  # boxes are floats
        if self.class_ids is not None:
            keep &= np.isin(rows[:, 1].astype(int), list(self.class_ids))
        return keep


def select(labels: Sequence[str], options: "NetworkOptions") -> Selection:
    """The Selection of NetworkOptions.

    labels: the names of the classes, by class number from 0

    Raises SegmentationError if the options name an unknown class, or leave no class.
    """
    class_ids = None
    if options.classes or options.exclude:
        wanted = find_classes(options.classes, labels) if options.classes else set(range(len(labels)))
        class_ids = frozenset(wanted - find_classes(options.exclude or (), labels))
        if not class_ids:
            raise SegmentationError("--classes and --exclude leave no class to look for")
    pixels, share = parse_area(options.min_area)
    return Selection(options.confidence, class_ids, pixels, share)


def wanted_classes(labels: Sequence[str], options: "NetworkOptions") -> list[int]:
    """The classes that NetworkOptions ask for, from 0: in the order of `classes` or, without them, of the labels.

    labels: the names of the classes, by class number

    >>> from segmentation.network.options import NetworkOptions
    >>> wanted_classes(["person", "dog", "cat"], NetworkOptions(classes=("cat", "person")))
    [2, 0]
    """
    wanted = [find_class(name, labels) for name in options.classes] if options.classes else range(len(labels))
    left_out = find_classes(options.exclude or (), labels)
    return [class_id for class_id in dict.fromkeys(wanted) if class_id not in left_out]


def warn_of_unknown(options: "NetworkOptions", labels: Sequence[str], known: Sequence[str]) -> None:
    """Warn if the options name classes that the model cannot find. known: those of the labels that it can find"""
    missing = sorted({labels[class_id] for class_id in find_classes(options.classes or (), labels)} - set(known))
    if missing:
        warn(f"[WARNING] the demo graph has never seen these, so it cannot find them: {', '.join(missing)}")


def find_classes(names: Iterable[Union[str, int]], labels: Sequence[str]) -> set[int]:
    """The numbers of several classes: see find_class."""
    return {find_class(name, labels) for name in names}


def find_class(name: Union[str, int], labels: Sequence[str]) -> int:
    """The number of a class, from 0. It is given by its name or by COCO's number, which counts from 1.

    Raises SegmentationError with the nearest name if there is no such class.
    """
    lower = [label.lower() for label in labels]
    name = str(name).strip()
    if name.isdecimal() and 1 <= int(name) <= len(labels):
        return int(name) - 1
    if name.lower() in lower:
        return lower.index(name.lower())
    near = get_close_matches(name.lower(), lower, 1, 0.5)
    raise SegmentationError(f"there is no class {name!r}" + (f": did you mean {labels[lower.index(near[0])]!r}?" if near
                            else f": the names are in the label file, their numbers are 1 to {len(labels)}"))


def parse_area(text: object) -> tuple[float, float]:
    """(pixels, part of the image) of an area such as "400" or "0.5%". One of the two is 0.

    Raises ValueError if the text is no such area.

    >>> parse_area("400"), parse_area("0.5%")
    ((400.0, 0.0), (0.0, 0.005))
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", str(text))
    if found is None or (found[2] and float(found[1]) > 100):
        raise ValueError(f"must be a number of pixels or a per cent of the picture (such as 400 or 0.5%), got {text!r}")
    number = float(found[1])
    return (0.0, number / 100) if found[2] else (number, 0.0)
