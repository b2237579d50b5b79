"""The engines "onnxruntime" and "openvino": the frozen graph as one ONNX model.

The model is kept beside the weights with a key of all that it was made from; where that has changed, it is
made anew. For my_graph.pb that is my_graph.onnx, as cli/to_onnx.py writes it, and for float32 on a CPU
my_graph.winograd.onnx. What a user chooses, the confidence and the number of proposals, is set in memory.
"""

import hashlib
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import complete_file
from segmentation.network.model import BOXES, FEATURES, IMAGE, MASK_BOXES, MASKS
from segmentation.terminal import warn

# The command line's name of a device -> the engine's.
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "directml": "DmlExecutionProvider",
             "coreml": "CoreMLExecutionProvider"}
OPENVINO_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
# What OpenVINO runs one after another, for the boxes and for the masks: inputs, outputs, precision.
FP32_STEPS = ([([IMAGE], [BOXES, FEATURES], "f32")], [([FEATURES, BOXES], [MASKS], "f32")])
# The mask head's RoIs are placed in fp32: in bf16 they would lie up to two pixels beside their boxes in a picture of
# 1,000, which costs 0.01 of mask AP. And the trunk runs once more for them: where a network has both the features and
# the boxes as outputs, OpenVINO's bf16 crops are 30 times slower (measured with 2026.4), which is dearer than that.
BF16_STEPS = ([([IMAGE], [BOXES], "bf16")],
              [([IMAGE], [FEATURES], "bf16"), ([FEATURES, BOXES], [MASK_BOXES], "f32"),
               ([FEATURES, MASK_BOXES], [MASKS], "bf16")])
KEY = "made_from"  # in the file's metadata
CONVERTER = [Path(__file__).with_name(f"{part}.py") for part in ("graph", "layers", "boxes")]


class OnnxRuntime:
    """A model on ONNX Runtime; see segmentation/network/engines.py."""

    def __init__(self, onnxruntime, device, model, confidence, proposals):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = cv2.getNumThreads()
        proto = find_export(model, device == "cpu")
        set_for_user(proto, confidence, proposals)
        parts = [cut_out(proto, *ends) for ends in (([IMAGE], [BOXES, FEATURES]), ([FEATURES, BOXES], [MASKS]))]
        with plain_errors(f"ONNX Runtime cannot load {model.weights}"):
            self.box_net, self.mask_head = (
                onnxruntime.InferenceSession(part, options, providers=[PROVIDERS[device]]) for part in parts)
        self.name = f"ONNX Runtime {onnxruntime.__version__}, {device}{threads(device)}"

    def boxes(self, blob):
        with plain_errors(f"ONNX Runtime failed on an input of {blob.shape[3]}x{blob.shape[2]} pixels"):
            return self.box_net.run([BOXES, FEATURES], {IMAGE: blob})

    def masks(self, features, boxes):
        with plain_errors("ONNX Runtime failed on the masks"):
            return self.mask_head.run([MASKS], {FEATURES: features, BOXES: boxes})[0]


class OpenVINO:
    """A model on OpenVINO; see segmentation/network/engines.py."""

    def __init__(self, openvino, device, precision, model, confidence, proposals):
        winograd = (device, precision) == ("cpu", "fp32")  # in bf16 it is neither faster nor exact enough
        proto = find_export(model, winograd)
        set_for_user(proto, confidence, proposals)
        core = openvino.Core()

        def compiled(inputs, outputs, hint):
            settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
            if device == "cpu":
                settings["INFERENCE_NUM_THREADS"] = cv2.getNumThreads()
            part = core.read_model(cut_out(proto, inputs, outputs))
            return core.compile_model(part, OPENVINO_DEVICES[device], settings).create_infer_request(), inputs, outputs
        with plain_errors(f"OpenVINO cannot load {model.weights}"):
            # Without being asked, OpenVINO would take bf16 where the processor has it.
            self.box_steps, self.mask_steps = (
                [compiled(*step) for step in steps] for steps in (BF16_STEPS if precision == "bf16" else FP32_STEPS))
        version = openvino.__version__.split("-")[0]
        self.name = f"OpenVINO {version}, {device}, {precision}{threads(device)}"

    def boxes(self, blob):
        with plain_errors(f"OpenVINO failed on an input of {blob.shape[3]}x{blob.shape[2]} pixels"):
            found = self.infer(self.box_steps, {IMAGE: blob})
            # A copy, since the next inference writes into the same memory; the others are read before that.
            return found[BOXES].copy(), found

    def masks(self, values, boxes):
        with plain_errors("OpenVINO failed on the masks"):
            return self.infer(self.mask_steps, {**values, BOXES: boxes})[MASKS].copy()

    def infer(self, steps, values):
        """All values by name, after the steps."""
        for request, inputs, outputs in steps:
            found = request.infer({name: values[name] for name in inputs})
            values.update((name, found[name]) for name in outputs)
        return values


def find_onnxruntime(device):
    """The module onnxruntime, if it is there and has the device's provider."""
    module = find_module("onnxruntime")
    if PROVIDERS[device] not in module.get_available_providers():
        package = {"cuda": "onnxruntime-gpu", "directml": "onnxruntime-directml"}.get(device, "onnxruntime")
        raise SegmentationError(f"ONNX Runtime {module.__version__} has no {device} here: it needs the package "
                                f"{package} and a driver; leave out --device to run on the CPU")
    return module


def find_openvino(device, precision):
    """The module openvino, if it is there and has the device and, on it, the precision."""
    module = find_module("openvino")
    core = module.Core()
    if not any(name.split(".")[0] == OPENVINO_DEVICES[device] for name in core.available_devices):
        raise SegmentationError(f"OpenVINO finds no {device} here, only {', '.join(core.available_devices)}: it "
                                "needs a driver; leave out --device to run on the CPU")
    if precision == "bf16" and "BF16" not in core.get_property(OPENVINO_DEVICES[device], "OPTIMIZATION_CAPABILITIES"):
        raise SegmentationError(f"this {device} does not compute in bf16: leave out --precision")
    return module


def find_module(name):
    """A module, and onnx with it, which both engines need; SegmentationError says how to install them."""
    try:
        import_module("onnx")
        return import_module(name)
    except ImportError as error:
        packages = " ".join(dict.fromkeys(["onnx", name]))
        raise SegmentationError(f"{name} is not installed: pip install {packages}") from error


def find_export(model, winograd=False):
    """The onnx.ModelProto of a Model: the one kept beside its weights, or a new one, which is then kept."""
    path, key = model.weights.with_suffix(".winograd.onnx" if winograd else ".onnx"), key_of(model)
    kept = read_export(path)
    if kept is not None and key_in(kept) == key:
        return kept
    made = export(model, winograd)
    if path.exists() and (kept is None or key_in(kept) is None):
        warn(f"[WARNING] {path} is not this project's, so the ONNX model is not kept there")
        return made
    try:
        save(made, path)
    except SegmentationError as error:  # a folder that one may only read, a full disk
        warn(f"[WARNING] {error}; the ONNX model is made anew each time")
    return made


def read_export(path):
    """The onnx.ModelProto in a file; None where there is none."""
    import onnx

    try:
        return onnx.load(path)
    except Exception:  # OSError, protobuf's DecodeError: either way there is nothing to use
        return None


def key_in(proto):
    """What an onnx.ModelProto says it was made from; None where it is not one of ours."""
    return next((entry.value for entry in proto.metadata_props if entry.key == KEY), None)


def key_of(model):
    """A hash of all that the ONNX model of a Model depends on: its files and the code that exports them."""
    digest = hashlib.sha256(model.buffer)
    for part in (model.text_graph.encode(), *(path.read_bytes() for path in CONVERTER)):
        digest.update(part)
    return digest.hexdigest()


def export(model, winograd=False):
    """The onnx.ModelProto of a Model, checked, with its key; winograd: see segmentation/network/onnx/graph.py."""
    import onnx

    from segmentation.network.onnx.graph import convert

    with plain_errors(f"cannot export {model.weights}"):
        proto = convert(model.text_graph, model.consts, winograd)
        onnx.helper.set_model_props(proto, {KEY: key_of(model)})
        onnx.checker.check_model(proto)
    return proto


def save(proto, path):
    """Write an onnx.ModelProto, whole or not at all."""
    with complete_file(path) as temporary:
        Path(temporary).write_bytes(proto.SerializeToString())


def set_for_user(proto, confidence, proposals):
    """Set the confidence and the number of proposals of an onnx.ModelProto."""
    from onnx import numpy_helper

    from segmentation.network.onnx.boxes import CONFIDENCE, PROPOSALS

    values = {CONFIDENCE: np.float32([confidence]), PROPOSALS: np.int64([proposals])}
    for tensor in proto.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))


def cut_out(proto, inputs, outputs):
    """The bytes of a model of that part of an onnx.ModelProto that leads from some values to others."""
    from onnx.utils import Extractor

    return Extractor(proto).extract_model(list(inputs), list(outputs)).SerializeToString()


def threads(device):
    return f" ({cv2.getNumThreads()} threads)" if device == "cpu" else ""


@contextmanager
def plain_errors(what):
    """Turn whatever an engine raises into one sentence: the engines have no class of errors in common."""
    try:
        yield
    except SegmentationError:
        raise
    except Exception as error:
        raise SegmentationError(f"{what}: {' '.join(str(error).split())[:300]}") from error
