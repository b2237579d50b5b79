"""The command line for photos: each one's objects are found, drawn and saved, then shown where there is a display.

    main(["--image", "images/example_01.jpg"])

A photo's way: search_photos -> read_photos, in a second thread -> PhotoRun.segment -> save.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Optional, Union

import numpy as np

from segmentation import SegmentationError
from segmentation.cli.choosing import benchmark
from segmentation.cli.options import (
    DrawingOptions,
    Parser,
    add_drawing_options,
    add_network_options,
    add_quiet,
    check_model,
    load_network,
    number_in,
    parse,
    path,
    path_text,
)
from segmentation.cli.progress import Progress
from segmentation.cli.result_options import add_result_options
from segmentation.cli.run_paths import check_photo_paths, say_left_out
from segmentation.drawing.draw import drawn, segmentation_steps, steps_panel
from segmentation.drawing.palettes import Color, colors_for
from segmentation.drawing.windows import display_answers, show
from segmentation.files import check_folders, writing
from segmentation.instances import Instances
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import NetworkOptions
from segmentation.network.selection import wanted_classes
from segmentation.pictures import STDIN, encode_picture, marked, read_photos, write_picture
from segmentation.results.labels import check_new
from segmentation.results.outputs import HIDING, ResultOptions, check_hiding
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenPhoto, stem_of
from segmentation.search import STEPS, VIDEO_SUFFIXES, find_photos, name_outputs, search_photos
from segmentation.terminal import info, interruptible, quiet, run, warn
from segmentation.threads import ReadAhead
from segmentation.wording import counted

# Writes a picture: (the path of the result, BGR uint8, a text that says what made it).
Save = Callable[[Path, np.ndarray, str], None]


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line for photos."""
    parser = Parser(description="Segment the objects in photos with Mask R-CNN.")
    group = parser.add_argument_group("photos")
    group.add_argument("-i", "--image", nargs="+", default=[], type=path_text, metavar="PATH",
                       help="photos, folders of photos, patterns such as 'trip/*.jpg', or - for standard input")
    group.add_argument("-o", "--output", type=path, default=Path("output"), metavar="DIR",
                       help="folder for the annotated photos; of one photo also a file such as cat.png, or - for "
                            "standard output (default: %(default)s)")
    group.add_argument("--no-picture", action="store_true",
                       help="write no annotated photos, only what else is asked for, such as --json")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--skip-existing", action="store_true",
                       help="leave out photos whose results are there already, and add the others to rows and report")
    group.add_argument("--overwrite", action="store_true", help="replace rows, a report and labels that are there")
    group.add_argument("-v", "--visualize", nargs="?", type=int, choices=(0, 1), const=1, default=0,
                       help="show and save each object's region, mask and cut-out too")
    group.add_argument("--no-show", action="store_true", help="open no windows, only save")
    group.add_argument("--benchmark", action="store_true",
                       help="only show how fast each installed engine is on this machine, as --engine auto measures it")
    add_quiet(group)
    add_network_options(parser)
    add_drawing_options(parser, palette="colors").add_argument(
        "--seed", type=number_in(0, 2**32 - 1, int), default=0, metavar="N",
        help="with --palette colors, the number of the colour that the first object gets (default: %(default)s)")
    group = add_result_options(parser, "photos")
    group.add_argument("--coco-ids", type=path, metavar="FILE",
                       help="your own COCO file: --json takes from it the ids of images, by their file names, and of "
                            "categories, by their names")
    group.add_argument("--label-studio", type=path, metavar="FILE",
                       help="tasks for Label Studio, .json, with the objects as predictions")
    group.add_argument("--report", type=path, metavar="FILE",
                       help="one HTML page that shows all photos and their objects")
    return parser


@dataclass(frozen=True, eq=False)
class PhotoOptions:
    """What the command line asks for; fields are named as the options.

    output: a folder, or STDIN for standard output

    Raises ValueError if two options contradict each other.
    """

    image: tuple[str, ...]
    output: Path
    no_picture: bool
    recursive: bool
    skip_existing: bool
    overwrite: bool
    visualize: int
    no_show: bool
    benchmark: bool
    quiet: bool
    mask_rcnn: str
    model: str
    weights: Optional[str]
    no_demo: bool
    seed: int
    network: NetworkOptions
    drawing: DrawingOptions
    results: ResultOptions

    def __post_init__(self) -> None:
        check_model(self)
        if not self.image and not self.benchmark:
            raise ValueError("the following arguments are required: -i/--image")
        for name in self.image:
            if "://" in name:
                raise ValueError(f"--image takes files, got the address {name}: download the photo first")
        if self.no_picture and not (self.results.need_images or self.results.report or self.results.label_studio):
            raise ValueError("--no-picture leaves nothing to write: ask for --json, --csv, --masks or the like")
        if self.no_picture and (self.to_stdout or self.visualize):
            raise ValueError("--no-picture goes with neither --output - nor --visualize")
        if self.no_picture and self.skip_existing and not self.results.remember_photos:
            raise ValueError("--no-picture with --skip-existing needs rows, labels or a report")
        check_hiding(self.drawing.effect, shows=bool(self.results.show_objects or self.visualize))
        if str(STDIN) in self.image and len(self.image) > 1:
            raise ValueError("--image - is one photo on standard input: name no others beside it")
        if str(STDIN) in self.image and (
                self.results.yolo or self.results.labelme or self.results.label_studio):
            raise ValueError("--yolo, --labelme and --label-studio need the name of a photo: standard input has none")
        if self.to_stdout and self.image != (str(STDIN),) and len(find_photos(self.image, self.recursive)) != 1:
            raise ValueError("--output - is one picture on standard output: name one --image")
        if self.to_stdout and (self.visualize or self.skip_existing):
            raise ValueError("--output - goes with neither --visualize nor --skip-existing")
        if self.drawing.transparent and self.output.suffix.lower() in (".jpg", ".jpeg"):
            raise ValueError(f"--output {self.output}: a JPEG has no transparency, name a file that ends in .png")
        if self.skip_existing and self.overwrite:
            raise ValueError("--skip-existing keeps what --overwrite replaces: leave one of them out")

    @property
    def to_stdout(self) -> bool:
        """Whether the result goes to standard output."""
        return self.output == STDIN


def segment_photos(options: PhotoOptions, save: Save) -> int:
    """Segment every photo that was asked for; the exit code."""
    names, results_found = search_photos(options.image, options.recursive)
    say_left_out(results_found)
    outputs = name_outputs(names, options.output, options.drawing.transparent)
    if not (options.to_stdout or options.no_picture):
        check_folders(output.parent for output in outputs.values())
    check_photo_paths(options, names, outputs, results_found)
    photos, stems = [str(photo) for photo in names], {photo: stem_of(photo, name) for photo, name in names.items()}
    if not options.skip_existing and not options.overwrite:
        check_new(options.results, stems.values())
    with interruptible() as check_interrupt, \
            PhotoFiles(options.results, photos, options.skip_existing, options.overwrite) as files:
        if options.skip_existing:
            outputs = left_to_do(outputs, stems, files, options.no_picture)
        if not outputs and not files.begun:
            return 0
        tally = Tally(len(outputs))
        photo_run = PhotoRun(options, names, load_network(options, photos), files, save)
        take_all(photo_run, outputs, tally, check_interrupt)
        files.finish()
    return tally.exit_code


def left_to_do(outputs: Mapping[Path, Path], stems: Mapping[Path, Path], files: PhotoFiles,
               no_picture: bool) -> dict[Path, Path]:
    """Those of `outputs` that are not there yet, or that the rows, the report or the label files lack.

    stems: photo -> what its labels are named after
    no_picture: no annotated photos are written, so rows and labels decide
    """
    there = {photo for photo, output in outputs.items() if (no_picture or output.exists()) and files.hold(str(photo))
             and all(path.exists() for path in files.options.label_files(stems[photo]).values())}
    info(counted(len(there), "photo left out, whose result exists", "photos left out, whose results exist"))
    return {photo: output for photo, output in outputs.items() if photo not in there}


def take_all(photo_run: "PhotoRun", outputs: Mapping[Path, Path], tally: "Tally",
             check_interrupt: Callable[[], None]) -> None:
    """Have each photo segmented, until the user ends the run. outputs: photo -> the path of its result"""
    began, photos = time.perf_counter(), ReadAhead(read_photos(outputs), depth=1)
    try:
        with Progress(len(outputs), unit="photo") as progress:
            for photo, image in photos:
                if not tally.take(photo_run, photo, image, outputs[photo]):
                    break
                progress.step()
                check_interrupt()
    finally:
        photos.close()
    if len(outputs) > 1:
        tally.report(time.perf_counter() - began)


class Tally:
    """Counts the photos of a run that were taken and those that failed.

    total: how many photos there are
    """

    def __init__(self, total: int):
        self.total, self.count, self.failed = total, 0, 0

    def take(self, photo_run: "PhotoRun", photo: Path, image: Union[np.ndarray, SegmentationError],
             output: Path) -> bool:
        """Have a photo segmented. A failure is printed as one line. False if the user ends the run.

        photo: its path; image: BGR uint8 (H, W, 3), or the error that reading it raised; output: the path of its result
        """
        self.count += 1
        try:
            if isinstance(image, SegmentationError):
                raise image
            if not photo_run.segment(photo, image, output):
                info(f"ended by key, {counted(self.total - self.count, 'photo')} left")
                return False
        except SegmentationError as error:
            video = photo.suffix.lower() in VIDEO_SUFFIXES and photo.is_file()
            warn(f"[ERROR] {error}{'; mask_rcnn_video.py segments videos' if video else ''}")
            photo_run.note_failure(photo, error)
            self.failed += 1
        return True

    def report(self, seconds: float) -> None:
        """Print the counts, and the seconds a photo. seconds: of the whole run"""
        info(f"{counted(self.count - self.failed, 'photo')} done, {self.failed} failed, "
             f"{seconds / max(self.count, 1):.2f} seconds a photo")

    @property
    def exit_code(self) -> int:
        """1 if a photo failed, else 0."""
        return 1 if self.failed else 0


class PhotoRun:
    """Segments each photo of a run.

    names: photo -> the name of its results
    files: the rows and the report
    """

    def __init__(self, options: PhotoOptions, names: Mapping[Path, Path], net: MaskRCNN, files: PhotoFiles, save: Save):
        self.options, self.names, self.net, self.files, self.save = options, names, net, files, save
        self.results = PhotoResults(options.results, net.labels, net.made, files, options.drawing.effect in HIDING,
                                    wanted_classes(net.labels, options.network))
        self.windows = not options.no_show and not options.to_stdout and display_answers()

    def segment(self, photo: Path, image: np.ndarray, output: Path) -> bool:
        """Segment one photo, and save and show the results. False if the user ends the run.

        photo: its path; image: BGR uint8 (H, W, 3); output: the path of its result
        """
        found = self.find(photo, image)
        annotated, colors = self.draw(image, found)
        number = self.files.image_ids[str(photo)]
        self.results.add(SeenPhoto(image, found, number, str(photo), self.names[photo]), annotated, colors)
        if self.options.visualize and len(found):
            self.save(output.with_name(f"{output.stem}{STEPS}"), steps_panel(image, found, self.net.labels),
                      self.net.made.text)
        if not self.options.no_picture:
            self.save(output, annotated, self.net.made.text)  # the last: where it is there, so is the rest
        return not self.windows or show_result(image, found, annotated, self.options.visualize)

    def note_failure(self, photo: Path, error: SegmentationError) -> None:
        """Add a photo that failed to the results."""
        self.files.fail(str(photo), str(error))

    def find(self, photo: Path, image: np.ndarray) -> Instances:
        """The Instances in a photo. They are printed, with the seconds of the network."""
        info(f"{photo}: {image.shape[1]}x{image.shape[0]} pixels")
        start = time.perf_counter()
        boxes, masks = self.net.forward(image)
        info(f"Mask R-CNN took {time.perf_counter() - start:.6f} seconds")
        info(f"boxes shape: {boxes.shape}")
        info(f"masks shape: {masks.shape}")
        found = self.net.decode(boxes, masks, (image.shape[0], image.shape[1]))
        for i, (box, score, class_id) in enumerate(zip(found.boxes.tolist(), found.scores, found.class_ids)):
            info(f"{self.net.labels[class_id]}: {score:.4f}, box {tuple(box)}, mask {counted(found.area(i), 'pixel')}")
        return found

    def draw(self, image: np.ndarray, found: Instances) -> tuple[np.ndarray, list[Color]]:
        """(the photo with its objects drawn, as of draw.drawn; the colour of each object)."""
        drawing = self.options.drawing
        colors = colors_for(drawing.palette, found, self.net.colors, self.options.seed)
        return drawn(image, found, self.net.labels, colors, drawing.style), colors


def save_file(path: Path, picture: np.ndarray, made: str) -> None:
    """A Save that writes to the path."""
    write_picture(path, picture, made)
    info(f"saved {path}")


def save_to(stream: BinaryIO, path: Path, picture: np.ndarray, made: str) -> None:
    """A Save, once `stream` is given, that writes to this stream, in the format of the path's suffix."""
    with writing("standard output"):
        stream.write(marked(encode_picture(picture, path.suffix, "standard output"), made))
        stream.flush()


def show_result(image: np.ndarray, found: Instances, annotated: np.ndarray, visualize: int) -> bool:
    """Show the result; with `visualize`, before it the steps of each object. False if the user ends the run."""
    for i in range(len(found) if visualize else 0):
        if not show(dict(zip(("ROI", "Mask", "Segmented"), segmentation_steps(image, found, i)))):
            return False
    return show({"Output": annotated[:, :, :3]})


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line; the exit code. argv: without the name of the program; None: those of this process"""
    options = parse(make_parser(), argv, PhotoOptions)
    if options.benchmark:
        return run(benchmark, options)
    with quiet(options.quiet):
        if not options.to_stdout:
            return run(partial(segment_photos, save=save_file), options)
        save = partial(save_to, sys.stdout.buffer)
        with redirect_stdout(sys.stderr):  # on standard output there must be nothing but the picture
            return run(partial(segment_photos, save=save), options)
