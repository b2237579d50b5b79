"""Check a model before an engine sees it: each node of the text graph, the constants that it reads, and the whole.

    check_graph(read_nodes(text), read_consts(buffer))

An engine trusts its input. cv2.dnn ends the process with a segmentation fault if, say, two inputs are swapped or a
constant has another shape. So the shapes are followed through the whole graph (segmentation/network/operations.py), and
anything that does not fit, or that is not known, is refused with the name of its node.
"""

from collections import ChainMap, Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from segmentation import SegmentationError
from segmentation.network.operations import N_OF, OPS, RESIZED, Misfit, Value, require
from segmentation.network.text_graph import Node, cut, trunk_output
from segmentation.wording import counted

# Names of nodes in the text graph.
IMAGE, PROPOSALS, BOXES, MASKS = "image_tensor", "detection_out", "detection_out_final", "detection_masks"
# The nodes that the engines name, and their operations.
NAMED = {IMAGE: "Placeholder", PROPOSALS: "DetectionOutput", "CropAndResize": "CropAndResize",
         BOXES: "DetectionOutput", "CropAndResize_1": "CropAndResize", MASKS: "Sigmoid"}
# The layers that take a bias or a normalisation in, so that nothing else may read them.
LAYERS = {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchToSpaceND"}
ABSORBED = {"BiasAdd", "FusedBatchNorm"}
INFINITE_HALF = 0x7c00  # the bits of a float16's exponent: all of them are set if it is infinite or not a number
LARGEST_NUMBER = 1e10  # no weight is near it, but one with a flipped bit can be 1e37, and then all that follows is NaN


def check_graph(nodes: Mapping[str, Node], consts: Mapping[str, np.ndarray]) -> int:
    """The side of the masks that a graph gives, in cells.

    nodes: in file order
    consts: of the frozen graph, name -> array

    Raises SegmentationError, with the name of the node, if a node or a constant that it reads is not usable.
    """
    arrays = {name: array for name, array in consts.items() if name not in nodes}
    arrays.update((name, constant(node)) for name, node in nodes.items() if node.op == "Const")
    seen: dict[str, Value] = {}
    values: Mapping[str, Any] = ChainMap(seen, arrays)
    sound: set[str] = set()  # constants whose numbers were looked at
    for node in nodes.values():
        if node.op != "Const":
            try:
                check_settings(node)
                seen[node.name] = check_node(node, values, sound)
            except Misfit as error:
                raise SegmentationError(f"its node {node.name} {error}") from error
    check_whole(nodes, seen)
    return seen[MASKS].shape[2]


def constant(node: Node) -> np.ndarray:
    """The array of a Const in a text graph."""
    values = np.array(node.attributes.get("value", ()))
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def check_settings(node: Node) -> None:
    """Raise Misfit if the operation or one of the attributes of a node is not known, missing or out of range."""
    require(node.op in OPS, f"is a {node.op}, which is not known")
    settings = OPS[node.op].settings
    for key, values in node.attributes.items():
        require(key in settings, f"has an attribute {key}, which is not known of a {node.op}")
        require(settings[key].test(values),
                f"has {key} {', '.join(map(str, values))}; it must be {settings[key].words}")
    for key, setting in settings.items():
        require(not setting.needed or key in node.attributes, f"has no {key}")


def check_node(node: Node, values: Mapping[str, Any], sound: set[str]) -> Value:
    """What a node gives. Raises Misfit if what it reads does not fit.

    values: what the nodes before it give, and all constants
    sound: names of constants that were looked at before
    """
    operation = OPS[node.op]
    wanted = operation.inputs
    if wanted[-1:] == ("...",):
        wanted = (wanted[0],) * (len(node.inputs) - 1) + wanted[1:2]
    require(len(node.inputs) == len(wanted), f"has {counted(len(node.inputs), 'input')}, not {len(wanted)}")
    for name, kinds in zip(node.inputs, wanted):
        require(name in values, f"reads {name}, which is neither a node before it nor a constant")
        value = values[name]
        if isinstance(value, Value):
            require(value.kind in kinds.split(), f"reads {name}, which does not belong there")
            require(not value.deltas or operation.takes_deltas, f"reads {name}, which gives deltas of boxes")
        elif name not in sound or kind_of(value) not in kinds.split():
            require(kind_of(value) in kinds.split(), f"reads the constant {name}, which does not belong there")
            require(value.size and is_sound(value),
                    f"reads the constant {name}, which is empty, not finite or has numbers beyond {LARGEST_NUMBER:g}")
            sound.add(name)
    given = operation.rule(node, *(values[name] for name in node.inputs))
    require(min(given.shape) > 0, f"gives an array of the shape {given.shape}")
    return given


def kind_of(array: np.ndarray) -> str:
    """"floats" or "integers"."""
    return "floats" if array.dtype.kind == "f" else "integers"


def is_sound(array: np.ndarray) -> bool:
    """Whether all numbers are finite and not huge. 5 ms for 16 million float32, 1 ms for float16, by their bits."""
    if array.dtype == np.float16:
        return bool((array.view(np.uint16) & INFINITE_HALF).max() < INFINITE_HALF)
    return array.dtype.kind != "f" or bool(array.min() > -LARGEST_NUMBER and array.max() < LARGEST_NUMBER)


def check_whole(nodes: Mapping[str, Node], seen: Mapping[str, Value]) -> None:
    """Raise SegmentationError if the nodes do not make the two networks that the engines cut out of them."""
    for name, op in NAMED.items():
        if name not in nodes or nodes[name].op != op:
            raise SegmentationError(f"it has no {op} {name}")
    readers = Counter(name for node in nodes.values() for name in node.inputs)
    for node in nodes.values():
        if not readers[node.name] and node.name != MASKS:
            raise SegmentationError(f"its node {node.name} is read by no other")
        if node.op in ABSORBED and (readers[node.inputs[0]] > 1 or nodes[node.inputs[0]].op not in LAYERS):
            raise SegmentationError(f"its node {node.name} must be the only one that reads a layer with weights")
        if node.op == "Placeholder" and node.name != IMAGE:
            raise SegmentationError(f"its node {node.name} is an input that is not known")
    features = trunk_output(nodes)
    boxes = nodes[nodes["CropAndResize"].inputs[1]]
    if PROPOSALS not in (boxes.name, *boxes.inputs[:1]) or nodes["CropAndResize_1"].inputs[:2] != (features, BOXES):
        raise SegmentationError("its nodes CropAndResize and CropAndResize_1 must crop the same map, under "
                                f"{PROPOSALS} and {BOXES}")
    if IMAGE in cut(nodes, [MASKS], {features: (), BOXES: ()}):
        raise SegmentationError(f"its node {MASKS} depends on more than {features} and {BOXES}")
    classes, shape = nodes[BOXES].one("num_classes"), seen[MASKS].shape
    if shape[:2] != (N_OF[BOXES], classes) or shape[2] != shape[3] or shape[2] not in RESIZED:
        raise SegmentationError(f"it gives masks of the shape {shape[1:]}; they must be square, one for each of "
                                f"{counted(classes, 'class', 'classes')}")
