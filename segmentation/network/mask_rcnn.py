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
from segmentation.network.resizing import OFFICIAL, parse_size, read_resizer, resize
from segmentation.network.selection import select
from segmentation.network.text_graph import value_of
from segmentation.network.weights import find_model, read_colors

PROPOSALS = (10, 300)  # the fewest and the most that may be asked for


class MaskRCNN:
    """The network, loaded. One per process: a cv2.dnn.Net is not safe to share between threads."""

    def __init__(self, engine, weights, labels, colors, size, resizer, selection):
        self.engine, self.weights = engine, weights  # segmentation/network/engines.py; the path they come from
        self.labels, self.colors = labels, colors    # names by class; the model folder's (B, G, R)
        self.size, self.resizer = size, resizer
        self.selection = selection  # which detections count

    @classmethod
    def load(cls, model_dir, weights=None, size="keep", confidence=0.5, proposals=None, engine="opencv",
             device="cpu", precision="fp32", classes=None, exclude=(), min_area="0"):
        """The network of a model folder, ready to run.

        model_dir: a folder as segmentation/network/weights.py describes; missing weights are fetched into it. Where
            they cannot be, the demo graph in it is used, and two lines on stderr say so
        weights: a frozen graph, the official archive or a folder to take instead; files that a graph carries
            beside it are used too
        size: what the network sees: "keep" (the model's own rule; the official one: the short side brought to
            800, the long side at most 1365), "raw" (the picture as it is), or (width, height) or "WxH"
        confidence: detections score more than this, 0..1
        proposals: RoIs that the second stage looks at, 10..300; fewer is faster. None: the model's own number
        engine, device, precision: what runs it: see segmentation/network/engines.py
        classes, exclude: names (or COCO's numbers) of the only classes, or of those not to be looked for
        min_area: the smallest box, in pixels of the picture or, as "0.5%", as a part of it

        Raises SegmentationError where a file of the model is missing or wrong or the engine or its device is
        not there; ValueError for an argument outside its range.
        """
        return cls.of_files(lambda: find_model(model_dir, weights), size, confidence, proposals, engine, device,
                            precision, classes, exclude, min_area)

    @classmethod
    def of_files(cls, find_files, size="keep", confidence=0.5, proposals=None, engine="opencv", device="cpu",
                 precision="fp32", classes=None, exclude=(), min_area="0"):
        """As `load`, from the ModelFiles that find_files() gives, asked for once the other arguments are right."""
        size = parse_size(size)
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be 0 to 1, got {confidence}")
        if proposals is not None and not PROPOSALS[0] <= proposals <= PROPOSALS[1]:
            raise ValueError(f"proposals must be {PROPOSALS[0]} to {PROPOSALS[1]}, got {proposals}")
        build_engine = load_engine(engine, device, precision)
        files = find_files()
        colors = read_colors(files.colors)
        resizer = read_resizer(files.config) if files.config and size == "keep" else OFFICIAL
        model = read_model(files)
        selection = select(model.labels, confidence, classes, exclude, min_area)
        proposals = proposals or int(value_of(model.text_graph, "detection_out", "keep_top_k"))
        return cls(build_engine(model, confidence, proposals), files.weights, model.labels, colors, size, resizer,
                   selection)

    def __call__(self, image):
        """The Instances in a picture, BGR uint8 (H, W, 3)."""
        return decode(*self.forward(image), image.shape[:2], self.selection.confidence)

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
