"""Reads the settings of the nodes of a frozen TensorFlow graph.

    graph = read_graph(read_node_defs(Path("frozen_inference_graph.pb").read_bytes()))
    graph["Conv/Conv2D"].attributes["strides"]        # (1, 1, 1, 1)

frozen_graph.py has the format of the file. Of an AttrValue these fields matter here: list = 1 (s = 2, i = 3, f = 4),
s = 2, i = 3, f = 4, b = 5.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from segmentation.network.frozen_graph import NodeDef, broken_graph, fields, read_text, read_varint, signed

# The settings that decide what a layer computes; a node's other attributes are types, shapes and hints.
WANTED = {"strides", "ksize", "dilations", "padding", "data_format", "epsilon", "keep_dims", "align_corners",
          "half_pixel_centers", "transpose_a", "transpose_b", "extrapolation_value", "method"}
LIST, TEXT, WHOLE, REAL, FLAG = 1, 2, 3, 4, 5  # the fields of an AttrValue


class GraphNode(NamedTuple):
    """A node of TensorFlow's. inputs: names of nodes; attributes: key -> a tuple of values, as in text_graph.Node."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, tuple]


GraphNodes = dict[str, GraphNode]  # by name


def read_graph(nodes: Iterable[NodeDef]) -> GraphNodes:
    """The nodes of a frozen graph with the settings that are WANTED.

    Raises SegmentationError if one cannot be read.
    """
    with broken_graph():
        return {node.name: GraphNode(node.name, node.op, node.inputs, {
            key: read_values(value) for key, value in node.attributes.items() if key in WANTED}) for node in nodes}


def read_values(view: memoryview) -> tuple:
    """The values of an AttrValue."""
    values: list[Any] = []
    for number, value in fields(view):
        values += [one for inside, one in fields(value) for one in read_value(inside, one)] if number == LIST \
            else read_value(number, value)
    return tuple(values)


def read_value(number: int, value: Any) -> list[Any]:
    """The values in one field of an AttrValue or of its list, packed or single."""
    if number == TEXT:
        return [read_text(value)]
    if number == FLAG:
        return [bool(value)]
    if number == REAL:
        return [float(one) for one in np.frombuffer(value, "<f4")]
    if number != WHOLE:
        return []
    if isinstance(value, int):
        return [signed(value)]
    numbers, at = [], 0
    while at < len(value):
        one, at = read_varint(value, at)
        numbers.append(signed(one))
    return numbers
