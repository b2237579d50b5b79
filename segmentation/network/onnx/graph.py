"""Translate the frozen graph into a standard ONNX model, one operation of the text graph after another.

    model = convert(nodes, consts)          # an onnx.ModelProto, for pictures of any size
    onnx.save(model, "frozen_inference_graph.onnx")

Input: `image_tensor`, float32 (1, 3, H, W), RGB 0..255. Outputs: `detection_out_final`, float32 (1, 1, N, 7), rows
(0, class, score, x0, y0, x1, y1), best first, the box in 0..1; `detection_masks`, float32 (N, classes, M, M),
probabilities; M is the graph's, such as 15. N is the number of detections that score above the initializer
`confidence`. If there are none, N is 1 and the row is zeros, because engines treat empty arrays differently (cv2.dnn
pads its outputs with zeros too).

OPS, at the end, has a function for each operation. A function takes the Graph, the Node of the text graph and the
node's inputs: a name of a value in the ONNX graph, or an array if the input is a constant. It returns a name. Maps are
(N, H, W, C) in TensorFlow and (N, C, H, W) in ONNX: `Graph.maps` has the names of these values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from segmentation import SegmentationError
from segmentation.network.graph_check import BOXES, IMAGE, MASKS
from segmentation.network.model import FEATURES, MASK_BOXES
from segmentation.network.onnx.boxes import anchor_boxes, clip, crop, detections
from segmentation.network.onnx.kept import PRODUCER
from segmentation.network.onnx.layers import (
    Enlarged,
    Layer,
    batch_to_space,
    bias,
    convolution,
    depthwise_convolution,
    normalisation,
    product,
    space_to_batch,
    window,
)
from segmentation.network.text_graph import Node, trunk_output

Value = Any  # the name of a value, or a constant: an array, a number or a list

OPSET, IR_VERSION = 17, 8  # for ONNX Runtime from 1.12 and OpenVINO from 2023.0


def convert(nodes: Mapping[str, Node], consts: Mapping[str, np.ndarray], winograd: bool = False) -> onnx.ModelProto:
    """The onnx.ModelProto of a text graph.

    nodes: those of a text graph that graph_check.py has found usable, in file order
    consts: the constants of its frozen graph, name -> array
    winograd: compute the widest convolution as winograd_convolution does; faster on a CPU in float32

    Raises SegmentationError if the text graph has an operation that is not in OPS.
    """
    graph, features = Graph(consts, winograd), trunk_output(nodes)
    names = {features: FEATURES, BOXES: BOXES, MASKS: MASKS}
    # Constants first: in the text graph they may come after the nodes that read them.
    for node in sorted(nodes.values(), key=lambda node: node.op != "Const"):
        if node.op not in OPS:
            raise SegmentationError(f"the text graph's node {node.name} is a {node.op}, which cannot be exported")
        graph.scope = node.name
        value = OPS[node.op](graph, node, *(graph.values[name] for name in node.inputs))
        if node.name in names:
            value = graph.add("Identity", value, name=names[node.name], is_map=node.name == features)
        graph.values[node.name] = value
    return graph.model()


class Graph:
    """The ONNX graph so far.

    values:    name in the text graph -> name in this graph, or the array of a constant
    maps:      the names here of values that are (N, C, H, W), in TensorFlow (N, H, W, C)
    sizes:     name of a map of RoIs -> its height and width, which do not depend on the size of the image
    layers:    name of a value -> its Layer, whose arrays the next operations may still change
    variances: name of anchor boxes -> the factors of the deltas to them
    scope:     the name of the text graph's node that is being translated; the names of new values begin with it
    """

    def __init__(self, consts: Mapping[str, np.ndarray], winograd: bool = False) -> None:
        self.winograd = winograd
        self.values: dict[str, Any] = {name: np.asarray(array, np.float32 if array.dtype.kind == "f" else np.int64)
                                       for name, array in consts.items()}
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.maps: set[str] = set()
        self.sizes: dict[str, tuple[int, int]] = {}
        self.layers: dict[str, Layer] = {}
        self.variances: dict[str, np.ndarray] = {}
        self.scope = ""

    def add(self, op: str, *inputs: Value, name: Optional[str] = None, is_map: bool = False, **attributes: Any) -> str:
        """Add a node. Returns the name of its (first) output.

        inputs: names of values, or constants as `constant` takes them
        is_map: its output is a map
        """
        name = name or f"{self.scope}/{op}_{len(self.nodes)}"
        names = [entry if isinstance(entry, str) else self.constant(entry) for entry in inputs]
        outputs = [name, f"{name}/indices"] if op == "TopK" else [name]
        self.nodes.append(helper.make_node(op, names, outputs, name=name, **attributes))
        if is_map:
            self.maps.add(name)
            if names[0] in self.sizes:
                self.sizes[name] = size_after(self.sizes[names[0]], **attributes)
        return name

    def constant(self, value: Any, name: Optional[str] = None) -> str:
        """Add an initializer: an array, a number (a scalar) or a list (a vector). Returns its name."""
        name = name or f"{self.scope}/constant_{len(self.arrays)}"
        array = np.asarray(value)
        # No copy if possible: the arrays of a Layer still change.
        self.arrays[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int64, copy=False)
        return name

    def model(self) -> onnx.ModelProto:
        """The whole graph as an onnx.ModelProto."""
        outputs = [helper.make_tensor_value_info(BOXES, TensorProto.FLOAT, [1, 1, "N", 7]),
                   helper.make_tensor_value_info(MASKS, TensorProto.FLOAT, ["N", "classes", "rows", "columns"])]
        image = helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, [1, 3, "height", "width"])
        inside = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                  for name, shape in self.shapes().items()]
        arrays = [numpy_helper.from_array(array, name) for name, array in self.arrays.items()]
        graph = helper.make_graph(self.nodes, "mask_rcnn", [image], outputs, arrays,
                                  value_info=inside)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                 producer_name=PRODUCER)

    def shapes(self) -> dict[str, list[Union[int, str]]]:
        """The shapes of the values at which the model is cut. Engines use the numbers in them to plan."""
        channels = self.values["Conv/weights"].shape[2]
        return {FEATURES: [1, channels, "down", "across"], MASK_BOXES: ["N", 4]}

    # ---- Operations that many functions need -------------------------------------------------------------

    def cut(self, x: str, axis: int, start: Union[int, str], end: Union[int, str]) -> str:
        """The entries of `x` from start up to, but not with, end along an axis. Both may be names of values (1,)."""
        return self.add("Slice", x, *([number] if isinstance(number, int) else number
                                      for number in (start, end, axis)))

    def halves(self, x: str) -> tuple[str, str]:
        """(columns 0 and 1, columns 2 and 3) of `x` (..., 4)."""
        return self.cut(x, -1, 0, 2), self.cut(x, -1, 2, 4)

    def reshape(self, x: str, shape: Value) -> str:
        return self.add("Reshape", x, shape)

    def channels_last(self, x: str) -> str:
        """`x` in TensorFlow's order, for operations that depend on the order of the single values."""
        return self.add("Transpose", x, perm=(0, 2, 3, 1)) if x in self.maps else x

    def size(self, x: str, axis: int) -> str:
        """The number of entries of a value along an axis, (1,)."""
        return self.cut(self.add("Shape", x), 0, axis, axis + 1)

    def to_float(self, x: str) -> str:
        return self.add("Cast", x, to=TensorProto.FLOAT)


def size_after(size_hw: tuple[int, int], kernel_shape: Sequence[int] = (1, 1), strides: Sequence[int] = (1, 1),
               pads: Any = None, auto_pad: Any = None, **_: Any) -> tuple[int, int]:
    """(height, width) of a map after a layer with these attributes.

    >>> size_after((7, 7), (3, 3), (2, 2), auto_pad="SAME_UPPER"), size_after((14, 14), (2, 2), (2, 2))
    ((4, 4), (7, 7))
    """
    covered = (1, 1) if pads or auto_pad else kernel_shape
    height, width = ((size - kernel) // stride + 1 for size, kernel, stride in zip(size_hw, covered, strides))
    return height, width


# ---- Maps ------------------------------------------------------------------------------------------------

def pool(graph: Graph, node: Node, x: str) -> str:
    op = {"MaxPool": "MaxPool", "AvgPool": "AveragePool"}[node.op]  # both compute the mean without the padding
    return graph.add(op, x, is_map=True, **window(node, node.attributes["ksize"][1:3]))


def pad(graph: Graph, node: Node, x: str, sizes: np.ndarray) -> str:
    (_, _), (top, bottom), (left, right), (_, _) = sizes.tolist()
    return graph.add("Pad", x, [0, 0, top, left, 0, 0, bottom, right], is_map=True)


def mean(graph: Graph, node: Node, x: str, axes: np.ndarray) -> str:
    if axes.tolist() != [1, 2]:
        raise SegmentationError(f"the text graph's node {node.name} is a mean over {axes}, not over a whole map")
    return graph.add("GlobalAveragePool", x, is_map=True)


def concat(graph: Graph, node: Node, *inputs_and_axis: Any) -> str:
    *inputs, axis = inputs_and_axis
    return graph.add("Concat", *inputs, is_map=True, axis=(0, 2, 3, 1)[int(axis)])


def resize(graph: Graph, node: Node, x: str, size_hw: np.ndarray) -> Enlarged:
    height, width = size_hw.tolist()
    return Enlarged(x, graph.sizes[x], (height, width))


def activation(graph: Graph, node: Node, x: str) -> str:
    if node.op == "Relu6":
        return graph.add("Clip", x, 0.0, 6.0, is_map=x in graph.maps)
    attributes: dict[str, Any] = {"axis": int(node.one("axis"))} if node.op == "Softmax" else {}
    return graph.add(node.op, x, is_map=x in graph.maps, **attributes)


# ---- Arithmetic and order --------------------------------------------------------------------------------

def placeholder(graph: Graph, node: Node) -> str:
    return node.name


def constant(graph: Graph, node: Node) -> np.ndarray:
    values = np.array(node.attributes["value"])
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def arithmetic(graph: Graph, node: Node, x: str, y: Value) -> str:
    return graph.add(node.op, x, y, is_map=x in graph.maps)


def reshape(graph: Graph, node: Node, x: str, shape: Value) -> str:
    return graph.reshape(graph.channels_last(x), shape)


def flatten(graph: Graph, node: Node, x: str) -> str:
    return graph.add("Flatten", graph.channels_last(x))


def cut(graph: Graph, node: Node, x: str, begins: np.ndarray, sizes: np.ndarray) -> str:
    ends = [begin + size if size >= 0 else np.iinfo(np.int64).max for begin, size in zip(begins, sizes)]
    return graph.add("Slice", x, begins, ends)


def transpose(graph: Graph, node: Node, x: str, order: np.ndarray) -> str:
    if x not in graph.maps or order.tolist() != [0, 3, 1, 2]:
        raise SegmentationError(f"the text graph's node {node.name} brings a value into an order that is not known")
    return x  # a map in ONNX has this order already


OPS: dict[str, Callable[..., Any]] = {
    "Placeholder": placeholder,     "Const": constant,
    "SpaceToBatchND": space_to_batch,                   "BatchToSpaceND": batch_to_space,
    "Conv2D": convolution,          "DepthwiseConv2dNative": depthwise_convolution, "MatMul": product,
    "BiasAdd": bias,                "FusedBatchNorm": normalisation,
    "MaxPool": pool,                "AvgPool": pool,        "Pad": pad,             "Mean": mean,
    "ConcatV2": concat,             "ResizeBilinear": resize,
    "Relu": activation,             "Relu6": activation,
    "Sigmoid": activation,          "Softmax": activation,
    "Mul": arithmetic,              "Sub": arithmetic,                              "Add": arithmetic,
    "Reshape": reshape,             "Flatten": flatten,
    "Slice": cut,                   "Transpose": transpose,
    "PriorBox": anchor_boxes,       "DetectionOutput": detections,
    "ClipByValue": clip,            "CropAndResize": crop,
}
