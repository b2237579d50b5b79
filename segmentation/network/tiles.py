"""Large pictures: look at the whole and at overlapping tiles, and make one object of what several looks have found.

    for tile in cut(image_hw=(4000, 6000), tile_wh=(1365, 800)):
        part = image[tile.rows, tile.columns]
    boxes, masks = merge(pieces)

In a large picture small objects have few pixels left when the network sees it. In a tile they have all. As in SAHI
(Akyon et al., "Slicing Aided Hyper Inference", 2022), the whole is looked at too, for objects larger than a tile. SAHI
compares boxes; here masks are compared, so that two dogs behind one another stay two.
"""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple, Union

import cv2
import numpy as np

OVERLAP = 0.25  # of a tile's side: objects up to this size are whole in one tile at least
SAME = 0.5  # two masks are those of one object from this IoU, or a piece's from this part of its area
# An object that comes so near to a tile's edge, in parts of its side, is cut by it. With 0.01 one of 500 objects was
# there twice: its piece ended 0.010 before the edge. AP is the same up to 0.03.
EDGE = 0.02
GRID = 32  # masks are compared at GRID x GRID points
INSIDE = 0.5  # a point is the object's where its mask is above this

Tiles = Union[int, str, None]  # how many along the longer side, "auto", or None


class Tile(NamedTuple):
    """A part of an image, in pixels; x1 and y1 are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def rows(self) -> slice:
        """Its rows in the image."""
        return slice(self.y0, self.y1)

    @property
    def columns(self) -> slice:
        """Its columns in the image."""
        return slice(self.x0, self.x1)


class Pieces(NamedTuple):
    """What one or more looks have found.

    rows: float32 (N, 7), each (0, class, score, x0, y0, x1, y1), the box in 0..1 of the whole image
    masks: float32 (N, M, M), of each one's own class, probabilities
    cut: bool (N,), whether the edge of a tile cuts it
    """

    rows: np.ndarray
    masks: np.ndarray
    cut: np.ndarray


def cut(image_hw: tuple[int, int], tile_wh: tuple[int, int]) -> list[Tile]:
    """The tiles of an image, row by row. They have all the same size, and overlap by OVERLAP of it at least.

    tile_wh: their size; a larger one than the image's is made smaller

    >>> [tile[:2] for tile in cut((800, 2000), (1000, 1000))]
    [(0, 0), (500, 0), (1000, 0)]
    """
    height, width = image_hw
    across, down = min(tile_wh[0], width), min(tile_wh[1], height)
    return [Tile(x, y, x + across, y + down) for y in starts(height, down) for x in starts(width, across)]


def starts(length: int, side: int) -> list[int]:
    """Where tiles of this side begin along a length, evenly."""
    count = 1 + ceil((length - side) / (side * (1 - OVERLAP)))
    return np.linspace(0, length - side, count).round().astype(int).tolist()


def tile_size(tiles: Tiles, image_hw: tuple[int, int], own_wh: tuple[int, int]) -> tuple[int, int]:
    """The width and height of tiles.

    tiles: how many along the longer side of the image, or "auto": they are as large as what the network sees
    own_wh: what the network sees of the whole image

    >>> tile_size("auto", (4000, 6000), (1200, 800)), tile_size(2, (4000, 6000), (1200, 800))
    ((1200, 800), (3429, 2286))
    """
    if not isinstance(tiles, int):
        return own_wh
    part = 1 / (tiles - (tiles - 1) * OVERLAP)
    return round(image_hw[1] * part), round(image_hw[0] * part)


def placed(rows: np.ndarray, masks: np.ndarray, tile: Tile, image_hw: tuple[int, int]) -> Pieces:
    """The Pieces of a tile.

    rows: (N, 7), their boxes in 0..1 of the tile; masks: (N, M, M)
    """
    low, size = np.array(tile[:2]), np.array([tile.x1 - tile.x0, tile.y1 - tile.y0])
    image_wh = np.array(image_hw[::-1])
    at_edge: np.ndarray = np.hstack([(rows[:, 3:5] < EDGE) & (low > 0),
                         (rows[:, 5:] > 1 - EDGE) & (low + size < image_wh)])
    whole = rows.copy()
    whole[:, 3:] = (rows[:, 3:] * np.tile(size, 2) + np.tile(low, 2)) / np.tile(image_wh, 2)
    return Pieces(whole, masks, np.any(at_edge, axis=1))


def join(several: Iterable[Pieces]) -> Pieces:
    """All Pieces of several looks."""
    return Pieces(*(np.concatenate(parts) for parts in zip(*several)))


def merge(pieces: Pieces) -> tuple[np.ndarray, np.ndarray]:
    """(rows, masks) of the objects of which these are pieces or whole views; best first, as in Pieces.

    Of several whole views the one with the best score stays. A piece of an object that is there as a whole is left
    out, whatever it was taken for: the lower half of a bus can look like a car. Two pieces become one if their masks
    are the same where their boxes overlap.
    """
    rows, masks = pieces.rows.copy(), pieces.masks.copy()
    kept: list[int] = []
    for i in np.lexsort([-rows[:, 2], pieces.cut]).tolist():  # whole views first
        there = near(rows, i, kept)
        others = [j for j in there if rows[j, 1] == rows[i, 1]]
        wholes = [j for j in (there if pieces.cut[i] else others) if not pieces.cut[j]]
        if any(is_view(rows, masks, i, j, pieces.cut[i]) for j in wholes):
            continue
        partner = next((j for j in others if pieces.cut[i] and pieces.cut[j] and agree(rows, masks, i, j)), None)
        if partner is None:
            kept.append(i)
        else:
            rows[partner], masks[partner] = united(rows, masks, partner, i)
    kept.sort(key=lambda i: -rows[i, 2])
    return rows[kept], masks[kept]


def near(rows: np.ndarray, i: int, kept: list[int]) -> list[int]:
    """Those of `kept` whose boxes overlap the box of row i."""
    boxes, box = rows[kept, 3:], rows[i, 3:]
    overlap = (boxes[:, :2] < box[2:]).all(axis=1) & (boxes[:, 2:] > box[:2]).all(axis=1)
    return np.array(kept, int)[overlap].tolist()


def is_view(rows: np.ndarray, masks: np.ndarray, i: int, j: int, piece: bool) -> bool:
    """Whether row i is another view of the whole object j, or of a piece of it."""
    mine, other = inside(rows, masks, i, both(rows, i, j)), inside(rows, masks, j, both(rows, i, j))
    shared = int(np.count_nonzero(mine & other))
    return shared > 0 and shared >= SAME * int(np.count_nonzero(mine if piece else mine | other))


def agree(rows: np.ndarray, masks: np.ndarray, i: int, j: int) -> bool:
    """Whether the masks of two rows are the same where their boxes overlap."""
    box = np.concatenate([np.maximum(rows[i, 3:5], rows[j, 3:5]), np.minimum(rows[i, 5:], rows[j, 5:])])
    mine, other = inside(rows, masks, i, box), inside(rows, masks, j, box)
    shared = int(np.count_nonzero(mine & other))
    return shared > 0 and shared >= SAME * int(np.count_nonzero(mine | other))


def united(rows: np.ndarray, masks: np.ndarray, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """The row and the mask of two pieces of one object, with the better score."""
    box, side = both(rows, i, j), masks.shape[1]
    row = np.concatenate([rows[i, :2], [max(rows[i, 2], rows[j, 2])], box]).astype(rows.dtype)
    return row, np.maximum(sampled(rows, masks, i, box, side), sampled(rows, masks, j, box, side))


def both(rows: np.ndarray, i: int, j: int) -> np.ndarray:
    """The box around the boxes of two rows."""
    return np.concatenate([np.minimum(rows[i, 3:5], rows[j, 3:5]), np.maximum(rows[i, 5:], rows[j, 5:])])


def inside(rows: np.ndarray, masks: np.ndarray, i: int, box: np.ndarray) -> np.ndarray:
    """Which of GRID x GRID points of a box lie in the mask of row i, bool."""
    return sampled(rows, masks, i, box, GRID) > INSIDE


def sampled(rows: np.ndarray, masks: np.ndarray, i: int, box: np.ndarray, side: int) -> np.ndarray:
    """The mask of row i at side x side points of a box, float32; 0 outside its own box."""
    along = (np.arange(side) + 0.5) / side
    low, size = rows[i, 3:5], np.maximum(rows[i, 5:] - rows[i, 3:5], 1e-9)
    place = (box[:2] + along[:, None] * (box[2:] - box[:2]) - low) / size  # (side, 2), x and y in 0..1 of its own box
    x, y = np.meshgrid(*(place * masks.shape[1] - 0.5).astype(np.float32).T)
    values = cv2.remap(masks[i], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    across, down = ((place >= 0) & (place <= 1)).T
    return values * (down[:, None] & across)
