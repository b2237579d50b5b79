"""The frozen graph as a standard ONNX model: each TensorFlow operation of the text graph, translated.

    model = convert(text_graph, consts)     # an onnx.ModelProto, for pictures of any size
    onnx.save(model, "frozen_inference_graph.onnx")

Input `image_tensor`: float32 (1, 3, H, W), RGB 0..255. Outputs: `detection_out_final` (1, 1, N, 7), rows
(0, class, score, x0, y0, x1, y1), best first, the box in 0..1; `detection_masks` (N, classes, 15, 15),
probabilities. N counts what scores more than the initializer `confidence`; where nothing does, one row of
zeros stands there, as zeros pad cv2.dnn's outputs, since engines differ in what they make of empty arrays.

OPS, at the end, has the function for each operation. A function takes the Graph, the text graph's Node and
its inputs: names of values in the ONNX graph, or arrays where they are constants; it returns a name. Maps
are (N, H, W, C) in TensorFlow and (N, C, H, W) in ONNX: `Graph.maps` knows which values that goes for.
"""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from segmentation import SegmentationError
from segmentation.model import BOXES, FEATURES, IMAGE, MASKS
from segmentation.text_graph import read_nodes

OPSET, IR_VERSION = 17, 8  # which ONNX Runtime takes from 1.12 on, and OpenVINO from 2023.0
MASK_FEATURES = (4, 4)     # height and width of the map that the mask head enlarges
CONFIDENCE, PROPOSALS = "confidence", "proposals"  # the initializers that may be set for a user


def convert(text_graph, consts, winograd=False):
    """The onnx.ModelProto of a text graph and the constants of its frozen graph, name -> array.

    winograd: compute the widest convolution as winograd_convolution does, faster on a CPU in float32

    Raises SegmentationError where the text graph has an operation that is not known here.
    """
    graph = Graph(consts, winograd)
    # Constants first: the text graph may have them below the nodes that read them.
    for node in sorted(read_nodes(text_graph), key=lambda node: node.op != "Const"):
        if node.op not in OPS:
            raise SegmentationError(f"the text graph's node {node.name} is a {node.op}, which cannot be exported")
        graph.scope = node.name
        value = OPS[node.op](graph, node, *(graph.values[name] for name in node.inputs))
        if node.name in (FEATURES, BOXES, MASKS):  # which are to be found under their names
            value = graph.add("Identity", value, name=node.name, is_map=node.name == FEATURES)
        graph.values[node.name] = value
    return graph.model()


class Graph:
    """The ONNX graph so far.

    values:    name in the text graph -> name in this one, or a constant's array
    maps:      the values here that are (N, C, H, W) where TensorFlow's are (N, H, W, C)
    layers:    value -> Layer, of those whose weights may still take in what comes after them
    variances: anchor boxes -> what the deltas to them are to be multiplied by
    """

    def __init__(self, consts, winograd=False):
        self.winograd = winograd
        self.values = {name: np.asarray(array, np.float32 if array.dtype.kind == "f" else np.int64)
                       for name, array in consts.items()}
        self.nodes, self.arrays = [], {}
        self.maps, self.layers, self.variances = set(), {}, {}
        self.scope = ""  # name of the text graph's node at work: what is added is named after it

    def add(self, op, *inputs, name=None, is_map=False, **attributes):
        """The name of a new node's output, or of both where it is a TopK; inputs are names or arrays."""
        name = name or f"{self.scope}/{op}_{len(self.nodes)}"
        inputs = [entry if isinstance(entry, str) else self.constant(entry) for entry in inputs]
        outputs = [name, f"{name}/indices"] if op == "TopK" else [name]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        if is_map:
            self.maps.add(name)
        return outputs if op == "TopK" else name

    def constant(self, value, name=None):
        """The name of a new initializer: an array, a number (a scalar) or a list (a vector)."""
        name = name or f"{self.scope}/constant_{len(self.arrays)}"
        array = np.asarray(value)
        # Without a copy where there need not be one: a Layer's arrays go on changing.
        self.arrays[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int64, copy=False)
        return name

    def model(self):
        """All of it as an onnx.ModelProto."""
        outputs = [helper.make_tensor_value_info(BOXES, TensorProto.FLOAT, [1, 1, "N", 7]),
                   helper.make_tensor_value_info(MASKS, TensorProto.FLOAT, ["N", "classes", "rows", "columns"])]
        image = helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, [1, 3, "height", "width"])
        inside = [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, [1, "channels", "down", "across"])]
        arrays = [numpy_helper.from_array(array, name) for name, array in self.arrays.items()]
        graph = helper.make_graph(self.nodes, "mask_rcnn_inception_v2", [image], outputs, arrays,
                                  value_info=inside)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    # ---- What comes up again and again -------------------------------------------------------------------

    def cut(self, x, axis, start, end):
        """Entries start up to end of `x` along an axis; either may be the name of a value (1,)."""
        return self.add("Slice", x, *([number] if isinstance(number, int) else number
                                      for number in (start, end, axis)))

    def halves(self, x):
        """The columns 0, 1 and 2, 3 of (..., 4)."""
        return self.cut(x, -1, 0, 2), self.cut(x, -1, 2, 4)

    def reshape(self, x, shape):
        return self.add("Reshape", x, shape)

    def channels_last(self, x):
        """`x` in TensorFlow's order, for what counts through its values one by one."""
        return self.add("Transpose", x, perm=(0, 2, 3, 1)) if x in self.maps else x

    def size(self, x, axis):
        """How many entries a value has along an axis, (1,)."""
        return self.cut(self.add("Shape", x), 0, axis, axis + 1)

    def to_float(self, x):
        return self.add("Cast", x, to=TensorProto.FLOAT)


# ---- Layers with weights ---------------------------------------------------------------------------------

class Layer(NamedTuple):
    """A layer's arrays, to be changed in place: kernel (outputs, ...), bias (outputs,)."""

    kernel: np.ndarray
    bias: np.ndarray
    swapped: bool = False  # its outputs are deltas of boxes, of which TensorFlow's order is y, x, h, w


class Enlarged(NamedTuple):
    """A map that is still to be resized to size_hw: see convolution_of_enlarged."""

    x: str
    size_hw: tuple


def layer(graph, op, node, x, kernel, **attributes):
    """Add a Conv or Gemm of a kernel (outputs, ...), its bias still 0."""
    swapped = bool(node.one("loc_pred_transposed", False))
    kernel = np.array(xywh(kernel) if swapped else kernel, order="C")
    bias = np.zeros(len(kernel), np.float32)
    y = graph.add(op, x, graph.constant(kernel, f"{node.name}/kernel"), graph.constant(bias, f"{node.name}/bias"),
                  is_map=op == "Conv", **attributes)
    graph.layers[y] = Layer(kernel, bias, swapped)
    return y


def xywh(array):
    """Weights (4 n, ...) of deltas y, x, h, w as those of x, y, w, h."""
    return array.reshape(-1, 2, *array.shape[1:])[:, ::-1].reshape(array.shape)


def convolution(graph, node, x, weights):
    if isinstance(x, Enlarged):
        return convolution_of_enlarged(graph, node, x, weights)
    if graph.winograd and node.name == PROPOSAL_LAYER and min(weights.shape[2:]) >= WINOGRAD_CHANNELS:
        return winograd_convolution(graph, node, x, weights)
    return layer(graph, "Conv", node, x, weights.transpose(3, 2, 0, 1), **window(node, weights.shape[:2]))


def depthwise_convolution(graph, node, x, weights):
    height, width, channels, multiplier = weights.shape
    kernel = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return layer(graph, "Conv", node, x, kernel, group=channels, **window(node, (height, width)))


def product(graph, node, x, weights):
    return layer(graph, "Gemm", node, x, weights.T, transB=1)


def convolution_of_enlarged(graph, node, enlarged, weights):
    """A 3x3 convolution of a bilinearly enlarged map, with a tenth of the multiplications.

    The mask head's works at 15x15 places that are made of 4x4. Both steps are linear, so the kernel's nine
    taps may come first, as 1x1 convolutions at the 4x4 places, and one matrix then does what the resizing
    and the shift of each tap do to the 16 * 9 results. Nothing but rounding differs.
    """
    taps_hw, (inputs, outputs) = weights.shape[:2], weights.shape[2:]
    kernel = np.array(weights.transpose(3, 0, 1, 2).reshape(-1, inputs, 1, 1), order="C")  # (outputs * taps, ...)
    x = graph.add("Conv", enlarged.x, graph.constant(kernel, f"{node.name}/kernel"))
    places = enlarging_matrix(MASK_FEATURES, enlarged.size_hw, taps_hw)
    x = graph.reshape(x, [0, outputs, len(places)])
    x = graph.add("MatMul", x, places)                                                 # (N, outputs, 15 * 15)
    bias = np.zeros(outputs, np.float32)
    x = graph.add("Add", x, graph.constant(bias.reshape(-1, 1), f"{node.name}/bias"))
    y = graph.add("Reshape", x, [0, outputs, *enlarged.size_hw], is_map=True)
    graph.layers[y] = Layer(kernel.reshape(outputs, -1), bias)
    return y


def enlarging_matrix(from_hw, to_hw, taps_hw):
    """(taps * places before, places after): what each tap finds at its place of the enlarged map.

    Linear between the corners, which stay corners (align_corners); 0 where a tap is beyond the border.

    >>> enlarging_matrix((1, 2), (1, 3), (1, 3)).T      # columns: the left tap's two places, the middle's, ...
    array([[0. , 0. , 1. , 0. , 0.5, 0.5],
           [1. , 0. , 0.5, 0.5, 0. , 1. ],
           [0.5, 0.5, 0. , 1. , 0. , 0. ]], dtype=float32)
    """
    down, across = (taps_along(*sizes) for sizes in zip(from_hw, to_hw, taps_hw))
    matrix = np.einsum("tpi,uqj->tupqij", down, across)
    return matrix.reshape(-1, to_hw[0] * to_hw[1]).astype(np.float32)


def taps_along(before, after, taps):
    """(taps, before, after): the same along one axis."""
    position = np.arange(after) * (before - 1) / max(after - 1, 1)
    enlarge = np.maximum(1 - np.abs(position - np.arange(before)[:, None]), 0)         # (before, after)
    padded = np.pad(enlarge, ((0, 0), (taps // 2, taps // 2)))
    return np.stack([padded[:, tap:tap + after] for tap in range(taps)])


# Winograd's matrices for 4x4 outputs of a 3x3 kernel from 6x6 inputs, F(4x4, 3x3): Lavin and Gray, "Fast
# Algorithms for Convolutional Neural Networks" (2015).
WINOGRAD_INPUT = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
                           [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]], np.float64)
WINOGRAD_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
WINOGRAD_OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
# The proposals' 3x3 convolution, the widest there is, and of one picture, not of many RoIs.
PROPOSAL_LAYER = "Conv/Conv2D"
# With fewer channels, moving the numbers costs more than the multiplications that are saved (measured).
WINOGRAD_CHANNELS = 512


def winograd_convolution(graph, node, x, weights):
    """A 3x3 convolution with a quarter of the multiplications, in tiles of 4x4.

    The proposals' convolution is a fifth of the network on a large picture, and engines that run at the
    processor's peak can only be made faster by giving them less to do. The result is off by some 1e-5.
    """
    channels, outputs = weights.shape[2:]
    tiles = [graph.add("Div", graph.add("Add", graph.size(x, axis), [3]), [4]) for axis in (2, 3)]
    ends = [graph.add("Sub", graph.add("Mul", graph.add("Add", count, [1]), [4]),
                      graph.add("Add", graph.size(x, axis), [1])) for axis, count in zip((2, 3), tiles)]
    y = graph.add("Pad", x, graph.add("Concat", [0, 0, 1, 1, 0, 0], *ends, axis=0))
    # Each 4x4 block of places as 16 maps; a tile of 6x6 reaches two rows and columns into the next blocks.
    y = graph.add("SpaceToDepth", y, blocksize=4)
    blocks = [graph.add("Add", count, [1]) for count in tiles]
    y = graph.reshape(y, graph.add("Concat", [4, 4, channels], *blocks, axis=0))
    y = graph.add("Concat", *(block_part(graph, y, down, across) for down in (0, 1) for across in (0, 1)), axis=0)
    rows = np.concatenate([(np.arange(6)[own] * 6)[:, None] + np.arange(6)[other] for own in (slice(4), slice(4, 6))
                           for other in (slice(4), slice(4, 6))], axis=None)
    y = graph.add("MatMul", np.kron(WINOGRAD_INPUT, WINOGRAD_INPUT)[:, rows], y)       # (36, channels * tiles)
    y = graph.reshape(y, [36, channels, -1])
    kernel = np.einsum("ik,klco,jl->ijoc", WINOGRAD_KERNEL, weights, WINOGRAD_KERNEL)
    kernel = kernel.reshape(36, outputs, channels).astype(np.float32)
    y = graph.add("MatMul", kernel, y)                                                 # (36, outputs, tiles)
    y = graph.add("MatMul", np.kron(WINOGRAD_OUTPUT, WINOGRAD_OUTPUT) * 1.0, graph.reshape(y, [36, -1]))
    y = graph.reshape(y, graph.add("Concat", [1, 16 * outputs], *tiles, axis=0))
    y = graph.add("DepthToSpace", y, blocksize=4, mode="DCR")
    y = graph.add("Slice", y, [0, 0], graph.add("Concat", graph.size(x, 2), graph.size(x, 3), axis=0), [2, 3])
    bias = np.zeros(outputs, np.float32)
    y = graph.add("Add", y, graph.constant(bias.reshape(-1, 1, 1), f"{node.name}/bias"), is_map=True)
    graph.layers[y] = Layer(kernel.transpose(1, 0, 2), bias)
    return y


def block_part(graph, blocks, down, across):
    """The part of all tiles (places, channels * tiles) that lies in the next block down, or across, or in both.

    blocks: (4, 4, channels, blocks down, blocks across)
    """
    last = np.iinfo(np.int64).max
    starts, ends = [0, 0, down, across], [2 if down else 4, 2 if across else 4, last if down else -1,
                                          last if across else -1]
    return graph.reshape(graph.add("Slice", blocks, starts, ends, [0, 1, 3, 4]), [ends[0] * ends[1], -1])


def bias(graph, node, x, values):
    at = graph.layers[x]
    at.bias[:] += xywh(values) if at.swapped else values
    return x


def normalisation(graph, node, x, gamma, beta, mean, variance):
    """Batch normalisation is a factor and a summand for each output of the convolution before it."""
    at, factor = graph.layers[x], gamma / np.sqrt(variance + node.one("epsilon"))
    at.kernel[:] = (at.kernel.T * factor).T
    at.bias[:] = (at.bias - mean) * factor + beta
    return x


# ---- Maps ------------------------------------------------------------------------------------------------

def window(node, kernel_hw):
    """The attributes of a Conv or a pool: kernel, strides, padding."""
    strides = node.attributes["strides"][1:3]
    attributes = {"kernel_shape": kernel_hw, "strides": strides}
    if node.one("padding") == "SAME" and (*kernel_hw, *strides) != (1, 1, 1, 1):
        # With stride 1 it depends on the kernel alone; else on the size of the map, as in TensorFlow.
        attributes |= ({"pads": [side // 2 for side in kernel_hw] * 2} if max(strides) == 1
                       else {"auto_pad": "SAME_UPPER"})
    return attributes


def pool(graph, node, x):
    op = {"MaxPool": "MaxPool", "AvgPool": "AveragePool"}[node.op]  # the mean leaves padding out in both
    return graph.add(op, x, is_map=True, **window(node, node.attributes["ksize"][1:3]))


def mean(graph, node, x, axes):
    if axes.tolist() != [1, 2]:
        raise SegmentationError(f"the text graph's node {node.name} is a mean over {axes}, not over a whole map")
    return graph.add("GlobalAveragePool", x, is_map=True)


def concat(graph, node, *inputs_and_axis):
    *inputs, axis = inputs_and_axis
    return graph.add("Concat", *inputs, is_map=True, axis=(0, 2, 3, 1)[int(axis)])


def resize(graph, node, x, size_hw):
    return Enlarged(x, tuple(size_hw.tolist()))


def activation(graph, node, x):
    if node.op == "Relu6":
        return graph.add("Clip", x, 0.0, 6.0, is_map=x in graph.maps)
    attributes = {"axis": int(node.one("axis"))} if node.op == "Softmax" else {}
    return graph.add(node.op, x, is_map=x in graph.maps, **attributes)


# ---- Arithmetic and order --------------------------------------------------------------------------------

def placeholder(graph, node):
    return node.name


def constant(graph, node):
    values = np.array(node.attributes["value"])
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def arithmetic(graph, node, x, y):
    return graph.add(node.op, x, y, is_map=x in graph.maps)


def reshape(graph, node, x, shape):
    return graph.reshape(graph.channels_last(x), shape)


def flatten(graph, node, x):
    return graph.add("Flatten", graph.channels_last(x))


def cut(graph, node, x, begins, sizes):
    ends = [begin + size if size >= 0 else np.iinfo(np.int64).max for begin, size in zip(begins, sizes)]
    return graph.add("Slice", x, begins, ends)


def transpose(graph, node, x, order):
    if x not in graph.maps or order.tolist() != [0, 3, 1, 2]:
        raise SegmentationError(f"the text graph's node {node.name} brings a value into an order that is not known")
    return x  # which a map has in ONNX


# ---- Boxes -----------------------------------------------------------------------------------------------

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
    boxes = graph.add("Concat", low, high, axis=1)
    picture = graph.add("Expand", 0, graph.size(boxes, 0))
    height, width = size_hw.tolist()
    return graph.add("RoiAlign", features, boxes, picture, is_map=True, mode="avg", sampling_ratio=1,
                     output_height=height, output_width=width, coordinate_transformation_mode="half_pixel")


OPS = {
    "Placeholder": placeholder,     "Const": constant,
    "Conv2D": convolution,          "DepthwiseConv2dNative": depthwise_convolution, "MatMul": product,
    "BiasAdd": bias,                "FusedBatchNorm": normalisation,
    "MaxPool": pool,                "AvgPool": pool,                                "Mean": mean,
    "ConcatV2": concat,             "ResizeBilinear": resize,
    "Relu": activation,             "Relu6": activation,
    "Sigmoid": activation,          "Softmax": activation,
    "Mul": arithmetic,              "Sub": arithmetic,
    "Reshape": reshape,             "Flatten": flatten,
    "Slice": cut,                   "Transpose": transpose,
    "PriorBox": anchor_boxes,       "DetectionOutput": detections,                  "CropAndResize": crop,
}
