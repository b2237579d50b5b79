"""Writes the padding of an ONNX model out, for OpenCV: with stride 2 it pads the wrong side of a map with an even side.

    with_explicit_padding(proto)        # an onnx.ModelProto, changed in place

TensorFlow's SAME, auto_pad SAME_UPPER in ONNX, adds as many rows as the windows reach beyond the map, the odd one at
the end. OpenCV 5.0 adds it at the beginning. So each such layer gets a Pad of its own before it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LOWEST = -3e38  # below all features: padding must not win in a MaxPool


def with_explicit_padding(proto: "ModelProto") -> None:
    """Change the layers of an onnx.ModelProto that have auto_pad, in place."""
    from onnx import numpy_helper

    graph, nodes = proto.graph, []
    for node in graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if attributes.get("auto_pad") and attributes["auto_pad"].s == b"SAME_UPPER":
            kernel, stride = (np.array(attributes[key].ints) for key in ("kernel_shape", "strides"))
            made, constants = padding(node, kernel, stride)
            nodes += made
            graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
            node.attribute.remove(attributes["auto_pad"])
            node.input[0] = made[-1].output[0]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def padding(node: "NodeProto", kernel: np.ndarray, stride: np.ndarray) -> tuple[list["NodeProto"],
                                                                               dict[str, np.ndarray]]:
    """(the nodes that pad the input of a layer, the constants that they read).

    In all, (ceil(side / stride) - 1) * stride + kernel - side rows are added, but no fewer than 0: half of them at the
    beginning.
    """
    from onnx import helper

    nodes: list[NodeProto] = []
    constants: dict[str, np.ndarray] = {}

    def add(op: str, *inputs: object, **attributes: Any) -> str:
        names = []
        for number, entry in enumerate(inputs):
            if isinstance(entry, str):
                names.append(entry)
            else:
                names.append(f"{node.name}/padding_{len(nodes)}_{number}")
                array = np.asarray(entry)
                constants[names[-1]] = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        output = f"{node.name}/padding_{len(nodes)}"
        nodes.append(helper.make_node(op, names, [output], name=output, **attributes))
        return output

    sides = add("Slice", add("Shape", node.input[0]), [2], [4], [0])
    windows = add("Div", add("Add", sides, stride - 1), stride)
    reach = add("Add", add("Mul", add("Sub", windows, [1, 1]), stride), kernel)
    total = add("Max", add("Sub", reach, sides), [0, 0])
    before = add("Div", total, [2, 2])
    sizes = add("Concat", [0, 0], before, [0, 0], add("Sub", total, before), axis=0)
    add("Pad", node.input[0], sizes, LOWEST if node.op_type == "MaxPool" else 0.0)
    return nodes, constants
