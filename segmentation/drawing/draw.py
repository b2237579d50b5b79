"""Instances drawn onto their picture: an effect, boxes and captions, and the three steps that --visualize shows."""

from dataclasses import dataclass, field
from typing import Optional

import cv2
import numpy as np
from imutils import build_montages

from segmentation.drawing.effects import EFFECTS, PAINT, cover, crop, largest_first, picture_scale
from segmentation.instances import INTERPOLATIONS, paste_mask

FONT = cv2.FONT_HERSHEY_SIMPLEX
TILE = 300  # pixels a side, of the pictures in a panel


@dataclass(frozen=True, eq=False)  # a background that is a picture has no == of its own
class Style:
    """How Instances are drawn.

    effect: one of EFFECTS. overlay: each object tinted; outline: its edge drawn; blur, pixelate: it is hidden;
            cutout: it alone is kept; splash: it alone keeps its colour
    opacity: 0..1, of the overlay's colour
    boxes, labels: whether they are drawn; None: as suits the effect, with overlay and outline only
    background: what a cutout stands on, a (B, G, R) or a picture, BGR uint8 of any size, fitted to cover
    threshold, interpolation: see paste_mask
    """

    effect: str = "overlay"
    opacity: float = 0.4
    boxes: Optional[bool] = None
    labels: Optional[bool] = None
    background: object = (255, 255, 255)
    threshold: float = 0.3
    interpolation: str = "cubic"
    fitted: dict = field(default_factory=dict, init=False, repr=False)  # the background, by image_hw

    def __post_init__(self):
        if self.effect not in EFFECTS:
            raise ValueError(f"effect must be one of {', '.join(EFFECTS)}, got {self.effect!r}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity must be 0..1, got {self.opacity}")
        shape = np.shape(self.background)
        if shape != (3,) and (len(shape) != 3 or shape[2] != 3 or 0 in shape or self.background.dtype != np.uint8):
            raise ValueError(f"background must be (B, G, R) or a BGR uint8 picture, got {shape}")

    @property
    def annotated(self):
        """(boxes, labels), decided."""
        suits = self.effect in ("overlay", "outline")
        return suits if self.boxes is None else self.boxes, suits if self.labels is None else self.labels

    def background_for(self, image_hw):
        """The background as a picture of that size, BGR uint8; only resized where the size changes."""
        if np.ndim(self.background) == 1:
            return np.broadcast_to(np.full((1, image_hw[1], 3), self.background, np.uint8), (*image_hw, 3))
        if image_hw not in self.fitted:
            self.fitted.clear()  # the frames of a video have one size, photos many
            self.fitted[image_hw] = cover(self.background, image_hw)
        return self.fitted[image_hw]


def draw_instances(image, found, captions, colors, style=None):
    """Draw the objects onto the picture itself.

    image: BGR uint8 (H, W, 3), changed in place
    found: Instances of the picture
    captions: a text for each object, see caption()
    colors: a (B, G, R) for each object
    style: a Style, without it Style()

    Larger boxes are drawn first, so that small objects stay visible; all text comes last.
    """
    style = style or Style()
    boxes, labels = style.annotated
    scale, order = picture_scale(image), largest_first(found)
    PAINT[style.effect](image, found, colors, style)
    for i in order if boxes else ():
        x0, y0, x1, y1 = found.boxes[i].tolist()
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), colors[i], max(2, round(2 * scale)))
    for i in order if labels else ():
        draw_label(image, captions[i], found.boxes[i], colors[i], scale)


def caption(found, i, labels, number=None):
    """What stands above object i, such as "person: 0.9876", or, where it has a number, "#12 person: 0.99"."""
    name, score = labels[found.class_ids[i]], found.scores[i]
    return f"{name}: {score:.4f}" if number is None else f"#{number} {name}: {score:.2f}"


def draw_label(image, text, box_xyxy, color, scale):
    """Text on a plate of the object's colour above its box, or inside it where the picture ends there."""
    size, line = max(0.4, 0.5 * scale), max(1, round(scale))
    (width, height), descent = cv2.getTextSize(text, FONT, size, line)
    pad = max(2, round(3 * scale))
    plate_w, plate_h = width + 2 * pad, height + descent + 2 * pad
    x0, y0 = int(box_xyxy[0]), int(box_xyxy[1])
    left = max(0, min(x0, image.shape[1] - plate_w))
    top = y0 - plate_h if y0 >= plate_h else min(y0, max(0, image.shape[0] - plate_h))
    cv2.rectangle(image, (left, top), (left + plate_w - 1, top + plate_h - 1), color, cv2.FILLED)
    cv2.putText(image, text, (left + pad, top + pad + height), FONT, size, ink(color), line, cv2.LINE_AA)


def ink(color):
    """Black or white, whichever is easier to read on a (B, G, R): by its luminance, Rec. 601."""
    blue, green, red = color
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 127 else (255, 255, 255)


def segmentation_steps(image, found, i, threshold=0.3, interpolation="cubic"):
    """(RoI, mask, cut-out) of object i: BGR of its box, 0 or 255, and BGR of its pixels on black.

    image: BGR uint8 (H, W, 3), not drawn on yet
    """
    roi = crop(image, found.boxes[i])
    mask = paste_mask(found.masks[i], found.boxes[i], threshold, interpolation).astype(np.uint8) * 255
    return roi, mask, cv2.bitwise_and(roi, roi, mask=mask)


def steps_panel(image, found, labels, threshold=0.3, interpolation="cubic"):
    """One picture of the three steps of every object, a row each: BGR uint8 (rows * TILE, 3 * TILE, 3).

    found must hold at least one object.
    """
    tiles = []
    for i in range(len(found)):
        roi, mask, cut_out = segmentation_steps(image, found, i, threshold, interpolation)
        name = caption(found, i, labels)
        tiles += [tile(roi, f"{name}  ROI"), tile(mask, "mask"), tile(cut_out, "segmented")]
    return build_montages(tiles, (TILE, TILE), (3, len(found)))[0]


def tile(picture, title):
    """A picture fitted into a dark square of TILE pixels under its title, aspect kept."""
    bar, margin = 24, 4
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    height, width = picture.shape[:2]
    scale = min((TILE - 2 * margin) / width, (TILE - bar - margin) / height)
    fitted = cv2.resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))),
                        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    square = np.full((TILE, TILE, 3), 40, np.uint8)
    top = bar + (TILE - bar - margin - fitted.shape[0]) // 2
    left = (TILE - fitted.shape[1]) // 2
    square[top:top + fitted.shape[0], left:left + fitted.shape[1]] = fitted
    cv2.putText(square, title, (margin + 2, bar - 8), FONT, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return square
