"""The text graph: read, changed, cut, written."""

import pytest

from segmentation import SegmentationError
from segmentation.network.model import BOXES
from segmentation.network.opencv_engine import cut_in_two
from segmentation.network.text_graph import cut, node_text, read_nodes, set_value, trunk_output, write_nodes
from segmentation.network.weights import DEMO, MODEL_FOLDER, TEXT_GRAPH


@pytest.fixture(scope="module")
def nodes():
    return read_nodes((MODEL_FOLDER / TEXT_GRAPH).read_text())


@pytest.mark.parametrize("name", [TEXT_GRAPH, DEMO.replace(".pb", ".pbtxt")])
def test_what_is_written_is_read_as_the_same(name):
    nodes = read_nodes((MODEL_FOLDER / name).read_text())
    assert read_nodes(write_nodes(nodes)) == nodes


def test_set_value_changes_one_number_and_nothing_else(nodes):
    changed = set_value(nodes, "detection_out", "keep_top_k", 30)
    assert {name: node for name, node in changed.items() if node != nodes[name]} == {
        "detection_out": nodes["detection_out"]._replace(
            attributes={**nodes["detection_out"].attributes, "keep_top_k": (30,)})}
    assert list(changed) == list(nodes) and nodes["detection_out"].one("keep_top_k") == 100


@pytest.mark.parametrize("name, key", [("nowhere", "keep_top_k"), ("detection_out", "nothing"),
                                       ("detection_out", "code_type")])
def test_set_value_refuses_what_is_not_there(nodes, name, key):
    with pytest.raises(SegmentationError, match=f"no n.*{name}|{key}"):
        set_value(nodes, name, key, 1)


def test_the_two_halves_share_the_boxes_and_the_features_alone(nodes):
    features = trunk_output(nodes)
    first, second = cut_in_two(nodes, features)
    assert features.endswith("Mixed_4e/concat") and set(first) & set(second) == {BOXES, features}
    assert set(first) | set(second) == set(nodes)
    assert second[BOXES].op == "Placeholder" and not second[BOXES].inputs


def test_cut_keeps_the_order_so_that_inputs_come_first(nodes):
    part = cut(nodes, [BOXES])
    assert list(part) == [name for name in nodes if name in part]


def test_a_graph_that_crops_nothing_has_no_trunk_output(nodes):
    with pytest.raises(SegmentationError, match="no node CropAndResize"):
        trunk_output(cut(nodes, ["Conv/Relu6"]))


def test_cut_refuses_an_unknown_node(nodes):
    with pytest.raises(SegmentationError, match="no node nowhere"):
        cut(nodes, ["nowhere"])


NODE = 'node {\n  name: "a"\n  op: "Relu"\n  input: "b"\n}\n'


def test_control_inputs_are_no_data():
    assert read_nodes(NODE.replace('"b"', '"b"\n  input: "^c"'))["a"].inputs == ("b",)


def test_layout_and_comments_do_not_matter():
    assert read_nodes("# mine\n" + " ".join(NODE.split()) + "library {\n}\n") == read_nodes(NODE)


def test_every_kind_of_value_is_read_and_written():
    text = ('node { name: "a" op: "X" attr { key: "T" value { type: DT_INT } } attr { key: "s" value { s: "NHWC" } } '
            'attr { key: "i" value { i: -3 } } attr { key: "f" value { f: 0.5 } } attr { key: "b" value { b: true } } '
            'attr { key: "strides" value { list { i: 1 i: 2 } } } attr { key: "value" value { tensor { dtype: DT_FLOAT '
            'tensor_shape { dim { size: 2 } } float_val: 0.5 float_val: 2.0 } } } }\n')
    node = read_nodes(text)["a"]
    assert node.attributes == {"s": ("NHWC",), "i": (-3,), "f": (0.5,), "b": (True,), "strides": (1, 2),
                               "value": (0.5, 2.0)}
    assert node_text(node) == text.replace(' attr { key: "T" value { type: DT_INT } }', "")


@pytest.mark.parametrize("text, said", [
    ("<html>", "wrong place"), ("", "no nodes"), (NODE[:-3], "cut off"), (NODE + "}", "wrong place"),
    (NODE + NODE, "two nodes a"), ("what { }", "a what"), (NODE.replace("op:", "on:"), "a on that is not expected"),
    (NODE.replace('"a"', "a"), "quoted"), (NODE.replace('  name: "a"\n', ""), "without a name"),
    (NODE.replace('  op: "Relu"\n', ""), "without an op"), (NODE.replace('"Relu"', '"Re"lu"'), "wrong place")])
def test_what_is_no_text_graph_is_refused(text, said):
    with pytest.raises(SegmentationError, match=said):
        read_nodes(text)


ATTRIBUTE = 'node { name: "a" op: "X" attr { key: "k" value { %s } } }'


@pytest.mark.parametrize("value", [
    "f: nan", "f: inf", "f: 1e999", "i: 1.5", "i: 9999999999", "i: 1_0", "b: maybe", "s: NHWC", 'i: "1"', "x: 1", "",
    "i: 1 i: 2", "list { x: 1 }", "list: 3", "tensor { }", "tensor: 3",
    "tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 1 }",
    "tensor { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } int_val: 1 }",
    "tensor { dtype: DT_HALF tensor_shape { dim { size: 1 } } half_val: 1 }"])
def test_a_value_that_cannot_be_read_is_named(value):
    with pytest.raises(SegmentationError, match=r"node a has an attribute that cannot be read|quoted"):
        read_nodes(ATTRIBUTE % value)


def test_an_attribute_may_not_come_twice():
    with pytest.raises(SegmentationError, match="node a has two k"):
        read_nodes(ATTRIBUTE % 'i: 1 } } attr { key: "k" value { i: 1')
