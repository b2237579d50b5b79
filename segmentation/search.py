"""Finds the files that a command line names, photos or videos, and names their results.

    names, left_out = search_photos(["holiday/", "trip/*.jpg"])
    name_outputs(names, "output")       # {photo: output/NAME_segmented.jpg}
"""

import hashlib
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

from segmentation import SegmentationError
from segmentation.pictures import STDIN, has_mark, photo_suffixes
from segmentation.wording import counted

RESULT = "_segmented"  # after the name of a photo or video; then comes the suffix
STEPS = "_steps.png"  # after the result's name: the picture of --visualize
INSTANCES = "_instances.png"  # after the photo's name: the instance map of --masks
# Of the 255 bytes that a file name may have, complete_file needs 15 while it writes.
PICTURE_BYTES = 240
NAME_BYTES = 200  # of a result's name, so that there is room for each of these endings, or for a number and a label
# An annotated photo or its steps, of this version or an earlier one, or what a killed run has left of a picture.
RESULT_NAME = re.compile(rf".+{RESULT}(-\d+)?(\.jpg|\.png|{STEPS})|\..+\.\d+\.part\.(jpg|png)", re.IGNORECASE)
KEPT = (".jpg", ".png")  # the suffixes of photos that are no part of a result's name

# Files in a folder with these suffixes are videos. A file that is named itself is read whatever its suffix is.
VIDEO_SUFFIXES = {".avi", ".mp4", ".mkv", ".mov", ".m4v", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv",
                  ".flv", ".3gp"}
RESULT_SUFFIXES = (".jpg", ".jpeg", ".png")  # of a result that is named


# ---- Find files --------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """Which files are searched for.

    suffixes: of those in a folder, in lower case
    kept: the suffixes that are no part of a result's name, in lower case
    is_result: (file, the stems of all files found) -> whether a run of ours has written it
    """

    suffixes: Container[str]
    kept: Container[str]
    is_result: Callable[[Path, Container[str]], bool]


class Found(NamedTuple):
    """What `search` found.

    names: file -> the name of its results, a relative path without their endings, in the order of the command line
    results: the files that were left out, since a run of ours has written them
    """

    names: dict[str, Path]
    results: list[str]


class Entry(NamedTuple):
    """A file that may be searched for; `named`: it is named itself, not found in a folder or by a pattern."""

    file: str
    name: Path
    named: bool


def search(names: Iterable[str], recursive: bool, kind: Kind) -> Found:
    """The files that the names mean: files, those in folders, and those that fit glob patterns.

    recursive: those in the subfolders of folders too; their results get the same subfolders

    A file that several names mean is there once. Results of earlier runs are left out, but not if they are named
    themselves. Folders that hold nothing or cannot be read, and patterns that nothing fits, are there themselves:
    reading them gives an error that names them.
    """
    real_folder, given = cache(os.path.realpath), list(names)
    there: dict[str, Entry] = {}
    named = set()
    for entry in (entry for name in given for entry in entries(name, recursive, kind)):
        folder, base = os.path.split(entry.file)
        key = os.path.join(real_folder(folder), base)
        if entry.named:
            named.add(key)
        if key not in there or there[key].named:  # a name below a folder stays if its file is named itself too
            there[key] = entry
    stems = {stem for entry in there.values() for stem in (entry.name.name, Path(entry.file).stem)}
    results = [key for key, entry in there.items() if key not in named and kind.is_result(Path(entry.file), stems)]
    left_out = [there.pop(key).file for key in results]
    left = there.values() or [Entry(name, result_name(Path(name), kind.kept), named=True) for name in given]
    return Found({entry.file: entry.name for entry in left}, left_out)


def entries(name: str, recursive: bool, kind: Kind) -> Iterator[Entry]:
    """The Entries of one name."""
    matches = sorted(glob(name, recursive=True)) if is_pattern(name) else []
    for place in matches or [name]:
        is_folder = os.path.isdir(place)
        inside, unreadable = files_in(place, recursive, kind.suffixes) if is_folder else ([], [])
        for file in inside:
            yield Entry(str(file), result_name(file, kind.kept, Path(place)), named=False)
        for path in unreadable or ([] if inside else [place]):
            yield Entry(path, result_name(Path(path), kind.kept), named=is_folder or not matches)


def is_pattern(name: str) -> bool:
    """Whether a name is a glob pattern, such as trip/*.mp4, and not a file or an address."""
    return has_magic(name) and "://" not in name and not os.path.lexists(name)


def files_in(folder: str, recursive: bool, suffixes: Container[str]) -> tuple[list[Path], list[str]]:
    """(the files in a folder that have one of the suffixes, the folders there that cannot be read), both sorted."""
    unreadable: list[str] = []
    walk = os.walk(folder, onerror=lambda error: unreadable.append(str(error.filename)))
    files = [Path(there, name) for there, _, names in islice(walk, None if recursive else 1) for name in names
             if Path(name).suffix.lower() in suffixes]
    return sorted(files), sorted(unreadable)


# ---- Name their results ------------------------------------------------------------------------------------

def result_name(file: Path, kept: Container[str], folder: Optional[Path] = None) -> Path:
    """The name of a file's results, a relative path without their endings. It depends on nothing but the file's path.

    kept: suffixes that are no part of it, in lower case
    folder: the name has the subfolders below this one; None: it has none

    >>> [result_name(Path("in/a", name), {".jpg", ".png"}, Path("in")).as_posix() for name in ("x.JPG", "x.bmp")]
    ['a/x', 'a/x_bmp']
    """
    suffix = file.suffix.lower()
    name = file.stem if suffix in kept or not suffix else f"{file.stem}_{suffix[1:]}"
    return (file.parent.relative_to(folder) if folder else Path()) / shorten(name or "_", NAME_BYTES)


def shorten(name: str, most: int) -> str:
    """A name of at most that many bytes. A longer one ends in 8 digits of its hash, so that names stay different.

    >>> shorten("a" * 300, 20)
    'aaaaaaaaaaa-9835fa6b'
    """
    if len(os.fsencode(name)) <= most:
        return name
    digest, end = hashlib.sha256(os.fsencode(name)).hexdigest()[:8], len(name)
    while len(os.fsencode(name[:end])) > most - 9:
        end -= 1
    return f"{name[:end]}-{digest}"


# ---- Photos ------------------------------------------------------------------------------------------------

def is_photo_result(photo: Path, stems: Container[str]) -> bool:
    """Whether a run of ours has written a picture: an annotated photo or its steps, by their names; a cut-out, mask or
    instance map, if a photo of that stem is there and the file has our mark.
    """
    return bool(RESULT_NAME.fullmatch(photo.name)) or (
        any(name in stems for name in owners(photo)) and has_mark(photo))


def owners(picture: Path) -> list[str]:
    """The names of photos of which a file may be, by its own name, a cut-out, a mask or the instance map.

    >>> owners(Path("x_01_y_02_dog.png")), owners(Path("x_instances.png")), owners(Path("x.png"))
    (['x', 'x_01_y'], ['x'], [])
    """
    stem = picture.stem
    return [stem[:match.start()] for match in re.finditer(r"(?<=.)_(?=instances$|\d\d+_.)", stem)]


def search_photos(paths: Iterable[Union[str, Path]], recursive: bool = False) -> tuple[dict[Path, Path], list[str]]:
    """(the photos that `paths` name -> the names of their results, sorted; the results of earlier runs, which are left
    out); see `search`. "-" is STDIN, whose result is named "stdin".
    """
    given = [str(path) for path in paths]
    kind = Kind(photo_suffixes(), KEPT, is_photo_result)
    found = search([path for path in given if path != str(STDIN)], recursive, kind)
    names = {Path(photo): name for photo, name in found.names.items()}
    if str(STDIN) in given:
        names[STDIN] = Path("stdin")
    return {photo: names[photo] for photo in sorted(names)}, found.results


def find_photos(paths: Iterable[Union[str, Path]], recursive: bool = False) -> dict[Path, Path]:
    """The photos that `paths` name -> the names of their results, as search_photos finds them."""
    return search_photos(paths, recursive)[0]


def name_outputs(names: Mapping[Path, Path], folder: Union[str, Path], transparent: bool = False) -> dict[Path, Path]:
    """The path of each photo's result: {photo: folder/NAME_segmented.jpg}, .png if the photo is no JPEG.

    names: from find_photos
    folder: of one photo also the path of the result itself, with the suffix of a picture
    transparent: the results are, so all are .png

    Raises SegmentationError if it is that of a picture, and there are several photos.
    """
    if Path(folder).suffix.lower() in RESULT_SUFFIXES and not Path(folder).is_dir():
        if len(names) != 1:
            raise SegmentationError(f"--output {folder} is the name of one picture, and there are "
                                    f"{counted(len(names), 'photo')}: name a folder")
        return dict.fromkeys(names, Path(folder))
    jpeg = () if transparent else (".jpg", ".jpeg")
    return {photo: Path(folder, f"{name}{RESULT}{'.jpg' if photo.suffix.lower() in jpeg else '.png'}")
            for photo, name in names.items()}
