"""Objects laid over a background one after the other, with account of which pixel shows which of them.

    picture = Picture(background)
    sprite = Sprite("cat", draw_canvas(rng, "cat", 120), x=200, y=150, angle=5)
    picture.put(*sprite.patch(), sprite)
    (category_id, mask), = picture.objects([sprite])
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segmentation.training.scenes.shapes import CLASSES, SUPERSAMPLING


@dataclass
class Sprite:
    """An object of a scene: its class, its canvas (side, side, 4), SUPERSAMPLING times as large as shown, and
    its place."""
    name: str
    canvas: np.ndarray
    x: float = 0.0              # the middle of the canvas, in pixels of the picture
    y: float = 0.0
    angle: float = 0.0          # degrees
    scale: float = 1.0
    standing: bool = False      # casts its shadow on the ground, not on a surface behind it
    shadow: float = 0.0         # how dark, 0..1

    def patch(self):
        """The object as shown, (h, w, 4) premultiplied, and the picture's pixel (x, y) of its corner."""
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
    """A picture in the making: image (H, W, 3) uint8, and owner (H, W) uint8, 0 or the number of the object
    that is seen there."""

    def __init__(self, background):
        self.image = background.copy()
        self.owner = np.zeros(background.shape[:2], np.uint8)
        self.full = [0]                                         # the pixels of each object, hidden ones too,
        self.seen = [0]                                         # and those that are seen

    def overlap(self, patch, corner):
        """Where a patch lies in the picture, and the part of the patch that does: (rows, columns), part."""
        (x, y), (h, w), (height, width) = corner, patch.shape[:2], self.owner.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x1 <= x0 or y1 <= y0:
            return None, None
        return (slice(y0, y1), slice(x0, x1)), patch[y0 - y:y1 - y, x0 - x:x1 - x]

    def hidden(self, patch, corner):
        """The largest share, of this patch and of the objects it touches, that is hidden with it on top."""
        place, part = self.overlap(patch, corner)
        if place is None:
            return 1.0
        solid = part[..., 3] > 127
        covered = np.bincount(self.owner[place][solid], minlength=len(self.full))
        touched = np.flatnonzero(covered[1:]) + 1
        lost = [1 - (self.seen[k] - covered[k]) / self.full[k] for k in touched]
        return max(1 - covered.sum() / max(1, np.count_nonzero(patch[..., 3] > 127)), *lost, 0.0)

    def put(self, patch, corner, sprite):
        """Lays a patch on top, after its shadow; it owns the pixels where it is more than half opaque."""
        number = len(self.full)
        self.full.append(np.count_nonzero(patch[..., 3] > 127))
        self.seen.append(0)
        if sprite.shadow:
            self.darken(*cast_shadow(patch, corner, sprite))
        place, part = self.overlap(patch, corner)
        if place is None:
            return
        alpha = part[..., 3]
        ground = cv2.multiply(self.image[place], cv2.merge([255 - alpha] * 3), scale=1 / 255)
        self.image[place] = cv2.add(ground, np.ascontiguousarray(part[..., :3]))
        owner, solid = self.owner[place], alpha > 127
        covered = np.bincount(owner[solid], minlength=number + 1)
        self.seen = [seen - int(lost) for seen, lost in zip(self.seen, covered)]
        self.seen[number] = int(covered.sum())
        owner[solid] = number

    def darken(self, shade, corner):
        place, part = self.overlap(shade, corner)
        if place is not None:
            self.image[place] = cv2.multiply(self.image[place], cv2.merge([255 - part] * 3), scale=1 / 255)

    def objects(self, sprites):
        """(category id, mask (H, W) bool) of each sprite, in the order they were put."""
        return [(CLASSES[sprite.name][0], self.owner == number) for number, sprite in enumerate(sprites, 1)]


def cast_shadow(patch, corner, sprite):
    """A soft shadow, (h, w) uint8, and its corner: flat on the ground below the object, or behind it."""
    h, w = patch.shape[:2]
    tall, pad = (max(4, h // 7) if sprite.standing else h), max(4, (w + h) // 16)
    small = cv2.resize(patch[..., 3], (max(2, w // 4), max(2, tall // 4)), interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, *[max(1, pad // 4)] * 4, cv2.BORDER_CONSTANT, value=0)
    small = cv2.GaussianBlur(small, (0, 0), max(0.6, pad / 12))
    shade = cv2.resize(small, (w + 2 * pad, tall + 2 * pad), interpolation=cv2.INTER_LINEAR)
    x, y = corner[0] - pad, corner[1] - pad
    if sprite.standing:
        y += h - tall // 2 - tall // 4
    else:
        x, y = x + pad // 2, y + pad // 2
    return cv2.multiply(shade, sprite.shadow), (x, y)
