"""What the network found in a picture: Instances, each an Instance; decode (raw outputs to pixels); paste_mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Optional, TypeVar, Union, overload

import cv2
import numpy as np

from segmentation.polygons import fit_polygons

# The probability above which a pixel is the object's, where the user has chosen none. 0.3 is the tutorial's: marked
# objects may be a little too large. A cut-out must not show what is around the object: with ideal masks of 15x15, 10 %
# of it is background at 0.3, 3.3 % at 0.5 (225 large objects).
MARKED, CUT_OUT = 0.3, 0.5
PASTED_PIXELS = 1 << 26  # Instances keep pasted masks of at most so many pixels, 64 MB, or one larger mask
Kind = TypeVar("Kind", bound="Instances")
INTERPOLATIONS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Instances:
    """The objects found in one picture: parallel arrays, best first, possibly empty.

    boxes:     (N, 4) int32, x0, y0, x1, y1 in pixels of the picture; x1 and y1 exclusive; clipped to it
    scores:    (N,) float32, 0..1
    class_ids: (N,) int32, from 0: the line in the label file; COCO's category_id is one more
    masks:     (N, M, M) float32, the probability that a cell of the box is the object; M is the network's, 15 with
               the official one. They stay at that resolution: 100 objects on a 4K frame take 90 kB; pasted, they
               would take 830 MB
    image_hw:  height and width of the picture
    threshold, interpolation: how the masks are pasted, see paste_mask; threshold None: MARKED, and CUT_OUT for what is
               cut out
    names:     the label of each class; empty where the program keeps them elsewhere
    slack:     (N,) pixels by which the place of each object may be wrong, such as after video/follow.py has moved it;
               None: 0. Effects that hide objects hide so much more around them
    pasted:    the masks pasted so far, by the object's number; not sent to another process

        for i in range(len(found)):
            image[found.crop(i)][found.mask(i)] = 255      # paint the pixels of object i white
        for one in found[found.scores > 0.9]:              # each an Instance
            print(one.label, one.score, one.box)

    Raises ValueError if the arrays do not fit each other or there is no such interpolation.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    masks: np.ndarray
    image_hw: tuple[int, int]
    threshold: Optional[float] = None
    interpolation: str = "cubic"
    names: Sequence[str] = field(default=(), repr=False)
    slack: Optional[np.ndarray] = field(default=None, repr=False)
    pasted: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        count = len(self.scores)
        shapes = {"boxes": (count, 4), "scores": (count,), "class_ids": (count,)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"{name} must be {shape}, got {np.shape(getattr(self, name))}")
        if len(self.masks) != count:
            raise ValueError(f"masks must be {count}, one for each object, got {len(self.masks)}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self: Kind, which: Union[int, np.integer]) -> "Instance": ...

    @overload
    def __getitem__(self: Kind, which: Union[slice, Sequence, np.ndarray]) -> Kind: ...

    def __getitem__(self: Kind, which: Union[int, np.integer, slice, Sequence, np.ndarray]) -> Union["Instance", Kind]:
        """One object by its number, from 0, or the Instances of some of them.

        which: a number (-1 is the last object), several numbers in any order, a slice, or an array with a bool for each
            object
        """
        if isinstance(which, (int, np.integer)):
            return Instance(self, range(len(self))[which])
        arrays = ["boxes", "scores", "class_ids", "masks", *([] if self.slack is None else ["slack"])]
        return replace(self, **{name: getattr(self, name)[which] for name in arrays})

    def __iter__(self) -> Iterator["Instance"]:
        return (Instance(self, i) for i in range(len(self)))

    @property
    def labels(self) -> np.ndarray:
        """The label of each object, (N,) str, such as for found[found.labels == "dog"]."""
        return np.array([one.label for one in self], str)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle sends to another process: the fields, without the pasted masks."""
        return {entry.name: {} if entry.name == "pasted" else getattr(self, entry.name) for entry in fields(self)}

    @property
    def mask_threshold(self) -> float:
        """The probability above which a pixel is the object's."""
        return MARKED if self.threshold is None else self.threshold

    def for_cutting(self: Kind) -> Kind:
        """The same with the masks by which objects are cut out."""
        return replace(self, threshold=CUT_OUT) if self.threshold is None else self

    def crop(self, i: int) -> tuple[slice, slice]:
        """The part of the picture in the box of object i, as an index of the picture's array."""
        x0, y0, x1, y1 = self.boxes[i].tolist()
        return slice(y0, y1), slice(x0, x1)

    def mask(self, i: int) -> np.ndarray:
        """The pixels of its box that are object i: bool (y1 - y0, x1 - x0), read-only; pasted once, then kept."""
        if i not in self.pasted:
            mask = paste_mask(self.masks[i], self.boxes[i], self.mask_threshold, self.interpolation)
            mask.setflags(write=False)
            if mask.size + sum(kept.size for kept in self.pasted.values()) > PASTED_PIXELS:
                self.pasted.clear()
            self.pasted[i] = mask
        return self.pasted[i]

    def area(self, i: int) -> int:
        """How many pixels of the picture object i covers."""
        return int(np.count_nonzero(self.mask(i)))


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """One object: what Instances hold of it, as plain values.

    among: the Instances that it is one of; number: which of them, from 0
    """

    among: Instances
    number: int

    @property
    def class_id(self) -> int:
        """Its class, from 0."""
        return int(self.among.class_ids[self.number])

    @property
    def label(self) -> str:
        """The name of its class; "class 3" (COCO's number) if the Instances have no names."""
        return self.among.names[self.class_id] if self.among.names else f"class {self.class_id + 1}"

    @property
    def score(self) -> float:
        """How sure the network is, 0..1."""
        return float(self.among.scores[self.number])

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 in pixels of the picture; x1 and y1 exclusive, as Pillow's crop takes them."""
        x0, y0, x1, y1 = self.among.boxes[self.number].tolist()
        return x0, y0, x1, y1

    @property
    def mask(self) -> np.ndarray:
        """The pixels that are the object, bool (H, W), as large as the picture; made anew at each call."""
        mask = np.zeros(self.among.image_hw, bool)
        mask[self.among.crop(self.number)] = self.among.mask(self.number)
        return mask

    @property
    def area(self) -> int:
        """How many pixels it covers."""
        return self.among.area(self.number)

    @cached_property
    def polygons(self) -> list[np.ndarray]:
        """Its parts, each float64 (n, 2), x and y in pixels of the picture: see polygons.fit_polygons."""
        return fit_polygons(self.among.mask(self.number), self.among.boxes[self.number, :2])

    def __repr__(self) -> str:
        return f"<{self.label} {self.score:.2f}, box {self.box}>"


def decode(boxes: np.ndarray, masks: np.ndarray, image_hw: Sequence[int], confidence: float = 0.5,
           threshold: Optional[float] = None, interpolation: str = "cubic") -> Instances:
    """The Instances, in pixels, that the network's raw outputs mean: the detections that score above `confidence`.

    boxes: (1, 1, N, 7) detection_out_final, rows (0, class, score, x0, y0, x1, y1), the box in 0..1;
           rows of zeros pad it
    masks: detection_masks, row i for detection i: (N or more, classes, M, M), a mask for each class, of which
           that of the detection's class is taken, or (N or more, M, M), the mask of that class alone. Outputs
           recorded with TensorFlow are (1, N or more, M, M).
    image_hw: height and width of the picture that the boxes are for
    threshold, interpolation: how the Instances paste their masks

    Boxes are rounded to whole pixels and clipped. Left out is a box that then covers no pixel, a row that is not
    finite, and a row whose class has no mask.

    Raises ValueError if a detection has no row in masks.

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
    best = best_rows(rows, pixels, classes, confidence)
    class_ids = rows[best, 1].astype(np.int32)
    return Instances(pixels[best], rows[best, 2].astype(np.float32), class_ids,
                     masks[best, class_ids] if masks.ndim == 4 else masks[best], (image_hw[0], image_hw[1]),
                     threshold, interpolation)


def best_rows(rows: np.ndarray, pixels: np.ndarray, classes: float, confidence: float) -> np.ndarray:
    """The numbers of the rows (N, 7) that decode keeps, best score first; pixels (N, 4) are their boxes."""
    keep = ((rows[:, 2] > confidence) & (rows[:, 1] >= 0) & (rows[:, 1] < classes)
            & (pixels[:, 0] < pixels[:, 2]) & (pixels[:, 1] < pixels[:, 3]))
    return np.flatnonzero(keep)[np.argsort(-rows[keep, 2], kind="stable")]


def to_pixels(boxes: np.ndarray, image_hw: Sequence[int]) -> np.ndarray:
    """Boxes (N, 4) in 0..1 as whole pixels, int32, clipped to the picture.

    They are rounded. The tutorial cuts off the fraction, which moves every box by up to a pixel to the upper left.
    """
    height, width = image_hw
    size = np.array([width, height, width, height])
    pixels = np.rint(boxes.astype(np.float64) * size)
    return np.clip(pixels, 0, size).astype(np.int32)


def paste_mask(mask: np.ndarray, box_xyxy: Union[Sequence[int], np.ndarray], threshold: float = MARKED,
               interpolation: str = "cubic") -> np.ndarray:
    """The pixels of the box that are the object, bool (y1 - y0, x1 - x0): the mask resized, where it is above
    `threshold`.

    mask: (M, M) float32 probabilities
    box_xyxy: x0, y0, x1, y1 in pixels, exclusive
    interpolation: what cv2.resize does between the cells: nearest (blocks), linear or cubic
    """
    x0, y0, x1, y1 = (int(edge) for edge in box_xyxy)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), bool)
    resized = cv2.resize(mask, (x1 - x0, y1 - y0), interpolation=INTERPOLATIONS[interpolation])
    return resized > threshold
