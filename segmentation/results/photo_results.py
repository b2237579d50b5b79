"""What a run writes of photos beside the annotated ones: rows and the report, cut-outs and masks.

    with PhotoFiles(options, photos, keep=True) as files:
        left_out = [photo for photo in photos if files.hold(photo)]
        results = PhotoResults(options, net.labels, net.made, files, hides=False)
        results.add(seen, annotated, colors)
        files.finish()
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any, Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.drawing.palettes import Color
from segmentation.files import only_writer
from segmentation.network.made import Made
from segmentation.results.coco_ids import CocoIds
from segmentation.results.label_studio import TaskList
from segmentation.results.labels import LabelFiles
from segmentation.results.outputs import ObjectPictures, ResultOptions
from segmentation.results.photo_files import PhotoFile, PhotoFormat, check_new, key_of
from segmentation.results.photo_formats import PhotoDataset, PhotoLines, PhotoTable
from segmentation.results.report import PageFormat, Report
from segmentation.results.row_files import partial_path
from segmentation.results.rows import SeenPhoto, describe
from segmentation.terminal import warn

TITLE = "Segmented photos"  # of the report


class PhotoFiles:
    """The rows, tasks and report of a run on photos: open in a `with` block, in which no other run may write them.

    They appear when `finish` is called in the block. Without that, what there is stays in partial files; but if Ctrl-C
    ends the block, the report appears, with a note in it.

    photos: the paths of all photos that the run was given, in their order
    keep: add to what earlier runs have written; overwrite: replace it

    image_ids: by photo, its place in `photos`, from 1. A photo that an earlier run has written keeps its number, and
        where a number is taken, the next that is free stands for it.

    Raises SegmentationError if a file is there that is neither to be kept nor to be replaced, cannot be added to,
    cannot be written, or is being written by another run.
    """

    def __init__(self, options: ResultOptions, photos: Sequence[str] = (), keep: bool = False, overwrite: bool = False):
        self.options, self.photos, self.keep, self.overwrite = options, photos, keep, overwrite
        self.rows: PhotoLines = (PhotoDataset if is_dataset(options) else PhotoLines)(
            options.polygons, CocoIds.read(options.coco_ids) if options.coco_ids else None)
        self.table, self.tasks = PhotoTable(), TaskList()
        self.json: Optional[PhotoFile] = None
        self.csv: Optional[PhotoFile] = None
        self.label_studio: Optional[PhotoFile] = None
        self.report: Optional[Report] = None
        self.stack = ExitStack()
        self.image_ids: dict[str, int] = {}

    @property
    def files(self) -> list[PhotoFile]:
        """Those that the options ask for."""
        return [file for file in (self.json, self.csv, self.label_studio, self.report) if file]

    @property
    def begun(self) -> bool:
        """Whether there is anything that `finish` would write."""
        return any(file.begun or not file.path.exists() for file in self.files)

    def __enter__(self) -> "PhotoFiles":
        with ExitStack() as stack:
            self.lock(stack)
            stack.push(self.stop)  # should one not open, the others are ended
            options = self.options
            if options.json:
                self.json = PhotoFile(options.json, self.rows, self.keep, self.photos)
            if options.csv:
                self.csv = PhotoFile(options.csv, self.table, self.keep, self.photos)
            if options.label_studio:
                self.label_studio = PhotoFile(options.label_studio, self.tasks, self.keep, self.photos)
            if options.report:
                self.report = Report(options.report, TITLE, self.keep, self.photos)
            before = {key: record.about for key, record in self.json.records.items()} if self.json else {}
            given = self.given_ids(before)
            self.stack = stack.pop_all()
        self.image_ids = image_ids(self.photos, {**before, **given}, self.rows.ids.free if self.rows.ids else 1)
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Any) -> None:
        self.stack.__exit__(kind, error, trace)

    def given_ids(self, before: dict[str, int]) -> dict[str, int]:
        """The ids that --coco-ids gives, by the photos' keys. before: as of image_ids

        Raises SegmentationError if earlier runs have given other ids.
        """
        ids = self.rows.ids
        found = {key_of(photo): ids.image_id(photo) for photo in self.photos} if ids else {}
        given = {key: number for key, number in found.items() if number is not None}
        for key, number in given.items():
            if before.get(key, number) != number:
                raise SegmentationError(f"cannot add to {self.options.json}: its id of {key} is not that of "
                                        f"{self.options.coco_ids}; name another file, or replace it by --overwrite")
        return given

    def lock(self, stack: ExitStack) -> None:
        """Keep other runs from the files until the stack ends, and check that none is lost."""
        options = self.options
        formats: list[tuple[Any, PhotoFormat]] = [(options.json, self.rows), (options.csv, self.table),
                                                  (options.label_studio, self.tasks),
                                                  (options.report, PageFormat(TITLE))]
        for path, photo_format in formats:
            if path:
                for own in (path, partial_path(path)):  # o.json and o.jsonl share a partial file
                    stack.enter_context(only_writer(own))
                if not self.keep and not self.overwrite:
                    check_new(path, photo_format)

    def hold(self, photo: str) -> bool:
        """Whether all files hold a photo, by its path."""
        return all(file.holds(photo) for file in self.files)

    def fail(self, photo: str, reason: str) -> None:
        """Take back what was added of a photo that has failed after that, and note in the report why."""
        with suppress(SegmentationError):  # the reason is told anyway; it may be that the disk is full
            for file in self.files:
                file.undo(photo)
            if self.report:
                self.report.add_failure(photo, reason)

    def finish(self) -> None:
        """Complete the files. One that cannot be written keeps no other from that; SegmentationError after them."""
        errors = []
        for file in self.files:
            try:
                file.finish()
            except SegmentationError as error:
                errors.append(str(error))
        if errors:
            raise SegmentationError("; ".join(errors))

    def stop(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Any) -> None:
        """End the files that are not complete."""
        for file in self.files:
            try:
                file.stop(error)
            except SegmentationError as failed:
                warn(f"[ERROR] {failed}")


class PhotoResults:
    """Writes what was found in photos: rows, cut-outs, masks, and the report.

    labels: the name of each class
    made: what finds the objects
    hides: whether the effect hides the objects, so that the report must show the annotated photos
    wanted: the classes that are looked for, as of LabelFiles

    Raises SegmentationError if a file cannot be written, or if one of `files` holds what another model has found.
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], made: Made, files: PhotoFiles, hides: bool,
                 wanted: Optional[Sequence[int]] = None):
        self.labels, self.made, self.files, self.hides = labels, made, files, hides
        self.polygons = options.polygons
        for file in files.files:
            file.format.use(labels, made, file.path)
        if files.rows.ids:
            classes = labels if wanted is None else [labels[class_id] for class_id in wanted]
            files.rows.ids.say_missing(files.photos, classes)
        self.pictures = ObjectPictures(options, labels, made)
        self.label_files = LabelFiles(options, labels, made, wanted, files.overwrite, files.overwrite)

    def add(self, seen: SeenPhoto, annotated: np.ndarray, colors: Sequence[Color]) -> None:
        """Write what was found in a photo.

        annotated: the photo drawn on, BGR uint8 (H, W, 3)
        colors: a (B, G, R) for each object
        """
        files = self.files
        rows = []
        if files.json or files.csv:
            ids = files.rows.category_ids if files.json else None
            rows = describe(seen, self.labels, self.made.model, self.polygons, ids)
        if files.json:
            files.json.append(seen.file, files.rows.text(seen, rows), seen.image_id)
        if files.csv:
            files.csv.append(seen.file, files.table.text(rows))
        if files.label_studio:
            files.label_studio.append(seen.file, files.tasks.text(seen, self.labels))
        self.pictures.write(seen, str(seen.name))
        self.label_files.write(seen)
        if files.report:
            # The page draws the masks itself, but it must not contain what the effect hides.
            image = annotated if self.hides else seen.image
            files.report.add(seen.file, image, seen.found, self.labels, colors)


def is_dataset(options: ResultOptions) -> bool:
    """Whether --json asks for COCO's data set, not for JSON Lines."""
    return options.json is not None and options.json.suffix.lower() == ".json"


def image_ids(photos: Sequence[str], before: dict[str, int], first: int = 1) -> dict[str, int]:
    """The image_id of each photo.

    before: of photos that earlier runs have written, or whose ids are given, by their keys
    first: the id of the first photo where it is not given

    >>> image_ids(["a.jpg", "b.jpg", "c.jpg"], {"a.jpg": 1, "c.jpg": 2})
    {'a.jpg': 1, 'b.jpg': 3, 'c.jpg': 2}
    """
    taken, ids = set(before.values()), {}
    for number, photo in enumerate(photos, first):
        if key_of(photo) in before:
            ids[photo] = before[key_of(photo)]
            continue
        while number in taken:
            number += 1
        ids[photo] = number
        taken.add(number)
    return ids
