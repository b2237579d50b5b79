"""Measure weights on annotated pictures: COCO's box and mask AP, through the network that the scripts run.

    python mask-rcnn-coco/make/evaluate.py --weights my_graph.pb --images photos/ --annotations val.json
    python mask-rcnn-coco/make/evaluate.py --weights my_graph.pb --images photos/ --annotations val.json \\
        --interpolation nearest --threshold 0.5

AP is COCO's: the area under precision over recall, averaged over the classes that occur; AP50 counts an
object as found from an IoU of 0.5, AP averages over ten such limits, 0.50 to 0.95.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pycocotools import mask as rle_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dataset import load_coco, read_picture

from segmentation.instances import paste_mask
from segmentation.network import MaskRCNN
from segmentation.options import add_mask_options, number_in, run, size
from segmentation.weights import LABELS, MODEL_FOLDER, read_labels

CONFIDENCE = 0.05  # AP looks at the whole curve, so also at what scores too little to be shown


class Figures(NamedTuple):
    """AP in 0..1, -1 where nothing could be measured; by_class: name -> mask AP."""

    box_ap50: float
    box_ap: float
    mask_ap50: float
    mask_ap: float
    by_class: dict


def evaluate(net, dataset, threshold=0.3, interpolation="linear"):
    """The Figures of a MaskRCNN on a Dataset's pictures; a picture that cannot be read counts as empty."""
    results = []
    for number, picture in enumerate(tqdm(dataset.pictures, desc="measuring", unit="picture", leave=False)):
        image = read_picture(picture)
        if image is not None:
            results += coco_results(net(image), number, threshold, interpolation)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports each of its steps
        truth = coco_truth(dataset)
        boxes, masks = (measure(truth, results, kind) for kind in ("bbox", "segm"))
    names = {number: dataset.names[number] for number in truth.getCatIds()}
    by_class = {names[number]: mean(masks[:, :, index]) for index, number in enumerate(sorted(names))}
    return Figures(mean(boxes[0]), mean(boxes), mean(masks[0]), mean(masks), by_class)


def coco_results(found, number, threshold, interpolation):
    """Instances as COCO's list of results for the picture of that number; a category is the class from 0."""
    results = []
    for box, score, label, mask in zip(found.boxes, found.scores, found.class_ids, found.masks):
        x0, y0, x1, y1 = (int(edge) for edge in box)
        canvas = np.zeros(found.image_hw, np.uint8, order="F")
        canvas[y0:y1, x0:x1] = paste_mask(mask, box, threshold, interpolation)
        results.append({"image_id": number, "category_id": int(label), "score": float(score),
                        "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": rle_masks.encode(canvas)})
    return results


def coco_truth(dataset):
    """A Dataset as pycocotools takes it; pictures are numbered from 0, categories are the classes from 0."""
    truth, annotations = COCO(), []
    for number, picture in enumerate(dataset.pictures):
        for outline, crowd in [(o, 0) for o in picture.objects] + [(o, 1) for o in picture.crowds]:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": outline.label,
                                "iscrowd": crowd, "segmentation": outline.rle,
                                "area": float(rle_masks.area(outline.rle)),
                                "bbox": rle_masks.toBbox(outline.rle).tolist()})
    seen = sorted({annotation["category_id"] for annotation in annotations})
    sizes = [picture.image_hw for picture in dataset.pictures]
    truth.dataset = {"images": [{"id": number, "height": h, "width": w} for number, (h, w) in enumerate(sizes)],
                     "annotations": annotations, "categories": [{"id": label} for label in seen]}
    truth.createIndex()
    return truth


def measure(truth, results, kind):
    """Precision (10 IoUs, 101 recalls, classes), -1 where a class has no object; kind: "bbox" or "segm"."""
    if not results:
        return np.zeros((10, 101, len(truth.getCatIds())))
    evaluation = COCOeval(truth, truth.loadRes(results), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1]  # objects of all sizes, up to 100 a picture


def mean(precision):
    """AP: the mean of the precisions that were measured; -1 without any."""
    measured = precision[precision > -1]
    return float(measured.mean()) if measured.size else -1.0


def report(figures, pictures):
    """The figures as lines of text."""
    lines = [f"[INFO] {pictures} pictures: box AP50 {figures.box_ap50:.3f}, box AP {figures.box_ap:.3f}, "
             f"mask AP50 {figures.mask_ap50:.3f}, mask AP {figures.mask_ap:.3f}"]
    ordered = sorted(figures.by_class.items(), key=lambda entry: -entry[1])
    return "\n".join(lines + [f"  {name:<20} mask AP {ap:.3f}" for name, ap in ordered])


def work(args):
    """Load, measure, print; the exit code."""
    dataset = load_coco(args.annotations, args.images, read_labels(MODEL_FOLDER / LABELS))
    net = MaskRCNN.load(MODEL_FOLDER, args.weights, args.size, args.confidence)
    print(report(evaluate(net, dataset, args.threshold, args.interpolation), len(dataset)))
    return 0


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", metavar="FILE", required=True, help="the frozen graph to measure")
    parser.add_argument("--images", metavar="DIR", required=True, help="folder of the pictures")
    parser.add_argument("--annotations", metavar="FILE", required=True, help="their objects, COCO's JSON")
    parser.add_argument("--confidence", type=number_in(0, 1), default=CONFIDENCE, metavar="P",
                        help="count objects that score more than this, 0 to 1 (default: %(default)s)")
    parser.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                        help="what the network sees; keep is the model's own rule (default: %(default)s)")
    add_mask_options(parser)
    return parser


def main(argv=None) -> int:
    return run(work, make_parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
