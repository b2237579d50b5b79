"""Every path that a run reads and every path that it may write, checked before any work.

    check_photo_paths(options, names, outputs)

No file that is read is written over, and no file is written twice, by whatever names and links the command line says
so. What a run reads or writes must be listed here.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Union

from segmentation import SegmentationError
from segmentation.network import weights as model
from segmentation.network.onnx.kept import SUFFIXES, export_path
from segmentation.pictures import STDIN, has_mark
from segmentation.results.row_files import partial_path, temporary_path
from segmentation.results.rows import FRAME, FRAME_SUFFIX, stem_of
from segmentation.search import INSTANCES, STEPS, owners
from segmentation.terminal import info
from segmentation.wording import counted

if TYPE_CHECKING:
    from segmentation.cli.photo_options import PhotoOptions
    from segmentation.cli.video_options import VideoOptions

Key = Union[str, tuple[int, int]]


class Use(NamedTuple):
    """A file that a run reads or writes.

    what: in words, such as "the result"
    option: that names a file to write, or its folder
    source: the photo or video whose result it is; None: it is none
    """

    path: Path
    what: str
    option: str = ""
    source: Optional[str] = None

    def __str__(self) -> str:
        return f"{self.what} of {self.source or self.option}"


# ---- What a run reads and writes ---------------------------------------------------------------------------

def check_photo_paths(options: "PhotoOptions", names: Mapping[Path, Path], outputs: Mapping[Path, Path],
                      left_out: Iterable[str] = ()) -> None:
    """Raise SegmentationError if a run would write over a file that it reads, or write a file twice.

    names, left_out: from search_photos. What was left out may be written over if it has the mark of our pictures
    outputs: the path of each photo's result, from name_outputs
    """
    photos = {photo: name for photo, name in names.items() if photo == STDIN or os.path.isfile(photo)}
    reads = [*(Use(photo, "the input") for photo in photos if photo != STDIN), *files_read(options),
             *(Use(Path(path), "the picture, which has no mark of this command,") for path in left_out
               if not has_mark(path))]
    writes = files_written(options)
    if not options.to_stdout:
        writes += [Use(outputs[photo], "the result", "--output", str(photo)) for photo in photos]
    if options.visualize:
        writes += [Use(outputs[photo].with_name(outputs[photo].stem + STEPS), "the steps", "--output", str(photo))
                   for photo in photos]
    for photo, name in photos.items():
        writes += [Use(path, "the labels", option, str(photo))
                   for option, path in options.results.label_files(stem_of(photo, name)).items()]
    keys = Keys()
    objects: dict[Key, str] = {}
    for option, folder in folders_of_objects(options):
        ending = {"--masks": INSTANCES, "--crops": "_NN_LABEL.jpg"}.get(option, "_NN_LABEL.png")
        writes += [Use(folder / f"{name}{ending}", "a picture", option, str(photo)) for photo, name in photos.items()]
        objects.update((keys.path(folder / name), option) for name in photos.values())
    check(reads, writes, keys)
    check_objects(reads, lambda path: objects.get(keys.path(path)))


def check_video_paths(options: "VideoOptions", outputs: Mapping[str, Path]) -> None:
    """Raise SegmentationError if a run would write over a file that it reads, or write a file twice.

    outputs: video -> the path of its result
    """
    from segmentation.video.resumable import PartialFiles  # it imports PyAV, which photos do not need

    reads = [*(Use(Path(video), "the input") for video in outputs if os.path.isfile(video)), *files_read(options)]
    writes = files_written(options)
    for video, output in outputs.items():
        writes += [Use(output, "the result", "--output", video), lock_of(output, "--output", video),
                   *(Use(path, "a partial file", "--output", video) for path in PartialFiles.of(output)[1:])]
    for frame in {use.path.stem for use in reads if use.path.stem.startswith(FRAME)}:
        writes += [Use(path, "the labels", option) for option, path in options.results.label_files(Path(frame)).items()]
        if options.results.frames:
            writes.append(Use(options.results.frames / f"{frame}{FRAME_SUFFIX}", "a frame", "--frames"))
    keys = Keys()
    check(reads, writes, keys)
    objects = {keys.path(folder / FRAME): option for option, folder in folders_of_objects(options)}
    check_objects(reads, lambda path: objects.get(re.sub(r"\d{6,}$", "", keys.path(path))))


def files_read(options: Union["PhotoOptions", "VideoOptions"]) -> list[Use]:
    """What runs of photos and of videos read beside their inputs: the background and the model."""
    reads = []
    if options.drawing.background and options.drawing.background.path:
        reads.append(Use(options.drawing.background.path, "the picture of --background"))
    if options.results.coco_ids:
        reads.append(Use(options.results.coco_ids, "the file of --coco-ids"))
    for graph in graphs(options):
        own = (graph.with_suffix(suffix) for suffix in (".pbtxt", ".txt", ".config"))
        reads += [Use(path, "a file of the model") for path in (graph, *own, graph.with_name(model.CONFIG))]
    for folder in (Path(options.mask_rcnn), model.MODEL_FOLDER):
        archives = [published.archive for published in model.PUBLISHED.values()]
        reads += [Use(folder / name, "a file of the model")
                  for name in (model.LABELS, model.COLORS, model.TEXT_GRAPH, *archives)]
    return [use for use in reads if os.path.exists(use.path)]


def files_written(options: Union["PhotoOptions", "VideoOptions"]) -> list[Use]:
    """What both write beside their results: rows, report and plot, with their partial files, and ONNX models."""
    writes = []
    for name in ("json", "csv", "label_studio", "report", "timeline"):
        path: Optional[Path] = getattr(options.results, name)
        option = f"--{name.replace('_', '-')}"
        if path:
            writes += [Use(path, "the file", option), lock_of(path, option),
                       *(Use(partial, "the partial file", option)
                         for partial in (partial_path(path), temporary_path(path)))]
    if options.results.yolo_dataset:
        writes.append(Use(options.results.yolo_dataset, "the data set", "--yolo"))
    if options.network.engine != "opencv":
        writes += [Use(export_path(graph, suffix), "the ONNX model", "--weights")
                   for graph in graphs(options) for suffix in SUFFIXES]
    return writes


def graphs(options: Union["PhotoOptions", "VideoOptions"]) -> list[Path]:
    """The frozen graphs, or the archive, that a run may take; most of them do not exist."""
    named = None if options.weights == model.OFFICIAL else options.weights
    if named and not os.path.isdir(named):
        return [Path(named)]
    folder = Path(named or options.mask_rcnn)
    homes = [folder, model.folder_for_new_files(folder)] if os.path.isdir(folder) else [folder]
    folders = [home / name for home in homes for name in ("", *(found.name for found in model.PUBLISHED.values()))]
    return [folder / name for folder in folders for name in (model.WEIGHTS, model.DEMO)]


def folders_of_objects(options: Union["PhotoOptions", "VideoOptions"]) -> list[tuple[str, Path]]:
    """(option, folder) of the pictures of objects that are asked for."""
    results = options.results
    folders = (("--cutouts", results.cutouts), ("--crops", results.crops), ("--masks", results.masks))
    return [(option, folder) for option, folder in folders if folder]


def lock_of(path: Path, option: str, source: Optional[str] = None) -> Use:
    """The lock of a file that is written, see files.only_writer."""
    return Use(path.with_name(f".{path.name}.lock"), "the lock", option, source)


def say_left_out(results: list[str]) -> None:
    """Print how many files were left out because an earlier run wrote them, if any."""
    if results:
        left_out = counted(len(results), "result of an earlier run is left out", "results of earlier runs are left out")
        info(f"{left_out}, {'such as ' if len(results) > 1 else ''}{results[0]}: name such a file itself to "
             "have it done")


# ---- What must not be the same -----------------------------------------------------------------------------

class Keys:
    """Keys of paths: two paths that mean one file have a key in common, also through links, hard links, and where the
    file system ignores case. What is found out about a folder is kept: there may be 10,000 files in it.
    """

    def __init__(self) -> None:
        self.folders: dict[str, tuple[str, bool]] = {}

    def of(self, path: Path) -> list[Key]:
        """The keys of a path. For a link they are its own and those of what it leads to."""
        keys: list[Key] = [self.path(path)]
        if os.path.islink(path):
            keys.append(self.path(Path(os.path.realpath(path))))
        try:
            status = os.stat(path)
            keys.append((status.st_dev, status.st_ino))
        except OSError:  # it is not there, or a loop of links
            pass
        return keys

    def path(self, path: Path) -> str:
        """The key of a path itself, whether there is a file or not."""
        folder, name = os.path.split(path)
        if folder not in self.folders:
            real = os.path.realpath(folder)
            self.folders[folder] = real, ignores_case(real)
        real, ignoring = self.folders[folder]
        text = os.path.join(real, name)
        return unicodedata.normalize("NFC", text).casefold() if ignoring else text


def ignores_case(folder: str) -> bool:
    """Whether the file system takes names that differ in case for one name. It is asked about a name that is there."""
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    with suppress(OSError), os.scandir(folder) as inside:
        folder = next((entry.path for entry in inside if entry.name.isascii() and swapped(entry.path) != entry.path),
                      folder)
    if swapped(folder) == folder:
        return sys.platform in ("win32", "darwin")
    try:
        return os.path.samestat(os.lstat(folder), os.lstat(swapped(folder)))
    except OSError:
        return False


def swapped(path: str) -> str:
    """A path with upper case for lower case, and the other way round, in its last name."""
    folder, name = os.path.split(path)
    return os.path.join(folder, name.swapcase())


def check(reads: Iterable[Use], writes: Iterable[Use], keys: Keys) -> None:
    """Raise SegmentationError if a file is both read and written, or is written as two things."""
    read: dict[Key, Use] = {}
    for use in reads:
        for key in keys.of(use.path):
            read.setdefault(key, use)
    written: dict[Key, Use] = {}
    for use in writes:
        for key in keys.of(use.path):
            if key in read:
                raise SegmentationError(f"{use.path}, {use}, would replace {read[key].what} {read[key].path}: name "
                                        f"another {use.option}")
            other = written.setdefault(key, use)
            # Pictures that are hard links of each other are not lost: each gets a file of its own.
            if str(other) != str(use) and (isinstance(key, str) or not (other.source and use.source)):
                raise written_twice(use, other)


def written_twice(use: Use, other: Use) -> SegmentationError:
    """The error for a file that would be written as two things."""
    if use.source is None or other.source is None or use.source == other.source:
        return SegmentationError(f"{use.path} would be both {other} and {use}: name another {use.option}")
    apart = os.path.dirname(use.source) != os.path.dirname(other.source)
    above = ", or name the folder above both with --recursive" if apart else ""
    return SegmentationError(f"{other.source} and {use.source} would have the same result, {use.path}: do them in runs "
                             f"of their own with another {use.option}{above}")


def check_objects(reads: Iterable[Use], option_of: Callable[[Path], Optional[str]]) -> None:
    """Raise SegmentationError if a file that is read has a name that the run may give to the picture of an object.

    option_of: the option by which pictures get names that begin with this path; None: none do
    """
    for use in reads:
        for owner in owners(use.path) if use.path.suffix.lower() in (".png", ".jpg") else []:
            option = option_of(use.path.with_name(owner))
            if option:
                raise SegmentationError(f"a picture of {option} may replace {use.what} {use.path}: name another "
                                        f"{option}")
