"""The engines run the network: cv2.dnn, or the same weights as an ONNX model on ONNX Runtime or OpenVINO.

    engine = load_engine("onnxruntime", "cpu", "fp32")(model, confidence=0.5, proposals=100)
    boxes, features = engine.boxes(blob)        # (1, 1, 100, 7), and the features for masks()
    masks = engine.masks(features, boxes)       # (100, classes, M, M)

The mask head of the whole graph works on all 100 rows of boxes, padding too. That is two thirds of all computation,
but a photo shows 3 to 10 objects. So an engine has two networks: the first ends with the boxes, and the second runs
the mask head only on the boxes that the caller keeps.
"""

from functools import partial
from typing import Any, Optional, Protocol

import numpy as np

from segmentation import SegmentationError
from segmentation.network import opencv_engine
from segmentation.network.model import Model
from segmentation.network.onnx import engines as onnx_engines
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.onnx.int8 import load_int8


class Engine(Protocol):
    """A model that is ready to run.

    name: what it runs on, for people, such as "OpenCV 5.0.0, cpu (2 threads)". On a CPU it has as many threads as
        cv2.getNumThreads() says when it is built
    """

    name: str

    def boxes(self, blob: np.ndarray) -> tuple[np.ndarray, Any]:
        """(the detections, the features that `masks` needs, in the engine's own form).

        blob: float32 (1, 3, H, W), RGB 0..255
        detections: float32 (1, 1, N, 7), N at most 100, rows (0, class, score, x0, y0, x1, y1), best first, the box in
            0..1. There may be rows of zeros at the end, and rows that do not score above the confidence

        Raises SegmentationError or cv2.error if the engine fails.
        """
        ...

    def masks(self, features: Any, boxes: np.ndarray) -> np.ndarray:
        """The masks of the detections: float32 (N, classes, M, M), probabilities; M is the model's, such as 15 or 33.

        The next call does not change them.

        features: from the last call of `boxes`
        boxes: (1, 1, N, 7), the rows that the caller keeps, at least one

        Raises SegmentationError or cv2.error if the engine fails.
        """
        ...


class EngineBuilder(Protocol):
    """Builds an Engine from a Model.

    confidence: detections must score above this, 0..1
    proposals: how many RoIs the second stage looks at

    Raises SegmentationError if the engine cannot load the model.
    """

    def __call__(self, model: Model, confidence: float, proposals: int) -> Engine: ...


# The name of each engine -> the names of its devices.
DEVICES: dict[str, tuple[str, ...]] = {"opencv": tuple(opencv_engine.DEVICES),
                                       "onnxruntime": tuple(onnx_engines.PROVIDERS),
                                       "openvino": tuple(onnx_engines.OPENVINO_DEVICES)}
AUTO = "auto"  # the fastest of them: see segmentation/network/auto.py
PRECISIONS = ("fp32", "bf16", "int8")


def load_engine(engine: str = "opencv", device: str = "cpu", precision: str = "fp32",
                calibration: Optional[Calibration] = None) -> EngineBuilder:
    """The builder of the engine with that name, device and precision.

    calibration: the pictures for int8, if its model is not there yet; None: those in images/

    Raises ValueError if there is no such choice, SegmentationError if this machine does not have it.
    """
    check_choice(engine, device, precision)
    if precision == "int8":
        return partial(load_int8, onnx_engines.find_openvino(device, precision), device, calibration or Calibration())
    if engine == "openvino":
        return partial(onnx_engines.OpenVINO, onnx_engines.find_openvino(device, precision), device, precision)
    if engine == "onnxruntime":
        return partial(onnx_engines.OnnxRuntime, onnx_engines.find_onnxruntime(device), device)
    return partial(load_opencv, opencv_engine.find_device(device), device)


def load_opencv(target: opencv_engine.Target, device: str, model: Model, confidence: float, proposals: int) -> Engine:
    """The engine "opencv": by the frozen graph, or by the ONNX model if this OpenCV cannot read that.

    OpenCV is about to give up reading TensorFlow's graphs. Raises SegmentationError if it can read neither.
    """
    try:
        return opencv_engine.OpenCV(target, device, model, confidence, proposals)
    except SegmentationError as error:
        if device != "cpu":
            raise
        try:
            return onnx_engines.OpenCVOnnx(device, model, confidence, proposals)
        except SegmentationError as other:
            raise SegmentationError(f"{error}; by the ONNX model it failed, too: {other}") from error


def check_choice(engine: str, device: str, precision: str) -> None:
    """Raise ValueError if there is no such engine, or if it has no such device or precision. "auto" is none yet."""
    if engine not in DEVICES:
        raise ValueError(f"engine must be {', '.join(DEVICES)}, got {engine}")
    if device not in DEVICES[engine]:
        raise ValueError(f"device must be {' or '.join(DEVICES[engine])} with engine {engine}, got {device}")
    if precision not in PRECISIONS or (precision != "fp32" and engine != "openvino"):
        raise ValueError(f"precision must be {', '.join(PRECISIONS)}, and bf16 and int8 need the engine openvino, "
                         f"got {precision}")
