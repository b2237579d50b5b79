"""Draws one object of a COCO class: a stop sign, a dog, a cup of coffee. scenes.py puts them into pictures.

    bgra = draw_object(np.random.default_rng(7), "stop sign", 300)      # (300, 300, 4) uint8

CLASSES at the end is the table: the name, its number among COCO's categories and the function that draws it.
Each function draws on a Canvas in a unit square, x to the right and y down, from back to front, and draws
lots for what varies from one dog to the next: type, pose, proportions, colours. Limbs, legs and posts are
about an eighth of the object wide, because the network's masks have 15 x 15 cells and lose thinner ones.
"""

import math

import cv2
import numpy as np
from canvas import (
    BLACK,
    ERASER,
    LIGHT_CELLS,
    SHADES,
    UNIT_GAIN,
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

SUPERSAMPLING = 2       # a canvas has this many pixels per pixel of the finished object, each way

PAINTS = ("#c1121f", "#1e5fae", "#f0f0ec", "#b9bec5", "#3a3f47", "#2a7f4f", "#f2b705", "#e8590c", "#6d8fb3",
          "#7c1d3d")
SKINS = ("#f6d3b8", "#ecbc94", "#d39a6a", "#a96c43", "#7d4a2c", "#5a3421")
FURS = ("#c98f52", "#8a5a34", "#5d4332", "#d9b98a", "#e9e2d6", "#34302f", "#9a9590", "#b5652f")
WOODS = ("#8f5a32", "#b98450", "#d3a878", "#6b4226", "#a87345")


# ---- People and animals ----------------------------------------------------------------------------------

def face(c, x, y, r, skin, rng):
    """Eyes, cheeks, nose and a smile in a head of radius r."""
    for side in (-1, 1):
        c.oval(x + side * 0.52 * r, y + 0.35 * r, 0.2 * r, 0.14 * r, mix(skin, "#e05050", 0.35), opacity=0.6)
        c.oval(x + side * 0.38 * r, y + 0.02 * r, 0.13 * r, 0.16 * r, "#2b1d16")
        c.oval(x + side * 0.38 * r - 0.04 * r, y - 0.04 * r, 0.05 * r, 0.05 * r, WHITE)
    c.oval(x, y + 0.24 * r, 0.1 * r, 0.08 * r, darker(skin, 0.15))
    smile = rng.uniform(0.1, 0.25) * r
    c.line([(x - 0.28 * r, y + 0.48 * r), (x, y + 0.48 * r + smile), (x + 0.28 * r, y + 0.48 * r)], 0.1 * r,
           "#8c2f2f", smooth=True)


def hair(c, x, y, r, colour, style):
    """The hair over the forehead, or a cap."""
    if style == "cap":
        c.poly(ring(x, y - 0.15 * r, 1.04 * r, 0.95 * r, arc=(180, 360)), colour)
        c.box(x - 1.04 * r, y - 0.3 * r, x + 1.25 * r, y - 0.08 * r, darker(colour, 0.25), 0.08 * r)
    elif style != "bald":
        c.blob([(x - 1.06 * r, y + 0.05 * r), (x - 0.9 * r, y - 0.75 * r), (x, y - 1.15 * r),
                (x + 0.9 * r, y - 0.75 * r), (x + 1.06 * r, y + 0.05 * r), (x + 0.7 * r, y - 0.35 * r),
                (x - 0.1 * r, y - 0.5 * r), (x - 0.75 * r, y - 0.3 * r)], colour)


def person(c, rng):
    """Somebody standing: arms down, waving or akimbo; trousers, shorts or a dress."""
    skin, top = pick(rng, SKINS, 6), pick(rng, (*SHADES, WHITE, "#4a4e57"))
    bottom = pick(rng, ("#23364f", "#3b3f46", "#7d6b52", "#4c6fa0", "#5b2f2f"))
    tress = pick(rng, ("#2a1a12", "#5b3a1e", "#b98a3e", "#1b1b1d", "#8c8780", "#9c4a22"), 8)
    style = rng.choice(["short", "long", "short", "cap", "bald"])
    wear = rng.choice(["trousers", "trousers", "shorts", "dress"])
    r, x, y = rng.uniform(0.105, 0.125), 0.5, 0.135
    wide, stance = rng.uniform(0.125, 0.15), rng.uniform(0.075, 0.115)
    if style == "long":
        c.blob([(x - 1.15 * r, y - 0.2 * r), (x, y - 1.1 * r), (x + 1.15 * r, y - 0.2 * r),
                (x + 1.25 * r, y + 1.7 * r), (x, y + 1.5 * r), (x - 1.25 * r, y + 1.7 * r)],
               darker(tress, 0.15))
    for side in (-1, 1):                                                        # legs and shoes
        foot = x + side * (stance + 0.015)
        leg = skin if wear in ("shorts", "dress") else bottom
        c.line([(x + side * 0.07, 0.56), (foot, 0.93)], 0.115, leg)
        if wear == "shorts":
            c.line([(x + side * 0.07, 0.56), (x + side * (stance * 0.9), 0.68)], 0.14, bottom)
        c.box(foot - 0.065 + side * 0.02, 0.91, foot + 0.065 + side * 0.02, 0.985, darker(bottom, 0.55), 0.03)
    for side in (-1, 1):                                                        # arms
        pose = rng.choice(["down", "down", "waving", "akimbo"])
        bend, hand = {"down": ((0.2, 0.41), (0.215, 0.56)), "waving": ((0.26, 0.3), (0.29, 0.12)),
                      "akimbo": ((0.28, 0.42), (0.16, 0.52))}[pose]
        shoulder, elbow, hand = ((x + side * p, q) for p, q in ((wide - 0.03, 0.3), bend, hand))
        c.line([elbow, hand], 0.075, skin)
        c.oval(*hand, 0.047, 0.05, skin)
        c.line([shoulder, elbow], 0.1, darker(top, 0.14))
    c.box(x - 0.045, 0.2, x + 0.045, 0.3, darker(skin, 0.18), 0.03)
    hem = 0.74 if wear == "dress" else 0.59
    flare = wide + (0.07 if wear == "dress" else -0.015)
    c.blob([(x - 0.05, 0.255), (x + 0.05, 0.255), (x + wide, 0.3), (x + wide - 0.02, 0.45), (x + flare, hem),
            (x, hem + 0.01), (x - flare, hem), (x - wide + 0.02, 0.45), (x - wide, 0.3)], top)
    if wear != "dress":
        c.box(x - wide + 0.005, 0.555, x + wide - 0.005, 0.615, bottom, 0.02, inside=True)
    if rng.random() < 0.3:                                                      # a striped shirt
        for k in range(4):
            c.line([(x - 0.2, 0.34 + 0.055 * k), (x + 0.2, 0.34 + 0.055 * k)], 0.02, lighter(top, 0.6),
                   opacity=0.8)
    c.oval(x, y, r, 1.08 * r, skin)
    for side in (-1, 1):
        c.oval(x + side * r, y + 0.08 * r, 0.17 * r, 0.22 * r, darker(skin, 0.08))
    face(c, x, y, r, skin, rng)
    hair(c, x, y, r, top if style == "cap" else tress, style)


def cat(c, rng):
    """A cat sitting, seen from the front: pointed ears, whiskers, its tail beside it."""
    fur = pick(rng, FURS)
    chest, dark = lighter(fur, 0.55), darker(fur, 0.35)
    tabby = rng.random() < 0.6
    c.line([(0.66, 0.9), (0.86, 0.86), (0.9, 0.66), (0.8, 0.52)], 0.12, darker(fur, 0.12), smooth=True)
    c.blob([(0.42, 0.42), (0.6, 0.42), (0.68, 0.6), (0.74, 0.85), (0.66, 0.97), (0.34, 0.97), (0.26, 0.85),
            (0.32, 0.6)], fur)
    if tabby:
        for k in range(4):
            for side in (-1, 1):
                c.line([(0.5 + side * 0.26, 0.6 + 0.09 * k), (0.5 + side * 0.13, 0.63 + 0.09 * k)], 0.035,
                       dark, inside=True)
    c.blob([(0.5, 0.5), (0.59, 0.62), (0.55, 0.8), (0.45, 0.8), (0.41, 0.62)], chest, inside=True)
    for x in (0.41, 0.59):
        c.box(x - 0.065, 0.7, x + 0.065, 0.97, lighter(fur, 0.08), 0.06)
        c.oval(x, 0.945, 0.075, 0.042, chest)
        c.line([(x, 0.93), (x, 0.97)], 0.012, dark)
    for side in (-1, 1):
        ear = np.array([(0.07, 0.14), (0.2, 0.015), (0.255, 0.25)])
        c.poly(ear * (side, 1) + (0.5, 0), fur)
        c.poly((ear - (0.18, 0.14)) * (side * 0.55, 0.6) + (0.5 + side * 0.18, 0.14), "#e79a9a")
    c.oval(0.5, 0.29, 0.255, 0.205, fur)
    if tabby:
        for side in (-1, 0, 1):
            c.line([(0.5 + side * 0.07, 0.1), (0.5 + side * 0.05, 0.18)], 0.03, dark, inside=True)
    c.oval(0.5, 0.375, 0.125, 0.085, chest)
    iris = pick(rng, ("#9fc131", "#e3b505", "#4fa3c7"))
    for side in (-1, 1):
        c.oval(0.5 + side * 0.105, 0.275, 0.058, 0.05, iris)
        c.oval(0.5 + side * 0.105, 0.275, 0.022, 0.046, BLACK)
        c.oval(0.5 + side * 0.105 - 0.015, 0.258, 0.012, 0.012, WHITE)
        c.line([(0.5, 0.37), (0.5 + side * 0.025, 0.41), (0.5 + side * 0.07, 0.4)], 0.016, "#5a3030",
               smooth=True)
        for k in (-1, 1):
            c.line([(0.5 + side * 0.1, 0.37 + 0.012 * k), (0.5 + side * 0.27, 0.36 + 0.035 * k)], 0.01,
                   lighter(chest, 0.6), inside=True)
    c.poly([(0.468, 0.34), (0.532, 0.34), (0.5, 0.375)], "#d4707a")


def dog(c, rng):
    """A dog from the side, standing: hanging or pointed ears, a raised tail, perhaps patches and a collar."""
    fur = pick(rng, FURS)
    far, patch = darker(fur, 0.28), pick(rng, ("#f1ece2", "#5d4332", "#2f2b2a"))
    patched, pointed = rng.random() < 0.5, rng.random() < 0.35
    back, tail = rng.uniform(0.4, 0.43), rng.uniform(0.12, 0.3)
    for x in (0.36, 0.72):                                                      # the legs farther away
        c.line([(x, 0.62), (x + 0.015, 0.9)], 0.115, far)
    c.line([(0.82, back + 0.1), (0.92, back - 0.04), (0.95, tail)], 0.1, fur, smooth=True)
    c.blob([(0.25, 0.42), (0.4, back), (0.62, back + 0.02), (0.83, back), (0.89, 0.52), (0.85, 0.66),
            (0.66, 0.67), (0.45, 0.72), (0.28, 0.68), (0.22, 0.55)], fur)
    if patched:
        c.blob([(0.55, 0.38), (0.78, 0.38), (0.74, 0.55), (0.6, 0.56)], patch, inside=True)
    for x in (0.29, 0.79):
        c.blob([(x - 0.07, 0.55), (x + 0.08, 0.55), (x + 0.06, 0.75), (x + 0.06, 0.95), (x - 0.06, 0.95),
                (x - 0.06, 0.75)], fur)
        c.oval(x - 0.025, 0.94, 0.09, 0.045, lighter(fur, 0.2))
    c.blob([(0.2, 0.26), (0.37, 0.28), (0.43, 0.46), (0.38, 0.62), (0.24, 0.58)], fur)          # neck
    if rng.random() < 0.7:
        c.line([(0.215, 0.44), (0.3, 0.475), (0.405, 0.42)], 0.05, pick(rng, SHADES), inside=True,
               smooth=True)
    c.blob([(0.13, 0.14), (0.27, 0.09), (0.39, 0.17), (0.39, 0.32), (0.27, 0.4), (0.14, 0.39), (0.03, 0.37),
            (0.01, 0.28), (0.1, 0.24)], fur)
    c.blob([(0.01, 0.3), (0.1, 0.26), (0.2, 0.31), (0.19, 0.39), (0.05, 0.385)], lighter(fur, 0.3),
           inside=True)
    c.oval(0.035, 0.275, 0.045, 0.037, BLACK)
    c.line([(0.05, 0.35), (0.12, 0.36), (0.18, 0.335)], 0.016, darker(fur, 0.6), smooth=True)
    c.oval(0.185, 0.2, 0.03, 0.034, BLACK)
    c.oval(0.177, 0.19, 0.011, 0.011, WHITE)
    ear = patch if patched else darker(fur, 0.3)
    if pointed:
        c.blob([(0.25, 0.16), (0.29, 0.0), (0.38, 0.07), (0.4, 0.2)], ear)
    else:
        c.blob([(0.28, 0.11), (0.39, 0.13), (0.44, 0.28), (0.4, 0.42), (0.32, 0.36), (0.29, 0.22)], ear)


def elephant(c, rng):
    """An elephant from the side: legs like columns, a big ear, the trunk hanging or raised."""
    skin = pick(rng, ("#8d9299", "#7b7f86", "#a19a94", "#8b7f78"), 8)
    far, dark = darker(skin, 0.25), darker(skin, 0.42)
    trunk = ([(0.17, 0.36), (0.08, 0.5), (0.075, 0.68), (0.15, 0.8)] if rng.random() < 0.6 else
             [(0.17, 0.36), (0.07, 0.42), (0.065, 0.24), (0.13, 0.1)])
    for x in (0.5, 0.78):
        c.box(x - 0.075, 0.6, x + 0.075, 0.9, far, 0.03)
    c.line([(0.92, 0.42), (0.955, 0.55), (0.945, 0.66)], 0.045, far, smooth=True)
    c.blob([(0.3, 0.22), (0.5, 0.13), (0.75, 0.14), (0.92, 0.28), (0.95, 0.5), (0.9, 0.68), (0.65, 0.74),
            (0.4, 0.7), (0.28, 0.5)], skin)
    for x in (0.41, 0.86):
        c.box(x - 0.085, 0.52, x + 0.085, 0.95, skin, 0.04)
        for k in (-1, 0, 1):
            c.oval(x + 0.052 * k, 0.935, 0.023, 0.02, lighter(skin, 0.5))
    c.line(trunk, 0.115, skin, smooth=True)
    c.blob([(0.12, 0.26), (0.22, 0.13), (0.36, 0.14), (0.42, 0.3), (0.36, 0.46), (0.22, 0.5), (0.12, 0.42)],
           skin)
    c.line([(0.2, 0.46), (0.17, 0.54), (0.1, 0.56)], 0.042, "#f3ead6", smooth=True)
    for k in range(4):                                                          # wrinkles of the trunk
        x, y = np.array(trunk[1]) + np.subtract(trunk[2], trunk[1]) * k / 3
        c.line([(x - 0.045, y), (x + 0.045, y + 0.012)], 0.01, dark, opacity=0.6)
    c.blob([(0.34, 0.14), (0.47, 0.13), (0.55, 0.26), (0.52, 0.44), (0.42, 0.52), (0.36, 0.42), (0.31, 0.28)],
           dark)
    c.blob([(0.35, 0.155), (0.46, 0.15), (0.53, 0.26), (0.5, 0.42), (0.42, 0.49), (0.37, 0.4), (0.325, 0.28)],
           lighter(skin, 0.1))
    c.oval(0.22, 0.28, 0.022, 0.025, BLACK)
    c.oval(0.214, 0.272, 0.008, 0.008, WHITE)


# ---- Vehicles --------------------------------------------------------------------------------------------

def wheel(c, x, y, r):
    """A tyre with a bright rim."""
    c.oval(x, y, r, r, "#26262a")
    c.oval(x, y, 0.62 * r, 0.62 * r, "#c3c7cc")
    c.oval(x, y, 0.5 * r, 0.5 * r, "#7c828a")
    for angle in range(0, 180, 36):
        c.line(ring(x, y, 0.48 * r, arc=(angle, angle + 180), count=2), 0.14 * r, "#c3c7cc")
    c.oval(x, y, 0.16 * r, 0.16 * r, "#4a4d52")


def glass(c, points, colour="#2e4456"):
    """A window with a reflection."""
    points = np.asarray(points, np.float32)
    c.poly(points, colour)
    low, high = points.min(0), points.max(0)
    c.poly([(low[0], high[1]), (low[0] + 0.45 * (high[0] - low[0]), low[1]),
            (low[0] + 0.75 * (high[0] - low[0]), low[1]), (low[0] + 0.3 * (high[0] - low[0]), high[1])],
           "#9fc3dc", opacity=0.45)


def car(c, rng):
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


def bus(c, rng):
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
        for k in (0.008, 0.056):
            c.box(x + k, rows[-1] + 0.012, x + k + 0.041, 0.745, "#86a9bf", 0.01)
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


def airplane(c, rng):
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


def boat(c, rng):
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

def traffic_light(c, rng):
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
        c.poly(np.concatenate([ring(0.5, y, r * 1.25, arc=(185, 355)), ring(0.5, y + 0.25 * r, r * 1.2,
                                                                            r * 1.05, arc=(345, 195))]),
               darker(housing, 0.7))


LETTERS = {"S": [(0.95, 0.16), (0.7, 0.0), (0.28, 0.0), (0.04, 0.2), (0.2, 0.45), (0.8, 0.55), (0.97, 0.8),
                 (0.72, 1.0), (0.28, 1.0), (0.03, 0.84)], "T": [(0.0, 0.0), (1.0, 0.0), (0.5, 0.0),
                                                                (0.5, 1.0)], "O": [(0.5, 0.0), (0.9, 0.15),
                                                                                   (1.0, 0.5), (0.9, 0.85),
                                                                                   (0.5, 1.0), (0.1, 0.85),
                                                                                   (0.0, 0.5), (0.1, 0.15),
                                                                                   (0.5, 0.0)],
           "P": [(0.06, 1.0), (0.06, 0.0), (0.7, 0.0), (0.97, 0.14), (0.97, 0.42), (0.7, 0.56), (0.06, 0.56)]}


def stop_sign(c, rng):
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


# ---- To play and to carry --------------------------------------------------------------------------------

def umbrella(c, rng):
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
        c.poly(np.concatenate([ribs[k], ribs[k + 1][::-1]]), darker(second if k % 2 else first,
                                                                    0.05 * abs(k - 2)), inside=True)
    for rib in ribs[1:-1]:
        c.line(rib[1:], 0.01, darker(first, 0.45), inside=True, opacity=0.6)


def football(c, turn, *_):
    c.poly(ring(0.5, 0.5, 0.17, angle=turn, count=6), BLACK)
    for angle in turn + 72 * np.arange(5):
        corner, outer = at(0.5, 0.5, 0.17, angle), at(0.5, 0.5, 0.37, angle)
        c.line([corner, outer], 0.022, "#55575c", inside=True)
        c.poly(ring(*at(0.5, 0.5, 0.475, angle), 0.15, angle=angle + 36, count=6), BLACK, inside=True)
        c.line([outer, at(0.5, 0.5, 0.41, angle + 36), at(0.5, 0.5, 0.37, angle + 72)], 0.022, "#55575c",
               inside=True)


def basketball(c, turn, *_):
    for bend in (-0.28, 0.0, 0.28):
        across = np.array([(0.5 + bend * 1.35, 0.0), (0.5 + bend * 0.55, 0.5), (0.5 + bend * 1.35, 1.0)])
        c.line(turned(across, turn), 0.03, "#2b1a12", inside=True, smooth=True)
    c.line(turned([(0, 0.5), (1, 0.5)], turn), 0.03, "#2b1a12", inside=True)


def tennis_ball(c, turn, *_):
    for side in (0, 180):
        c.line(turned([(0.1, -0.05), (0.3, 0.3), (0.7, 0.3), (0.9, -0.05)], turn + side), 0.045, "#fbfbe8",
               inside=True, smooth=True)


def beach_ball(c, turn, colour, other):
    x, y = at(0.5, 0.5, 0.16, turn)
    for k, paint in enumerate((colour, WHITE, other, WHITE, "#2f7fd0", WHITE)):
        c.poly(np.concatenate([[(x, y)], ring(0.5, 0.5, 0.6, angle=turn, arc=(60 * k, 60 * k + 60))]), paint,
               inside=True)
    c.oval(x, y, 0.075, 0.075, WHITE)


BALLS = ((football, "#f4f4f0"), (football, "#f4f4f0"), (basketball, "#d9682b"), (tennis_ball, "#cfe03a"),
         (beach_ball, "#f7f7f2"))


def sports_ball(c, rng):
    """A football, basketball, tennis ball, volleyball or beach ball."""
    seams, base = BALLS[rng.integers(len(BALLS))]
    c.oval(0.5, 0.5, 0.495, 0.495, pick(rng, (base,), 6))
    seams(c, rng.uniform(0, 360), pick(rng, SHADES), pick(rng, SHADES))
    c.ball(0.5, 0.5, 0.5, 0.6)
    c.oval(0.34, 0.25, 0.1, 0.06, WHITE, angle=-35, opacity=0.3)


def kite(c, rng):
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


# ---- On the table ----------------------------------------------------------------------------------------

def bottle(c, rng):
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
    side = curve(side, closed=False)
    right = side[::-1] * (-1, 1)
    c.poly(np.concatenate([side, right]) + np.array([0.5, 0]), body)
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


def cup(c, rng):
    """A mug with its handle, a teacup on a saucer or a paper cup with a lid."""
    paint, kind = pick(rng, (*SHADES, WHITE, "#f3ead8", "#3a3f47")), rng.choice(["mug", "mug", "teacup",
                                                                                 "paper"])
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
        c.poly(np.concatenate([ring(0.42, 0.42, 0.44, 0.08, arc=(180, 0)), ring(0.42, 0.56, 0.44, 0.08,
                                                                                arc=(0, 180))]), band,
               inside=True, opacity=0.9)
    c.tube(0.05, 0.85, 0.45)
    c.oval(0.42, rim, 0.37, 0.1, lighter(paint, 0.4))
    c.oval(0.42, rim + 0.005, 0.335, 0.08, darker(paint, 0.4))
    c.oval(0.42, rim + 0.022, 0.315, 0.062, pick(rng, ("#4b2c1a", "#8a5a34", "#a8571e")))
    c.line([(0.16, rim + 0.2), (0.18, low - 0.25)], 0.035, WHITE, opacity=0.35)


def banana(c, rng):
    """One banana or a bunch of three."""
    ripe = pick(rng, ("#f6d32d", "#f2c81e", "#e9d64a", "#d9c840"), 8)
    count, freckles = (3 if rng.random() < 0.4 else 1), rng.random() < 0.5
    outer = [(0.93, 0.07), (0.965, 0.13), (0.94, 0.38), (0.8, 0.64), (0.55, 0.8), (0.28, 0.84), (0.06, 0.76),
             (0.045, 0.7)]
    inner = [(0.1, 0.66), (0.35, 0.62), (0.58, 0.52), (0.75, 0.36), (0.84, 0.16), (0.86, 0.08)]
    for k in reversed(range(count)):
        move = np.array((0.9, 0.1))
        stretch = np.array((1 - 0.11 * k, 1 + 0.13 * k)) if count > 1 else np.array((1.0, 1.0))
        place = [(np.array(part) - move) * stretch * (0.97 if count > 1 else 1) + move for part in (outer,
                                                                                                    inner)]
        colour = darker(ripe, 0.1 * k)
        c.blob(np.concatenate(place), colour)
        c.line(place[0][2:] * 0.55 + place[1][::-1] * 0.45, 0.018, darker(colour, 0.25), inside=True,
               opacity=0.8, smooth=True)
        c.line(place[0][2:-1] - (0.02, 0.045), 0.035, lighter(colour, 0.45), inside=True, opacity=0.5,
               smooth=True)
        c.oval(*(place[0][-2] + (-0.005, -0.035)), 0.04, 0.05, "#4c3a1a", inside=True)
        if freckles:
            for _ in range(9):
                x, y = place[1][rng.integers(1, 5)] + rng.uniform(0.0, 0.17, 2)
                c.oval(x, y, *rng.uniform(0.006, 0.016, 2), "#7a5420", inside=True, opacity=0.8)
    c.line([(0.9, 0.1), (0.91, 0.035)], 0.09, mix(ripe, "#6b6a24", 0.5))
    c.box(0.86, 0.0, 0.96, 0.04, "#5a4420", 0.015)


def orange(c, rng):
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


def pizza(c, rng):
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
        c.oval(x, y, *rng.uniform(0.015, 0.035, 2), darker(crust, rng.uniform(0.1, 0.4)), opacity=0.6)
    c.oval(0.5, 0.5, 0.425, 0.425, sauce)
    wobble = np.array([at(0.5, 0.5, rng.uniform(0.385, 0.42), 18 * k) for k in range(20)])
    c.blob(wobble, cheese)
    for _ in range(10):
        c.oval(*rng.uniform(0.2, 0.8, 2), *rng.uniform(0.03, 0.08, 2), lighter(cheese, 0.4), inside=True,
               opacity=0.6)
    turn, places = rng.uniform(0, 360), [(0.5, 0.5)]
    for radius, count in ((0.19, 5), (0.33, 10)):
        places += [at(0.5, 0.5, radius, turn + 360 * k / count + rng.uniform(-8, 8))
                   for k in range(count)]
    toppings(c, rng, places, 0.062)
    for angle in range(0, 180, 45):
        c.line(turned([(0.02, 0.5), (0.98, 0.5)], turn + angle), 0.012, "#8a4a20", inside=True, opacity=0.75)
    if rng.random() < 0.45:
        c.poly([(0.5, 0.5), *ring(0.5, 0.5, 0.75, angle=turn, arc=(0, 45), count=5)], ERASER)


def toppings(c, rng, places, size):
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


def donut(c, rng):
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


# ---- In the room -----------------------------------------------------------------------------------------

def chair(c, rng):
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


def potted_plant(c, rng):
    """A pot with a bush of leaves, flowers or a cactus."""
    pot, green = pick(rng, ("#b5603a", "#c9774e", "#e8e4da", "#4a6fa5", "#5a5f66")), pick(rng,
                                                                                          ("#3f8f3a",
                                                                                           "#2f7a4a",
                                                                                           "#6a9c3a"))
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
            along, across = np.array([math.cos(tilt), math.sin(tilt)]), np.array([-math.sin(tilt),
                                                                                  math.cos(tilt)])
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


def tv(c, rng):
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


def programme(c, rng, screen, corner):
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


def book(c, rng):
    """A closed book lying or standing, or an open one."""
    cover, page = pick(rng, (*SHADES, "#7c1d3d", "#3a3f47", "#1f5f5b")), "#f4eddb"
    gold = pick(rng, ("#f2d98a", WHITE, "#f9c22e"))
    if rng.random() < 0.35:
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
                c.line(np.array([(0.075, y - 0.02), (0.24, y - 0.055), (end, y - 0.03)]) * (side, 1) + (0.5,
                                                                                                        0),
                       0.014, "#77716a", inside=True, smooth=True)
        return
    thick = rng.uniform(0.1, 0.16)
    c.poly([(0.16, 0.02), (0.8, 0.02), (0.8 + thick, 0.02 + thick * 0.6), (0.8 + thick, 0.985),
            (0.16 + thick, 0.985), (0.16, 0.97 - thick * 0.6)], darker(cover, 0.35))
    c.poly([(0.8, 0.035), (0.79 + thick, 0.035 + thick * 0.6), (0.79 + thick, 0.965),
            (0.8, 0.965 - thick * 0.6)], page)
    c.poly([(0.17, 0.97 - thick * 0.6), (0.8, 0.97 - thick * 0.6), (0.79 + thick, 0.965),
            (0.17 + thick, 0.965)], page)
    for k in (0.25, 0.5, 0.75):
        c.line([(0.17 + thick * k, 0.97 - thick * 0.6 * (1 - k)), (0.79 + thick * k,
                                                                   0.97 - thick * 0.6 * (1 - k)),
                (0.79 + thick * k, 0.04 + thick * 0.6 * k)], 0.008, "#b8ab8c", inside=True)
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


def clock(c, rng):
    """A round wall clock, a square one, or an alarm clock with bells."""
    rim = pick(rng, (*SHADES, *WOODS, BLACK, "#b9bec5"))
    dial, kind = pick(rng, ("#fbf9f0", "#f4ecd8", "#e8eef2"), 5), rng.choice(["wall", "wall", "square",
                                                                              "alarm"])
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


# ---- The table, and an object with its light -------------------------------------------------------------

CLASSES = {                                 # name: (COCO's category id, the function that draws it)
    "person": (1, person), "car": (3, car), "airplane": (5, airplane), "bus": (6, bus), "boat": (9, boat),
    "traffic light": (10, traffic_light), "stop sign": (13, stop_sign), "cat": (17, cat), "dog": (18, dog),
    "elephant": (22, elephant), "umbrella": (28, umbrella), "sports ball": (37, sports_ball),
    "kite": (38, kite), "bottle": (44, bottle), "cup": (47, cup), "banana": (52, banana),
    "orange": (55, orange), "pizza": (59, pizza), "donut": (60, donut), "chair": (62, chair),
    "potted plant": (64, potted_plant), "tv": (72, tv), "book": (84, book), "clock": (85, clock),
}
LETTERED = {"stop sign"}                    # never mirrored


def draw_object(rng, name, size):
    """An object upright on its own canvas: (size, size, 4) uint8, BGR premultiplied by the alpha.

    Its longer side fills the canvas, less a small margin. It is mirrored or not, stretched by up to 10 %, lit
    from one side, and rough or smooth. KeyError where the name is not one of CLASSES.
    """
    return cv2.resize(draw_canvas(rng, name, size), (size, size), interpolation=cv2.INTER_AREA)


def draw_canvas(rng, name, size):
    """The same before it is reduced, SUPERSAMPLING times as large: for those who turn it first."""
    stretch = rng.uniform(0.9, 1.0, 2)
    canvas = Canvas(size * SUPERSAMPLING, stretch / stretch.max())
    CLASSES[name][1](canvas, rng)
    if name not in LETTERED and rng.random() < 0.5:
        canvas.bgra = cv2.flip(canvas.bgra, 1)
    canvas.light(light_and_relief(rng, canvas.bgra[..., 3]))
    return canvas.bgra


def light_and_relief(rng, alpha):
    """A gain map: brightness, a slope of light, edges lit or in shade, and now and then a rough surface."""
    cells = (LIGHT_CELLS, LIGHT_CELLS)
    height = cv2.GaussianBlur(cv2.resize(alpha, cells, interpolation=cv2.INTER_AREA), (0, 0),
                              1.6).astype(np.float32)
    angle, depth = rng.uniform(-math.pi, 0), rng.uniform(0.0, 0.22)             # the light comes from above
    slope_x, slope_y = cv2.Sobel(height, -1, 1, 0), cv2.Sobel(height, -1, 0, 1)
    relief = np.clip((slope_x * math.cos(angle) + slope_y * math.sin(angle)) / -300, -1, 1)
    ramp = np.linspace(-1, 1, LIGHT_CELLS, dtype=np.float32)
    side = rng.uniform(0.0, 0.2) * (ramp[None, :] * math.cos(angle) + ramp[:, None] * math.sin(angle))
    gain = rng.uniform(0.82, 1.1) * (1 + depth * relief + side)
    if rng.random() < 0.3:
        gain *= 1 + rng.uniform(0.01, 0.04) * rng.standard_normal(cells, np.float32)
    return UNIT_GAIN * gain
