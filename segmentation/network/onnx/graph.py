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

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from segmentation import SegmentationError
from segmentation.network.model import BOXES, FEATURES, IMAGE, MASK_BOXES, MASKS
from segmentation.network.onnx.boxes import anchor_boxes, crop, detections
from segmentation.network.onnx.layers import (
    Enlarged,
    bias,
    convolution,
    depthwise_convolution,
    normalisation,
    product,
    window,
)
from segmentation.network.text_graph import read_nodes, trunk_output

OPSET, IR_VERSION = 17, 8  # which ONNX Runtime takes from 1.12 on, and OpenVINO from 2023.0


def convert(text_graph, consts, winograd=False):
    """The onnx.ModelProto of a text graph and the constants of its frozen graph, name -> array.

    winograd: compute the widest convolution as winograd_convolution does, faster on a CPU in float32

    Raises SegmentationError where the text graph has an operation that is not known here.
    """
    graph, features = Graph(consts, winograd), trunk_output(text_graph)
    names = {features: FEATURES, BOXES: BOXES, MASKS: MASKS}
    # Constants first: the text graph may have them below the nodes that read them.
    for node in sorted(read_nodes(text_graph), key=lambda node: node.op != "Const"):
        if node.op not in OPS:
            raise SegmentationError(f"the text graph's node {node.name} is a {node.op}, which cannot be exported")
        graph.scope = node.name
        value = OPS[node.op](graph, node, *(graph.values[name] for name in node.inputs))
        if node.name in names:  # which are to be found under these
            value = graph.add("Identity", value, name=names[node.name], is_map=node.name == features)
        graph.values[node.name] = value
    return graph.model()


class Graph:
    """The ONNX graph so far.

    values:    name in the text graph -> name in this one, or a constant's array
    maps:      the values here that are (N, C, H, W) where TensorFlow's are (N, H, W, C)
    sizes:     map of RoIs -> its height and width, which are the same for pictures of any size
    layers:    value -> Layer, of those whose weights may still take in what comes after them
    variances: anchor boxes -> what the deltas to them are to be multiplied by
    """

    def __init__(self, consts, winograd=False):
        self.winograd = winograd
        self.values = {name: np.asarray(array, np.float32 if array.dtype.kind == "f" else np.int64)
                       for name, array in consts.items()}
        self.nodes, self.arrays = [], {}
        self.maps, self.sizes, self.layers, self.variances = set(), {}, {}, {}
        self.scope = ""  # name of the text graph's node at work: what is added is named after it

    def add(self, op, *inputs, name=None, is_map=False, **attributes):
        """The name of a new node's output, or of both where it is a TopK; inputs are names or arrays."""
        name = name or f"{self.scope}/{op}_{len(self.nodes)}"
        inputs = [entry if isinstance(entry, str) else self.constant(entry) for entry in inputs]
        outputs = [name, f"{name}/indices"] if op == "TopK" else [name]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        if is_map:
            self.maps.add(name)
            if inputs[0] in self.sizes:
                self.sizes[name] = size_after(self.sizes[inputs[0]], **attributes)
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
        inside = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                  for name, shape in self.shapes().items()]
        arrays = [numpy_helper.from_array(array, name) for name, array in self.arrays.items()]
        graph = helper.make_graph(self.nodes, "mask_rcnn", [image], outputs, arrays,
                                  value_info=inside)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def shapes(self):
        """The shapes of values inside at which the model is cut; engines plan for what is a number in them."""
        channels = self.values["Conv/weights"].shape[2]
        return {FEATURES: [1, channels, "down", "across"], MASK_BOXES: ["N", 4]}

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


def size_after(size_hw, kernel_shape=(1, 1), strides=(1, 1), pads=None, auto_pad=None, **_):
    """Height and width of a map after a layer with these attributes.

    >>> size_after((7, 7), (3, 3), (2, 2), auto_pad="SAME_UPPER"), size_after((14, 14), (2, 2), (2, 2))
    ((4, 4), (7, 7))
    """
    covered = (1, 1) if pads or auto_pad else kernel_shape
    return tuple((size - kernel) // stride + 1 for size, kernel, stride in zip(size_hw, covered, strides))


# ---- Maps ------------------------------------------------------------------------------------------------

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
    return Enlarged(x, graph.sizes[x], tuple(size_hw.tolist()))


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


OPS = {
    "Placeholder": placeholder,     "Const": constant,
    "Conv2D": convolution,          "DepthwiseConv2dNative": depthwise_convolution, "MatMul": product,
    "BiasAdd": bias,                "FusedBatchNorm": normalisation,
    "MaxPool": pool,                "AvgPool": pool,                                "Mean": mean,
    "ConcatV2": concat,             "ResizeBilinear": resize,
    "Relu": activation,             "Relu6": activation,
    "Sigmoid": activation,          "Softmax": activation,
    "Mul": arithmetic,              "Sub": arithmetic,                              "Add": arithmetic,
    "Reshape": reshape,             "Flatten": flatten,
    "Slice": cut,                   "Transpose": transpose,
    "PriorBox": anchor_boxes,       "DetectionOutput": detections,                  "CropAndResize": crop,
}
