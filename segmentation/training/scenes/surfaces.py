"""Surfaces on which things may lie anywhere: a table top, a wall, a lawn, a pattern.

    image, _ = boards(np.random.default_rng(7), (640, 480))             # (480, 640, 3) uint8 BGR

Each surface is a function of a random generator and a size, as the places of grounds.py are. It returns None as the row
where the ground begins. None of them shows anything of COCO's classes.
"""

import math

import cv2
import numpy as np

from segmentation.training.scenes.canvas import darker, mix, pick
from segmentation.training.scenes.textures import as_image, clouds, fill, levels_added, noise, pieces, poly, tinted


def boards(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A table of wooden boards from above."""
    side, wood = min(size_wh), pick(rng, ("#b08050", "#8a5f3a", "#c9a878", "#6f5240", "#a89a88"), 8)
    values, joints = pieces(rng, size_wh, 3 * max(size_wh), max(12, int(side * rng.uniform(0.12, 0.25))),
                            max(1, side // 180), None)
    image = tinted(wood, values * 13 + noise(rng, size_wh, max(2, side / 120), 40) * 9)
    return fill(image, darker(wood, 0.45), joints), None


def bricks(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A brick wall."""
    tall = max(8, int(min(size_wh) * rng.uniform(0.05, 0.1)))
    colour = pick(rng, ("#a4523a", "#b86b4a", "#8f6a58", "#b9b0a4", "#c98f68"))
    values, joints = pieces(rng, size_wh, int(tall * rng.uniform(2.2, 3)), tall, max(1, tall // 9), 0.5)
    return fill(tinted(colour, values * 17 + noise(rng, size_wh, 2) * 7), mix(colour, "#d8d4cc", 0.7),
                joints), None


def lawn(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """Grass, fresh or dry."""
    grass = pick(rng, ("#5f9440", "#7aa052", "#8f9a48", "#8a7a58", "#c4b48a"))
    return tinted(grass, noise(rng, size_wh, 3, 0.5) * 13 + clouds(rng, size_wh, min(size_wh) / 5) * 9), None


def gradient(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """Colours that run into each other from corner to corner."""
    corners = rng.uniform(30, 235, (3, 3, 3)).astype(np.float32)
    return as_image(cv2.resize(corners, size_wh, interpolation=cv2.INTER_CUBIC)), None


def colour_clouds(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """Soft blots of any colours, of two sizes."""
    image = np.full((size_wh[1], size_wh[0], 3), rng.integers(70, 190, 3, np.uint8))
    for cell in min(size_wh) * rng.uniform(0.04, 0.4, 2):
        shape = (math.ceil(size_wh[1] / cell) + 2, math.ceil(size_wh[0] / cell) + 2, 3)
        blots = as_image(rng.normal(128, rng.uniform(8, 30), shape))
        image = cv2.addWeighted(image, 1, cv2.resize(blots, size_wh, interpolation=cv2.INTER_CUBIC), 1, -128)
    return image, None


def tablecloth(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A chequered cloth, or marble."""
    if rng.random() < 0.35:
        vein = np.abs(clouds(rng, size_wh, min(size_wh) / 3, 1.6))
        shade = clouds(rng, size_wh, min(size_wh) / 5) * 5 - 22 * np.exp(-12 * vein)
        return tinted(pick(rng, ("#e4e0d8", "#cfd3d6", "#d8c8b4", "#6f7780"), 6), shade), None
    cloth = np.array(pick(rng, ("#b8474a", "#4a6fa5", "#5f8f6a", "#c9a04a", "#8a6a9a", "#7a8288")))
    check = max(6, int(min(size_wh) * rng.uniform(0.05, 0.11)))
    across, down = ((np.arange(n) // check) % 2 for n in size_wh)
    shares = (across + down[:, None]).astype(np.uint8)                          # 0, 1 or 2 dyed threads
    table = np.zeros((256, 1, 3), np.uint8)
    table[:3, 0] = [238 + (cloth - 238) * share for share in (0.08, 0.4, 0.72)]
    weave = cv2.resize(rng.integers(0, 12, (size_wh[1] // 2, size_wh[0] // 2), np.uint8), size_wh)
    return cv2.subtract(cv2.LUT(cv2.merge([shares] * 3), table), cv2.merge([weave] * 3)), None


def tiles(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A wall of square tiles."""
    side = max(10, int(min(size_wh) * rng.uniform(0.08, 0.22)))
    colour = pick(rng, ("#8fb0b8", "#d8d0c0", "#5f7f9a", "#b8705a", "#7f9a7a", "#3f4a58"))
    values, joints = pieces(rng, size_wh, side, side, max(1, side // 14), 0)
    return fill(tinted(colour, values * 14 + noise(rng, size_wh, side) * 5), mix(colour, "#e8e6e0", 0.6),
                joints), None


def stripes(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """Slanting bands of two colours."""
    angle, band = rng.uniform(0, math.pi), min(size_wh) * rng.uniform(0.04, 0.2)
    x, y = np.arange(size_wh[0], dtype=np.float32), np.arange(size_wh[1], dtype=np.float32)[:, None]
    rate_x, rate_y = np.array([math.cos(angle), math.sin(angle)], np.float32) * np.float32(math.pi / band)
    phase = x * rate_x + y * rate_y
    share = np.clip(np.sin(phase) * np.float32(rng.uniform(1, 8)), -1, 1)
    first, second = rng.uniform(60, 200, 3), rng.uniform(-35, 35, 3)
    return levels_added([share * np.float32(step) for step in second], first.tolist()), None


def halo(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A colour that fades from a bright middle."""
    middle = rng.uniform(0.2, 0.8, 2) * size_wh
    x, y = np.arange(size_wh[0], dtype=np.float32), np.arange(size_wh[1], dtype=np.float32)[:, None]
    away = np.hypot(x - np.float32(middle[0]), y - np.float32(middle[1])) / (0.8 * max(size_wh))
    share = np.minimum(away, 1) * 255
    bright, dark = rng.uniform(110, 250, (1, 3)), rng.uniform(15, 160, (1, 3))
    table = (bright + (dark - bright) * np.linspace(0, 1, 256)[:, None]).astype(np.uint8)[:, None]
    return cv2.LUT(cv2.merge([share.astype(np.uint8)] * 3), table), None


def pebbles(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, None]:
    """A ground of stones."""
    stone = pick(rng, ("#9a948a", "#b0a08c", "#7f868c", "#a89078"), 6)
    image = tinted(darker(stone, 0.35), noise(rng, size_wh, 6) * 8)
    typical = min(size_wh) * rng.uniform(0.015, 0.04)
    for x, y in rng.uniform(0, 1, (int(0.12 * size_wh[0] * size_wh[1] / typical**2), 2)) * size_wh:
        axes = tuple(int(v) for v in np.maximum(1, rng.uniform(0.6, 1.4, 2) * typical))
        cv2.ellipse(image, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360,
                    pick(rng, (stone,), 18), -1, cv2.LINE_AA)
    return image, None


def scatter_shapes(rng: np.random.Generator, image: np.ndarray, count: int) -> None:
    """Draw lines, boxes, polygons and ellipses of plain colour into the image, for the network to ignore."""
    height, width = image.shape[:2]
    for _ in range(count):
        blue, green, red = (int(level) for level in rng.integers(20, 236, 3))
        middle, reach = rng.uniform(0, 1, 2) * (width, height), min(width, height) * rng.uniform(0.03, 0.3)
        kind, drawn = str(rng.choice(["line", "box", "polygon", "ellipse"])), image.copy()
        draw_shape(rng, drawn, kind, middle, reach, (blue, green, red))
        share = float(rng.uniform(0.4, 1))
        cv2.addWeighted(drawn, share, image, 1 - share, 0, dst=image)


def draw_shape(rng: np.random.Generator, image: np.ndarray, kind: str, middle: np.ndarray, reach: float,
               colour: tuple[int, int, int]) -> None:
    """Draw one shape of that kind into the image. middle: (2,) x, y in pixels; reach: about its size in pixels."""
    if kind == "line":
        ends = np.rint(middle + rng.uniform(-2, 2, (2, 2)) * reach).astype(int).tolist()
        cv2.line(image, ends[0], ends[1], colour, int(rng.integers(1, 2 + image.shape[1] // 80)), cv2.LINE_AA)
    elif kind == "box":
        sides, angle = rng.uniform(0.4, 2, 2) * reach, rng.choice([0, 0, 30, 60])
        poly(image, cv2.boxPoints((middle.tolist(), sides.tolist(), float(angle))), colour)
    elif kind == "polygon":
        poly(image, middle + rng.uniform(-1, 1, (int(rng.integers(3, 6)), 2)) * reach, colour)
    else:
        axes = np.maximum(1, rng.uniform(0.2, 1, 2) * reach).astype(int).tolist()
        cv2.ellipse(image, middle.astype(int).tolist(), axes, float(rng.uniform(0, 180)), 0, 360, colour,
                    int(rng.choice([-1, -1, 2, 4])), cv2.LINE_AA)
