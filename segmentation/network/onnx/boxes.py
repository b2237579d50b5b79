"""The graph's boxes in ONNX: anchors, decoding, suppression, and cropping the features under boxes.

anchor_boxes, detections and crop are among the OPS of segmentation/network/onnx/graph.py. The others are their parts.
"""

from typing import TYPE_CHECKING

import numpy as np

from segmentation.network.graph_check import BOXES
from segmentation.network.text_graph import Node

if TYPE_CHECKING:
    from segmentation.network.onnx.graph import Graph, Value

CONFIDENCE, PROPOSALS = "confidence", "proposals"  # the initializers that are set for the user


def anchor_boxes(graph: "Graph", node: Node, places: str, image: str) -> str:
    """The boxes (A, 4) of all anchors: x0, y0, x1, y1 in 0..1. Order: y, then x, then the anchors of a place."""
    step, offset = node.one("step"), node.one("offset")
    sides = [graph.size(places, axis) for axis in (2, 3)]
    low: dict[str, str] = {}
    high: dict[str, str] = {}
    for axis, key, new_axes in ((2, "height", [1]), (3, "width", [0])):
        count = graph.add("Squeeze", graph.size(places, axis))
        centres = graph.add("Mul", graph.to_float(graph.add("Range", 0, count, 1)), float(step))
        centres = graph.add("Unsqueeze", graph.add("Add", centres, float(step * offset)), [1])
        half = np.array(node.attributes[key]) / 2
        for edges, op in ((low, "Sub"), (high, "Add")):
            edge = graph.add("Div", graph.add(op, centres, half), graph.to_float(graph.size(image, axis)))
            edges[key] = graph.add("Unsqueeze", edge, new_axes)                        # (h, 1, 12) or (1, w, 12)
    shape = graph.add("Concat", *sides, [len(half), 1], axis=0)
    columns = [graph.add("Expand", graph.add("Unsqueeze", edge, [-1]), shape)
               for edge in (low["width"], low["height"], high["width"], high["height"])]
    boxes = graph.reshape(graph.add("Concat", *columns, axis=-1), [-1, 4])
    boxes = graph.add("Clip", boxes, 0.0, 1.0) if node.one("clip") else boxes
    graph.variances[boxes] = np.array(node.attributes["variance"])
    return boxes


def detections(graph: "Graph", node: Node, deltas: str, scores: str, priors: str) -> str:
    """Rows (1, 1, N, 7) of the best boxes, after suppression in each class.

    deltas, scores: of B boxes, flattened; the classes of a box are neighbours
    priors: the boxes that the deltas start from
    """
    num_classes, background = int(node.one("num_classes")), int(node.one("background_label_id"))
    boxes_each = 1 if node.one("share_location") else num_classes
    deltas = graph.reshape(deltas, [-1, boxes_each, 4])
    scores = graph.reshape(scores, [-1, num_classes])
    variance = graph.variances.get(priors, np.ones(4))  # 1: the deltas are already multiplied
    priors = graph.reshape(priors, [-1, 1, 4])
    first = 1 if background == 0 else 0
    scores = graph.cut(scores, 1, 1, num_classes) if first else scores                 # (B, classes)
    if node.one("top_k", -1) > 0:
        _, best = best_rows(graph, graph.reshape(scores, [-1]), [int(node.one("top_k"))])
        deltas, scores, priors = (graph.add("Gather", value, best) for value in (deltas, scores, priors))
    boxes = decode(graph, deltas, priors, variance)                                    # (B, classes, 4)
    boxes = graph.add("Clip", boxes, 0.0, 1.0) if node.one("clip") else boxes

    # Each class has boxes of its own, so each class is a batch for NonMaxSuppression. It gives (class, 0, row).
    final = node.name == BOXES
    count = graph.constant([int(node.one("keep_top_k"))], None if final else PROPOSALS)
    floor = graph.constant([float(node.one("confidence_threshold", 0.0))], CONFIDENCE if final else None)
    kept = graph.add("NonMaxSuppression", graph.add("Transpose", boxes, perm=(1, 0, 2)),
                     graph.add("Unsqueeze", graph.add("Transpose", scores, perm=(1, 0)), [1]),
                     count, [float(node.one("nms_threshold"))], floor)
    kept = graph.add("Gather", kept, [2, 0], axis=1)                                   # (M, 2) row, class
    score, order = best_rows(graph, graph.add("GatherND", scores, kept), count)
    kept = graph.add("Gather", kept, order)
    label = graph.add("Add", graph.to_float(graph.cut(kept, 1, 1, 2)), float(first))
    rows = graph.add("Concat", label, graph.add("Unsqueeze", score, [1]), graph.add("GatherND", boxes, kept), axis=1)
    return graph.reshape(padded_rows(graph, rows, count, final), [1, 1, -1, 7])


def best_rows(graph: "Graph", scores: str, most: "Value") -> tuple[str, str]:
    """(the highest of `scores` (B,), at most `most` of them, best first; their positions)."""
    best = graph.add("TopK", scores, graph.add("Min", graph.size(scores, 0), most), axis=0)
    return best, f"{best}/indices"


def decode(graph: "Graph", deltas: str, priors: str, variance: np.ndarray) -> str:
    """Boxes (B, classes, 4), x0, y0, x1, y1, from deltas (B, classes, 4), x, y, w, h, and boxes (B, 1, 4)."""
    (low, high), (shift, stretch) = graph.halves(priors), graph.halves(deltas)
    size = graph.add("Sub", high, low)
    centre = graph.add("Mul", graph.add("Add", low, high), 0.5)
    centre = graph.add("Add", centre, graph.add("Mul", graph.add("Mul", shift, variance[:2]), size))
    half = graph.add("Mul", graph.add("Exp", graph.add("Mul", stretch, variance[2:])), size)
    half = graph.add("Mul", half, 0.5)
    return graph.add("Concat", graph.add("Sub", centre, half), graph.add("Add", centre, half), axis=-1)


def padded_rows(graph: "Graph", rows: str, count: str, final: bool) -> str:
    """Rows (N, 7): the number of the image, 0, and a row of `rows` (M, 6).

    Proposals are padded with rows of zeros to `count` rows, as in cv2.dnn: an engine can plan the box head if it knows
    the number. Final detections get one row of zeros if there are none, and otherwise no padding.
    """
    more: Value = [1] if final else count
    rows = graph.add("Pad", rows, graph.add("Concat", [0, 1], more, [0], axis=0))
    if final:
        count = graph.add("Max", graph.add("Sub", graph.size(rows, 0), [1]), [1])
    return graph.cut(rows, 0, 0, count)


def clip(graph: "Graph", node: Node, rows: str, low: np.ndarray, high: np.ndarray) -> str:
    return graph.add("Clip", rows, low.item(), high.item())


def crop(graph: "Graph", node: Node, features: str, rows: str, size_hw: np.ndarray) -> str:
    """The features (N, C, 14, 14) under the boxes of rows (1, 1, N, 7), as TensorFlow's crop_and_resize gives them.

    crop_and_resize samples bilinearly at 14 places from edge to edge of the box. RoiAlign takes one sample in the
    middle of each of 14 bins. It gives the same for a box that is half a bin larger on each side. RoiAlign's
    "half_pixel" subtracts half a pixel, so half a pixel is added before.
    """
    boxes = graph.reshape(graph.cut(rows, 3, 3, 7), [-1, 4])
    sides = graph.to_float(graph.add("Concat", graph.size(features, 3), graph.size(features, 2), axis=0))
    low, high = (graph.add("Mul", half, graph.add("Sub", sides, 1.0)) for half in graph.halves(boxes))
    bins = graph.add("Div", graph.add("Sub", high, low), size_hw[::-1] - 1.0)
    wider = graph.add("Mul", bins, 0.5)
    low = graph.add("Add", graph.add("Sub", low, wider), 0.5)
    high = graph.add("Add", graph.add("Add", high, wider), 0.5)
    boxes = graph.add("Concat", low, high, name=f"{node.name}/boxes", axis=1)
    image = graph.add("Expand", 0, graph.size(boxes, 0))
    height, width = size_hw.tolist()
    x = graph.add("RoiAlign", features, boxes, image, is_map=True, mode="avg", sampling_ratio=1,
                  output_height=height, output_width=width, coordinate_transformation_mode="half_pixel")
    graph.sizes[x] = height, width
    return x
