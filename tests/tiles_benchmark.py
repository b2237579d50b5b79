"""What --tiles finds in large pictures, and how long it takes: AP of small and of large objects, with and without.

    python tests/tiles_benchmark.py                                     the demo graph, no tiles and 2, 3, 5
    python tests/tiles_benchmark.py --tiles 0 5 --pictures 3 --engine onnxruntime

Each picture has 6000x4000 pixels: on its left two drawn scenes of 3000x2000, on its right fifty of 600x400. An object
is small if it covers less than a thousandth of the picture. An object is there twice if two detections that are shown
have its class and a mask IoU of at least 0.5 with it.
"""

import argparse
import contextlib
import io
import sys
import time
from pathlib import Path

import numpy as np
from pycocotools import mask as rle_masks
from pycocotools.cocoeval import COCOeval

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import DEMO, MODEL_FOLDER
from segmentation.training.dataset import Dataset, Outline, Picture
from segmentation.training.evaluate import CONFIDENCE, coco_results, coco_truth
from segmentation.training.scenes.scene import draw_scene

HEIGHT, WIDTH = 4000, 6000
SMALL = HEIGHT * WIDTH / 1000  # pixels
SHOWN = 0.5  # the confidence above which objects are shown
SAME = 0.5


def parts():
    """(x, y, width, height) of each scene in a picture."""
    large = [(0, y, 3000, 2000) for y in (0, 2000)]
    return large + [(x, y, 600, 400) for y in range(0, HEIGHT, 400) for x in range(3000, WIDTH, 600)]


def draw(number):
    """(image, BGR uint8 (HEIGHT, WIDTH, 3), the Picture that says what it shows)."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    objects = []
    for place, (x, y, width, height) in enumerate(parts()):
        scene, found = draw_scene(np.random.default_rng([7, number, place]), (width, height), "test")
        image[y:y + height, x:x + width] = scene
        for category, mask in found:
            canvas = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
            canvas[y:y + height, x:x + width] = mask
            objects.append(Outline(category - 1, rle_masks.encode(canvas)))
    return image, Picture(Path(), (HEIGHT, WIDTH), objects)


def average_precisions(truth, results, kind):
    """AP of small, of large and of all objects. kind: "bbox" or "segm"."""
    if not results:
        return [0.0, 0.0, 0.0]
    with contextlib.redirect_stdout(io.StringIO()):
        measured = COCOeval(truth, truth.loadRes(results), kind)
        measured.params.areaRng = [[0, SMALL], [SMALL, 1e10], [0, 1e10]]
        measured.params.areaRngLbl = ["small", "large", "all"]
        measured.params.maxDets = [1, 10, 1000]
        measured.evaluate()
        measured.accumulate()
    values = [measured.eval["precision"][:, :, :, area, -1] for area in range(3)]
    return [float(value[value > -1].mean()) for value in values]


def count_twice(pictures, results):
    """How many objects are there twice."""
    twice = 0
    for number, picture in enumerate(pictures):
        shown = [row for row in results if row["image_id"] == number and row["score"] > SHOWN]
        if not shown:
            continue
        ious = rle_masks.iou([row["segmentation"] for row in shown], [one.rle for one in picture.objects],
                             [0] * len(picture.objects))
        same = np.array([[row["category_id"] == one.label for one in picture.objects] for row in shown])
        twice += int((((ious >= SAME) & same).sum(0) > 1).sum())
    return twice


def report(name, truth, pictures, results, seconds):
    """Print one row of the table."""
    boxes, masks = (average_precisions(truth, results, kind) for kind in ("bbox", "segm"))
    cells = [f"{mask:.3f} ({box:.3f})" for box, mask in zip(boxes, masks)]
    print(f"| {name} | {' | '.join(cells)} | {count_twice(pictures, results)} | {np.median(seconds):.1f} "
          f"({min(seconds):.1f}-{max(seconds):.1f}) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=MODEL_FOLDER / DEMO)
    parser.add_argument("--engine", default="opencv")
    parser.add_argument("--tiles", type=int, nargs="+", default=[0, 2, 3, 5], help="0: none")
    parser.add_argument("--pictures", type=int, default=3)
    args = parser.parse_args()
    images, pictures = zip(*(draw(number) for number in range(args.pictures)))
    nets = {tiles: MaskRCNN.load(MODEL_FOLDER, args.weights, engine=args.engine, confidence=CONFIDENCE,
                                 tiles=tiles or None) for tiles in args.tiles}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco_truth(Dataset(list(pictures), nets[args.tiles[0]].labels, {}, False))
    print(f"{sum(len(picture.objects) for picture in pictures)} objects in {len(pictures)} pictures, {args.engine}")
    print("| --tiles | mask AP (box AP) of small objects | of large ones | of all | twice | seconds a picture |")
    print("|---|---|---|---|---|---|")
    results, seconds = {tiles: [] for tiles in nets}, {tiles: [] for tiles in nets}
    for number, image in enumerate(images):
        for tiles, net in nets.items():
            began = time.perf_counter()
            found = net(image)
            seconds[tiles].append(time.perf_counter() - began)
            results[tiles] += coco_results(found, number, found.mask_threshold, found.interpolation)
    for tiles in nets:
        report(tiles or "none", truth, pictures, results[tiles], seconds[tiles])


if __name__ == "__main__":
    main()
