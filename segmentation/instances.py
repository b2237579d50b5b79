"""What the network found in a picture: Instances; decode (raw outputs to pixels); paste_mask."""

from dataclasses import dataclass, field, fields, replace

import cv2
import numpy as np

PASTED_PIXELS = 1 << 26  # of pasted masks that Instances keep at most: 64 MB
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
    threshold, interpolation: how the masks are pasted, see paste_mask

        for i in range(len(found)):
            image[found.crop(i)][found.mask(i)] = 255      # paint the pixels of object i white

    Raises ValueError where the arrays do not fit each other.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    masks: np.ndarray
    image_hw: tuple
    threshold: float = 0.3
    interpolation: str = "cubic"
    pasted: dict = field(default_factory=dict, init=False, repr=False, compare=False)  # i -> mask(i)

    def __post_init__(self):
        count = len(self.scores)
        shapes = {"boxes": (count, 4), "scores": (count,), "class_ids": (count,)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"{name} must be {shape}, got {np.shape(getattr(self, name))}")
        if len(self.masks) != count:
            raise ValueError(f"masks must be {count}, one for each object, got {len(self.masks)}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")

    def __len__(self):
        return len(self.scores)

    def __getitem__(self, which):
        """The Instances of some of the objects: a slice, an array of numbers, or a bool for each object."""
        if isinstance(which, (int, np.integer)):
            which = [which]
        return replace(self, **{name: getattr(self, name)[which] for name in ("boxes", "scores", "class_ids", "masks")})

    def __getstate__(self):
        """The arrays without the pasted masks, for another process."""
        return {entry.name: {} if entry.name == "pasted" else getattr(self, entry.name) for entry in fields(self)}

    def crop(self, i):
        """The part of the picture in the box of object i, as an index of its array."""
        x0, y0, x1, y1 = self.boxes[i].tolist()
        return slice(y0, y1), slice(x0, x1)

    def mask(self, i):
        """The pixels of its box that are object i, bool (y1 - y0, x1 - x0); pasted once, then kept."""
        if i not in self.pasted:
            mask = paste_mask(self.masks[i], self.boxes[i], self.threshold, self.interpolation)
            if mask.size + sum(kept.size for kept in self.pasted.values()) > PASTED_PIXELS:
                self.pasted.clear()
            self.pasted[i] = mask
        return self.pasted[i]

    def area(self, i):
        """How many pixels of the picture object i covers."""
        return int(np.count_nonzero(self.mask(i)))


def decode(boxes, masks, image_hw, confidence=0.5, threshold=0.3, interpolation="cubic"):
    """The network's raw outputs as Instances in pixels: those that score above `confidence`.

    boxes: (1, 1, N, 7) detection_out_final, rows (0, class, score, x0, y0, x1, y1), the box in 0..1;
           rows of zeros pad it
    masks: detection_masks, row i of detection i: (N or more, classes, 15, 15), of which the mask of the
           detection's class counts, or (N or more, 15, 15) of that class alone; (1, N or more, 15, 15)
           too, as TensorFlow's are recorded
    image_hw: height and width of the picture that the boxes are for
    threshold, interpolation: how the Instances paste their masks

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
                     masks[best, class_ids] if masks.ndim == 4 else masks[best], tuple(image_hw), threshold,
                     interpolation)


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
