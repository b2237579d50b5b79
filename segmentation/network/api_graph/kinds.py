"""Names what a file is that is no frozen Mask R-CNN of TensorFlow's Object Detection API, and says what to do."""

from collections.abc import Collection
from typing import Optional

WANTED = "name the frozen_inference_graph.pb of a Mask R-CNN of TensorFlow's Object Detection API with --weights"
# What a file begins with -> what it is.
BEGINNINGS = {
    b"\x89HDF": "a Keras file (.h5): this program runs frozen graphs of TensorFlow's Object Detection API, no network "
                "of Keras or of matterport's Mask_RCNN",
    b"PK\x03\x04": "a zip archive (.keras, .pt or .zip): unpack it, or",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"TFL3": "a TensorFlow Lite file",
    b"\x08\x01\x12": "a saved_model.pb or another file of a newer form",
}
SECOND_STAGE, MASKS = "SecondStageBoxPredictor/ClassPredictor/", "SecondStageBoxPredictor/Conv"
# Names that only graphs of one kind have -> what it is.
NAMES = {
    "mrcnn_": "matterport's Mask_RCNN, a network of Keras with other layers",
    "FeatureExtractor/MobilenetV": "an SSD: it finds boxes but no masks",
    "BoxPredictor_0": "an SSD: it finds boxes but no masks",
    "WeightSharedConvolutionalBoxPredictor": "an SSD: it finds boxes but no masks",
    "StatefulPartitionedCall": "a graph of TensorFlow 2, whose layers are named otherwise",
}


def kind_of_file(start: bytes) -> Optional[str]:
    """What a file is by its first bytes. None if it may be a frozen graph.

    >>> kind_of_file(b"\\x1f\\x8b\\x08")
    'a gzip file: unpack it first'
    """
    if start[4:8] == b"TFL3":
        return BEGINNINGS[b"TFL3"]
    return next((kind for beginning, kind in BEGINNINGS.items() if start.startswith(beginning)), None)


def kind_of_graph(names: Collection[str]) -> Optional[str]:
    """What a graph is by the names of its nodes. None if nothing is known of them.

    >>> kind_of_graph(["image_tensor", "BoxPredictor_0/ClassPredictor/biases"])
    'an SSD: it finds boxes but no masks'
    """
    if any(name.startswith(SECOND_STAGE) for name in names) and not any(name.startswith(MASKS) for name in names):
        return "a Faster R-CNN: it finds boxes but no masks"
    return next((kind for part, kind in NAMES.items() if any(part in name for name in names)), None)
