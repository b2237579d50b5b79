"""The engine "opencv": cv2.dnn runs the frozen graph. Its text graph is cut in two in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.network.frozen_graph import write_consts
from segmentation.network.graph_check import BOXES, IMAGE, MASKS, PROPOSALS
from segmentation.network.model import Model
from segmentation.network.text_graph import Nodes, cut, set_value, write_nodes
from segmentation.wording import counted

DEVICES = {
    "cpu": ("DNN_BACKEND_OPENCV", "DNN_TARGET_CPU"),
    "opencl": ("DNN_BACKEND_OPENCV", "DNN_TARGET_OPENCL"),
    "cuda": ("DNN_BACKEND_CUDA", "DNN_TARGET_CUDA"),
}
Target = tuple[int, int]  # cv2.dnn's numbers of a backend and a target

# A convolution of cv2.dnn keeps the SAME padding of the first input size, and then gives wrong boxes for other sizes:
# up to OpenCV 4.12 always, later if a side of the input is shorter than about 90 pixels (measured on 4.14 and 5.0).
# In these cases the network has to be built again, which takes 0.2 s.
PADDING_STAYS_BELOW = 128 if tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 13) else float("inf")
# The setter is in another place in OpenCV 4.10: cv2.setLogLevel.
set_log_level: Any = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel


class OpenCV:
    """A model on cv2.dnn: an Engine, see segmentation/network/engines.py."""

    def __init__(self, target: Target, device: str, model: Model, confidence: float, proposals: int) -> None:
        nodes = set_value(model.nodes, PROPOSALS, "keep_top_k", proposals)
        nodes = set_value(nodes, BOXES, "confidence_threshold", confidence)
        threads = f" ({counted(cv2.getNumThreads(), 'thread')})" if device == "cpu" else ""
        self.name = f"OpenCV {cv2.__version__}, {device}{threads}"
        self.features = model.features
        self.shapes: set[tuple[int, ...]] = set()  # of the inputs so far
        with plain_errors(f"cannot build the network from {model.weights} and {model.text_graph_path}"):
            box_part, mask_part = (written(part, model) for part in cut_in_two(nodes, model.features))
            self.build_box_net = partial(build, *box_part, target)
            self.box_net = self.build_box_net()
            self.mask_head = build(*mask_part, target)

    def boxes(self, blob: np.ndarray) -> tuple[np.ndarray, Any]:
        self.shapes.add(blob.shape)
        if len(self.shapes) > 1 and min(blob.shape[2:]) < PADDING_STAYS_BELOW:
            self.box_net, self.shapes = self.build_box_net(), {blob.shape}
        self.box_net.setInput(blob)
        boxes, features = self.box_net.forward([BOXES, self.features])
        return boxes, features

    def masks(self, features: Any, boxes: np.ndarray) -> np.ndarray:
        self.mask_head.setInput(features, self.features)
        self.mask_head.setInput(boxes, BOXES)
        # A copy, because the next forward writes into the same memory.
        return self.mask_head.forward(MASKS).copy()


def cut_in_two(nodes: Nodes, features: str) -> tuple[Nodes, Nodes]:
    """The nodes of the two networks. features: the name of the trunk's last node."""
    image = {IMAGE: (-1, -1, -1, 3)}  # TensorFlow's order; -1: any size
    inputs = {features: (-1, -1, -1, -1), BOXES: (1, 1, -1, 7)}  # of the second network
    return cut(nodes, [BOXES, features], image), cut(nodes, [MASKS], inputs)


def written(nodes: Nodes, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """A network as cv2.dnn reads it: (its weights, its text graph), the bytes of both files as uint8 (size,).

    Both are written anew from what was read and checked, so cv2.dnn sees nothing else of the files. They hold what this
    network needs: half of the weights load twice as fast as all of them.
    """
    names = {name: None for node in nodes.values() for name in node.inputs if name not in nodes}
    weights = write_consts({name: model.consts[name] for name in names})
    return np.frombuffer(weights, np.uint8), np.frombuffer(write_nodes(nodes).encode(), np.uint8)


def find_device(device: str) -> Target:
    """cv2.dnn's (backend, target) of a device. Raises SegmentationError if this OpenCV does not have it."""
    # cv2.dnn itself only prints a warning for a missing device, and runs on the CPU.
    backend, target = (getattr(cv2.dnn, name, None) for name in DEVICES[device])
    if backend is None or target is None or target not in cv2.dnn.getAvailableTargets(backend):
        needs = {"cuda": "an OpenCV built with CUDA (the pip packages are not) and an NVIDIA driver",
                 "opencl": "an OpenCL driver for this machine"}
        raise SegmentationError(f"OpenCV {cv2.__version__} cannot run on {device} here: it needs "
                                f"{needs[device]}; leave out --device to run on the CPU")
    return backend, target


def build(weights: np.ndarray, text_graph: np.ndarray, target: Target) -> cv2.dnn.Net:
    """A cv2.dnn.Net.

    weights, text_graph: as `written` gives them
    target: (backend, target)

    Raises SegmentationError if this OpenCV reads no TensorFlow graphs.
    """
    if not hasattr(cv2.dnn, "readNetFromTensorflow"):
        raise SegmentationError(f"this OpenCV, {cv2.__version__}, reads no TensorFlow graphs")
    # OpenCV 5 has a new engine, too. It is slower with this network: 3.6 s for 3.0 s at 800x800, 0.37 for 0.28 with the
    # demo graph (medians, on two busy cores), and no nearer to TensorFlow: of 40 detections of a graph of width 0.25
    # both give the boxes within 3e-7, the masks within 3e-7 and the scores within 2e-6.
    classic: dict[str, Any] = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    net = cv2.dnn.readNetFromTensorflow(weights, text_graph, **classic)
    if target[1] != cv2.dnn.DNN_TARGET_CPU:
        net.setPreferableBackend(target[0])
        net.setPreferableTarget(target[1])
    return net


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn an error of OpenCV in the block into a SegmentationError of one sentence. OpenCV prints nothing itself.

    what: the beginning of the sentence
    """
    level = set_log_level(0)
    try:
        yield
    except cv2.error as error:
        text = getattr(error, "err", None) or error
        raise SegmentationError(f"{what}: {' '.join(str(text).split())}") from error
    finally:
        set_log_level(level)
