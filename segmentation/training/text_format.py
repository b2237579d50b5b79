"""Protobuf's text format, in which a text graph is written.

A message is a list of (field, value) here; a value is a number, a text or a message.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Union


def attribute_value(value: Any) -> list:
    """The fields of TensorFlow's AttrValue for a Python value; a list is taken for such fields and returned as it is.

    >>> attribute_value((1, 2))
    [('list', [('i', 1), ('i', 2)])]
    """
    if isinstance(value, list):
        return value
    if isinstance(value, tuple):
        return [("list", [("i", number) for number in value])]
    return [({bool: "b", int: "i", float: "f", str: "s"}[type(value)], value)]


def tensor(values: Sequence[Union[int, float]]) -> list:
    """The fields of a one-dimensional array of floats or of ints."""
    dtype, field = ("DT_FLOAT", "float_val") if isinstance(values[0], float) else ("DT_INT32", "int_val")
    shape = dims([len(values)])
    return [("tensor", [("dtype", dtype), ("tensor_shape", shape), *((field, value) for value in values)])]


def dims(sizes: Sequence[int]) -> list:
    """The fields of a shape, -1 for any size."""
    return [("dim", [("size", size)]) for size in sizes]


def text_lines(message: Sequence[tuple[str, Any]], indent: str = "") -> Iterator[str]:
    """The lines of a message; a message inside it is indented by two spaces."""
    for field, value in message:
        if isinstance(value, list):
            yield f"{indent}{field} {{"
            yield from text_lines(value, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{field}: {text_value(value)}"


def text_value(value: Union[bool, int, float, str]) -> str:
    """A number or a text as protobuf writes it: in quotes, unless it is the name of a type (DT_...)."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return shortest_float32(value)
    return f'"{value}"' if isinstance(value, str) and not value.startswith("DT_") else str(value)


def shortest_float32(number: float) -> str:
    """The shortest decimal that reads back as the float32 closest to `number`.

    >>> shortest_float32(64 * 0.5 ** 0.5)    # 45.25483399593904; as float32 45.254833221435547
    '45.254833'
    """
    packed = struct.pack("f", number)
    single, = struct.unpack("f", packed)
    decimals = (float(f"{single:.{digits}g}") for digits in range(1, 10))    # 9 digits do for any float32
    return repr(next(decimal for decimal in decimals if struct.pack("f", decimal) == packed))
