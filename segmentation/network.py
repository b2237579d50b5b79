"""Mask R-CNN on cv2.dnn: a picture in, Instances out.

    net = MaskRCNN.load("mask-rcnn-coco")
    boxes, masks = net.forward(image)   # (1, 1, N, 7) and (N, 90, 15, 15), the N above the confidence
    found = net(image)                  # the same as Instances, in pixels of the image

The frozen graph runs as two networks. The text graph's own mask head works on all 100 rows of boxes,
padding included, which is two thirds of the whole computation, while a photo shows 3 to 10 objects. So
the first network ends with the boxes, and the second runs the mask head on those worth keeping.
"""

import sys
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import read_text, reason
from segmentation.frozen_graph import read_consts
from segmentation.instances import decode
from segmentation.resizing import OFFICIAL, parse_size, read_resizer, resize
from segmentation.text_graph import cut, inputs, set_value, split_nodes, value_of
from segmentation.weights import find_model, read_colors, read_labels

BOXES, MASKS = "detection_out_final", "detection_masks"
# The trunk's last layer: what both heads crop their RoIs from.
FEATURES = "FirstStageFeatureExtractor/InceptionV2/InceptionV2/Mixed_4e/concat"
# The second network's inputs; the sizes that vary are -1.
MASK_HEAD_INPUTS = {FEATURES: (-1, -1, -1, -1), BOXES: (1, 1, -1, 7)}
TEXT_GRAPH_CONFIDENCE = 0.3
PROPOSALS = (10, 300)  # the fewest and the most that may be asked for
OFFICIAL_CLASSES = 90
CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"      # (classes + 1,), background first
BOX_BIASES = "SecondStageBoxPredictor/BoxEncodingPredictor/biases"  # (classes * 4,)
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


class MaskRCNN:
    """The network, loaded. One per process: a cv2.dnn.Net is not safe to share between threads."""

    def __init__(self, build_box_net, mask_head, weights, labels, colors, size, resizer, confidence, device):
        self.build_box_net, self.box_net, self.shapes = build_box_net, build_box_net(), set()
        self.mask_head, self.weights = mask_head, weights  # the path that they come from
        self.labels, self.colors = labels, colors  # names by class; the model folder's (B, G, R)
        self.size, self.resizer = size, resizer
        self.confidence, self.device = confidence, device

    @classmethod
    def load(cls, model_dir, weights=None, size="keep", confidence=0.5, proposals=100, device="cpu"):
        """The network of a model folder, ready to run.

        model_dir: a folder as segmentation/weights.py describes; missing weights are fetched into it. Where
            they cannot be, the demo graph in it is used, and two lines on stderr say so
        weights: a frozen graph, the official archive or a folder to take instead; files that a graph carries
            beside it are used too
        size: what the network sees: "keep" (the model's own rule; the official one: the short side brought to
            800, the long side at most 1365), "raw" (the picture as it is), or (width, height) or "WxH"
        confidence: detections score more than this, 0..1
        proposals: RoIs that the second stage looks at, 10..300; fewer is faster
        device: "cpu", "opencl" or "cuda"

        Raises SegmentationError where a file of the model is missing or wrong or this OpenCV has not got
        the device; ValueError for an argument outside its range.
        """
        size = parse_size(size)
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be 0 to 1, got {confidence}")
        if not PROPOSALS[0] <= proposals <= PROPOSALS[1]:
            raise ValueError(f"proposals must be {PROPOSALS[0]} to {PROPOSALS[1]}, got {proposals}")
        target = find_device(device)
        files = find_model(model_dir, weights)
        colors, text_graph = read_colors(files.colors), read_text_graph(files.text_graph)
        resizer = read_resizer(files.config) if files.config and size == "keep" else OFFICIAL
        text_graph = set_value(text_graph, "detection_out", "keep_top_k", proposals)
        if confidence < TEXT_GRAPH_CONFIDENCE:
            text_graph = set_value(text_graph, BOXES, "confidence_threshold", confidence)
        buffer, consts = read_weights(files.weights, text_graph, files.text_graph)
        labels = find_labels(files, text_graph, consts)
        if files.demo_because:
            say_demo(files, known_classes(consts, labels))
        with plain_errors(f"cannot build the network from {files.weights} and {files.text_graph}"):
            box_graph = cut(text_graph, [BOXES, FEATURES])
            build_box_net = partial(build, buffer, box_graph, [BOXES, FEATURES], target)
            mask_head = build(buffer, cut(text_graph, [MASKS], MASK_HEAD_INPUTS), [MASKS], target)
            return cls(build_box_net, mask_head, files.weights, labels, colors, size, resizer, confidence, device)

    def __call__(self, image):
        """The Instances in a picture, BGR uint8 (H, W, 3)."""
        return decode(*self.forward(image), image.shape[:2], self.confidence)

    def forward(self, image):
        """The raw outputs for the N detections above the confidence, best first.

        image: BGR uint8 (H, W, 3)
        boxes: (1, 1, N, 7) float32, rows (0, class, score, x0, y0, x1, y1), the box in 0..1
        masks: (N, 90, 15, 15) float32, probabilities; of row i only masks[i, class_i] means anything (a graph
            of one's own may have another number of classes)

        Raises ValueError where the image is of another kind, SegmentationError where cv2.dnn fails.
        """
        check_image(image)
        with plain_errors(f"the network failed on a picture of {image.shape[1]}x{image.shape[0]} pixels"):
            blob = cv2.dnn.blobFromImage(resize(image, self.size, self.resizer), swapRB=True)
            boxes, features = self.propose(blob)
            boxes = boxes[:, :, boxes[0, 0, :, 2] > self.confidence]
            if not boxes.size:
                return boxes, np.empty((0, len(self.labels), 15, 15), np.float32)
            self.mask_head.setInput(features, FEATURES)
            self.mask_head.setInput(boxes, BOXES)
            # A copy, since the next forward writes its masks into the same memory.
            return boxes, self.mask_head.forward(MASKS).copy()

    def propose(self, blob):
        """(boxes, features) of the first network for a blob (1, 3, H, W), RGB floats 0..255."""
        self.shapes.add(blob.shape)
        if len(self.shapes) > 1 and min(blob.shape[2:]) < PADDING_STAYS_BELOW:
            self.box_net, self.shapes = self.build_box_net(), {blob.shape}
        self.box_net.setInput(blob)
        return self.box_net.forward([BOXES, FEATURES])


def check_image(image):
    """Raise ValueError where a picture is not BGR uint8 (H, W, 3)."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {image.dtype} {image.shape}")


def find_device(device):
    """cv2.dnn's (backend, target) of a device; SegmentationError where this OpenCV has not got it."""
    if device not in DEVICES:
        raise ValueError(f"device must be {', '.join(DEVICES)}, got {device}")
    # Asked for what it has not got, cv2.dnn only warns and runs on the CPU.
    backend, target = (getattr(cv2.dnn, name, None) for name in DEVICES[device])
    if backend is None or target is None or target not in cv2.dnn.getAvailableTargets(backend):
        needs = {"cuda": "an OpenCV built with CUDA (the pip packages are not) and an NVIDIA driver",
                 "opencl": "an OpenCL driver for this machine"}
        raise SegmentationError(f"OpenCV {cv2.__version__} cannot run on {device} here: it needs "
                                f"{needs[device]}; leave out --device to run on the CPU")
    return backend, target


def read_text_graph(path):
    """The text graph's text; SegmentationError naming the file where it is of another model."""
    text = read_text(path)
    try:
        nodes = split_nodes(text)
    except SegmentationError as error:
        raise SegmentationError(f"{path} is no text graph of this model: {error}") from error
    for name in (FEATURES, "detection_out", BOXES, MASKS):
        if name not in nodes:
            raise SegmentationError(f"{path} is no text graph of this model, or is cut off: it has no node "
                                    f"{name}; take the file from this project's mask-rcnn-coco")
    return text


def read_weights(path, text_graph, text_graph_path):
    """A frozen graph's bytes as uint8 (size,), and its constants, once it is sure that cv2.dnn can take them.

    cv2.dnn itself may die of a wrong file, so every constant that the text graph names must be there.
    """
    try:
        buffer = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    if bytes(buffer[:64]).lstrip()[:1] == b"<":
        raise SegmentationError(f"{path} is a web page, not a frozen graph: download it again")
    try:
        consts = read_consts(buffer)
    except SegmentationError as error:
        raise SegmentationError(f"{path} is not usable: {error}; name a frozen_inference_graph.pb (not "
                                "saved_model.pb)") from error
    nodes = split_nodes(text_graph)
    needed = [name for node in nodes.values() for name in inputs(node) if name not in nodes]
    missing = [name for name in needed if name not in consts]
    if missing:
        raise SegmentationError(f"{path} does not hold the weights of {text_graph_path}: {len(missing)} of "
                                f"its {len(needed)} constants are missing, first of them {missing[0]}; name "
                                "the weights of this model")
    return buffer, consts


def find_labels(files, text_graph, consts):
    """The names of the classes, as many as both the weights and the text graph have.

    Raises SegmentationError where these three do not agree: objects would get their neighbours' names, or
    cv2.dnn would read past its arrays.
    """
    count, expected = consts[CLASS_BIASES].size - 1, value_of(text_graph, BOXES, "num_classes")
    text_graph_path, labels_path = (files.weights.with_suffix(suffix) for suffix in (".pbtxt", ".txt"))
    if count != expected:
        raise SegmentationError(f"{files.weights} has {count} classes, but {files.text_graph} is for "
                                f"{expected:g}: put the text graph made for it beside it as {text_graph_path.name}")
    if count != OFFICIAL_CLASSES and files.labels != labels_path:
        raise SegmentationError(f"{files.weights} has {count} classes without names: put these beside it in "
                                f"{labels_path.name}, one a line")
    return read_labels(files.labels, count)


def known_classes(consts, labels):
    """The names of the classes that the weights have seen in training.

    A class's four box biases start at 0 and move only on its own objects, so those of the others still are 0
    (true of any graph of make/train.py that was not fine-tuned from another).
    """
    moved = consts[BOX_BIASES].reshape(-1, 4).any(axis=1)
    return [label for label, known in zip(labels, moved) if known]


def say_demo(files, names):
    """Two lines on stderr: which network this is not and what it knows, and how to get the official weights."""
    print(f"[WARNING] this is not the COCO network but a small one for a first look, {files.weights.name}, which "
          f"knows drawings of: {', '.join(names)}\n[WARNING] {files.demo_because}", file=sys.stderr, flush=True)


def build(weights, text_graph, outputs, target):
    """A cv2.dnn.Net of a text graph, run on target = (backend, target)."""
    if not hasattr(cv2.dnn, "readNetFromTensorflow"):
        raise SegmentationError(f"OpenCV {cv2.__version__} reads no TensorFlow graphs: install opencv-python "
                                "4.10 to 5.0")
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
