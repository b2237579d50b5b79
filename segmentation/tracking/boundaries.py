"""Lines and zones at which objects are counted: Line and Zone, from the texts of --count-line and --count-zone.

    options = CountOptions(count_line=(parse_line("0,50%,100%,50%,gate"),))
    gate, = options.place((640, 360))
    gate.distance(320, 200)      # 20.0: below the line, which is the side that "in" leads to
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Union

import cv2
import numpy as np

from segmentation import SegmentationError

LONGEST_NAME = 30  # characters, of a line or zone: as much as a picture has room for
COORDINATE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?%?")

Point = tuple[float, float]


# ---- In a picture of known size --------------------------------------------------------------------------

@dataclass(frozen=True)
class Line:
    """A line from its first point to its second one, in pixels.

    "in" is from its left to its right, seen by somebody who goes from its first point to its second one: downwards, if
    it was drawn from left to right. With the points the other way round, "in" and "out" change places.
    """

    name: str
    points: tuple[Point, ...]

    closed: ClassVar[bool] = False

    def distance(self, x: float, y: float) -> float:
        """How far a point is from the straight line through the points; above 0 on the side that "in" leads to.

        >>> Line("gate", ((0, 10), (20, 10))).distance(500, 13)
        3.0
        """
        (x0, y0), (x1, y1) = self.points
        return ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / float(np.hypot(x1 - x0, y1 - y0))

    def is_crossed(self, before: Point, after: Point) -> bool:
        """Whether the way between two points, one on each side of the line, leads through it, not past its ends.

        >>> gate = Line("gate", ((0, 10), (20, 10)))
        >>> gate.is_crossed((4, 6), (6, 14)), gate.is_crossed((24, 6), (26, 14))
        (True, False)
        """
        way = abs(self.distance(*before)), abs(self.distance(*after))
        share = way[0] / max(sum(way), 1e-9)
        start, end = np.array(self.points)
        met = np.array(before) + share * (np.array(after) - before)
        return bool(0 <= np.dot(met - start, end - start) <= np.dot(end - start, end - start))


@dataclass(frozen=True)
class Zone:
    """A zone between three or more corners, in pixels. "in" is into it."""

    name: str
    points: tuple[Point, ...]

    closed: ClassVar[bool] = True

    def distance(self, x: float, y: float) -> float:
        """How far a point is from the zone's edge; above 0 inside.

        >>> Zone("yard", ((0, 0), (9, 0), (9, 9), (0, 9))).distance(4, 7)
        2.0
        """
        return cv2.pointPolygonTest(np.array(self.points, np.float32), (x, y), measureDist=True)

    def is_crossed(self, before: Point, after: Point) -> bool:
        """Whether the way between two points, one inside and one outside, leads over the edge: it always does."""
        return True


Boundary = Union[Line, Zone]


# ---- As the command line names them ----------------------------------------------------------------------

@dataclass(frozen=True, repr=False)
class BoundaryText:
    """A line or a zone before the size of the picture is known.

    zone: whether it is a zone
    points: (x, y) of each, as text: pixels, or per cent of the picture's width and height, such as "50%"
    name: empty if none is given
    """

    zone: bool
    points: tuple[tuple[str, str], ...]
    name: str = ""

    def __repr__(self) -> str:
        return ",".join([*(f"{x},{y}" for x, y in self.points), *([self.name] if self.name else [])])

    def place(self, name: str, size_wh: tuple[int, int], video: str = "") -> Boundary:
        """The Line or Zone in a picture of that size.

        name: that it has, given or not
        video: whose picture it is, for messages

        Raises SegmentationError if it does not lie in the picture, or if its points make no line or zone.
        """
        points = tuple((in_pixels(x, size_wh[0]), in_pixels(y, size_wh[1])) for x, y in self.points)
        said = f"--count-{'zone' if self.zone else 'line'} {self!r}"
        for x, y in points:
            if x > size_wh[0] or y > size_wh[1]:
                raise SegmentationError(f"{said}: its point {x:g},{y:g} is outside the picture of {video}, which "
                                        f"is {size_wh[0]}x{size_wh[1]}; name one in it")
        if self.zone:
            check_corners(points, said)
            return Zone(name, points)
        if points[0] == points[1]:
            raise SegmentationError(f"{said}: its two points are the same; name the two ends of a line")
        return Line(name, points)


def in_pixels(text: str, whole: int) -> float:
    """A coordinate in pixels. whole: the width or height of the picture

    >>> in_pixels("25%", 640), in_pixels("12.5", 640)
    (160.0, 12.5)
    """
    return float(text[:-1]) * whole / 100 if text.endswith("%") else float(text)


def check_corners(points: Sequence[Point], said: str) -> None:
    """Raise SegmentationError if the corners of a zone, in their order, do not go round an area."""
    edges = [*zip(points, [*points[1:], points[0]])]
    for i, edge in enumerate(edges):
        for other in edges[i + 2:len(edges) - (i == 0)]:
            if cross(edge, other):
                raise SegmentationError(f"{said}: its edges cross; name its corners in their order around it")
    if cv2.contourArea(np.array(points, np.float32)) < 1:
        raise SegmentationError(f"{said}: there is no area between its corners; name three corners or more")


def cross(edge: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two edges cross each other."""
    def turn(a: Point, b: Point, c: Point) -> float:
        return float(np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])))
    return turn(*edge, other[0]) * turn(*edge, other[1]) < 0 and turn(*other, edge[0]) * turn(*other, edge[1]) < 0


def parse_line(text: str) -> BoundaryText:
    """The line of a text such as "0,50%,100%,50%,gate". Raises ValueError of one sentence."""
    numbers, name = split(text)
    if len(numbers) != 4:
        raise ValueError("must be x0,y0,x1,y1 and then, if it is to have one, a name")
    return BoundaryText(False, pairs(numbers), name)


def parse_zone(text: str) -> BoundaryText:
    """The zone of a text such as "0,0,50%,0,50%,100%,yard". Raises ValueError of one sentence."""
    numbers, name = split(text)
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError("must be x0,y0,x1,y1,x2,y2 and so on, three corners or more, and then, if it is to have one, "
                         "a name")
    return BoundaryText(True, pairs(numbers), name)


def split(text: str) -> tuple[list[str], str]:
    """(The coordinates of a text, the name after them). Raises ValueError.

    >>> split("0, 50%, 99.5, 50%, north gate")
    (['0', '50%', '99.5', '50%'], 'north gate')
    """
    parts = [part.strip() for part in text.split(",")]
    numbers = [part for part in parts if COORDINATE.fullmatch(part)]
    rest = parts[len(numbers):]
    if not numbers or parts[:len(numbers)] != numbers or len(rest) > 1:
        raise ValueError("must be numbers of pixels, or of per cent such as 50%, with commas between, and then at most "
                         "one name, which is no number and has no comma")
    if any(number.endswith("%") and float(number[:-1]) > 100 for number in numbers):
        raise ValueError("must lie in the picture: no more than 100%")
    name = rest[0] if rest else ""
    if rest and not (any(map(str.isalpha, name)) and name.isprintable() and len(name) <= LONGEST_NAME
                     and ";" not in name):  # a semicolon stands between crossings in --csv
        raise ValueError(f"must have a name with a letter in it, no semicolon, and no more than {LONGEST_NAME} "
                         "characters")
    return numbers, name


def pairs(numbers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Coordinates two by two."""
    return tuple(zip(numbers[::2], numbers[1::2]))


@dataclass(frozen=True)
class CountOptions:
    """Where objects are counted; fields are named as the options. Nothing is counted if both are empty.

    Raises ValueError if two of them have one name.
    """

    count_line: tuple[BoundaryText, ...] = ()
    count_zone: tuple[BoundaryText, ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.named]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"--count-line and --count-zone: two have the name {name!r}; name them differently")

    def __bool__(self) -> bool:
        return bool(self.count_line or self.count_zone)

    @property
    def named(self) -> list[tuple[str, BoundaryText]]:
        """All of them, each with its name; those without one are "line 1", "line 2", ... or "zone 1", ..."""
        return [(one.name or f"{'zone' if one.zone else 'line'} {number}", one)
                for group in (self.count_line, self.count_zone) for number, one in enumerate(group, 1)]

    def place(self, size_wh: tuple[int, int], video: str = "") -> list[Boundary]:
        """All of them in a picture of that size. Raises SegmentationError if one does not fit it; video: as above"""
        return [one.place(name, size_wh, video) for name, one in self.named]
