"""Labels of pictures for annotation programs, one file a picture and format: YOLO's and labelme's.

    labels = LabelFiles(options, names, made, wanted)
    labels.write(seen)

People correct these files. So a run replaces none that is there, unless it is told to.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Optional

from segmentation import SegmentationError
from segmentation.files import complete_file, read_text
from segmentation.instances import Instance
from segmentation.network.made import Made
from segmentation.polygons import join
from segmentation.results.outputs import ResultOptions
from segmentation.results.rows import FRAME, Seen

LABELME = "6.3.1"  # the version of labelme whose files these are like


class LabelFormat:
    """What the label file of a picture consists of.

    names: the name of each class
    """

    def __init__(self, names: Sequence[str]):
        self.names = names

    def text(self, seen: Seen, path: Path) -> str:
        """The label file of a picture. path: of this file"""
        raise NotImplementedError


class Yolo(LabelFormat):
    """YOLO's segmentation labels: a line `class x y x y ...` for each object, x and y in 0..1 of the picture.

    A line is one polygon. So the parts of an object are joined by ways of no width, and holes are cut out by such ones.

    wanted: the classes of the data set, in the order of their numbers in it
    """

    def __init__(self, names: Sequence[str], wanted: Sequence[int]):
        super().__init__(names)
        self.numbers = {class_id: number for number, class_id in enumerate(wanted)}

    def text(self, seen: Seen, path: Path) -> str:
        return "".join(self.line(one) for one in seen.found if one.polygons)

    def line(self, one: Instance) -> str:
        """The line of an object."""
        height, width = one.among.image_hw
        points = reduce(join, one.polygons) / (width, height)
        return " ".join([str(self.numbers[one.class_id]), *(f"{number:.6f}" for number in points.ravel())]) + "\n"

    def dataset(self, made: Made) -> str:
        """The data.yaml of the data set: the folder of its pictures, and the names of its classes by number."""
        names = "".join(f"  {number}: {json.dumps(self.names[class_id])}\n"
                        for class_id, number in self.numbers.items())
        return f"# Labels: {made.text}\ntrain: images\nval: images\nnames:\n{names}"


class Labelme(LabelFormat):
    """labelme's JSON, which X-AnyLabeling reads too: a polygon for each part of an object.

    The parts of one object have one group_id. `score` is a key that X-AnyLabeling shows and labelme keeps.

    frames: the folder of the pictures of frames; None: they are to lie beside the labels
    """

    def __init__(self, names: Sequence[str], frames: Optional[Path] = None):
        super().__init__(names)
        self.frames = frames

    def text(self, seen: Seen, path: Path) -> str:
        height, width = seen.found.image_hw
        shapes = [shape for number, one in enumerate(seen.found, 1) for shape in self.shapes(one, number)]
        picture = relative(seen.picture(self.frames or path.parent), path.parent)
        return json.dumps({"version": LABELME, "flags": {}, "shapes": shapes, "imagePath": picture, "imageData": None,
                           "imageHeight": height, "imageWidth": width}, indent=1) + "\n"

    def shapes(self, one: Instance, number: int) -> list[dict[str, Any]]:
        """The polygons of an object. number: of the object in its picture"""
        group = number if len(one.polygons) > 1 else None
        return [{"label": self.names[one.class_id], "points": polygon.tolist(), "group_id": group, "description": "",
                 "shape_type": "polygon", "flags": {}, "score": round(one.score, 6)} for polygon in one.polygons]


def relative(picture: Path, folder: Path) -> str:
    """The path of a picture from a folder, with slashes; the whole path where Windows has it on another drive."""
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:
        return picture.absolute().as_posix()


class LabelFiles:
    """The label files that a run writes: --yolo and --labelme.

    names: the name of each class
    made: what finds the objects
    wanted: the classes that are looked for, from 0, in the order of their numbers in YOLO's labels; None: all
    replace: replace the label files of pictures that are there
    overwrite: replace a data.yaml that has other classes

    Raises SegmentationError if a file cannot be written, or a data.yaml that is there has other classes.
    """

    def __init__(self, options: ResultOptions, names: Sequence[str], made: Made,
                 wanted: Optional[Sequence[int]] = None, replace: bool = False, overwrite: bool = False):
        self.options, self.replace = options, replace
        yolo = Yolo(names, range(len(names)) if wanted is None else wanted)
        self.formats: dict[str, LabelFormat] = {"--yolo": yolo, "--labelme": Labelme(names, options.frames)}
        if options.yolo_dataset:
            write_dataset(options.yolo_dataset, yolo.dataset(made), overwrite)

    def write(self, seen: Seen) -> None:
        """Write the labels of a picture."""
        for option, path in self.options.label_files(seen.stem).items():
            if self.replace or not path.exists():
                with complete_file(path) as temporary:
                    temporary.write_text(self.formats[option].text(seen, path), encoding="utf-8")


def write_dataset(path: Path, text: str, overwrite: bool) -> None:
    """Write a data.yaml. One with the same classes stays as it is, since people add the folders to train on.

    Raises SegmentationError if it has other classes. overwrite: it is replaced then
    """
    if path.exists() and classes(read_text(path)) == classes(text):
        return
    if path.exists() and not overwrite:
        raise SegmentationError(f"the classes in {path} are others than this run's: name them by --classes in their "
                                "order, name another --yolo, or replace it by --overwrite")
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def classes(text: str) -> list[tuple[str, str]]:
    """(number, name) of each class of a data.yaml.

    >>> classes('names:\\n  0: "dog"\\n  1: cat\\n')
    [('0', 'dog'), ('1', 'cat')]
    """
    return re.findall(r"""^ +(\d+): *["']?(.*?)["']? *$""", text.partition("\nnames:")[2] or text, re.M)


def check_new(options: ResultOptions, stems: Iterable[Path]) -> None:
    """Raise SegmentationError if there is a label file of one of the pictures. stems: as of label_files"""
    for stem in stems:
        for option, path in options.label_files(stem).items():
            if path.exists():
                raise SegmentationError(f"{path} exists already, and may have been corrected: name another {option}, "
                                        "leave it as it is by --skip-existing, or replace it by --overwrite")


def frames_with_labels(options: ResultOptions) -> dict[str, Optional[Path]]:
    """For each option that asks for label files, one of a frame that is there; None: there is none."""
    return {option: next(path.parent.glob(f"{FRAME}*{path.suffix}"), None)
            for option, path in options.label_files(Path(FRAME)).items()}


def check_no_frames(options: ResultOptions) -> None:
    """Raise SegmentationError if there is a label file of any frame."""
    for option, there in frames_with_labels(options).items():
        if there:
            raise SegmentationError(f"{there} exists already, and may have been corrected: name another {option}, or "
                                    "replace it by --overwrite")
