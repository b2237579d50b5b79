"""The size at which the network sees an image: by the model's own rule, as it is, or fixed."""

import re
from dataclasses import dataclass
from typing import Any, Union

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import AnyPath, read_text

RESIZINGS = ("opencv", "tensorflow")
Size = Union[str, tuple[int, int]]  # "keep", "raw" or (width, height)

STRIDE = 16  # one cell of the trunk's output is 16x16 pixels of the network's input
RULE = re.compile(r"keep_aspect_ratio_resizer\s*\{([^{}]*)\}")
FIXED = re.compile(r"fixed_shape_resizer\s*\{([^{}]*)\}")
SIDE = r"\b{}\s*:\s*(\d{{1,5}})(?![\d.])"


@dataclass(frozen=True)
class Resizer:
    """A model's rule for the size of images: as large as both limits allow, enlarged or shrunk, aspect kept.

    short_side, long_side: the limits, in pixels

    The trunk has four strides of 2 with SAME padding. So a feature lies up to half a cell (8 pixels) away from the
    place where the heads look for it. The distance depends on the input's height and width modulo 16, and the network
    cannot see it. It has learnt the distances of its training, so it must get no others: on images one pixel wider and
    higher than those of the training, the box AP of the same weights fell from .79 to .38.

    If both limits are 16k + 1, the network was trained by segmentation/training, on such sides alone: they put the
    corners of the image exactly on cells. Then both sides are rounded to the nearest such number. TensorFlow only
    scales, so with other limits (the official network's are 800 and 1365) images are only scaled.

    >>> Resizer(353, 609).size_wh((480, 640)), Resizer(353, 609).size_wh((1080, 1920))
    ((465, 353), (609, 337))
    >>> Resizer(800, 1365).size_wh((480, 640)), Resizer(800, 1365).size_wh((1080, 1920))
    ((1067, 800), (1365, 768))
    """

    short_side: int
    long_side: int

    def size_wh(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the network's input for an image."""
        scale = min(self.short_side / min(image_hw), self.long_side / max(image_hw))
        if self.short_side % STRIDE == self.long_side % STRIDE == 1:
            # At least two cells, so that there is something between the corners.
            height, width = (max(round((side * scale - 1) / STRIDE), 2) * STRIDE + 1 for side in image_hw)
        else:
            height, width = (max(1, round(side * scale)) for side in image_hw)
        return width, height

    def config(self) -> str:
        """The rule as TensorFlow's pipeline.config has it."""
        return ("model {\n  faster_rcnn {\n    image_resizer {\n      keep_aspect_ratio_resizer {\n"
                f"        min_dimension: {self.short_side}\n        max_dimension: {self.long_side}\n"
                "      }\n    }\n  }\n}\n")


@dataclass(frozen=True)
class FixedSize:
    """The rule of a model for which every image is brought to one size, whatever its aspect. In pixels."""

    height: int
    width: int

    def size_wh(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the network's input for an image."""
        return self.width, self.height


Rule = Union[Resizer, FixedSize]

# From the official model's pipeline.config.
OFFICIAL = Resizer(800, 1365)


def read_resizer(path: AnyPath) -> Rule:
    """The rule in a file in the format of TensorFlow's pipeline.config.

    Raises SegmentationError if the file has no image_resizer with two sides in pixels.
    """
    text = read_text(path)
    for pattern, names, kind in ((RULE, ("min_dimension", "max_dimension"), Resizer),
                                 (FIXED, ("height", "width"), FixedSize)):
        rule = pattern.search(text)
        sides = [re.search(SIDE.format(name), rule.group(1)) if rule else None for name in names]
        first, second = (int(side.group(1)) if side else 0 for side in sides)
        if min(first, second) > 0 and (kind is FixedSize or first <= second):
            return kind(first, second)
    raise SegmentationError(f"{path} must hold a rule for the size of pictures, keep_aspect_ratio_resizer "
                            "with min_dimension and max_dimension, or fixed_shape_resizer with height and width, in "
                            "pixels; mend it, or choose another size with --size")


def parse_size(size: Size) -> Size:
    """"keep", "raw" or (width, height), from one of these or from "WxH".

    Raises ValueError for anything else.

    >>> parse_size("640x480")
    (640, 480)
    """
    if size in ("keep", "raw"):
        return size
    sides: Any = re.findall(r"\d+", size) if isinstance(size, str) and re.fullmatch(r"\d+[xX]\d+", size) else size
    if isinstance(sides, str) or len(sides) != 2 or not all(0 < int(side) < 65536 for side in sides):
        raise ValueError("must be keep, raw or WIDTHxHEIGHT in pixels (such as 1024x600)")
    return int(sides[0]), int(sides[1])


def input_size(image_hw: tuple[int, int], size: Size, resizer: Rule = OFFICIAL) -> tuple[int, int]:
    """(width, height) of the network's input for an image.

    size: "keep" (as the resizer says), "raw" (as the image) or (width, height)

    >>> input_size((480, 640), "keep"), input_size((480, 640), "raw"), input_size((480, 640), (300, 200))
    ((1067, 800), (640, 480), (300, 200))
    """
    if size == "keep":
        return resizer.size_wh(image_hw)
    return (image_hw[1], image_hw[0]) if isinstance(size, str) else size


def resize(image: np.ndarray, size: Size, resizer: Rule = OFFICIAL, way: str = "opencv") -> np.ndarray:
    """An image, uint8 (H, W, 3), in the size of the network's input; the same array if it has that size.

    way: of RESIZINGS. opencv: enlarged bilinearly, and shrunk by averaging, so that thin parts do not fall between the
        samples; uint8. tensorflow: as the model's own graph does it; float32
    """
    size_wh = input_size((image.shape[0], image.shape[1]), size, resizer)
    if size_wh == (image.shape[1], image.shape[0]):
        return image
    if way == "tensorflow":
        return resize_as_tensorflow(image, size_wh)
    shrinks = size_wh[0] * size_wh[1] < image.shape[0] * image.shape[1]
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_as_tensorflow(image: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """An image, uint8 (H, W, 3), in another size, as float32: to the last bit what TensorFlow's ResizeBilinear gives.

    It differs from cv2.resize in three ways. Pixel i of the result is taken at i * (old size / new size), not between
    pixel centres, so that the image moves by up to half a pixel. It is not averaged where it shrinks: of a photo four
    times as wide, most pixels are not looked at. And it is not rounded.

    >>> resize_as_tensorflow(np.uint8([[[0], [10], [20], [30]]]), (2, 1)).ravel().tolist()
    [0.0, 20.0]
    """
    left, right, along_x = samples(size_wh[0], image.shape[1])
    above, below, along_y = samples(size_wh[1], image.shape[0])

    def rows(numbers: np.ndarray) -> np.ndarray:
        """Those rows of the image, resized along x."""
        start, end = (image[numbers][:, columns].astype(np.float32) for columns in (left, right))
        return start + (end - start) * along_x[:, None]
    top = rows(above)
    return top + (rows(below) - top) * along_y[:, None, None]


def samples(size: int, old_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `size` samples along an axis: the two old pixels that it lies between, and how far, 0..1, float32."""
    at = np.arange(size, dtype=np.float32) * (np.float32(old_size) / np.float32(size))
    low = np.minimum(at.astype(np.intp), old_size - 1)
    return low, np.minimum(low + 1, old_size - 1), at - low.astype(np.float32)
