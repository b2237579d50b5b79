"""Photos in and pictures out: which files are meant, any kind of photo as BGR, a picture to a file.

Photos are read with Pillow rather than cv2.imread, which paints what is missing of a truncated photo grey
and says nothing, drops transparency, and on Windows opens no path outside the system's code page.
"""

import sys
from glob import glob
from io import BytesIO
from itertools import chain, count
from pathlib import Path

import cv2
import numpy as np
from imutils.paths import image_types, list_images
from PIL import Image, ImageOps, UnidentifiedImageError

from segmentation import SegmentationError
from segmentation.files import complete_file, reason

# Pillow takes large pictures for a trap: it warns above this many pixels (a photo of 12,000 x 9,000 has
# 108 million) and refuses twice as many, which is 1.5 GB of BGR.
Image.MAX_IMAGE_PIXELS = 250_000_000
JPEG_QUALITY = 95
STDIN = Path("-")


def find_photos(paths, recursive=False):
    """The photos that `paths` name, as sorted Paths: files, folders by what they hold, and glob patterns.

    A file named twice is listed once; "-" is STDIN. In folders what has a suffix of imutils' list counts:
    .jpg, .jpeg, .png, .bmp, .tif and .tiff; with `recursive` in their subfolders too. A folder without photos
    and a pattern that fits nothing stand for themselves, for read_photo to complain of.
    """
    photos = set()
    for path in map(Path, paths):
        if not path.exists() and path != STDIN:
            photos.update(map(Path, glob(str(path), recursive=True) or [path]))
        else:
            photos.add(path)
    folders = {path for path in photos if path.is_dir()}
    for folder in folders:
        there = list(map(Path, list_images(str(folder)))) if recursive else [
            path for path in folder.iterdir() if path.suffix.lower() in image_types and path.is_file()]
        photos = (photos - {folder} if there else photos) | set(there)
    return sorted(photos)


def name_outputs(photos, folder):
    """Where each photo's result goes: {photo: folder/NAME_segmented.jpg}, .png where the photo is no JPEG.

    No two results share a name, and none has the name of a photo, even in the photos' own folder.
    """
    outputs, taken = {}, {photo.resolve() for photo in photos}
    for photo in photos:
        stem, suffix = (photo.stem, photo.suffix.lower()) if photo != STDIN else ("stdin", "")
        suffix = ".jpg" if suffix in (".jpg", ".jpeg") else ".png"
        names = chain([""], (f"-{number}" for number in count(2)))
        outputs[photo] = next(path for path in (Path(folder, f"{stem}_segmented{name}{suffix}") for name in names)
                              if path.resolve() not in taken)
        taken.add(outputs[photo].resolve())
    return outputs


def read_photos(photos):
    """(photo, its picture or the SegmentationError that it gave) of each, read only when asked for."""
    for photo in photos:
        try:
            yield photo, read_photo(photo)
        except SegmentationError as error:
            yield photo, error


def read_photo(path):
    """A photo as BGR uint8 (H, W, 3), upright by its EXIF orientation; STDIN is standard input.

    Grey, palette and CMYK become colour, 16 bits become 8, and what is transparent becomes white, as
    photo viewers show it.

    Raises SegmentationError naming the file where it is missing, empty, truncated or no photo.
    """
    path = Path(path)
    name = "standard input" if path == STDIN else path
    try:
        if path == STDIN:
            data = BytesIO(sys.stdin.buffer.read())
        elif path.is_dir():
            raise SegmentationError(f"cannot read {path}: it is a folder without photos (.jpg, .png, .bmp, .tif)")
        if not (data.getbuffer().nbytes if path == STDIN else path.stat().st_size):
            raise SegmentationError(f"cannot read {name}: {'it' if path == STDIN else 'the file'} is empty")
        with Image.open(data if path == STDIN else path) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            return bgr(photo)
    except UnidentifiedImageError as error:
        raise SegmentationError(f"cannot read {name}: it is no photo of a known format") from error
    except OSError as error:
        raise SegmentationError(f"cannot read {name}: {reason(error)}") from error
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError) as error:
        # SyntaxError is what Pillow raises for a broken PNG.
        raise SegmentationError(f"cannot read {name}: {error}") from error


def bgr(photo):
    """A Pillow image of any mode as BGR uint8 (H, W, 3)."""
    if photo.mode.startswith(("I", "F")):
        photo = eight_bits(photo)
    if photo.has_transparency_data:
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA"))
    # convert copies even where there is nothing to convert.
    return cv2.cvtColor(np.asarray(photo if photo.mode == "RGB" else photo.convert("RGB")), cv2.COLOR_RGB2BGR)


def eight_bits(photo):
    """A grey Pillow image of more than 8 bits a pixel (modes I;16, I and F) in mode L.

    By the range of its type (a float's is 0..1); Pillow's own conversion cuts off everything above 255.
    """
    pixels = np.asarray(photo)
    if photo.mode == "F":
        return Image.fromarray(np.uint8(np.clip(np.nan_to_num(pixels), 0, 1) * 255))
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 65535) >> 8))


def write_picture(path, image):
    """Write a picture to path, .jpg or .png; SegmentationError where that fails.

    image: BGR uint8 (H, W, 3) or, for .png, also (H, W) of 8 or 16 bits, or BGRA (H, W, 4)
    """
    data = encode_picture(image, Path(path).suffix, path)
    with complete_file(path) as temporary:
        temporary.write_bytes(data)


def encode_picture(image, suffix, name):
    """The bytes of a picture file; SegmentationError with its name where there can be none.

    In memory, since cv2.imwrite does not say why it failed.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    try:
        done, data = cv2.imencode(suffix, image, options)
    except cv2.error:  # what OpenCV 4 does where OpenCV 5 returns False
        done = False
    if not done:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise SegmentationError(f"cannot write {name}: {suffix} takes no picture of {size} pixels")
    return data.tobytes()
