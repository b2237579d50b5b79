"""Reads a data set from a JSON file in COCO's instance format and a folder of pictures.

    data = load_coco("instances.json", "photos/", coco_names=names)

The format is the one of cocodataset.org: the lists `images`, `categories` and `annotations`. An object's outline is
a list of polygons or an RLE, compressed or not. Each picture and each annotation that cannot be used is left out, and
a warning on stderr names it. Crowds (iscrowd) are no single objects: nothing is learnt from them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.training.dataset import Dataset, Outline, Picture, leave_out
from segmentation.wording import counted

NAMED = 10  # so many pictures that are missing are named; of the rest, how many they are


def load_coco(annotations: Union[str, Path], images: Union[str, Path], coco_names: Sequence[str]) -> Dataset:
    """The Dataset of a JSON file and a folder of pictures.

    coco_names: COCO's 90 names. Where each category has one of these names and its number, these 90 are the
    classes. Otherwise the classes are the file's own categories, ordered by id.

    Raises SegmentationError where the file or the folder is missing or of another kind, or where no picture has an
    object.
    """
    content = read_json(annotations)
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    own = any(not 1 <= number <= len(coco_names) or coco_names[number - 1] != name
              for number, name in names.items())
    labels = {number: index if own else number - 1 for index, number in enumerate(sorted(names))}
    pictures = find_pictures(content["images"], Path(images), labels)
    add_annotations(content["annotations"], pictures, labels)
    data = Dataset(list(pictures.values()), tuple(names[number] for number in sorted(names)) if own
                   else tuple(coco_names), labels, own)
    if not data.has_objects():
        raise SegmentationError(f"{annotations} has no object on any picture in {images}")
    return data


def read_json(path: Union[str, Path]) -> dict[str, list[dict]]:
    """The three lists of a file in COCO's instance format.

    Raises SegmentationError where the file cannot be read or is in another format.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        lists = {key: content[key] for key in ("images", "categories", "annotations")}
        if not all(isinstance(entry, dict) for entries in lists.values() for entry in entries):
            raise TypeError
        if not all(isinstance(entry["id"], int) and "name" in entry for entry in lists["categories"]):
            raise TypeError
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SegmentationError(f"{path} is not in COCO's instance format: it must be JSON with the lists "
                                "images, categories and annotations") from error
    return lists


def find_pictures(entries: Sequence[dict], folder: Path, labels: Mapping[int, int]) -> dict[Any, Picture]:
    """COCO's id -> Picture, of those entries of `images` whose file is in the folder.

    labels: category_id -> class from 0. Raises SegmentationError where there is no such folder, or none of the files
    is in it.
    """
    if not folder.is_dir():
        raise SegmentationError(f"there is no folder of pictures {folder}: name one with --images")
    pictures, missing = {}, []
    for entry in entries:
        try:
            picture, number = picture_of(entry, folder, labels), entry["id"]
        except (KeyError, TypeError, ValueError):
            leave_out(f"a picture without file_name, id, height and width: {str(entry)[:80]}")
            continue
        if picture.path.is_file():
            pictures[number] = picture
        else:
            missing.append(picture.path)
    if missing and not pictures:
        raise SegmentationError(f"none of the {counted(len(missing), 'annotated picture')} is in {folder}, first of "
                                f"them {missing[0].name}: name their folder with --images")
    for path in missing[:NAMED]:
        leave_out(f"{path} is missing")
    if len(missing) > NAMED:
        leave_out(f"{counted(len(missing) - NAMED, 'more picture is', 'more pictures are')} missing in {folder}")
    return pictures


def picture_of(entry: Mapping[str, Any], folder: Path, labels: Mapping[int, int]) -> Picture:
    """The Picture of an entry of `images`, without its objects. An entry may have `annotated`, a list of category ids:
    only these categories were looked for in the picture. Without it, all were.

    Raises KeyError, TypeError or ValueError where something is missing or of another type.
    """
    path, image_hw = folder / entry["file_name"], (int(entry["height"]), int(entry["width"]))
    if "annotated" not in entry:
        return Picture(path, image_hw)
    looked = frozenset(labels[category] for category in entry["annotated"] if category in labels)
    return Picture(path, image_hw, looked=looked)


def add_annotations(entries: Sequence[dict], pictures: Mapping[Any, Picture], labels: Mapping[int, int]) -> None:
    """Give each Picture its usable annotations; the others are named in warnings."""
    for entry in entries:
        picture, number = pictures.get(entry.get("image_id")), entry.get("id", "?")
        if picture is None:
            continue  # a warning has named it already
        if entry.get("category_id") not in labels:
            leave_out(f"annotation {number} of {picture.path}: no category has its category_id "
                      f"{entry.get('category_id')}")
            continue
        try:
            rle = outline_rle(entry.get("segmentation"), picture.image_hw)
            if not rle_masks.area(rle):
                raise ValueError("its outline is empty")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            leave_out(f"annotation {number} of {picture.path}: {error}")
            continue
        outlines = picture.crowds if entry.get("iscrowd") else picture.objects
        outlines.append(Outline(labels[entry["category_id"]], rle))


def outline_rle(segmentation: Any, image_hw: tuple[int, int]) -> dict:
    """The compressed RLE of an annotation's outline.

    segmentation: a list of polygons x, y, x, y, ... in pixels, or an RLE

    Raises ValueError where it is neither, or where it does not fit the picture.
    """
    height, width = image_hw
    if isinstance(segmentation, dict):
        return checked_rle(segmentation, height, width)
    polygons = [polygon for polygon in segmentation or () if len(polygon) >= 6 and len(polygon) % 2 == 0]
    if not polygons or not all(np.isfinite(np.array(polygon, float)).all() for polygon in polygons):
        raise ValueError("its outline must be polygons of at least three points, or RLE")
    return rle_masks.merge(rle_masks.frPyObjects(polygons, height, width))


def checked_rle(rle: Mapping[str, Any], height: int, width: int) -> dict:
    """An RLE, compressed or not, as a compressed one. Raises ValueError where it does not fit the picture."""
    if list(rle.get("size", ())) != [height, width]:
        raise ValueError(f"its RLE must have the picture's size {[height, width]}, got {rle.get('size')}")
    counts = rle["counts"]
    runs = counts if isinstance(counts, list) else run_lengths(counts)
    # pycocotools does not check this. For a sum that is too small it would read memory that was never written.
    if min(runs, default=-1) < 0 or sum(runs) != height * width:
        raise ValueError("its RLE does not add up to the picture")
    return rle_masks.frPyObjects({"size": [height, width], "counts": runs}, height, width)


def run_lengths(counts: str) -> list[int]:
    """The numbers in the text of a compressed RLE, as pycocotools writes it.

    A character is five bits plus 48, lowest bits first. The bit 32 says that more characters of the number follow;
    in its last character the bit 16 is the sign. From the fourth number on, each is the difference to the number
    two places before it.

    >>> run_lengths("52203")
    [5, 2, 2, 2, 5]
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs
