"""Measure weights on annotated pictures: COCO's box and mask AP, through the network that the scripts run.

    python -m segmentation.training.evaluate --weights my_graph.pb --images photos/ --annotations val.json
    python -m segmentation.training.evaluate --weights my_graph.pb --images photos/ --annotations val.json \\
        --interpolation nearest linear cubic --threshold 0.3 0.5 --known-classes

AP is COCO's: the area under the curve of precision over recall, averaged over the classes that occur. AP50 counts an
object as found from an IoU of 0.5; AP is the average over ten such limits, 0.50 to 0.95. Several interpolations and
thresholds are measured on the same detections. With --known-classes only the classes count that the graph has seen in
training: a graph that knows 24 of COCO's classes cannot find the other 56 on a photo.
"""

import argparse
import contextlib
import io
import itertools
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from pycocotools import mask as rle_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from segmentation import SegmentationError
from segmentation.cli.options import size, tiles
from segmentation.cli.parser import Parser, number_in
from segmentation.instances import INTERPOLATIONS, Instances, paste_mask
from segmentation.network.engines import DEVICES, PRECISIONS, check_choice
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.model import known_classes
from segmentation.network.weights import LABELS, MODEL_FOLDER, read_labels
from segmentation.terminal import info, run
from segmentation.training.coco import load_coco
from segmentation.training.dataset import Dataset
from segmentation.training.weights_file import read_consts
from segmentation.wording import counted

SURE = 0.9
CONFIDENCE = 0.05  # AP looks at the whole curve, so also at objects whose score is too low to be shown


class Figures(NamedTuple):
    """AP in 0..1, -1 where nothing could be measured.

    by_class: name -> (mask AP50, mask AP)
    empty: pictures that show none of the classes
    mistaken: those of them on which one of the classes is found with a score above SURE
    """

    box_ap50: float
    box_ap: float
    mask_ap50: float
    mask_ap: float
    by_class: dict[str, tuple[float, float]]
    empty: int
    mistaken: int


def evaluate(net: Callable[[np.ndarray], Instances], dataset: Dataset,
             pastes: Sequence[tuple[float, str]] = ((0.3, "cubic"),),
             classes: Optional[Collection[str]] = None) -> list[Figures]:
    """The Figures of a network on a Dataset's pictures, for each way to paste masks, in the order of `pastes`.

    net: a MaskRCNN, or another function from a picture to Instances
    pastes: (threshold, interpolation) of each way
    classes: the names of those that count, without it all

    A picture that cannot be read counts as one on which nothing was found.
    """
    results: dict[tuple[float, str], list[dict]] = {paste: [] for paste in pastes}
    mistaken = []
    counted = [label for label, name in enumerate(dataset.names) if classes is None or name in classes]
    bar = tqdm(dataset.pictures, desc="measuring", unit="picture", leave=False, disable=None)  # on a terminal
    for number, picture in enumerate(bar):
        image = picture.read()
        found = net(image) if image is not None else None
        if found is not None:
            for paste in pastes:
                results[paste] += coco_results(found, number, *paste)
        if not any(outline.label in counted for outline in picture.objects + picture.crowds):
            mistaken.append(found is not None
                            and bool(np.isin(found.class_ids[found.scores > SURE], counted).any()))
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports each of its steps
        truth = coco_truth(dataset, classes)
        boxes = measure(truth, results[pastes[0]], "bbox")
        return [figures(truth, dataset.names, boxes, measure(truth, results[paste], "segm"), mistaken)
                for paste in pastes]


def figures(truth: COCO, names: Sequence[str], boxes: np.ndarray, masks: np.ndarray,
            mistaken: Sequence[bool]) -> Figures:
    """The Figures of the precisions of boxes and of masks, each as `measure` gives it.

    mistaken: of each picture that shows none of the classes, whether one is found on it
    """
    by_class = {names[label]: (mean(masks[0, :, index]), mean(masks[:, :, index]))
                for index, label in enumerate(sorted(truth.getCatIds()))}
    return Figures(mean(boxes[0]), mean(boxes), mean(masks[0]), mean(masks), by_class, len(mistaken), sum(mistaken))


def coco_results(found: Instances, number: int, threshold: float, interpolation: str) -> list[dict]:
    """Instances as COCO's list of results for the picture of that number; categories are the classes from 0."""
    results = []
    for box, score, label, mask in zip(found.boxes, found.scores, found.class_ids, found.masks):
        x0, y0, x1, y1 = (int(edge) for edge in box)
        canvas = np.zeros(found.image_hw, np.uint8, order="F")
        canvas[y0:y1, x0:x1] = paste_mask(mask, box, threshold, interpolation)
        results.append({"image_id": number, "category_id": int(label), "score": float(score),
                        "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": rle_masks.encode(canvas)})
    return results


def coco_truth(dataset: Dataset, classes: Optional[Collection[str]] = None) -> COCO:
    """A Dataset as pycocotools takes it; pictures are numbered from 0, categories are the classes from 0.

    The categories are those that occur, of `classes`, names, where given.
    """
    truth = COCO()
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(dataset.pictures):
        for outline, crowd in [(o, 0) for o in picture.objects] + [(o, 1) for o in picture.crowds]:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": outline.label,
                                "iscrowd": crowd, "segmentation": outline.rle,
                                "area": float(rle_masks.area(outline.rle)),
                                "bbox": rle_masks.toBbox(outline.rle).tolist()})
    seen = sorted({annotation["category_id"] for annotation in annotations})
    seen = [label for label in seen if classes is None or dataset.names[label] in classes]
    sizes = [picture.image_hw for picture in dataset.pictures]
    truth.dataset = {"images": [{"id": number, "height": h, "width": w} for number, (h, w) in enumerate(sizes)],
                     "annotations": annotations, "categories": [{"id": label} for label in seen]}
    truth.createIndex()
    return truth


def measure(truth: COCO, results: Sequence[Mapping[str, Any]], kind: str) -> np.ndarray:
    """Precision (10 IoUs, 101 recalls, classes), -1 where a class has no object; kind: "bbox" or "segm"."""
    if not results:
        return np.zeros((10, 101, len(truth.getCatIds())))
    evaluation = COCOeval(truth, truth.loadRes(results), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1]  # objects of all sizes, up to 100 a picture


def mean(precision: np.ndarray) -> float:
    """AP: the mean of the precisions that were measured; -1 without any."""
    measured = precision[precision > -1]
    return float(measured.mean()) if measured.size else -1.0


def report(found: Figures, pictures: int) -> str:
    """Figures on so many pictures as lines of text."""
    lines = [f"[INFO] {counted(pictures, 'picture')}: box AP50 {found.box_ap50:.3f}, box AP {found.box_ap:.3f}, "
             f"mask AP50 {found.mask_ap50:.3f}, mask AP {found.mask_ap:.3f}"]
    if found.empty:
        lines.append(f"[INFO] {counted(found.empty, 'picture shows', 'pictures show')} none of the classes; on "
                     f"{found.mistaken} of these something scores above {SURE:g}")
    ordered = sorted(found.by_class.items(), key=lambda entry: -entry[1][1])
    return "\n".join(lines + [f"  {name:<20} mask AP50 {ap50:.3f}, mask AP {ap:.3f}" for name, (ap50, ap) in ordered])


def work(args: argparse.Namespace) -> int:
    """Load, measure, print; the exit code."""
    dataset = load_coco(args.annotations, args.images, read_labels(MODEL_FOLDER / LABELS))
    net = MaskRCNN.load(MODEL_FOLDER, args.weights, size=args.size, confidence=args.confidence, engine=args.engine,
                        precision=args.precision, tiles=args.tiles)
    if net.labels != tuple(dataset.names):
        raise SegmentationError(f"{args.annotations} is about other classes ({', '.join(dataset.names[:3])}, ...) "
                                f"than {args.weights} ({', '.join(net.labels[:3])}, ...)")
    classes = known_classes(read_consts(args.weights), net.labels) if args.known_classes else args.classes
    pastes = list(itertools.product(args.threshold, args.interpolation))
    for paste, found in zip(pastes, evaluate(net, dataset, pastes, classes)):
        info("masks cut at {:g}, {}".format(*paste))
        print(report(found, len(dataset)))
    return 0


def make_parser() -> Parser:
    """The parser of evaluate.py's options."""
    parser = Parser("--weights FILE --images DIR --annotations FILE [options]",
                    "Measure a frozen graph on annotated pictures: COCO's box and mask AP.",
                    prog="python -m segmentation.training.evaluate")
    parser.add_argument("--weights", metavar="FILE", required=True, help="the frozen graph to measure")
    parser.add_argument("--images", metavar="DIR", required=True, help="folder of the pictures")
    parser.add_argument("--annotations", metavar="FILE", required=True, help="their objects, COCO's JSON")
    parser.add_argument("--confidence", type=number_in(0, 1), default=CONFIDENCE, metavar="P",
                        help="count objects that score more than this, 0 to 1 (default: %(default)s)")
    parser.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                        help="what the network sees; keep is the model's own rule (default: %(default)s)")
    parser.add_argument("-t", "--threshold", type=number_in(0, 1), nargs="+", default=[0.3], metavar="P",
                        help="a pixel belongs to an object where its mask is above this, 0 to 1; several are compared "
                             "(default: 0.3)")
    parser.add_argument("--interpolation", choices=INTERPOLATIONS, nargs="+", default=["cubic"],
                        metavar="|".join(INTERPOLATIONS),
                        help="how a mask is resized to its box; several are compared (default: cubic)")
    parser.add_argument("--engine", choices=DEVICES, default="opencv", metavar="|".join(DEVICES),
                        help="what runs it (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", metavar="|".join(PRECISIONS),
                        help="bf16 and int8 with openvino only (default: %(default)s)")
    parser.add_argument("--tiles", nargs="?", const="auto", type=tiles, metavar="N",
                        help="look at overlapping tiles too, N along the longer side, as the scripts do")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--known-classes", action="store_true",
                       help="count only the classes that the graph has seen in training")
    which.add_argument("--classes", type=lambda text: text.split(","), metavar="A,B",
                       help="count only these, by name (default: all)")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of evaluate.py."""
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        check_choice(args.engine, "cpu", args.precision)
    except ValueError as error:
        parser.error(str(error))
    return run(work, args)


if __name__ == "__main__":
    sys.exit(main())
