"""Objects put on a background one after another; of each pixel it is known which object it shows.

    picture = Picture(background)
    sprite = Sprite("cat", draw_canvas(rng, "cat", 120), x=200, y=150, angle=5)
    picture.put(*sprite.patch(), sprite)
    (category_id, mask), = picture.objects([sprite])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import cv2
import numpy as np

from segmentation.training.scenes.shapes import CLASSES, SUPERSAMPLING


@dataclass
class Sprite:
    """An object of a scene and its place."""

    name: str                   # of its class
    canvas: np.ndarray          # (side, side, 4) uint8, premultiplied, SUPERSAMPLING times as large as shown
    x: float = 0.0              # the middle of the canvas, in pixels of the picture
    y: float = 0.0
    angle: float = 0.0          # degrees
    scale: float = 1.0
    standing: bool = False      # its shadow falls on the ground, not on a surface behind it
    shadow: float = 0.0         # how dark, 0..1

    def move_to(self, x: float, y: float) -> None:
        """Move the middle of the canvas to this pixel of the picture."""
        self.x, self.y = x, y

    def stand(self) -> None:
        """Let its shadow fall on the ground."""
        self.standing = True

    def patch(self) -> tuple[np.ndarray, tuple[int, int]]:
        """The object as shown, (h, w, 4) uint8 premultiplied, and the pixel (x, y) of the picture where it begins."""
        side = self.canvas.shape[0]
        zoom = self.scale / SUPERSAMPLING
        reach = math.ceil(side * zoom * 0.75) + 1       # 0.71 is the half diagonal of a square
        corner_x, corner_y = math.floor(self.x) - reach, math.floor(self.y) - reach
        turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), self.angle, zoom)
        turn[:, 2] += (self.x - corner_x - (side - 1) / 2, self.y - corner_y - (side - 1) / 2)
        shown = cv2.warpAffine(self.canvas, turn, (2 * reach, 2 * reach), flags=cv2.INTER_LINEAR)
        x, y, w, h = cv2.boundingRect(shown[..., 3])
        return shown[y:y + h, x:x + w], (corner_x + x, corner_y + y)


class Picture:
    """A picture in the making.

    image: (H, W, 3) uint8 BGR
    owner: (H, W) uint8, the number from 1 of the object that is visible there, or 0
    full, seen: number -> how many pixels the object has, and how many of them are visible
    """

    def __init__(self, background: np.ndarray) -> None:
        self.image = background.copy()
        self.owner: np.ndarray = np.zeros(background.shape[:2], np.uint8)
        self.full: list[int] = [0]
        self.seen: list[int] = [0]

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width = self.owner.shape
        return width, height

    def overlap(self, patch: np.ndarray,
                corner: tuple[int, int]) -> Optional[tuple[tuple[slice, slice], np.ndarray]]:
        """(rows, columns) of the picture that a patch covers, and the part of the patch that does; None for nothing."""
        (x, y), (h, w), (width, height) = corner, patch.shape[:2], self.size_wh
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x1 <= x0 or y1 <= y0:
            return None
        return (slice(y0, y1), slice(x0, x1)), patch[y0 - y:y1 - y, x0 - x:x1 - x]

    def hidden(self, patch: np.ndarray, corner: tuple[int, int]) -> float:
        """How much would be hidden, 0..1, with this patch on top: the largest share of it and of the objects below."""
        overlap = self.overlap(patch, corner)
        if overlap is None:
            return 1.0
        place, part = overlap
        solid = part[..., 3] > 127
        covered = np.bincount(self.owner[place][solid], minlength=len(self.full))
        touched = np.flatnonzero(covered[1:]) + 1
        lost = [1 - (self.seen[k] - covered[k]) / self.full[k] for k in touched]
        return max(1 - covered.sum() / max(1, np.count_nonzero(patch[..., 3] > 127)), *lost, 0.0)

    def put(self, patch: np.ndarray, corner: tuple[int, int], sprite: Sprite) -> None:
        """Put a sprite's patch on top, after its shadow; it owns the pixels where it is more than half opaque."""
        number = len(self.full)
        self.full.append(int(np.count_nonzero(patch[..., 3] > 127)))
        self.seen.append(0)
        if sprite.shadow:
            self.darken(*cast_shadow(patch, corner, sprite))
        overlap = self.overlap(patch, corner)
        if overlap is None:
            return
        place, part = overlap
        alpha = part[..., 3]
        ground = cv2.multiply(self.image[place], cv2.merge([255 - alpha] * 3), scale=1 / 255)
        self.image[place] = cv2.add(ground, np.ascontiguousarray(part[..., :3]))
        owner, solid = self.owner[place], alpha > 127
        covered = np.bincount(owner[solid], minlength=number + 1)
        self.seen = [seen - int(lost) for seen, lost in zip(self.seen, covered)]
        self.seen[number] = int(covered.sum())
        owner[solid] = number

    def darken(self, shade: np.ndarray, corner: tuple[int, int]) -> None:
        """Darken the image by a shadow (h, w) uint8."""
        overlap = self.overlap(shade, corner)
        if overlap is not None:
            place, part = overlap
            self.image[place] = cv2.multiply(self.image[place], cv2.merge([255 - part] * 3), scale=1 / 255)

    def objects(self, sprites: Sequence[Sprite]) -> list[tuple[int, np.ndarray]]:
        """(category id, mask (H, W) bool) of each sprite, in the order they were put."""
        return [(CLASSES[sprite.name][0], self.owner == number) for number, sprite in enumerate(sprites, 1)]


def cast_shadow(patch: np.ndarray, corner: tuple[int, int], sprite: Sprite) -> tuple[np.ndarray, tuple[int, int]]:
    """A soft shadow, (h, w) uint8, and its corner (x, y): flat on the ground below the object, or behind it."""
    h, w = patch.shape[:2]
    tall, pad = (max(4, h // 7) if sprite.standing else h), max(4, (w + h) // 16)
    small = cv2.resize(patch[..., 3], (max(2, w // 4), max(2, tall // 4)), interpolation=cv2.INTER_AREA)
    edge = max(1, pad // 4)
    small = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=[0])
    small = cv2.GaussianBlur(small, (0, 0), max(0.6, pad / 12))
    shade = cv2.resize(small, (w + 2 * pad, tall + 2 * pad), interpolation=cv2.INTER_LINEAR)
    x, y = corner[0] - pad, corner[1] - pad
    if sprite.standing:
        y += h - tall // 2 - tall // 4
    else:
        x, y = x + pad // 2, y + pad // 2
    darkness: Any = sprite.shadow  # OpenCV's type hints know arrays only
    return cv2.multiply(shade, darkness), (x, y)
