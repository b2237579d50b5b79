"""The kinds of background and the classes at home there: PLACES.

Training pictures and test pictures have different kinds, so that a test says how the network does in front of
backgrounds that it has never seen.
"""

from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np

from segmentation.training.scenes import grounds, surfaces

OUTDOOR = ("person", "dog", "cat", "sports ball", "umbrella", "kite", "airplane")
STREET = (*OUTDOOR, "car", "bus", "car", "bus", "traffic light", "stop sign")
INDOOR = ("chair", "tv", "clock", "potted plant", "cat", "dog", "person", "book")
FOOD = ("cup", "bottle", "banana", "orange", "pizza", "donut", "book", "cup", "pizza", "donut")


class Place(NamedTuple):
    """A kind of background.

    paint: a function from a random generator and a size to a picture (H, W, 3) and the row where the ground begins, or
        None where anything may lie anywhere
    names: the classes at home there, one named twice is twice as likely; None: all classes
    weight: how often the place is drawn
    """

    paint: Callable[[np.random.Generator, tuple[int, int]], tuple[np.ndarray, Optional[int]]]
    names: Optional[tuple[str, ...]]
    weight: float


PLACES = {
    "train": {
        "field": Place(grounds.field, (*OUTDOOR, "elephant", "car", "potted plant"), 2),
        "room": Place(grounds.room, INDOOR, 2),
        "boards": Place(surfaces.boards, FOOD, 1.5),
        "wood": Place(surfaces.boards, None, 1),
        "bricks": Place(surfaces.bricks, None, 1.5),
        "lawn": Place(surfaces.lawn, None, 1.5),
        "gradient": Place(surfaces.gradient, None, 2),
        "colour clouds": Place(surfaces.colour_clouds, None, 2),
    },
    "test": {
        "street": Place(grounds.street, STREET, 2),
        "shore": Place(grounds.shore, (*OUTDOOR, "boat", "boat", "elephant"), 1.5),
        "lounge": Place(grounds.lounge, INDOOR, 2),
        "tablecloth": Place(surfaces.tablecloth, FOOD, 1.5),
        "tiles": Place(surfaces.tiles, None, 1.5),
        "stripes": Place(surfaces.stripes, None, 1.5),
        "halo": Place(surfaces.halo, None, 2),
        "pebbles": Place(surfaces.pebbles, None, 1),
    },
}
