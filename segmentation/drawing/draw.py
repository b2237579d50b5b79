"""Instances drawn onto their picture: an effect, boxes and captions, and the three steps that --visualize shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

import cv2
import numpy as np
from imutils import build_montages

from segmentation.drawing.captions import FONT, caption, draw_captions
from segmentation.drawing.cutting import cut_out_all
from segmentation.drawing.effects import EFFECTS, PAINT, cover, largest_first
from segmentation.drawing.palettes import Color
from segmentation.drawing.scale import picture_scale
from segmentation.instances import Instances

TILE = 300  # pixels a side, of the pictures in a panel


@dataclass(frozen=True, eq=False)  # a background picture is an array, whose == is no bool
class Style:
    """How Instances are drawn.

    effect: one of EFFECTS. overlay: each object is tinted; outline: its edge is drawn; blur, pixelate: it is hidden;
            cutout: the objects alone are kept; splash: the objects alone keep their colours
    opacity: 0..1, of the overlay's colour
    boxes, labels: whether they are drawn; None: with the effects overlay and outline only
    background: of a cutout, a (B, G, R), or a picture, BGR uint8 of any size, made as large as the image by cover.
                None: it is transparent
    fitted: the background picture as large as the last image, by image_hw

    Raises ValueError for a value that is none of these.
    """

    effect: str = "overlay"
    opacity: float = 0.4
    boxes: Optional[bool] = None
    labels: Optional[bool] = None
    background: Union[Color, np.ndarray, None] = (255, 255, 255)
    fitted: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"effect must be one of {', '.join(EFFECTS)}, got {self.effect!r}")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity must be 0..1, got {self.opacity}")
        if self.background is None:
            if self.effect != "cutout":
                raise ValueError(f"background None, a transparent one, needs the effect cutout, got {self.effect!r}")
            return
        background = np.asarray(self.background)
        shape = background.shape
        if shape != (3,) and (len(shape) != 3 or shape[2] != 3 or 0 in shape or background.dtype != np.uint8):
            raise ValueError(f"background must be (B, G, R) or a BGR uint8 picture, got {shape}")

    @property
    def transparent(self) -> bool:
        """Whether the drawn picture has an alpha channel."""
        return self.background is None

    @property
    def annotated(self) -> tuple[bool, bool]:
        """(boxes, labels): whether they are drawn with this effect."""
        suits = self.effect in ("overlay", "outline")
        return suits if self.boxes is None else self.boxes, suits if self.labels is None else self.labels

    def background_for(self, image_hw: tuple[int, int]) -> np.ndarray:
        """The background as a BGR uint8 picture of that height and width; resized only when the size changes."""
        background = np.asarray(self.background)
        if background.ndim == 1:
            return np.broadcast_to(np.full((1, image_hw[1], 3), background, np.uint8), (*image_hw, 3))
        if image_hw not in self.fitted:
            self.fitted.clear()  # the frames of a video have one size, photos many
            self.fitted[image_hw] = cover(background, image_hw)
        return self.fitted[image_hw]


def drawn(image: np.ndarray, found: Instances, labels: Sequence[str], colors: Sequence[Color],
          style: Optional[Style] = None) -> np.ndarray:
    """A copy of a picture with its objects drawn: BGR uint8 (H, W, 3), or BGRA if the background is transparent.

    labels: the name of each class; image, found, colors, style: as of draw_instances
    """
    if style and style.transparent:
        return cut_out_all(image, found)
    result = image.copy()
    draw_instances(result, found, [caption(found, i, labels) for i in range(len(found))], colors, style)
    return result


def draw_instances(image: np.ndarray, found: Instances, captions: Sequence[str], colors: Sequence[Color],
                   style: Optional[Style] = None, free: Optional[np.ndarray] = None) -> None:
    """Draw the objects onto the picture itself.

    image: BGR uint8 (H, W, 3), changed in place
    found: Instances of the picture
    captions: a text for each object, see caption()
    colors: a (B, G, R) for each object
    style: a Style whose background is not transparent; None: Style()
    free: (M, 4) rooms that captions leave free, see draw_captions

    Larger boxes are drawn first, so that small objects stay visible; all text is drawn last.
    """
    style = style or Style()
    boxes, labels = style.annotated
    scale, order = picture_scale(image), largest_first(found)
    PAINT[style.effect](image, found, colors, style)
    for i in order if boxes else ():
        x0, y0, x1, y1 = found.boxes[i].tolist()
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), colors[i], max(2, round(2 * scale)))
    if labels:
        draw_captions(image, found.boxes, captions, colors, scale, free)


def segmentation_steps(image: np.ndarray, found: Instances, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(RoI, mask, cut-out) of object i, uint8 as large as its box: BGR, 0 or 255, and BGR of its pixels on black.

    image: BGR uint8 (H, W, 3), not drawn on yet
    """
    roi = image[found.crop(i)]
    mask = found.mask(i).astype(np.uint8) * 255
    return roi, mask, cv2.bitwise_and(roi, roi, mask=mask)


def steps_panel(image: np.ndarray, found: Instances, labels: Sequence[str]) -> np.ndarray:
    """One picture of the three steps of every object, a row each: BGR uint8 (rows * TILE, 3 * TILE, 3).

    found must hold at least one object.
    """
    tiles = []
    for i in range(len(found)):
        roi, mask, cut_out = segmentation_steps(image, found, i)
        name = caption(found, i, labels)
        tiles += [tile(roi, f"{name}  ROI"), tile(mask, "mask"), tile(cut_out, "segmented")]
    return build_montages(tiles, (TILE, TILE), (3, len(found)))[0]


def tile(picture: np.ndarray, title: str) -> np.ndarray:
    """A picture in a dark square of TILE pixels under its title, resized with its aspect kept: BGR uint8."""
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
