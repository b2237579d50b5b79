"""The command line for photos: each one's objects are found, drawn and saved, then shown where there is a display.

    main(["--image", "images/example_01.jpg"])

A photo's way: search_photos -> read_photos, in a second thread -> PhotoRun.segment -> save.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Optional, Union

import numpy as np

from segmentation import SegmentationError
from segmentation.cli.choosing import benchmark
from segmentation.cli.options import load_network
from segmentation.cli.parser import parse
from segmentation.cli.photo_options import PhotoOptions, make_parser
from segmentation.cli.progress import Progress
from segmentation.cli.run_paths import check_photo_paths, say_left_out
from segmentation.drawing.draw import drawn, segmentation_steps, steps_panel
from segmentation.drawing.palettes import Color, colors_for
from segmentation.drawing.windows import display_answers, show
from segmentation.files import check_folders, writing
from segmentation.instances import Instances
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.selection import wanted_classes
from segmentation.pictures import encode_picture, marked, read_photos, write_picture
from segmentation.results.labels import check_new
from segmentation.results.outputs import HIDING
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenPhoto, stem_of
from segmentation.search import STEPS, VIDEO_SUFFIXES, name_outputs, search_photos
from segmentation.terminal import info, interruptible, quiet, run, warn
from segmentation.threads import ReadAhead
from segmentation.wording import counted

# Writes a picture: (the path of the result, BGR uint8, a text that says what made it).
Save = Callable[[Path, np.ndarray, str], None]


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
