"""What the objects of a picture can be made to look like: one function an effect, all in place.

Each takes (image, found, colors, style): BGR uint8 (H, W, 3), its Instances, a (B, G, R) for each object and a
draw.Style. Pixels are worked on box by box or strip by strip, in 8 bits: a float copy of a large photo would
be gigabytes.
"""

import cv2
import numpy as np

from segmentation.instances import paste_mask

LINE_AT = 600  # short side of a picture, in pixels, whose lines are 2 pixels wide
STRIP = 64  # rows mixed at a time, few enough to stay in the processor's cache

# A hidden object is at most so many cells long. Of a face, 7 x 10 pixels are enough for people who know it
# (Sinha et al., "Face Recognition by Humans: Nineteen Results", 2006), and networks read mosaics of 8 x 8
# (McPherson et al., "Defeating Image Obfuscation with Deep Learning", 2016).
CELLS = 6
SMALLEST_CELL = 8  # pixels; what is smaller than a cell becomes a single colour
HIDING_GRID = 225  # pixels a side at most of the masks to hide by: 15 for each of the network's cells


def picture_scale(image):
    """How much wider than at LINE_AT lines and text are to be, so that they look alike at every size."""
    return min(image.shape[:2]) / LINE_AT


def crop(image, box_xyxy):
    """The part of the picture in a box, a view."""
    x0, y0, x1, y1 = box_xyxy
    return image[y0:y1, x0:x1]


def largest_first(found):
    """The objects' numbers by the area of their boxes: (N,) int."""
    area = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1, dtype=np.int64)
    return np.argsort(-area, kind="stable")


def overlay(image, found, colors, style):
    """Each object tinted in its colour, the larger first, so that small ones stay visible."""
    for i in largest_first(found):
        mask = paste_mask(found.masks[i], found.boxes[i], style.threshold, style.interpolation)
        blend(crop(image, found.boxes[i]), mask, colors[i], style.opacity)


def blend(roi, mask, color, opacity):
    """Mix a colour into the pixels of roi (h, w, 3), in place, where mask (h, w) is true.

    By a table of 256 results a channel: no float copy of the pixels, which for a large photo is gigabytes.

    >>> roi = np.full((1, 2, 3), 100, np.uint8)
    >>> blend(roi, np.array([[True, False]]), (0, 100, 255), 0.4)
    >>> roi.tolist()
    [[[60, 100, 162], [100, 100, 100]]]
    """
    table = np.rint((1 - opacity) * np.arange(256)[:, None] + opacity * np.array(color)).astype(np.uint8)
    cv2.copyTo(cv2.LUT(roi, table.reshape(1, 256, 3)), mask.view(np.uint8), roi)


def outline(image, found, colors, style):
    """A line in the object's colour along the edge of its mask, holes included; the larger objects' first."""
    width = max(2, round(2 * picture_scale(image)))
    for i in largest_first(found):
        mask = paste_mask(found.masks[i], found.boxes[i], style.threshold, style.interpolation)
        edges, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        # A pixel's staircase is drawn as the straight line it stands for; that is faster, too.
        smooth = [cv2.approxPolyDP(edge, 0.8, closed=True) + found.boxes[i, :2] for edge in edges]
        cv2.polylines(image, smooth, True, colors[i], width, cv2.LINE_AA)


def blur(image, found, colors, style):
    """Each object made unrecognisable, smoothly."""
    # Cubic to a few pixels a cell, which shows no creases, then linear, which is fast.
    hide(image, found, style, lambda cells, size_wh: cv2.resize(
        cv2.resize(cells, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC), size_wh, interpolation=cv2.INTER_LINEAR))


def pixelate(image, found, colors, style):
    """Each object made unrecognisable, by a mosaic."""
    hide(image, found, style, lambda cells, size_wh: cv2.resize(cells, size_wh, interpolation=cv2.INTER_NEAREST))


def hide(image, found, style, enlarge):
    """Put a few coarse cells in place of each object, made as large as it by enlarge(cells, size_wh).

    Nothing else of the object remains: a Gaussian blur, which spreads detail but keeps it, can be undone.
    The longer objects, whose cells are coarser, come first, and the others' cells are made from the result:
    where they overlap, the finer cells of a telephone show the coarse ones of the face behind it, not the face.
    """
    side = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1)
    for i in np.argsort(-side, kind="stable"):
        box, alpha = hiding_mask(found, i, style.threshold, style.interpolation)
        roi = crop(image, box)
        mix(roi, enlarge(coarse(roi, alpha), roi.shape[1::-1]), alpha)


def coarse(roi, mask):
    """The mean colour of each cell of roi (h, w, 3), uint8 (rows, columns, 3), at most CELLS either way.

    Of the pixels where mask (h, w) is not 0, so that an object keeps its colours and does not fade into what is
    around it; a cell without any has the mean of all.
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


def hiding_mask(found, i, threshold=0.3, interpolation="cubic"):
    """(box, alpha) that hide object i with its rim: x0, y0, x1, y1 in the picture, and uint8 (h, w), 255 where
    nothing of the picture may be seen.

    Masks are uncertain by about half of the network's cells, and boxes cut off hair and hands. So the mask is
    grown, beyond its box too, by half a cell, of which the outer half fades out. An object whose mask is empty at
    this threshold is hidden with all of its box.

    Found on a grid of at most HIDING_GRID a side, whatever the object's size.
    """
    side = found.boxes[i, 2:] - found.boxes[i, :2]
    grid = np.minimum(side, HIDING_GRID)
    mask = paste_mask(found.masks[i], (0, 0, *grid), threshold, interpolation)
    if not mask.any():
        mask[:] = True
    grow = max(3, round(grid.sum() / 60))
    outside = np.pad(~mask, grow + 1, constant_values=True).view(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    alpha = np.clip((grow + 1 - distance) * (2 * 255 / grow), 0, 255).astype(np.uint8)
    margin = np.rint((grow + 1) * side / grid).astype(int)
    alpha = cv2.resize(alpha, tuple((side + 2 * margin).tolist()), interpolation=cv2.INTER_LINEAR)
    low = found.boxes[i, :2] - margin
    box = np.clip([*low, *(low + side + 2 * margin)], 0, [*found.image_hw[::-1]] * 2)
    return box, crop(alpha, box - [*low, *low])


def cutout(image, found, colors, style):
    """The objects alone, on the style's background."""
    background = style.background_for(image.shape[:2])
    keep(image, found, style, lambda rows: background[rows])


def splash(image, found, colors, style):
    """The objects in colour in a picture that is otherwise grey."""
    keep(image, found, style, lambda rows: cv2.cvtColor(cv2.cvtColor(image[rows], cv2.COLOR_BGR2GRAY),
                                                        cv2.COLOR_GRAY2BGR))


def keep(image, found, style, other):
    """Replace all but the objects by other(rows), BGR uint8 of a slice of rows; edges are smooth.

    The objects' masks are united first, so that no seam shows where they touch.
    """
    rest = np.full(image.shape[:2], 255, np.uint8)
    for mask, box in zip(found.masks, found.boxes):
        crop(rest, box)[paste_mask(mask, box, style.threshold, style.interpolation)] = 0
    if len(found):
        rest = soften(rest, picture_scale(image))
    for top in range(0, len(image), STRIP):
        rows = slice(top, top + STRIP)
        mix(image[rows], other(rows), rest[rows])


def soften(mask, scale):
    """A mask of 0 and 255 with smooth edges, uint8: half of it, 128, lies on the edge.

    scale: the picture_scale; the edge is about 4 pixels wide in a picture of LINE_AT, and at least 3 anywhere.
    It stays hard at the border, so that objects that the picture cuts off reach it.
    """
    return cv2.GaussianBlur(mask, (0, 0), max(0.8, scale), borderType=cv2.BORDER_REPLICATE)


def mix(image, other, alpha):
    """Make image (h, w, 3) what `other` is where alpha (h, w) is 255, and in between where it is, in place.

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


def cover(picture, image_hw):
    """A picture resized and cut to (height, width), its middle, without a border and not distorted."""
    height, width = image_hw
    scale = max(height / picture.shape[0], width / picture.shape[1])
    part_h, part_w = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (picture.shape[0] - part_h) // 2, (picture.shape[1] - part_w) // 2
    part = picture[top:top + part_h, left:left + part_w]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


PAINT = {effect.__name__: effect for effect in (overlay, outline, blur, pixelate, cutout, splash)}
EFFECTS = tuple(PAINT)
