"""Which colour each object gets.

All colours are as light as each other to the eye, so that none of them stands out or drowns, and black text can be read
on each. Only their hues differ. They come from even_color, those of the model folder's colors.txt as well.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Optional, Union

import numpy as np

from segmentation.instances import Instances

Color = tuple[int, int, int]  # B, G, R, 0..255
PALETTES = ("colors", "class", "instance")

LIGHTNESS = 0.72  # of OKLCH, 0..1: a tint shows on a dark picture as well as on a light one
STRONGEST = 0.19  # of OKLCH's chroma; stronger blues and pinks would draw the eye, as yellows cannot be so strong
FIRST_HUE = 350  # degrees: a pink, rare in photos; then come a green, a blue and an orange
GOLDEN_ANGLE = 180 * (3 - 5 ** 0.5)  # degrees, 137.5: multiples of it stay far apart, however many there are


def colors_for(palette: str, found: Instances, net_colors: Sequence[Color], first: int = 0,
               ids: Optional[Union[Sequence[int], np.ndarray]] = None) -> list[Color]:
    """A (B, G, R) for each object of Instances, by one of the PALETTES.

    "colors":   those of the model folder, net_colors [(B, G, R), ...], in turn, from its number `first`
    "class":    of the same colours one for each class
    "instance": one for each object, all different, whatever the model folder has
    ids: numbers of the objects, (N,) int, that stay the same from frame to frame: by "colors" and "instance" an
         object then keeps its colour. None: an object's number is its place in `found`.

    Raises ValueError for another palette.
    """
    if palette not in PALETTES:
        raise ValueError(f"palette must be one of {', '.join(PALETTES)}, got {palette!r}")
    numbers = found.class_ids if palette == "class" else range(len(found)) if ids is None else ids
    if palette == "instance":
        return [even_color(number) for number in numbers]
    start = first if palette == "colors" else 0
    return [net_colors[(start + number) % len(net_colors)] for number in numbers]


@lru_cache(maxsize=1024)  # a video asks for the same ones on each frame
def even_color(number: int) -> Color:
    """The (B, G, R) with a number from 0: neighbours in number have very different hues, and all are equally light.

    >>> even_color(0), even_color(1)
    ((181, 106, 248), (10, 184, 132))
    """
    hue = np.radians((FIRST_HUE + number * GOLDEN_ANGLE) % 360)
    # The strongest chroma that a screen can show at this hue.
    for chroma in np.arange(STRONGEST, 0, -0.005):
        rgb = oklch_to_linear(LIGHTNESS, chroma, hue)
        if ((rgb >= 0) & (rgb <= 1)).all():
            break
    encoded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.abs(rgb) ** (1 / 2.4) - 0.055)  # sRGB, IEC 61966-2-1
    red, green, blue = np.rint(255 * encoded).astype(int).tolist()
    return blue, green, red


def oklch_to_linear(lightness: float, chroma: float, hue: float) -> np.ndarray:
    """A colour of OKLCH as linear sRGB, (3,) R, G, B; one that a screen cannot show is not in 0..1. hue: in radians

    The matrices are those of OKLAB (Ottosson, "A perceptual color space for image processing", 2020).
    """
    lab = np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
    cones = np.array([[1, 0.3963377774, 0.2158037573],
                      [1, -0.1055613458, -0.0638541728],
                      [1, -0.0894841775, -1.2914855480]]) @ lab
    return np.array([[4.0767416621, -3.3077115913, 0.2309699292],
                     [-1.2684380046, 2.6097574011, -0.3413193965],
                     [-0.0041960863, -0.7034186147, 1.7076147010]]) @ cones ** 3
