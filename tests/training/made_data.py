"""A made data set of a few pictures, and the command that trains on it."""

import json

import cv2
import numpy as np

from segmentation.network.weights import MODEL_FOLDER
from segmentation.training import train

OWN = [{"id": 3, "name": "disc"}, {"id": 8, "name": "square"}]
COCO = [{"id": 13, "name": "stop sign"}, {"id": 85, "name": "clock"}]
NAMES = tuple((MODEL_FOLDER / "object_detection_classes_coco.txt").read_text().splitlines())


def make_folder(path, categories, count=6):
    """Fill a folder with pictures that show a disc (RLE) and a square (polygon) each, and with their a.json."""
    rng, images, annotations = np.random.default_rng(0), [], []
    for number in range(count):
        image = rng.integers(0, 90, (120, 160, 3), np.uint8)
        x, y = (int(v) for v in rng.integers(0, 20, 2))
        disc = np.zeros((120, 160), np.uint8)
        cv2.circle(disc, (x + 35, y + 35), 30, 1, -1)
        image[disc > 0] = (40, 200, 250)
        image[y + 30:y + 80, x + 85:x + 135] = (250, 80, 40)
        cv2.imwrite(str(path / f"{number}.png"), image)
        images.append({"id": number, "file_name": f"{number}.png", "height": 120, "width": 160})
        runs = np.diff(np.flatnonzero(np.diff(disc.T.ravel(), prepend=2, append=2)))  # uncompressed RLE
        square = [[x + 85, y + 30, x + 135, y + 30, x + 135, y + 80, x + 85, y + 80]]
        assert runs.sum() == disc.size
        for category, outline in zip(categories, ({"size": [120, 160], "counts": runs.tolist()}, square)):
            annotations.append({"id": len(annotations), "image_id": number, "iscrowd": 0,
                                "category_id": category["id"], "segmentation": outline})
    write(path, images=images, annotations=annotations, categories=categories)
    return path


def write(folder, **lists):
    """Write the lists of a folder's a.json."""
    (folder / "a.json").write_text(json.dumps(lists))


def read(folder):
    """The lists of a folder's a.json."""
    return json.loads((folder / "a.json").read_text())


def run(folder, *options, out="g.pb"):
    """The exit code of train.py on the folder, from nothing and at the smallest width and size if it is not said."""
    start = () if {"--init", "--pretrained"} & set(options) else ("--init", "scratch")
    width = () if {"--width", "demo"} & set(options) else ("--width", "0.02")
    return train.main(["--images", str(folder), "--annotations", str(folder / "a.json"), "--batch", "2",
                       "--short-side", "97", "--long-side", "129", "--out", str(folder / out),
                       *start, *width, *options])
