"""What stands on the table, drawn in the way that shapes.py describes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segmentation.training.scenes.canvas import (
    ERASER,
    SHADES,
    WHITE,
    Canvas,
    at,
    curve,
    darker,
    lighter,
    mix,
    pick,
    ring,
    turned,
)


def bottle(c: Canvas, rng: np.random.Generator) -> None:
    """A wine bottle, a water bottle or one of soda."""
    kind = rng.choice(["wine", "water", "soda"])
    body = pick(rng, {"wine": ("#1f4d2b", "#3a2413", "#6b7f2a"), "water": ("#a8d3e8", "#b8e0d8", "#8fb8e0"),
                      "soda": ("#4a1a10", "#d9822b", "#3f9b3a")}[kind], 8)
    cap = pick(rng, ("#7c1d3d", "#c9a227", "#1d1d22") if kind == "wine" else SHADES)
    half, neck = (0.155, 0.062) if kind == "wine" else (0.165, 0.072)
    shoulder = 0.36 if kind == "wine" else 0.27
    side = [(neck, 0.03), (neck, shoulder - 0.14), (neck + 0.25 * (half - neck), shoulder - 0.08),
            (half - 0.01, shoulder), (half, shoulder + 0.05), (half, 0.94), (half - 0.03, 0.985)]
    if kind != "wine":
        side[5:5] = [(half - 0.018, 0.58), (half, 0.68)]
    left = curve(side, closed=False)
    right = left[::-1] * (-1, 1)
    c.poly(np.concatenate([left, right]) + np.array([0.5, 0]), body)
    if kind == "water":
        c.box(0.3, shoulder + 0.06, 0.7, 1, darker(body, 0.15), inside=True, opacity=0.7)
        for y in (0.75, 0.82, 0.89):
            c.line([(0.3, y), (0.7, y)], 0.016, darker(body, 0.3), inside=True, opacity=0.6)
    label = pick(rng, ("#f3ead0", WHITE, *SHADES))
    top = rng.uniform(0.5, 0.55) if kind == "wine" else rng.uniform(0.36, 0.42)
    c.box(0.3, top, 0.7, top + 0.24, label, inside=True)
    c.box(0.3, top + 0.03, 0.7, top + 0.055, darker(label, 0.4), inside=True)
    c.oval(0.5, top + 0.14, 0.07, 0.055, pick(rng, SHADES), inside=True)
    c.tube(0.5 - half, 0.5 + half, 0.65)
    c.line([(0.5 - half * 0.62, shoulder + 0.06), (0.5 - half * 0.62, 0.92)], 0.03, WHITE, opacity=0.35)
    if kind == "wine":
        c.box(0.5 - neck - 0.008, 0.012, 0.5 + neck + 0.008, 0.17, cap, 0.015)
    else:
        c.box(0.5 - neck - 0.015, 0.012, 0.5 + neck + 0.015, 0.085, cap, 0.015)
    c.line([(0.5 - neck * 0.5, 0.03), (0.5 - neck * 0.5, 0.07)], 0.02, WHITE, opacity=0.4)


def cup(c: Canvas, rng: np.random.Generator) -> None:
    """A mug with its handle, a teacup on a saucer or a paper cup with a lid."""
    paint = pick(rng, (*SHADES, WHITE, "#f3ead8", "#3a3f47"))
    kind = rng.choice(["mug", "mug", "teacup", "paper"])
    if kind == "paper":
        side = [(0.23, 0.2), (0.77, 0.2), (0.69, 0.985), (0.31, 0.985)]
        c.poly(side, "#efe6d6")
        c.poly([(0.2, 0.42), (0.8, 0.42), (0.78, 0.72), (0.22, 0.72)], paint, inside=True)
        c.oval(0.5, 0.57, 0.09, 0.09, lighter(paint, 0.7), inside=True)
        c.tube(0.22, 0.78)
        c.box(0.19, 0.13, 0.81, 0.22, "#3b2c24", 0.03)
        c.box(0.24, 0.04, 0.76, 0.15, "#4a382e", 0.03)
        return
    tall = kind == "mug"
    low, narrow, rim = (0.93, 0.06, 0.17) if tall else (0.8, 0.17, 0.24)
    if not tall:
        c.oval(0.45, 0.83, 0.44, 0.13, darker(paint, 0.15))
        c.oval(0.45, 0.81, 0.43, 0.115, lighter(paint, 0.35))
    handle = ring(0.74, rim + 0.3 if tall else rim + 0.2, 0.19, 0.22 if tall else 0.15, arc=(-100, 100),
                  count=20)
    c.line(handle, 0.115 if tall else 0.1, darker(paint, 0.15))
    c.line(handle, 0.03, lighter(paint, 0.3), inside=True, opacity=0.6)
    wall = curve([(0.05, rim), (0.06 + narrow * 0.3, (rim + low) / 2 + 0.05), (0.1 + narrow, low - 0.02)],
                 closed=False)
    base = ring(0.42, low - 0.02, 0.32 - narrow, 0.07, arc=(180, 0), count=15)
    body = np.concatenate([wall, base, wall[::-1] * (-1, 1) + (0.84, 0)])
    c.poly(body, paint)
    if rng.random() < 0.5:
        band = pick(rng, (WHITE, *SHADES))
        edges = ring(0.42, 0.42, 0.44, 0.08, arc=(180, 0)), ring(0.42, 0.56, 0.44, 0.08, arc=(0, 180))
        c.poly(np.concatenate(edges), band, inside=True, opacity=0.9)
    c.tube(0.05, 0.85, 0.45)
    c.oval(0.42, rim, 0.37, 0.1, lighter(paint, 0.4))
    c.oval(0.42, rim + 0.005, 0.335, 0.08, darker(paint, 0.4))
    c.oval(0.42, rim + 0.022, 0.315, 0.062, pick(rng, ("#4b2c1a", "#8a5a34", "#a8571e")))
    c.line([(0.16, rim + 0.2), (0.18, low - 0.25)], 0.035, WHITE, opacity=0.35)


def banana(c: Canvas, rng: np.random.Generator) -> None:
    """One banana or a bunch of three."""
    ripe = pick(rng, ("#f6d32d", "#f2c81e", "#e9d64a", "#d9c840"), 8)
    count, freckles = (3 if rng.random() < 0.4 else 1), rng.random() < 0.5
    outer = [(0.93, 0.07), (0.965, 0.13), (0.94, 0.38), (0.8, 0.64), (0.55, 0.8), (0.28, 0.84), (0.06, 0.76),
             (0.045, 0.7)]
    inner = [(0.1, 0.66), (0.35, 0.62), (0.58, 0.52), (0.75, 0.36), (0.84, 0.16), (0.86, 0.08)]
    for k in reversed(range(count)):
        move = np.array((0.9, 0.1))
        stretch = np.array((1 - 0.11 * k, 1 + 0.13 * k)) if count > 1 else np.array((1.0, 1.0))
        place = [(np.array(part) - move) * stretch * (0.97 if count > 1 else 1) + move for part in (outer, inner)]
        colour = darker(ripe, 0.1 * k)
        c.blob(np.concatenate(place), colour)
        c.line(place[0][2:] * 0.55 + place[1][::-1] * 0.45, 0.018, darker(colour, 0.25), inside=True,
               opacity=0.8, smooth=True)
        c.line(place[0][2:-1] - (0.02, 0.045), 0.035, lighter(colour, 0.45), inside=True, opacity=0.5,
               smooth=True)
        x, y = place[0][-2] + (-0.005, -0.035)
        c.oval(x, y, 0.04, 0.05, "#4c3a1a", inside=True)
        if freckles:
            for _ in range(9):
                x, y = place[1][rng.integers(1, 5)] + rng.uniform(0.0, 0.17, 2)
                rx, ry = rng.uniform(0.006, 0.016, 2)
                c.oval(x, y, rx, ry, "#7a5420", inside=True, opacity=0.8)
    c.line([(0.9, 0.1), (0.91, 0.035)], 0.09, mix(ripe, "#6b6a24", 0.5))
    c.box(0.86, 0.0, 0.96, 0.04, "#5a4420", 0.015)


def orange(c: Canvas, rng: np.random.Generator) -> None:
    """A whole orange, perhaps with a leaf, or the half of one."""
    peel = pick(rng, ("#f28c1b", "#ef7d15", "#f59f2a"), 8)
    if rng.random() < 0.3:
        c.oval(0.5, 0.5, 0.49, 0.49, peel)
        c.oval(0.5, 0.5, 0.445, 0.445, "#fbe9c3")
        for k in range(9):
            angle = 40 * k
            tip = at(0.5, 0.5, 0.06, angle)
            wedge = [tip, *ring(0.5, 0.5, 0.385, angle=angle, arc=(-14, 14), count=4)]
            c.blob(wedge, lighter(peel, 0.12))
            c.line([tip, at(0.5, 0.5, 0.32, angle)], 0.03, lighter(peel, 0.5), opacity=0.5)
        return
    leaf = rng.random() < 0.45
    y, r = (0.54, 0.44) if leaf else (0.5, 0.485)
    c.oval(0.5, y, r, r * 0.98, peel)
    for x, z, size in zip(*rng.uniform(-0.9, 0.9, (2, 40)), rng.uniform(0.006, 0.013, 40)):
        c.oval(0.5 + x * r, y + z * r, size, size, darker(peel, 0.3), inside=True, opacity=0.35)
    c.ball(0.5, y, r, 0.6)
    c.oval(0.5 - 0.36 * r, y - 0.5 * r, 0.2 * r, 0.12 * r, WHITE, angle=-35, opacity=0.4)
    c.oval(0.53, y - 0.82 * r, 0.11 * r, 0.05 * r, darker(peel, 0.45), inside=True)
    if leaf:
        c.blob([(0.53, y - 0.8 * r), (0.66, 0.03), (0.82, 0.015), (0.93, 0.06), (0.84, 0.17), (0.68, 0.21)],
               "#3d8b2f")
        c.line([(0.55, y - 0.82 * r), (0.72, 0.11), (0.9, 0.065)], 0.016, "#8cc46a", inside=True, smooth=True)
        c.line([(0.53, y - 0.8 * r), (0.52, 0.07)], 0.045, "#6b5a2a")


def pizza(c: Canvas, rng: np.random.Generator) -> None:
    """A round pizza, cut, perhaps with a piece missing, or one piece."""
    crust, sauce = pick(rng, ("#d99a4e", "#c98540", "#e0ad62"), 8), "#c8401f"
    cheese = pick(rng, ("#f7cf62", "#f5c04a", "#f9dd86"), 8)
    if rng.random() < 0.25:
        c.poly(np.concatenate([[(0.5, 0.985)], ring(0.5, 0.93, 0.56, 0.9, arc=(232, 308))]), cheese)
        toppings(c, rng, [(0.38, 0.3), (0.6, 0.34), (0.5, 0.52), (0.5, 0.75), (0.49, 0.2)], 0.085)
        c.line(ring(0.5, 0.95, 0.54, 0.84, arc=(234, 306)), 0.13, crust)
        c.line(ring(0.5, 0.93, 0.54, 0.845, arc=(238, 302)), 0.035, lighter(crust, 0.4), opacity=0.6)
        return
    c.oval(0.5, 0.5, 0.49, 0.49, crust)
    for k in range(20):                                                         # browned bubbles of the rim
        x, y = at(0.5, 0.5, 0.455, 18 * k + rng.uniform(-6, 6))
        rx, ry = rng.uniform(0.015, 0.035, 2)
        c.oval(x, y, rx, ry, darker(crust, rng.uniform(0.1, 0.4)), opacity=0.6)
    c.oval(0.5, 0.5, 0.425, 0.425, sauce)
    wobble = np.array([at(0.5, 0.5, rng.uniform(0.385, 0.42), 18 * k) for k in range(20)])
    c.blob(wobble, cheese)
    for _ in range(10):
        (x, y), (rx, ry) = rng.uniform(0.2, 0.8, 2), rng.uniform(0.03, 0.08, 2)
        c.oval(x, y, rx, ry, lighter(cheese, 0.4), inside=True, opacity=0.6)
    turn, places = rng.uniform(0, 360), [np.array((0.5, 0.5))]
    for radius, count in ((0.19, 5), (0.33, 10)):
        places += [at(0.5, 0.5, radius, turn + 360 * k / count + rng.uniform(-8, 8))
                   for k in range(count)]
    toppings(c, rng, places, 0.062)
    for angle in range(0, 180, 45):
        c.line(turned([(0.02, 0.5), (0.98, 0.5)], turn + angle), 0.012, "#8a4a20", inside=True, opacity=0.75)
    if rng.random() < 0.45:
        c.poly([(0.5, 0.5), *ring(0.5, 0.5, 0.75, angle=turn, arc=(0, 45), count=5)], ERASER)


def toppings(c: Canvas, rng: np.random.Generator, places: Sequence[Any], size: float) -> None:
    """Salami, olives, basil or mushrooms in places (x, y)."""
    choice = rng.choice(["salami", "salami", "vegetables"])
    for k, (x, y) in enumerate(places):
        if choice == "salami" and k % 4 != 3:
            c.oval(x, y, size, size, "#8f2318", inside=True)
            c.oval(x, y, size * 0.86, size * 0.86, "#c23b28", inside=True)
            c.oval(x - size * 0.2, y - size * 0.3, size * 0.25, size * 0.2, "#e07a5f", inside=True)
        elif k % 2:
            c.oval(x, y, size * 0.6, size * 0.6, "#2b2b2b", inside=True)
            c.oval(x, y, size * 0.26, size * 0.26, "#d9c27a", inside=True)
        else:
            leaf = np.array([(-1, 0), (-0.2, -0.55), (1, 0), (-0.2, 0.55)]) * size * 1.1
            angle = math.radians(rng.uniform(0, 360))
            spin = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
            c.blob(leaf @ spin + (x, y), "#3f8f3a", inside=True)


def donut(c: Canvas, rng: np.random.Generator) -> None:
    """A ring with icing and sprinkles, seen from above."""
    dough, hole = pick(rng, ("#d9a05b", "#c98b48", "#e2b473"), 8), rng.uniform(0.145, 0.18)
    icing = pick(rng, ("#f48fb1", "#5c3317", "#f7ede0", "#8fd3d1", "#c79be0", "#d98a3d"), 8)
    c.oval(0.5, 0.5, 0.49, 0.49, dough)
    c.oval(0.5, 0.5, 0.46, 0.46, darker(dough, 0.12))
    outline = [at(0.5, 0.5, rng.uniform(0.385, 0.45), 24 * k) for k in range(15)]
    c.blob(outline, darker(icing, 0.25))
    c.blob((np.array(outline) - 0.5) * 0.955 + (0.494, 0.492), icing)
    c.oval(0.5, 0.5, hole + 0.06, hole + 0.06, darker(icing, 0.15))
    c.oval(0.5, 0.5, hole + 0.035, hole + 0.035, darker(dough, 0.1))
    c.line(ring(0.5, 0.5, 0.315, arc=(195, 285), count=14), 0.04, WHITE, opacity=0.3)
    if rng.random() < 0.75:
        for k in range(46):
            x, y = at(0.5, 0.5, rng.uniform(hole + 0.09, 0.385), rng.uniform(0, 360))
            dx, dy = at(0, 0, 0.02, rng.uniform(0, 360))
            c.line([(x - dx, y - dy), (x + dx, y + dy)], 0.018, (*SHADES, WHITE)[k % 10])
    else:
        for k in range(7):
            x = 0.14 + 0.12 * k
            c.line([(x - 0.06, 0.02), (x + 0.06, 0.98)], 0.02, lighter(icing, 0.6), inside=True, opacity=0.85)
    c.oval(0.5, 0.5, hole, hole, ERASER)
