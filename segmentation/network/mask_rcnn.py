"""Mask R-CNN: a picture in, Instances out.

    net = MaskRCNN.load("mask-rcnn-coco")
    boxes, masks = net.forward(image)   # (1, 1, N, 7) and (N, 90, 15, 15), the N above the confidence
    found = net(image)                  # the same as Instances, in pixels of the image
"""

import cv2
import numpy as np

from segmentation.instances import decode
from segmentation.network.engines import load_engine
from segmentation.network.model import read_model
from segmentation.network.opencv_engine import plain_errors
from segmentation.network.options import NetworkOptions
from segmentation.network.resizing import OFFICIAL, parse_size, read_resizer, resize
from segmentation.network.selection import select
from segmentation.network.text_graph import value_of
from segmentation.network.weights import MODEL_FOLDER, find_model, read_colors


class MaskRCNN:
    """The network, loaded. One per process: a cv2.dnn.Net is not safe to share between threads."""

    def __init__(self, engine, files, labels, options):
        """engine: see engines.py; files: the ModelFiles that it comes from; labels: names by class."""
        self.engine, self.files, self.labels, self.options = engine, files, labels, options
        self.colors = read_colors(files.colors)  # the model folder's (B, G, R)
        self.size = parse_size(options.size)
        self.resizer = read_resizer(files.config) if files.config and self.size == "keep" else OFFICIAL
        self.selection = select(labels, options)

    @classmethod
    def load(cls, model_dir=MODEL_FOLDER, weights=None, **options):
        """The network of a model folder, ready to run.

        model_dir: a folder as segmentation/network/weights.py describes; missing weights are fetched into it. Where
            they cannot be, the demo graph in it is used, and two lines on stderr say so
        weights: a frozen graph, the official archive or a folder to take instead; files that a graph carries
            beside it are used too
        options: the fields of NetworkOptions, such as confidence=0.7

        Raises SegmentationError where a file of the model is missing or wrong or the engine or its device is
        not there; ValueError for an option outside its range.
        """
        return cls.of_files(lambda: find_model(model_dir, weights), NetworkOptions(**options))

    @classmethod
    def of_files(cls, find_files, options):
        """As `load`, from NetworkOptions and the ModelFiles that find_files() gives, called once an engine is there."""
        build_engine = load_engine(options.engine, options.device, options.precision)
        files = find_files()
        model = read_model(files)
        proposals = options.proposals or int(value_of(model.text_graph, "detection_out", "keep_top_k"))
        return cls(build_engine(model, options.confidence, proposals), files, model.labels, options)

    def __call__(self, image):
        """The Instances in a picture, BGR uint8 (H, W, 3)."""
        return self.decode(*self.forward(image), image.shape[:2])

    def decode(self, boxes, masks, image_hw):
        """The Instances that the outputs of `forward` say, in a picture of that height and width."""
        options = self.options
        return decode(boxes, masks, image_hw, options.confidence, options.threshold, options.interpolation)

    def forward(self, image):
        """The raw outputs for the N detections that are wanted, best first.

        image: BGR uint8 (H, W, 3)
        boxes: (1, 1, N, 7) float32, rows (0, class, score, x0, y0, x1, y1), the box in 0..1
        masks: (N, 90, 15, 15) float32, probabilities; of row i only masks[i, class_i] means anything (a graph
            of one's own may have another number of classes)

        Raises ValueError where the image is of another kind, SegmentationError where the engine fails.
        """
        check_image(image)
        with plain_errors(f"the network failed on a picture of {image.shape[1]}x{image.shape[0]} pixels"):
            blob = cv2.dnn.blobFromImage(resize(image, self.size, self.resizer), swapRB=True)
            boxes, features = self.engine.boxes(blob)
            boxes = boxes[:, :, self.selection.keep(boxes, image.shape[:2])]
            if not boxes.size:
                return boxes, np.empty((0, len(self.labels), 15, 15), np.float32)
            return boxes, self.engine.masks(features, boxes)


def check_image(image):
    """Raise ValueError where a picture is not BGR uint8 (H, W, 3)."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {image.dtype} {image.shape}")
