"""The files that a run writes beside its annotated pictures: rows, cut-outs, instance maps, a report, a timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Optional

import numpy as np

from segmentation.files import make_folder
from segmentation.pictures import write_picture
from segmentation.results.cutouts import cut_out, instance_map, object_mask, safe_name
from segmentation.results.report import Report
from segmentation.results.rows import (
    Csv,
    JsonDataset,
    JsonLines,
    JsonList,
    RowFile,
    RowFormat,
    Seen,
    SeenFrame,
    SeenPhoto,
    describe,
)
from segmentation.results.timeline import Timeline
from segmentation.terminal import warn
from segmentation.tracking.instance_ids import Color, class_colors
from segmentation.tracking.tracker import Tracker

HIDING = ("blur", "pixelate")  # the effects that hide objects
SUFFIXES = {"json": (".json", ".jsonl"), "csv": (".csv",), "report": (".html", ".htm"), "timeline": (".png",)}


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

    Raises ValueError for a file of another format, or if each_mask has no folder.
    """

    json: Optional[Path] = None
    csv: Optional[Path] = None
    cutouts: Optional[Path] = None
    masks: Optional[Path] = None
    each_mask: bool = False
    report: Optional[Path] = None
    timeline: Optional[Path] = None
    track: bool = False

    def __post_init__(self) -> None:
        for name, suffixes in SUFFIXES.items():
            path = getattr(self, name)
            if path and path.suffix.lower() not in suffixes:
                raise ValueError(f"--{name} must end in {' or '.join(suffixes)}, got {path}")
        if self.each_mask and not self.masks:
            raise ValueError("--each-mask needs --masks, the folder to write to")


def check_hiding(effect: str, shows: bool) -> None:
    """Raise ValueError if the effect hides the objects and the run shows them elsewhere.

    shows: whether --cutouts or --visualize is given
    """
    if effect in HIDING and shows:
        raise ValueError(f"--effect {effect} hides what --cutouts and --visualize show: leave one of them out")


class Results:
    """The files and folders that PhotoResults and VideoResults both write: rows, cut-outs and masks.

        with PhotoResults(options, net.labels, hides=False) as results:
            results.add(seen, annotated, colors)

    The rows get their final names when the block ends. If it ends with an error, or after keep_partial(), they stay
    under their partial names.

    labels: the name of each class
    json_format, csv_format: of the files of rows; .jsonl has its own
    resume_before: continue an earlier run's partial rows; its rows for frames before this one are kept

    Raises SegmentationError if a file or folder cannot be written.
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], json_format: RowFormat, csv_format: RowFormat,
                 resume_before: int = 0):
        self.options, self.labels, self.partial = options, labels, False
        for folder in (options.cutouts, options.masks):
            if folder:
                make_folder(folder)
        if options.json and options.json.suffix == ".jsonl":
            json_format = JsonLines()
        wanted = ((options.json, json_format), (options.csv, csv_format))
        self.rows = [RowFile(path, row_format, resume_before) for path, row_format in wanted if path]

    def write(self, seen: Seen, name: str) -> None:
        """Write what was found in a picture; the pictures of its objects are named after `name`."""
        rows = describe(seen, self.labels) if self.rows else []
        for file in self.rows:
            file.add(rows)
        if self.options.masks:
            write_picture(self.options.masks / f"{name}_instances.png", instance_map(seen.found))
        for i in range(len(seen.found)):
            self.write_object(seen, i, f"{name}_{i + 1:02}_{safe_name(self.labels[seen.found.class_ids[i]])}")

    def write_object(self, seen: Seen, i: int, name: str) -> None:
        """Write the pictures of object i."""
        if self.options.cutouts:
            write_picture(self.options.cutouts / f"{name}.png", cut_out(seen.image, seen.found, i))
        if self.options.masks and self.options.each_mask:
            write_picture(self.options.masks / f"{name}_mask.png", object_mask(seen.found, i))

    def keep_partial(self) -> None:
        """Leave the rows under their partial names when the block ends: the run was stopped."""
        self.partial = True

    def __exit__(self, kind: Optional[type[BaseException]], error: Any, trace: Any) -> None:
        for file in self.rows:
            if kind is None and not self.partial:
                file.finish()
            else:
                file.stop()
                warn(f"[INFO] the rows so far are kept in {file.partial}")


class PhotoResults(Results):
    """Results of photos: those of Results, with a JSON file that is COCO's data set, and --report.

    hides: whether the effect hides the objects, so that the report must show the annotated photos
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], hides: bool):
        self.dataset, self.hides = JsonDataset(labels), hides
        self.names: set[str] = set()
        super().__init__(options, labels, self.dataset, Csv(video=False))
        self.report = Report(options.report, "Segmented photos") if options.report else None

    def add(self, seen: SeenPhoto, annotated: np.ndarray, colors: Sequence[Color]) -> None:
        """Write what was found in a photo.

        annotated: the photo drawn on, BGR uint8 (H, W, 3)
        colors: a (B, G, R) for each object
        """
        if self.options.json:
            self.dataset.add_image(seen)
        self.write(seen, self.name(seen))
        if self.report:
            # The page draws the masks itself, but it must not contain what the effect hides.
            image = annotated if self.hides else seen.image
            self.report.add(seen.file, image, seen.found, self.labels, colors)

    def name(self, seen: SeenPhoto) -> str:
        """The name that a photo's files begin with: its own, with a number if another photo had it."""
        stem = "stdin" if seen.file == "-" else Path(seen.file).stem
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        name = next(name for name in names if name.lower() not in self.names)  # some systems ignore case
        self.names.add(name.lower())
        return name

    def add_failure(self, photo: object, error: object) -> None:
        """Note a photo that failed, by its path, and the error."""
        if self.report:
            self.report.add_failure(str(photo), str(error))

    def __enter__(self) -> "PhotoResults":
        if self.report:
            self.report.__enter__()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)
        if self.report:
            self.report.__exit__(kind, error, trace)


class VideoResults(Results):
    """Results of the frames of a video on which the network has run: those of Results, --track and --timeline.

    network_rate: how many frames a second the network runs on: the frame rate divided by --every
    state: from the Annotator's `state()`, of the run to resume; None: a new run
    done: how many frames of the video that run has written
    tracker: numbers the objects; None without --track
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], network_rate: float,
                 state: Optional[dict[str, Any]] = None, done: int = 0):
        # First those that may lack a package, so that no file is begun in vain.
        state = state or {}
        self.tracker = Tracker(network_rate, state.get("ids")) if options.track else None
        self.timeline = Timeline(state.get("timeline")) if options.timeline else None
        super().__init__(options, labels, JsonList(), Csv(video=True, tracked=options.track), done)

    def add(self, seen: SeenFrame) -> None:
        """Write what was found in a frame."""
        self.write(seen, f"frame_{seen.image_id:06}")
        if self.timeline:
            self.timeline.add(seen.time, [self.labels[class_id] for class_id in seen.found.class_ids])

    def state(self) -> dict[str, Any]:
        """What a resumed run needs of them beside their partial files and the tracker's state, as plain values."""
        return {"timeline": self.timeline.state()} if self.timeline else {}

    def __enter__(self) -> "VideoResults":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)
        if self.timeline and self.options.timeline and kind is None:
            self.timeline.write(self.options.timeline, dict(zip(self.labels, class_colors(len(self.labels)))))
