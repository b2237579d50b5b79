"""Read the constants of a frozen TensorFlow graph (.pb) without TensorFlow.

A frozen graph is a protobuf message, GraphDef. Its weights are the nodes whose op is Const. cv2.dnn reads nothing else
of the file. Four messages of tensorflow/core/framework matter here, with these field numbers:

    GraphDef       node = 1
    NodeDef        name = 1, op = 2, attr = 5 (a map: key = 1, AttrValue = 2)
    AttrValue      tensor = 8
    TensorProto    dtype = 1, shape = 2 (dim = 2, its size = 1), content = 4,
                   float_val = 5, int_val = 7, half_val = 13

    consts = read_consts(Path("frozen_inference_graph.pb").read_bytes())
    consts["Conv/weights"].shape        # (3, 3, 576, 512)
"""

from collections.abc import Iterator
from typing import Any, Optional

import numpy as np

from segmentation import SegmentationError

# TensorFlow's DataType numbers of the constants that cv2.dnn takes.
DTYPES: dict[int, np.dtype] = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8"), 19: np.dtype("<f2")}
VALUE_FIELDS = (5, 7, 10, 13)  # float_val, int_val, int64_val, half_val
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types


def read_consts(buffer: Any) -> dict[str, np.ndarray]:
    """The constants of a frozen graph, name -> read-only array. The arrays share the buffer's memory if they can.

    buffer: the bytes of the file, as bytes or uint8 (size,)

    Constants that cv2.dnn cannot use are left out: strings, booleans, and scalars stored as tensor_content. Such a
    scalar crashes cv2.dnn with a segmentation fault. (TensorFlow writes a scalar as float_val or int_val.)

    Raises SegmentationError if the bytes are no GraphDef, are cut off, or hold no constant.
    """
    consts = {}
    try:
        for number, node in fields(memoryview(buffer)):
            if number == 1:
                name, op, attrs = read_node(node)
                if op == "Const" and "value" in attrs:
                    array = read_tensor(attrs["value"])
                    if array is not None:
                        consts[name] = array
    except (IndexError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise SegmentationError("it is cut off or is no frozen graph") from error
    if not consts:
        raise SegmentationError("it is no frozen graph: it holds no weights")
    return consts


def read_varint(view: memoryview, at: int) -> tuple[int, int]:
    """(the variable-length integer that starts at `at`, the position after it)."""
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def fields(view: memoryview) -> Iterator[tuple[int, Any]]:
    """Each field of a protobuf message as (number, value). A value is an int, or a memoryview of the field's bytes."""
    at = 0
    value: Any
    while at < len(view):
        key, at = read_varint(view, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = read_varint(view, at)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(wire)
            if wire == BYTES:
                size, at = read_varint(view, at)
            if size is None or at + size > len(view):
                raise ValueError("the message ends in the middle of a field")
            value, at = view[at:at + size], at + size
        yield number, value


def read_node(view: memoryview) -> tuple[str, str, dict[str, memoryview]]:
    """(name, op, {attribute: the bytes of its AttrValue}) of a NodeDef."""
    name, op = "", ""
    attrs: dict[str, memoryview] = {}
    for number, value in fields(view):
        if number == 1:
            name = bytes(value).decode()
        elif number == 2:
            op = bytes(value).decode()
        elif number == 5:
            entry = dict(fields(value))
            attrs[bytes(entry[1]).decode()] = entry[2]
    return name, op, attrs


def read_tensor(view: memoryview) -> Optional[np.ndarray]:
    """The TensorProto in an AttrValue as an array. None if cv2.dnn cannot use it."""
    dtype: Optional[np.dtype] = None
    content: Optional[memoryview] = None
    shape: list[int] = []
    values: list[Any] = []
    for number, value in fields(dict(fields(view))[8]):
        if number == 1:
            dtype = DTYPES.get(value)
        elif number == 2:
            shape = [dict(fields(dim)).get(1, 0) for field, dim in fields(value) if field == 2]
        elif number == 4:
            content = value
        elif number in VALUE_FIELDS:
            values += read_values(number, value)
    if dtype is None or (content is not None and not shape):
        return None
    if content is not None:
        return np.frombuffer(content, dtype).reshape(shape)
    # half_val has the bits of each float16 as an integer.
    array = np.array(values, np.uint16).view(dtype) if dtype.kind == "f" and dtype.itemsize == 2 \
        else np.array(values, dtype)
    # A single value stands for the whole tensor.
    return np.full(shape, array[0]) if array.size == 1 else array.reshape(shape)


def read_values(number: int, value: Any) -> list[Any]:
    """The numbers in one field float_val, int_val, int64_val or half_val, packed or single."""
    if number == 5:
        return np.frombuffer(value, "<f4").tolist()
    if isinstance(value, int):
        return [signed(value)]
    numbers: list[Any] = []
    at = 0
    while at < len(value):
        one, at = read_varint(value, at)
        numbers.append(signed(one))
    return numbers


def signed(value: int) -> int:
    """The signed integer that protobuf means by a varint: two's complement in 64 bits."""
    return value - (1 << 64) if value >> 63 else value
