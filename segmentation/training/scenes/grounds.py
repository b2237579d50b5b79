"""Places with a ground to stand on: a field, a shore, a street, a room, a lounge.

    image, horizon = street(np.random.default_rng(7), (640, 480))       # (480, 640, 3) uint8 BGR, a row

Each place is a function of a random generator and a size. It returns the picture and the row where the ground begins.
None of them shows anything of COCO's classes.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from segmentation.training.scenes.canvas import bgr, darker, lighter, mix, pick
from segmentation.training.scenes.textures import as_image, clouds, fill, noise, pieces, poly, ramp, tinted

WALLS = ("#d9cdb8", "#b8c8c4", "#c9b8b0", "#a9b8c9", "#d4d0c8", "#b5bfa0", "#c8a898")


# ---- Outdoors --------------------------------------------------------------------------------------------

def ridge(rng: np.random.Generator, size_wh: tuple[int, int], top: float, height: float, waves: int) -> np.ndarray:
    """The outline of hills about the row `top`, closed along the bottom of the picture: (N, 2)."""
    x = np.linspace(0, size_wh[0], 60)
    y = np.asarray(sum(np.sin(x / size_wh[0] * rate * 2 * math.pi + rng.uniform(0, 6.3)) / rate
                       for rate in rng.uniform(0.6, 1.4, 3) * (waves, 2 * waves, 4 * waves))) * waves
    y = top - height * (0.5 + 0.3 * y)
    return np.concatenate([np.stack([x, y], 1), [(size_wh[0], size_wh[1]), (0, size_wh[1])]])


def sky(rng: np.random.Generator, size_wh: tuple[int, int], horizon: int,
        tops: Sequence[str] = ("#3f8fd6", "#6fb3e6", "#8ab6d9", "#5b7fb8")) -> np.ndarray:
    """A sky with clouds down to the horizon, and its lowest colour below: (H, W, 3) float32."""
    top = pick(rng, tops)
    picture = np.empty((size_wh[1], size_wh[0], 3), np.float32)
    above = ramp([top, lighter(top, 0.35), pick(rng, ("#dceaf2", "#f5e6d3", "#e8f0e8"))],
                 (size_wh[0], horizon))
    cover = clouds(rng, (size_wh[0], horizon), max(8, horizon / 3), 2.2) - rng.uniform(0.2, 1.1)
    above += (250 - above) * np.clip(cover * 0.7, 0, 0.85)[..., None]
    picture[:horizon], picture[horizon:] = above, above[-1]
    return picture


def field(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A meadow under the sky, with a line of hills."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.4, 0.6))
    image = as_image(sky(rng, size_wh, horizon))
    grass = pick(rng, ("#6ca04a", "#7fae52", "#94a84e", "#5a8f4f"))
    for k in (2, 1):
        poly(image, ridge(rng, size_wh, horizon + 2, height * 0.09 * k, 2), mix(grass, "#9fb8c8", 0.3 * k))
    low = (width, height - horizon)
    shade = noise(rng, low, 2, 0.7) * 7 + noise(rng, low, max(6, height / 16), 3) * 6
    image[horizon:] = tinted(grass, shade + np.linspace(22, -14, low[1], dtype=np.float32)[:, None])
    return image, horizon


def shore(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Sky, sea and sand; the ground begins where the sea ends."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.34, 0.44))
    beach = int(horizon + height * rng.uniform(0.14, 0.22))
    image = as_image(sky(rng, size_wh, horizon, ("#57a5dc", "#7fc0e4", "#e8a87c", "#6d8fc9")))
    sea, sand = (pick(rng, colours, 8) for colours in (("#2f7fa8", "#3c94a6", "#2a668f"),
                                                       ("#e3cfa0", "#d8bf8f", "#ead9b4")))
    for y0, y1, colour, grain in ((horizon, beach, sea, (max(2, height / 150), 9)),
                                  (beach, height, sand, (2, 1))):
        shade = noise(rng, (width, y1 - y0), *grain) * (9 if colour == sea else 4)
        shade += noise(rng, (width, y1 - y0), max(6, height / 20), 4) * 4
        image[y0:y1] = tinted(colour, shade + np.linspace(-16, 18, y1 - y0, dtype=np.float32)[:, None])
    for k, colour in ((0, lighter(sea, 0.55)), (1, bgr("#f2f6f4")), (2, darker(sand, 0.14))):     # foam, wet sand
        wave = ridge(rng, size_wh, beach + height * 0.012 * k, height * 0.012, 3)[:-2]
        below = wave[::-1] + np.array([0, height * 0.012])
        poly(image, np.concatenate([wave, below]), colour)
    return image, beach


def street(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A row of houses, a pavement and a road."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.46, 0.58))
    image = as_image(sky(rng, size_wh, horizon))
    x = -rng.uniform(0, 0.1) * width
    while x < width:
        wide, tall = rng.uniform(0.13, 0.26) * width, rng.uniform(0.45, 0.95) * horizon
        house(rng, image, x, horizon - tall, x + wide, horizon)
        x += wide
    kerb = int(horizon + height * rng.uniform(0.07, 0.11))
    stone = pick(rng, ("#b9b4aa", "#a8a49c", "#c4bba8"), 6)
    asphalt = pick(rng, ("#5b5e63", "#6b6c6e", "#4f5358"), 5)
    image[horizon:kerb] = tinted(stone, noise(rng, (width, kerb - horizon), 3) * 4)
    image[kerb:] = tinted(asphalt, noise(rng, (width, height - kerb), 1.5) * 5)
    thick = max(2, height // 90)
    image[kerb:kerb + thick] = darker(stone, 0.25)
    y, dash, slant = (kerb + height) // 2, width * 0.09, height * 0.02
    for left in np.arange(rng.uniform(-1, 0) * dash, width, 2 * dash):
        poly(image, [(left + slant, y), (left + dash + slant, y), (left + dash, y + thick * 2),
                     (left, y + thick * 2)], "#d9d6cc")
    return image, horizon


def house(rng: np.random.Generator, image: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> None:
    """Paint a front with rows of windows."""
    wall = mix(pick(rng, ("#c9a58a", "#b98f78", "#d8c8a8", "#9fb0b8", "#c7b0b8", "#a8b89a")), "#dfe6ea", 0.25)
    poly(image, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], wall)
    poly(image, [(x0, y0), (x1, y0), (x1, y0 + (y1 - y0) * 0.05), (x0, y0 + (y1 - y0) * 0.05)],
         darker(wall, 0.2))
    columns, storeys = int(rng.integers(2, 5)), max(2, round((y1 - y0) / (x1 - x0) * 3))
    pane = mix(darker(wall, 0.45), "#8fb0c8", 0.35)
    for row in range(storeys):
        for column in range(columns):
            wide, high = (x1 - x0) / columns, (y1 - y0) * 0.93 / storeys
            x, y = x0 + wide * (column + 0.25), y0 + (y1 - y0) * 0.07 + high * (row + 0.2)
            poly(image, [(x, y), (x + wide * 0.5, y), (x + wide * 0.5, y + high * 0.6), (x, y + high * 0.6)],
                 pane)
            poly(image, [(x - wide * 0.06, y + high * 0.6), (x + wide * 0.56, y + high * 0.6),
                         (x + wide * 0.56, y + high * 0.66), (x - wide * 0.06, y + high * 0.66)],
                 lighter(wall, 0.3))


# ---- Indoors ---------------------------------------------------------------------------------------------

def lay_floor(image: np.ndarray, texture: np.ndarray, horizon: int) -> None:
    """Put a square texture on the ground below the horizon, in perspective."""
    height, width = image.shape[:2]
    side = len(texture)
    square = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
    ground = np.array([(0, 0), (width, 0), (1.7 * width, height - horizon), (-0.7 * width, height - horizon)],
                      np.float32)
    image[horizon:] = cv2.warpPerspective(texture, cv2.getPerspectiveTransform(square, ground),
                                          (width, height - horizon), flags=cv2.INTER_LINEAR,
                                          borderMode=cv2.BORDER_REFLECT)


def room(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A plain wall over a floor of boards."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.55, 0.7))
    wall, wood = pick(rng, WALLS), pick(rng, ("#a87845", "#8f6238", "#c09a68", "#77583f"), 8)
    shade = noise(rng, size_wh, 3) * 2 + noise(rng, size_wh, height) * 12
    image = tinted(wall, shade + np.linspace(-16, 14, height, dtype=np.float32)[:, None])
    side = min(max(2 * width // 3, 64), 640)
    values, joints = pieces(rng, (side, side), side // 3, side // 14, max(1, side // 300), None)
    texture = tinted(wood, values * 12 + noise(rng, (side, side), 2, 30) * 8)
    lay_floor(image, fill(texture, darker(wood, 0.45), joints).transpose(1, 0, 2), horizon)
    skirting = max(3, height // 40)
    image[horizon - skirting:horizon] = lighter(wall, 0.45)
    image[horizon - max(1, skirting // 6):horizon] = darker(wall, 0.4)
    return image, horizon


def lounge(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A striped wall paper over a panel, and a floor of chequered tiles or a carpet."""
    width, height = size_wh
    horizon, panel = int(height * rng.uniform(0.58, 0.7)), int(height * rng.uniform(0.38, 0.46))
    stripe = max(6, int(width * rng.uniform(0.02, 0.05)))
    bands = ((np.arange(width) // stripe) % 2).astype(np.float32) * 14
    image = tinted(pick(rng, WALLS), noise(rng, size_wh, height) * 9 + bands)
    wood = lighter(pick(rng, ("#8f6238", "#6f7f78", "#5f6f86", "#b8a88a"), 8), 0.25)
    image[panel:horizon] = wood
    image[panel:panel + max(2, height // 60)] = lighter(wood, 0.35)
    for left in range(-stripe, width, max(12, width // 8)):
        cv2.rectangle(image, (left, panel + height // 22), (left + width // 8 - width // 50,
                                                            horizon - height // 30), darker(wood, 0.16),
                      max(1, height // 200), cv2.LINE_AA)
    image[horizon - max(2, height // 45):horizon] = darker(wood, 0.35)
    tint, side = pick(rng, ("#b0a494", "#7f8a8c", "#8a5f58", "#6f7a5c"), 8), min(max(2 * width // 3, 64), 640)
    square = np.arange(side) // (side // 16)
    chequer = ((square[:, None] + square) % 2).astype(np.float32) * (45 if rng.random() < 0.5 else 0)
    lay_floor(image, tinted(tint, chequer + noise(rng, (side, side), 2) * 5), horizon)
    return image, horizon
