"""The pictures from which a model in eight bits learns how large its values are.

    calibration = Calibration(folder="photos")
    blobs = calibration.blobs(model)    # float32 (1, 3, H, W) each, as the network sees them
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Optional

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import fingerprint
from segmentation.network.model import Model
from segmentation.network.resizing import OFFICIAL, Size, parse_size, read_resizer, resize
from segmentation.network.weights import MODEL_FOLDER, own_file
from segmentation.pictures import read_photo
from segmentation.search import find_photos
from segmentation.terminal import is_quiet
from segmentation.wording import counted

MOST, FEW = 100, 10  # more pictures make no difference; with fewer, the project's own are added
OWN_PICTURES = Path(MODEL_FOLDER).parent / "images"


@dataclass(frozen=True)
class Calibration:
    """Which pictures a model in eight bits is calibrated on.

    folder: the user's choice
    photos: without a choice, these: those of the run. If they are few, the files in images/ are added
    size: the size of the network's input, as in NetworkOptions
    """

    folder: Optional[str] = None
    photos: tuple[str, ...] = ()
    size: Size = "keep"

    @cached_property
    def pictures(self) -> list[Path]:
        """Their paths, at most MOST, evenly from all. Raises SegmentationError if there are none."""
        names: Sequence[str] = (self.folder,) if self.folder else self.photos
        found = list(find_photos(names)) if names else []
        if not self.folder and len(found) < FEW and OWN_PICTURES.is_dir():
            found += find_photos([OWN_PICTURES])
        if not found:
            raise SegmentationError("--precision int8 is calibrated on pictures, and there are none: name a folder of "
                                    "photos with --calibrate")
        return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), MOST)).astype(int)]

    def blobs(self, model: Model, at_most: int = MOST, what: str = "") -> Iterator[np.ndarray]:
        """The input of the network for each picture, float32 (1, 3, H, W), RGB 0..255.

        what: the text of a progress bar on stderr

        A picture that cannot be read is left out. Raises SegmentationError if none can be read.
        """
        from tqdm import tqdm  # a tenth of a second, which the start of a command does not wait for

        config = own_file(model.weights, ".config")
        rule, size = read_resizer(config) if config else model.resizer or OFFICIAL, parse_size(self.size)
        read = 0
        hidden = not (what and sys.stderr.isatty()) or is_quiet()
        for path in tqdm(self.pictures[:at_most], what, unit="picture", disable=hidden):
            try:
                image = read_photo(path)
            except SegmentationError as error:
                failed = error
                continue
            read += 1
            yield cv2.dnn.blobFromImage(resize(image, size, rule), swapRB=True)
        if not read:
            raise SegmentationError(f"none of the pictures for --calibrate can be read; the last one: {failed}")

    def __str__(self) -> str:
        """What the pictures are, for people."""
        pictures = counted(len(self.pictures), "picture")
        if self.folder:
            return f"{pictures} of {self.folder}"
        places = [*(["photos of this run"] if self.photos else []),
                  *(["those in images/"] if len(self.photos) < FEW else [])]
        return f"{pictures}, {' and '.join(places)}; --calibrate names 100 of your own"

    def key(self) -> str:
        """A hash of the pictures that the user has chosen; empty without a choice."""
        digest = sha256()
        for path in self.pictures if self.folder else ():
            digest.update(fingerprint(path).encode())
        return digest.hexdigest() if self.folder else ""
