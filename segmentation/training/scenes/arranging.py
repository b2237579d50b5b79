"""Chooses the objects of a scene and puts each in a place that suits it.

    lots = draw_lots(rng, ("bus", "person"), count=2)                # [("bus", 0.55), ("person", 0.38)]
    picture, sprites = compose(rng, background, horizon, lots)
"""

import math
from collections.abc import Sequence
from typing import Optional

import numpy as np

from segmentation.training.scenes.shapes import CLASSES, draw_canvas
from segmentation.training.scenes.sprites import Picture, Sprite

SIZE_RANGE = (0.14, 0.6)        # an object's longer side, in parts of the picture's short side
MOST_HIDDEN = 0.35              # of an object, behind others or outside the picture
MOST_TURNED = 12.0              # degrees
TRIES = 14                      # places tried for an object before it is drawn smaller

IN_THE_SKY, ON_THE_WALL, ON_THE_SEA = ("airplane", "kite"), ("clock",), ("boat",)
ON_THE_GROUND = [name for name in CLASSES if name not in IN_THE_SKY + ON_THE_WALL + ON_THE_SEA]
TRUE_TO_LIFE = {                # sizes of things that stand beside each other; a person is 1
    "bus": 1.6, "car": 1.15, "boat": 1.2, "elephant": 1.35, "traffic light": 1.05, "stop sign": 0.95,
    "dog": 0.62, "cat": 0.5, "sports ball": 0.34, "clock": 0.45, "potted plant": 0.7, "book": 0.5,
    "cup": 0.45, "chair": 0.85, "umbrella": 0.75, "kite": 0.6, "bottle": 0.8, "orange": 0.42,
    "banana": 0.55, "donut": 0.5, "tv": 0.9,
}


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A random number from low to high whose logarithm is uniform."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def draw_lots(rng: np.random.Generator, at_home: Optional[Sequence[str]], count: int) -> list[tuple[str, float]]:
    """(name, size) of the objects of a scene, the farthest first; size: of the longer side, as in SIZE_RANGE.

    at_home: a Place's names. Their sizes fit each other; with None any classes are drawn, in any sizes
    """
    if at_home is None:
        return [(str(name), log_uniform(rng, *SIZE_RANGE)) for name in rng.choice(list(CLASSES), count)]
    names = [str(name) for name in rng.choice(at_home, count, replace=count > len(at_home))]
    person = log_uniform(rng, 0.3, 0.5)
    sizes = [np.clip(person * TRUE_TO_LIFE.get(name, 1.0) * rng.uniform(0.85, 1.15),
                     *SIZE_RANGE) for name in names]
    lots = list(zip(names, map(float, sizes)))
    far = [lot for lot in lots if lot[0] not in ON_THE_GROUND]
    return far + [lot for lot in lots if lot[0] in ON_THE_GROUND]


def find_spot(rng: np.random.Generator, sprite: Sprite, size_wh: tuple[int, int], horizon: Optional[int],
              nearness: float) -> tuple[np.ndarray, tuple[int, int]]:
    """Move a sprite to a place that suits it; its patch and the pixel (x, y) of the patch's corner.

    horizon: the row where the ground begins, or None; nearness: how near the viewer it stands, 0..1
    """
    width, height = size_wh
    sprite.move_to(width / 2, height / 2)
    patch, (x0, y0) = sprite.patch()
    h, w = patch.shape[:2]
    out = 0.12 if rng.random() < 0.2 else 0.0                   # some objects are cut by the border
    left = rng.uniform(-out * w, max(width - w + out * w, 1))
    if horizon is None:
        top = rng.uniform(-out * h, max(height - h + out * h, 1))
    elif sprite.name in IN_THE_SKY + ON_THE_WALL:
        top = rng.uniform(0.02 * height, max(0.9 * horizon - h, 0.03 * height))
    elif sprite.name in ON_THE_SEA:
        top = horizon - h - rng.uniform(0, 0.1) * height
    else:
        near = np.clip(nearness + rng.uniform(-0.08, 0.08), 0.06, 0.97)
        top = horizon + near * (height - horizon) - h
        sprite.stand()
    x, y = round(left), round(top)
    sprite.move_to(sprite.x + x - x0, sprite.y + y - y0)
    return patch, (x, y)


def compose(rng: np.random.Generator, background: np.ndarray, horizon: Optional[int],
            lots: Sequence[tuple[str, float]]) -> tuple[Picture, list[Sprite]]:
    """A Picture of the lots [(name, size)] in front of a background, and its sprites in the order they were put.

    Each object goes where it hides at most MOST_HIDDEN of each object behind it. One that finds no such place is drawn
    smaller, and is left out if that does not help.
    """
    picture, sprites = Picture(background), []
    shaded = rng.uniform(0.2, 0.6) if horizon is not None or rng.random() < 0.75 else 0.0
    for number, (name, size) in enumerate(lots):
        for smaller in (1.0, 0.7, 0.5):
            sprite = draw_sprite(rng, name, size * smaller, picture.size_wh, horizon, shaded)
            if put_somewhere(rng, picture, sprite, horizon, (number + 0.5) / len(lots)):
                sprites.append(sprite)
                break
    return picture, sprites


def draw_sprite(rng: np.random.Generator, name: str, size: float, size_wh: tuple[int, int], horizon: Optional[int],
                shaded: float) -> Sprite:
    """An object of that class and size for a picture of size_wh; shaded: how dark shadows are in it, 0..1."""
    side = max(24, round(max(size, SIZE_RANGE[0]) * min(size_wh)))
    turned = rng.uniform(-MOST_TURNED, MOST_TURNED) * (0.25 if horizon and name not in IN_THE_SKY else 1)
    casts = horizon is None or name not in IN_THE_SKY + ON_THE_SEA
    return Sprite(name, draw_canvas(rng, name, side), angle=turned, shadow=shaded if casts else 0.0)


def put_somewhere(rng: np.random.Generator, picture: Picture, sprite: Sprite, horizon: Optional[int],
                  nearness: float) -> bool:
    """Try TRIES places for a sprite and put it at the first that hides little enough; whether there was one."""
    for _ in range(TRIES):
        patch, corner = find_spot(rng, sprite, picture.size_wh, horizon, nearness)
        if picture.hidden(patch, corner) <= MOST_HIDDEN:
            picture.put(patch, corner, sprite)
            return True
    return False
