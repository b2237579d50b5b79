"""The lines and zones where objects are counted, drawn on a frame with their counts: CountsPicture."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np

from segmentation.drawing.captions import FONT, Plate, measured, places
from segmentation.drawing.scale import picture_scale
from segmentation.tracking.boundaries import Boundary, Line, Point
from segmentation.tracking.crossings import Count

ROWS = 6  # classes with a row of their own
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SHADE = 0.3  # of the picture's light that is left under a table

Table = Sequence[Sequence[str]]  # rows of cells


class CountsPicture:
    """What stands on a frame where objects are counted: lines, zones, and at each a table of counts by class.

    counts: {class_id: Count} of each line and zone; labels: the name of each class
    image: the frame, BGR uint8 (H, W, 3)

    rooms: (M, 4) x0, y0, x1, y1 of the tables in pixels
    """

    def __init__(self, boundaries: Sequence[Boundary], counts: Sequence[Mapping[int, Count]], labels: Sequence[str],
                 image: np.ndarray):
        self.boundaries, self.image, self.scale = boundaries, image, picture_scale(image)
        self.tables = [table(boundary, group, labels) for boundary, group in zip(boundaries, counts)]
        sizes = [size_of(rows, self.scale) for rows in self.tables]
        boxes = np.array([place_of(boundary) for boundary in boundaries])
        corners = np.array(places(boxes, sizes, (image.shape[0], image.shape[1])))
        self.rooms = np.concatenate([corners, corners + sizes], axis=1)

    def draw(self, feet: Sequence[Point] = ()) -> None:
        """Draw it onto the frame. feet: the points by which objects are counted, marked by dots"""
        for boundary in self.boundaries:
            draw_boundary(self.image, boundary, self.scale)
        for at in feet:
            draw_dot(self.image, at, self.scale)
        for rows, (left, top, _, _) in zip(self.tables, self.rooms.tolist()):
            draw_table(self.image, rows, (left, top), self.scale)


# ---- Lines and zones -------------------------------------------------------------------------------------

def draw_boundary(image: np.ndarray, boundary: Boundary, scale: float) -> None:
    """A white line with black edges, to be seen on any ground; of a Line, an arrow shows where "in" is."""
    points = np.rint(boundary.points).astype(np.int32)
    width = max(2, round(2 * scale))
    shapes = [points, arrow(boundary, max(10, 14 * scale))] if isinstance(boundary, Line) else [points]
    for color, thickness in ((BLACK, width + 2), (WHITE, width)):
        for shape in shapes:
            cv2.polylines(image, [shape], len(shape) > 2, color, thickness, cv2.LINE_AA)
    if isinstance(boundary, Line):
        cv2.fillConvexPoly(image, shapes[1], WHITE, cv2.LINE_AA)


def arrow(line: Line, size: float) -> np.ndarray:
    """The corners of an arrowhead in the middle of a line: int32 (3, 2). It points to where "in" leads.

    >>> arrow(Line("gate", ((0, 10), (40, 10))), 8).tolist()
    [[16, 10], [24, 10], [20, 18]]
    """
    start, end = np.array(line.points)
    along = (end - start) / np.hypot(*(end - start)) * size
    middle, right = (start + end) / 2, np.array([-along[1], along[0]])  # y goes down: this is to the right of the line
    return np.rint([middle - along / 2, middle + along / 2, middle + right]).astype(np.int32)


def draw_dot(image: np.ndarray, at: Point, scale: float) -> None:
    """A white dot with a black edge."""
    center, radius = (round(at[0]), round(at[1])), max(2, round(3 * scale))
    cv2.circle(image, center, radius + 1, BLACK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(image, center, radius, WHITE, cv2.FILLED, cv2.LINE_AA)


# ---- Tables ----------------------------------------------------------------------------------------------

def table(boundary: Boundary, counts: Mapping[int, Count], labels: Sequence[str]) -> Table:
    """What is said of a line or zone: its name, a row for each class and, if there is not one class, one for all.

    >>> table(Line("gate", ((0, 9), (9, 9))), {0: Count(3, 1), 1: Count(1)}, ["person", "dog"])
    [['gate', 'in', 'out'], ['person', '3', '1'], ['dog', '1', '0'], ['all', '4', '1']]
    """
    columns = ["in", "out", "now"] if boundary.closed else ["in", "out"]
    rows = [(labels[class_id], count) for class_id, count in sorted(counts.items())]
    everything = total(counts.values())
    if len(rows) > ROWS:
        rows[ROWS - 1:] = [("others", total(count for _, count in rows[ROWS - 1:]))]
    if len(rows) != 1:
        rows.append(("all", everything))
    cells = ((label, count.into, count.out, count.inside) for label, count in rows)
    return [[boundary.name, *columns], *([str(cell) for cell in row[:1 + len(columns)]] for row in cells)]


def total(counts: Iterable[Count]) -> Count:
    """The sum of counts."""
    return Count(*map(sum, zip(Count(), *counts)))


@lru_cache(maxsize=1024)
def plate(text: str, scale: float) -> Plate:
    """The Plate of a cell; most cells stay the same from frame to frame."""
    return measured(text, scale)


def layout(rows: Table, scale: float) -> tuple[list[int], int]:
    """(The width of each column, the height of a row) of a table, in pixels."""
    plates = [[plate(cell, scale) for cell in row] for row in rows]
    gap = 2 * plates[0][0].pad
    widths = [max(cell.width for cell in column) + gap * (place > 0) for place, column in enumerate(zip(*plates))]
    return widths, max(cell.height for row in plates for cell in row)


def size_of(rows: Table, scale: float) -> tuple[int, int]:
    """The width and height of a table in pixels."""
    widths, height = layout(rows, scale)
    return sum(widths), height * len(rows)


def place_of(boundary: Boundary) -> list[int]:
    """The box that a table stands at: the first point of a line, which is seldom where objects cross; all of a zone."""
    points = np.rint(boundary.points).astype(int)
    shown = points if boundary.closed else points[:1]
    return [*shown.min(0).tolist(), *shown.max(0).tolist()]


def draw_table(image: np.ndarray, rows: Table, corner_xy: tuple[int, int], scale: float) -> None:
    """Write a table in white on a darkened part of the picture. Names stand left, numbers right in their columns."""
    (left, top), (widths, height) = corner_xy, layout(rows, scale)
    ground = image[top:top + height * len(rows), left:left + sum(widths)]
    cv2.convertScaleAbs(ground, ground, SHADE)
    ends = [left + sum(widths[:place + 1]) for place in range(len(widths))]
    for line, row in enumerate(rows):
        for place, cell in enumerate(row):
            room = plate(cell, scale)
            x = ends[place] - room.width if place else left
            cv2.putText(image, cell, (x + room.pad, top + height * line + room.pad + room.ascent), FONT,
                        room.font_scale, WHITE, room.line, cv2.LINE_AA)
