"""Compare what each engine finds in frozen graphs with what TensorFlow found in them: by hand, not by pytest.

    PYTHONPATH=. python tests/network/against_tensorflow.py graphs/                   # all graphs, all engines
    PYTHONPATH=. python tests/network/against_tensorflow.py graphs/ --only resnet50 --engines opencv

The folder holds NAME.pb, files of its own beside it where it has some, and what TensorFlow found on pictures of the
size that the network sees, in NAME.npz or NAME@WIDTHxHEIGHT.npz with the arrays

    image (H, W, 3)     uint8, RGB
    boxes (N, 4)        y0, x0, y1, x1 in 0..1
    scores (N,)
    classes (N,)        from 1
    masks (N, h, w)     probabilities, each of its detection's class

One line is printed for a graph and an engine, a row of a Markdown table: how many of TensorFlow's detections the
engine finds (the same class, the same box within an IoU of 0.99), how many more it gives, the largest differences of
boxes (in 0..1), masks and scores, and seconds a picture. A graph that is refused has a row with the error. The exit
code is 1 if a detection is missing, a difference is above LIMITS, or a graph has no NAME.npz.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.network.engines import DEVICES
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import MODEL_FOLDER

LIMITS = (1e-5, 1e-5, 1e-4)  # of boxes, masks and scores
SAME = 0.99  # IoU of a detection and TensorFlow's


@dataclass
class Tally:
    """The comparison of all pictures of a graph with one engine. worst: boxes, masks, scores"""

    wanted: int = 0
    found: int = 0
    more: int = 0
    worst: tuple[float, float, float] = (0, 0, 0)
    seconds: list[float] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything is found and no difference is above LIMITS."""
        return self.found == self.wanted and all(value <= limit for value, limit in zip(self.worst, LIMITS))

    def add(self, boxes: np.ndarray, masks: np.ndarray, reference: dict[str, np.ndarray]) -> None:
        """Count a picture. boxes, masks: as MaskRCNN.forward gives them"""
        rows, free = boxes[0, 0], set(range(boxes.shape[2]))
        for i, box in enumerate(reference["boxes"][:, [1, 0, 3, 2]]):
            label = int(reference["classes"][i]) - 1
            same = [j for j in free if rows[j, 1] == label and iou(rows[j, 3:], box) > SAME]
            self.wanted += 1
            if same:
                j = min(same, key=lambda j: abs(rows[j, 2] - reference["scores"][i]))
                free.remove(j)
                self.found += 1
                differences = (rows[j, 3:] - box, masks[j, label] - reference["masks"][i],
                               rows[j, 2] - reference["scores"][i])
                self.worst = tuple(max(worst, float(np.abs(difference).max()))
                                   for worst, difference in zip(self.worst, differences))
        self.more += len(free)

    def __str__(self) -> str:
        box, mask, score = (f"{value:.1e}" for value in self.worst)
        return (f"{self.found} of {self.wanted} | {self.more} | {box} | {mask} | {score} | "
                f"{np.median(self.seconds):.2f}")


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """The intersection over union of two boxes (x0, y0, x1, y1)."""
    inner = np.prod(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None))
    return float(inner / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inner))


def compare(graph: Path, pictures: Sequence[Path], engine: str) -> Tally:
    """The Tally of a graph. pictures: the .npz files with what TensorFlow found

    Raises SegmentationError if the graph is refused, or the engine fails.
    """
    references = [dict(np.load(path)) for path in pictures]
    lowest = min((float(reference["scores"].min()) for reference in references if reference["scores"].size),
                 default=0.3)
    net = MaskRCNN.load(MODEL_FOLDER, graph, size="raw", engine=engine, confidence=max(0, lowest - 1e-4))
    tally = Tally()
    for reference in references:
        began = time.perf_counter()
        boxes, masks = net.forward(np.ascontiguousarray(reference["image"][:, :, ::-1]))
        tally.seconds.append(time.perf_counter() - began)
        tally.add(boxes, masks, reference)
    return tally


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="graphs whose name has this in it")
    parser.add_argument("--engines", nargs="+", choices=DEVICES, default=list(DEVICES))
    args = parser.parse_args(argv)
    print("| graph | engine | found | more | boxes | masks | scores | seconds |\n|---|---|---|---|---|---|---|---|")
    good = True
    for graph in sorted(path for path in args.folder.glob("*.pb") if args.only in path.name):
        pictures = sorted([*graph.parent.glob(f"{graph.stem}@*.npz"), *graph.parent.glob(f"{graph.stem}.npz")])
        if not pictures:
            print(f"| {graph.stem} | there is no {graph.stem}.npz or {graph.stem}@WIDTHxHEIGHT.npz |", flush=True)
            good = False
            continue
        for engine in args.engines:
            try:
                tally = compare(graph, pictures, engine)
            except SegmentationError as error:
                print(f"| {graph.stem} | {engine} | refused: {error} |", flush=True)
                continue
            good &= tally.good
            print(f"| {graph.stem} | {engine} | {tally} |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
