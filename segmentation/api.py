"""MaskRCNN as `from segmentation import MaskRCNN` gives it: takes pictures of any kind, gives Found.

    net = MaskRCNN.load()
    found = net("photo.jpg")        # or a PIL image, an array, a list of them
    found.save("found.jpg")

It is the network's own MaskRCNN with what people at a notebook want. The command lines have no use for that: they read,
draw and write in steps of their own. So it is a room above drawing and results, which it needs, and the Instances that
go through the rest of the program stay small.
"""

import os
from typing import Any, Union, overload

import cv2
import numpy as np
from PIL import Image

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.found import Found
from segmentation.network import mask_rcnn
from segmentation.pictures import bgr, read_photo

Picture = Union[str, "os.PathLike[str]", Image.Image, np.ndarray]
Pictures = Union[list[Any], tuple[Any, ...]]  # of Picture; lists of arrays, say, are not lists of Picture to mypy
ORDERS = ("bgr", "rgb")
KINDS = "must be grey (H, W), (H, W, 3) or, with alpha, (H, W, 4)"


class MaskRCNN(mask_rcnn.MaskRCNN):
    """A loaded network, as network.mask_rcnn.MaskRCNN, that takes pictures of any kind.

        net = MaskRCNN.load(confidence=0.7)     # the fields of NetworkOptions
        found = net("photo.jpg")
        for one in found[found.scores > 0.9]:
            print(one.label, one.score, one.box)

    Use one for each process: threads must not share it.
    """

    @overload
    def __call__(self, picture: Picture, order: str = "bgr") -> Found: ...

    @overload
    def __call__(self, picture: Pictures, order: str = "bgr") -> list[Found]: ...

    def __call__(self, picture: Union[Picture, Pictures], order: str = "bgr") -> Union[Found, list[Found]]:
        """What is found in a picture, or in each of a list.

        picture: the path of a photo, of all kinds that the command line reads; a PIL image; or an array (H, W) that is
            grey, (H, W, 3), or (H, W, 4) with alpha, of uint8, uint16, or floats from 0 to 1. What is transparent
            is taken as white
        order: of the colours in arrays, "bgr" as from cv2 or "rgb" as from PIL, matplotlib and imageio; also of those
            that Found.draw gives. With a PIL image it is always "rgb"

        A path's photo is turned upright by its EXIF flag. A PIL image is taken as it is: PIL.ImageOps.exif_transpose
        turns it.

        Raises SegmentationError if a photo cannot be read, ValueError for an array of another kind.
        """
        if order not in ORDERS:
            raise ValueError(f"order must be {' or '.join(ORDERS)}, got {order!r}")
        if isinstance(picture, (list, tuple)):
            return [self(one, order) for one in picture]
        if isinstance(picture, Image.Image):
            order = "rgb"
        file = os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else ""
        return self.find(to_bgr(picture, order), order, file)

    def find(self, image: np.ndarray, order: str, file: str) -> Found:
        """Found in an image, BGR uint8 (H, W, 3). order, file: as of Found"""
        found = super().__call__(image)
        return Found(found.boxes, found.scores, found.class_ids, found.masks, found.image_hw, found.threshold,
                     found.interpolation, self.labels, found.slack, image, order, file, tuple(self.colors), self.made)


def to_bgr(picture: object, order: str) -> np.ndarray:
    """A picture of any kind as BGR uint8 (H, W, 3), an array of its own; see MaskRCNN."""
    if isinstance(picture, (str, os.PathLike)):
        return read_photo(os.fspath(picture))
    if isinstance(picture, Image.Image):
        try:
            return bgr(picture)
        except (OSError, SyntaxError, ValueError) as error:  # PIL reads the file only now
            raise SegmentationError(f"cannot read the PIL image: {reason(error)}") from error
    if isinstance(picture, np.ndarray):
        return array_to_bgr(picture, order)
    raise ValueError(f"a picture must be a path, a PIL image, an array or a list of them, got {type(picture).__name__}")


def array_to_bgr(image: np.ndarray, order: str) -> np.ndarray:
    """An array as BGR uint8 (H, W, 3), a copy; ValueError for one that is no picture.

    image: grey (H, W) or (H, W, 1), colours (H, W, 3), or with alpha (H, W, 4), of uint8, uint16, or floats 0..1
    order: of its colours

    >>> array_to_bgr(np.float32([[[1, 0.5, 0, 1]]]), "rgb").tolist(), array_to_bgr(np.uint8([[7]]), "bgr").tolist()
    ([[[0, 128, 255]]], [[[7, 7, 7]]])
    """
    shape = image.shape
    if len(shape) not in (2, 3) or not image.size or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        first = len(shape) == 3 and shape[0] in (1, 3, 4)
        raise ValueError(f"an array {KINDS}, got {shape}"
                         f"{': move the colours to the end, np.moveaxis(image, 0, -1)' if first else ''}")
    pixels = eight_bits(image)
    if pixels.ndim == 2 or shape[2] == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    if shape[2] == 4:
        pixels = on_white(pixels)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if order == "rgb" else pixels.copy()


def eight_bits(image: np.ndarray) -> np.ndarray:
    """The values of an array as uint8, in one piece of memory; ValueError for other values than a picture has."""
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if image.dtype == np.uint16:
        return np.ascontiguousarray((image >> 8).astype(np.uint8))
    if image.dtype.kind != "f":
        raise ValueError(f"an array must be uint8, uint16 or floats from 0 to 1, got {image.dtype}")
    low, high = image.min(), image.max()
    if not (low >= 0 and high <= 1):  # so that nan is refused too
        raise ValueError(f"an array of floats must be from 0 to 1, got {low:g} to {high:g}: divide them, or "
                         "make them uint8")
    return np.rint(np.ascontiguousarray(image, np.float32) * 255).astype(np.uint8)


def on_white(image: np.ndarray) -> np.ndarray:
    """An image with alpha, uint8 (H, W, 4), on white: uint8 (H, W, 3)."""
    alpha = image[:, :, 3:].astype(np.uint16)
    return ((image[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
