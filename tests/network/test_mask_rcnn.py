"""The network in two halves against the network as one, on the tiny graph, and what it says of bad files."""

import re

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER
from tiny_graph import frozen_graph, tiny_consts

from segmentation import SegmentationError
from segmentation.network.graph_check import BOXES, MASKS
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.resizing import OFFICIAL, FixedSize, Resizer, input_size, parse_size, read_resizer, resize
from segmentation.network.text_graph import read_nodes, set_value, write_nodes
from segmentation.network.weights import COLORS, LABELS, TEXT_GRAPH


def tutorial_forward(pb, blob, **options):
    """The two outputs as the 2018 tutorial gets them: one network, every row."""
    net = cv2.dnn.readNetFromTensorflow(str(pb), str(MODEL_FOLDER / TEXT_GRAPH), **options)
    net.setInput(blob)
    return net.forward([BOXES, MASKS])


OPENCV_5 = hasattr(cv2.dnn, "ENGINE_CLASSIC")
CLASSIC = {"engine": cv2.dnn.ENGINE_CLASSIC} if OPENCV_5 else {}
NEW = {"extraOutputs": [BOXES, MASKS]}  # OpenCV 5's new engine gives only outputs that are named at loading


@pytest.mark.skipif(not hasattr(cv2.dnn, "readNetFromTensorflow"), reason="this OpenCV reads no graphs of TensorFlow")
@pytest.mark.parametrize("options, tolerance", [
    (CLASSIC, 0), pytest.param(NEW, 2e-5, marks=pytest.mark.skipif(not OPENCV_5, reason="OpenCV 4 has one engine"))],
    ids=["classic", "new"])
def test_two_halves_equal_the_single_network(tiny_net, tiny_pb, noise, options, tolerance):
    image = cv2.resize(noise, (160, 128))
    boxes, masks = tiny_net.forward(image)
    all_boxes, all_masks = tutorial_forward(tiny_pb, cv2.dnn.blobFromImage(image, swapRB=True), **options)
    keep = all_boxes[0, 0, :, 2] > 0.5
    assert 3 <= keep.sum() < 100
    assert boxes.shape == (1, 1, keep.sum(), 7) and masks.shape == (keep.sum(), 90, 15, 15)
    assert np.abs(boxes - all_boxes[:, :, keep]).max() <= tolerance
    # OpenCV up to 4.x pads the boxes but not always the masks.
    assert np.abs(masks - all_masks[np.flatnonzero(keep)]).max() < max(1e-6, tolerance)


def test_instances_are_the_decoded_outputs(tiny_net, noise):
    found, (boxes, masks) = tiny_net(noise), tiny_net.forward(noise)
    assert len(found) == boxes.shape[2] and found.image_hw == noise.shape[:2]
    assert np.array_equal(found.masks, masks[range(len(found)), found.class_ids])
    assert {tiny_net.labels[i] for i in found.class_ids} <= {"person", "car"}


def test_outputs_outlive_the_next_forward(tiny_net, noise):
    boxes, masks = tiny_net.forward(noise)
    copies = boxes.copy(), masks.copy()
    tiny_net.forward(noise[::-1].copy())
    assert np.array_equal(boxes, copies[0]) and np.array_equal(masks, copies[1])


def test_nothing_found_leaves_the_mask_head_out(tiny_pb, noise, monkeypatch):
    net = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128), confidence=1)
    net.engine.mask_head = None
    boxes, masks = net.forward(noise)
    assert boxes.shape == (1, 1, 0, 7) and masks.shape == (0, 90, 15, 15)
    assert len(net(noise)) == 0


SIZES = [(160, 128), (161, 129), (97, 33), (320, 240), (16, 200), (33, 200), (1, 1), (333, 255), (40, 400), (160, 128)]


def test_ten_sizes_in_a_row_give_what_ten_fresh_networks_give(tiny_pb):
    used = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size="raw", confidence=0.2)
    picture = np.random.default_rng(0).integers(0, 255, (300, 500, 3), dtype=np.uint8)
    for width, height in SIZES:
        image = np.ascontiguousarray(picture[:height, :width])
        fresh = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size="raw", confidence=0.2)
        for kept, expected in zip(used.forward(image), fresh.forward(image)):
            assert np.array_equal(kept, expected), (width, height)


def test_confidence_below_the_text_graphs_own_gives_more(tiny_pb, noise):
    counts = [MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128), confidence=confidence).forward(noise)[0].shape[2]
              for confidence in (0.5, 0.3, 0.1)]
    assert 0 < counts[0] < counts[1] < counts[2]


def test_fewer_proposals_give_fewer_regions(tiny_pb, noise):
    counts = [MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128), confidence=0.01, proposals=proposals)
              .forward(noise)[0].shape[2] for proposals in (10, 30)]
    assert 0 < counts[0] <= 20 < counts[1] <= 60  # two classes win here, each at most once a proposal


@pytest.mark.parametrize("image_hw, size, expected", [
    ((512, 512), "keep", (800, 800)), ((480, 640), "keep", (1067, 800)), ((1080, 1920), "keep", (1365, 768)),
    ((1920, 1080), "keep", (768, 1365)), ((1, 5000), "keep", (1365, 1)), ((9000, 12000), "keep", (1067, 800)),
    ((480, 640), "raw", (640, 480)), ((480, 640), (300, 200), (300, 200))])
def test_input_size(image_hw, size, expected):
    assert input_size(image_hw, size) == expected
    if max(image_hw) < 6000:
        assert resize(np.zeros((*image_hw, 3), np.uint8), size).shape[1::-1] == expected


@pytest.mark.parametrize("text", ["", "keeps", "0x10", "10x0", "10x", "10", "-3x4", "1x2x3", "99999x5"])
def test_sizes_that_are_none(text):
    with pytest.raises(ValueError, match="keep, raw or WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize("image", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8),
                                   np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_pictures_of_another_kind_are_refused(tiny_net, image):
    with pytest.raises(ValueError, match="BGR uint8"):
        tiny_net.forward(image)


@pytest.mark.parametrize("options", [{"confidence": 1.1}, {"confidence": float("nan")}, {"proposals": 9},
                                     {"proposals": 301}, {"size": "big"}, {"device": "tpu"}, {"engine": "tf"},
                                     {"engine": "opencv", "precision": "bf16"},
                                     {"engine": "openvino", "device": "cuda"}])
def test_arguments_out_of_range_are_refused(tiny_pb, options):
    with pytest.raises(ValueError, match="must be"):
        MaskRCNN.load(MODEL_FOLDER, tiny_pb, **options)


@pytest.mark.parametrize("device, backend", [("cuda", "DNN_BACKEND_CUDA"), ("opencl", "DNN_BACKEND_OPENCV")])
def test_a_device_that_is_not_there_fails_plainly(tiny_pb, device, backend, monkeypatch):
    monkeypatch.setattr(cv2.dnn, "getAvailableTargets", lambda backend: [cv2.dnn.DNN_TARGET_CPU])
    with pytest.raises(SegmentationError, match=f"cannot run on {device} here: it needs"):
        MaskRCNN.load(MODEL_FOLDER, tiny_pb, device=device)


def break_file(path, how):
    data = path.read_bytes()
    broken = {"empty": b"", "half": data[:len(data) // 2], "text": b"no model\n" * 9, "web page": b"<html>"}
    path.write_bytes(broken[how])


@pytest.mark.parametrize("name", [LABELS, COLORS, TEXT_GRAPH])
def test_a_missing_text_is_named(model_folder, tiny_pb, name):
    (model_folder / name).unlink()
    with pytest.raises(SegmentationError, match=f"{name} is missing"):
        MaskRCNN.load(model_folder, tiny_pb)


@pytest.mark.parametrize("how", ["empty", "half", "text", "web page"])
def test_a_broken_text_graph_is_named(model_folder, tiny_pb, how):
    break_file(model_folder / TEXT_GRAPH, how)
    with pytest.raises(SegmentationError, match=f"{TEXT_GRAPH} is no text graph of this model"):
        MaskRCNN.load(model_folder, tiny_pb)


@pytest.mark.parametrize("how", ["empty", "half", "text", "web page"])
def test_broken_weights_are_named(tmp_path, tiny_pb, how):
    weights = tmp_path / "weights.pb"
    weights.write_bytes(tiny_pb.read_bytes())
    break_file(weights, how)
    with pytest.raises(SegmentationError, match=r"weights\.pb (is not usable|is a web page|does not hold)"):
        MaskRCNN.load(MODEL_FOLDER, weights)


def test_weights_of_another_model_are_named(tmp_path):
    consts = tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text())
    weights = tmp_path / "faster_rcnn.pb"
    weights.write_bytes(frozen_graph({name: a for name, a in consts.items() if "Conv_1/" not in name}))
    with pytest.raises(SegmentationError, match=r"lacks 2 of .* constants, .* SecondStage.*faster_rcnn\.pbtxt$"):
        MaskRCNN.load(MODEL_FOLDER, weights)


def test_scalars_that_would_kill_cv2_are_written_as_it_takes_them(tmp_path, tiny_net, noise):
    weights = tmp_path / "weights.pb"
    weights.write_bytes(frozen_graph(tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text()), scalars_as_content=True))
    net = MaskRCNN.load(MODEL_FOLDER, weights, size=(160, 128))
    assert all(map(np.array_equal, net.forward(noise), tiny_net.forward(noise)))


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_weights_of_other_shapes_are_named(tmp_path, engine, capfd):
    if engine != "opencv":
        pytest.importorskip(engine)
    consts = tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text())
    consts["Conv/weights"] = consts["Conv/weights"][:, :, :5]
    weights = tmp_path / "weights.pb"
    weights.write_bytes(frozen_graph(consts))
    with pytest.raises(SegmentationError, match=r"weights\.pb do not make a network: its node Conv/Conv2D has weights "
                                                "for 5 channels, but its input has ") as caught:
        MaskRCNN.load(MODEL_FOLDER, weights, engine=engine)
    assert "\n" not in str(caught.value)
    assert "ERROR" not in capfd.readouterr().err


@pytest.mark.parametrize("what", [0, 1])
def test_results_that_are_not_finite_are_an_error(tiny_pb, noise, monkeypatch, what):
    net = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128))
    found = net.forward(noise)
    found[what][..., -1] = np.nan
    monkeypatch.setattr(net.engine, "boxes", lambda blob: (found[0], None))
    monkeypatch.setattr(net.engine, "masks", lambda features, boxes: found[1])
    with pytest.raises(SegmentationError, match=r"tiny\.pb gives numbers that are not finite"):
        net.forward(noise)


def test_numbers_that_are_not_finite_are_named(tmp_path):
    consts = tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text())
    consts["SecondStageBoxPredictor/BoxEncodingPredictor/biases"] = np.full(360, np.nan, np.float32)
    broken = tmp_path / "weights.pb"
    broken.write_bytes(frozen_graph(consts))
    with pytest.raises(SegmentationError, match="biases, which is empty, not finite or"):
        MaskRCNN.load(MODEL_FOLDER, broken)


@pytest.mark.parametrize("lines, said", [(89, "got 89"), (91, "got 91"), (0, "got 0")])
def test_a_label_file_of_another_length_is_refused(model_folder, tiny_pb, lines, said):
    (model_folder / LABELS).write_text("thing\n" * lines)
    with pytest.raises(SegmentationError, match=f"{LABELS} must hold 90 names.*{said}"):
        MaskRCNN.load(model_folder, tiny_pb)


@pytest.mark.parametrize("line", ["0,255", "1,2,3,4", "red", "0,256,0", "-1,0,0", "1.5,0,0"])
def test_a_line_that_is_no_colour_is_named(model_folder, tiny_pb, line):
    (model_folder / COLORS).write_text(f"0,255,0\n\n{line}\n")
    with pytest.raises(SegmentationError, match=f"line 3 of .*{COLORS} must be a colour"):
        MaskRCNN.load(model_folder, tiny_pb)


def test_an_empty_colour_file_is_refused(model_folder, tiny_pb):
    (model_folder / COLORS).write_text("\n")
    with pytest.raises(SegmentationError, match="holds no colour"):
        MaskRCNN.load(model_folder, tiny_pb)


# ---- Files that a graph carries beside it ----------------------------------------------------------------

def test_the_rule_of_training_snaps_to_16k_plus_1_and_others_only_scale():
    rule = Resizer(353, 609)
    for image_hw in ((240, 320), (1080, 1920), (1000, 300), (353, 353), (20, 4000)):
        width, height = rule.size_wh(image_hw)
        assert width % 16 == height % 16 == 1
        assert max(width, height) <= rule.long_side and min(width, height) >= 32
    assert OFFICIAL.size_wh((333, 500)) == (1201, 800)
    assert Resizer(320, 512).size_wh((333, 500)) == (480, 320) and Resizer(320, 512).size_wh((100, 163)) == (512, 314)


def test_a_rule_is_read_back_as_written(tmp_path):
    path = tmp_path / "g.config"
    path.write_text(Resizer(353, 609).config())
    assert read_resizer(path) == Resizer(353, 609)
    path.write_text("image_resizer { keep_aspect_ratio_resizer {\n max_dimension: 1365\n min_dimension: 800\n } }")
    assert read_resizer(path) == OFFICIAL
    path.write_text("image_resizer { fixed_shape_resizer { height: 300 width: 400 } }")
    assert read_resizer(path) == FixedSize(300, 400) and read_resizer(path).size_wh((10, 900)) == (400, 300)


@pytest.mark.parametrize("text", ["", "model {}", "keep_aspect_ratio_resizer {\n min_dimension: 353\n}",
                                  "keep_aspect_ratio_resizer {\n min_dimension: 9\n max_dimension: 8\n}",
                                  "fixed_shape_resizer {\n height: 300\n}"])
def test_a_file_without_a_rule_is_named(own, text):
    own.with_suffix(".config").write_text(text)
    with pytest.raises(SegmentationError, match=r"own\.config must hold a rule .*--size"):
        MaskRCNN.load(MODEL_FOLDER, own)
    MaskRCNN.load(MODEL_FOLDER, own, size="raw")


def test_a_graph_of_other_classes_runs_with_what_lies_beside_it(own, noise):
    net = MaskRCNN.load(MODEL_FOLDER, own, confidence=0.2)
    boxes, masks = net.forward(noise)
    assert net.labels == ("disc", "square", "star") and net.resizer == Resizer(129, 161)
    assert boxes.shape[2] > 0 and masks.shape == (boxes.shape[2], 3, 15, 15)
    assert np.array_equal(boxes, MaskRCNN.load(MODEL_FOLDER, own, size=(161, 113), confidence=0.2).forward(noise)[0])
    assert MaskRCNN.load(MODEL_FOLDER, own, confidence=1).forward(noise)[1].shape == (0, 3, 15, 15)


@pytest.mark.parametrize("change, said", [
    ({".txt": "disc\nsquare\n"}, r"own\.txt must hold 3 names.*got 2"),
    ({".pbtxt": None}, rf"own\.pb has 3 classes, but .*{TEXT_GRAPH} is for 90: .* own\.pbtxt"),
    ({".pbtxt": "no graph"}, r"own\.pbtxt is no text graph")])
def test_what_does_not_match_the_graph_is_named(own, change, said):
    for suffix, text in change.items():
        own.with_suffix(suffix).unlink()
        if text:
            own.with_suffix(suffix).write_text(text)
    with pytest.raises(SegmentationError, match=said):
        MaskRCNN.load(MODEL_FOLDER, own)


def test_classes_without_names_are_numbered(own, capsys):
    own.with_suffix(".txt").unlink()
    assert MaskRCNN.load(MODEL_FOLDER, own).labels == ("class 1", "class 2", "class 3")
    assert re.search(r"own\.pb has 3 classes without names, .* own\.txt", capsys.readouterr().err)


def test_a_text_graph_of_other_classes_is_refused(tiny_pb, model_folder):
    nodes = read_nodes((model_folder / TEXT_GRAPH).read_text())
    (model_folder / TEXT_GRAPH).write_text(write_nodes(set_value(nodes, BOXES, "num_classes", 80)))
    with pytest.raises(SegmentationError, match=r"tiny\.pb has 90 classes, but .* is for 80"):
        MaskRCNN.load(model_folder, tiny_pb)
