"""Umbrellas, balls and kites, drawn in the way that shapes.py describes."""

import math

import numpy as np

from segmentation.training.scenes.canvas import (
    BLACK,
    SHADES,
    WHITE,
    WOODS,
    Canvas,
    Colour,
    at,
    curve,
    darker,
    pick,
    ring,
    turned,
)


def umbrella(c: Canvas, rng: np.random.Generator) -> None:
    """An open umbrella with coloured panels and a bent handle."""
    first = pick(rng, SHADES)
    second = first if rng.random() < 0.35 else pick(rng, (WHITE, *SHADES))
    low, panels, wood = rng.uniform(0.46, 0.52), 6, pick(rng, (*WOODS, "#33353a"))
    c.line([(0.5, 0.3), (0.5, 0.86), (0.525, 0.93), (0.585, 0.945), (0.635, 0.91), (0.64, 0.85)], 0.068, wood)
    c.line([(0.5, 0.03), (0.5, 0.1)], 0.04, darker(wood, 0.3))
    edge = [0.5 - 0.49 * math.cos(math.pi * k / panels) for k in range(panels + 1)]
    scallops = [ring((a + b) / 2, low, (b - a) / 2, 0.05, arc=(0, -180), count=9)
                for a, b in zip(edge[-2::-1], edge[:0:-1])]
    c.poly(np.concatenate([ring(0.5, low, 0.49, low - 0.04, arc=(180, 360)), *scallops]), first)
    t = np.linspace(0, math.pi / 2, 12)
    ribs = [np.stack([0.5 + (a - 0.5) * np.sin(t), low - (low - 0.04) * np.cos(t)], axis=1) for a in edge]
    for k in range(panels):
        panel = darker(second if k % 2 else first, 0.05 * abs(k - 2))
        c.poly(np.concatenate([ribs[k], ribs[k + 1][::-1]]), panel, inside=True)
    for rib in ribs[1:-1]:
        c.line(rib[1:], 0.01, darker(first, 0.45), inside=True, opacity=0.6)


def football(c: Canvas, turn: float, *_: Colour) -> None:
    """The seams and black pieces of a football, turned by an angle in degrees."""
    c.poly(ring(0.5, 0.5, 0.17, angle=turn, count=6), BLACK)
    for angle in turn + 72 * np.arange(5):
        corner, outer = at(0.5, 0.5, 0.17, angle), at(0.5, 0.5, 0.37, angle)
        c.line([corner, outer], 0.022, "#55575c", inside=True)
        x, y = at(0.5, 0.5, 0.475, angle)
        c.poly(ring(x, y, 0.15, angle=angle + 36, count=6), BLACK, inside=True)
        c.line([outer, at(0.5, 0.5, 0.41, angle + 36), at(0.5, 0.5, 0.37, angle + 72)], 0.022, "#55575c",
               inside=True)


def basketball(c: Canvas, turn: float, *_: Colour) -> None:
    """The seams of a basketball."""
    for bend in (-0.28, 0.0, 0.28):
        across = np.array([(0.5 + bend * 1.35, 0.0), (0.5 + bend * 0.55, 0.5), (0.5 + bend * 1.35, 1.0)])
        c.line(turned(across, turn), 0.03, "#2b1a12", inside=True, smooth=True)
    c.line(turned([(0, 0.5), (1, 0.5)], turn), 0.03, "#2b1a12", inside=True)


def tennis_ball(c: Canvas, turn: float, *_: Colour) -> None:
    """The seams of a tennis ball."""
    for side in (0, 180):
        c.line(turned([(0.1, -0.05), (0.3, 0.3), (0.7, 0.3), (0.9, -0.05)], turn + side), 0.045, "#fbfbe8",
               inside=True, smooth=True)


def beach_ball(c: Canvas, turn: float, colour: Colour, other: Colour) -> None:
    """The coloured panels of a beach ball."""
    x, y = at(0.5, 0.5, 0.16, turn)
    for k, paint in enumerate((colour, WHITE, other, WHITE, "#2f7fd0", WHITE)):
        c.poly(np.concatenate([[(x, y)], ring(0.5, 0.5, 0.6, angle=turn, arc=(60 * k, 60 * k + 60))]), paint,
               inside=True)
    c.oval(x, y, 0.075, 0.075, WHITE)


BALLS = ((football, "#f4f4f0"), (football, "#f4f4f0"), (basketball, "#d9682b"), (tennis_ball, "#cfe03a"),
         (beach_ball, "#f7f7f2"))


def sports_ball(c: Canvas, rng: np.random.Generator) -> None:
    """A football, basketball, tennis ball, volleyball or beach ball."""
    seams, base = BALLS[rng.integers(len(BALLS))]
    c.oval(0.5, 0.5, 0.495, 0.495, pick(rng, (base,), 6))
    seams(c, rng.uniform(0, 360), pick(rng, SHADES), pick(rng, SHADES))
    c.ball(0.5, 0.5, 0.5, 0.6)
    c.oval(0.34, 0.25, 0.1, 0.06, WHITE, angle=-35, opacity=0.3)


def kite(c: Canvas, rng: np.random.Generator) -> None:
    """A diamond of four colours with a tail of bows."""
    colours = [pick(rng, SHADES) for _ in range(4)]
    if rng.random() < 0.4:
        colours[2:] = colours[1::-1]
    left, right, cross, low = 0.5 - rng.uniform(0.29, 0.36), 0.5 + rng.uniform(0.29, 0.36), 0.27, 0.7
    sway = rng.choice([-1, 1]) * rng.uniform(0.04, 0.09)
    tail = curve([(0.5, low), (0.5 + sway, 0.78), (0.5 - sway, 0.87), (0.5 + sway * 0.6, 0.955)],
                 closed=False)
    c.line(tail, 0.035, "#4f4a45")
    for k, place in enumerate(tail[[8, 14, -1]]):
        for side in (-1, 1):
            c.poly(np.array([(0, 0), (side * 0.085, -0.045), (side * 0.085, 0.04)]) + place - (0, 0.01),
                   colours[(k + 1) % 4])
    top, middle, bottom = (0.5, 0.01), (0.5, cross), (0.5, low)
    for (a, b), colour in zip(((top, (left, cross)), (top, (right, cross)), (bottom, (left, cross)),
                               (bottom, (right, cross))), colours):
        c.poly([a, b, middle], colour)
    c.line([(left, cross), (right, cross)], 0.014, "#f4ead6", inside=True)
    c.line([top, bottom], 0.014, "#f4ead6", inside=True)
    c.poly([top, (right, cross), bottom, middle], "#000000", opacity=0.1)
