"""What a model's files must be before an engine gets them: known graphs are taken, and what does not fit is named."""

import numpy as np
import pytest
from conftest import MODEL_FOLDER
from tiny_graph import tiny_consts

from segmentation import SegmentationError
from segmentation.network.frozen_graph import read_consts
from segmentation.network.graph_check import check_graph
from segmentation.network.operations import OPS
from segmentation.network.text_graph import Node, read_nodes, set_value
from segmentation.network.weights import DEMO, TEXT_GRAPH

TEXT = (MODEL_FOLDER / TEXT_GRAPH).read_text()
TRUNK, HEAD = "FirstStageFeatureExtractor/InceptionV2/InceptionV2", "SecondStageBoxPredictor"


@pytest.fixture(scope="module")
def nodes():
    return read_nodes(TEXT)


@pytest.fixture(scope="module")
def consts():
    return tiny_consts(TEXT)


@pytest.mark.parametrize("num_classes", [1, 3, 90, 601])
def test_graphs_of_any_number_of_classes_are_taken(nodes, num_classes):
    nodes = set_value(nodes, "detection_out_final", "num_classes", num_classes)
    nodes = set_value(nodes, "detection_out_final", "background_label_id", num_classes + 1)
    check_graph(nodes, tiny_consts(TEXT, num_classes=num_classes))


def test_the_demo_graph_is_taken():
    check_graph(read_nodes((MODEL_FOLDER / DEMO).with_suffix(".pbtxt").read_text()),
                read_consts((MODEL_FOLDER / DEMO).read_bytes()))


def test_opencv_s_own_text_graph_is_taken(reference, consts):
    check_graph(read_nodes((reference / TEXT_GRAPH).read_text()), consts)


def test_the_onnx_model_knows_the_same_operations():
    pytest.importorskip("onnx")
    from segmentation.network.onnx.graph import OPS as CONVERTED

    assert set(CONVERTED) == {*OPS, "Const"}


# ---- Text graphs ---------------------------------------------------------------------------------------------

def attribute(name, key, *values):
    """A change of one attribute of a node; without values it is taken away."""
    def change(nodes):
        attributes = {**nodes[name].attributes, key: values}
        return {**nodes, name: nodes[name]._replace(attributes={k: v for k, v in attributes.items() if v})}
    return change


def inputs(name, *names):
    return lambda nodes: {**nodes, name: nodes[name]._replace(inputs=names)}


def operation(name, op):
    return lambda nodes: {**nodes, name: nodes[name]._replace(op=op)}


def swapped(name, one, other):
    def change(nodes):
        names = list(nodes[name].inputs)
        names[one], names[other] = names[other], names[one]
        return inputs(name, *names)(nodes)
    return change


def without(*names):
    return lambda nodes: {name: node for name, node in nodes.items() if name not in names}


CONV = f"{TRUNK}/Conv2d_2b_1x1/Conv2D"
NORM = f"{TRUNK}/Conv2d_2b_1x1/BatchNorm/FusedBatchNorm"
BROKEN_TEXTS = {
    "an operation that is not known": (operation(CONV, "Conv3D"), "is a Conv3D, which is not known"),
    "another operation": (operation("Conv/Relu6", "Sigmoid"), "reads Conv/BiasAdd, which does not belong there"),
    "an attribute that is not known": (attribute(CONV, "half_pixel_centers", True), "an attribute half_pixel_centers"),
    "no strides": (attribute(CONV, "strides"), "has no strides"),
    "strides of 0": (attribute(CONV, "strides", 1, 0, 0, 1), "strides 1, 0, 0, 1; it must be 1, n, n, 1"),
    "three strides": (attribute(CONV, "strides", 1, 1, 1), "has strides 1, 1, 1"),
    "another stride": (attribute(f"{TRUNK}/MaxPool_2a_3x3/MaxPool", "strides", 1, 1, 1, 1), "a step of 16 pixels"),
    "a dilation": (attribute(CONV, "dilations", 1, 2, 2, 1), "has dilations"),
    "a padding": (attribute(CONV, "padding", "FULL"), "has padding FULL; it must be SAME or VALID"),
    "a window": (attribute(f"{TRUNK}/MaxPool_2a_3x3/MaxPool", "ksize", 1, 99, 99, 1), "has ksize"),
    "channels first": (attribute(CONV, "data_format", "NCHW"), "has data_format NCHW"),
    "a transposed product": (attribute(f"{HEAD}/ClassPredictor/MatMul", "transpose_b", True), "has transpose_b True"),
    "an epsilon": (attribute(NORM, "epsilon", -1.0), "has epsilon"),
    "deltas of classes": (attribute(f"{HEAD}/ClassPredictor/MatMul", "loc_pred_transposed", True), "not four for each"),
    "deltas that are none": (attribute(f"{HEAD}/BoxEncodingPredictor/MatMul", "loc_pred_transposed", False),
                             "detection_out_final needs deltas"),
    "one anchor less": (attribute("proposals", "height", *[64.0] * 11), "has 11 heights and 12 widths"),
    "an anchor of 0": (attribute("proposals", "height", *[64.0] * 11, 0.0), "has height"),
    "three variances": (attribute("proposals", "variance", 0.1, 0.1, 0.2), "has 3 variances"),
    "a step": (attribute("proposals", "step", 8.0), "a step of 8 pixels"),
    "no proposals": (attribute("detection_out", "keep_top_k", -1), "has keep_top_k -1"),
    "an overlap": (attribute("detection_out", "nms_threshold", 7.0), "has nms_threshold"),
    "another stage": (attribute("detection_out_final", "share_location", True), "as the other stage does"),
    "no variances": (attribute("detection_out_final", "variance_encoded_in_target", False), "as the other stage does"),
    "a background": (attribute("detection_out_final", "background_label_id", 5), "5 is the background"),
    "rows by class": (attribute("detection_out_final", "group_by_classes"), "groups its rows"),
    "a softmax over boxes": (attribute(f"{HEAD}/Reshape_1/softmax", "axis", 0), "is along the axis 0"),
    "a slice of one box": (attribute("detection_out/slice/begins", "value", 0, 0, 0, 4), "cuts from"),
    "a shape": (attribute(f"{HEAD}/Reshape/shape2", "value", 1, -1, 7), "new shape"),
    "a number for a map": (attribute("proposals/variance", "value", 0.1, 0.2), "has 2 numbers"),
    "one input less": (inputs(CONV, f"{TRUNK}/MaxPool_2a_3x3/MaxPool"), "has 1 input, not 2"),
    "one input more": (inputs("Conv/Relu6", "Conv/BiasAdd", "Conv/BiasAdd"), "has 2 inputs, not 1"),
    "inputs swapped": (swapped(CONV, 0, 1), "which does not belong there"),
    "deltas and scores swapped": (swapped("detection_out", 0, 1), "needs deltas"),
    "a mean and a variance swapped": (swapped(NORM, 1, 0), "does not belong there"),
    "an input that comes later": (inputs(f"{TRUNK}/Conv2d_2b_1x1/Relu", "Conv/Relu6"), "neither a node before it"),
    "itself": (inputs("Conv/Relu6", "Conv/Relu6"), "neither a node before it"),
    "a layer without its bias": (inputs("Conv/Relu6", "Conv/Conv2D"), "Conv/BiasAdd is read by no other"),
    "a bias of no layer": (inputs("Conv/BiasAdd", f"{TRUNK}/Mixed_4e/concat", "Conv/biases"), "has 8 biases for 32"),
    "another map for the masks": (inputs("CropAndResize_1", f"{TRUNK}/Mixed_4d/concat", "detection_out_final",
                                         "CropAndResize_1/crop_size"), "must crop the same map"),
    "proposals for the masks": (inputs("CropAndResize_1", f"{TRUNK}/Mixed_4e/concat", "detection_out",
                                       "CropAndResize_1/crop_size"), "read by no other|must crop"),
    "a second image": (lambda nodes: {"x": Node("x", "Placeholder"), **nodes}, "x is read by no other"),
    "no masks": (without("detection_masks"), "has no Sigmoid detection_masks"),
    "no order of the masks": (without("SecondStageBoxPredictor_1/transpose"), "neither a node before it"),
}


@pytest.mark.parametrize("how", BROKEN_TEXTS)
def test_a_text_graph_that_does_not_fit_is_refused(nodes, consts, how):
    change, said = BROKEN_TEXTS[how]
    with pytest.raises(SegmentationError, match=said) as caught:
        check_graph(change(nodes), consts)
    assert "\n" not in str(caught.value)


# ---- Weights -------------------------------------------------------------------------------------------------

KERNEL = "FirstStageFeatureExtractor/InceptionV2/Conv2d_2b_1x1/weights"
BROKEN_WEIGHTS = {
    "one NaN": ("Conv/weights", lambda array: np.where(array == array.max(), np.nan, array), "not finite"),
    "half NaN": (KERNEL, lambda array: np.where(array == array.max(), np.nan, array).astype(np.float16), "not finite"),
    "huge": ("Conv/biases", lambda array: np.full(array.shape, -6e37, np.float32), "beyond 1e.10"),
    "infinite": ("Conv/biases", lambda array: np.full(array.shape, np.inf, np.float32), "not finite"),
    "empty": ("Conv/biases", lambda array: array[:0], "empty"),
    "whole numbers": (KERNEL, lambda array: array.astype(np.int32), "the constant .*weights, which does not belong"),
    "another rank": (KERNEL, lambda array: array.reshape(-1), "needs weights with 4 axes, got 1"),
    "other axes": (KERNEL, lambda array: array.reshape(8, 8, 1, 1), "has weights for 1 channel, but its input has 8"),
    "an even kernel": (KERNEL, lambda array: np.zeros((2, 2, 8, 8), np.float32), "even side"),
    "a large kernel": (KERNEL, lambda array: np.zeros((99, 99, 8, 8), np.float32), "a window of 99x99"),
    "one bias less": ("Conv/biases", lambda array: array[1:], "has 7 biases for 8 channels"),
    "a matrix of biases": ("Conv/biases", lambda array: array[:, None], "has 8 biases for 8 channels"),
    "a negative variance": ("FirstStageFeatureExtractor/InceptionV2/Conv2d_2b_1x1/BatchNorm/moving_variance",
                            lambda array: -array, "has a negative variance"),
    "an axis": (f"{TRUNK}/Mixed_3b/concat/axis", lambda array: np.int32(1), "joins maps along the axis 1"),
    "one class less": (f"{HEAD}/BoxEncodingPredictor/weights", lambda array: array[:, :356], "has 360 biases for 356"),
    "a crop": ("CropAndResize/crop_size", lambda array: np.int32([0, 14]), r"crops RoIs of \[0, 14\]"),
    "a huge crop": ("CropAndResize_1/crop_size", lambda array: np.int32([10000, 10000]), "crops RoIs of"),
    "a mask of another size": (f"{HEAD}_1/ResizeBilinear/size", lambda array: np.int32([14, 15]), "masks of the shape"),
    "an order": (f"{HEAD}_1/transpose/perm", lambda array: np.int32([0, 1, 2, 3]), "into the order"),
    "a shape": (f"{HEAD}/Reshape_1/shape", lambda array: np.int32([-1, -1, 91]), "new shape"),
    "a mean": (f"{HEAD}/AvgPool/reduction_indices", lambda array: np.int32([0, 1]), "a mean over the axes"),
}


@pytest.mark.parametrize("how", BROKEN_WEIGHTS)
def test_weights_that_do_not_fit_are_refused(nodes, consts, how):
    name, change, said = BROKEN_WEIGHTS[how]
    with pytest.raises(SegmentationError, match=said):
        check_graph(nodes, {**consts, name: np.asarray(change(consts[name]))})


def test_a_dilated_convolution_must_be_put_together_as_it_was_taken_apart():
    nodes = read_nodes((MODEL_FOLDER / DEMO).with_suffix(".pbtxt").read_text())
    consts = read_consts((MODEL_FOLDER / DEMO).read_bytes())
    start = next(name for name, node in nodes.items() if node.op == "SpaceToBatchND")
    end = next(name for name, node in nodes.items() if node.op == "BatchToSpaceND")
    middle = nodes[end].inputs[0]
    for change, said in ((attribute(nodes[start].inputs[1], "value", 3, 3), "must have the map's paddings"),
                         (attribute(nodes[start].inputs[2], "value", 2, 1, 2, 1), "has the paddings"),
                         (attribute(nodes[end].inputs[2], "value", 1, 0, 0, 0), "must undo"),
                         (inputs(end, start, *nodes[end].inputs[1:]), "must undo"),
                         (attribute(middle, "padding", "SAME"), "be VALID with stride 1"),
                         (attribute(middle, "strides", 1, 2, 2, 1), "be VALID with stride 1")):
        with pytest.raises(SegmentationError, match=said):
            check_graph(change(nodes), consts)
