"""Photos and pictures as files: find photos, name their results, read any kind of photo as BGR, write a picture.

Photos are read with Pillow. cv2.imread gives a truncated photo with a grey rest and no error, drops transparency, and
on Windows opens no path outside the system's code page.
"""

import hashlib
import os
import re
import stat
import struct
import sys
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from glob import glob, has_magic
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union
from zlib import crc32

import cv2
import numpy as np
from imutils.paths import image_types
from PIL import Image, ImageOps, UnidentifiedImageError

from segmentation import SegmentationError
from segmentation.files import complete_file, reason

# Pillow takes very large pictures for an attack: it warns above this many pixels and refuses twice as many, which
# would be 1.5 GB of BGR. A photo of 12,000 x 9,000 has 108 million.
Image.MAX_IMAGE_PIXELS = 250_000_000
# Pillow warns of metadata that are broken and of sizes. What makes a photo unreadable it raises.
warnings.filterwarnings("ignore", module=r"PIL\.")
# The formats that are opened, whatever the suffix; HEIF and JXL are there if a program has registered their plug-in.
# Of Pillow's others, EPS starts Ghostscript, IPTC opens what it contains in any format, and WMF, FPX, MIC, MPEG, BUFR,
# GRIB and HDF5 are no photos.
FORMATS = ("AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "GIF", "HEIF", "ICNS",
           "ICO", "IM", "IMT", "JPEG", "JPEG2000", "JXL", "MCIDAS", "MSP", "PCD", "PCX", "PIXAR", "PNG", "PPM", "PSD",
           "QOI", "SGI", "SPIDER", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM", "XVTHUMB")
JPEG_QUALITY = 95
STDIN = Path("-")

RESULT = "_segmented"  # after the name of a photo or video; then comes the suffix
STEPS = "_steps.png"  # after the result's name: the picture of --visualize
INSTANCES = "_instances.png"  # after the photo's name: the instance map of --masks
# Of the 255 bytes that a file name may have, complete_file needs 15 while it writes.
PICTURE_BYTES = 240
NAME_BYTES = 200  # of a result's name, so that there is room for each of these endings, or for a number and a label
# An annotated photo or its steps, of this version or an earlier one, or what a killed run has left of a picture.
RESULT_NAME = re.compile(rf".+{RESULT}(-\d+)?(\.jpg|\.png|{STEPS})|\..+\.\d+\.part\.(jpg|png)", re.IGNORECASE)
MARK = b"mask-rcnn-segmentation"  # in the first 128 bytes of every picture that write_picture writes


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


def has_mark(path: Union[str, Path]) -> bool:
    """Whether a path is a file that write_picture has written."""
    try:
        with open(path if os.path.isfile(path) else os.devnull, "rb") as file:  # a pipe would be waited for
            return MARK in file.read(128)
    except OSError:
        return False


# In a folder, imutils' list: .jpg, .jpeg, .png, .bmp, .tif and .tiff.
PHOTOS = Kind(image_types, (".jpg", ".png"), is_photo_result)


def search_photos(paths: Iterable[Union[str, Path]], recursive: bool = False) -> tuple[dict[Path, Path], list[str]]:
    """(the photos that `paths` name -> the names of their results, sorted; the results of earlier runs, which are left
    out); see `search`. "-" is STDIN, whose result is named "stdin".
    """
    given = [str(path) for path in paths]
    found = search([path for path in given if path != str(STDIN)], recursive, PHOTOS)
    names = {Path(photo): name for photo, name in found.names.items()}
    if str(STDIN) in given:
        names[STDIN] = Path("stdin")
    return {photo: names[photo] for photo in sorted(names)}, found.results


def find_photos(paths: Iterable[Union[str, Path]], recursive: bool = False) -> dict[Path, Path]:
    """The photos that `paths` name -> the names of their results, as search_photos finds them."""
    return search_photos(paths, recursive)[0]


def name_outputs(names: Mapping[Path, Path], folder: Union[str, Path]) -> dict[Path, Path]:
    """The path of each photo's result: {photo: folder/NAME_segmented.jpg}, .png if the photo is no JPEG.

    names: from find_photos
    """
    return {photo: Path(folder, f"{name}{RESULT}{'.jpg' if photo.suffix.lower() in ('.jpg', '.jpeg') else '.png'}")
            for photo, name in names.items()}


# ---- Read --------------------------------------------------------------------------------------------------

def read_photos(photos: Iterable[Path]) -> Iterator[tuple[Path, Union[np.ndarray, SegmentationError]]]:
    """(photo, its picture or the SegmentationError that reading it raised) of each; a photo is read when its turn
    comes.
    """
    for photo in photos:
        try:
            yield photo, read_photo(photo)
        except SegmentationError as error:
            yield photo, error


def read_photo(path: Union[str, Path]) -> np.ndarray:
    """A photo as BGR uint8 (H, W, 3), upright by its EXIF orientation; STDIN is standard input.

    Grey, palette and CMYK become colour, 16 bits become 8, and transparent pixels become white, as in photo viewers.

    Raises SegmentationError with the name of the file if it is missing, empty, truncated or no photo.
    """
    path = Path(path)
    name = "standard input" if path == STDIN else path
    try:
        with Image.open(photo_file(path), formats=known_formats()) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            return bgr(photo)
    except UnidentifiedImageError as error:
        raise SegmentationError(f"cannot read {name}: it is no photo of a known format") from error
    except OSError as error:
        raise SegmentationError(f"cannot read {name}: {reason(error)}") from error
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError) as error:
        # Pillow raises SyntaxError for a broken PNG.
        raise SegmentationError(f"cannot read {name}: {error}") from error


@cache
def known_formats() -> list[str]:
    """Those of FORMATS that this Pillow has."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def photo_file(path: Path) -> Union[BytesIO, Path]:
    """The path, or all of standard input for STDIN; SegmentationError for an empty file and for what is no file."""
    if path == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            raise SegmentationError("cannot read standard input: it is empty")
        return BytesIO(data)
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        os.listdir(path)  # raises an OSError if that is why no photos were found
        raise SegmentationError(f"cannot read {path}: it is a folder without photos (.jpg, .png, .bmp, .tif)")
    if not stat.S_ISREG(status.st_mode):
        raise SegmentationError(f"cannot read {path}: it is no regular file; to read a photo from a pipe, send it to "
                                "standard input and name -")
    if not status.st_size:
        raise SegmentationError(f"cannot read {path}: the file is empty")
    return path


def bgr(photo: Image.Image) -> np.ndarray:
    """A Pillow image of any mode as BGR uint8 (H, W, 3)."""
    if photo.mode.startswith(("I", "F")):
        photo = eight_bits(photo)
    if photo.has_transparency_data:
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA"))
    # convert would copy a picture that is RGB already.
    return cv2.cvtColor(np.asarray(photo if photo.mode == "RGB" else photo.convert("RGB")), cv2.COLOR_RGB2BGR)


def eight_bits(photo: Image.Image) -> Image.Image:
    """A grey Pillow image of more than 8 bits a pixel (modes I;16, I and F) in mode L.

    It is scaled by the range of its type, which is 0..1 for floats. Pillow's own conversion makes every value above
    255 white.
    """
    pixels = np.asarray(photo)
    if photo.mode == "F":
        return Image.fromarray(np.uint8(np.clip(np.nan_to_num(pixels), 0, 1) * 255))
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 65535) >> 8))


# ---- Write -------------------------------------------------------------------------------------------------

def write_picture(path: Union[str, Path], image: np.ndarray, made: str = "") -> None:
    """Write a picture to path, .jpg or .png; SegmentationError if that fails.

    image: BGR uint8 (H, W, 3) or, for .png, also (H, W) of 8 or 16 bits, or BGRA (H, W, 4)
    made: a text in the file that says what made it
    """
    data = marked(encode_picture(image, Path(path).suffix, path), made)
    with complete_file(path) as temporary:
        temporary.write_bytes(data)


def marked(data: bytes, made: str = "") -> bytes:
    """A PNG or JPEG file with our mark in it, and what made it.

    In a PNG they are the texts Software and Description after the header, in a JPEG a comment after JFIF's.
    """
    text = made.encode("utf-8", "backslashreplace")
    if data.startswith(b"\x89PNG"):
        end = 33
        mark = png_chunk(b"tEXtSoftware\0" + MARK)
        if text:
            mark += png_chunk(b"iTXtDescription\0\0\0\0\0" + text)
    else:
        end = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
        comment = (MARK + b": " + text if text else MARK)[:65_533]  # as much as a comment can have
        mark = struct.pack(f">HH{len(comment)}s", 0xfffe, len(comment) + 2, comment)
    return data[:end] + mark + data[end:]


def png_chunk(data: bytes) -> bytes:
    """A chunk of a PNG file. data: its type, four letters, and its content"""
    return struct.pack(f">I{len(data)}sI", len(data) - 4, data, crc32(data))


def encode_picture(image: np.ndarray, suffix: str, name: Union[str, Path]) -> bytes:
    """The bytes of a picture file; SegmentationError with its name if the format takes no such picture.

    It is made in memory because cv2.imwrite does not say why it failed.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    try:
        done, data = cv2.imencode(suffix, image, options)
    except cv2.error:  # raised by OpenCV 4; OpenCV 5 returns False
        done = False
    if not done:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise SegmentationError(f"cannot write {name}: {suffix} takes no picture of {size} pixels")
    return data.tobytes()
