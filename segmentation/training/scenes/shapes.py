"""Draws one object of a COCO class: a stop sign, a dog, a cup of coffee. scene.py puts them into pictures.

    bgra = draw_object(np.random.default_rng(7), "stop sign", 300)      # (300, 300, 4) uint8

CLASSES is the table: the name, its number among COCO's categories and the function that draws it. The functions are in
shapes_living.py, shapes_traffic.py, shapes_leisure.py, shapes_food.py and shapes_indoors.py. Each draws on a Canvas `c`
in a unit square, x to the right and y down, from back to front. What varies from one dog to the next is drawn at
random: type, pose, proportions, colours. Limbs, legs and posts are about an eighth of the object wide, because the
network's masks have 15 x 15 cells and lose thinner ones.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from segmentation.training.scenes.canvas import LIGHT_CELLS, UNIT_GAIN, Canvas
from segmentation.training.scenes.shapes_food import banana, bottle, cup, donut, orange, pizza
from segmentation.training.scenes.shapes_indoors import book, chair, clock, potted_plant, tv
from segmentation.training.scenes.shapes_leisure import kite, sports_ball, umbrella
from segmentation.training.scenes.shapes_living import cat, dog, elephant, person
from segmentation.training.scenes.shapes_traffic import airplane, boat, bus, car, stop_sign, traffic_light

SUPERSAMPLING = 2       # a canvas has so many pixels for each pixel of the finished object, in both directions

# name: (COCO's category id, the function that draws it)
CLASSES: dict[str, tuple[int, Callable[[Canvas, np.random.Generator], None]]] = {
    "person": (1, person), "car": (3, car), "airplane": (5, airplane), "bus": (6, bus), "boat": (9, boat),
    "traffic light": (10, traffic_light), "stop sign": (13, stop_sign), "cat": (17, cat), "dog": (18, dog),
    "elephant": (22, elephant), "umbrella": (28, umbrella), "sports ball": (37, sports_ball),
    "kite": (38, kite), "bottle": (44, bottle), "cup": (47, cup), "banana": (52, banana),
    "orange": (55, orange), "pizza": (59, pizza), "donut": (60, donut), "chair": (62, chair),
    "potted plant": (64, potted_plant), "tv": (72, tv), "book": (84, book), "clock": (85, clock),
}
LETTERED = {"stop sign"}                    # never mirrored


def draw_object(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
    """An object upright on its own canvas: (size, size, 4) uint8, BGR premultiplied by the alpha.

    Its longer side fills the canvas except for a small margin. At random it is mirrored, stretched by up to 10 %, lit
    from one side, and rough or smooth. Raises KeyError where the name is not one of CLASSES.
    """
    return cv2.resize(draw_canvas(rng, name, size), (size, size), interpolation=cv2.INTER_AREA)


def draw_canvas(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
    """The same before it is reduced, SUPERSAMPLING times as large: to turn it first."""
    stretch = rng.uniform(0.9, 1.0, 2)
    canvas = Canvas(size * SUPERSAMPLING, stretch / stretch.max())
    CLASSES[name][1](canvas, rng)
    if name not in LETTERED and rng.random() < 0.5:
        canvas.mirror()
    canvas.light(light_and_relief(rng, canvas.bgra[..., 3]))
    return canvas.bgra


def light_and_relief(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """A gain map for Canvas.light: brightness, a slope of light, edges lit or in shade, sometimes a rough surface.

    alpha: (size, size) uint8, of the object
    """
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
