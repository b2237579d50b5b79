"""Read the files of a model (weights, text graph, class names) and check that they fit each other.

A wrong file can crash cv2.dnn. So every file is checked here before an engine gets it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segmentation import SegmentationError
from segmentation.files import read_text, reason
from segmentation.network.frozen_graph import read_consts
from segmentation.network.text_graph import inputs, split_nodes, trunk_output, value_of
from segmentation.network.weights import ModelFiles, read_labels
from segmentation.terminal import warn

# Names of nodes in the text graph.
IMAGE, BOXES, MASKS = "image_tensor", "detection_out_final", "detection_masks"
# Names that only the ONNX model has: the trunk's output (in text graphs its name depends on the architecture), and the
# boxes of the detections in cells of that output.
FEATURES, MASK_BOXES = "features", "CropAndResize_1/boxes"
OFFICIAL_CLASSES = 90
CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"      # (classes + 1,), background first
BOX_BIASES = "SecondStageBoxPredictor/BoxEncodingPredictor/biases"  # (classes * 4,)


class Model(NamedTuple):
    """What an engine is built from.

    weights, text_graph_path: the files that were read
    buffer: the bytes of the frozen graph, uint8 (size,)
    consts: the constants of the frozen graph, name -> array
    text_graph: the text of the text graph
    features: the name of the trunk's last node in the text graph
    labels: the names of the classes, by class number from 0
    """

    weights: Path
    text_graph_path: Path
    buffer: np.ndarray
    consts: dict[str, np.ndarray]
    text_graph: str
    features: str
    labels: tuple[str, ...]


def read_model(files: ModelFiles) -> Model:
    """The Model of ModelFiles (segmentation/network/weights.py). If it is the demo, two lines on stderr say so.

    Raises SegmentationError if a file is wrong or does not fit the others.
    """
    text_graph = read_text_graph(files.text_graph)
    buffer, consts = read_weights(files.weights, text_graph, files.text_graph)
    labels = find_labels(files, text_graph, consts)
    if files.demo_because:
        say_demo(files, known_classes(consts, labels))
    return Model(files.weights, files.text_graph, buffer, consts, text_graph, trunk_output(text_graph), labels)


def read_text_graph(path: Path) -> str:
    """The text of a text graph. Raises SegmentationError with the path if it belongs to another kind of model."""
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


def read_weights(path: Path, text_graph: str, text_graph_path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(the bytes of a frozen graph as uint8 (size,), its constants). They are safe for cv2.dnn.

    Raises SegmentationError if the file is no frozen graph, or a constant that the text graph names is missing: that
    can crash cv2.dnn.
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


def find_labels(files: ModelFiles, text_graph: str, consts: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The names of the classes, by class number from 0.

    Raises SegmentationError if the weights, the text graph and the names differ in the number of classes. Then objects
    would get wrong names, or cv2.dnn would read beyond its arrays.
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


def known_classes(consts: Mapping[str, np.ndarray], labels: Sequence[str]) -> list[str]:
    """The names of the classes that the weights have seen in training.

    The four box biases of a class start at 0 and change only with objects of that class. So a class without objects
    still has zeros. (This holds for graphs of segmentation/training that were not fine-tuned from another graph.)
    """
    moved = np.any(consts[BOX_BIASES].reshape(-1, 4), axis=1).tolist()
    return [label for label, known in zip(labels, moved) if known]


def say_demo(files: ModelFiles, names: Sequence[str]) -> None:
    """Print two lines on stderr: this is the demo and knows these classes; how to get the official weights."""
    warn(f"[WARNING] this is not the COCO network but a small one for a first look, {files.weights.name}, which "
         f"knows: {', '.join(names)}\n[WARNING] {files.demo_because}")
