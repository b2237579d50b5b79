"""Translates the layers of a frozen graph of TensorFlow into the nodes of a text graph.

    layers = Layers(graph, consts, {"Preprocessor/map/TensorArrayStack/TensorArrayGatherV3": "image_tensor"})
    features = layers.add("Conv/Conv2D")        # the name of the node; layers.nodes has it and all before it

TensorFlow has several nodes where a text graph has one: constants are read through Identity or Cast, a dilated
convolution lies between SpaceToBatchND and BatchToSpaceND, and batch normalisation may be a product and a sum.
"""

from collections.abc import Callable, Mapping
from typing import Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.network.api_graph.graph_def import GraphNode, GraphNodes
from segmentation.network.text_graph import Node, Nodes

# What gives its first input on unchanged. Reshape: on the way to the heads it only splits and joins pictures and RoIs.
PASSED = {"Identity", "CheckNumerics", "StopGradient", "Cast", "Reshape", "PlaceholderWithDefault"}
# TensorFlow's operation -> that of a text graph, and the settings that it has there.
WINDOW = ("data_format", "padding", "strides")
KNOWN = {
    "Conv2D": ("Conv2D", WINDOW),           "DepthwiseConv2dNative": ("DepthwiseConv2dNative", WINDOW),
    "MaxPool": ("MaxPool", (*WINDOW, "ksize")), "AvgPool": ("AvgPool", (*WINDOW, "ksize")),
    "FusedBatchNorm": ("FusedBatchNorm", ("data_format", "epsilon")),
    "FusedBatchNormV2": ("FusedBatchNorm", ("data_format", "epsilon")),
    "FusedBatchNormV3": ("FusedBatchNorm", ("data_format", "epsilon")),
    "BiasAdd": ("BiasAdd", ("data_format",)), "Mean": ("Mean", ("keep_dims",)), "ConcatV2": ("ConcatV2", ()),
    "ResizeBilinear": ("ResizeBilinear", ("align_corners",)), "Relu": ("Relu", ()), "Relu6": ("Relu6", ()),
    "Add": ("Add", ()), "AddV2": ("Add", ()), "Mul": ("Mul", ()), "Sub": ("Sub", ()), "Pad": ("Pad", ()),
    "MatMul": ("MatMul", ("transpose_a", "transpose_b")),
}
APART = {"SpaceToBatchND", "BatchToSpaceND"}  # around a dilated convolution
FOLDED: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add, "AddV2": np.add, "Sub": np.subtract, "Mul": np.multiply,
    "Rsqrt": lambda x: 1 / np.sqrt(x)}  # operations on constants that can be computed at loading


class Layers:
    """The text graph's nodes so far.

    nodes: the nodes, each after those that it reads
    consts: the graph's constants and those that were made of them
    """

    def __init__(self, graph: GraphNodes, consts: Mapping[str, np.ndarray], leaves: Mapping[str, str]) -> None:
        self.graph, self.consts = graph, dict(consts)
        self.nodes: Nodes = {}
        self.names = dict(leaves)  # name in TensorFlow's graph -> name in the text graph

    def add(self, name: str) -> str:
        """Add a node and all that it depends on; its name in the text graph. Raises SegmentationError if one is not
        known."""
        pending = [self.passed(name)]
        # A node is looked at twice, and once more for each node that reads it.
        for _ in range(10 * len(self.graph)):
            if not pending:
                return self.names[self.passed(name)]
            node = self.graph[pending[-1]]
            missing = [source for source in self.data_inputs(node) if source not in self.names]
            if node.name not in self.names and not missing:
                self.names[node.name] = self.translate(node)
            if node.name in self.names:
                pending.pop()
            pending += missing
        raise SegmentationError(f"its nodes before {name} read each other in a circle")

    def passed(self, name: str) -> str:
        """The name of the node whose output a name stands for."""
        for _ in self.graph:
            if name in self.names:
                return name
            if name not in self.graph:
                raise SegmentationError(f"it has no node {name}")
            node = self.graph[name]
            if node.op not in PASSED or is_flatten(node):
                return name
            name = node.inputs[0]
        raise SegmentationError(f"its nodes before {name} read each other in a circle")

    def data_inputs(self, node: GraphNode) -> list[str]:
        """The inputs of a node that are no constants, as the text graph's node will read them."""
        if node.name in self.names:
            return []
        if not is_flatten(node) and node.op not in KNOWN and node.op not in APART:
            raise SegmentationError(f"its node {node.name} is a {node.op}, which is not known there")
        if is_flatten(node) or node.op in APART:  # their other inputs are sizes
            return [self.passed(node.inputs[0])]
        product = self.product_before(node)
        if product:
            return self.data_inputs(product)
        return [self.passed(name) for name in node.inputs if self.value(name) is None]

    # ---- Constants ------------------------------------------------------------------------------------------

    def value(self, name: str) -> Optional[np.ndarray]:
        """The array that a name stands for, if it is a constant or computed of constants; else None."""
        if name in self.consts:
            return self.consts[name]
        node = self.graph.get(name)
        if node is None or not node.inputs:
            return None
        if node.op in PASSED - {"Reshape"}:
            return self.value(node.inputs[0])
        if node.op not in FOLDED:
            return None
        values = [value for source in node.inputs if (value := self.value(source)) is not None]
        if len(values) < len(node.inputs):
            return None
        if np.prod(np.broadcast_shapes(*(value.shape for value in values)), dtype=object) > max(
                value.size for value in values):
            raise SegmentationError(f"its node {name} makes more numbers than it reads")
        self.consts[name] = np.asarray(FOLDED[node.op](*values), np.float32)
        return self.consts[name]

    def constant(self, name: str) -> str:
        """The name under which `consts` has the constant that a name stands for."""
        for _ in self.graph:
            if name in self.consts:
                return name
            name = self.graph[name].inputs[0]
        raise SegmentationError(f"its node {name} is no constant")

    def new(self, name: str, array: np.ndarray) -> str:
        """Add a constant; its name."""
        self.consts[name] = array
        return name

    # ---- Nodes ----------------------------------------------------------------------------------------------

    def translate(self, node: GraphNode) -> str:
        """Add the text graph's node for one whose inputs are there; its name."""
        if is_flatten(node):
            return self.put(node.name, "Flatten", self.passed(node.inputs[0]))
        if node.op in APART:
            return self.names[self.passed(node.inputs[0])]  # `dilated` puts both there, around their convolution
        if node.op in ("Conv2D", "DepthwiseConv2dNative"):
            rate = self.dilation(node)
            if rate > 1:
                return self.dilated(node, rate)
        if node.op in ("Add", "AddV2", "Mul", "Sub"):
            return self.arithmetic(node)
        return self.plain(node)

    def put(self, name: str, op: str, *inputs: str, **attributes: tuple) -> str:
        """Add a node that reads nodes of TensorFlow's graph, or constants; its name."""
        read = tuple(self.names[source] if source in self.names else self.constant(source) for source in inputs)
        self.nodes[name] = Node(name, op, read, attributes)
        return name

    def plain(self, node: GraphNode) -> str:
        """Add a node with the same inputs and settings; its name."""
        op, keys = KNOWN[node.op]
        attributes = {key: node.attributes[key] for key in keys if node.attributes.get(key)}
        inputs = [name if self.value(name) is not None else self.passed(name) for name in node.inputs]
        return self.put(node.name, op, *inputs, **attributes)

    def dilation(self, node: GraphNode) -> int:
        """How far apart the places are that a convolution reads."""
        before = self.graph.get(node.inputs[0])
        for _ in self.graph:
            if before is None or before.op not in PASSED:
                break
            before = self.graph.get(before.inputs[0])
        block = self.value(before.inputs[1]) if before is not None and before.op == "SpaceToBatchND" else None
        if block is not None:
            return int(block.flat[0])
        rate = max(node.attributes.get("dilations", (1,)))
        if rate > 1 and node.attributes.get("padding") != ("SAME",):
            raise SegmentationError(f"its node {node.name} is dilated but not padded, which is not known there")
        return rate

    def dilated(self, node: GraphNode, rate: int) -> str:
        """Add a convolution that reads places `rate` apart, with SAME padding; the name of its last node."""
        kernel = self.value(node.inputs[1])
        height, width = kernel.shape[:2] if kernel is not None else (1, 1)
        paddings = np.array([[rate * (side // 2)] * 2 for side in (height, width)], np.int32)
        block = self.new(f"{node.name}/rate", np.array([rate, rate], np.int32))
        apart = self.put(f"{node.name}/apart", "SpaceToBatchND", self.passed(node.inputs[0]), block,
                         self.new(f"{node.name}/paddings", paddings))
        self.names[apart] = apart
        done = self.put(node.name, node.op, apart, self.constant(node.inputs[1]),
                        data_format=("NHWC",), padding=("VALID",), strides=(1, 1, 1, 1))
        self.names[done] = done
        return self.put(f"{node.name}/together", "BatchToSpaceND", done, block,
                        self.new(f"{node.name}/crops", np.zeros((2, 2), np.int32)))

    def arithmetic(self, node: GraphNode) -> str:
        """Add a sum, a difference or a product; a constant is its second input, and one for each channel a bias."""
        data = [name for name in node.inputs if self.value(name) is None]
        constants = [name for name in node.inputs if self.value(name) is not None]
        if not constants:
            return self.put(node.name, KNOWN[node.op][0], *map(self.passed, data))
        array = self.value(constants[0])
        assert array is not None
        if node.op == "Sub" and self.value(node.inputs[0]) is not None:
            raise SegmentationError(f"its node {node.name} subtracts from a constant, which is not known there")
        if array.size == 1:
            return self.put(node.name, KNOWN[node.op][0], self.passed(data[0]), constants[0])
        if node.op == "Sub":
            return self.shifted(node, self.passed(data[0]), -array.reshape(-1))
        product = self.product_before(node)
        if product:
            return self.normalised(node, product, array)
        if node.op == "Mul":
            raise SegmentationError(f"its node {node.name} is a product for each channel, which is not known there")
        bias = self.new(f"{node.name}/bias", array.reshape(-1))
        return self.put(node.name, "BiasAdd", self.passed(data[0]), bias, data_format=("NHWC",))

    def product_before(self, node: GraphNode) -> Optional[GraphNode]:
        """The product for each channel that a sum with one number for each channel reads: the two are a normalisation
        that was not folded into one node. None if there is none."""
        if node.op not in ("Add", "AddV2") or len(node.inputs) != 2:
            return None
        for name, other in (node.inputs, node.inputs[::-1]):
            before = self.graph.get(self.passed(name)) if self.value(name) is None else None
            if before is not None and before.op == "Mul" and self.value(other) is not None:
                factors = [self.value(source) for source in before.inputs]
                if any(factor is not None and factor.size > 1 for factor in factors):
                    return before
        return None

    def normalised(self, node: GraphNode, product: GraphNode, shift: np.ndarray) -> str:
        """Add a product and a sum for each channel as one batch normalisation with mean 0 and variance 1."""
        data = next(name for name in product.inputs if self.value(name) is None)
        factor = next(value for name in product.inputs if (value := self.value(name)) is not None).reshape(-1)
        arrays = (("gamma", factor), ("beta", shift.reshape(-1)), ("mean", np.zeros(len(factor), np.float32)),
                  ("variance", np.ones(len(factor), np.float32)))
        made = [self.new(f"{node.name}/{part}", array) for part, array in arrays]
        return self.put(node.name, "FusedBatchNorm", self.passed(data), *made, data_format=("NHWC",), epsilon=(1e-9,))

    def shifted(self, node: GraphNode, x: str, shift: np.ndarray) -> str:
        """Add what adds a number to each channel of the picture: a 1x1 convolution that changes nothing, and its bias.

        Only a layer with weights takes biases.
        """
        same = self.new(f"{node.name}/same", np.eye(len(shift), dtype=np.float32)[None, None])
        layer = self.put(f"{node.name}/layer", "Conv2D", x, same, data_format=("NHWC",), padding=("SAME",),
                         strides=(1, 1, 1, 1))
        self.names[layer] = layer
        bias = self.new(f"{node.name}/bias", shift.astype(np.float32))
        return self.put(node.name, "BiasAdd", layer, bias, data_format=("NHWC",))


def is_flatten(node: GraphNode) -> bool:
    """Whether a Reshape makes a row for each RoI."""
    return node.op == "Reshape" and node.name.endswith("latten/Reshape")
