"""Annotated pictures in COCO's instance format, and the batches that training sees of them.

    data = load_coco("instances.json", "photos/", coco_names=names)
    batch = make_batch(data, [0, 5, 7], Resizer(353, 609), np.random.default_rng(1))  # segmentation/network/resizing.py

The format is the one of cocodataset.org: a JSON file with `images`, `categories` and `annotations`, an
object's outline as polygons or as RLE, compressed or not. Pictures and annotations that cannot be used are
named on stderr and left out. Nothing is learnt from crowds (iscrowd), which are no single objects.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np
import torch
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.network.resizing import STRIDE, Resizer
from segmentation.terminal import warn
from segmentation.training.targets import JITTER, MASK_CELLS

FLIP = 0.5              # random_horizontal_flip of the model's published training configuration
CROP = 0.5              # this part of the batches sees windows of its pictures instead of all of them,
CROP_SIDE = (0.6, 1.0)  # a window having this part of their sides; they are not enlarged to the size of the
ZOOM = 1.25             # whole, which saves time and keeps objects at the size they will have, up to this
GAIN, OFFSET = 0.2, 16  # each colour channel is multiplied by 1 +- GAIN and moved by up to OFFSET grey levels
# Of an object that the crop cuts, this much must be left; smaller rests are nothing that one could name.
VISIBLE = 0.3


# ---- What the JSON file says -----------------------------------------------------------------------------

class Outline(NamedTuple):
    """One object: its class from 0 and its compressed RLE over the whole picture."""

    label: int
    rle: dict


@dataclass
class Picture:
    """A picture's file, its size in the JSON file, its objects and its crowds, both as Outlines.

    looked: the classes, from 0, that were looked for in it; None: all. An object of another is not marked
    """

    path: Path
    image_hw: tuple
    objects: list = field(default_factory=list)
    crowds: list = field(default_factory=list)
    looked: Optional[frozenset] = None
    named: bool = False  # as one that cannot be read


@dataclass
class Dataset:
    """Pictures, the names of the classes, and COCO's category_id -> class from 0.

    own_classes: False where the categories are COCO's, under COCO's numbers; then there are 90 classes
    """

    pictures: list
    names: tuple
    labels: dict
    own_classes: bool

    def __len__(self):
        return len(self.pictures)

    def counts(self):
        """How many objects each class has, (classes,) int64."""
        return np.bincount([outline.label for picture in self.pictures for outline in picture.objects],
                           minlength=len(self.names))

    @cached_property
    def known(self):
        """The classes that have objects, (classes,) bool."""
        return self.counts() > 0


def joined(datasets):
    """One Dataset of several with the same classes.

    Raises SegmentationError where they have not.
    """
    first = datasets[0]
    if any((data.names, data.own_classes) != (first.names, first.own_classes) for data in datasets):
        raise SegmentationError("all --annotations must have the same categories")
    return replace(first, pictures=[picture for data in datasets for picture in data.pictures])


def without_rare(dataset, fewest):
    """The Dataset without the classes that have fewer objects; these count as not looked for."""
    rare = set(np.flatnonzero(dataset.counts() < fewest).tolist())
    every = frozenset(range(len(dataset.names)))
    return replace(dataset, pictures=[
        replace(picture, objects=[outline for outline in picture.objects if outline.label not in rare],
                looked=(every if picture.looked is None else picture.looked) - rare) for picture in dataset.pictures])


def repeated(dataset, share, rng):
    """The Dataset with pictures of rare classes in it several times: those on less than a `share` of all pictures.

    A class on the part f of the pictures asks for sqrt(share / f) of each of them, and a picture gets what its
    rarest class asks for (repeat factor sampling: Gupta, Dollar and Girshick 2019); of a fraction, chance decides.
    """
    shown = [{outline.label for outline in picture.objects} for picture in dataset.pictures]
    part = np.bincount([label for labels in shown for label in labels], minlength=len(dataset.names)) / len(dataset)
    factor = np.sqrt(np.maximum(share / np.maximum(part, 1e-9), 1))
    times = [int(max((factor[label] for label in labels), default=1) + rng.random()) for labels in shown]
    return replace(dataset, pictures=[picture for picture, count in zip(dataset.pictures, times)
                                      for _ in range(count)])


def load_coco(annotations, images, coco_names):
    """The Dataset of a JSON file and a folder of pictures.

    coco_names: COCO's 90 names. Where every category has one of them and its number, these 90 are the
    classes; otherwise the file's own categories are, ordered by id.

    Raises SegmentationError where the file or folder is not there or is of another kind, or where there is
    no picture with an object.
    """
    content = read_json(annotations)
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    own = any(not 1 <= number <= len(coco_names) or coco_names[number - 1] != name
              for number, name in names.items())
    labels = {number: index if own else number - 1 for index, number in enumerate(sorted(names))}
    pictures = find_pictures(content["images"], Path(images), labels)
    attach(content["annotations"], pictures, labels)
    if not any(picture.objects for picture in pictures.values()):
        raise SegmentationError(f"{annotations} has no object on any picture in {images}")
    return Dataset(list(pictures.values()), tuple(names[number] for number in sorted(names)) if own
                   else tuple(coco_names), labels, own)


def read_json(path):
    """The three lists of a file in COCO's instance format."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        lists = {key: content[key] for key in ("images", "categories", "annotations")}
        if not all(isinstance(entry, dict) for entries in lists.values() for entry in entries):
            raise TypeError
        if not all(isinstance(entry["id"], int) and "name" in entry for entry in lists["categories"]):
            raise TypeError
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SegmentationError(f"{path} is not in COCO's instance format: it must be JSON with the lists "
                                "images, categories and annotations") from error
    return lists


def find_pictures(entries, folder, labels):
    """COCO's id -> Picture of those entries of `images` whose file is there.

    An entry may say in `annotated` which categories were looked for when it was annotated; without it, all were.
    """
    if not folder.is_dir():
        raise SegmentationError(f"there is no folder of pictures {folder}: name one with --images")
    pictures = {}
    for entry in entries:
        try:
            path = folder / entry["file_name"]
            number, picture = entry["id"], Picture(path, (int(entry["height"]), int(entry["width"])))
            if "annotated" in entry:
                picture.looked = frozenset(labels[category] for category in entry["annotated"] if category in labels)
        except (KeyError, TypeError, ValueError):
            leave_out(f"a picture without file_name, id, height and width: {str(entry)[:80]}")
            continue
        if path.is_file():
            pictures[number] = picture
        else:
            leave_out(f"{path} is missing")
    return pictures


def attach(entries, pictures, labels):
    """Give each picture its usable annotations."""
    for entry in entries:
        picture, number = pictures.get(entry.get("image_id")), entry.get("id", "?")
        if picture is None:
            continue  # which has been named already
        if entry.get("category_id") not in labels:
            leave_out(f"annotation {number} of {picture.path}: no category has its category_id "
                      f"{entry.get('category_id')}")
            continue
        try:
            rle = outline_rle(entry.get("segmentation"), picture.image_hw)
            if not rle_masks.area(rle):
                raise ValueError("its outline is empty")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            leave_out(f"annotation {number} of {picture.path}: {error}")
            continue
        outlines = picture.crowds if entry.get("iscrowd") else picture.objects
        outlines.append(Outline(labels[entry["category_id"]], rle))


def outline_rle(segmentation, image_hw):
    """The compressed RLE of an annotation's outline: a list of polygons x, y, x, y, ... or RLE.

    Raises ValueError where it is neither or does not fit the picture.
    """
    height, width = image_hw
    if isinstance(segmentation, dict):
        if list(segmentation.get("size", ())) != [height, width]:
            raise ValueError(f"its RLE must have the picture's size {[height, width]}, got "
                             f"{segmentation.get('size')}")
        counts = segmentation["counts"]
        runs = counts if isinstance(counts, list) else run_lengths(counts)
        # pycocotools does not look: what a short one leaves out would be whatever lay in memory.
        if min(runs, default=-1) < 0 or sum(runs) != height * width:
            raise ValueError("its RLE does not add up to the picture")
        return rle_masks.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    polygons = [polygon for polygon in segmentation or () if len(polygon) >= 6 and len(polygon) % 2 == 0]
    if not polygons or not all(np.isfinite(np.array(polygon, float)).all() for polygon in polygons):
        raise ValueError("its outline must be polygons of at least three points, or RLE")
    return rle_masks.merge(rle_masks.frPyObjects(polygons, height, width))


def run_lengths(counts):
    """The numbers in a compressed RLE's text, as pycocotools writes it.

    Five bits a character, lowest first, above 48; 32 says that more follow, 16 in the last is the sign. From
    the fourth number on they are differences to the one before the last.

    >>> run_lengths("52203")
    [5, 2, 2, 2, 5]
    """
    runs, value, shift = [], 0, 0
    for character in counts:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs


def leave_out(what):
    warn(f"[WARNING] left out: {what}")


# ---- What training sees ----------------------------------------------------------------------------------

class Sample(NamedTuple):
    """One picture as the network sees it; boxes in 0..1, M objects.

    image: (H, W, 3) uint8 RGB; boxes, rois: (M, 4) float32, the true boxes and the same jittered;
    labels: (M,) int64 from 0; masks: (M, 15, 15) float32, how much of each cell of the RoI is object
    looked: the picture's
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    rois: np.ndarray
    masks: np.ndarray
    looked: Optional[frozenset]


class Batch(NamedTuple):
    """B Samples of one size as tensors, padded to the same number of objects: see `valid` (B, M) bool.

    images may be what the network's first layers made of them instead, (B, C, h, w) float8.
    """

    images: torch.Tensor      # (B, 3, H, W) uint8, in memory channels last
    boxes: torch.Tensor       # (B, M, 4)
    classes: torch.Tensor     # (B, M)
    rois: torch.Tensor        # (B, M, 4)
    masks: torch.Tensor       # (B, M, 15, 15)
    valid: torch.Tensor       # (B, M)
    looked: torch.Tensor      # (B, classes) bool: the classes that were looked for in the picture
    everywhere: torch.Tensor  # (B,) bool: they are at least half of those that there are objects of
    image_hw: tuple

    def to(self, device):
        return Batch(*(value.to(device, non_blocking=True) if torch.is_tensor(value) else value for value in self))


def shuffled_batches(dataset, size, seed, epoch):
    """Lists of `size` picture numbers that make up an epoch, pictures of like shape together.

    All pictures of a batch are brought to one size, so a tall one among wide ones would lose most of its
    area. The order is drawn anew each epoch; equal seeds give equal orders.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(-(-len(dataset) // size) * size) % len(dataset)         # the last batch is full
    batches = []
    for start in range(0, len(order), 16 * size):
        pool = order[start:start + 16 * size]
        shape = [dataset.pictures[i].image_hw[1] / dataset.pictures[i].image_hw[0] for i in pool]
        batches += list(pool[np.argsort(shape, kind="stable")].reshape(-1, size))
    return [batches[i] for i in rng.permutation(len(batches))]


def make_batch(dataset, numbers, resizer, rng, scale=(1.0, 1.0)):
    """The Batch of the pictures of these numbers; None where none of them can be read.

    scale: the pictures are so many times as large as the resizer says, lowest and highest
    """
    heights, widths = zip(*(dataset.pictures[i].image_hw for i in numbers))
    aspect = np.exp(np.mean(np.log(widths) - np.log(heights)))
    size_wh, part = window_size(scaled(resizer, rng.uniform(*scale)).size_wh((1000, 1000 * aspect)), rng)
    samples = [make_sample(dataset.pictures[i], size_wh, part, rng) for i in numbers]
    samples = [sample for sample in samples if sample is not None]
    return collate(samples, dataset.known) if samples else None


def scaled(resizer, factor):
    """A Resizer to sides so many times as long, the same modulo the network's stride."""
    return Resizer(*(side + round(side * (factor - 1) / STRIDE) * STRIDE
                     for side in (resizer.short_side, resizer.long_side)))


def window_size(size_wh, rng):
    """The size of a batch whose whole pictures would have size_wh, and the part of their sides that it sees.

    The sides stay what they are modulo the network's stride: why, says segmentation/network/resizing.py.
    """
    if rng.random() >= CROP:
        return size_wh, 1.0
    part = rng.uniform(*CROP_SIDE)
    return tuple(side - round(side * (1 - part) / STRIDE) * STRIDE for side in size_wh), part


def collate(samples, known):
    """The Batch of Samples of one size; known: the classes that there are objects of, (classes,) bool."""
    count = max([1, *(len(sample.labels) for sample in samples)])

    def padded(arrays):
        out = np.zeros((len(arrays), count, *arrays[0].shape[1:]), arrays[0].dtype)
        for row, array in zip(out, arrays):
            row[:len(array)] = array
        return torch.from_numpy(out)

    images = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2)
    valid = padded([np.ones(len(sample.labels), bool) for sample in samples])
    return Batch(images, *(padded([getattr(sample, name) for sample in samples])
                           for name in ("boxes", "labels", "rois", "masks")), valid,
                 *looked_for(samples, known), tuple(images.shape[2:]))


def looked_for(samples, known):
    """`looked` and `everywhere` of a Batch."""
    looked = torch.zeros(len(samples), len(known), dtype=torch.bool)
    for row, sample in zip(looked, samples):
        row[slice(None) if sample.looked is None else sorted(sample.looked)] = True
    return looked, looked[:, torch.from_numpy(known)].sum(1) * 2 >= known.sum()


def make_sample(picture, size_wh, part, rng):
    """A Sample of a picture: a window of it, resized, perhaps flipped, recoloured; None if unreadable."""
    image = read_picture(picture)
    if image is None:
        return None
    window = random_window(picture.image_hw, size_wh, part, rng)
    flip = rng.random() < FLIP
    objects = [describe(outline, window, flip, rng) for outline in picture.objects]
    objects = [entry for entry in objects if entry is not None]
    boxes, labels, rois, masks = zip(*objects) if objects else ((), (), (), ())
    return Sample(recoloured(window_pixels(image, window, size_wh, flip), rng),
                  np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64),
                  np.array(rois, np.float32).reshape(-1, 4),
                  np.array(masks, np.float32).reshape(-1, MASK_CELLS, MASK_CELLS), picture.looked)


def read_picture(picture):
    """BGR uint8 (H, W, 3), or None, said once, where it cannot be read or has not the size annotated."""
    # Annotations are for the picture as its camera turned it, or as the file stores it, ignoring that.
    for turned in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        try:
            image = cv2.imdecode(np.fromfile(picture.path, np.uint8), turned)
        except (OSError, cv2.error):
            image = None
        if image is not None and image.shape[:2] == picture.image_hw:
            return image
    if not picture.named:
        height, width = picture.image_hw
        leave_out(f"{picture.path} " + ("cannot be read" if image is None else f"is {image.shape[1]}x"
                                        f"{image.shape[0]} pixels, not {width}x{height} as annotated"))
    picture.named = True
    return None


def random_window(image_hw, size_wh, part, rng):
    """x0, y0, x1, y1 in whole pixels: a part of the picture's sides shaped like size_wh, or all of them."""
    height, width = image_hw
    scale = min(width / size_wh[0], height / size_wh[1])
    if part < 1:
        scale *= part * rng.uniform(1 / ZOOM, 1)
    size = np.array(size_wh) * scale
    start = rng.uniform(0, 1, 2) * (np.array([width, height]) - size)
    return np.concatenate([np.floor(start), np.minimum(np.ceil(start + size), [width, height])])


def window_pixels(image, window, size_wh, flip):
    """The window of the picture as RGB uint8 (H, W, 3) of size_wh, resized as the scripts resize."""
    x0, y0, x1, y1 = window.astype(int)
    shrinks = (x1 - x0) * (y1 - y0) > size_wh[0] * size_wh[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    image = cv2.resize(image[y0:y1, x0:x1], size_wh, interpolation=method)
    return np.ascontiguousarray(image[:, ::-1 if flip else 1, ::-1])


def recoloured(image, rng):
    """The picture with a random gain and offset for each channel."""
    # Mostly the same for all three, which is brightness; a quarter of it each channel's own, which is tint.
    gain, offset = rng.uniform(-1, 1, (2, 1)) + rng.uniform(-0.25, 0.25, (2, 3))       # (3,) each
    table = np.arange(256)[:, None] * (1 + GAIN * gain) + OFFSET * offset              # (256, 3)
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None])


def describe(outline, window, flip, rng):
    """(box, label, RoI, mask) of an object in a window, boxes in 0..1 of it; None if too little is left."""
    mask = rle_masks.decode(outline.rle)
    part = visible_box(outline.rle, mask, window)
    if part is None:
        return None
    origin, size = np.tile(window[:2], 2), np.tile(window[2:] - window[:2], 2)
    box = (part - origin) / size
    roi = np.clip(box + rng.uniform(-JITTER, JITTER, 4) * np.tile(box[2:] - box[:2], 2), 0, 1)
    cells = mask_target(mask, roi * size + origin)
    if flip:
        box, roi, cells = mirrored(box), mirrored(roi), cells[:, ::-1]
    return box, outline.label, roi, cells


def visible_box(rle, mask, window):
    """x0, y0, x1, y1 in pixels around what the window shows of a mask; None if that is too little."""
    x0, y0, width, height = rle_masks.toBbox(rle)
    box = np.array([x0, y0, x0 + width, y0 + height])
    part = np.concatenate([np.maximum(box[:2], window[:2]), np.minimum(box[2:], window[2:])])
    if (part == box).all():
        return box
    left, top, right, bottom = np.maximum(part, 0).astype(int)
    seen = mask[top:bottom, left:right]
    if (part[2:] <= part[:2]).any() or np.count_nonzero(seen) < VISIBLE * rle_masks.area(rle):
        return None
    x, y = (np.flatnonzero(seen.any(axis)) for axis in (0, 1))
    return np.array([left + x[0], top + y[0], left + x[-1] + 1, top + y[-1] + 1])


def mirrored(box):
    """A box x0, y0, x1, y1 in 0..1 after the picture is flipped left to right."""
    return np.array([1 - box[2], box[1], 1 - box[0], box[3]])


def mask_target(mask, roi):
    """How much of each of the 15 x 15 cells of a RoI the mask covers, 0..1, (15, 15) float.

    mask: (H, W) uint8 of 0 and 1; roi: x0, y0, x1, y1 in its pixels, in between pixels as may be. Cell i
    spans i / 15 to (i + 1) / 15 of the RoI, because the mask is pasted with cv2.resize. Exact: the sum over
    any rectangle is four values of the integral image, linear inside a pixel.
    """
    left, top = np.maximum(np.floor(roi[:2]).astype(int), 0)
    right, bottom = np.ceil(roi[2:]).astype(int)
    total = cv2.integral(np.ascontiguousarray(mask[top:bottom, left:right]), sdepth=cv2.CV_64F)
    x = np.linspace(roi[0], roi[2], MASK_CELLS + 1) - left
    y = np.linspace(roi[1], roi[3], MASK_CELLS + 1) - top
    corners = between(between(total, y).T, x).T                                        # (16, 16)
    area = (x[1] - x[0]) * (y[1] - y[0])
    return np.clip(np.diff(np.diff(corners, axis=0), axis=1) / max(area, 1e-9), 0, 1)


def between(rows, places):
    """Rows of an array (N, ...) at places (K,) in between, linearly: (K, ...)."""
    below = np.clip(places.astype(int), 0, len(rows) - 2)
    part = np.clip(places - below, 0, 1)[:, None]
    return rows[below] * (1 - part) + rows[below + 1] * part
