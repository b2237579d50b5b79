"""The nodes of a text graph and its kinds of layer, as cv2.dnn reads them.

    graph = Graph()
    image = graph.add("Placeholder", "image_tensor")
    x = convolution(graph, "Conv/Conv2D", image, "Conv/weights", stride=2)
    graph.text()

Each function for a layer adds its nodes to the graph and returns the name of the node that is its output. `x` is the
name of its input, `scope` the two names that its own nodes and weights begin with.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from segmentation.training.architectures import POOLS, Residual, parse_layers
from segmentation.training.text_format import attribute_value, tensor, text_lines


class Graph:
    """The nodes of a text graph, in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, str, tuple[str, ...], dict[str, Any]]] = []

    def add(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; its name, for the nodes that read it. `attributes`: see attribute_value."""
        self.nodes.append((op, name, inputs, attributes))
        return name

    def constant(self, name: str, values: Sequence[float]) -> str:
        """Add a node that holds a list of numbers; its name."""
        return self.add("Const", name, value=tensor(values))

    def text(self) -> str:
        """The graph in protobuf's text format, attributes sorted by key as protobuf prints a map."""
        nodes: list[tuple[str, Any]] = [("node", [("name", name), ("op", op), *(("input", source) for source in inputs),
                           *(("attr", [("key", key), ("value", attribute_value(value))])
                             for key, value in sorted(attributes.items()))])
                 for op, name, inputs, attributes in self.nodes]
        return "\n".join(text_lines([*nodes, ("library", [])])) + "\n"


class Scope(NamedTuple):
    """What the names of a layer's nodes begin with, and what the names of its weights begin with.

    TensorFlow gives a layer that runs a second time new nodes (`..._1`), which read the same weights.
    """

    nodes: str
    weights: str

    def __truediv__(self, name: str) -> "Scope":
        return Scope(f"{self.nodes}/{name}", f"{self.weights}/{name}")


def residuals(graph: Graph, scope: Scope, x: str, table: Iterable[Residual]) -> str:
    """Inverted residual blocks, one after another."""
    for block in table:
        inside = scope / block.name
        y = predictor(graph, "Conv2D", inside / "project", hidden(graph, inside, x, block))
        x = graph.add("Add", f"{inside.nodes}/add", y, x) if block.adds else y
    return x


def hidden(graph: Graph, scope: Scope, x: str, block: Residual) -> str:
    """An inverted residual block without its last layer, the linear 1x1."""
    x = clipped_convolution(graph, scope / "expand", x) if block.expands else x
    return depthwise_convolution(graph, scope / "depthwise", x, block)


def clipped_convolution(graph: Graph, scope: Scope, x: str, stride: int = 1) -> str:
    """A convolution with a bias, cut off at 0 and 6."""
    x = predictor(graph, "Conv2D", scope, x, stride=stride)
    return graph.add("Relu6", f"{scope.nodes}/Relu6", x)


def depthwise_convolution(graph: Graph, scope: Scope, x: str, block: Residual) -> str:
    """A 3x3 convolution of each channel on its own with a bias, cut off at 0 and 6.

    TensorFlow writes a dilation as three operations: one map becomes dilation * dilation maps of every second place,
    and is put together again after the convolution. cv2.dnn makes one layer of the three; it ignores `dilations`.
    """
    name, apart = f"{scope.nodes}/depthwise", block.dilation > 1
    if apart:
        rate = graph.constant(f"{name}/block_shape", [block.dilation] * 2)
        x = graph.add("SpaceToBatchND", f"{name}/SpaceToBatchND", x, rate,
                      graph.constant(f"{name}/paddings", [block.dilation] * 4))
    x = convolution(graph, name, x, f"{scope.weights}/depthwise_weights", op="DepthwiseConv2dNative",
                    stride=block.stride, padding="VALID" if apart else "SAME")
    if apart:
        x = graph.add("BatchToSpaceND", f"{name}/BatchToSpaceND", x, f"{name}/block_shape",
                      graph.constant(f"{name}/crops", [0] * 4))
    return graph.add("Relu6", f"{scope.nodes}/Relu6", biased(graph, scope, x))


def blocks(graph: Graph, scope: Scope, x: str, table: Mapping[str, Sequence[str]]) -> str:
    """Inception blocks, one after another; `table` is TRUNK or HEAD."""
    for block, branches in table.items():
        inside = scope / block
        outputs = [chain(graph, inside / f"Branch_{index}", x, layers)
                   for index, layers in enumerate(branches)]
        x = graph.add("ConcatV2", f"{inside.nodes}/concat", *outputs, f"{inside.nodes}/concat/axis")
    return x


def chain(graph: Graph, scope: Scope, x: str, layers: str) -> str:
    """The layers of one string of the tables, one after another."""
    for name, kind, kernel, stride in parse_layers(layers):
        layer = scope / name
        if kind in POOLS:
            x = pool(graph, POOLS[kind], f"{layer.nodes}/{POOLS[kind]}", x, kernel, stride)
        elif kind == "sep":
            x = normalised(graph, layer, separable_convolution(graph, layer, x, stride))
        else:
            x = convolution(graph, f"{layer.nodes}/Conv2D", x, f"{layer.weights}/weights", stride=stride)
            x = normalised(graph, layer, x)
    return x


# data_format: TensorFlow's arrays are (height, width, channels), NHWC. OpenCV computes with the channels first; where
# it is told NHWC, it turns an array back before a reshape or a flatten, which would show the difference.

def convolution(graph: Graph, name: str, x: str, *weights: str, op: str = "Conv2D", stride: int = 1,
                padding: str = "SAME", **attributes: Any) -> str:
    """A convolution without bias; the shape of its weights gives its kernel."""
    return graph.add(op, name, x, *weights, data_format="NHWC", dilations=(1, 1, 1, 1), padding=padding,
                     strides=(1, stride, stride, 1), **attributes)


def separable_convolution(graph: Graph, scope: Scope, x: str, stride: int) -> str:
    """A convolution of each channel on its own, then a 1x1 convolution over the channels."""
    name = f"{scope.nodes}/separable_conv2d"
    # "^" is no input. It makes TensorFlow wait for its check that the image is large enough. The text graph leaves that
    # check out, and OpenCV connects only what a layer reads.
    x = convolution(graph, f"{name}/depthwise", x, f"{scope.weights}/depthwise_weights",
                    "^FirstStageFeatureExtractor/Assert/Assert", op="DepthwiseConv2dNative", stride=stride)
    return convolution(graph, name, x, f"{scope.weights}/pointwise_weights", padding="VALID")


def normalised(graph: Graph, scope: Scope, x: str) -> str:
    """Batch normalisation and ReLU."""
    norm = scope / "BatchNorm"
    weights = [f"{norm.weights}/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    x = graph.add("FusedBatchNorm", f"{norm.nodes}/FusedBatchNorm", x, *weights,
                  data_format="NHWC", epsilon=0.001)
    return graph.add("Relu", f"{scope.nodes}/Relu", x)


def pool(graph: Graph, op: str, name: str, x: str, kernel: int, stride: int, padding: str = "SAME") -> str:
    """The largest value (op MaxPool) or the mean (AvgPool) of each kernel x kernel window."""
    return graph.add(op, name, x, data_format="NHWC", ksize=(1, kernel, kernel, 1), padding=padding,
                     strides=(1, stride, stride, 1))


def predictor(graph: Graph, op: str, scope: Scope, x: str, **attributes: Any) -> str:
    """A Conv2D or, on vectors, a MatMul with a bias.

    loc_pred_transposed=True marks a layer that predicts boxes. TensorFlow's are y, x, height, width; DetectionOutput
    takes x, y, width, height. So OpenCV swaps the weights of such a layer in pairs when it loads them.
    """
    name, weights = f"{scope.nodes}/{op}", f"{scope.weights}/weights"
    if op == "MatMul":
        x = graph.add(op, name, x, weights, transpose_a=False, transpose_b=False, **attributes)
    else:
        x = convolution(graph, name, x, weights, **attributes)
    return biased(graph, scope, x)


def biased(graph: Graph, scope: Scope, x: str) -> str:
    """`x` with a bias added."""
    return graph.add("BiasAdd", f"{scope.nodes}/BiasAdd", x, f"{scope.weights}/biases", data_format="NHWC")


def reshape(graph: Graph, name: str, x: str, shape: Sequence[int]) -> str:
    """`x` in another shape, in which 0 keeps a dimension and -1 stands for the rest."""
    return graph.add("Reshape", name, x, graph.constant(f"{name}/shape", shape))


def sliced(graph: Graph, name: str, x: str, begins: Sequence[int], sizes: Sequence[int]) -> str:
    """The part of `x` that starts at `begins`; a size of -1 goes to the end."""
    return graph.add("Slice", name, x, graph.constant(f"{name}/begins", begins),
                     graph.constant(f"{name}/sizes", sizes))


def detection_output(graph: Graph, name: str, deltas: str, scores: str, priors: str, **settings: Any) -> str:
    """The boxes that stay, best first, (1, 1, 100, 7): rows (0, class, score, x0, y0, x1, y1), box in 0..1.

    priors: the boxes that the deltas are added to; CENTER_SIZE says how. OpenCV's CropAndResize reads these rows
    directly, so the graph has none of the nodes that TensorFlow has between boxes and RoIs.
    """
    return graph.add("DetectionOutput", name, deltas, scores, priors, code_type="CENTER_SIZE", clip=True,
                     **settings)
