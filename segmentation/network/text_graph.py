"""Read a text graph (.pbtxt) as Nodes, change it, write it again.

cv2.dnn builds a network from two files: the weights (.pb) and a text graph that names every layer, its inputs and its
settings. readNetFromTensorflow takes both as buffers. So all that the text graph fixes can be changed in memory: the
0.3 below which detections are dropped, the 100 proposals, and the list of layers. The files on disk stay as they are.

    nodes = set_value(read_nodes(text), "detection_out", "keep_top_k", 30)
    mask_head = write_nodes(cut(nodes, ["detection_masks"], {"detection_out_final": (1, 1, -1, 7)}))

read_nodes refuses whatever it does not understand, and an engine gets only what write_nodes makes of the Nodes. So
nothing reaches an engine that this project has not read and checked (segmentation/network/graph_check.py).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

from segmentation import SegmentationError
from segmentation.wording import counted

# One statement of protobuf's text format: `field: value`, `field {`, `}`, a comment, or else a character that is wrong.
STATEMENT = re.compile(r'\s*(?:(\w+)(?:\s*:\s*("[^"\\\n]*"|[-+.\w]+)|\s*:?\s*(\{))|(\})|#[^\n]*|(\S))')
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
INT32 = range(-2**31, 2**31)
SINGLE = ("s", "i", "f", "b")  # the fields of an attribute's value that are one text, whole number, number or boolean
TENSORS = {"DT_FLOAT": "float_val", "DT_INT32": "int_val"}  # the types of constants, and the field of their numbers
# Fields and attributes that change nothing of what is computed.
IGNORED = {"device", "library", "versions", "N", "use_cudnn_on_gpu"}
# The attributes that are written as a list of whole numbers, and those that are written as a constant.
LISTS = {"strides", "ksize", "dilations"}
CONSTANTS = {"value", "width", "height", "variance"}


class Node(NamedTuple):
    """A node as values. attributes: key -> a tuple of numbers, booleans or texts, also for a single one."""

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, tuple] = {}

    def one(self, key: str, default: Any = None) -> Any:
        """The only value of an attribute. The default if the node does not have the attribute."""
        return self.attributes.get(key, (default,))[0]


Nodes = dict[str, Node]  # by name, in file order: an input comes before the nodes that read it
Message = list[tuple[str, Any]]  # (field, value) each; a value is a Message, or a text as it stands


# ---- Reading -------------------------------------------------------------------------------------------------

def read_nodes(text: str) -> Nodes:
    """The Nodes of a text graph. Control inputs (`^name`: order of execution, no data) are left out.

    Raises SegmentationError if the text is no text graph, or holds something that this project does not know.
    """
    nodes: Nodes = {}
    for field, value in parse(text):
        if field == "node" and isinstance(value, list):
            node = read_node(value)
            if node.name in nodes:
                raise SegmentationError(f"the text graph has two nodes {node.name}")
            nodes[node.name] = node
        elif field not in IGNORED:
            raise SegmentationError(f"the text graph has a {field} that is not known")
    if not nodes:
        raise SegmentationError("the text graph holds no nodes")
    return nodes


def parse(text: str) -> Message:
    """The Message that a text in protobuf's text format is. Raises SegmentationError if it is no such text."""
    message: Message = []
    around: list[Message] = []
    for field, value, opened, closed, wrong in STATEMENT.findall(text):
        if value:
            message.append((field, value))
        elif opened:
            inside: Message = []
            message.append((field, inside))
            around.append(message)
            message = inside
        elif wrong or (closed and not around):
            raise SegmentationError(f"it has a {wrong or closed} in the wrong place, so it holds no nodes that can be "
                                    "read")
        elif closed:
            message = around.pop()
    if around:
        raise SegmentationError("it ends in the middle of a node: it is cut off")
    return message


def read_node(message: Message) -> Node:
    """The Node of a Message. Raises SegmentationError if it is none."""
    texts: dict[str, str] = {}
    inputs: list[str] = []
    attributes: dict[str, tuple] = {}
    for field, value in message:
        if field == "attr":
            key, values = read_attribute(value, texts.get("name"))
            if key in attributes:
                raise SegmentationError(f"the text graph's node {texts.get('name')} has two {key}")
            attributes[key] = values
        elif field == "input":
            inputs.append(unquoted(value))
        elif field in ("name", "op") and field not in texts:
            texts[field] = unquoted(value)
        elif field not in IGNORED:
            raise SegmentationError(f"the text graph's node {texts.get('name')} has a {field} that is not expected")
    if not texts.get("name") or not texts.get("op"):
        raise SegmentationError(f"the text graph has a node without {'an op' if 'name' in texts else 'a name'}: "
                                f"{' '.join([*texts.values(), *inputs])[:60]!r}")
    known = {key: values for key, values in attributes.items() if values and key not in IGNORED}
    return Node(texts["name"], texts["op"], tuple(name for name in inputs if not name.startswith("^")), known)


def read_attribute(message: Any, name: Optional[str]) -> tuple[str, tuple]:
    """(the key of a node's attribute, its values). No values if the attribute only names a type or a shape.

    name: the node's, for the error

    Raises SegmentationError if the attribute has a form that is not known.
    """
    try:
        (key_field, key), (value_field, value) = message
        (kind, content), = value
        if (key_field, value_field) != ("key", "value"):
            raise ValueError(f"{key_field} and {value_field} instead of key and value")
        key = unquoted(key)
        if kind in ("type", "shape"):
            return key, ()
        if kind == "tensor":
            return key, read_tensor(content)
        return key, tuple(read_value(*one) for one in (content if kind == "list" else [(kind, content)]))
    except (TypeError, ValueError) as error:
        raise SegmentationError(f"the text graph's node {name} has an attribute that cannot be read: "
                                f"{' '.join(str(message).split())[:60]}") from error


def read_tensor(message: Message) -> tuple:
    """The numbers of a constant, in one row. Raises TypeError or ValueError if the Message is none."""
    (_, dtype), (_, shape), *numbers = message
    values = tuple(read_value({"float_val": "f", "int_val": "i"}[field] if field == TENSORS.get(dtype) else "", number)
                   for field, number in numbers)
    sizes = [read_value("i", size) for dim, entry in shape for _, size in entry]
    if [field for field, _ in message[:2]] != ["dtype", "tensor_shape"] or len(values) != math.prod(sizes):
        raise ValueError(f"{counted(len(values), 'number')} for the shape {sizes}")
    return values


def read_value(kind: str, value: Any) -> Union[str, bool, int, float]:
    """The Python value of the text of a number, a boolean or a quoted text.

    Raises TypeError or ValueError if it is not of that kind, is not finite or does not fit 32 bits.

    >>> read_value("s", '"SAME"'), read_value("b", "true"), read_value("i", "16"), read_value("f", "0.1")
    ('SAME', True, 16, 0.1)
    """
    if kind == "s":
        return unquoted(value)
    if kind == "b":
        return ("false", "true").index(value) == 1
    if kind not in SINGLE or not NUMBER.fullmatch(value):
        raise ValueError(f"no number: {value}")
    number = int(value) if kind == "i" else float(value)
    if (isinstance(number, int) and number not in INT32) or abs(number) > 3e38:
        raise ValueError(f"not in range: {value}")
    return number


def unquoted(value: Any) -> str:
    """The text between quotes. Raises SegmentationError if it is not quoted."""
    if not isinstance(value, str) or not value.startswith('"'):
        raise SegmentationError(f"the text graph has {str(value)[:60]!r} where a quoted text is expected")
    return value[1:-1]


# ---- Changing ------------------------------------------------------------------------------------------------

def trunk_output(nodes: Mapping[str, Node]) -> str:
    """The name of the trunk's last node. Both heads crop their RoIs from its features.

    Raises SegmentationError if the graph crops no RoIs.
    """
    crop = nodes.get("CropAndResize")
    if crop is None or not crop.inputs:
        raise SegmentationError("the text graph has no node CropAndResize")
    return crop.inputs[0]


def set_value(nodes: Mapping[str, Node], name: str, key: str, value: float) -> Nodes:
    """The nodes with attribute `key` of node `name` set to a number. Raises SegmentationError if it has no number."""
    node = nodes.get(name)
    if node is None:
        raise SegmentationError(f"the text graph has no node {name}")
    if not isinstance(node.one(key), (int, float)):
        raise SegmentationError(f"the text graph's node {name} has no number {key}")
    return {**nodes, name: node._replace(attributes={**node.attributes, key: (type(node.one(key))(value),)})}


def cut(nodes: Mapping[str, Node], outputs: Sequence[str],
        placeholders: Optional[Mapping[str, Sequence[int]]] = None) -> Nodes:
    """The part of a graph that computes `outputs`.

    placeholders: names of nodes -> their shapes (-1 for any size). The part reads these as float32 inputs and needs
        no node before them

    Raises SegmentationError if an output or a placeholder is no node of the graph.
    """
    placeholders = placeholders or {}
    for name in [*outputs, *placeholders]:
        if name not in nodes:
            raise SegmentationError(f"the text graph has no node {name}")
    wanted, pending = set(), list(outputs)
    while pending:
        name = pending.pop()
        # A name that is no node is a constant in the weights.
        if name in nodes and name not in wanted:
            wanted.add(name)
            pending += () if name in placeholders else nodes[name].inputs
    return {name: placeholder(name, placeholders[name]) if name in placeholders else node
            for name, node in nodes.items() if name in wanted}


def placeholder(name: str, shape: Iterable[int]) -> Node:
    """A node that is a float32 input."""
    return Node(name, "Placeholder", (), {"shape": tuple(shape)})


# ---- Writing -------------------------------------------------------------------------------------------------

def write_nodes(nodes: Mapping[str, Node]) -> str:
    """The text graph of the nodes, a line for each."""
    return "".join(map(node_text, nodes.values()))


def node_text(node: Node) -> str:
    """The line of one node.

    >>> node_text(Node("x", "Softmax", ("y",), {"axis": (-1,)}))
    'node { name: "x" op: "Softmax" input: "y" attr { key: "axis" value { i: -1 } } }\\n'
    """
    attributes: Mapping[str, tuple] = node.attributes
    if node.op == "Placeholder":
        attributes = {"dtype": ("DT_FLOAT",), "shape": node.attributes.get("shape", ())}
    return "".join([f'node {{ name: "{node.name}" op: "{node.op}"', *(f' input: "{name}"' for name in node.inputs),
                    *(f' attr {{ key: "{key}" value {{ {value_text(key, values)} }} }}'
                      for key, values in attributes.items()), " }\n"])


def value_text(key: str, values: tuple) -> str:
    """The values of an attribute as the text graph has them.

    >>> value_text("strides", (1, 2)), value_text("clip", (True,)), value_text("padding", ("SAME",))
    ('list { i: 1 i: 2 }', 'b: true', 's: "SAME"')
    """
    if key == "dtype":
        return f"type: {values[0]}"
    if key == "shape":
        return f"shape {{ {' '.join(f'dim {{ size: {size} }}' for size in values)} }}"
    if key in CONSTANTS:
        dtype = "DT_FLOAT" if isinstance(values[0], float) else "DT_INT32"
        numbers = " ".join(f"{TENSORS[dtype]}: {number!r}" for number in values)
        return f"tensor {{ dtype: {dtype} tensor_shape {{ dim {{ size: {len(values)} }} }} {numbers} }}"
    if key in LISTS:
        return f"list {{ {' '.join(f'i: {number}' for number in values)} }}"
    kind = {bool: "b", int: "i", float: "f", str: "s"}[type(values[0])]
    return f"{kind}: " + {"b": str(values[0]).lower(), "s": f'"{values[0]}"'}.get(kind, repr(values[0]))
