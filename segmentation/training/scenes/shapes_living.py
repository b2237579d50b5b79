"""People and animals, drawn in the way that shapes.py describes."""

import numpy as np

from segmentation.training.scenes.canvas import BLACK, SHADES, WHITE, Canvas, Colour, darker, lighter, mix, pick, ring

SKINS = ("#f6d3b8", "#ecbc94", "#d39a6a", "#a96c43", "#7d4a2c", "#5a3421")
FURS = ("#c98f52", "#8a5a34", "#5d4332", "#d9b98a", "#e9e2d6", "#34302f", "#9a9590", "#b5652f")


def face(c: Canvas, x: float, y: float, r: float, skin: Colour, rng: np.random.Generator) -> None:
    """Eyes, cheeks, nose and a smile in a head of radius r."""
    for side in (-1, 1):
        c.oval(x + side * 0.52 * r, y + 0.35 * r, 0.2 * r, 0.14 * r, mix(skin, "#e05050", 0.35), opacity=0.6)
        c.oval(x + side * 0.38 * r, y + 0.02 * r, 0.13 * r, 0.16 * r, "#2b1d16")
        c.oval(x + side * 0.38 * r - 0.04 * r, y - 0.04 * r, 0.05 * r, 0.05 * r, WHITE)
    c.oval(x, y + 0.24 * r, 0.1 * r, 0.08 * r, darker(skin, 0.15))
    smile = rng.uniform(0.1, 0.25) * r
    c.line([(x - 0.28 * r, y + 0.48 * r), (x, y + 0.48 * r + smile), (x + 0.28 * r, y + 0.48 * r)], 0.1 * r,
           "#8c2f2f", smooth=True)


def hair(c: Canvas, x: float, y: float, r: float, colour: Colour, style: str) -> None:
    """The hair over the forehead, or a cap."""
    if style == "cap":
        c.poly(ring(x, y - 0.15 * r, 1.04 * r, 0.95 * r, arc=(180, 360)), colour)
        c.box(x - 1.04 * r, y - 0.3 * r, x + 1.25 * r, y - 0.08 * r, darker(colour, 0.25), 0.08 * r)
    elif style != "bald":
        c.blob([(x - 1.06 * r, y + 0.05 * r), (x - 0.9 * r, y - 0.75 * r), (x, y - 1.15 * r),
                (x + 0.9 * r, y - 0.75 * r), (x + 1.06 * r, y + 0.05 * r), (x + 0.7 * r, y - 0.35 * r),
                (x - 0.1 * r, y - 0.5 * r), (x - 0.75 * r, y - 0.3 * r)], colour)


def person(c: Canvas, rng: np.random.Generator) -> None:
    """Somebody standing: arms down, waving or akimbo; trousers, shorts or a dress."""
    skin, top = pick(rng, SKINS, 6), pick(rng, (*SHADES, WHITE, "#4a4e57"))
    bottom = pick(rng, ("#23364f", "#3b3f46", "#7d6b52", "#4c6fa0", "#5b2f2f"))
    tress = pick(rng, ("#2a1a12", "#5b3a1e", "#b98a3e", "#1b1b1d", "#8c8780", "#9c4a22"), 8)
    style = str(rng.choice(["short", "long", "short", "cap", "bald"]))
    wear = str(rng.choice(["trousers", "trousers", "shorts", "dress"]))
    r, x, y = rng.uniform(0.105, 0.125), 0.5, 0.135
    wide, stance = rng.uniform(0.125, 0.15), rng.uniform(0.075, 0.115)
    if style == "long":
        c.blob([(x - 1.15 * r, y - 0.2 * r), (x, y - 1.1 * r), (x + 1.15 * r, y - 0.2 * r),
                (x + 1.25 * r, y + 1.7 * r), (x, y + 1.5 * r), (x - 1.25 * r, y + 1.7 * r)],
               darker(tress, 0.15))
    legs(c, x, stance, wear, skin, bottom)
    arms(c, rng, x, wide, skin, top)
    c.box(x - 0.045, 0.2, x + 0.045, 0.3, darker(skin, 0.18), 0.03)
    clothes(c, rng, x, wide, wear, top, bottom)
    c.oval(x, y, r, 1.08 * r, skin)
    for side in (-1, 1):
        c.oval(x + side * r, y + 0.08 * r, 0.17 * r, 0.22 * r, darker(skin, 0.08))
    face(c, x, y, r, skin, rng)
    hair(c, x, y, r, top if style == "cap" else tress, style)


def legs(c: Canvas, x: float, stance: float, wear: str, skin: Colour, bottom: Colour) -> None:
    """Legs and shoes about x, `stance` apart from it."""
    for side in (-1, 1):
        foot = x + side * (stance + 0.015)
        leg = skin if wear in ("shorts", "dress") else bottom
        c.line([(x + side * 0.07, 0.56), (foot, 0.93)], 0.115, leg)
        if wear == "shorts":
            c.line([(x + side * 0.07, 0.56), (x + side * (stance * 0.9), 0.68)], 0.14, bottom)
        c.box(foot - 0.065 + side * 0.02, 0.91, foot + 0.065 + side * 0.02, 0.985, darker(bottom, 0.55), 0.03)


def arms(c: Canvas, rng: np.random.Generator, x: float, wide: float, skin: Colour, top: Colour) -> None:
    """Arms with hands; `wide` is how far the shoulders are from x."""
    for side in (-1, 1):
        pose = str(rng.choice(["down", "down", "waving", "akimbo"]))
        bend, end = {"down": ((0.2, 0.41), (0.215, 0.56)), "waving": ((0.26, 0.3), (0.29, 0.12)),
                     "akimbo": ((0.28, 0.42), (0.16, 0.52))}[pose]
        shoulder, elbow, hand = ((x + side * p, q) for p, q in ((wide - 0.03, 0.3), bend, end))
        c.line([elbow, hand], 0.075, skin)
        c.oval(*hand, 0.047, 0.05, skin)
        c.line([shoulder, elbow], 0.1, darker(top, 0.14))


def clothes(c: Canvas, rng: np.random.Generator, x: float, wide: float, wear: str, top: Colour,
            bottom: Colour) -> None:
    """A shirt, plain or striped, and the upper part of the trousers, or a dress."""
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


def cat(c: Canvas, rng: np.random.Generator) -> None:
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


def dog(c: Canvas, rng: np.random.Generator) -> None:
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


def elephant(c: Canvas, rng: np.random.Generator) -> None:
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
