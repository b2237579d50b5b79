"""Effects, ways to draw the objects of a picture: one function for each, which changes the picture in place.

Each takes (image, found, colors, style): BGR uint8 (H, W, 3), its Instances, a (B, G, R) for each object and a
draw.Style. Pixels are changed box by box or strip by strip, in 8 bits: a float copy of a large photo would take
gigabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

import cv2
import numpy as np

from segmentation.drawing.cutting import STRIP, own_colors, soften, united
from segmentation.drawing.palettes import Color
from segmentation.drawing.scale import picture_scale
from segmentation.instances import Instances, paste_mask

if TYPE_CHECKING:
    from segmentation.drawing.draw import Style

# A hidden object is at most CELLS cells long. Of a face, 7 x 10 pixels are enough for people who know it
# (Sinha et al., "Face Recognition by Humans: Nineteen Results", 2006), and networks read mosaics of 8 x 8
# (McPherson et al., "Defeating Image Obfuscation with Deep Learning", 2016).
CELLS = 6
SMALLEST_CELL = 8  # pixels; an object smaller than a cell becomes a single colour
HIDING_GRID = 225  # longest side, in pixels, of the masks that hide objects: 15 for each of the network's cells


def crop(image: np.ndarray, box_xyxy: Sequence[int] | np.ndarray) -> np.ndarray:
    """The part of the picture in a box, a view."""
    x0, y0, x1, y1 = box_xyxy
    return image[y0:y1, x0:x1]


def largest_first(found: Instances) -> np.ndarray:
    """The numbers of the objects, (N,) int, the largest box first."""
    area = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1, dtype=np.int64)
    return np.argsort(-area, kind="stable")


def overlay(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """Each object tinted in its colour, with a thin line along its edge; the larger first, so that small ones stay
    visible.
    """
    width = max(1, round(picture_scale(image)))
    for i in largest_first(found):
        blend(image[found.crop(i)], found.mask(i), colors[i], style.opacity)
        draw_edge(image, found, i, colors[i], width)


def blend(roi: np.ndarray, mask: np.ndarray, color: Color, opacity: float) -> None:
    """Mix a colour into the pixels of roi, BGR uint8 (h, w, 3), in place, where mask, bool (h, w), is true.

    A table holds the result of each of the 256 values of a channel: no float copy of the pixels is needed.

    >>> roi = np.full((1, 2, 3), 100, np.uint8)
    >>> blend(roi, np.array([[True, False]]), (0, 100, 255), 0.4)
    >>> roi.tolist()
    [[[60, 100, 162], [100, 100, 100]]]
    """
    table = np.rint((1 - opacity) * np.arange(256)[:, None] + opacity * np.array(color)).astype(np.uint8)
    cv2.copyTo(cv2.LUT(roi, table.reshape(1, 256, 3)), mask.view(np.uint8), roi)


def outline(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """A line in the object's colour along its edge; the larger objects come first."""
    width = max(2, round(2 * picture_scale(image)))
    for i in largest_first(found):
        draw_edge(image, found, i, colors[i], width)


def draw_edge(image: np.ndarray, found: Instances, i: int, color: Color, width: int) -> None:
    """Draw a smooth line, `width` pixels wide, along the edge of object i and of its holes."""
    edges, _ = cv2.findContours(found.mask(i).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    # The stairs of single pixels are drawn as the straight line that they stand for, which is faster, too.
    smooth = [cv2.approxPolyDP(edge, 0.8, closed=True) + found.boxes[i, :2] for edge in edges]
    cv2.polylines(image, smooth, True, color, width, cv2.LINE_AA)


def blur(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """Each object hidden by smooth colours."""
    # First cubic, to 8 pixels a cell, which shows no creases, then linear, which is fast.
    hide(image, found, lambda cells, size_wh: cv2.resize(
        cv2.resize(cells, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC), size_wh, interpolation=cv2.INTER_LINEAR))


def pixelate(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """Each object hidden by a mosaic."""
    hide(image, found, lambda cells, size_wh: cv2.resize(cells, size_wh, interpolation=cv2.INTER_NEAREST))


def hide(image: np.ndarray, found: Instances, enlarge: Callable[[np.ndarray, tuple[int, int]], np.ndarray]) -> None:
    """Replace each object by a few coarse cells, which enlarge(cells, size_wh) makes as large as the object.

    Nothing else of the object remains. A Gaussian blur spreads detail but keeps it, so it can be undone.
    The longer objects, whose cells are coarser, come first, and the cells of the others are made from the result:
    where a telephone overlaps a face, its finer cells show the coarse cells of the face, not the face.
    """
    side = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1)
    for i in np.argsort(-side, kind="stable"):
        box, alpha = hiding_mask(found, i)
        roi = crop(image, box)
        mix(roi, enlarge(coarse(roi, alpha), (roi.shape[1], roi.shape[0])), alpha)


def coarse(roi: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean colour of each cell of roi (h, w, 3), uint8 (rows, columns, 3), at most CELLS rows and columns.

    The mean is over the pixels where mask, uint8 (h, w), is not 0, so that the object keeps its colours and those
    around it do not mix in. A cell without such pixels has the mean colour of the whole object.
    """
    height, width = roi.shape[:2]
    cell = max(height / CELLS, width / CELLS, SMALLEST_CELL)
    ys, xs = (np.linspace(0, side, max(1, int(side / cell)) + 1).astype(int) for side in (height, width))
    cells = np.empty((len(ys) - 1, len(xs) - 1, 3), np.uint8)
    cells[:] = np.rint(cv2.mean(roi, mask)[:3])
    for row, column in np.ndindex(cells.shape[:2]):
        part = np.s_[ys[row]:ys[row + 1], xs[column]:xs[column + 1]]
        if mask[part].any():
            cells[row, column] = np.rint(cv2.mean(roi[part], mask[part])[:3])
    return cells


def hiding_mask(found: Instances, i: int) -> tuple[np.ndarray, np.ndarray]:
    """(box, alpha) that hide object i and its rim: (4,) int x0, y0, x1, y1 in the picture, and uint8 (h, w), 255
    where the picture is hidden completely.

    Masks are uncertain by about half of the network's cells, and boxes cut off hair and hands. So the mask is
    grown by half a cell and the object's slack, beyond its box too; the outermost quarter of a cell fades out. If the
    mask is empty at the threshold of `found`, the whole box is hidden.

    The mask is pasted on a grid of at most HIDING_GRID pixels a side, whatever the size of the object.
    """
    side = found.boxes[i, 2:] - found.boxes[i, :2]
    grid = np.minimum(side, HIDING_GRID)
    mask = paste_mask(found.masks[i], (0, 0, *grid), found.mask_threshold, found.interpolation)
    if not mask.any():
        mask[:] = True
    grow = max(3, round(grid.sum() / 60))
    fade = 2 * 255 / grow
    if found.slack is not None:
        grow += int(np.ceil(found.slack[i] * (grid / side).max()))
    outside = np.pad(~mask, grow + 1, constant_values=True).view(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    alpha = np.clip((grow + 1 - distance) * fade, 0, 255).astype(np.uint8)
    margin = np.rint((grow + 1) * side / grid).astype(int)
    alpha = cv2.resize(alpha, tuple((side + 2 * margin).tolist()), interpolation=cv2.INTER_LINEAR)
    low = found.boxes[i, :2] - margin
    box = np.clip([*low, *(low + side + 2 * margin)], 0, [*found.image_hw[::-1]] * 2)
    return box, crop(alpha, box - [*low, *low])


def cutout(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """The objects alone, on the style's background."""
    background, mask = style.background_for(image.shape[:2]), united(found.for_cutting())
    image[:] = own_colors(image, mask, picture_scale(image))
    keep(image, mask, lambda rows: background[rows])


def splash(image: np.ndarray, found: Instances, colors: Sequence[Color], style: Style) -> None:
    """The objects in colour in a picture that is otherwise grey."""
    keep(image, united(found.for_cutting()),
         lambda rows: cv2.cvtColor(cv2.cvtColor(image[rows], cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


def keep(image: np.ndarray, mask: np.ndarray, other: Callable[[slice], np.ndarray]) -> None:
    """Replace all but what a mask, uint8 (H, W), 0 or 255, covers by other(rows), the BGR uint8 pixels of a slice of
    rows; edges are smooth.
    """
    rest = soften(cv2.bitwise_not(mask), picture_scale(image))
    for top in range(0, len(image), STRIP):
        rows = slice(top, top + STRIP)
        mix(image[rows], other(rows), rest[rows])


def mix(image: np.ndarray, other: np.ndarray, alpha: np.ndarray) -> None:
    """Mix `other` into image, both BGR uint8 (h, w, 3), in place: alpha, uint8 (h, w), is the share of `other`, 255
    for all of it.

    >>> image = np.full((1, 3, 3), 100, np.uint8)
    >>> mix(image, np.full((1, 3, 3), 200, np.uint8), np.uint8([[0, 51, 255]]))
    >>> image[0, :, 0].tolist()
    [100, 120, 200]
    """
    for top in range(0, len(image), STRIP):
        rows = slice(top, top + STRIP)
        share = cv2.merge([alpha[rows]] * 3)
        new = cv2.multiply(other[rows], share, scale=1 / 255)
        old = cv2.multiply(image[rows], cv2.bitwise_not(share), scale=1 / 255)
        cv2.add(old, new, dst=image[rows])


def cover(picture: np.ndarray, image_hw: tuple[int, int]) -> np.ndarray:
    """The middle of a picture, resized to (height, width): its aspect is kept, and what does not fit is cut off."""
    height, width = image_hw
    scale = max(height / picture.shape[0], width / picture.shape[1])
    part_h, part_w = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (picture.shape[0] - part_h) // 2, (picture.shape[1] - part_w) // 2
    part = picture[top:top + part_h, left:left + part_w]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


PAINT = {effect.__name__: effect for effect in (overlay, outline, blur, pixelate, cutout, splash)}
EFFECTS = tuple(PAINT)
