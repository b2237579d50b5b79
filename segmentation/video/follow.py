"""Follower: moves the objects that the network found on one frame to the frames after it, by optical flow.

    follower = Follower()
    found = follower(first_image, found)
    for image in later_images:
        draw(image, follower(image))

The flow is that of "Fast Optical Flow using Dense Inverse Search" (Kroeger et al., 2016), from OpenCV. An object moves
by the median of the flow under its mask, and grows or shrinks as the flow spreads from its centre. It does not turn.
"""

from dataclasses import replace
from typing import NamedTuple, Optional

import cv2
import numpy as np

from segmentation.instances import Instances

WIDTH = 320  # pixels; the flow is computed on a picture of at most this width
POINTS = 16  # a side: the flow is read at so many columns and rows of a box
LEAST_POINTS = 6  # of the mask, for a median; with fewer, the whole box counts
MOST_GROWTH = 0.1  # how much an object's size may change from a frame to the next


class Motion(NamedTuple):
    """How an object moves from a frame to the next.

    shift: x and y in pixels, float64 (2,)
    growth: by which its size changes; 0: it stays
    spread: the median distance, in pixels, of the flow from this motion
    """

    shift: np.ndarray
    growth: float
    spread: float


STILL = Motion(np.zeros(2), 0.0, 0.0)


class Follower:
    """Moves objects from frame to frame. Its results do not depend on the number of threads."""

    def __init__(self) -> None:
        self.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # Half the picture's resolution, and no smoothing: that would mix the flow of an object with that around it.
        self.dis.setFinestScale(1)
        self.dis.setVariationalRefinementIterations(0)
        # Propagation goes on from row to row: without it, the threads that share the rows cannot change the flow.
        self.dis.setUseSpatialPropagation(False)

    def __call__(self, image: np.ndarray, found: Optional[Instances] = None) -> Instances:
        """The objects on the next frame, BGR uint8 (H, W, 3).

        found: what the network found on it. None: the objects of the frame before are moved, see `move`. The first
            frame must have its objects
        """
        if found is None:
            return self.move(image)
        self.begin(image, found)
        return found

    def begin(self, image: np.ndarray, found: Instances) -> None:
        """Take a frame and the objects that the network found on it."""
        self.grey, self.found = small_grey(image), found
        self.boxes = found.boxes.astype(np.float64)  # they may reach beyond the picture
        self.slack = np.zeros(len(found))

    def move(self, image: np.ndarray) -> Instances:
        """The objects on the next frame, BGR uint8 (H, W, 3), all of them and in their order.

        An object that has left the picture has an empty box. `slack` says by how much each place may be wrong.
        """
        if not len(self.found):
            return self.found
        before, self.grey = self.grey, small_grey(image)
        flow = self.dis.calc(before, self.grey, None)  # type: ignore[call-overload]  # None: a new array
        scale = np.array(image.shape[1::-1]) / flow.shape[1::-1]
        for i, mask in enumerate(self.found.masks):
            motion = motion_of(flow, self.boxes[i] / np.tile(scale, 2), mask > self.found.mask_threshold)
            self.step(i, motion._replace(shift=motion.shift * scale, spread=motion.spread * scale.max()))
        return self.visible()

    def step(self, i: int, motion: Motion) -> None:
        """Move the box of object i; motion: in pixels of the picture"""
        low, high = self.boxes[i, :2], self.boxes[i, 2:]
        grow = (high - low) * motion.growth / 2
        self.boxes[i] = [*(low + motion.shift - grow), *(high + motion.shift + grow)]
        self.slack[i] += np.hypot(*motion.shift) + np.hypot(*grow) + motion.spread

    def visible(self) -> Instances:
        """The objects where they are now, clipped to the picture."""
        height, width = self.found.image_hw
        whole = np.rint(self.boxes).astype(np.int32)
        boxes = np.clip(whole, 0, np.array([width, height, width, height], np.int32))
        masks = np.stack([visible_part(mask, *places) for mask, *places in zip(self.found.masks, whole, boxes)])
        return replace(self.found, boxes=boxes, masks=masks, slack=self.slack.astype(np.float32))


def small_grey(image: np.ndarray) -> np.ndarray:
    """A picture, BGR uint8 (H, W, 3), in grey and at most WIDTH pixels wide: uint8 (h, w)."""
    height, width = image.shape[:2]
    shrink = min(1.0, WIDTH / width)
    # The flow needs a few pixels to each side.
    size_wh = (max(16, round(width * shrink)), max(16, round(height * shrink)))
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), size_wh, interpolation=cv2.INTER_AREA)


def motion_of(flow: np.ndarray, box: np.ndarray, mask: np.ndarray) -> Motion:
    """The Motion of an object, in pixels of the flow.

    flow: float32 (h, w, 2), x and y
    box: x0, y0, x1, y1 of the object in the flow, float; it may reach beyond it
    mask: bool (M, M), the cells of the box that are the object
    """
    places, flows = under_mask(flow, box, mask)
    if not len(places):
        return STILL
    shift = np.median(flows, axis=0)
    away, rest = places - (box[:2] + box[2:]) / 2, flows - shift
    distance = np.hypot(*rest.T)
    near = distance <= 2 * np.median(distance) + 0.05  # the flow of what is before or behind the object is left out
    growth = np.sum(away[near] * rest[near]) / max(np.sum(away[near] ** 2), 1e-9)
    growth = float(np.clip(growth, -MOST_GROWTH, MOST_GROWTH)) if near.sum() >= LEAST_POINTS else 0.0
    return Motion(np.median(flows - growth * away, axis=0), growth, float(np.median(distance)))


def under_mask(flow: np.ndarray, box: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of an object and the flow there, both float64 (n, 2), x and y; the arguments are those of motion_of."""
    height, width = flow.shape[:2]
    side = np.linspace(0, 1, POINTS, endpoint=False) + 0.5 / POINTS
    xs, ys = box[0] + side * (box[2] - box[0]), box[1] + side * (box[3] - box[1])
    inside = ((ys >= 0) & (ys < height))[:, None] & ((xs >= 0) & (xs < width))[None]
    cells = (side * len(mask)).astype(int)
    held = inside & mask[np.ix_(cells, cells)]
    rows, columns = np.nonzero(held if held.sum() >= LEAST_POINTS else inside)
    places = np.stack([xs[columns], ys[rows]], axis=1)
    whole = places.astype(int)
    return places, flow[whole[:, 1], whole[:, 0]].astype(np.float64)


def visible_part(mask: np.ndarray, whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The mask, float32 (M, M), of a part of its box, as large again.

    whole, part: the box and the part of it, x0, y0, x1, y1 in pixels
    """
    side, cut = whole[2:] - whole[:2], part[2:] - part[:2]
    if (whole == part).all() or not cut.all():
        return mask
    cells = len(mask)
    zoom = cut / side
    offset = (part[:2] - whole[:2]) * cells / side + 0.5 * zoom - 0.5  # the centre of the part's first cell
    matrix = np.array([[zoom[0], 0, offset[0]], [0, zoom[1], offset[1]]], np.float64)
    return cv2.warpAffine(mask, matrix, (cells, cells), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)
