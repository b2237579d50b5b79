"""Captions of objects: their text, where they find room, and how they are drawn."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import cv2
import numpy as np

from segmentation.drawing.palettes import Color
from segmentation.instances import Instances

FONT = cv2.FONT_HERSHEY_SIMPLEX


class Plate(NamedTuple):
    """A caption in its size, in pixels. pad: between the text and the plate's edge; ascent: of the text"""

    text: str
    width: int
    height: int
    pad: int
    ascent: int
    font_scale: float
    line: int


def caption(found: Instances, i: int, labels: Sequence[str], number: Optional[int] = None) -> str:
    """The text of object i, such as "person: 0.99", or, if it has a number, "#12 person: 0.99"."""
    text = f"{labels[found.class_ids[i]]}: {found.scores[i]:.2f}"
    return text if number is None else f"#{number} {text}"


def draw_captions(image: np.ndarray, boxes: np.ndarray, texts: Sequence[str], colors: Sequence[Color],
                  scale: float, free: Optional[np.ndarray] = None) -> None:
    """Draw a text for each object on a plate of its colour. The plates do not cover each other where there is room.

    image: BGR uint8 (H, W, 3), changed in place
    boxes: (N, 4) pixels x0, y0, x1, y1, exclusive; the first may choose their places first
    scale: of the text, 1 for a picture of usual size
    free: (M, 4) rooms x0, y0, x1, y1 that stay free where there is room elsewhere
    """
    plates = [measured(text, scale) for text in texts]
    corners = places(boxes, [(plate.width, plate.height) for plate in plates], (image.shape[0], image.shape[1]), free)
    # The last of the list first: should two plates meet, the better object's stays readable.
    for plate, (left, top), color in reversed([*zip(plates, corners, colors)]):
        cv2.rectangle(image, (left, top), (left + plate.width - 1, top + plate.height - 1), color, cv2.FILLED)
        cv2.putText(image, plate.text, (left + plate.pad, top + plate.pad + plate.ascent), FONT, plate.font_scale,
                    ink(color), plate.line, cv2.LINE_AA)


def measured(text: str, scale: float) -> Plate:
    """The Plate of a text."""
    font_scale, line, pad = max(0.4, 0.5 * scale), max(1, round(scale)), max(2, round(3 * scale))
    (width, ascent), descent = cv2.getTextSize(text, FONT, font_scale, line)
    return Plate(text, width + 2 * pad, ascent + descent + 2 * pad, pad, ascent, font_scale, line)


def places(boxes: np.ndarray, sizes_wh: Sequence[tuple[int, int]],
           image_hw: tuple[int, int], free: Optional[np.ndarray] = None) -> list[tuple[int, int]]:
    """The top left corner (x, y) of a plate for each box: the first of its candidates that covers no earlier plate.

    free: (M, 4) rooms that are as if they held plates already

    Where all cover one, it is the candidate that covers least. All lie in the picture as far as they fit into it.

    >>> places(np.array([[10, 50, 90, 90], [20, 50, 99, 90]]), [(40, 16), (40, 16)], (100, 200))
    [(10, 34), (59, 34)]
    """
    free = np.empty((0, 4), int) if free is None else free
    taken = free
    for box, (width, height) in zip(boxes.tolist(), sizes_wh):
        rooms = [inside((x, y, x + width, y + height), image_hw) for x, y in candidates(box, width, height)]
        near = np.array([room for room in rooms if touches(room, box)] or rooms)                     # (8 or fewer, 4)
        taken = np.concatenate([taken, near[[covered(near, taken).argmin()]]])
    return [(left, top) for left, top, _, _ in taken[len(free):].tolist()]


def candidates(box: Sequence[int], width: int, height: int) -> list[tuple[int, int]]:
    """Corners for a plate at a box, the best first: above it, inside at the top, below it, inside at the bottom."""
    x0, y0, x1, y1 = box
    return [(x, y) for y in (y0 - height, y0, y1, y1 - height) for x in (x0, x1 - width)]


def inside(room: tuple[int, int, int, int], image_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """A room x0, y0, x1, y1, moved into the picture; its left and its top stay there if it is larger."""
    x0, y0, x1, y1 = room
    left, top = (max(0, min(start, side - (end - start))) for start, end, side in ((x0, x1, image_hw[1]),
                                                                                 (y0, y1, image_hw[0])))
    return left, top, left + x1 - x0, top + y1 - y0


def covered(rooms: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """How many pixels each of `rooms` (M, 4) has in common with all of `taken` (N, 4): (M,)."""
    ends = np.minimum(rooms[:, None, 2:], taken[None, :, 2:])
    starts = np.maximum(rooms[:, None, :2], taken[None, :, :2])
    return np.clip(ends - starts, 0, None).prod(2).sum(1)


def touches(room: Sequence[int], box: Sequence[int]) -> bool:
    """Whether a room lies at a box, so that one sees what it belongs to."""
    return all(room[i] <= box[i + 2] and room[i + 2] >= box[i] for i in (0, 1))


def ink(color: Color) -> Color:
    """Black or white, whichever is easier to read on a (B, G, R): by its luminance as in Rec. 601."""
    blue, green, red = color
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 127 else (255, 255, 255)
