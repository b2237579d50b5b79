"""Objects as pictures for other programs: cut-outs with transparency, masks, a map of all, and names for the files."""

import re
import unicodedata

import cv2
import numpy as np

from segmentation.drawing.effects import crop, picture_scale, soften
from segmentation.instances import paste_mask

NAME_LENGTH = 40  # characters; at four bytes each that leaves 95 of the 255 a file name may have
# Names that Windows keeps for devices, whatever the suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def cut_out(image, found, i, threshold=0.3, interpolation="cubic"):
    """Object i on nothing: BGRA uint8 (y1 - y0, x1 - x0, 4), as large as its box.

    image: BGR uint8 (H, W, 3), not drawn on yet

    The edge of the mask is smooth. Colours are not multiplied by alpha, and where alpha is 0 they are 0: what
    cannot be seen is not there either, for programs that drop the alpha, and for privacy.
    """
    alpha = soften(mask_of(found, i, threshold, interpolation), picture_scale(image))
    return np.dstack([cv2.copyTo(crop(image, found.boxes[i]), alpha), alpha])


def object_mask(found, i, threshold=0.3, interpolation="cubic"):
    """Object i's mask as large as the picture: uint8 (H, W), 255 where it is, else 0."""
    mask = np.zeros(found.image_hw, np.uint8)
    crop(mask, found.boxes[i])[:] = mask_of(found, i, threshold, interpolation)
    return mask


def mask_of(found, i, threshold, interpolation):
    """Object i's mask as large as its box: uint8 (y1 - y0, x1 - x0), 255 or 0."""
    return paste_mask(found.masks[i], found.boxes[i], threshold, interpolation) * np.uint8(255)


def instance_map(found, threshold=0.3, interpolation="cubic"):
    """All objects in one picture: uint16 (H, W), i + 1 where object i is, 0 where none is.

    Where objects overlap, the one of the better score is shown.
    """
    ids = np.zeros(found.image_hw, np.uint16)
    for i in np.argsort(-found.scores, kind="stable")[::-1]:
        crop(ids, found.boxes[i])[paste_mask(found.masks[i], found.boxes[i], threshold, interpolation)] = i + 1
    return ids


def safe_name(text):
    """A text, such as a label, as a part of a file name that every system takes.

    Letters and digits of any script stay. Blanks, separators, control characters and what Windows or a shell
    gives a meaning become "_"; so does an empty name. At most NAME_LENGTH characters. Different texts may get
    the same name: number the files.

    >>> [safe_name(text) for text in ("sports ball", "../a:b", "CON", "")]
    ['sports_ball', 'a_b', '_CON', '_']
    """
    kept = [char if unicodedata.category(char)[0] in "LMN" or char in "-+.,@=" else "_"
            for char in unicodedata.normalize("NFC", str(text))]
    # A dot or a dash in front hides a file or looks like an option; Windows drops dots at the end.
    name = re.sub("__+", "_", "".join(kept)).lstrip("._-")[:NAME_LENGTH].rstrip("._") or "_"
    return f"_{name}"[:NAME_LENGTH] if RESERVED.fullmatch(name) else name
