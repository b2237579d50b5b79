"""Photos that can serve as backgrounds of scenes."""

import json
from pathlib import Path
from typing import Optional, Union

import cv2

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.training.scenes.shapes import CLASSES


def usable_photos(folder: Union[str, Path],
                  annotations: Optional[Union[str, Path]] = None) -> tuple[list[Path], list[str]]:
    """The paths of the photos in a folder that can be used, and a warning for each photo that cannot be read.

    annotations: a file in COCO's instance format. Where given, a photo must be listed there, without an object of a
        class that is drawn here: an unmarked cup in a background would teach the network that cups are background

    Raises SegmentationError where the folder or the annotations cannot be read.
    """
    if not Path(folder).is_dir():
        raise SegmentationError(f"{folder} is not a folder of photos: name one with --backgrounds")
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if annotations:
        harmless = photos_without_classes(annotations)
        paths = [path for path in paths if path.name in harmless]
    readable = [path for path in paths if cv2.imread(str(path)) is not None]
    return readable, [f"{path} cannot be read and is left out" for path in paths if path not in readable]


def photos_without_classes(annotations: Union[str, Path]) -> set[str]:
    """The file names of the photos in which an instance file marks no object of a class that is drawn here."""
    try:
        data = json.loads(Path(annotations).read_text(encoding="utf-8"))
        drawn = {category["id"] for category in data["categories"] if category["name"] in CLASSES}
        shown = {entry["image_id"] for entry in data["annotations"] if entry["category_id"] in drawn}
        return {Path(entry["file_name"]).name for entry in data["images"] if entry["id"] not in shown}
    except OSError as error:
        raise SegmentationError(f"cannot read {annotations}: {reason(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SegmentationError(f"{annotations} is not a file in COCO's instance format: it must be JSON with "
                                "the lists images, categories and annotations") from error
