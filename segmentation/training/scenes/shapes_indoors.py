"""What stands in a room or hangs on its wall, drawn in the way that shapes.py describes."""

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
    darker,
    lighter,
    mix,
    pick,
    ring,
)


def chair(c: Canvas, rng: np.random.Generator) -> None:
    """A chair with four legs, seen a little from the side: wooden with slats, or upholstered."""
    wood, cloth = pick(rng, (*WOODS, "#33353a", "#ece7dc")), pick(rng, SHADES)
    far, padded = darker(wood, 0.32), rng.random() < 0.5
    x0, x1, seat = 0.2 + rng.uniform(-0.02, 0.02), 0.64, rng.uniform(0.5, 0.53)
    for x in (x0 + 0.11, 0.82):                                                 # the legs farther away
        c.line([(x, seat), (x + 0.01, 0.85)], 0.085, far)
    for x in (x0, x1):                                                          # the frame of the back
        c.line([(x, 0.06), (x, seat)], 0.095, darker(wood, 0.12))
    if padded:
        pad = np.array([(0.0, 0.03), (0.5, 0.015), (1.0, 0.03), (1.05, 0.22), (1.0, 0.4), (0.5, 0.41),
                        (0.0, 0.4), (-0.05, 0.22)])
        c.blob(pad * (x1 - x0, 1) + (x0, 0), cloth)
        c.blob((pad - (0.5, 0.21)) * ((x1 - x0) * 0.8, 0.76) + ((x0 + x1) / 2, 0.21), lighter(cloth, 0.14))
    else:
        for y in (0.08, 0.21, 0.34):
            c.line([(x0, y), (x1, y)], 0.09, wood)
            c.line([(x0, y - 0.025), (x1, y - 0.025)], 0.012, lighter(wood, 0.4), inside=True, opacity=0.7)
    for x in (0.19, 0.73):
        c.line([(x, seat + 0.1), (x, 0.935)], 0.1, wood)
        c.line([(x - 0.025, seat + 0.16), (x - 0.025, 0.93)], 0.015, lighter(wood, 0.35), inside=True,
               opacity=0.6)
    c.line([(0.19, 0.78), (0.73, 0.78)], 0.045, darker(wood, 0.18))
    corners = np.array([(x0 - 0.03, seat - 0.05), (0.86, seat - 0.05), (0.79, seat + 0.08),
                        (0.13, seat + 0.08)])
    front = np.array([(0.13, seat + 0.08), (0.79, seat + 0.08), (0.86, seat - 0.05), (0.86, seat + 0.01),
                      (0.79, seat + 0.15), (0.13, seat + 0.15)])
    c.poly(front, darker(cloth if padded else wood, 0.35))
    c.poly(corners, lighter(cloth if padded else wood, 0.1))
    middle = corners.mean(axis=0)
    c.poly((corners - middle) * 0.8 + middle, lighter(cloth if padded else wood, 0.22))


def potted_plant(c: Canvas, rng: np.random.Generator) -> None:
    """A pot with a bush of leaves, flowers or a cactus."""
    pot = pick(rng, ("#b5603a", "#c9774e", "#e8e4da", "#4a6fa5", "#5a5f66"))
    green = pick(rng, ("#3f8f3a", "#2f7a4a", "#6a9c3a"))
    kind = rng.choice(["bush", "bush", "flowers", "cactus"])
    if kind == "cactus":
        c.line([(0.36, 0.44), (0.25, 0.42), (0.25, 0.28)], 0.12, darker(green, 0.15), smooth=True)
        c.line([(0.62, 0.5), (0.76, 0.46), (0.76, 0.24)], 0.12, darker(green, 0.2), smooth=True)
        c.line([(0.5, 0.14), (0.5, 0.65)], 0.24, green)
        for x in (0.43, 0.5, 0.57):
            c.line([(x, 0.06), (x, 0.65)], 0.014, lighter(green, 0.45), inside=True, opacity=0.8)
        c.oval(0.5, 0.045, 0.06, 0.045, "#f06595")
    else:
        for angle in rng.permutation(np.linspace(-100, 100, 15)):
            tilt = math.radians(angle + rng.uniform(-6, 6) - 90)
            along = np.array([math.cos(tilt), math.sin(tilt)])
            across = np.array([-math.sin(tilt), math.cos(tilt)])
            long = rng.uniform(0.36, 0.56) * (1 - 0.2 * abs(angle) / 100)
            foot = np.array([0.5 + angle / 1600, 0.6])
            shape = [foot, foot + along * long * 0.45 + across * 0.07, foot + along * long,
                     foot + along * long * 0.45 - across * 0.07]
            c.blob(shape, mix(green, "#0d2b14" if rng.random() < 0.6 else "#d8e8a0", rng.uniform(0, 0.4)))
            c.line([foot, foot + along * long * 0.85], 0.012, lighter(green, 0.4), opacity=0.7)
        if kind == "flowers":
            petals = pick(rng, ("#e64980", "#f9c22e", "#f8f0f4", "#7b3fa0", "#d62828"))
            for x, y in ((0.5, 0.16), (0.27, 0.27), (0.73, 0.26), (0.4, 0.38), (0.63, 0.42)):
                for px, py in ring(x, y, 0.052, count=6)[:5]:
                    c.oval(px, py, 0.045, 0.045, petals)
                c.oval(x, y, 0.032, 0.032, "#8a5a10" if petals[2] > 150 else "#f9c22e")
    c.poly([(0.27, 0.66), (0.73, 0.66), (0.67, 0.985), (0.33, 0.985)], pot)
    c.box(0.235, 0.585, 0.765, 0.7, lighter(pot, 0.12), 0.02)
    c.box(0.25, 0.7, 0.75, 0.725, darker(pot, 0.35), inside=True, opacity=0.6)
    c.line([(0.36, 0.75), (0.39, 0.94)], 0.04, WHITE, inside=True, opacity=0.25)


def tv(c: Canvas, rng: np.random.Generator) -> None:
    """A flat television with a picture on it, or switched off, or an old one with a tube."""
    frame = pick(rng, ("#17181b", "#2a2c31", "#4d5157", "#c9ccd1"), 6)
    old = rng.random() < 0.25
    top, low = (0.2, 0.88) if old else (0.14, 0.74)
    if old:
        frame = pick(rng, (*WOODS, "#5a5d63"))
        for x in (0.3, 0.7):
            c.line([(0.5, 0.2), (x, 0.05)], 0.04, "#7d8085")
            c.line([(0.24 if x < 0.5 else 0.76, 0.88), (0.2 if x < 0.5 else 0.8, 0.95)], 0.075,
                   darker(frame, 0.5))
        c.box(0.04, top, 0.96, low, frame, 0.06)
        c.box(0.745, top + 0.05, 0.925, low - 0.05, darker(frame, 0.35), 0.03)
        for y in (0.33, 0.47):
            c.oval(0.835, y, 0.05, 0.05, "#c9ccd1")
            c.line([(0.835, y - 0.04), (0.835, y + 0.01)], 0.016, BLACK)
        for k in range(4):
            c.line([(0.785, 0.6 + 0.05 * k), (0.885, 0.6 + 0.05 * k)], 0.018, BLACK)
        screen, corner = (0.09, top + 0.05, 0.71, low - 0.05), 0.07
    else:
        c.box(0.44, 0.7, 0.56, 0.84, darker(frame, 0.2))
        c.box(0.27, 0.81, 0.73, 0.865, darker(frame, 0.35), 0.02)
        c.box(0.01, top, 0.99, low, frame, 0.015)
        screen, corner = (0.04, top + 0.03, 0.96, low - 0.045), 0.0
        c.oval(0.95, low - 0.022, 0.008, 0.008, "#f03e3e")
    programme(c, rng, screen, corner)
    x0, y0, x1, y1 = screen
    c.poly([(x0, y0), (x0 + 0.5 * (x1 - x0), y0), (x0 + 0.2 * (x1 - x0), y1), (x0, y1)], WHITE, opacity=0.12)


def programme(c: Canvas, rng: np.random.Generator, screen: tuple[float, float, float, float], corner: float) -> None:
    """What a television shows: a landscape, the night, a test card or nothing."""
    x0, y0, x1, y1 = screen
    show = rng.choice(["landscape", "sea", "test card", "off"])
    c.box(*screen, {"landscape": "#7ec4ee", "sea": "#f4a261", "test card": "#20242a", "off": "#23282e"}[show],
          corner)
    inner = np.array([(x0 + 0.005, y1 - 0.005), (x1 - 0.005, y1 - 0.005)])
    wide, high = x1 - x0, y1 - y0
    if show == "landscape":
        c.oval(x0 + 0.75 * wide, y0 + 0.28 * high, 0.06, 0.06, "#fff3b0")
        c.poly([*inner, (x1 - 0.005, y0 + 0.65 * high), (x0 + 0.7 * wide, y0 + 0.4 * high),
                (x0 + 0.5 * wide, y0 + 0.62 * high), (x0 + 0.28 * wide, y0 + 0.3 * high),
                (x0 + 0.005, y0 + 0.7 * high)], "#5b7f8f", inside=True)
        c.poly([*inner, (x1 - 0.005, y0 + 0.72 * high), (x0 + 0.4 * wide, y0 + 0.8 * high),
                (x0 + 0.005, y0 + 0.68 * high)], "#5fa84a", inside=True)
    elif show == "sea":
        c.oval(x0 + 0.5 * wide, y0 + 0.6 * high, 0.1, 0.1, "#ffe08a")
        c.poly([*inner, (x1 - 0.005, y0 + 0.6 * high), (x0 + 0.005, y0 + 0.6 * high)], "#2a5d84", inside=True)
        for k in range(4):
            c.line([(x0 + (0.4 - 0.02 * k) * wide, y0 + (0.66 + 0.08 * k) * high),
                    (x0 + (0.6 + 0.02 * k) * wide, y0 + (0.66 + 0.08 * k) * high)], 0.012, "#ffe08a",
                   inside=True)
    elif show == "test card":
        bars = ("#e9e9e9", "#e6d417", "#17c9d1", "#1fbf3f", "#cf2fc0", "#d92b2b", "#2b3fd9")
        for k, colour in enumerate(bars):
            left = x0 + 0.06 * wide + 0.88 * wide * k / 7
            c.box(left, y0 + 0.08 * high, left + 0.88 * wide / 7, y0 + 0.92 * high, colour, inside=True)


def book(c: Canvas, rng: np.random.Generator) -> None:
    """A closed book lying or standing, or an open one."""
    cover, page = pick(rng, (*SHADES, "#7c1d3d", "#3a3f47", "#1f5f5b")), "#f4eddb"
    gold = pick(rng, ("#f2d98a", WHITE, "#f9c22e"))
    if rng.random() < 0.35:
        open_book(c, cover, page)
    else:
        closed_book(c, rng, cover, page, gold)


def open_book(c: Canvas, cover: Colour, page: Colour) -> None:
    """A book with two pages of text."""
    c.blob([(0.01, 0.3), (0.25, 0.24), (0.5, 0.3), (0.75, 0.24), (0.99, 0.3), (0.985, 0.8), (0.75, 0.75),
            (0.5, 0.82), (0.25, 0.75), (0.015, 0.8)], cover)
    for side in (-1, 1):
        leaf = np.array([(0, 0.3), (0.24, 0.225), (0.46, 0.275), (0.455, 0.755), (0.24, 0.71),
                         (0, 0.785)])
        c.poly(leaf * (side, 1) + (0.5, 0), page if side < 0 else darker(page, 0.05))
        c.poly(np.array([(0, 0.3), (0.05, 0.283), (0.05, 0.768), (0, 0.785)]) * (side, 1) + (0.5, 0),
               "#000000", opacity=0.16)
        for k in range(7):
            y, end = 0.335 + 0.055 * k, (0.4 if k % 3 else 0.3)
            text = np.array([(0.075, y - 0.02), (0.24, y - 0.055), (end, y - 0.03)]) * (side, 1) + (0.5, 0)
            c.line(text, 0.014, "#77716a", inside=True, smooth=True)


def closed_book(c: Canvas, rng: np.random.Generator, cover: Colour, page: Colour, gold: Colour) -> None:
    """A book seen from its front, a little from the side."""
    thick = rng.uniform(0.1, 0.16)
    c.poly([(0.16, 0.02), (0.8, 0.02), (0.8 + thick, 0.02 + thick * 0.6), (0.8 + thick, 0.985),
            (0.16 + thick, 0.985), (0.16, 0.97 - thick * 0.6)], darker(cover, 0.35))
    c.poly([(0.8, 0.035), (0.79 + thick, 0.035 + thick * 0.6), (0.79 + thick, 0.965),
            (0.8, 0.965 - thick * 0.6)], page)
    c.poly([(0.17, 0.97 - thick * 0.6), (0.8, 0.97 - thick * 0.6), (0.79 + thick, 0.965),
            (0.17 + thick, 0.965)], page)
    for k in (0.25, 0.5, 0.75):
        low = 0.97 - thick * 0.6 * (1 - k)
        c.line([(0.17 + thick * k, low), (0.79 + thick * k, low), (0.79 + thick * k, 0.04 + thick * 0.6 * k)], 0.008,
               "#b8ab8c", inside=True)
    c.poly([(0.16, 0.02), (0.8, 0.02), (0.8, 0.955 - thick * 0.6), (0.16, 0.97 - thick * 0.6)], cover)
    c.box(0.16, 0.02, 0.235, 0.965 - thick * 0.6, darker(cover, 0.25))
    c.box(0.3, 0.14, 0.74, 0.3, gold, 0.015)
    for y, end in ((0.19, 0.7), (0.25, 0.6)):
        c.line([(0.34, y), (end, y)], 0.026, darker(cover, 0.35))
    if rng.random() < 0.6:
        c.oval(0.52, 0.56, 0.13, 0.13, gold)
        c.poly(ring(0.52, 0.56, 0.1, angle=-90, arc=(0, 720), count=6), darker(cover, 0.1))
    else:
        for k in range(3):
            c.line([(0.31, 0.45 + 0.09 * k), (0.73, 0.45 + 0.09 * k)], 0.03, lighter(cover, 0.4))


def clock(c: Canvas, rng: np.random.Generator) -> None:
    """A round wall clock, a square one, or an alarm clock with bells."""
    rim = pick(rng, (*SHADES, *WOODS, BLACK, "#b9bec5"))
    dial = pick(rng, ("#fbf9f0", "#f4ecd8", "#e8eef2"), 5)
    kind = rng.choice(["wall", "wall", "square", "alarm"])
    x, y, r = (0.5, 0.56, 0.38) if kind == "alarm" else (0.5, 0.5, 0.49)
    if kind == "alarm":
        for side in (-1, 1):
            c.line([(x + side * 0.2, 0.82), (x + side * 0.29, 0.95)], 0.09, darker(rim, 0.3))
            c.poly(ring(x + side * 0.24, 0.2, 0.17, 0.15, angle=side * 38, arc=(180, 360)),
                   lighter(rim, 0.25))
        c.line([(0.5, 0.2), (0.5, 0.08)], 0.05, darker(rim, 0.3))
        c.box(0.44, 0.04, 0.56, 0.1, darker(rim, 0.2), 0.02)
    if kind == "square":
        c.box(0.03, 0.03, 0.97, 0.97, rim, 0.1)
        c.box(0.1, 0.1, 0.9, 0.9, dial, 0.06)
    else:
        c.oval(x, y, r, r, rim)
        c.line(ring(x, y, r * 0.93, arc=(190, 290)), r * 0.05, lighter(rim, 0.6), opacity=0.7)
        c.oval(x, y, r * 0.85, r * 0.85, darker(dial, 0.25))
        c.oval(x, y + 0.008, r * 0.835, r * 0.83, dial)
    if kind == "square":
        r = 0.45
    for hour in range(12):
        long = 0.16 if hour % 3 == 0 else 0.08
        tick = [at(x, y, r * part, 30 * hour) for part in (0.77, 0.77 - long)]
        c.line(tick, r * (0.07 if hour % 3 == 0 else 0.045), BLACK)
    hour, minute = rng.uniform(0, 360, 2)
    for angle, long, width in ((hour, 0.42, 0.1), (minute, 0.64, 0.07)):
        c.line([at(x, y, r * part, angle) for part in (-0.1, long)], r * width, BLACK)
    c.line([at(x, y, r * part, minute * 7) for part in (-0.15, 0.68)], r * 0.025, "#d62828")
    c.oval(x, y, r * 0.07, r * 0.07, "#d62828")
