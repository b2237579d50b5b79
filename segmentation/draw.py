"""Instances drawn onto their picture: colours, overlays and the three steps that --visualize shows."""

import cv2
import numpy as np
from imutils import build_montages

from segmentation.instances import paste_mask

OPACITY = 0.4  # of the colour; 0.6 of the picture shows through
LINE_AT = 600  # short side of a picture, in pixels, whose boxes are 2 pixels wide
FONT = cv2.FONT_HERSHEY_SIMPLEX
TILE = 300  # pixels a side, of the pictures in a panel


def pick_colors(palette, count, seed):
    """`count` colours of a palette [(B, G, R), ...] in an order that `seed` decides.

    Each colour comes once before one comes again, so neighbours differ as long as they can.
    """
    generator = np.random.default_rng(seed)
    rounds = -(-count // len(palette))
    order = [index for _ in range(rounds) for index in generator.permutation(len(palette))]
    return [palette[index] for index in order[:count]]


def draw_instances(image, found, labels, colors, threshold=0.3, interpolation="linear"):
    """Draw each object's mask, box and label onto the picture itself.

    image: BGR uint8 (H, W, 3), changed in place
    found: Instances of the picture
    labels: the name of each class
    colors: a (B, G, R) for each object

    Larger boxes are drawn first, so that small objects stay visible; all text comes last.
    """
    scale = picture_scale(image)
    area = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1, dtype=np.int64)
    order = np.argsort(-area, kind="stable")
    for i in order:
        mask = paste_mask(found.masks[i], found.boxes[i], threshold, interpolation)
        blend(crop(image, found.boxes[i]), mask, colors[i])
    for i in order:
        x0, y0, x1, y1 = found.boxes[i].tolist()
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), colors[i], max(2, round(2 * scale)))
    for i in order:
        draw_label(image, caption(found, i, labels), found.boxes[i], colors[i], scale)


def caption(found, i, labels):
    """What stands above object i, such as "person: 0.9876"."""
    return f"{labels[found.class_ids[i]]}: {found.scores[i]:.4f}"


def picture_scale(image):
    """How much wider than at LINE_AT lines and text are to be, so that they look alike at every size."""
    return min(image.shape[:2]) / LINE_AT


def crop(image, box_xyxy):
    """The part of the picture in a box, a view."""
    x0, y0, x1, y1 = box_xyxy
    return image[y0:y1, x0:x1]


def blend(roi, mask, color, opacity=OPACITY):
    """Mix a colour into the pixels of roi (h, w, 3), in place, where mask (h, w) is true.

    By a table of 256 results a channel: no float copy of the pixels, which for a large photo is gigabytes.

    >>> roi = np.full((1, 2, 3), 100, np.uint8)
    >>> blend(roi, np.array([[True, False]]), (0, 100, 255))
    >>> roi.tolist()
    [[[60, 100, 162], [100, 100, 100]]]
    """
    table = np.rint((1 - opacity) * np.arange(256)[:, None] + opacity * np.array(color)).astype(np.uint8)
    cv2.copyTo(cv2.LUT(roi, table.reshape(1, 256, 3)), mask.view(np.uint8), roi)


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


def segmentation_steps(image, found, i, threshold=0.3, interpolation="linear"):
    """(RoI, mask, cut-out) of object i: BGR of its box, 0 or 255, and BGR of its pixels on black.

    image: BGR uint8 (H, W, 3), not drawn on yet
    """
    roi = crop(image, found.boxes[i])
    mask = paste_mask(found.masks[i], found.boxes[i], threshold, interpolation).astype(np.uint8) * 255
    return roi, mask, cv2.bitwise_and(roi, roi, mask=mask)


def steps_panel(image, found, labels, threshold=0.3, interpolation="linear"):
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
