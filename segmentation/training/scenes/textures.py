"""What backgrounds are painted with: noise, colour ramps, walls of pieces, polygons.

    shade = noise(np.random.default_rng(7), (640, 480), cell=20) * 8        # (480, 640) float32, in grey levels
    image = tinted("#6ca04a", shade)                                        # (480, 640, 3) uint8 BGR
"""

import math
from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
from numpy.typing import ArrayLike

from segmentation.training.scenes.canvas import FRACTION_BITS, Colour, bgr


def noise(rng: np.random.Generator, size_wh: tuple[int, int], cell: float, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise of blobs `cell` pixels high and cell * stretch wide: (H, W) float32, deviation about 0.8."""
    width, height = size_wh
    cells = (max(2, math.ceil(height / cell)) + 1, max(2, math.ceil(width / (cell * stretch))) + 1)
    return cv2.resize(rng.standard_normal(cells, np.float32), size_wh,
                      interpolation=cv2.INTER_CUBIC if cell > 8 else cv2.INTER_LINEAR)


def clouds(rng: np.random.Generator, size_wh: tuple[int, int], cell: float, stretch: float = 1.0) -> np.ndarray:
    """The sum of noise of three sizes, each half as large and half as strong as the one before: (H, W) float32."""
    return np.asarray(sum(noise(rng, size_wh, max(cell / 2**k, 1), stretch) / 2**k for k in range(3)))


def as_image(picture: np.ndarray) -> np.ndarray:
    """Grey levels of any type as uint8."""
    return np.clip(picture, 0, 255).astype(np.uint8)


def ramp(colours: Sequence[Colour], size_wh: tuple[int, int]) -> np.ndarray:
    """Colours from top to bottom, evenly spaced: (H, W, 3) float32."""
    levels = np.array([bgr(colour) for colour in colours], np.float32)
    rows = np.linspace(0, len(levels) - 1, size_wh[1])
    column = np.stack([np.interp(rows, range(len(levels)), channel) for channel in levels.T], axis=1)
    return np.repeat(column[:, None].astype(np.float32), size_wh[0], axis=1)


def tinted(colour: Colour, shade: np.ndarray) -> np.ndarray:
    """A colour made brighter and darker: (H, W, 3) uint8 from shade (H, W) float32, in grey levels."""
    return levels_added([shade] * 3, bgr(colour))


def levels_added(shades: Sequence[np.ndarray], levels: Sequence[float]) -> np.ndarray:
    """Three channels (H, W) float32, each with its level added, as an image (H, W, 3) uint8."""
    scalars: Any = [(float(level), 0.0, 0.0, 0.0) for level in levels]  # OpenCV's type hints know arrays only
    return cv2.merge([cv2.add(shade, scalar, dtype=cv2.CV_8U) for shade, scalar in zip(shades, scalars)])


def pieces(rng: np.random.Generator, size_wh: tuple[int, int], length: int, height: int, joint: int,
           shift: Optional[float]) -> tuple[np.ndarray, np.ndarray]:
    """A wall of bricks, boards or tiles: a value -1..1 for each piece, (H, W) float32, and the joints, (H, W) uint8.

    length, height, joint: sizes of a piece and of the joint between two, in pixels; joints are 255, pieces 0
    shift: each row is moved by so many lengths against the one above; None: by a random length
    """
    width, tall = size_wh
    y, x, rows = np.arange(tall), np.arange(width), tall // height + 1
    moves = rng.integers(0, length, rows) if shift is None else np.arange(rows) * int(shift * length)
    along = x + moves[:, None] % length                                         # (rows, W)
    values = rng.uniform(-1, 1, (rows, width // length + 2)).astype(np.float32)
    values = np.take_along_axis(values, along // length, axis=1)
    joints = np.where(along % length < joint, np.uint8(255), np.uint8(0))[y // height]
    joints[y % height < joint] = 255
    return values[y // height], joints


def fill(image: np.ndarray, colour: Colour, where: np.ndarray) -> np.ndarray:
    """The image with that colour where the mask `where` (H, W) uint8 is not 0."""
    plain = np.empty_like(image)
    plain[:] = bgr(colour)
    return cv2.copyTo(plain, where, image)


def poly(image: np.ndarray, points: ArrayLike, colour: Colour) -> None:
    """Draw a filled polygon, points (N, 2) in pixels, into the image."""
    corners = np.rint(np.asarray(points, np.float32) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(image, [corners], bgr(colour), cv2.LINE_AA, FRACTION_BITS)
