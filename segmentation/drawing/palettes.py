"""Which colour each object gets."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np

from segmentation.instances import Instances
from segmentation.tracking.instance_ids import Color, class_colors, id_color

PALETTES = ("colors", "class", "instance")


def colors_for(palette: str, found: Instances, net_colors: Sequence[Color], seed: int = 42,
               ids: Optional[Union[Sequence[int], np.ndarray]] = None) -> list[Color]:
    """A (B, G, R) for each object of Instances, by one of the PALETTES.

    "colors":   those of the model folder, net_colors [(B, G, R), ...], in an order that `seed` decides
    "class":    one for each class, as in the tutorial
    "instance": one for each object, all different
    ids: numbers of the objects, (N,) int, that stay the same from frame to frame: by "colors" and "instance" an
         object then keeps its colour. None: an object's number is its place in `found`.

    Raises ValueError for another palette.
    """
    if palette == "class":
        by_class = class_colors(max(found.class_ids.tolist(), default=-1) + 1)
        return [by_class[class_id] for class_id in found.class_ids]
    if palette == "instance":
        return [id_color(number) for number in (range(len(found)) if ids is None else ids)]
    if palette != "colors":
        raise ValueError(f"palette must be one of {', '.join(PALETTES)}, got {palette!r}")
    if ids is None:
        return pick_colors(net_colors, len(found), seed)
    # The numbers in a long video are large, so the first round of colours is repeated.
    order = pick_colors(net_colors, len(net_colors), seed)
    return [order[number % len(order)] for number in ids]


def pick_colors(palette: Sequence[Color], count: int, seed: int) -> list[Color]:
    """`count` colours of a palette [(B, G, R), ...] in an order that `seed` decides.

    No colour is repeated before all others have been used, so neighbours differ as long as possible.
    """
    generator = np.random.default_rng(seed)
    rounds = -(-count // len(palette))
    order = [index for _ in range(rounds) for index in generator.permutation(len(palette))]
    return [palette[index] for index in order[:count]]
