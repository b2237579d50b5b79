"""The graph's boxes as ONNX: anchors, decoding and suppression, and the features under boxes.

Each function is one of segmentation/network/onnx/graph.py's OPS.
"""

import numpy as np

from segmentation.network.model import BOXES

CONFIDENCE, PROPOSALS = "confidence", "proposals"  # the initializers that may be set for a user


def anchor_boxes(graph, node, places, image):
    """The boxes (A, 4) of all anchors, x0, y0, x1, y1 in 0..1; the anchor counts fastest, then x, then y."""
    step, offset = node.one("step"), node.one("offset")
    shape = [graph.size(places, axis) for axis in (2, 3)]
    low, high = {}, {}
    for axis, key, new_axes in ((2, "height", [1]), (3, "width", [0])):
        count = graph.add("Squeeze", graph.size(places, axis))
        centres = graph.add("Mul", graph.to_float(graph.add("Range", 0, count, 1)), float(step))
        centres = graph.add("Unsqueeze", graph.add("Add", centres, float(step * offset)), [1])
        half = np.array(node.attributes[key]) / 2
        for edges, op in ((low, "Sub"), (high, "Add")):
            edge = graph.add("Div", graph.add(op, centres, half), graph.to_float(graph.size(image, axis)))
            edges[key] = graph.add("Unsqueeze", edge, new_axes)                        # (h, 1, 12) or (1, w, 12)
    shape = graph.add("Concat", *shape, [len(half), 1], axis=0)
    edges = [graph.add("Expand", graph.add("Unsqueeze", edge, [-1]), shape)
             for edge in (low["width"], low["height"], high["width"], high["height"])]
    boxes = graph.reshape(graph.add("Concat", *edges, axis=-1), [-1, 4])
    boxes = graph.add("Clip", boxes, 0.0, 1.0) if node.one("clip") else boxes
    graph.variances[boxes] = np.array(node.attributes["variance"])
    return boxes


def detections(graph, node, deltas, scores, priors):
    """Rows (1, 1, N, 7) of the best boxes, suppressed class by class.

    deltas, scores: of B boxes, flattened, the class counting fastest; priors: the boxes they start from
    """
    num_classes, background = int(node.one("num_classes")), int(node.one("background_label_id"))
    boxes_each = 1 if node.one("share_location") else num_classes
    deltas = graph.reshape(deltas, [-1, boxes_each, 4])
    scores = graph.reshape(scores, [-1, num_classes])
    variance = graph.variances.get(priors, np.ones(4))  # 1: the deltas are multiplied already
    priors = graph.reshape(priors, [-1, 1, 4])
    first = 1 if background == 0 else 0
    scores = graph.cut(scores, 1, 1, num_classes) if first else scores                 # (B, classes)
    if node.one("top_k", -1) > 0:
        best = best_rows(graph, graph.reshape(scores, [-1]), [int(node.one("top_k"))])[1]
        deltas, scores, priors = (graph.add("Gather", value, best) for value in (deltas, scores, priors))
    boxes = graph.add("Clip", decode(graph, deltas, priors, variance), 0.0, 1.0)       # (B, classes, 4)

    # A class's boxes are its own, and so a batch of their own to NonMaxSuppression: (class, 0, row) of those kept.
    final = node.name == BOXES
    count = graph.constant([int(node.one("keep_top_k"))], None if final else PROPOSALS)
    floor = graph.constant([float(node.one("confidence_threshold", -1.0))], CONFIDENCE if final else None)
    kept = graph.add("NonMaxSuppression", graph.add("Transpose", boxes, perm=(1, 0, 2)),
                     graph.add("Unsqueeze", graph.add("Transpose", scores, perm=(1, 0)), [1]),
                     count, [float(node.one("nms_threshold"))], floor)
    kept = graph.add("Gather", kept, [2, 0], axis=1)                                   # (M, 2) row, class
    score, order = best_rows(graph, graph.add("GatherND", scores, kept), count)
    kept = graph.add("Gather", kept, order)
    label = graph.add("Add", graph.to_float(graph.cut(kept, 1, 1, 2)), float(first))
    rows = graph.add("Concat", label, graph.add("Unsqueeze", score, [1]), graph.add("GatherND", boxes, kept), axis=1)
    return graph.reshape(padded_rows(graph, rows, count, final), [1, 1, -1, 7])


def best_rows(graph, scores, most):
    """The highest of `scores` (B,), at most so many, best first, and their places."""
    return graph.add("TopK", scores, graph.add("Min", graph.size(scores, 0), most), axis=0)


def decode(graph, deltas, priors, variance):
    """Boxes x0, y0, x1, y1 of deltas x, y, w, h (B, classes, 4) to boxes (B, 1, 4)."""
    (low, high), (shift, stretch) = graph.halves(priors), graph.halves(deltas)
    size = graph.add("Sub", high, low)
    centre = graph.add("Mul", graph.add("Add", low, high), 0.5)
    centre = graph.add("Add", centre, graph.add("Mul", graph.add("Mul", shift, variance[:2]), size))
    half = graph.add("Mul", graph.add("Exp", graph.add("Mul", stretch, variance[2:])), size)
    half = graph.add("Mul", half, 0.5)
    return graph.add("Concat", graph.add("Sub", centre, half), graph.add("Add", centre, half), axis=-1)


def padded_rows(graph, rows, count, final):
    """Rows (M, 6) with the picture's number, 0, before them: (N, 7).

    Proposals are filled up to their number with rows of zeros, as in cv2.dnn; a number that is known lets
    an engine plan the box head. The final ones are not, but for a single row where there is none.
    """
    more = [1] if final else count
    rows = graph.add("Pad", rows, graph.add("Concat", [0, 1], more, [0], axis=0))
    if final:
        count = graph.add("Max", graph.add("Sub", graph.size(rows, 0), [1]), [1])
    return graph.cut(rows, 0, 0, count)


def crop(graph, node, features, rows, size_hw):
    """The features (N, C, 14, 14) under the boxes of rows (1, 1, N, 7), as TensorFlow's crop_and_resize.

    That samples bilinearly at 14 places from edge to edge of the box. RoiAlign with one sample in the middle
    of each of 14 bins does the same for a box that is half a bin wider all around; the half pixel that
    "half_pixel" takes off is added before.
    """
    boxes = graph.reshape(graph.cut(rows, 3, 3, 7), [-1, 4])
    sides = graph.to_float(graph.add("Concat", graph.size(features, 3), graph.size(features, 2), axis=0))
    low, high = (graph.add("Mul", half, graph.add("Sub", sides, 1.0)) for half in graph.halves(boxes))
    bins = graph.add("Div", graph.add("Sub", high, low), size_hw[::-1] - 1.0)
    wider = graph.add("Mul", bins, 0.5)
    low = graph.add("Add", graph.add("Sub", low, wider), 0.5)
    high = graph.add("Add", graph.add("Add", high, wider), 0.5)
    boxes = graph.add("Concat", low, high, name=f"{node.name}/boxes", axis=1)
    picture = graph.add("Expand", 0, graph.size(boxes, 0))
    height, width = size_hw.tolist()
    x = graph.add("RoiAlign", features, boxes, picture, is_map=True, mode="avg", sampling_ratio=1,
                  output_height=height, output_width=width, coordinate_transformation_mode="half_pixel")
    graph.sizes[x] = height, width
    return x
