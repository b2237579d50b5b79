"""The engine "opencv": the frozen graph through cv2.dnn, its text graph cut in two in memory."""

from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.network.model import BOXES, MASKS
from segmentation.network.text_graph import cut, set_value

DEVICES = {
    "cpu": ("DNN_BACKEND_OPENCV", "DNN_TARGET_CPU"),
    "opencl": ("DNN_BACKEND_OPENCV", "DNN_TARGET_OPENCL"),
    "cuda": ("DNN_BACKEND_CUDA", "DNN_TARGET_CUDA"),
}
# A convolution of cv2.dnn keeps the SAME padding of the first size it sees, and pictures of other sizes then
# get other boxes than they should: up to OpenCV 4.12 always, later where a side of the input is shorter than
# about 90 pixels (measured on 4.14 and 5.0). There the network has to be built anew, which takes 0.2 s.
PADDING_STAYS_BELOW = 128 if tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 13) else float("inf")
# Where the setter stands depends on the version: cv2.setLogLevel in OpenCV 4.10.
set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel


class OpenCV:
    """A model on cv2.dnn; see segmentation/network/engines.py."""

    def __init__(self, target, device, model, confidence, proposals):
        text_graph = set_value(model.text_graph, "detection_out", "keep_top_k", proposals)
        text_graph = set_value(text_graph, BOXES, "confidence_threshold", confidence)
        threads = f" ({cv2.getNumThreads()} threads)" if device == "cpu" else ""
        self.name = f"OpenCV {cv2.__version__}, {device}{threads}"
        self.features, self.shapes = model.features, set()
        with plain_errors(f"cannot build the network from {model.weights} and {model.text_graph_path}"):
            box_graph, mask_graph = cut_in_two(text_graph, model.features)
            self.build_box_net = partial(build, model.buffer, box_graph, [BOXES, model.features], target)
            self.box_net = self.build_box_net()
            self.mask_head = build(model.buffer, mask_graph, [MASKS], target)

    def boxes(self, blob):
        self.shapes.add(blob.shape)
        if len(self.shapes) > 1 and min(blob.shape[2:]) < PADDING_STAYS_BELOW:
            self.box_net, self.shapes = self.build_box_net(), {blob.shape}
        self.box_net.setInput(blob)
        return self.box_net.forward([BOXES, self.features])

    def masks(self, features, boxes):
        self.mask_head.setInput(features, self.features)
        self.mask_head.setInput(boxes, BOXES)
        # A copy, since the next forward writes its masks into the same memory.
        return self.mask_head.forward(MASKS).copy()


def cut_in_two(text_graph, features):
    """The text graphs of the two networks; `features` names the node of the trunk's output."""
    inputs = {features: (-1, -1, -1, -1), BOXES: (1, 1, -1, 7)}  # of the second; the sizes that vary are -1
    return cut(text_graph, [BOXES, features]), cut(text_graph, [MASKS], inputs)


def find_device(device):
    """cv2.dnn's (backend, target) of a device; SegmentationError where this OpenCV has not got it."""
    # Asked for what it has not got, cv2.dnn only warns and runs on the CPU.
    backend, target = (getattr(cv2.dnn, name, None) for name in DEVICES[device])
    if backend is None or target is None or target not in cv2.dnn.getAvailableTargets(backend):
        needs = {"cuda": "an OpenCV built with CUDA (the pip packages are not) and an NVIDIA driver",
                 "opencl": "an OpenCL driver for this machine"}
        raise SegmentationError(f"OpenCV {cv2.__version__} cannot run on {device} here: it needs "
                                f"{needs[device]}; leave out --device to run on the CPU")
    return backend, target


def build(weights, text_graph, outputs, target):
    """A cv2.dnn.Net of a text graph, run on target = (backend, target)."""
    if not hasattr(cv2.dnn, "readNetFromTensorflow"):
        raise SegmentationError(f"OpenCV {cv2.__version__} reads no TensorFlow graphs: install opencv-python "
                                "4.10 to 5.0, or choose another --engine")
    options = {}
    if hasattr(cv2.dnn, "ENGINE_CLASSIC"):
        # OpenCV 5: its new engine gives only outputs named at load, and runs on the CPU alone.
        options = ({"extraOutputs": outputs} if target[1] == cv2.dnn.DNN_TARGET_CPU
                   else {"engine": cv2.dnn.ENGINE_CLASSIC})
    net = cv2.dnn.readNetFromTensorflow(weights, np.frombuffer(text_graph.encode(), np.uint8), **options)
    if target[1] != cv2.dnn.DNN_TARGET_CPU:
        net.setPreferableBackend(target[0])
        net.setPreferableTarget(target[1])
    return net


@contextmanager
def plain_errors(what):
    """Turn an error of OpenCV into one sentence, and keep OpenCV's own lines about it off the terminal."""
    level = set_log_level(0)
    try:
        yield
    except cv2.error as error:
        raise SegmentationError(f"{what}: {' '.join(str(error.err or error).split())}") from error
    finally:
        set_log_level(level)
