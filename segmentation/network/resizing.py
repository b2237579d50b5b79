"""The size at which the network sees a picture: by the model's own rule, as it is, or fixed."""

import re
from dataclasses import dataclass

import cv2

from segmentation import SegmentationError
from segmentation.files import read_text

STRIDE = 16  # pixels of the picture to one cell of the trunk's output, each way
RULE = re.compile(r"keep_aspect_ratio_resizer\s*\{([^{}]*)\}")
SIDE = r"^\s*{}\s*:\s*(\d{{1,5}})\s*$"


@dataclass(frozen=True)
class Resizer:
    """The rule of a model: a picture becomes as large as both sides allow, up or down, its aspect kept.

    At four strides of 2 with SAME padding, a feature of the trunk lies up to half a cell, 8 pixels, beside
    the place where the heads look for it, by an amount that depends on the input's height and width modulo
    16 and that the network cannot see. It has learnt the amounts it was trained with, so it must be shown
    no others: the same weights fell from .79 to .38 box AP on pictures one pixel wider and higher than those
    they were trained on.

    Where both limits leave the same rest modulo 16, the network was trained on sides with that rest alone,
    and both sides are brought to the nearest such number (16k + 1 is the best: it puts the picture's corners
    exactly on cells). The official network's limits, 800 and 1365, leave 0 and 5: its long side was of any
    length in training, and scaling by the rule alone gives what it has seen.

    >>> Resizer(353, 609).size_wh((480, 640)), Resizer(353, 609).size_wh((1080, 1920))
    ((465, 353), (609, 337))
    >>> Resizer(800, 1365).size_wh((480, 640)), Resizer(800, 1365).size_wh((1080, 1920))
    ((1067, 800), (1365, 768))
    """

    short_side: int
    long_side: int

    def size_wh(self, image_hw):
        """(width, height) that the network sees of a picture."""
        scale = min(self.short_side / min(image_hw), self.long_side / max(image_hw))
        rest = self.short_side % STRIDE
        if rest == self.long_side % STRIDE:
            # At least two cells, which leaves something between the corners.
            height, width = (max(round((side * scale - rest) / STRIDE), 2) * STRIDE + rest for side in image_hw)
        else:
            height, width = (max(1, round(side * scale)) for side in image_hw)
        return width, height

    def config(self):
        """The rule as TensorFlow's pipeline.config writes it."""
        return ("model {\n  faster_rcnn {\n    image_resizer {\n      keep_aspect_ratio_resizer {\n"
                f"        min_dimension: {self.short_side}\n        max_dimension: {self.long_side}\n"
                "      }\n    }\n  }\n}\n")


# Of the official model's pipeline.config.
OFFICIAL = Resizer(800, 1365)


def read_resizer(path):
    """The Resizer of a file in the form of TensorFlow's pipeline.config.

    Raises SegmentationError where the file has no keep_aspect_ratio_resizer with both its sides.
    """
    rule = RULE.search(read_text(path))
    sides = [re.search(SIDE.format(name), rule.group(1), re.M) if rule else None
             for name in ("min_dimension", "max_dimension")]
    short, long = (int(side.group(1)) if side else 0 for side in sides)
    if not 0 < short <= long:
        raise SegmentationError(f"{path} must hold a rule for the size of pictures, keep_aspect_ratio_resizer "
                                "with min_dimension and max_dimension in pixels; mend it, or choose another "
                                "size with --size")
    return Resizer(short, long)


def parse_size(size):
    """"keep", "raw" or (width, height) from one of these or from "WxH"; ValueError otherwise.

    >>> parse_size("640x480")
    (640, 480)
    """
    if size in ("keep", "raw"):
        return size
    sides = re.findall(r"\d+", size) if isinstance(size, str) and re.fullmatch(r"\d+[xX]\d+", size) else size
    if isinstance(sides, str) or len(sides) != 2 or not all(0 < int(side) < 65536 for side in sides):
        raise ValueError("must be keep, raw or WIDTHxHEIGHT in pixels (such as 1024x600)")
    return int(sides[0]), int(sides[1])


def input_size(image_hw, size, resizer=OFFICIAL):
    """(width, height) that the network sees of a picture: "keep" is as the resizer says.

    >>> input_size((480, 640), "keep"), input_size((480, 640), "raw"), input_size((480, 640), (300, 200))
    ((1067, 800), (640, 480), (300, 200))
    """
    if size == "keep":
        return resizer.size_wh(image_hw)
    return (image_hw[1], image_hw[0]) if size == "raw" else size


def resize(image, size, resizer=OFFICIAL):
    """The picture at the size the network sees.

    Bilinear, as in the model's own graph, which was trained on pictures of 640 pixels enlarged. A picture
    that shrinks is averaged instead, so that thin parts do not fall between the samples.
    """
    size_wh = input_size(image.shape[:2], size, resizer)
    if size_wh == (image.shape[1], image.shape[0]):
        return image
    shrinks = size_wh[0] * size_wh[1] < image.shape[0] * image.shape[1]
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
