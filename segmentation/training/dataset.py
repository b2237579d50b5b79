"""A data set in memory: pictures, the outlines of their objects, and the names of the classes.

    learnt, held_out = split(photos, share=0.1)
    common = without_rare(joined([photos, scenes]), fewest=60)
    often = repeated(common, share=0.15, rng=np.random.default_rng(0))
    image = often.pictures[0].read()                    # (H, W, 3) uint8 BGR

coco.py reads one from a JSON file; samples.py and batches.py make from it what training sees.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.terminal import warn


class Outline(NamedTuple):
    """One object: its class from 0 and its compressed RLE over the whole picture.

    rle: as pycocotools takes it, "size" [height, width] and "counts" bytes
    """

    label: int
    rle: dict


@dataclass
class Picture:
    """A picture's file, its size in the JSON file, and the Outlines of its objects and of its crowds.

    image_hw: (height, width) in pixels
    looked: the classes, from 0, that were looked for in it; None means all. An object of another class is not marked
    named: True once a warning has said that it cannot be read
    """

    path: Path
    image_hw: tuple[int, int]
    objects: list[Outline] = field(default_factory=list)
    crowds: list[Outline] = field(default_factory=list)
    looked: Optional[frozenset[int]] = None
    named: bool = False

    def read(self) -> Optional[np.ndarray]:
        """BGR uint8 (H, W, 3). None, with one warning, where it cannot be read or is not of the annotated size."""
        # Some annotations are for the picture as its EXIF orientation turns it, others for it as the file stores it.
        for turned in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
            image = read_image(self.path, turned)
            if image is not None and image.shape[:2] == self.image_hw:
                return image
        if not self.named:
            height, width = self.image_hw
            leave_out(f"{self.path} " + ("cannot be read" if image is None else f"is {image.shape[1]}x"
                                         f"{image.shape[0]} pixels, not {width}x{height} as annotated"))
        self.named = True
        return None


@dataclass
class Dataset:
    """Pictures, the names of the classes, and COCO's category_id -> class from 0.

    own_classes: False where the categories are COCO's, under COCO's numbers; then there are 90 classes
    """

    pictures: list[Picture]
    names: tuple[str, ...]
    labels: dict[int, int]
    own_classes: bool

    def __len__(self) -> int:
        return len(self.pictures)

    def counts(self) -> np.ndarray:
        """How many objects each class has, (classes,) int64."""
        return np.bincount([outline.label for picture in self.pictures for outline in picture.objects],
                           minlength=len(self.names))

    @cached_property
    def known(self) -> np.ndarray:
        """The classes that have objects, (classes,) bool."""
        return self.counts() > 0

    def has_objects(self) -> bool:
        """Whether any picture has an object."""
        return any(picture.objects for picture in self.pictures)

    def same_classes(self, other: "Dataset") -> bool:
        """Whether another Dataset has the same classes under the same numbers."""
        return (self.names, self.own_classes) == (other.names, other.own_classes)


def read_image(path: Path, flags: int) -> Optional[np.ndarray]:
    """What cv2.imdecode makes of a file, with its flags; None where that fails."""
    try:
        return cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error):
        return None


def leave_out(what: str) -> None:
    """Warn that something cannot be used."""
    warn(f"[WARNING] left out: {what}")


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """One Dataset with the pictures of several, one after another.

    Raises SegmentationError where they do not have the same classes.
    """
    first = datasets[0]
    if not all(data.same_classes(first) for data in datasets):
        raise SegmentationError("all --annotations must have the same categories")
    return replace(first, pictures=[picture for data in datasets for picture in data.pictures])


def shuffled(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures in the order of a hash of their file names: as good as random, and the same in every run."""
    return sorted(pictures, key=lambda picture: (sha256(os.fsencode(picture.path.name)).digest(), picture.path))


def split(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """The Dataset to learn from and the one to measure on, which has this share of the pictures, but at least one.

    The names of the files decide, whatever their order and number: most pictures stay in their part when others are
    added. Of a single picture, and with a share of 0, nothing is kept to measure on.
    """
    pictures = shuffled(dataset.pictures)
    count = max(round(share * len(pictures)), 1) if share and len(pictures) > 1 else 0
    return replace(dataset, pictures=pictures[count:]), replace(dataset, pictures=pictures[:count])


def without_rare(dataset: Dataset, fewest: int) -> Dataset:
    """The Dataset without the objects of classes that have fewer than that; they count as not looked for."""
    rare = set(np.flatnonzero(dataset.counts() < fewest).tolist())
    every = frozenset(range(len(dataset.names)))
    return replace(dataset, pictures=[
        replace(picture, objects=[outline for outline in picture.objects if outline.label not in rare],
                looked=(every if picture.looked is None else picture.looked) - rare) for picture in dataset.pictures])


def repeated(dataset: Dataset, share: float, rng: np.random.Generator) -> Dataset:
    """The Dataset with pictures of rare classes several times. Rare: on less than a `share` of all pictures.

    A class on the part f of the pictures asks for sqrt(share / f) copies of each of them, and a picture gets as many
    as its rarest class asks for (repeat factor sampling: Gupta, Dollar and Girshick 2019). A fraction of a copy is
    rounded up or down at random: 1.4 copies are 2 with probability 0.4.
    """
    shown = [{outline.label for outline in picture.objects} for picture in dataset.pictures]
    part = np.bincount([label for labels in shown for label in labels], minlength=len(dataset.names)) / len(dataset)
    factor = np.sqrt(np.maximum(share / np.maximum(part, 1e-9), 1))
    times = [int(max((factor[label] for label in labels), default=1) + rng.random()) for labels in shown]
    return replace(dataset, pictures=[picture for picture, count in zip(dataset.pictures, times)
                                      for _ in range(count)])
