"""Draws scenes in COCO's instance format, to train and to test a small Mask R-CNN.

    python -m segmentation.training.scenes.draw --out scenes --count 500 --seed 7 --split test

writes scenes/images/00000.jpg to 00499.jpg and scenes/instances.json. Each scene holds 1 to 8 objects of the
classes in shapes.py, in front of backgrounds.py or of photos, with the masks of what is seen of each object.
Scene i depends on the seed and on i alone: more scenes, or fewer, leave the others as they are.

What the pictures vary in is what the network is to ignore: how large an object is (0.14 to 0.6 of the short
side), its angle (+-12 degrees), light, texture and shadow, what covers it (at most 35 % of it), and the
background, of which the training and the test pictures have different kinds.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple, Optional

import cv2
import numpy as np
from pycocotools import mask as rle
from tqdm import tqdm

from segmentation import SegmentationError
from segmentation.cli.options import number_in
from segmentation.files import complete_file, reason
from segmentation.terminal import info, run, warn
from segmentation.training.scenes import backgrounds
from segmentation.training.scenes.shapes import CLASSES, SUPERSAMPLING, draw_canvas
from segmentation.training.scenes.sprites import Picture, Sprite

SIZE_RANGE = (0.14, 0.6)        # an object's longer side, of the short side of the picture
MOST_OBJECTS = 8
MOST_HIDDEN = 0.35              # of an object, behind others or outside the picture
MOST_TURNED = 12.0              # degrees
LONGEST_ASPECT = 2.5            # the long side of a picture over its short one
TRIES = 14                      # places tried for an object before it is drawn smaller
PHOTO_SHARE = 0.5               # of the scenes, where there are photos
GRAIN = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])   # a byte to normal noise

OUTDOOR = ("person", "dog", "cat", "sports ball", "umbrella", "kite", "airplane")
INDOOR = ("chair", "tv", "clock", "potted plant", "cat", "dog", "person", "book")
FOOD = ("cup", "bottle", "banana", "orange", "pizza", "donut", "book", "cup", "pizza", "donut")
IN_THE_SKY, ON_THE_WALL, ON_THE_SEA = ("airplane", "kite"), ("clock",), ("boat",)
ON_THE_GROUND = [name for name in CLASSES if name not in IN_THE_SKY + ON_THE_WALL + ON_THE_SEA]
TRUE_TO_LIFE = {                # how large things are that stand beside each other; a person is 1
    "bus": 1.6, "car": 1.15, "boat": 1.2, "elephant": 1.35, "traffic light": 1.05, "stop sign": 0.95,
    "dog": 0.62, "cat": 0.5, "sports ball": 0.34, "clock": 0.45, "potted plant": 0.7, "book": 0.5,
    "cup": 0.45, "chair": 0.85, "umbrella": 0.75, "kite": 0.6, "bottle": 0.8, "orange": 0.42,
    "banana": 0.55, "donut": 0.5, "tv": 0.9,
}


class Place(NamedTuple):
    """A kind of background, the classes at home there (None: any), and how often it is drawn."""
    paint: Callable
    names: Optional[tuple]
    weight: float


STREET = (*OUTDOOR, "car", "bus", "car", "bus", "traffic light", "stop sign")
PLACES = {
    "train": {
        "field": Place(backgrounds.field, (*OUTDOOR, "elephant", "car", "potted plant"), 2),
        "room": Place(backgrounds.room, INDOOR, 2),
        "boards": Place(backgrounds.boards, FOOD, 1.5),
        "wood": Place(backgrounds.boards, None, 1),
        "bricks": Place(backgrounds.bricks, None, 1.5),
        "lawn": Place(backgrounds.lawn, None, 1.5),
        "gradient": Place(backgrounds.gradient, None, 2),
        "colour clouds": Place(backgrounds.colour_clouds, None, 2),
    },
    "test": {
        "street": Place(backgrounds.street, STREET, 2),
        "shore": Place(backgrounds.shore, (*OUTDOOR, "boat", "boat", "elephant"), 1.5),
        "lounge": Place(backgrounds.lounge, INDOOR, 2),
        "tablecloth": Place(backgrounds.tablecloth, FOOD, 1.5),
        "tiles": Place(backgrounds.tiles, None, 1.5),
        "stripes": Place(backgrounds.stripes, None, 1.5),
        "halo": Place(backgrounds.halo, None, 2),
        "pebbles": Place(backgrounds.pebbles, None, 1),
    },
}


# ---- Objects in their places -----------------------------------------------------------------------------

def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def draw_lots(rng, place, count):
    """The names of the objects of a scene, the ones farther away first, and their sizes of the short side."""
    if place.names is None:
        return [(str(name), log_uniform(rng, *SIZE_RANGE)) for name in rng.choice(list(CLASSES), count)]
    names = [str(name) for name in rng.choice(place.names, count, replace=count > len(place.names))]
    person = log_uniform(rng, 0.3, 0.5)
    sizes = [np.clip(person * TRUE_TO_LIFE.get(name, 1.0) * rng.uniform(0.85, 1.15),
                     *SIZE_RANGE) for name in names]
    lots = list(zip(names, map(float, sizes)))
    far = [lot for lot in lots if lot[0] not in ON_THE_GROUND]
    return far + [lot for lot in lots if lot[0] in ON_THE_GROUND]


def find_spot(rng, sprite, size_wh, horizon, nearness):
    """Moves a sprite to a place that suits it; nearness 0..1 is how near the viewer it stands."""
    width, height = size_wh
    sprite.x, sprite.y = width / 2, height / 2
    patch, (x0, y0) = sprite.patch()
    h, w = patch.shape[:2]
    out = 0.12 if rng.random() < 0.2 else 0.0                   # some objects are cut by the border
    x = rng.uniform(-out * w, max(width - w + out * w, 1))
    if horizon is None:
        y = rng.uniform(-out * h, max(height - h + out * h, 1))
    elif sprite.name in IN_THE_SKY + ON_THE_WALL:
        y = rng.uniform(0.02 * height, max(0.9 * horizon - h, 0.03 * height))
    elif sprite.name in ON_THE_SEA:
        y = horizon - h - rng.uniform(0, 0.1) * height
    else:
        near = np.clip(nearness + rng.uniform(-0.08, 0.08), 0.06, 0.97)
        y = horizon + near * (height - horizon) - h
        sprite.standing = True
    x, y = round(x), round(y)
    sprite.x, sprite.y = sprite.x + x - x0, sprite.y + y - y0
    return patch, (x, y)


def compose(rng, background, horizon, lots):
    """A Picture of the lots [(name, size)] in front of a background, and its sprites.

    Each object goes where it hides at most MOST_HIDDEN of those behind it; one that finds no such place is
    drawn smaller, and left out in the end.
    """
    picture, sprites = Picture(background), []
    height, width = background.shape[:2]
    shaded = rng.uniform(0.2, 0.6) if horizon is not None or rng.random() < 0.75 else 0.0
    for number, (name, size) in enumerate(lots):
        for smaller in (1.0, 0.7, 0.5):
            side = max(24, round(max(size * smaller, SIZE_RANGE[0]) * min(width, height)))
            turned = rng.uniform(-MOST_TURNED,
                                 MOST_TURNED) * (0.25 if horizon and name not in IN_THE_SKY else 1)
            sprite = Sprite(name, draw_canvas(rng, name, side), angle=turned)
            if horizon is None or name not in IN_THE_SKY + ON_THE_SEA:
                sprite.shadow = shaded
            for _ in range(TRIES):
                patch, corner = find_spot(rng, sprite, (width, height), horizon, (number + 0.5) / len(lots))
                if picture.hidden(patch, corner) <= MOST_HIDDEN:
                    break
            else:
                continue
            picture.put(patch, corner, sprite)
            sprites.append(sprite)
            break
    return picture, sprites


# ---- Scenes and clips ------------------------------------------------------------------------------------

def draw_background(rng, size_wh, split, place=None, photos=()):
    """A background (H, W, 3), its horizon or None, and its Place: the one named, or by lot."""
    if place is None and photos and rng.random() < PHOTO_SHARE:
        return crop_photo(rng, photos[rng.integers(len(photos))], size_wh), None, Place(None, None, 0)
    places = PLACES[split]
    if place is None:
        weights = np.array([kind.weight for kind in places.values()])
        place = list(places)[rng.choice(len(places), p=weights / weights.sum())]
    image, horizon = places[place].paint(rng, size_wh)
    if places[place].names is None and rng.random() < 0.6:
        backgrounds.scatter_shapes(rng, image, int(rng.integers(1, 7)))
    return image, horizon, places[place]


def crop_photo(rng, path, size_wh):
    """A part of a photo, at least half as wide or high as it, in the shape of the picture."""
    photo = cv2.imread(str(path))
    height, width = photo.shape[:2]
    share = min(width / size_wh[0], height / size_wh[1]) * rng.uniform(0.5, 1)
    w, h = max(1, int(size_wh[0] * share)), max(1, int(size_wh[1] * share))
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    return cv2.resize(photo[y:y + h, x:x + w], size_wh,
                      interpolation=cv2.INTER_AREA if share > 1 else cv2.INTER_LINEAR)


def draw_look(rng, size_wh, clean=False):
    """The camera: a function from image to image that changes light, contrast, tint, blur and noise.

    clean leaves out blur and noise, for clips: noise that changes with each frame is most of a video's size.
    """
    gain, gamma = rng.uniform(0.8, 1.15), rng.uniform(0.85, 1.2)
    tints = gain * (1 + rng.uniform(-0.06, 0.06, 3))
    levels = (np.arange(256) / 255)[:, None] ** gamma * 255 * tints             # (256, 3)
    table = np.clip(levels, 0, 255).astype(np.uint8)[:, None]                   # (256, 1, 3)
    corner = rng.uniform(0, 0.35) if rng.random() < 0.5 else 0.0
    ramp = np.linspace(-1, 1, 32) ** 2
    vignette = cv2.resize(np.uint8(255 * (1 - corner * (ramp[:, None] + ramp) / 2)), size_wh)
    blur = rng.uniform(0.4, 1.1) if rng.random() < 0.2 and not clean else 0
    sigma = rng.uniform(1, 8) if rng.random() < 0.6 and not clean else 0

    def look(image):
        image = cv2.LUT(image, table)
        if corner:
            image = cv2.multiply(image, cv2.merge([vignette] * 3), scale=1 / 255)
        if blur:
            image = cv2.GaussianBlur(image, (0, 0), blur)
        if sigma:
            grain = rng.integers(0, 256, image.shape, np.uint8)
            image = cv2.add(image, cv2.LUT(grain, np.rint(GRAIN * sigma).astype(np.int16)), dtype=cv2.CV_8U)
        return image
    return look


def draw_scene(rng, size_wh, split="train", count=None, place=None, photos=()):
    """A scene: image BGR uint8 (H, W, 3) and objects [(category id, mask bool (H, W))], the hindmost first.

    count is 1 to 8 where not given (fewer are drawn where there is no room); place is one of PLACES[split],
    or drawn by lot; photos are paths, used as backgrounds for half of the scenes. The masks are disjoint:
    each holds the pixels where that object is what is seen.
    """
    background, horizon, kind = draw_background(rng, size_wh, split, place, photos)
    lots = draw_lots(rng, kind, count or int(rng.integers(1, MOST_OBJECTS + 1)))
    picture, sprites = compose(rng, background, horizon, lots)
    return draw_look(rng, size_wh)(picture.image), picture.objects(sprites)


def draw_clip(rng, size_wh, frames, split="test", count=5, place=None, names=None):
    """Frames of a scene in motion: yields image and objects as draw_scene gives them, `frames` times.

    names, where given, are the classes of the objects, in place of `count` drawn by lot.

    The background, the look, the objects and their order stay; each object drifts and sways about its place
    and comes back to it, so the last frame leads over to the first. An object's mask may be empty in a frame.
    """
    background, horizon, kind = draw_background(rng, size_wh, split, place)
    if names:
        kind, count = kind._replace(names=tuple(names)), len(names)
    _, sprites = compose(rng, background, horizon, draw_lots(rng, kind, count))
    paths = draw_paths(rng, sprites, background)
    look = draw_look(rng, size_wh, clean=True)
    for frame in range(frames):
        picture = show(background, sprites, paths, frame / frames)
        yield look(picture.image), picture.objects(sprites)


def draw_paths(rng, sprites, background):
    """How far each sprite moves in x, y, angle and scale, and its phases: (N, 4) and (N, 4).

    Drawn anew, and smaller, until no object is hidden by more than half at any of a dozen moments.
    """
    sides = np.array([sprite.canvas.shape[0] / SUPERSAMPLING for sprite in sprites])
    for attempt in range(12):
        reach = rng.uniform((0.25, 0.02, 2, 0.02), (0.6, 0.08, 5, 0.06), (len(sides), 4)) * 0.85**attempt
        sway = np.array([0.3 if sprite.standing else 1.0 for sprite in sprites])
        moves = reach * np.stack([sides, sides, sway, np.ones_like(sides)], axis=1)
        phases = rng.uniform(0, 2 * math.pi) + rng.uniform(-1, 1, moves.shape)
        pictures = [show(background, sprites, (moves, phases), k / 12) for k in range(12)]
        if min(np.min(np.divide(picture.seen[1:], picture.full[1:])) for picture in pictures) >= 0.5:
            break
    return moves, phases


def show(background, sprites, paths, time):
    """The Picture of the sprites at a time 0..1 on their paths."""
    picture = Picture(background)
    for sprite, move, phase in zip(sprites, *paths):
        x, y, angle, scale = move * (np.sin(2 * math.pi * time + phase) - np.sin(phase))
        moved = Sprite(sprite.name, sprite.canvas, sprite.x + x, sprite.y + y, sprite.angle + angle,
                       1 + scale, sprite.standing, sprite.shadow)
        picture.put(*moved.patch(), moved)
    return picture


# ---- A data set ------------------------------------------------------------------------------------------

def draw_size(rng, min_size, max_size):
    """A size (width, height) between two, at any aspect up to LONGEST_ASPECT."""
    width = round(log_uniform(rng, min_size[0], max_size[0]))
    low = min(max(min_size[1], math.ceil(width / LONGEST_ASPECT)), max_size[1])
    high = max(min(max_size[1], int(width * LONGEST_ASPECT)), low)
    return width, round(log_uniform(rng, low, high))


def annotation(number, image_id, category_id, mask):
    """One object as COCO's instance format has it: compressed RLE, area and box (x, y, width, height)."""
    code = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"id": number, "image_id": image_id, "category_id": category_id, "iscrowd": 0,
            "area": int(rle.area(code)), "bbox": [float(v) for v in rle.toBbox(code)],
            "segmentation": {"size": list(map(int, code["size"])), "counts": code["counts"].decode("ascii")}}


def write_dataset(folder, count, seed, min_size=(320, 240), max_size=(1920, 1080), split="train", photos=(),
                  suffix=".jpg"):
    """Writes `count` scenes and their instances.json into a folder; returns the path of that file."""
    folder = Path(folder)
    images, annotations = [], []
    for index in tqdm(range(count), unit="scene", file=sys.stderr):
        rng = np.random.default_rng([seed, index])
        size_wh = draw_size(rng, min_size, max_size)
        image, objects = draw_scene(rng, size_wh, split, photos=photos)
        name = f"{index:05d}{suffix}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix == ".jpg" else []
        with complete_file(folder / "images" / name) as temporary:
            cv2.imwrite(str(temporary), image, quality)
        images.append({"id": index, "file_name": name, "width": size_wh[0], "height": size_wh[1]})
        for category_id, mask in objects:
            annotations.append(annotation(len(annotations) + 1, index, category_id, mask))
    categories = [{"id": category_id, "name": name} for name, (category_id, _) in CLASSES.items()]
    path = folder / "instances.json"
    origin = {"description": f"{count} drawn scenes", "seed": seed, "split": split}
    with complete_file(path) as temporary:
        temporary.write_text(json.dumps({"info": origin, "images": images, "annotations": annotations,
                                         "categories": categories}), encoding="utf-8")
    return path


def usable_photos(folder, annotations=None):
    """The photos in a folder that can be read and, by their annotations, show none of the classes drawn here.

    A cup in a background, not labelled, would teach the network that cups are background. With annotations
    (COCO's instance format), photos that they do not list are left out too. Returns the paths, and a warning
    for each photo that cannot be read. SegmentationError where folder or annotations cannot.
    """
    if not Path(folder).is_dir():
        raise SegmentationError(f"{folder} is not a folder of photos: name one with --backgrounds")
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg",
                                                                                      ".png"))
    if annotations:
        harmless = photos_without_classes(annotations)
        paths = [path for path in paths if path.name in harmless]
    readable = [path for path in paths if cv2.imread(str(path)) is not None]
    return readable, [f"{path} cannot be read and is left out" for path in paths if path not in readable]


def photos_without_classes(annotations):
    """The names of the photos in which an instance file marks none of the classes drawn here."""
    try:
        data = json.loads(Path(annotations).read_text(encoding="utf-8"))
        drawn = {category["id"] for category in data["categories"] if category["name"] in CLASSES}
        shown = {entry["image_id"] for entry in data["annotations"] if entry["category_id"] in drawn}
        return {Path(entry["file_name"]).name for entry in data["images"] if entry["id"] not in shown}
    except OSError as error:
        raise SegmentationError(f"cannot read {annotations}: {reason(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SegmentationError(f"{annotations} is not a file in COCO's instance format: it must be JSON with "
                                "the lists images, categories and annotations") from error


# ---- The command -----------------------------------------------------------------------------------------

def size(text):
    """A size such as 640x480, at least 64 pixels each way."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 64):
        raise argparse.ArgumentTypeError(f"must be WIDTHxHEIGHT from 64x64, such as 640x480, got {text!r}")
    return int(width), int(height)


natural = number_in(0, 2**31, int)


def make_parser():
    parser = argparse.ArgumentParser(description="Draw scenes with masks, as a COCO data set.")
    parser.add_argument("--out", required=True, type=Path, help="folder for images/ and instances.json")
    parser.add_argument("--count", type=natural, default=500, metavar="N",
                        help="number of scenes (default: %(default)s)")
    parser.add_argument("--seed", type=natural, default=0, metavar="N",
                        help="another seed gives other scenes (default: %(default)s)")
    parser.add_argument("--split", choices=list(PLACES), default="train",
                        help="kinds of background: train's or test's (default: %(default)s)")
    parser.add_argument("--min-size", type=size, default=(320, 240), metavar="WxH",
                        help="smallest picture (default: 320x240)")
    parser.add_argument("--max-size", type=size, default=(1920, 1080), metavar="WxH",
                        help="largest picture (default: 1920x1080)")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos for half of the backgrounds")
    parser.add_argument("--background-annotations", type=Path, metavar="FILE.json",
                        help="what they show, in COCO's format: those with a class drawn here are left out")
    parser.add_argument("--png", action="store_true", help="write PNG, without loss, and not JPEG")
    return parser


def find_photos(args):
    photos, warnings = usable_photos(args.backgrounds, args.background_annotations)
    for warning in warnings:
        warn(f"[WARNING] {warning}")
    if not photos:
        raise SegmentationError(f"{args.backgrounds} holds no photo that can serve as a background")
    info(f"{len(photos)} photos of {args.backgrounds} serve as backgrounds")
    return photos


def work(args):
    """Draw and write what the options ask for; the exit code."""
    cv2.setNumThreads(1)  # the pictures are too small to share out
    photos = find_photos(args) if args.backgrounds else []
    path = write_dataset(args.out, args.count, args.seed, args.min_size, args.max_size, args.split,
                         photos, ".png" if args.png else ".jpg")
    info(f"{args.count} scenes in {path.parent / 'images'}, their objects in {path}")
    return 0


def main(argv=None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if any(low > high for low, high in zip(args.min_size, args.max_size)):
        parser.error("--min-size must not exceed --max-size, got "
                     f"{args.min_size[0]}x{args.min_size[1]} and {args.max_size[0]}x{args.max_size[1]}")
    if args.background_annotations and not args.backgrounds:
        parser.error("--background-annotations needs --backgrounds, the folder of the photos")
    return run(work, args)


if __name__ == "__main__":
    sys.exit(main())
