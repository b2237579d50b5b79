"""A transparent canvas to draw on in unit coordinates, and the colours for it. shapes_*.py draw with these.

    canvas = Canvas(400)
    canvas.oval(0.5, 0.5, 0.4, 0.4, "#e8590c")                  # a disc, 0.4 of the side in radius
    canvas.line([(0, 0.5), (1, 0.5)], 0.05, "#1d1d22", inside=True)     # a seam that ends at its edge
    canvas.ball(0.5, 0.5, 0.4)                                  # and it is round

Colours are written as on the web ("#e8590c") and turned into OpenCV's BGR. A canvas is premultiplied: colour
times alpha. That is what OpenCV's anti-aliased drawing leaves on a canvas of zeros, and it can be resized and
turned without dark or bright fringes.
"""

import functools
import math

import cv2
import numpy as np

MARGIN = 0.02           # of the canvas stays empty at each side, for the soft edge
LIGHT_CELLS = 48        # light is computed on a map this fine, then enlarged
UNIT_GAIN = 160         # the value of such a map that leaves a colour as it is
FRACTION_BITS = 4       # OpenCV's drawing takes coordinates in sixteenths of a pixel

ERASER = None           # the colour that cuts a hole
BLACK, WHITE = "#1d1d22", "#f8f8f4"
SHADES = ("#d62828", "#f3722c", "#f9c22e", "#5fae3c", "#1f8a70", "#2f7fd0", "#23418f", "#7b3fa0", "#e36aa0")
WOODS = ("#8f5a32", "#b98450", "#d3a878", "#6b4226", "#a87345")


def bgr(colour):
    """The BGR tuple of a colour: bgr("#ff8000") is (0, 128, 255). A tuple is returned as it is."""
    if isinstance(colour, str):
        return tuple(int(colour[i:i + 2], 16) for i in (5, 3, 1))
    return colour


def mix(colour, other, share):
    """The colour with `share` of the other one in it: mix("#000000", "#ffffff", 0.5) is a middle grey."""
    return tuple(round(a + (b - a) * share) for a, b in zip(bgr(colour), bgr(other)))


def darker(colour, share=0.3):
    return mix(colour, "#000000", share)


def lighter(colour, share=0.3):
    return mix(colour, "#ffffff", share)


def pick(rng, colours, spread=14):
    """One of the colours, each channel moved by up to `spread`: no two cars quite alike."""
    colour = np.array(bgr(colours[rng.integers(len(colours))])) + rng.integers(-spread, spread + 1, 3)
    return tuple(int(value) for value in np.clip(colour, 0, 255))


def curve(points, closed=True, steps=6):
    """A smooth curve through points (N, 2), a Catmull-Rom spline: about (N * steps, 2)."""
    points = np.asarray(points, np.float32)
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    p = np.concatenate([before, points, after])
    a, b, c, d = (p[None, i:len(p) - 3 + i] for i in range(4))                  # each (1, pieces, 2)
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[:, None, None]
    spline = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    spline = spline.transpose(1, 0, 2).reshape(-1, 2)
    return spline if closed else np.concatenate([spline, points[-1:]])


@functools.lru_cache(maxsize=512)
def _arc(start, end, count):
    t = np.radians(np.linspace(start, end, count))
    return np.cos(t), np.sin(t)


def ring(x, y, rx, ry=None, angle=0.0, arc=(0, 360), count=40):
    """Points on an ellipse, clockwise from the right; angle and arc in degrees: (count, 2)."""
    cos_t, sin_t = _arc(*arc, count)
    across, down = rx * cos_t, (rx if ry is None else ry) * sin_t
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = np.empty((count, 2), np.float32)
    points[:, 0], points[:, 1] = x + across * cos - down * sin, y + across * sin + down * cos
    return points


def at(x, y, radius, angle):
    """The point at that angle (degrees, clockwise from the right) on a circle."""
    return np.array([x + radius * math.cos(math.radians(angle)), y + radius * math.sin(math.radians(angle))])


def turned(points, angle):
    """Points turned about the middle of the unit square, in degrees."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (np.asarray(points) - 0.5) @ np.array([[cos, sin], [-sin, cos]]) + 0.5


class Canvas:
    """A transparent square to draw on, in coordinates 0..1 whatever its size in pixels.

    bgra is (size, size, 4) uint8, premultiplied. Every shape takes a colour, or ERASER for a hole, and two
    options: inside=True keeps it to what is drawn already (a seam stays on its ball), opacity below 1 lets
    the ground shine through, and is always inside. stretch squeezes both directions about the middle.
    """

    def __init__(self, size, stretch=(1.0, 1.0)):
        self.bgra = np.zeros((size, size, 4), np.uint8)
        self.scale = np.float32(size * (1 - 2 * MARGIN)) * np.asarray(stretch, np.float32) / max(stretch)
        self.offset = (size - self.scale) / 2

    def pixels(self, points):
        points = np.asarray(points, np.float32) * self.scale + self.offset
        return np.rint(points * (1 << FRACTION_BITS)).astype(np.int32)

    def width(self, width):
        return max(1, round(float(width * self.scale.mean())))

    def poly(self, points, colour, inside=False, opacity=1.0):
        self._draw(cv2.fillPoly, self.pixels(points), colour, inside, opacity)

    def blob(self, points, colour, inside=False, opacity=1.0):
        """A smooth outline through the points."""
        self.poly(curve(points), colour, inside, opacity)

    def oval(self, x, y, rx, ry=None, colour=WHITE, angle=0.0, inside=False, opacity=1.0):
        self.poly(ring(x, y, rx, ry, angle, count=40 if rx > 0.06 else 16), colour, inside, opacity)

    def box(self, x0, y0, x1, y1, colour, corner=0.0, inside=False, opacity=1.0):
        """A rectangle, its corners rounded with that radius."""
        if not corner:
            return self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, inside, opacity)
        centres = ((x1 - corner, y1 - corner, 0), (x0 + corner, y1 - corner, 90),
                   (x0 + corner, y0 + corner, 180), (x1 - corner, y0 + corner, 270))
        arcs = [ring(x, y, corner, arc=(start, start + 90), count=7) for x, y, start in centres]
        self.poly(np.concatenate(arcs), colour, inside, opacity)

    def line(self, points, width, colour, inside=False, opacity=1.0, smooth=False):
        """A line through the points with round ends, smooth or with corners."""
        thick = self.width(width)

        def draw(image, polygons, colour, line_type, shift):
            cv2.polylines(image, polygons, False, colour, thick, line_type, shift)
        points = self.pixels(curve(points, closed=False) if smooth else points)
        self._draw(draw, points, colour, inside, opacity, reach=thick // 2 + 2)

    def _draw(self, draw, points, colour, inside, opacity, reach=2):
        full = (0, 0, 0, 0) if colour is ERASER else (*bgr(colour), 255)
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
            # no colour exceeds the alpha that was there: so nothing shows outside, and the alpha is back
            drawn = cv2.min(drawn, cv2.merge([ground[..., 3]] * 4))
            ground[...] = drawn if opacity == 1 else cv2.addWeighted(ground, 1 - opacity, drawn, opacity, 0)

    def light(self, gain):
        """Multiplies the colours by a gain map of any size; UNIT_GAIN leaves them as they are."""
        gain = np.clip(gain, 0, 255).astype(np.uint8)
        gain = cv2.merge([gain, gain, gain, np.full_like(gain, UNIT_GAIN)])     # the alpha stays
        gain = cv2.resize(gain, self.bgra.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        alpha = cv2.cvtColor(self.bgra[..., 3], cv2.COLOR_GRAY2BGRA)
        # premultiplied: no colour exceeds its alpha
        self.bgra = cv2.min(cv2.multiply(self.bgra, gain, scale=1 / UNIT_GAIN), alpha)

    def ball(self, x, y, radius, strength=0.55):
        """Lights the canvas as a ball is lit from above left."""
        rows, columns = self._grid()
        away = np.hypot(columns - (x - 0.35 * radius), rows - (y - 0.4 * radius)) / radius
        self.light(UNIT_GAIN * (1.12 - strength * np.clip(away, 0, 1.6)**2 * 0.5))

    def tube(self, x0, x1, strength=0.5):
        """Lights the canvas as an upright cylinder from x0 to x1 is lit from the left."""
        _, columns = self._grid()
        across = np.clip((columns - x0) / (x1 - x0), 0, 1)
        gain = 1.08 - strength * (np.clip(across - 0.35, 0, 1)**2 * 1.8 + np.clip(0.2 - across, 0, 1) * 1.6)
        self.light(UNIT_GAIN * np.broadcast_to(gain, (LIGHT_CELLS, LIGHT_CELLS)))

    def _grid(self):
        pixels = (np.arange(LIGHT_CELLS) + 0.5) * len(self.bgra) / LIGHT_CELLS
        rows, columns = ((pixels - offset) / scale for offset, scale in zip(self.offset[::-1],
                                                                            self.scale[::-1]))
        return rows[:, None], columns[None, :]
