"""Vehicles, and what stands in the street, drawn in the way that shapes.py describes."""

import math

import numpy as np
from numpy.typing import ArrayLike

from segmentation.training.scenes.canvas import (
    BLACK,
    SHADES,
    WHITE,
    WOODS,
    Canvas,
    Colour,
    darker,
    lighter,
    mix,
    pick,
    ring,
)

PAINTS = ("#c1121f", "#1e5fae", "#f0f0ec", "#b9bec5", "#3a3f47", "#2a7f4f", "#f2b705", "#e8590c", "#6d8fb3",
          "#7c1d3d")


# ---- Vehicles --------------------------------------------------------------------------------------------

def wheel(c: Canvas, x: float, y: float, r: float) -> None:
    """A tyre with a bright rim."""
    c.oval(x, y, r, r, "#26262a")
    c.oval(x, y, 0.62 * r, 0.62 * r, "#c3c7cc")
    c.oval(x, y, 0.5 * r, 0.5 * r, "#7c828a")
    for angle in range(0, 180, 36):
        c.line(ring(x, y, 0.48 * r, arc=(angle, angle + 180), count=2), 0.14 * r, "#c3c7cc")
    c.oval(x, y, 0.16 * r, 0.16 * r, "#4a4d52")


def glass(c: Canvas, points: ArrayLike, colour: Colour = "#2e4456") -> None:
    """A window with a reflection."""
    corners = np.asarray(points, np.float32)
    c.poly(corners, colour)
    low, high = corners.min(0), corners.max(0)
    c.poly([(low[0], high[1]), (low[0] + 0.45 * (high[0] - low[0]), low[1]),
            (low[0] + 0.75 * (high[0] - low[0]), low[1]), (low[0] + 0.3 * (high[0] - low[0]), high[1])],
           "#9fc3dc", opacity=0.45)


def car(c: Canvas, rng: np.random.Generator) -> None:
    """A car from the side: saloon, hatchback or off-roader."""
    paint = pick(rng, PAINTS)
    roof = {"saloon": (0.34, 0.44, 0.68, 0.84), "hatchback": (0.3, 0.42, 0.82, 0.93),
            "off-roader": (0.27, 0.35, 0.88, 0.94)}[rng.choice(["saloon", "hatchback", "off-roader"])]
    top, belt = rng.uniform(0.26, 0.29), 0.45
    a, b, d, e = roof
    c.box(0.06, 0.5, 0.94, 0.665, darker(paint, 0.65), 0.04)
    c.blob([(0.012, 0.6), (0.02, 0.5), (0.12, 0.46), (a - 0.04, belt), (a + 0.02, 0.4), (b, top + 0.012),
            ((b + d) / 2, top), (d, top + 0.012), (e - 0.02, 0.42), (e + 0.04, belt + 0.01), (0.975, 0.5),
            (0.988, 0.6), (0.94, 0.645), (0.5, 0.65), (0.06, 0.645)], paint)
    middle = (b + d) / 2 + 0.01
    glass(c, [(a + 0.045, belt), (b + 0.025, top + 0.045), (middle - 0.018, top + 0.04),
              (middle - 0.018, belt)])
    glass(c, [(middle + 0.018, belt), (middle + 0.018, top + 0.04), (d - 0.01, top + 0.045),
              (e - 0.05, belt)])
    for x in (middle, a + 0.045):                                               # doors
        c.line([(x, belt), (x, 0.61)], 0.009, darker(paint, 0.45), opacity=0.8)
    for x in (middle - 0.06, middle + 0.15):
        c.line([(x, 0.5), (x + 0.045, 0.5)], 0.018, lighter(paint, 0.5))
    c.line([(0.03, 0.575), (0.97, 0.575)], 0.012, lighter(paint, 0.35), opacity=0.7)
    c.line([(0.05, 0.635), (0.95, 0.635)], 0.03, darker(paint, 0.4), opacity=0.7)
    c.oval(0.05, 0.52, 0.045, 0.028, "#fff3c4")
    c.box(0.945, 0.49, 0.985, 0.55, "#c1121f", 0.015)
    r = rng.uniform(0.092, 0.105)
    for x in (0.22, 0.77):
        c.oval(x, 0.64, r * 1.18, r * 1.18, darker(paint, 0.7), inside=True)
        wheel(c, x, 0.645, r)


def bus(c: Canvas, rng: np.random.Generator) -> None:
    """A city bus from the side, with one deck or two."""
    paint = pick(rng, ("#f2b705", "#c1121f", "#1e5fae", "#2a7f4f", "#e8590c", "#e9e9e4", "#4aa3b5"))
    stripe = pick(rng, (WHITE, "#23418f", "#f9c22e", "#3a3f47"))
    decks = 2 if rng.random() < 0.35 else 1
    top = 0.12 if decks == 2 else 0.26
    c.box(0.015, top, 0.985, 0.79, paint, 0.045)
    c.box(0.04, top + 0.012, 0.96, top + 0.04, lighter(paint, 0.35), 0.012)
    rows = (top + 0.075, 0.44) if decks == 2 else (top + 0.085,)
    for row in rows:
        for k in range(6):
            x = 0.245 + 0.122 * k
            if row == rows[-1] and k == 2:
                continue
            glass(c, [(x, row), (x + 0.102, row), (x + 0.102, row + 0.15), (x, row + 0.15)])
    glass(c, [(0.03, rows[-1] + 0.02), (0.09, rows[-1]), (0.09, rows[-1] + 0.19), (0.025, rows[-1] + 0.19)])
    if decks == 2:
        glass(c, [(0.03, rows[0]), (0.22, rows[0]), (0.22, rows[0] + 0.15), (0.03, rows[0] + 0.15)])
    for x in (0.115, 0.485):                                                    # doors
        c.box(x, rows[-1], x + 0.105, 0.765, "#2b2f36", 0.012)
        for pane in (0.008, 0.056):
            c.box(x + pane, rows[-1] + 0.012, x + pane + 0.041, 0.745, "#86a9bf", 0.01)
    for x0, x1 in ((0.225, 0.48), (0.595, 0.98)):
        c.box(x0, 0.635, x1, 0.68, stripe)
    c.box(0.02, 0.765, 0.98, 0.795, darker(paint, 0.6), 0.012)
    c.box(0.25, top + 0.012, 0.52, top + 0.06, "#191b1e", 0.01)                 # the line it serves
    for k in range(7):
        c.box(0.27 + 0.033 * k, top + 0.025, 0.29 + 0.033 * k, top + 0.047, "#ffb020")
    c.oval(0.035, 0.715, 0.022, 0.028, "#fff3c4")
    c.box(0.965, 0.68, 0.985, 0.74, "#c1121f", 0.008)
    for x in (0.3, 0.79):
        c.oval(x, 0.79, 0.1, 0.1, darker(paint, 0.75), inside=True)
        wheel(c, x, 0.795, 0.084)


def airplane(c: Canvas, rng: np.random.Generator) -> None:
    """An airliner from the side, flying to the left."""
    paint = pick(rng, (WHITE, "#e8ecef", "#cfd6dd", "#f3ead8"), 5)
    livery = pick(rng, SHADES)
    c.poly([(0.5, 0.5), (0.63, 0.5), (0.8, 0.26), (0.71, 0.26)], darker(paint, 0.3))            # the far wing
    c.poly([(0.76, 0.45), (0.9, 0.14), (0.985, 0.14), (0.965, 0.48)], livery)                   # the tail
    c.blob([(0.01, 0.53), (0.06, 0.455), (0.16, 0.415), (0.45, 0.4), (0.8, 0.41), (0.98, 0.44), (0.97, 0.475),
            (0.82, 0.57), (0.55, 0.61), (0.2, 0.61), (0.06, 0.58)], paint)
    c.poly([(0.0, 0.56), (0.97, 0.51), (0.97, 0.7), (0.0, 0.7)], mix(livery, paint, 0.15), inside=True)
    glass(c, [(0.065, 0.475), (0.12, 0.445), (0.125, 0.49), (0.06, 0.5)])
    for k in range(13):
        c.box(0.19 + 0.046 * k, 0.452, 0.212 + 0.046 * k, 0.497, "#3c566b", 0.01)
    c.box(0.15, 0.45, 0.178, 0.535, darker(paint, 0.15), 0.01)
    c.box(0.36, 0.6, 0.5, 0.695, darker(paint, 0.2), 0.045)                                     # engine
    c.oval(0.37, 0.647, 0.025, 0.045, "#33383f")
    c.poly([(0.4, 0.56), (0.58, 0.55), (0.86, 0.83), (0.74, 0.85)], darker(paint, 0.1))     # the near wing
    c.poly([(0.8, 0.77), (0.86, 0.83), (0.74, 0.85), (0.715, 0.81)], livery)
    c.poly([(0.82, 0.48), (0.91, 0.475), (0.995, 0.6), (0.93, 0.61)], darker(paint, 0.22))


def boat(c: Canvas, rng: np.random.Generator) -> None:
    """A sailing boat, or a motor boat with a cabin."""
    hull, deck = pick(rng, (*SHADES, WHITE, "#3a3f47")), pick(rng, WOODS)
    if rng.random() < 0.6:
        sails = pick(rng, (WHITE, "#f5ecd7", *SHADES[:6]))
        jib = sails if rng.random() < 0.6 else pick(rng, SHADES)
        c.line([(0.52, 0.03), (0.52, 0.78)], 0.035, darker(deck, 0.2))
        c.blob([(0.55, 0.05), (0.72, 0.3), (0.9, 0.62), (0.93, 0.685), (0.74, 0.7), (0.55, 0.69),
                (0.545, 0.36)], sails)
        c.blob([(0.49, 0.09), (0.33, 0.38), (0.12, 0.655), (0.11, 0.69), (0.3, 0.7), (0.49, 0.69),
                (0.5, 0.38)], jib)
        for k in range(3):
            c.line([(0.54, 0.3 + 0.13 * k), (0.95, 0.32 + 0.13 * k)], 0.008, darker(sails, 0.25), inside=True)
        keel = 0.74
    else:
        c.box(0.3, 0.42, 0.72, 0.72, WHITE, 0.02)
        c.box(0.27, 0.39, 0.75, 0.45, hull, 0.02)
        for k in range(3):
            glass(c, [(0.335 + 0.125 * k, 0.49), (0.435 + 0.125 * k, 0.49), (0.435 + 0.125 * k, 0.6),
                      (0.335 + 0.125 * k, 0.6)])
        c.box(0.53, 0.24, 0.66, 0.4, pick(rng, SHADES), 0.01)
        c.box(0.53, 0.21, 0.66, 0.28, BLACK, 0.01)
        keel = 0.68
    c.blob([(0.015, keel), (0.25, keel + 0.015), (0.6, keel + 0.015), (0.985, keel - 0.02), (0.93, 0.86),
            (0.8, 0.96), (0.5, 0.98), (0.2, 0.96), (0.07, 0.86)], hull)
    c.line([(0.0, keel + 0.03), (0.6, keel + 0.045), (1.0, keel + 0.01)], 0.05, deck, inside=True,
           smooth=True)
    c.box(0.0, 0.9, 1.0, 1.0, lighter(hull, 0.55) if rng.random() < 0.5 else "#7c1d1d", inside=True)
    if keel == 0.68:
        for x in (0.2, 0.8):
            c.oval(x, 0.81, 0.038, 0.038, WHITE)
            c.oval(x, 0.81, 0.022, 0.022, "#3c566b")


# ---- In the street ---------------------------------------------------------------------------------------

def traffic_light(c: Canvas, rng: np.random.Generator) -> None:
    """Three lamps in a housing, one of them lit, on a post or hanging."""
    housing = pick(rng, ("#26282c", "#33372f", "#e0a912", "#3f5a46"), 8)
    post, lit = rng.random() < 0.6, rng.integers(3)
    bottom = 0.74 if post else 0.985
    half, r = bottom * 0.19, bottom * 0.122
    if post:
        c.box(0.445, 0.6, 0.555, 0.99, "#6d737a", 0.02)
        c.box(0.455, 0.6, 0.485, 0.99, "#9aa0a6")
    if rng.random() < 0.4:
        c.box(0.5 - half - 0.04, 0.01, 0.5 + half + 0.04, bottom, "#17181a", 0.05)
        c.box(0.5 - half - 0.025, 0.025, 0.5 + half + 0.025, bottom - 0.015, WHITE, 0.04)
    c.box(0.5 - half, 0.012 if post else 0.015, 0.5 + half, bottom, housing, 0.05)
    for k, colour in enumerate(("#ff3b30", "#ffc01e", "#2fd158")):
        y = bottom * (0.19 + 0.31 * k)
        c.oval(0.5, y, r * 1.22, r * 1.22, darker(housing, 0.5))
        if k == lit:
            c.oval(0.5, y, r, r, colour)
            c.oval(0.5, y, r * 0.7, r * 0.7, lighter(colour, 0.45), opacity=0.8)
            c.oval(0.5 - 0.2 * r, y - 0.25 * r, r * 0.3, r * 0.25, WHITE, opacity=0.8)
        else:
            c.oval(0.5, y, r, r, mix(darker(colour, 0.62), "#303030", 0.25))
        hood = ring(0.5, y, r * 1.25, arc=(185, 355)), ring(0.5, y + 0.25 * r, r * 1.2, r * 1.05, arc=(345, 195))
        c.poly(np.concatenate(hood), darker(housing, 0.7))


LETTERS = {
    "S": [(0.95, 0.16), (0.7, 0.0), (0.28, 0.0), (0.04, 0.2), (0.2, 0.45), (0.8, 0.55), (0.97, 0.8), (0.72, 1.0),
          (0.28, 1.0), (0.03, 0.84)],
    "T": [(0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.5, 1.0)],
    "O": [(0.5, 0.0), (0.9, 0.15), (1.0, 0.5), (0.9, 0.85), (0.5, 1.0), (0.1, 0.85), (0.0, 0.5), (0.1, 0.15),
          (0.5, 0.0)],
    "P": [(0.06, 1.0), (0.06, 0.0), (0.7, 0.0), (0.97, 0.14), (0.97, 0.42), (0.7, 0.56), (0.06, 0.56)],
}


def stop_sign(c: Canvas, rng: np.random.Generator) -> None:
    """The red octagon, with or without its post."""
    post = rng.random() < 0.5
    r, x = (0.34, 0.5) if post else (0.495, 0.5)
    y = r + 0.01 if post else 0.5
    red = pick(rng, ("#c1121f", "#b81d24", "#d42a2a"), 8)
    if post:
        c.box(x - 0.065, y, x + 0.065, 0.99, "#81878d", 0.015)
        c.box(x - 0.05, y, x - 0.01, 0.99, "#b7bcc1")
    for radius, colour in ((r, WHITE), (r * 0.93, red)):
        c.poly(ring(x, y, radius / math.cos(math.pi / 8), angle=22.5, count=9), colour)
    high, wide = r * 0.62, r * 0.32
    for k, letter in enumerate("STOP"):
        corner = np.array([x + (k - 2) * r * 0.42 + r * 0.05, y - high / 2])
        c.line(np.array(LETTERS[letter]) * (wide, high) + corner, r * 0.1, WHITE, smooth=letter in "SO")
