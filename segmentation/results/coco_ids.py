"""The image ids and category ids of a COCO file, by the names of photos and classes: CocoIds, for --coco-ids.

    ids = CocoIds.read("instances.json")
    ids.image_id("photos/a.jpg"), ids.category_ids(["person", "dog"])
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePath
from typing import Any, Optional

from segmentation import SegmentationError
from segmentation.files import read_text
from segmentation.terminal import warn
from segmentation.wording import counted

SHOWN = 5  # classes that are named in a line


@dataclass(frozen=True)
class CocoIds:
    """The ids in a COCO file.

    path: of the file
    images: (the parts of its path, from the last to the first; its id) of each image, by its last part
    categories: the entries of the file, each with `id` and `name`
    """

    path: Path
    images: dict[str, list[tuple[tuple[str, ...], int]]] = field(default_factory=dict)
    categories: Sequence[dict[str, Any]] = ()

    @classmethod
    def read(cls, path: Path) -> "CocoIds":
        """The ids in a file. Raises SegmentationError if it cannot be read or has no images and categories."""
        images: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        try:
            content = json.loads(read_text(path))
            for image in content["images"]:
                parts = parts_of(image["file_name"])
                images.setdefault(parts[0], []).append((parts, whole(image["id"])))
            categories = [{**entry, "id": whole(entry["id"]), "name": str(entry["name"])}
                          for entry in content["categories"]]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise SegmentationError(f"cannot take ids from {path}: it is no COCO file with images (id, file_name) and "
                                    "categories (id, name)") from error
        return cls(path, images, categories)

    def image_id(self, photo: str) -> Optional[int]:
        """The id of the image whose path ends as that of a photo, by most of its parts. None: there is none, or two.

        >>> ids = CocoIds(Path("f"), {"x.jpg": [(("x.jpg", "a"), 4), (("x.jpg", "b"), 7)]})
        >>> ids.image_id("in/b/x.jpg"), ids.image_id("in/x.jpg"), ids.image_id("y.jpg")
        (7, None, None)
        """
        parts = parts_of(photo)
        found = self.images.get(parts[0], [])
        likeness = [next((n for n, (a, b) in enumerate(zip(parts, other)) if a != b), min(len(parts), len(other)))
                    for other, _ in found]
        best = [number for alike, (_, number) in zip(likeness, found) if alike == max(likeness)]
        return best[0] if len(best) == 1 else None

    @property
    def free(self) -> int:
        """The first id after those of the file's images."""
        return 1 + max((number for group in self.images.values() for _, number in group), default=0)

    def category_ids(self, labels: Sequence[str]) -> list[int]:
        """The id of each class, by its name in any case. Those that the file lacks get the numbers after its largest.

        >>> CocoIds(Path("f"), {}, [{"id": 3, "name": "Dog"}]).category_ids(["person", "dog", "cat"])
        [4, 3, 5]
        """
        known = {entry["name"].casefold(): entry["id"] for entry in reversed(self.categories)}
        free = count(1 + max(known.values(), default=0))
        return [known[label.casefold()] if label.casefold() in known else next(free) for label in labels]

    def all_categories(self, labels: Sequence[str]) -> list[dict[str, Any]]:
        """The categories of the file, and after them the classes that it lacks."""
        there = {entry["id"] for entry in self.categories}
        others = [{"id": number, "name": label} for number, label in zip(self.category_ids(labels), labels)
                  if number not in there]
        return [*self.categories, *others]

    def say_missing(self, photos: Sequence[str], classes: Sequence[str]) -> None:
        """Print in one line which photos and classes the file lacks, if any."""
        known = {entry["name"].casefold() for entry in self.categories}
        missing = [photo for photo in photos if self.image_id(photo) is None]
        unknown = [label for label in classes if label.casefold() not in known]
        more = f" and {counted(len(unknown) - SHOWN, 'other')}" if len(unknown) > SHOWN else ""
        lacking = f"{'class' if len(unknown) == 1 else 'classes'} {', '.join(unknown[:SHOWN])}{more}"
        parts = [*([f"{len(missing)} of {counted(len(photos), 'photo')}, such as {missing[0]}"] if missing else []),
                 *([f"the {lacking}"] if unknown else [])]
        if parts:
            warn(f"[WARNING] {self.path} lacks {', and '.join(parts)}: they get ids after its own")


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path, from the last to the first. Raises ValueError if there are none."""
    parts = tuple(reversed(PurePath(path.replace("\\", "/")).parts))
    if not parts:
        raise ValueError("an empty path")
    return parts


def whole(number: object) -> int:
    """An id as it must be. Raises TypeError for another value than a whole number."""
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"no id: {number!r}")
    return number
