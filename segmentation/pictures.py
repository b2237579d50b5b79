"""Photos and pictures as files: read any kind of photo as BGR, write a picture. search.py finds photos.

Photos are read with Pillow. cv2.imread gives a truncated photo with a grey rest and no error, drops transparency, and
on Windows opens no path outside the system's code page.
"""

import os
import stat
import struct
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Union
from zlib import crc32

import cv2
import numpy as np
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
MARK = b"mask-rcnn-segmentation"  # in the first 128 bytes of every picture that write_picture writes


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


@cache
def photo_suffixes() -> frozenset[str]:
    """The suffixes, in lower case, of the photos that this Pillow opens."""
    formats = known_formats()
    return frozenset(suffix.lower() for suffix, name in Image.registered_extensions().items() if name in formats)


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
        raise SegmentationError(f"cannot read {path}: it is a folder without photos (.jpg, .png, .webp and the like)")
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


def has_mark(path: Union[str, Path]) -> bool:
    """Whether a path is a file that write_picture has written."""
    try:
        with open(path if os.path.isfile(path) else os.devnull, "rb") as file:  # a pipe would be waited for
            return MARK in file.read(128)
    except OSError:
        return False


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
