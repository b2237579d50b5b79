"""Objects as pictures for other programs: masks and instance maps, and names for the files."""

import re
import unicodedata

import numpy as np

from segmentation.instances import Instances

NAME_LENGTH = 40  # characters; at four bytes each, 95 of the 255 bytes of a file name remain
# Names that Windows keeps for devices, whatever the suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def object_mask(found: Instances, i: int) -> np.ndarray:
    """The mask of object i as large as the picture: uint8 (H, W), 255 or 0."""
    mask = np.zeros(found.image_hw, np.uint8)
    mask[found.crop(i)] = found.mask(i) * np.uint8(255)
    return mask


def instance_map(found: Instances) -> np.ndarray:
    """All objects in one picture: uint16 (H, W), i + 1 where object i is, 0 where none is.

    Where objects overlap, the one with the better score is shown.
    """
    ids = np.zeros(found.image_hw, np.uint16)
    for i in np.argsort(-found.scores, kind="stable")[::-1]:
        ids[found.crop(i)][found.mask(i)] = i + 1
    return ids


def safe_name(text: object) -> str:
    """A text, such as a label, as a part of a file name that every system accepts.

    Letters and digits of any script stay. Blanks, separators, control characters and characters that mean something
    to Windows or a shell become "_"; so does an empty name. It has at most NAME_LENGTH characters. Different texts
    may get the same name, so number the files.

    >>> [safe_name(text) for text in ("sports ball", "../a:b", "CON", "")]
    ['sports_ball', 'a_b', '_CON', '_']
    """
    kept = [char if unicodedata.category(char)[0] in "LMN" or char in "-+.,@=" else "_"
            for char in unicodedata.normalize("NFC", str(text))]
    # A dot in front hides a file, a dash looks like an option; Windows drops dots at the end.
    name = re.sub("__+", "_", "".join(kept)).lstrip("._-")[:NAME_LENGTH].rstrip("._") or "_"
    return f"_{name}"[:NAME_LENGTH] if RESERVED.fullmatch(name) else name
