"""Read the nodes and constants of a frozen TensorFlow graph (.pb), and write constants, without TensorFlow.

A frozen graph is a protobuf message, GraphDef. Its weights are the nodes whose op is Const. cv2.dnn reads nothing else
of the file. Four messages of tensorflow/core/framework matter here, with these field numbers:

    GraphDef       node = 1
    NodeDef        name = 1, op = 2, input = 3, attr = 5 (a map: key = 1, AttrValue = 2)
    AttrValue      type = 6, tensor = 8
    TensorProto    dtype = 1, shape = 2 (dim = 2, its size = 1), content = 4,
                   float_val = 5, int_val = 7, half_val = 13

    consts = read_consts(Path("frozen_inference_graph.pb").read_bytes())
    consts["Conv/weights"].shape        # (3, 3, 576, 512)
    part = write_consts({"Conv/weights": consts["Conv/weights"]})

The reader takes the bytes for what they may be: anything. An engine gets only what the writer makes of the arrays.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from segmentation import SegmentationError

# TensorFlow's DataType numbers of the constants that cv2.dnn takes.
DTYPES: dict[int, np.dtype] = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8"), 19: np.dtype("<f2")}
VALUE_FIELDS = (5, 7, 10, 13)  # float_val, int_val, int64_val, half_val
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types
# A single number can stand for a whole constant, so a few bytes could ask for any amount of memory.
LARGEST = 1 << 26


class NodeDef(NamedTuple):
    """A node as the file has it. inputs: names of nodes; attributes: key -> the bytes of an AttrValue"""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, memoryview]


def read_node_defs(buffer: Any) -> list[NodeDef]:
    """All nodes of a frozen graph. buffer: the bytes of the file, as bytes or uint8 (size,)

    Raises SegmentationError if the bytes are no GraphDef or are cut off.
    """
    with broken_graph():
        return [read_node_def(value) for number, value in fields(memoryview(buffer)) if number == 1]


def read_consts(buffer: Any) -> dict[str, np.ndarray]:
    """The constants of a frozen graph, from the bytes of its file: see consts_of and read_node_defs."""
    return consts_of(read_node_defs(buffer))


def consts_of(nodes: Iterable[NodeDef]) -> dict[str, np.ndarray]:
    """The constants of a frozen graph, name -> read-only array. The arrays share the file's memory if they can.

    Constants of other types, strings and booleans, are left out.

    Raises SegmentationError if a constant cannot be read, or if there is none.
    """
    with broken_graph():
        arrays = ((node.name, read_tensor(node.attributes["value"])) for node in nodes
                  if node.op == "Const" and "value" in node.attributes)
        consts = {name: array for name, array in arrays if array is not None}
    if not consts:
        raise SegmentationError("it is no frozen graph: it holds no weights")
    return consts


@contextmanager
def broken_graph() -> Iterator[None]:
    """Turn what reading wrong bytes raises into a SegmentationError."""
    try:
        yield
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SegmentationError("it is cut off or is no frozen graph") from error


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


def read_node_def(view: memoryview) -> NodeDef:
    """The NodeDef in these bytes. Control inputs (^name) and the numbers of outputs (name:0) are left out."""
    texts = {1: "", 2: ""}
    inputs: list[str] = []
    attributes: dict[str, memoryview] = {}
    for number, value in fields(view):
        if number in texts:
            texts[number] = read_text(value)
        elif number == 3:
            inputs.append(read_text(value).partition(":")[0])
        elif number == 5:
            entry = dict(fields(value))
            attributes[read_text(entry[1])] = entry[2]
    return NodeDef(texts[1], texts[2], tuple(name for name in inputs if not name.startswith("^")), attributes)


def read_text(value: Any) -> str:
    """The text in a field. Raises TypeError if the field has a number: bytes(10 ** 12) would be that many zeros."""
    if isinstance(value, int):
        raise TypeError("a number instead of a text")
    return bytes(value).decode()


def read_tensor(view: memoryview) -> Optional[np.ndarray]:
    """The TensorProto in an AttrValue as an array. None if it is of another type than DTYPES."""
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
    if dtype is None:
        return None
    if content is not None:
        return np.frombuffer(content, dtype).reshape(shape)
    # half_val has the bits of each float16 as an integer.
    array = np.array(values, np.uint16).view(dtype) if dtype.kind == "f" and dtype.itemsize == 2 \
        else np.array(values, dtype)
    if array.size != 1:
        return array.reshape(shape)
    if math.prod(shape) > LARGEST:
        raise ValueError("a constant that is too large")
    return np.full(shape, array[0])  # a single value stands for the whole tensor


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


# ---- Writing -------------------------------------------------------------------------------------------------

def write_consts(consts: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a frozen graph that holds these constants and nothing else, in the form that cv2.dnn takes.

    Whole numbers are written as int32. float16 stays only in matrices and kernels.
    """
    return b"".join(part for name, array in consts.items() for part in const_node(name, array))


def const_node(name: str, array: np.ndarray) -> tuple[bytes, Any]:
    """(the beginning, the end) of a GraphDef's `node` field that holds a Const. The end is the array's own memory."""
    dtype = 19 if array.dtype == np.float16 and array.ndim > 1 else {"f": 1, "i": 3}[array.dtype.kind]
    data = np.ascontiguousarray(array, DTYPES[dtype])
    shape = b"".join(field(2, field(1, size)) for size in array.shape)
    end: Any = data.reshape(-1).view(np.uint8).data
    if array.size == 1 and dtype != 19:
        # A scalar in tensor_content crashes cv2.dnn: it must be an int_val or float_val.
        end = field(7, int(data.item())) if dtype == 3 else field(5, data.tobytes())
    start = field(1, dtype) + field(2, shape) + (b"" if isinstance(end, bytes) else begin(4, len(end)))
    node = field(1, name.encode()) + field(2, b"Const") + field(5, field(1, b"dtype") + field(2, field(6, dtype)))
    # Each message around the one before.
    for number, before in ((8, b""), (2, field(1, b"value")), (5, node), (1, b"")):
        start = before + begin(number, len(start) + len(end)) + start
    return start, end


def begin(number: int, size: int) -> bytes:
    """The beginning of a field of `size` bytes."""
    return varint(number << 3 | BYTES) + varint(size)


def field(number: int, value: Union[int, bytes]) -> bytes:
    """A field of a protobuf message: a whole number, or bytes after their length."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    return begin(number, len(value)) + value


def varint(number: int) -> bytes:
    """A whole number of any size, seven bits a byte, lowest first: varint(300) is b"\\xac\\x02"."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
