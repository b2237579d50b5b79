"""A scene: objects in front of a background, with exact masks.

    image, objects = draw_scene(np.random.default_rng(7), (640, 480), split="test")
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.training.scenes.arranging import compose, draw_lots
from segmentation.training.scenes.camera import draw_look
from segmentation.training.scenes.places import PLACES
from segmentation.training.scenes.surfaces import scatter_shapes

MOST_OBJECTS = 8
PHOTO_SHARE = 0.5               # of the scenes, where there are photos


def draw_scene(rng: np.random.Generator, size_wh: tuple[int, int], split: str = "train", count: Optional[int] = None,
               place: Optional[str] = None,
               photos: Sequence[Union[str, Path]] = ()) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """A scene: image BGR uint8 (H, W, 3) and objects [(category id, mask bool (H, W))], the farthest first.

    split: "train" or "test", the kinds of background
    count: number of objects, without it 1 to 8 at random; there are fewer where there is no room
    place: one of PLACES[split], without it one at random
    photos: paths of pictures that serve as backgrounds for half of the scenes

    The masks are disjoint: each has the pixels where its object is visible. Raises SegmentationError where a photo
    cannot be read.
    """
    background, horizon, names = draw_background(rng, size_wh, split, place, photos)
    lots = draw_lots(rng, names, count or int(rng.integers(1, MOST_OBJECTS + 1)))
    picture, sprites = compose(rng, background, horizon, lots)
    return draw_look(rng, size_wh)(picture.image), picture.objects(sprites)


def draw_background(rng: np.random.Generator, size_wh: tuple[int, int], split: str, place: Optional[str] = None,
                    photos: Sequence[Union[str, Path]] = ()) -> tuple[
                        np.ndarray, Optional[int], Optional[tuple[str, ...]]]:
    """A background (H, W, 3), the row where its ground begins or None, and the names of the classes at home there.

    place: one of PLACES[split], without it one at random, or a photo
    """
    if place is None and photos and rng.random() < PHOTO_SHARE:
        return crop_photo(rng, photos[int(rng.integers(len(photos)))], size_wh), None, None
    places = PLACES[split]
    if place is None:
        weights = np.array([kind.weight for kind in places.values()])
        place = list(places)[rng.choice(len(places), p=weights / weights.sum())]
    image, horizon = places[place].paint(rng, size_wh)
    if places[place].names is None and rng.random() < 0.6:
        scatter_shapes(rng, image, int(rng.integers(1, 7)))
    return image, horizon, places[place].names


def crop_photo(rng: np.random.Generator, path: Union[str, Path], size_wh: tuple[int, int]) -> np.ndarray:
    """A window of a photo in the shape of size_wh, at least half as wide or half as high as the photo.

    Raises SegmentationError where the photo cannot be read.
    """
    photo = cv2.imread(str(path))
    if photo is None:
        raise SegmentationError(f"cannot read the photo {path}: leave it out of --backgrounds")
    height, width = photo.shape[:2]
    share = min(width / size_wh[0], height / size_wh[1]) * rng.uniform(0.5, 1)
    w, h = max(1, int(size_wh[0] * share)), max(1, int(size_wh[1] * share))
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    return cv2.resize(photo[y:y + h, x:x + w], size_wh,
                      interpolation=cv2.INTER_AREA if share > 1 else cv2.INTER_LINEAR)
