"""The engine "opencv" where OpenCV reads no graphs of TensorFlow: it takes the ONNX model."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT

from segmentation import SegmentationError
from segmentation.network.mask_rcnn import MaskRCNN

opencv_5 = pytest.mark.skipif(int(cv2.__version__.split(".")[0]) < 5, reason="OpenCV 4 cannot load this ONNX model")
# Both commands, in a process in which cv2.dnn never had the importer.
WITHOUT = """
import sys, cv2
cv2.dnn.__dict__.pop('readNetFromTensorflow', None)
from segmentation.cli import start
sys.exit(getattr(start, sys.argv[1])(sys.argv[2:]))
"""


@pytest.fixture
def no_importer(monkeypatch):
    monkeypatch.delattr(cv2.dnn, "readNetFromTensorflow", raising=False)


@opencv_5
@pytest.mark.skipif(not hasattr(cv2.dnn, "readNetFromTensorflow"), reason="this OpenCV reads no graphs of TensorFlow")
def test_the_onnx_model_gives_the_same_objects_in_any_number_and_size(tiny_pb, monkeypatch):
    pytest.importorskip("onnx", reason="pip install onnx")
    expected = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size="raw", confidence=0.2)
    with monkeypatch.context() as patch:
        patch.delattr(cv2.dnn, "readNetFromTensorflow")
        net = MaskRCNN.load(MODEL_FOLDER, tiny_pb, size="raw", confidence=0.2)
    assert net.engine.name.endswith("by the ONNX model")
    rng, counts = np.random.default_rng(0), set()
    for height, width in ((128, 160), (128, 160), (97, 129), (200, 230), (128, 160)):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        (boxes, masks), (wanted_boxes, wanted_masks) = net.forward(image), expected.forward(image)
        assert boxes.shape == wanted_boxes.shape
        np.testing.assert_allclose(boxes, wanted_boxes, atol=2e-5)
        np.testing.assert_allclose(masks, wanted_masks, atol=1e-4)
        counts.add(boxes.shape[2])
    assert len(counts) > 1 and max(counts) > net.engine.ROWS


def test_without_onnx_a_line_says_what_to_install(tiny_pb, no_importer, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SegmentationError, match=r"reads no TensorFlow graphs.*pip install onnx") as caught:
        MaskRCNN.load(MODEL_FOLDER, tiny_pb)
    assert "\n" not in str(caught.value)


@opencv_5
@pytest.mark.parametrize("command, source, output", [("photos", "images/example_01.jpg", "."),
                                                     ("videos", "videos/cats_and_dogs.mp4", "out.avi")])
def test_both_commands_run(tmp_path, tiny_pb, command, source, output):
    pytest.importorskip("onnx", reason="pip install onnx")
    args = ["-i", ROOT / source, "-o", tmp_path / output, "--weights", tiny_pb, "--size", "160x128"]
    args += ["--end", "0.2"] if command == "videos" else ["--no-show"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, command, *map(str, args)], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "by the ONNX model" in done.stdout
    assert list(tmp_path.glob("*.avi" if command == "videos" else "*_segmented.*"))
