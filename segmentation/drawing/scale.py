"""How large lines, text and soft edges are in a picture."""

import numpy as np

LINE_AT = 600  # short side of a picture, in pixels, whose lines are 2 pixels wide


def picture_scale(image: np.ndarray) -> float:
    """How many times wider lines and text are than at LINE_AT, so that they look alike in pictures of every size."""
    return min(image.shape[:2]) / LINE_AT
