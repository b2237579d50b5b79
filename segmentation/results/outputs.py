"""Which files a run writes beside its annotated pictures, and the pictures among them: cut-outs, crops and masks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from segmentation.drawing.cutting import cut_out
from segmentation.files import make_folder
from segmentation.network.made import Made
from segmentation.pictures import write_picture
from segmentation.results.cutouts import instance_map, object_mask, safe_name
from segmentation.results.rows import Seen
from segmentation.search import INSTANCES, PICTURE_BYTES, shorten
from segmentation.tracking.boundaries import CountOptions

HIDING = ("blur", "pixelate")  # the effects that hide objects
SUFFIXES = {"json": (".json", ".jsonl"), "label_studio": (".json",), "csv": (".csv",), "report": (".html", ".htm"),
            "timeline": (".png",)}


@dataclass(frozen=True)
class ResultOptions:
    """Which files a run writes beside its pictures; fields are named as the options.

    json, csv: files of rows; .jsonl is one JSON object a line
    cutouts: a folder, for a cut-out of each object
    masks: a folder, for the instance map of each picture
    each_mask: a mask of each object too, in `masks`
    report: an HTML page, of photos
    timeline: a plot, of a video
    track: whether the objects of a video are numbered
    polygons: the masks in `json` are polygons, not run lengths
    coco_ids: a COCO file whose ids of images and categories `json` has, of photos
    crops: a folder, for the box of each object
    frames: a folder, for the frames of a video that the network sees
    yolo, labelme: folders, for the labels of each picture in these formats
    label_studio: a file of tasks for Label Studio, of photos
    counting: the lines and zones of a video where objects are counted

    Raises ValueError for a file of another format, or if each_mask, polygons, coco_ids or counting goes with nothing.
    """

    json: Optional[Path] = None
    csv: Optional[Path] = None
    cutouts: Optional[Path] = None
    masks: Optional[Path] = None
    each_mask: bool = False
    report: Optional[Path] = None
    timeline: Optional[Path] = None
    track: bool = False
    polygons: bool = False
    coco_ids: Optional[Path] = None
    crops: Optional[Path] = None
    frames: Optional[Path] = None
    yolo: Optional[Path] = None
    labelme: Optional[Path] = None
    label_studio: Optional[Path] = None
    counting: CountOptions = field(default_factory=CountOptions)

    def __post_init__(self) -> None:
        for name, suffixes in SUFFIXES.items():
            path = getattr(self, name)
            if path and path.suffix.lower() not in suffixes:
                raise ValueError(f"--{name.replace('_', '-')} must end in {' or '.join(suffixes)}, got {path}")
        if self.each_mask and not self.masks:
            raise ValueError("--each-mask needs --masks, the folder to write to")
        if (self.polygons or self.coco_ids) and not self.json:
            raise ValueError(f"--{'polygons' if self.polygons else 'coco-ids'} needs --json, the file that has them")
        if self.counting and not self.track:
            raise ValueError("--count-line and --count-zone need --track, the numbers of the objects")

    def label_files(self, stem: Path) -> dict[str, Path]:
        """The label files of a picture, by option. stem: what they are named after, see Seen.stem

        >>> ResultOptions(yolo=Path("set")).label_files(Path("a/x"))["--yolo"].as_posix()
        'set/labels/a/x.txt'
        """
        files = {"--yolo": self.yolo and self.yolo / "labels" / f"{stem}.txt",
                 "--labelme": self.labelme and self.labelme / f"{stem}.json"}
        return {option: path for option, path in files.items() if path}

    @property
    def yolo_dataset(self) -> Optional[Path]:
        """The file that describes the data set of --yolo."""
        return self.yolo / "data.yaml" if self.yolo else None

    @property
    def need_images(self) -> bool:
        """Whether a run writes results, beside the report, for which it must see its images or their objects."""
        return any((self.json, self.csv, self.timeline, self.yolo, self.labelme, self.frames, *self.object_folders))

    @property
    def remember_photos(self) -> bool:
        """Whether a run writes a file that tells which photos are done."""
        return any((self.json, self.csv, self.report, self.label_studio, self.yolo, self.labelme))

    @property
    def object_folders(self) -> list[Path]:
        """The folders of the pictures of objects that are asked for."""
        return [folder for folder in (self.cutouts, self.crops, self.masks) if folder]

    @property
    def show_objects(self) -> bool:
        """Whether pictures are asked for that show the objects as they are."""
        return bool(self.cutouts or self.crops or self.frames)


def check_hiding(effect: str, shows: bool) -> None:
    """Raise ValueError if the effect hides the objects and the run shows them elsewhere.

    shows: whether --cutouts, --crops, --frames or --visualize is given
    """
    if effect in HIDING and shows:
        raise ValueError(f"--effect {effect} hides what --cutouts, --crops, --frames and --visualize show: leave one "
                         "of them out")


class ObjectPictures:
    """The pictures that a run writes beside the annotated ones: --cutouts, --crops, --masks and --frames.

    labels: the name of each class
    made: what finds the objects

    Raises SegmentationError if a folder or a picture cannot be written.
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], made: Made):
        self.options, self.labels, self.made = options, labels, made.text
        for folder in (*options.object_folders, *([options.frames] if options.frames else [])):
            make_folder(folder)

    def write(self, seen: Seen, name: str) -> None:
        """Write the pictures of what was found in an image; they are named after `name`, a relative path."""
        if self.options.frames:
            write_picture(seen.picture(self.options.frames), seen.image, self.made)
        if self.options.masks:
            write_picture(self.options.masks / f"{name}{INSTANCES}", instance_map(seen.found), self.made)
        room = PICTURE_BYTES - len(os.fsencode(f"{os.path.basename(name)}_1000__mask.png"))
        for i, class_id in enumerate(seen.found.class_ids):
            self.write_object(seen, i, f"{name}_{i + 1:02}_{shorten(safe_name(self.labels[class_id]), room)}")

    def write_object(self, seen: Seen, i: int, name: str) -> None:
        """Write the pictures of object i."""
        if self.options.cutouts:
            write_picture(self.options.cutouts / f"{name}.png", cut_out(seen.image, seen.found, i), self.made)
        if self.options.crops:
            write_picture(self.options.crops / f"{name}.jpg", seen.image[seen.found.crop(i)], self.made)
        if self.options.masks and self.options.each_mask:
            write_picture(self.options.masks / f"{name}_mask.png", object_mask(seen.found, i), self.made)
