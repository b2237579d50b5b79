"""A clip: a scene in motion, frame by frame, with exact masks.

    for image, objects in draw_clip(np.random.default_rng(7), (640, 360), frames=150):
        ...
"""

import math
from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np

from segmentation.training.scenes.arranging import compose, draw_lots
from segmentation.training.scenes.camera import draw_look
from segmentation.training.scenes.scene import draw_background
from segmentation.training.scenes.shapes import SUPERSAMPLING
from segmentation.training.scenes.sprites import Picture, Sprite


def draw_clip(rng: np.random.Generator, size_wh: tuple[int, int], frames: int, split: str = "test", count: int = 5,
              place: Optional[str] = None,
              names: Optional[Sequence[str]] = None) -> Iterator[tuple[np.ndarray, list[tuple[int, np.ndarray]]]]:
    """The `frames` frames of a scene in motion: each is an image and objects as draw_scene gives them.

    names: the classes of the objects; without them `count` objects are drawn at random

    The background, the look, the objects and their order stay the same. Each object moves and sways about its place and
    comes back to it, so that the last frame leads over to the first. An object's mask may be empty in a frame.
    """
    background, horizon, at_home = draw_background(rng, size_wh, split, place)
    if names:
        at_home, count = tuple(names), len(names)
    _, sprites = compose(rng, background, horizon, draw_lots(rng, at_home, count))
    paths = draw_paths(rng, sprites, background)
    look = draw_look(rng, size_wh, clean=True)
    for frame in range(frames):
        picture = show(background, sprites, paths, frame / frames)
        yield look(picture.image), picture.objects(sprites)


def draw_paths(rng: np.random.Generator, sprites: Sequence[Sprite],
               background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each sprite moves in x, y, angle and scale, (N, 4), and the phases of these movements, (N, 4).

    They are drawn again, and smaller, until no object is hidden by more than half at any of twelve moments.
    """
    sides = np.array([sprite.canvas.shape[0] / SUPERSAMPLING for sprite in sprites])
    for attempt in range(12):
        reach = rng.uniform((0.25, 0.02, 2, 0.02), (0.6, 0.08, 5, 0.06), (len(sides), 4)) * 0.85**attempt
        sway = np.array([0.3 if sprite.standing else 1.0 for sprite in sprites])
        moves = reach * np.stack([sides, sides, sway, np.ones_like(sides)], axis=1)
        phases = rng.uniform(0, 2 * math.pi) + rng.uniform(-1, 1, moves.shape)
        pictures = [show(background, sprites, (moves, phases), k / 12) for k in range(12)]
        if min(np.min(np.divide(picture.seen[1:], picture.full[1:])) for picture in pictures) >= 0.5:
            break
    return moves, phases


def show(background: np.ndarray, sprites: Sequence[Sprite], paths: tuple[np.ndarray, np.ndarray],
         time: float) -> Picture:
    """The Picture of the sprites at a time 0..1 on their paths, as draw_paths gives them."""
    picture = Picture(background)
    for sprite, move, phase in zip(sprites, *paths):
        x, y, angle, scale = move * (np.sin(2 * math.pi * time + phase) - np.sin(phase))
        moved = Sprite(sprite.name, sprite.canvas, sprite.x + x, sprite.y + y, sprite.angle + angle,
                       1 + scale, sprite.standing, sprite.shadow)
        picture.put(*moved.patch(), moved)
    return picture
