"""MaskRCNN: takes an image, gives Instances.

    net = MaskRCNN.load("mask-rcnn-coco")
    boxes, masks = net.forward(image)   # (1, 1, N, 7) and (N, 90, 15, 15): the N detections above the confidence
    found = net(image)                  # the same as Instances, in pixels of the image
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Callable, Optional, TypeVar

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import AnyPath
from segmentation.instances import Instances, decode
from segmentation.network.auto import choose
from segmentation.network.cost import InputCost
from segmentation.network.engines import AUTO, Engine, EngineBuilder, load_engine
from segmentation.network.graph_check import BOXES
from segmentation.network.made import Made, demo_warning
from segmentation.network.model import Model, read_model
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.opencv_engine import plain_errors
from segmentation.network.options import NetworkOptions
from segmentation.network.published import DEFAULT, PUBLISHED
from segmentation.network.resizing import OFFICIAL, input_size, parse_size, read_resizer, resize
from segmentation.network.selection import Selection, select, warn_of_unknown
from segmentation.network.tiles import Pieces, Tile, cut, join, merge, placed, tile_size
from segmentation.network.weights import MODEL_FOLDER, ModelFiles, find_model, read_colors

Net = TypeVar("Net", bound="MaskRCNN")


class MaskRCNN:
    """A loaded network. Use one for each process: threads must not share a cv2.dnn.Net.

    engine: what runs it
    files: the ModelFiles that it was loaded from
    labels: the names of the classes, by class number from 0
    colors: the model folder's colours, (B, G, R) each, 0..255
    options: the NetworkOptions
    """

    def __init__(self, engine: Engine, files: ModelFiles, model: Model, options: NetworkOptions) -> None:
        self.engine, self.files, self.labels, self.options = engine, files, model.labels, options
        self.make_made = made_later(model, files, options)
        self.colors = read_colors(files.colors)
        self.size = parse_size(options.size)
        own = model.resizer or OFFICIAL
        self.resizer = read_resizer(files.config) if files.config and self.size == "keep" else own
        self.mask_side, self.clips = model.mask_side, not model.nodes[BOXES].one("clip")
        self.selection = select(self.labels, options)
        warn_of_unknown(options, self.labels, model.known)
        self.cost = InputCost(files.config, options.engine, own)

    @classmethod
    def load(cls: type[Net], model_dir: AnyPath = MODEL_FOLDER, weights: Optional[AnyPath] = None, *,
             model: str = DEFAULT, demo: bool = True, **options: Any) -> Net:
        """The network of a model folder, ready to run.

        model_dir: a folder as segmentation/network/weights.py describes it. Missing weights are downloaded. If that
            fails, the demo graph of the folder is used, and two lines on stderr say so
        weights: a frozen graph, the official archive, or a folder that holds one of them, to use instead. Files
            that a graph has beside it are used too. "official": the official weights, whose download is tried again
        model: which of the published models it is, if no weights are named, such as "resnet50"
        demo: whether the demo graph may be used
        options: the fields of NetworkOptions, such as confidence=0.7

        Raises SegmentationError if a file of the model is missing or wrong, or if the engine or its device is
        missing; ValueError if an option is outside its range.
        """
        if model not in PUBLISHED:
            raise ValueError(f"model must be {', '.join(PUBLISHED)}, got {model}")
        return cls.of_files(lambda: find_model(model_dir, weights, demo, model), NetworkOptions(**options))

    @classmethod
    def of_files(cls: type[Net], find_files: Callable[[], ModelFiles], options: NetworkOptions,
                 photos: Sequence[str] = ()) -> Net:
        """As `load`, from NetworkOptions and a function that finds the files. It is called after the engine was found.

        So nothing is downloaded for an engine that is missing.

        photos: what int8 is calibrated on if the options name no pictures
        """
        build_engine = None if options.engine == AUTO else find_engine(options, photos)
        files = find_files()
        model = read_model(files)
        if build_engine is None:
            options = choose(options, model, photos)
            build_engine = find_engine(options, photos)
        engine = build_engine(model, options.confidence, options.proposals or model.proposals)
        return cls(engine, files, model, options)

    @cached_property
    def made(self) -> Made:
        """What its results say of it. The hash of the weights is waited for where it is needed, and not before."""
        return self.make_made()

    def __call__(self, image: np.ndarray) -> Instances:
        """The Instances in an image, BGR uint8 (H, W, 3)."""
        boxes, masks = self.forward(image)
        return self.decode(boxes, masks, (image.shape[0], image.shape[1]))

    def decode(self, boxes: np.ndarray, masks: np.ndarray, image_hw: tuple[int, int]) -> Instances:
        """The outputs of `forward` as Instances, for an image of that height and width."""
        options = self.options
        return decode(boxes, masks, image_hw, options.confidence, options.threshold, options.interpolation)

    def forward(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(boxes, masks): the raw outputs for the N wanted detections, best first.

        image: BGR uint8 (H, W, 3)
        boxes: float32 (1, 1, N, 7), rows (0, class, score, x0, y0, x1, y1), the box in 0..1
        masks: float32 (N, 90, 15, 15), probabilities. Of row i only masks[i, class_i] has a meaning. (Other graphs
            have other numbers of classes and cells.)

        Raises ValueError if the image is of another kind, SegmentationError if the engine fails or gives numbers that
        are not finite.
        """
        check_image(image)
        image_hw = image.shape[0], image.shape[1]
        if self.options.tiles is None:
            return self.look(image, self.selection)
        any_area = replace(self.selection, min_area=0, min_share=0)  # a piece may be smaller than its object
        own_wh = input_size(image_hw, self.size, self.resizer)
        tiles = cut(image_hw, tile_size(self.options.tiles, image_hw, own_wh))
        looks = dict.fromkeys([Tile(0, 0, image_hw[1], image_hw[0]), *tiles])
        rows, masks = merge(join(self.pieces(image, tile, any_area) for tile in looks))
        keep = self.selection.keep(rows[None, None], image_hw)
        boxes, own = rows[None, None, keep], masks[keep]
        every = np.zeros((len(own), len(self.labels), self.mask_side, self.mask_side), np.float32)
        every[range(len(own)), boxes[0, 0, :, 1].astype(int)] = own
        return boxes, every

    def pieces(self, image: np.ndarray, tile: Tile, selection: Selection) -> Pieces:
        """What the network finds in a tile of an image."""
        boxes, masks = self.look(np.ascontiguousarray(image[tile.rows, tile.columns]), selection)
        rows = boxes[0, 0]
        return placed(rows, masks[range(len(rows)), rows[:, 1].astype(int)], tile, (image.shape[0], image.shape[1]))

    def look(self, image: np.ndarray, selection: Selection) -> tuple[np.ndarray, np.ndarray]:
        """As `forward`, of the image as it is, for the detections of a Selection."""
        image_hw = image.shape[0], image.shape[1]
        self.cost.check(self.size, image_hw)
        with plain_errors(f"the network failed on a picture of {image.shape[1]}x{image.shape[0]} pixels"):
            blob = cv2.dnn.blobFromImage(resize(image, self.size, self.resizer, self.options.resizing), swapRB=True)
            boxes, features = self.engine.boxes(blob)
            self.check_finite(boxes)
            if self.clips:
                boxes = clipped(boxes)
            boxes = boxes[:, :, selection.keep(boxes, image_hw)]
            if not boxes.size:
                return boxes, np.empty((0, len(self.labels), self.mask_side, self.mask_side), np.float32)
            masks = self.engine.masks(features, boxes)
            self.check_finite(masks[range(len(masks)), boxes[0, 0, :, 1].astype(int)])
            return boxes, masks

    def check_finite(self, values: np.ndarray) -> None:
        """Raise SegmentationError if values are not finite. Broken weights can do that: their numbers overflow."""
        if not np.isfinite(values).all():
            raise SegmentationError(f"the network of {self.files.weights} gives numbers that are not finite: its "
                                    "weights are broken, so take the file anew")


def find_engine(options: NetworkOptions, photos: Sequence[str]) -> EngineBuilder:
    """The builder of the engine that the options name. photos: as of MaskRCNN.of_files"""
    calibration = Calibration(options.calibrate, tuple(photos), options.size)
    return load_engine(options.engine, options.device, options.precision, calibration)


def clipped(boxes: np.ndarray) -> np.ndarray:
    """Rows (1, 1, N, 7) with their boxes clipped to 0..1, without those that have no area then."""
    low, high = np.clip(boxes[..., 3:5], 0, 1), np.clip(boxes[..., 5:], 0, 1)
    rows = np.concatenate([boxes[..., :3], low, high], axis=-1)
    return rows[:, :, (high > low).all(-1)[0, 0]]


def made_later(model: Model, files: ModelFiles, options: NetworkOptions) -> Callable[[], Made]:
    """A function that gives what the results of a network say of it. It keeps the hash of the model, not the model."""
    engine = f"{options.engine}, {options.device}, {options.precision}"
    demo, digest = demo_warning(model.known, model.labels) if files.demo_because else "", model.digest
    return lambda: Made(files.name, digest.result(), engine, options.size, options.confidence, demo, options.resizing)


def check_image(image: object) -> None:
    """Raise ValueError if the image is not BGR uint8 (H, W, 3)."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"image must be a BGR uint8 array (H, W, 3), got {image.dtype} {image.shape}")
