"""The constants of a frozen TensorFlow graph (.pb), read without TensorFlow.

A frozen graph is a protobuf message, GraphDef; its weights are the nodes whose op is Const, and those are
all that cv2.dnn reads of the file. Four messages of tensorflow/core/framework matter, by field number:

    GraphDef       node = 1
    NodeDef        name = 1, op = 2, attr = 5 (a map: key = 1, AttrValue = 2)
    AttrValue      tensor = 8
    TensorProto    dtype = 1, shape = 2 (dim = 2, its size = 1), content = 4,
                   float_val = 5, int_val = 7, half_val = 13

    consts = read_consts(Path("frozen_inference_graph.pb").read_bytes())
    consts["Conv/weights"].shape        # (3, 3, 576, 512)
"""

import numpy as np

from segmentation import SegmentationError

# TensorFlow's DataType numbers for what cv2.dnn takes as a constant.
DTYPES = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8"), 19: np.dtype("<f2")}
VALUE_FIELDS = (5, 7, 10, 13)  # float_val, int_val, int64_val, half_val
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types


def read_consts(buffer):
    """The constants of a frozen graph, name -> read-only array that shares the buffer's memory where it can.

    Left out is what cv2.dnn has no use for: strings and booleans, and scalars stored as tensor_content,
    over which it dies of a segmentation fault (TensorFlow writes a scalar as float_val or int_val).

    Raises SegmentationError where the bytes are no GraphDef, are cut off, or hold no constant.
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


def read_varint(view, at):
    """The variable-length integer at `at` and the position behind it."""
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def fields(view):
    """Each field of a protobuf message as (number, value): an int, or a memoryview of its bytes."""
    at = 0
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


def read_node(view):
    """(name, op, {attribute: AttrValue's bytes}) of a NodeDef."""
    name, op, attrs = "", "", {}
    for number, value in fields(view):
        if number == 1:
            name = bytes(value).decode()
        elif number == 2:
            op = bytes(value).decode()
        elif number == 5:
            entry = dict(fields(value))
            attrs[bytes(entry[1]).decode()] = entry[2]
    return name, op, attrs


def read_tensor(view):
    """The TensorProto in an AttrValue as an array; None where cv2.dnn has no use for it."""
    dtype, shape, content, values = None, [], None, []
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
    # half_val holds the bits of each float16 as an integer.
    array = np.array(values, np.uint16).view(dtype) if dtype.kind == "f" and dtype.itemsize == 2 \
        else np.array(values, dtype)
    # A single value stands for the whole tensor.
    return np.full(shape, array[0]) if array.size == 1 else array.reshape(shape)


def read_values(number, value):
    """The numbers in one float_val, int_val, int64_val or half_val field, packed or single."""
    if number == 5:
        return np.frombuffer(value, "<f4").tolist()
    if isinstance(value, int):
        return [signed(value)]
    numbers, at = [], 0
    while at < len(value):
        one, at = read_varint(value, at)
        numbers.append(signed(one))
    return numbers


def signed(value):
    """A varint as the signed integer that protobuf means: two's complement in 64 bits."""
    return value - (1 << 64) if value >> 63 else value
