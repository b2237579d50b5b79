"""The model in eight bits: made once by NNCF, kept, and near to fp32."""

import sys

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER

from segmentation import SegmentationError
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.model import read_model
from segmentation.network.onnx import calibration as calibration_module
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.weights import find_model

onnx = pytest.importorskip("onnx", reason="pip install '.[engines]'")
pytest.importorskip("openvino", reason="pip install '.[engines]'")


@pytest.fixture
def weights(tmp_path, tiny_pb):
    """The tiny graph where an .onnx may be written beside it."""
    path = tmp_path / "weights.pb"
    path.write_bytes(tiny_pb.read_bytes())
    return path


@pytest.fixture
def photos(tmp_path):
    """A folder with three photos of noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 256, (90, 120, 3), np.uint8))
    return folder


def load(weights, photos):
    return MaskRCNN.load(MODEL_FOLDER, weights, size="raw", engine="openvino", precision="int8",
                         calibrate=str(photos) if photos else None)


def test_it_is_made_once_and_says_what_it_costs(weights, photos, noise, capsys):
    pytest.importorskip("nncf", reason="pip install '.[int8]'")
    net = load(weights, photos)
    said = capsys.readouterr().out
    assert f"calibrating int8 once on 3 pictures of {photos}" in said
    assert "int8 against fp32 on these pictures: " in said and "objects found" in said
    boxes, masks = net.forward(noise)
    assert boxes.shape[2] == len(masks)
    kept = weights.with_suffix(".int8.onnx").read_bytes()
    load(weights, photos)
    load(weights, None)  # whatever it was calibrated on
    assert "calibrating" not in capsys.readouterr().out
    assert weights.with_suffix(".int8.onnx").read_bytes() == kept


def test_other_pictures_make_it_anew(weights, photos, capsys):
    pytest.importorskip("nncf", reason="pip install '.[int8]'")
    load(weights, photos)
    (photos / "0.png").unlink()
    load(weights, photos)
    assert f"calibrating int8 once on 2 pictures of {photos}" in capsys.readouterr().out


def test_box_arithmetic_stays_in_fp32(weights, photos):
    pytest.importorskip("nncf", reason="pip install '.[int8]'")
    from segmentation.network.onnx.int8 import EIGHT_BITS, quantize

    graph = quantize(read_model(find_model(MODEL_FOLDER, weights)), Calibration(str(photos))).graph
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    eight = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    assert eight
    assert {reader.op_type for node in eight for reader in readers[node.output[0]]} <= EIGHT_BITS


def test_a_missing_nncf_is_named(weights, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(SegmentationError, match="nncf is not installed: pip install onnx nncf"):
        load(weights, photos)


def test_nothing_to_calibrate_on_is_said(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration_module, "OWN_PICTURES", tmp_path / "missing")
    with pytest.raises(SegmentationError, match="name a folder of photos with --calibrate"):
        load(weights, None)


def test_few_photos_of_the_run_get_those_in_images_beside_them(photos):
    assert len(Calibration(photos=(str(photos),)).pictures) == 6
    assert str(Calibration(photos=(str(photos),))).startswith("6 pictures, photos of this run and those in images/")
    assert len(Calibration(str(photos)).pictures) == 3


def test_pictures_that_cannot_be_read_are_left_out_unless_all_are(weights, photos):
    model, calibration = read_model(find_model(MODEL_FOLDER, weights)), Calibration(str(photos), size="raw")
    (photos / "0.png").write_bytes(b"no picture")
    assert [blob.shape for blob in calibration.blobs(model)] == [(1, 3, 90, 120)] * 2
    for name in ("1.png", "2.png"):
        (photos / name).write_bytes(b"no picture")
    with pytest.raises(SegmentationError, match="none of the pictures for --calibrate can be read"):
        list(calibration.blobs(model))


def test_calibrate_without_int8_is_refused():
    with pytest.raises(ValueError, match="--calibrate needs --precision int8"):
        MaskRCNN.load(calibrate="photos")
