"""Frozen graphs of TensorFlow's Object Detection API describe themselves; TensorFlow's own results are the measure.

The whole graph and what TensorFlow found with it lie beside the project where it is developed, not in the repository.
The tests that read them skip elsewhere.
"""

import doctest

import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT

from segmentation import SegmentationError
from segmentation.network.api_graph import kinds
from segmentation.network.api_graph.graph_def import GraphNode, read_graph
from segmentation.network.api_graph.layers import Layers
from segmentation.network.api_graph.whole import anchors_of, clips_first, crop_of, describe, resizer_of, trunk_stride
from segmentation.network.frozen_graph import field, read_consts, read_node_defs
from segmentation.network.graph_check import check_graph
from segmentation.network.mask_rcnn import MaskRCNN, clipped
from segmentation.network.resizing import FixedSize, Resizer
from segmentation.network.text_graph import Node, read_nodes, trunk_output
from segmentation.network.weights import TEXT_GRAPH

REFERENCE = ROOT.parent / "shared/reference/tensorflow"
WHOLE = REFERENCE / "quarter_width.pb"
whole_graph = pytest.mark.skipif(not WHOLE.is_file(), reason=f"no whole graph at {WHOLE}")


def nodes(*entries):
    """GraphNodes of entries (name, op, inputs, attributes)."""
    return {name: GraphNode(name, op, tuple(inputs), attributes) for name, op, inputs, attributes in entries}


def constants(**arrays):
    """(the GraphNodes of constants, the constants)."""
    return (nodes(*((name, "Const", (), {}) for name in arrays)),
            {name: np.asarray(array) for name, array in arrays.items()})


# ---- Against TensorFlow ------------------------------------------------------------------------------------

@whole_graph
@pytest.mark.parametrize("engine", ["opencv", "onnxruntime", "openvino"])
def test_a_graph_as_the_api_freezes_it_today_gives_what_tensorflow_finds(engine, tmp_path):
    if engine != "opencv":
        pytest.importorskip("onnx", reason="pip install onnx")
        pytest.importorskip(engine, reason=f"pip install {engine}")
    weights = tmp_path / WHOLE.name
    weights.symlink_to(WHOLE)
    net = MaskRCNN.load(MODEL_FOLDER, weights, engine=engine, confidence=0.1)
    assert net.resizer == Resizer(800, 1365)
    for name, count in (("example_01", 27), ("example_02", 13)):
        wanted = np.load(REFERENCE / f"{name}.npz")
        boxes, masks = net.forward(np.ascontiguousarray(wanted["image"][..., ::-1]))
        assert boxes.shape[2] == len(wanted["scores"]) == count
        np.testing.assert_array_equal(boxes[0, 0, :, 1], wanted["classes"] - 1)
        np.testing.assert_allclose(boxes[0, 0, :, 3:], wanted["boxes"][:, [1, 0, 3, 2]], atol=1e-5)
        np.testing.assert_allclose(boxes[0, 0, :, 2], wanted["scores"], atol=1e-4)
        np.testing.assert_allclose(masks[range(count), wanted["classes"] - 1], wanted["masks"], atol=1e-5)


@whole_graph
def test_the_trunk_that_a_graph_describes_is_the_official_text_graphs():
    buffer, pattern = WHOLE.read_bytes(), read_nodes((MODEL_FOLDER / TEXT_GRAPH).read_text())
    found = describe(read_graph(read_node_defs(buffer)), read_consts(buffer), pattern)
    layers = {name: node for name, node in pattern.items() if "StageFeatureExtractor" in name and node.op == "Conv2D"}
    assert len(layers) > 60
    for name, node in layers.items():
        assert (found.nodes[name].inputs[1], found.nodes[name].attributes["strides"]) == (
            node.inputs[1], node.attributes["strides"])


# ---- Reading ---------------------------------------------------------------------------------------------

def test_nodes_are_read_with_their_inputs_and_settings():
    strides = field(1, field(3, bytes([1, 2, 2, 1])))
    attributes = [(b"strides", strides), (b"padding", field(2, b"SAME")), (b"keep_dims", field(5, 1)),
                  (b"epsilon", b"\x25" + np.float32(0.5).tobytes()), (b"T", field(6, 1))]
    node = b"".join([field(1, b"x/Conv2D"), field(2, b"Conv2D"), field(3, b"image:0"), field(3, b"^check"),
                     *(field(5, field(1, key) + field(2, value)) for key, value in attributes)])
    read = read_graph(read_node_defs(field(1, node)))["x/Conv2D"]
    assert read == GraphNode("x/Conv2D", "Conv2D", ("image",), {
        "strides": (1, 2, 2, 1), "padding": ("SAME",), "keep_dims": (True,), "epsilon": (0.5,)})
    with pytest.raises(SegmentationError, match="cut off"):
        read_node_defs(field(1, node)[:-4])


# ---- Layers ----------------------------------------------------------------------------------------------

WINDOW = {"strides": (1, 1, 1, 1), "padding": ("SAME",), "data_format": ("NHWC",), "dilations": (1, 1, 1, 1)}


def test_a_product_and_a_sum_for_each_channel_are_one_normalisation():
    known, arrays = constants(w=np.ones((1, 1, 3, 2), np.float32), gamma=np.float32([2, 3]), shift=np.float32([5, 7]),
                              variance=np.float32([3, 8]), epsilon=np.float32(1))
    graph = {**known, **nodes(
        ("conv", "Conv2D", ("image", "w/read"), WINDOW), ("w/read", "Identity", ("w",), {}),
        ("var", "AddV2", ("variance", "epsilon"), {}), ("root", "Rsqrt", ("var",), {}),
        ("factor", "Mul", ("root", "gamma"), {}), ("scaled", "Mul", ("conv", "factor"), {}),
        ("out", "AddV2", ("scaled", "shift"), {}))}
    layers = Layers(graph, arrays, {"image": "image_tensor"})
    assert layers.add("out") == "out" and list(layers.nodes) == ["conv", "out"]
    norm = layers.nodes["out"]
    assert norm.op == "FusedBatchNorm" and norm.inputs[0] == "conv"
    gamma, beta, mean, variance = (layers.consts[name] for name in norm.inputs[1:])
    np.testing.assert_allclose(gamma, [1, 1])
    assert beta.tolist() == [5, 7] and not mean.any() and (variance == 1).all()


def test_a_dilated_convolution_gets_the_paddings_of_its_kernel():
    known, arrays = constants(w=np.ones((1, 7, 3, 2), np.float32), block=np.int32([2, 2]))
    graph = {**known, **nodes(
        ("apart", "SpaceToBatchND", ("image", "block", "computed"), {}), ("computed", "Pack", (), {}),
        ("conv", "Conv2D", ("apart", "w"), {**WINDOW, "padding": ("VALID",)}),
        ("together", "BatchToSpaceND", ("conv", "block", "computed"), {}), ("out", "Relu", ("together",), {}))}
    layers = Layers(graph, arrays, {"image": "image_tensor"})
    layers.add("out")
    assert [node.op for node in layers.nodes.values()] == ["SpaceToBatchND", "Conv2D", "BatchToSpaceND", "Relu"]
    apart = next(iter(layers.nodes.values()))
    assert apart.inputs[0] == "image_tensor"
    assert layers.consts[apart.inputs[1]].tolist() == [2, 2]
    assert layers.consts[apart.inputs[2]].tolist() == [[0, 0], [6, 6]]


def test_dilation_may_be_a_setting_of_the_convolution_and_wants_padding():
    known, arrays = constants(w=np.ones((3, 3, 3, 2), np.float32))
    window = {**WINDOW, "dilations": (1, 2, 2, 1)}
    layers = Layers({**known, **nodes(("conv", "Conv2D", ("image", "w"), window))}, arrays, {"image": "image_tensor"})
    assert layers.add("conv") == "conv/together"
    window["padding"] = ("VALID",)
    layers = Layers({**known, **nodes(("conv", "Conv2D", ("image", "w"), window))}, arrays, {"image": "image_tensor"})
    with pytest.raises(SegmentationError, match="dilated but not padded"):
        layers.add("conv")


def test_the_mean_of_each_colour_is_a_bias():
    known, arrays = constants(mean=np.float32([[[1, 2, 3]]]))
    layers = Layers({**known, **nodes(("sub", "Sub", ("image", "mean"), {}))}, arrays, {"image": "image_tensor"})
    layers.add("sub")
    conv, bias = layers.nodes.values()
    assert (conv.op, bias.op) == ("Conv2D", "BiasAdd") and bias.inputs[0] == conv.name
    np.testing.assert_array_equal(layers.consts[conv.inputs[1]][0, 0], np.eye(3))
    assert layers.consts[bias.inputs[1]].tolist() == [-1, -2, -3]


def test_a_layer_that_is_not_known_is_named():
    layers = Layers(nodes(("out", "Relu", ("odd",), {}), ("odd", "Erf", ("image",), {})), {}, {"image": "image_tensor"})
    with pytest.raises(SegmentationError, match="odd is a Erf"):
        layers.add("out")


# ---- The graph's numbers ---------------------------------------------------------------------------------

def test_anchors_are_all_scales_of_one_ratio_and_then_those_of_the_next():
    scope = "GridAnchorGenerator"
    consts = {f"{scope}/Meshgrid/Const": np.float32([1, 2]), f"{scope}/Meshgrid/Const_1": np.float32([0.25, 4]),
              f"{scope}/Const": np.int32([256, 256]), f"{scope}/Const_1": np.int32([8, 8]),
              f"{scope}/Const_2": np.int32([4, 4])}
    assert anchors_of(consts, 8) == ((128, 256, 512, 1024), (512, 1024, 128, 256), 8, 0.5)
    consts[f"{scope}/Const"] = np.int32([128, 256])  # the base's height and width
    assert anchors_of(consts, 8) == ((128, 256, 512, 1024), (256, 512, 64, 128), 8, 0.5)
    consts[f"{scope}/Const_1"] = np.int32([8, 16])
    with pytest.raises(SegmentationError, match="spaced otherwise down than across"):
        anchors_of(consts, 8)


def test_anchors_that_an_older_graph_does_not_name_are_the_apis_own():
    anchors = read_nodes((MODEL_FOLDER / TEXT_GRAPH).read_text())["proposals"].attributes
    widths, heights, step, offset = anchors_of({}, 8)
    np.testing.assert_allclose(widths, anchors["width"], rtol=1e-6)
    np.testing.assert_allclose(heights, anchors["height"], rtol=1e-6)
    assert (step, offset) == (8, 0)


def test_the_stride_of_a_trunk_is_that_of_its_layers():
    for name, stride in ((TEXT_GRAPH, 16), ("demo_inference_graph.pbtxt", 16)):
        text_graph = read_nodes((MODEL_FOLDER / name).read_text())
        assert trunk_stride(text_graph, trunk_output(text_graph)) == stride


@pytest.mark.parametrize("name, sides, rule", [
    ("ResizeToRange/cond/stack", [512, 320], Resizer(320, 512)), ("ResizeImage/stack", [300, 400], FixedSize(300, 400)),
    ("ResizeToRange/strided_slice/stack", [0, 1], None)])
def test_the_rule_for_the_size_is_read(name, sides, rule):
    assert resizer_of({f"Preprocessor/map/while/{name}": np.int32(sides)}) == rule


def test_boxes_are_clipped_before_or_after_the_choice_as_the_graph_does():
    scope = "BatchMultiClassNonMaxSuppression/map/while/MultiClassNonMaxSuppression"
    first = nodes((f"{scope}/NonMaxSuppressionV3", "NonMaxSuppressionV3", (f"{scope}/Reshape",), {}),
                  (f"{scope}/Reshape", "Reshape", (f"{scope}/ClipToWindow/concat",), {}))
    assert clips_first(first)
    assert not clips_first({**first, f"{scope}/Reshape": GraphNode(f"{scope}/Reshape", "Reshape", ("boxes",), {})})


def test_boxes_without_area_in_the_picture_are_left_out():
    rows = np.float32([[0, 1, 0.9, -0.5, 0.25, 1.5, 0.75], [0, 1, 0.8, 1.25, 0.25, 1.5, 0.75]])[None, None]
    np.testing.assert_array_equal(clipped(rows)[0, 0], np.float32([[0, 1, 0.9, 0, 0.25, 1, 0.75]]))
    assert clipped(rows[:, :, :0]).shape == (1, 1, 0, 7)


# ---- Broken graphs ---------------------------------------------------------------------------------------

def test_nodes_that_read_each_other_are_named():
    circle = nodes(("a", "Relu", ("b",), {}), ("b", "Relu", ("a",), {}), ("c", "Identity", ("c",), {}))
    for name in ("a", "c"):
        with pytest.raises(SegmentationError, match="in a circle"):
            Layers(circle, {}, {}).add(name)


def test_constants_are_never_made_larger():
    known, arrays = constants(down=np.ones((900, 1), np.float32), across=np.ones((1, 900), np.float32))
    layers = Layers({**known, **nodes(("out", "Mul", ("down", "across"), {}))}, arrays, {})
    with pytest.raises(SegmentationError, match="more numbers than it reads"):
        layers.value("out")


@whole_graph
def test_a_changed_graph_is_refused_or_fits_together():
    buffer, pattern = WHOLE.read_bytes(), read_nodes((MODEL_FOLDER / TEXT_GRAPH).read_text())
    graph, consts, rng = read_graph(read_node_defs(buffer)), read_consts(buffer), np.random.default_rng(0)
    names = [name for name in describe(graph, consts, pattern).nodes if name in graph and graph[name].inputs]
    refused = 0
    for _ in range(60):
        name, other = rng.choice(names, 2)
        node, inputs = graph[name], graph[name].inputs
        changed = [node._replace(inputs=(other, *inputs[1:])), node._replace(inputs=inputs[::-1]),
                   node._replace(inputs=inputs[:-1]), node._replace(op=graph[other].op), node._replace(attributes={})]
        try:
            found = describe({**graph, name: changed[rng.integers(len(changed))]}, consts, pattern)
            check_graph(found.nodes, found.consts)
        except SegmentationError:
            refused += 1
    assert refused > 20


# ---- Other files -----------------------------------------------------------------------------------------

def test_examples_in_docstrings():
    assert doctest.testmod(kinds).failed == 0 < doctest.testmod(kinds).attempted


@pytest.mark.parametrize("start, said", [
    (b"\x89HDF\r\n\x1a\n", "Keras"), (b"PK\x03\x04", "zip"), (b"\x1f\x8b\x08", "gzip"), (b"\x1c\0\0\0TFL3", "Lite")])
def test_files_of_other_kinds_are_named(tmp_path, start, said):
    path = tmp_path / "weights.pb"
    path.write_bytes(start + bytes(100))
    with pytest.raises(SegmentationError, match=rf"weights\.pb is a.*{said}.*--weights"):
        MaskRCNN.load(MODEL_FOLDER, path)


@pytest.mark.parametrize("names, said", [
    (["SecondStageBoxPredictor/ClassPredictor/biases"], "Faster R-CNN"),
    (["SecondStageBoxPredictor/ClassPredictor/biases", "SecondStageBoxPredictor/Conv/biases"], None),
    (["BoxPredictor_0/ClassPredictor/biases"], "SSD"), (["mrcnn_mask/kernel"], "matterport"), (["dense/kernel"], None)])
def test_graphs_of_other_kinds_are_named(names, said):
    kind = kinds.kind_of_graph(names)
    assert said in kind if said else kind is None


def test_a_graph_without_a_mask_branch_is_a_faster_r_cnn():
    graph = nodes(("CropAndResize", "CropAndResize", ("features", "boxes", "index", "size"), {}))
    assert crop_of(graph, 0) == "CropAndResize"
    with pytest.raises(SegmentationError, match="Faster R-CNN"):
        crop_of(graph, 1)


# ---- Padding, which no shipped graph has -------------------------------------------------------------------

def test_padding_is_checked_and_exported():
    from segmentation.network.operations import Misfit, Value, pad

    sizes, x = np.int32([[0, 0], [1, 2], [3, 4], [0, 0]]), Value((1, 10, 20, 3), "map")
    assert pad(Node("p", "Pad", ("x", "sizes")), x, sizes).shape == (1, 13, 27, 3)
    for wrong in (sizes[:3], sizes - 1, sizes[::-1] + np.int32([[0, 0], [0, 0], [0, 0], [1, 0]])):
        with pytest.raises(Misfit, match="paddings"):
            pad(Node("p", "Pad", ("x", "sizes")), x, wrong)
    pytest.importorskip("onnx", reason="pip install onnx")
    from segmentation.network.onnx import graph as onnx_graph

    graph = onnx_graph.Graph({})
    onnx_graph.pad(graph, Node("p", "Pad"), "x", sizes)
    assert next(iter(graph.arrays.values())).tolist() == [0, 0, 1, 3, 0, 0, 2, 4]
