"""A transparent canvas to draw on in unit coordinates, and the colours for it. shapes_*.py draw with these.

    canvas = Canvas(400)
    canvas.oval(0.5, 0.5, 0.4, 0.4, "#e8590c")                  # a disc, 0.4 of the side in radius
    canvas.line([(0, 0.5), (1, 0.5)], 0.05, "#1d1d22", inside=True)     # a seam that ends at its edge
    canvas.ball(0.5, 0.5, 0.4)                                  # and it is round

Colours are written as on the web ("#e8590c") and become OpenCV's BGR. A canvas is premultiplied: colour times alpha.
OpenCV's anti-aliased drawing gives that on a canvas of zeros, and it can be resized and turned without dark or bright
fringes.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Optional, Union

import cv2
import numpy as np
from numpy.typing import ArrayLike

Colour = Union[str, tuple[int, int, int]]   # "#e8590c", or (B, G, R)

MARGIN = 0.02           # of the canvas stays empty at each side, for the soft edge
LIGHT_CELLS = 48        # light is computed on a map of so many cells a side, then enlarged
UNIT_GAIN = 160         # the value of such a map that leaves a colour as it is
FRACTION_BITS = 4       # OpenCV's drawing takes coordinates in sixteenths of a pixel

ERASER = None           # the colour that cuts a hole
BLACK, WHITE = "#1d1d22", "#f8f8f4"
SHADES = ("#d62828", "#f3722c", "#f9c22e", "#5fae3c", "#1f8a70", "#2f7fd0", "#23418f", "#7b3fa0", "#e36aa0")
WOODS = ("#8f5a32", "#b98450", "#d3a878", "#6b4226", "#a87345")


def bgr(colour: Colour) -> tuple[int, int, int]:
    """The BGR tuple of a colour: bgr("#ff8000") is (0, 128, 255). A tuple is returned as it is."""
    if isinstance(colour, str):
        blue, green, red = (int(colour[i:i + 2], 16) for i in (5, 3, 1))
        return blue, green, red
    return colour


def mix(colour: Colour, other: Colour, share: float) -> tuple[int, int, int]:
    """The colour with `share` of the other one in it: mix("#000000", "#ffffff", 0.5) is a middle grey."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(bgr(colour), bgr(other)))
    return blue, green, red


def darker(colour: Colour, share: float = 0.3) -> tuple[int, int, int]:
    """The colour with `share` of black in it."""
    return mix(colour, "#000000", share)


def lighter(colour: Colour, share: float = 0.3) -> tuple[int, int, int]:
    """The colour with `share` of white in it."""
    return mix(colour, "#ffffff", share)


def pick(rng: np.random.Generator, colours: Sequence[Colour], spread: int = 14) -> tuple[int, int, int]:
    """One of the colours at random, each channel moved by up to `spread`, so that no two cars are alike."""
    colour = bgr(colours[int(rng.integers(len(colours)))])
    channels = np.array(colour, np.int64) + rng.integers(-spread, spread + 1, 3)
    blue, green, red = (int(value) for value in np.clip(channels, 0, 255))
    return blue, green, red


def curve(points: ArrayLike, closed: bool = True, steps: int = 6) -> np.ndarray:
    """A smooth curve through points (N, 2), a Catmull-Rom spline: about (N * steps, 2)."""
    corners = np.asarray(points, np.float32)
    before, after = (corners[-1:], corners[:2]) if closed else (corners[:1], corners[-1:])
    p = np.concatenate([before, corners, after])
    a, b, c, d = (p[None, i:len(p) - 3 + i] for i in range(4))                  # each (1, pieces, 2)
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[:, None, None]
    spline = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    spline = spline.transpose(1, 0, 2).reshape(-1, 2)
    return spline if closed else np.concatenate([spline, corners[-1:]])


@functools.lru_cache(maxsize=512)
def _arc(start: float, end: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine, each (count,), of angles from start to end in degrees."""
    t = np.radians(np.linspace(start, end, count))
    return np.cos(t), np.sin(t)


def ring(x: float, y: float, rx: float, ry: Optional[float] = None, angle: float = 0.0,
         arc: tuple[float, float] = (0, 360), count: int = 40) -> np.ndarray:
    """Points on an ellipse, clockwise from the right; angle and arc in degrees: (count, 2)."""
    cos_t, sin_t = _arc(*arc, count)
    across, down = rx * cos_t, (rx if ry is None else ry) * sin_t
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = np.empty((count, 2), np.float32)
    points[:, 0], points[:, 1] = x + across * cos - down * sin, y + across * sin + down * cos
    return points


def at(x: float, y: float, radius: float, angle: float) -> np.ndarray:
    """The point at that angle (degrees, clockwise from the right) on a circle."""
    return np.array([x + radius * math.cos(math.radians(angle)), y + radius * math.sin(math.radians(angle))])


def turned(points: ArrayLike, angle: float) -> np.ndarray:
    """Points (N, 2) turned by an angle in degrees about the middle of the unit square."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (np.asarray(points) - 0.5) @ np.array([[cos, sin], [-sin, cos]]) + 0.5


class Canvas:
    """A transparent square to draw on, in coordinates 0..1 for any size in pixels.

    bgra: (size, size, 4) uint8, premultiplied
    stretch: factors of width and height about the middle; the larger one fills the canvas

    Every shape takes a colour, or ERASER for a hole, and two options. inside=True draws only on what is drawn already,
    so that a seam stays on its ball. opacity below 1 lets the ground shine through, and is always inside.
    """

    def __init__(self, size: int, stretch: Sequence[float] = (1.0, 1.0)) -> None:
        self.bgra: np.ndarray = np.zeros((size, size, 4), np.uint8)
        self.scale = np.float32(size * (1 - 2 * MARGIN)) * np.asarray(stretch, np.float32) / max(stretch)
        self.offset = (size - self.scale) / 2

    def pixels(self, points: ArrayLike) -> np.ndarray:
        """Points (N, 2) in pixels, int32 with FRACTION_BITS, as OpenCV's drawing takes them."""
        places = np.asarray(points, np.float32) * self.scale + self.offset
        return np.rint(places * (1 << FRACTION_BITS)).astype(np.int32)

    def width(self, width: float) -> int:
        """A width in whole pixels, at least 1."""
        return max(1, round(float(width * self.scale.mean())))

    def poly(self, points: ArrayLike, colour: Optional[Colour], inside: bool = False, opacity: float = 1.0) -> None:
        """A polygon through points (N, 2)."""
        self._draw(cv2.fillPoly, self.pixels(points), colour, inside, opacity)

    def blob(self, points: ArrayLike, colour: Optional[Colour], inside: bool = False, opacity: float = 1.0) -> None:
        """A shape with a smooth outline through points (N, 2)."""
        self.poly(curve(points), colour, inside, opacity)

    def oval(self, x: float, y: float, rx: float, ry: Optional[float] = None, colour: Optional[Colour] = WHITE,
             angle: float = 0.0, inside: bool = False, opacity: float = 1.0) -> None:
        """An ellipse about (x, y), turned by an angle in degrees."""
        self.poly(ring(x, y, rx, ry, angle, count=40 if rx > 0.06 else 16), colour, inside, opacity)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Optional[Colour], corner: float = 0.0,
            inside: bool = False, opacity: float = 1.0) -> None:
        """A rectangle; `corner` is the radius of its corners."""
        if not corner:
            self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, inside, opacity)
            return
        centres = ((x1 - corner, y1 - corner, 0), (x0 + corner, y1 - corner, 90),
                   (x0 + corner, y0 + corner, 180), (x1 - corner, y0 + corner, 270))
        arcs = [ring(x, y, corner, arc=(start, start + 90), count=7) for x, y, start in centres]
        self.poly(np.concatenate(arcs), colour, inside, opacity)

    def line(self, points: ArrayLike, width: float, colour: Optional[Colour], inside: bool = False,
             opacity: float = 1.0, smooth: bool = False) -> None:
        """A line with round ends through points (N, 2), smooth or with corners."""
        thick = self.width(width)

        def draw(image: np.ndarray, polygons: Any, colour: Any, line_type: int, shift: int) -> None:
            cv2.polylines(image, polygons, False, colour, thick, line_type, shift)
        places = self.pixels(curve(points, closed=False) if smooth else points)
        self._draw(draw, places, colour, inside, opacity, reach=thick // 2 + 2)

    def _draw(self, draw: Callable[..., Any], points: np.ndarray, colour: Optional[Colour], inside: bool,
              opacity: float, reach: int = 2) -> None:
        """draw: called as cv2.fillPoly is; reach: pixels that it may colour beyond the points."""
        full = (0, 0, 0, 0) if colour is None else (*bgr(colour), 255)
        if not inside and opacity == 1:
            draw(self.bgra, [points], full, cv2.LINE_AA, FRACTION_BITS)
            return
        x, y, w, h = cv2.boundingRect(points >> FRACTION_BITS)
        x0, y0 = max(0, x - reach), max(0, y - reach)
        ground = self.bgra[y0:y + h + reach, x0:x + w + reach]
        if ground.size:
            drawn = ground.copy()
            draw(drawn, [points - (np.array([x0, y0], np.int32) << FRACTION_BITS)], full, cv2.LINE_AA,
                 FRACTION_BITS)
            # No colour may exceed the alpha that was there. So nothing is drawn outside, and the alpha stays the same.
            drawn = cv2.min(drawn, cv2.merge([ground[..., 3]] * 4))
            ground[...] = drawn if opacity == 1 else cv2.addWeighted(ground, 1 - opacity, drawn, opacity, 0)

    def mirror(self) -> None:
        """Flip the canvas left to right."""
        self.bgra = cv2.flip(self.bgra, 1)

    def light(self, gain: np.ndarray) -> None:
        """Multiply the colours by a gain map (h, w) of any size; UNIT_GAIN leaves them as they are."""
        one: np.ndarray = np.clip(gain, 0, 255).astype(np.uint8)
        four = cv2.merge([one, one, one, np.full_like(one, UNIT_GAIN)])         # the alpha stays the same
        size = len(self.bgra)
        four = cv2.resize(four, (size, size), interpolation=cv2.INTER_LINEAR)
        alpha = cv2.cvtColor(self.bgra[..., 3], cv2.COLOR_GRAY2BGRA)
        # premultiplied: no colour exceeds its alpha
        self.bgra = cv2.min(cv2.multiply(self.bgra, four, scale=1 / UNIT_GAIN), alpha)

    def ball(self, x: float, y: float, radius: float, strength: float = 0.55) -> None:
        """Light the canvas like a ball that is lit from above left."""
        rows, columns = self._grid()
        away = np.hypot(columns - (x - 0.35 * radius), rows - (y - 0.4 * radius)) / radius
        self.light(UNIT_GAIN * (1.12 - strength * np.clip(away, 0, 1.6)**2 * 0.5))

    def tube(self, x0: float, x1: float, strength: float = 0.5) -> None:
        """Light the canvas like an upright cylinder from x0 to x1 that is lit from the left."""
        _, columns = self._grid()
        across = np.clip((columns - x0) / (x1 - x0), 0, 1)
        gain = 1.08 - strength * (np.clip(across - 0.35, 0, 1)**2 * 1.8 + np.clip(0.2 - across, 0, 1) * 1.6)
        self.light(UNIT_GAIN * np.broadcast_to(gain, (LIGHT_CELLS, LIGHT_CELLS)))

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """y (LIGHT_CELLS, 1) and x (1, LIGHT_CELLS) of the middles of a light map's cells."""
        pixels = (np.arange(LIGHT_CELLS) + 0.5) * len(self.bgra) / LIGHT_CELLS
        rows, columns = ((pixels - offset) / scale for offset, scale in zip(self.offset[::-1], self.scale[::-1]))
        return rows[:, None], columns[None, :]
