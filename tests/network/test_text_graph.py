"""The text graph as text: read, changed, cut."""

import pytest

from segmentation import SegmentationError
from segmentation.network.model import BOXES
from segmentation.network.opencv_engine import cut_in_two
from segmentation.network.text_graph import cut, inputs, set_value, split_nodes, trunk_output
from segmentation.network.weights import MODEL_FOLDER, TEXT_GRAPH


@pytest.fixture(scope="module")
def text():
    return (MODEL_FOLDER / TEXT_GRAPH).read_text()


def test_set_value_changes_one_number_and_nothing_else(text):
    changed = set_value(text, "detection_out", "keep_top_k", 30)
    old, new = text.splitlines(), changed.splitlines()
    differing = [(a.strip(), b.strip()) for a, b in zip(old, new) if a != b]
    assert differing == [("i: 100", "i: 30")] and len(old) == len(new)
    assert "keep_top_k" in split_nodes(changed)["detection_out"]


@pytest.mark.parametrize("name, key", [("nowhere", "keep_top_k"), ("detection_out", "nothing"),
                                       ("detection_out", "code_type")])
def test_set_value_refuses_what_is_not_there(text, name, key):
    with pytest.raises(SegmentationError, match=f"no n.*{name}|{key}"):
        set_value(text, name, key, 1)


def test_the_two_halves_share_the_boxes_and_the_features_alone(text):
    features = trunk_output(text)
    first, second = map(split_nodes, cut_in_two(text, features))
    assert features.endswith("Mixed_4e/concat") and set(first) & set(second) == {BOXES, features}
    assert set(first) | set(second) == set(split_nodes(text))
    assert 'op: "Placeholder"' in second[BOXES] and not inputs(second[BOXES])


def test_cut_keeps_the_order_so_that_inputs_come_first(text):
    order = list(split_nodes(text))
    assert list(split_nodes(cut(text, [BOXES]))) == [name for name in order
                                                     if name in split_nodes(cut(text, [BOXES]))]


def test_a_graph_that_crops_nothing_has_no_trunk_output(text):
    with pytest.raises(SegmentationError, match="no node CropAndResize"):
        trunk_output(cut(text, ["Conv/Relu6"]))


def test_cut_refuses_an_unknown_node(text):
    with pytest.raises(SegmentationError, match="no node nowhere"):
        cut(text, ["nowhere"])


def test_control_inputs_are_no_data():
    assert inputs('node {\n  name: "a"\n  input: "b"\n  input: "^c"\n}\n') == ["b"]


def test_text_without_nodes_is_refused():
    with pytest.raises(SegmentationError, match="no nodes"):
        split_nodes("<html>")
