"""The engines "onnxruntime" and "openvino", and "opencv" without TensorFlow: they run the graph as an ONNX model.

The ONNX model is kept beside the weights (segmentation/network/onnx/kept.py). The user's choices, the confidence and
the number of proposals, are set in memory.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Optional

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.network.graph_check import BOXES, IMAGE, MASKS
from segmentation.network.model import FEATURES, MASK_BOXES, Model
from segmentation.network.onnx.errors import plain_errors
from segmentation.network.onnx.explicit_padding import with_explicit_padding
from segmentation.network.onnx.kept import find_export
from segmentation.network.onnx.parts import cut_out, set_for_user
from segmentation.network.onnx.signal_stack import kept_signal_stack
from segmentation.wording import counted

if TYPE_CHECKING:
    from onnx import ModelProto

# The name of a device on the command line -> its name in the engine.
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "directml": "DmlExecutionProvider",
             "coreml": "CoreMLExecutionProvider"}
OPENVINO_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
HALVES = (([IMAGE], [BOXES, FEATURES]), ([FEATURES, BOXES], [MASKS]))  # (inputs, outputs) of both networks
# The steps of OpenVINO for the boxes, and those for the masks: (inputs, outputs, precision) each.
FP32_STEPS = ([([IMAGE], [BOXES, FEATURES], "f32")], [([FEATURES, BOXES], [MASKS], "f32")])
# The places of the mask head's RoIs are computed in fp32: in bf16 they would be up to two pixels away from their boxes
# in an image of 1,000 pixels, which costs 0.01 of mask AP. The trunk runs a second time for the masks: if one network
# has both the features and the boxes as outputs, OpenVINO's bf16 crops are 30 times slower (measured with 2026.4), and
# that costs more.
BF16_STEPS = ([([IMAGE], [BOXES], "bf16")],
              [([IMAGE], [FEATURES], "bf16"), ([FEATURES, BOXES], [MASK_BOXES], "f32"),
               ([FEATURES, MASK_BOXES], [MASKS], "bf16")])
# A step that is ready to run: OpenVINO's request, the names of its inputs, the names of its outputs.
Step = tuple[Any, Sequence[str], Sequence[str]]


class OnnxRuntime:
    """A model on ONNX Runtime: an Engine, see segmentation/network/engines.py."""

    def __init__(self, onnxruntime: Any, device: str, model: Model, confidence: float, proposals: int) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = cv2.getNumThreads()
        proto = find_export(model, device == "cpu")
        set_for_user(proto, confidence, proposals)
        parts = [cut_out(proto, *ends) for ends in HALVES]
        with plain_errors(f"ONNX Runtime cannot load {model.weights}"):
            self.box_net, self.mask_head = (
                onnxruntime.InferenceSession(part, options, providers=[PROVIDERS[device]]) for part in parts)
        self.name = f"ONNX Runtime {onnxruntime.__version__}, {device}{threads(device)}"

    def boxes(self, blob: np.ndarray) -> tuple[np.ndarray, Any]:
        with plain_errors(f"ONNX Runtime failed on an input of {blob.shape[3]}x{blob.shape[2]} pixels"):
            boxes, features = self.box_net.run([BOXES, FEATURES], {IMAGE: blob})
        return boxes, features

    def masks(self, features: Any, boxes: np.ndarray) -> np.ndarray:
        with plain_errors("ONNX Runtime failed on the masks"):
            return self.mask_head.run([MASKS], {FEATURES: features, BOXES: boxes})[0]


class OpenVINO:
    """A model on OpenVINO: an Engine, see segmentation/network/engines.py.

    proto: its onnx.ModelProto, such as that in eight bits; None: the export of the Model
    """

    def __init__(self, openvino: Any, device: str, precision: str, model: Model, confidence: float, proposals: int,
                 proto: "Optional[ModelProto]" = None) -> None:
        winograd = (device, precision) == ("cpu", "fp32")  # in bf16 it is not faster and not exact enough
        proto = find_export(model, winograd) if proto is None else proto
        set_for_user(proto, confidence, proposals)
        core = openvino.Core()

        def compiled(inputs: Sequence[str], outputs: Sequence[str], hint: str) -> Step:
            settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
            if device == "cpu":
                settings["INFERENCE_NUM_THREADS"] = cv2.getNumThreads()
                # A worker has some of the cores. Pinned, all workers would run on the first ones: two took twice as
                # long as one process.
                settings["ENABLE_CPU_PINNING"] = cv2.getNumThreads() >= cv2.getNumberOfCPUs()
            part = core.read_model(cut_out(proto, inputs, outputs))
            return core.compile_model(part, OPENVINO_DEVICES[device], settings).create_infer_request(), inputs, outputs
        with plain_errors(f"OpenVINO cannot load {model.weights}"), kept_signal_stack():
            # The precision is always said: OpenVINO's own choice is bf16 if the processor has it.
            self.box_steps, self.mask_steps = (
                [compiled(*step) for step in steps] for steps in (BF16_STEPS if precision == "bf16" else FP32_STEPS))
        version = openvino.__version__.split("-")[0]
        self.name = f"OpenVINO {version}, {device}, {precision}{threads(device)}"

    def boxes(self, blob: np.ndarray) -> tuple[np.ndarray, Any]:
        with plain_errors(f"OpenVINO failed on an input of {blob.shape[3]}x{blob.shape[2]} pixels"):
            found = self.infer(self.box_steps, {IMAGE: blob})
            # A copy, because the next inference writes into the same memory. `masks` reads the other values before.
            return found[BOXES].copy(), found

    def masks(self, features: Any, boxes: np.ndarray) -> np.ndarray:
        with plain_errors("OpenVINO failed on the masks"):
            return self.infer(self.mask_steps, {**features, BOXES: boxes})[MASKS].copy()

    def infer(self, steps: Iterable[Step], values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the steps one after another. Returns `values`, by name, with the outputs of all steps added."""
        for request, inputs, outputs in steps:
            found = request.infer({name: values[name] for name in inputs})
            values.update((name, found[name]) for name in outputs)
        return values


class OpenCVOnnx:
    """A model on cv2.dnn, by its ONNX model: for an OpenCV that reads no graphs of TensorFlow. An Engine.

    OpenCV 5.0 ends the process if an input grows, and if there are no detections. So the box network is built anew for
    another size, which takes 0.2 s, the mask head always gets ROWS detections, and what does not score above the
    confidence is left out here: it comes after all better ones and suppresses none of them.
    """

    ROWS = 8

    def __init__(self, device: str, model: Model, confidence: float, proposals: int) -> None:
        find_module("onnx")
        proto = find_export(model)
        set_for_user(proto, 0, proposals)
        with_explicit_padding(proto)
        self.weights, self.confidence = model.weights, confidence
        self.parts = [np.frombuffer(cut_out(proto, *ends), np.uint8) for ends in HALVES]
        self.box_net, self.mask_head = map(self.built, self.parts)
        self.shape: tuple[int, ...] = ()  # of the last input
        self.features_shape: tuple[int, ...] = ()  # and of its features
        self.name = f"OpenCV {cv2.__version__}, {device}{threads(device)}, by the ONNX model"

    def built(self, part: np.ndarray) -> cv2.dnn.Net:
        """The network of the bytes of an ONNX model."""
        with plain_errors(f"OpenCV {cv2.__version__} cannot load the ONNX model of {self.weights}"):
            return cv2.dnn.readNetFromONNX(part)

    def boxes(self, blob: np.ndarray) -> tuple[np.ndarray, Any]:
        if self.shape not in ((), blob.shape):
            self.box_net = self.built(self.parts[0])
        self.shape = blob.shape
        self.box_net.setInput(blob, IMAGE)
        boxes, features = self.box_net.forward([BOXES, FEATURES])
        if features.shape != self.features_shape:
            self.mask_head, self.features_shape = self.built(self.parts[1]), features.shape
        return boxes[:, :, boxes[0, 0, :, 2] > self.confidence], features

    def masks(self, features: Any, boxes: np.ndarray) -> np.ndarray:
        count, found = boxes.shape[2], []
        for start in range(0, count, self.ROWS):
            rows = np.zeros((1, 1, self.ROWS, 7), np.float32)
            part = boxes[:, :, start:start + self.ROWS]
            rows[:, :, :part.shape[2]] = part
            self.mask_head.setInput(features, FEATURES)
            self.mask_head.setInput(rows, BOXES)
            found.append(self.mask_head.forward(MASKS).copy())
        return np.concatenate(found)[:count]


def find_onnxruntime(device: str) -> ModuleType:
    """The module onnxruntime. Raises SegmentationError if it is not installed or cannot use the device."""
    module = find_module("onnxruntime")
    if PROVIDERS[device] not in module.get_available_providers():
        package = {"cuda": "onnxruntime-gpu", "directml": "onnxruntime-directml"}.get(device, "onnxruntime")
        raise SegmentationError(f"ONNX Runtime {module.__version__} has no {device} here: it needs the package "
                                f"{package} and a driver; leave out --device to run on the CPU")
    return module


def find_openvino(device: str, precision: str) -> ModuleType:
    """The module openvino. Raises SegmentationError if it is not installed, or lacks the device or its precision."""
    module = find_module("openvino")
    core = module.Core()
    if not any(name.split(".")[0] == OPENVINO_DEVICES[device] for name in core.available_devices):
        raise SegmentationError(f"OpenVINO finds no {device} here, only {', '.join(core.available_devices)}: it "
                                "needs a driver; leave out --device to run on the CPU")
    if precision == "bf16" and "BF16" not in core.get_property(OPENVINO_DEVICES[device], "OPTIMIZATION_CAPABILITIES"):
        raise SegmentationError(f"this {device} does not compute in bf16: leave out --precision")
    return module


def find_module(name: str) -> ModuleType:
    """The module with that name. Imports onnx too, which both engines need.

    Raises SegmentationError that says how to install them.
    """
    try:
        import_module("onnx")
        return import_module(name)
    except ImportError as error:
        packages = " ".join(dict.fromkeys(["onnx", name]))
        raise SegmentationError(f"{name} is not installed: pip install {packages}") from error


def threads(device: str) -> str:
    """How many threads an engine has, for its name. Empty if it does not run on the CPU."""
    return f" ({counted(cv2.getNumThreads(), 'thread')})" if device == "cpu" else ""
