"""Constants read out of frozen graphs."""

import numpy as np
import pytest
from tiny_graph import const_node, field, frozen_graph, varint

from segmentation import SegmentationError
from segmentation.network.frozen_graph import read_consts, write_consts


def tensor_node(tensor):
    """A Const whose TensorProto is given byte for byte."""
    value = field(5, field(1, b"value") + field(2, field(8, tensor)))
    return field(1, field(1, b"x") + field(2, b"Const") + value)


def test_arrays_come_back_as_they_were_written():
    arrays = {"w": np.random.default_rng(0).random((3, 3, 2, 4)).astype(np.float32), "half": np.float16([1, 2.5]),
              "axis": np.int32(-1), "scale": np.float32(2 / 255), "perm": np.int32([0, 3, 1, 2]),
              "none": np.zeros((0, 4), np.float32)}
    consts = read_consts(frozen_graph(arrays))
    for name, array in arrays.items():
        assert consts[name].dtype == array.dtype and np.array_equal(consts[name], array), name


def test_one_value_stands_for_the_whole_tensor():
    shape = b"".join(field(2, varint(1 << 3) + varint(size)) for size in (2, 3))
    tensor = varint(1 << 3) + varint(1) + field(2, shape) + field(5, np.float32(7).tobytes())
    assert read_consts(tensor_node(tensor))["x"].tolist() == [[7, 7, 7], [7, 7, 7]]


def test_half_values_are_bits():
    shape = field(2, varint(1 << 3) + varint(2))
    bits = b"".join(varint(int(value)) for value in np.float16([1.5, -2]).view(np.uint16))
    tensor = varint(1 << 3) + varint(19) + field(2, shape) + field(13, bits)
    assert read_consts(tensor_node(tensor))["x"].tolist() == [1.5, -2]


def test_other_nodes_and_other_types_are_left_out():
    text = tensor_node(varint(1 << 3) + varint(7) + field(8, b"string"))
    relu = field(1, field(1, b"relu") + field(2, b"Relu"))
    assert list(read_consts(relu + text + const_node("w", np.float32([1])))) == ["w"]


@pytest.mark.parametrize("scalars_as_content", [False, True])
def test_what_is_written_is_read_as_the_same_however_it_was_stored(scalars_as_content):
    arrays = {"axis": np.int32(-3), "scale": np.float32(0.1), "one": np.float32([2]), "w": np.float32([[1, 2], [3, 4]]),
              "half": np.float16([[1], [2]]), "sizes": np.int32([14, 14]), "none": np.zeros((0, 4), np.float32)}
    found = read_consts(write_consts(read_consts(frozen_graph(arrays, scalars_as_content=scalars_as_content))))
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        assert np.array_equal(found[name], array), name


def test_vectors_are_written_as_float32_and_whole_numbers_as_int32():
    found = read_consts(write_consts({"bias": np.float16([1, 2]), "long": np.int64([1, -2])}))
    assert found["bias"].dtype == np.float32 and found["bias"].tolist() == [1, 2]
    assert found["long"].dtype == np.int32 and found["long"].tolist() == [1, -2]


def test_a_few_bytes_do_not_ask_for_all_memory():
    one = field(5, np.float32(1).tobytes())
    shape = b"".join(field(2, varint(1 << 3) + varint(1 << 20)) for _ in range(2))
    name = varint(1 << 3) + varint(1 << 33)  # a number, where a text is expected
    for data in (tensor_node(varint(1 << 3) + varint(1) + field(2, shape) + one), field(1, name)):
        with pytest.raises(SegmentationError, match="no frozen graph"):
            read_consts(data)


def test_a_number_that_does_not_fit_its_type_is_refused():
    shape = field(2, varint(1 << 3) + varint(1))
    with pytest.raises(SegmentationError, match="no frozen graph"):
        read_consts(tensor_node(varint(1 << 3) + varint(3) + field(2, shape) + field(7, varint(1 << 40))))


@pytest.mark.parametrize("data", [b"", b"not a graph at all", b"\x00" * 64, b"\xff" * 64,
                                  const_node("w", np.float32([1, 2, 3]))[:-2]])
def test_what_is_no_graph_is_refused(data):
    with pytest.raises(SegmentationError, match="no frozen graph"):
        read_consts(data)


def test_no_cut_or_changed_byte_gives_anything_but_a_plain_error(tiny_pb):
    data, rng = tiny_pb.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data[:rng.integers(1, len(data))] if rng.random() < 0.5 else data)
        broken[rng.integers(len(broken))] = rng.integers(256)
        try:
            read_consts(bytes(broken))
        except SegmentationError as error:
            assert "frozen graph" in str(error)
