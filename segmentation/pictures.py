"""Photos and pictures as files: find photos, read any kind of photo as BGR, write a picture.

Photos are read with Pillow. cv2.imread gives a truncated photo with a grey rest and no error, drops transparency, and
on Windows opens no path outside the system's code page.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from glob import glob
from io import BytesIO
from itertools import chain, count
from pathlib import Path
from typing import Union

import cv2
import numpy as np
from imutils.paths import image_types, list_images
from PIL import Image, ImageOps, UnidentifiedImageError

from segmentation import SegmentationError
from segmentation.files import complete_file, reason

# Pillow takes very large pictures for an attack: it warns above this many pixels and refuses twice as many, which
# would be 1.5 GB of BGR. A photo of 12,000 x 9,000 has 108 million.
Image.MAX_IMAGE_PIXELS = 250_000_000
JPEG_QUALITY = 95
STDIN = Path("-")


def find_photos(paths: Iterable[Union[str, Path]], recursive: bool = False) -> list[Path]:
    """The photos that `paths` name, as sorted Paths: files, the photos in folders, and glob patterns.

    A file named twice is listed once; "-" is STDIN. The photos in a folder are the files with a suffix of imutils'
    list (.jpg, .jpeg, .png, .bmp, .tif and .tiff); with `recursive`, those in its subfolders too. A folder without
    photos and a pattern that fits nothing are listed themselves, so that read_photo raises an error for them.
    """
    photos: set[Path] = set()
    for path in map(Path, paths):
        matches = [] if path.exists() or path == STDIN else glob(str(path), recursive=True)
        photos.update(map(Path, matches) if matches else [path])
    for folder in [path for path in photos if path.is_dir()]:
        there = photos_in(folder, recursive)
        photos = (photos - {folder} if there else photos) | set(there)
    return sorted(photos)


def photos_in(folder: Path, recursive: bool) -> list[Path]:
    """The photos in a folder, by their suffixes; with `recursive`, those in its subfolders too."""
    if recursive:
        return [Path(path) for path in list_images(str(folder))]
    return [path for path in folder.iterdir() if path.suffix.lower() in image_types and path.is_file()]


def name_outputs(photos: Sequence[Path], folder: Union[str, Path]) -> dict[Path, Path]:
    """The path of each photo's result: {photo: folder/NAME_segmented.jpg}, .png if the photo is no JPEG.

    No two results share a name, and none has the name of a photo, even in the photos' own folder.
    """
    outputs: dict[Path, Path] = {}
    taken = {photo.resolve() for photo in photos}
    for photo in photos:
        stem, suffix = (photo.stem, photo.suffix.lower()) if photo != STDIN else ("stdin", "")
        suffix = ".jpg" if suffix in (".jpg", ".jpeg") else ".png"
        names = chain([""], (f"-{number}" for number in count(2)))
        outputs[photo] = next(path for path in (Path(folder, f"{stem}_segmented{name}{suffix}") for name in names)
                              if path.resolve() not in taken)
        taken.add(outputs[photo].resolve())
    return outputs


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
        with Image.open(photo_file(path)) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            return bgr(photo)
    except UnidentifiedImageError as error:
        raise SegmentationError(f"cannot read {name}: it is no photo of a known format") from error
    except OSError as error:
        raise SegmentationError(f"cannot read {name}: {reason(error)}") from error
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError) as error:
        # Pillow raises SyntaxError for a broken PNG.
        raise SegmentationError(f"cannot read {name}: {error}") from error


def photo_file(path: Path) -> Union[BytesIO, Path]:
    """The path, or all of standard input for STDIN; SegmentationError for a folder and an empty file."""
    if path == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            raise SegmentationError("cannot read standard input: it is empty")
        return BytesIO(data)
    if path.is_dir():
        raise SegmentationError(f"cannot read {path}: it is a folder without photos (.jpg, .png, .bmp, .tif)")
    if not path.stat().st_size:
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


def write_picture(path: Union[str, Path], image: np.ndarray) -> None:
    """Write a picture to path, .jpg or .png; SegmentationError if that fails.

    image: BGR uint8 (H, W, 3) or, for .png, also (H, W) of 8 or 16 bits, or BGRA (H, W, 4)
    """
    data = encode_picture(image, Path(path).suffix, path)
    with complete_file(path) as temporary:
        temporary.write_bytes(data)


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
