"""The network's text graph as text in, text out: change a value, cut out a part.

cv2.dnn builds a frozen TensorFlow graph from two files: the weights (.pb) and a text graph (.pbtxt)
that names every layer, its inputs and its settings. readNetFromTensorflow takes both as buffers, so
what the text graph fixes - the 0.3 below which detections are dropped, the 100 proposals, which layers
exist at all - can be changed in memory, the files on disk left as they are.

    text = set_value(text, "detection_out", "keep_top_k", 30)
    mask_head = cut(text, ["detection_masks"], {"detection_out_final": (1, 1, -1, 7)})
"""

import re
from typing import NamedTuple

from segmentation import SegmentationError

# A text graph is a sequence of `node {` ... `}` blocks whose closing brace stands in column 0: the form in
# which protobuf prints every text graph, OpenCV's own among them.
NODE = re.compile(r"^node \{\n.*?^\}\n?", re.S | re.M)
ATTRIBUTE = re.compile(r'^  attr \{\s*key: "([^"]+)"(.*?)^  \}', re.S | re.M)
VALUE = re.compile(r'\b(?:i|f|b|s|int_val|float_val): (?:"([^"]*)"|(\S+))')
FIELD = {"name": re.compile(r'^  name: "([^"]+)"', re.M), "input": re.compile(r'^  input: "([^"]+)"', re.M),
         "op": re.compile(r'^  op: "([^"]+)"', re.M)}


def split_nodes(text):
    """The text of each node by its name, in file order (an input stands before what reads it).

    Raises SegmentationError where there is no node at all or one without a name.
    """
    nodes = {}
    for node in NODE.findall(text):
        name = FIELD["name"].search(node)
        if name is None:
            raise SegmentationError(f"the text graph has a node without a name: {node[:60]!r}")
        nodes[name.group(1)] = node
    if not nodes:
        raise SegmentationError("the text graph holds no nodes")
    return nodes


def inputs(node):
    """The names a node reads, in order, without control inputs (`^name`: order of execution, no data)."""
    return [name for name in FIELD["input"].findall(node) if not name.startswith("^")]


def trunk_output(text):
    """The name of the node whose features both heads crop their RoIs from: the trunk's last layer.

    Raises SegmentationError where the graph crops no RoIs.
    """
    crop = split_nodes(text).get("CropAndResize")
    if crop is None or not inputs(crop):
        raise SegmentationError("the text graph has no node CropAndResize")
    return inputs(crop)[0]


class Node(NamedTuple):
    """A node as values; `attributes`: key -> its numbers, booleans or texts, a tuple even of one."""

    name: str
    op: str
    inputs: list
    attributes: dict

    def one(self, key, default=None):
        """The only value of an attribute, or the default where the node has not got it."""
        return self.attributes.get(key, (default,))[0]


def read_nodes(text):
    """The Nodes of a text graph, in file order."""
    return [Node(name, FIELD["op"].search(node).group(1), inputs(node),
                 {key: tuple(map(read_value, VALUE.findall(value))) for key, value in ATTRIBUTE.findall(node)})
            for name, node in split_nodes(text).items()]


def read_value(found):
    """The Python value of VALUE's two groups: a text, or a number or boolean.

    >>> read_value(("SAME", "")), read_value(("", "true")), read_value(("", "16")), read_value(("", "0.1"))
    ('SAME', True, 16, 0.1)
    """
    text, plain = found
    if not plain:
        return text
    if plain in ("true", "false"):
        return plain == "true"
    return int(plain) if re.fullmatch(r"-?\d+", plain) else float(plain)


def find_number(text, name, key):
    """The text of node `name`, and where in it the number stands that attribute `key` has: a re.Match.

    Raises SegmentationError where the graph has no such node, or the node no such attribute.
    """
    node = split_nodes(text).get(name)
    if node is None:
        raise SegmentationError(f"the text graph has no node {name}")
    found = re.search(rf'(?<=key: "{re.escape(key)}")\s+value \{{\s+[if]: ([-+.\deE]+)', node)
    if found is None:
        raise SegmentationError(f"the text graph's node {name} has no number {key}")
    return node, found


def value_of(text, name, key):
    """The number that attribute `key` of node `name` has."""
    return float(find_number(text, name, key)[1].group(1))


def set_value(text, name, key, value):
    """The text graph with attribute `key` of node `name` set to the number `value`."""
    node, found = find_number(text, name, key)
    return text.replace(node, f"{node[:found.start(1)]}{value}{node[found.end(1):]}")


def cut(text, outputs, placeholders=None):
    """The part of the text graph that computes `outputs`, as a text graph of its own.

    `placeholders` maps the names of nodes to their shapes (-1 for any size): the part reads these as
    float32 inputs and needs nothing that stands before them.

    Raises SegmentationError where an output or a placeholder is no node of the graph.
    """
    nodes, placeholders = split_nodes(text), placeholders or {}
    for name in [*outputs, *placeholders]:
        if name not in nodes:
            raise SegmentationError(f"the text graph has no node {name}")
    wanted, pending = set(), list(outputs)
    while pending:
        name = pending.pop()
        # A name that is no node is a constant of the weights file.
        if name in nodes and name not in wanted:
            wanted.add(name)
            pending += [] if name in placeholders else inputs(nodes[name])
    return "".join(placeholder(name, placeholders[name]) if name in placeholders else node
                   for name, node in nodes.items() if name in wanted)


def placeholder(name, shape):
    """A float32 input node.

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
