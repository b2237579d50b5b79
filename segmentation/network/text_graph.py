"""Change the network's text graph: set a value, cut out a part. All functions take text and return text.

cv2.dnn builds a network from two files: the weights (.pb) and a text graph (.pbtxt) that names every layer, its inputs
and its settings. readNetFromTensorflow takes both as buffers. So all that the text graph fixes can be changed in
memory: the 0.3 below which detections are dropped, the 100 proposals, and the list of layers. The files on disk stay
as they are.

    text = set_value(text, "detection_out", "keep_top_k", 30)
    mask_head = cut(text, ["detection_masks"], {"detection_out_final": (1, 1, -1, 7)})
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

from segmentation import SegmentationError

# A text graph is a sequence of blocks `node {` ... `}`. The closing brace is in column 0: protobuf prints every text
# graph like this, OpenCV's own too.
NODE = re.compile(r"^node \{\n.*?^\}\n?", re.S | re.M)
ATTRIBUTE = re.compile(r'^  attr \{\s*key: "([^"]+)"(.*?)^  \}', re.S | re.M)
VALUE = re.compile(r'\b(?:i|f|b|s|int_val|float_val): (?:"([^"]*)"|(\S+))')
FIELD = {"name": re.compile(r'^  name: "([^"]+)"', re.M), "input": re.compile(r'^  input: "([^"]+)"', re.M),
         "op": re.compile(r'^  op: "([^"]+)"', re.M)}


def split_nodes(text: str) -> dict[str, str]:
    """The text of each node by its name, in file order (an input comes before the nodes that read it).

    Raises SegmentationError if there is no node, or a node without a name.
    """
    nodes: dict[str, str] = {}
    for node in NODE.findall(text):
        name = FIELD["name"].search(node)
        if name is None:
            raise SegmentationError(f"the text graph has a node without a name: {node[:60]!r}")
        nodes[name.group(1)] = node
    if not nodes:
        raise SegmentationError("the text graph holds no nodes")
    return nodes


def inputs(node: str) -> list[str]:
    """The names that a node reads, in order. Control inputs (`^name`: order of execution, no data) are left out."""
    return [name for name in FIELD["input"].findall(node) if not name.startswith("^")]


def trunk_output(text: str) -> str:
    """The name of the trunk's last node. Both heads crop their RoIs from its features.

    Raises SegmentationError if the graph crops no RoIs.
    """
    crop = split_nodes(text).get("CropAndResize")
    if crop is None or not inputs(crop):
        raise SegmentationError("the text graph has no node CropAndResize")
    return inputs(crop)[0]


class Node(NamedTuple):
    """A node as values. attributes: key -> a tuple of numbers, booleans or texts, also for a single one."""

    name: str
    op: str
    inputs: list[str]
    attributes: dict[str, tuple]

    def one(self, key: str, default: Any = None) -> Any:
        """The only value of an attribute. The default if the node does not have the attribute."""
        return self.attributes.get(key, (default,))[0]


def read_nodes(text: str) -> list[Node]:
    """The Nodes of a text graph, in file order.

    Raises SegmentationError if a node has no name or no op.
    """
    nodes = []
    for name, node in split_nodes(text).items():
        op = FIELD["op"].search(node)
        if op is None:
            raise SegmentationError(f"the text graph's node {name} has no op")
        attributes = {key: tuple(map(read_value, VALUE.findall(value))) for key, value in ATTRIBUTE.findall(node)}
        nodes.append(Node(name, op.group(1), inputs(node), attributes))
    return nodes


def read_value(found: tuple[str, str]) -> Union[str, bool, int, float]:
    """The Python value of VALUE's two groups: a text, or else a number or a boolean.

    >>> read_value(("SAME", "")), read_value(("", "true")), read_value(("", "16")), read_value(("", "0.1"))
    ('SAME', True, 16, 0.1)
    """
    text, plain = found
    if not plain:
        return text
    if plain in ("true", "false"):
        return plain == "true"
    return int(plain) if re.fullmatch(r"-?\d+", plain) else float(plain)


def find_number(text: str, name: str, key: str) -> tuple[str, re.Match]:
    """(the text of node `name`, the match of its attribute `key`'s number in that text).

    Raises SegmentationError if the graph has no such node, or the node no such attribute.
    """
    node = split_nodes(text).get(name)
    if node is None:
        raise SegmentationError(f"the text graph has no node {name}")
    found = re.search(rf'(?<=key: "{re.escape(key)}")\s+value \{{\s+[if]: ([-+.\deE]+)', node)
    if found is None:
        raise SegmentationError(f"the text graph's node {name} has no number {key}")
    return node, found


def value_of(text: str, name: str, key: str) -> float:
    """The number of attribute `key` of node `name`. Raises SegmentationError if it is not there."""
    return float(find_number(text, name, key)[1].group(1))


def set_value(text: str, name: str, key: str, value: float) -> str:
    """The text graph with attribute `key` of node `name` set to a number. Raises SegmentationError without it."""
    node, found = find_number(text, name, key)
    return text.replace(node, f"{node[:found.start(1)]}{value}{node[found.end(1):]}")


def cut(text: str, outputs: Sequence[str], placeholders: Optional[Mapping[str, Sequence[int]]] = None) -> str:
    """The part of the text graph that computes `outputs`, as a new text graph.

    placeholders: names of nodes -> their shapes (-1 for any size). The part reads these as float32 inputs and needs
        no node before them

    Raises SegmentationError if an output or a placeholder is no node of the graph.
    """
    nodes, placeholders = split_nodes(text), placeholders or {}
    for name in [*outputs, *placeholders]:
        if name not in nodes:
            raise SegmentationError(f"the text graph has no node {name}")
    wanted, pending = set(), list(outputs)
    while pending:
        name = pending.pop()
        # A name that is no node is a constant in the weights.
        if name in nodes and name not in wanted:
            wanted.add(name)
            pending += [] if name in placeholders else inputs(nodes[name])
    return "".join(placeholder(name, placeholders[name]) if name in placeholders else node
                   for name, node in nodes.items() if name in wanted)


def placeholder(name: str, shape: Iterable[int]) -> str:
    """The text of a float32 input node.

    >>> print(placeholder("x", (1, -1)))
    node {
      name: "x"
      op: "Placeholder"
      attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "shape" value { shape { dim { size: 1 } dim { size: -1 } } } }
    }
    <BLANKLINE>
    """
    dims = " ".join(f"dim {{ size: {size} }}" for size in shape)
    return (f'node {{\n  name: "{name}"\n  op: "Placeholder"\n'
            '  attr { key: "dtype" value { type: DT_FLOAT } }\n'
            f'  attr {{ key: "shape" value {{ shape {{ {dims} }} }} }}\n}}\n')
