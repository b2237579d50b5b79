"""Reads the nodes of a frozen TensorFlow graph, with their inputs and settings, without TensorFlow.

    graph = read_graph(Path("frozen_inference_graph.pb").read_bytes())
    graph["Conv/Conv2D"].attributes["strides"]        # (1, 1, 1, 1)

frozen_graph.py has the format of the file and reads the constants, which are left out here. Two more fields matter:
NodeDef input = 3, and of an AttrValue list = 1 (s = 2, i = 3, f = 4), s = 2, i = 3, f = 4, b = 5.
"""

from typing import Any, NamedTuple

import numpy as np

from segmentation import SegmentationError
from segmentation.network.frozen_graph import fields, read_text, read_varint, signed

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


def read_graph(buffer: Any) -> GraphNodes:
    """All nodes of a frozen graph. buffer: the bytes of the file.

    Raises SegmentationError if the bytes are no GraphDef or are cut off.
    """
    try:
        nodes = [read_node(value) for number, value in fields(memoryview(buffer)) if number == 1]
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SegmentationError("it is cut off or is no frozen graph") from error
    return {node.name: node for node in nodes}


def read_node(view: memoryview) -> GraphNode:
    """The GraphNode of a NodeDef. Control inputs (^name) and the numbers of outputs (name:0) are left out."""
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, tuple] = {}
    for number, value in fields(view):
        if number == 1:
            name = read_text(value)
        elif number == 2:
            op = read_text(value)
        elif number == 3:
            inputs.append(read_text(value).partition(":")[0])
        elif number == 5:
            entry = dict(fields(value))
            key = read_text(entry[1])
            if key in WANTED:
                attributes[key] = read_values(entry[2])
    return GraphNode(name, op, tuple(name for name in inputs if not name.startswith("^")), attributes)


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
