"""A model as its files say it: weights, text graph and names, checked against each other.

cv2.dnn may die of a file that does not fit, so nothing reaches an engine that has not been looked at here.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from segmentation import SegmentationError
from segmentation.files import read_text, reason
from segmentation.network.frozen_graph import read_consts
from segmentation.network.text_graph import inputs, split_nodes, trunk_output, value_of
from segmentation.network.weights import read_labels
from segmentation.terminal import warn

# Nodes of the text graph.
IMAGE, BOXES, MASKS = "image_tensor", "detection_out_final", "detection_masks"
# In the ONNX model alone: the trunk's output, which has another name in each architecture's text graph, and the boxes
# of the detections in its cells.
FEATURES, MASK_BOXES = "features", "CropAndResize_1/boxes"
OFFICIAL_CLASSES = 90
CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"      # (classes + 1,), background first
BOX_BIASES = "SecondStageBoxPredictor/BoxEncodingPredictor/biases"  # (classes * 4,)


class Model(NamedTuple):
    """What an engine is built from.

    weights, text_graph_path: where they were read from
    buffer: the frozen graph's bytes, uint8 (size,); consts: its constants, name -> array
    text_graph: its text; features: its node of the trunk's output; labels: the names of the classes, from 0
    """

    weights: Path
    text_graph_path: Path
    buffer: np.ndarray
    consts: dict
    text_graph: str
    features: str
    labels: tuple


def read_model(files):
    """The Model of segmentation/network/weights.py's ModelFiles; says so on stderr where it is the demo.

    Raises SegmentationError where a file is not what it should be or does not fit the others.
    """
    text_graph = read_text_graph(files.text_graph)
    buffer, consts = read_weights(files.weights, text_graph, files.text_graph)
    labels = find_labels(files, text_graph, consts)
    if files.demo_because:
        say_demo(files, known_classes(consts, labels))
    return Model(files.weights, files.text_graph, buffer, consts, text_graph, trunk_output(text_graph), labels)


def read_text_graph(path):
    """The text graph's text; SegmentationError naming the file where it is of another model."""
    text = read_text(path)
    try:
        nodes = split_nodes(text)
    except SegmentationError as error:
        raise SegmentationError(f"{path} is no text graph of this model: {error}") from error
    for name in ("CropAndResize", "detection_out", BOXES, MASKS):
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
                                "the weights of this model, or put the text graph made for these beside them as "
                                f"{path.with_suffix('.pbtxt').name}")
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
    (true of any graph of segmentation/training/train.py that was not fine-tuned from another).
    """
    moved = consts[BOX_BIASES].reshape(-1, 4).any(axis=1)
    return [label for label, known in zip(labels, moved) if known]


def say_demo(files, names):
    """Two lines on stderr: which network this is not and what it knows, and how to get the official weights."""
    warn(f"[WARNING] this is not the COCO network but a small one for a first look, {files.weights.name}, which "
         f"knows: {', '.join(names)}\n[WARNING] {files.demo_because}")
