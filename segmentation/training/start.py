"""What a run starts from: the pictures, and the network with its first weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch

from segmentation import SegmentationError
from segmentation.network.weights import LABELS, MODEL_FOLDER, own_file, read_labels
from segmentation.terminal import info
from segmentation.training.architectures import architecture_of
from segmentation.training.checkpoint import Training
from segmentation.training.classes import BOXES, classes_known
from segmentation.training.coco import load_coco
from segmentation.training.dataset import Dataset, joined, repeated, split, without_rare
from segmentation.training.options import TrainOptions
from segmentation.training.pretrained import read_pretrained
from segmentation.training.torch_model import TorchMaskRCNN
from segmentation.training.weights_file import SHIFT, read_consts, shift_masks

BETAS, WEIGHT_DECAY = (0.9, 0.99), 1e-3  # AdamW's
# Weights that have seen millions of photos need smaller steps than new ones: this part of the learning rate. The first
# layers, which --unfreeze trains, say what every photo is made of: they need the smallest.
PRETRAINED_RATE, UNFROZEN_RATE = 0.25, 0.05
DEFAULT_WIDTHS = {"inception_v2": 0.25, "mobilenet_v2": 0.375}
MOST_NAMES = 10  # so many names of classes are in a line


# ---- The pictures ----------------------------------------------------------------------------------------

def load_data(options: TrainOptions) -> tuple[Dataset, Optional[Dataset]]:
    """The Dataset to learn from and the one to measure on; the second is None where no picture is kept for that.

    Raises SegmentationError where the data cannot be used.
    """
    coco_names = read_labels(MODEL_FOLDER / LABELS)
    data = joined([load_coco(annotations, images, coco_names)
                   for annotations, images in zip(options.annotations, options.images)])
    data = without_rare(data, options.fewest) if options.fewest else data
    if options.val_annotations:
        held_out = load_coco(options.val_annotations, options.val_images or options.images[0], coco_names)
        if not held_out.same_classes(data):
            raise SegmentationError(f"{options.val_annotations} must have the categories of "
                                    f"{options.annotations[0]}")
        return more_often(data, options), held_out
    learnt, held_out = split(data, options.holdout)
    if not learnt.has_objects():
        raise SegmentationError(f"--holdout {options.holdout:g} leaves no picture with an object to learn from: "
                                "annotate more, or lower it")
    return more_often(learnt, options), held_out if len(held_out) else None


def more_often(data: Dataset, options: TrainOptions) -> Dataset:
    """The Dataset as --balance asks: pictures of rare classes more often."""
    return repeated(data, options.balance, np.random.default_rng(options.seed)) if options.balance else data


# ---- The network -----------------------------------------------------------------------------------------

def start(options: TrainOptions, data: Dataset) -> Training:
    """A Training at its start: the weights of --init or --pretrained, random ones, or those of the checkpoint.

    Raises SegmentationError where a file does not fit, or where there is a checkpoint and --resume is not given.
    """
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # cuDNN plans every convolution anew for every size, and no two batches have the same sizes. On an H200 a batch of
    # 32 took 5 to 7 s with it and 0.16 to 0.19 s without it.
    torch.backends.cudnn.enabled = False
    layout: Any = {"memory_format": torch.channels_last}  # which torch's type hints lack
    model = make_model(options, data).to(device, **layout)
    training = Training(model, make_optimizer(model, PRETRAINED_RATE if options.pretrained else 1.0), device)
    if options.resume:
        training.load(options.checkpoint)
    elif options.checkpoint.exists():
        raise SegmentationError(f"{options.checkpoint} is of a run that did not end: go on with --resume, "
                                "or delete it to start anew")
    return training


def make_model(options: TrainOptions, data: Dataset) -> TorchMaskRCNN:
    """The network to train, with its first weights."""
    if options.start_graph:
        model = model_of_graph(options.start_graph, options.width, data)
    else:
        architecture = "mobilenet_v2" if options.pretrained else "inception_v2"
        model = new_model(len(data.names), options.width or DEFAULT_WIDTHS[architecture], architecture, data)
        if options.pretrained:
            model.load_consts(read_pretrained(options.pretrained))
    model.first_layers.requires_grad_(options.unfreeze)
    return model


def new_model(num_classes: int, width: float, architecture: str, data: Dataset) -> TorchMaskRCNN:
    """A network with random weights that knows the classes of which the data have objects."""
    model = TorchMaskRCNN(num_classes, width, architecture)
    model.set_known(data.known)
    return model


def model_of_graph(path: str, width: Optional[float], data: Dataset) -> TorchMaskRCNN:
    """The network of the frozen graph of --init, for the classes of the data; width: None for the graph's own."""
    consts = read_consts(path)
    if SHIFT in consts:  # a graph of our own, not one of TensorFlow's
        consts = shift_masks(consts, 0)
    model = new_model(len(data.names), width or width_of(consts, path), architecture_of(consts), data)
    classes = classes_of_graph(consts, path, data.names)
    take_over(model, consts, classes, path)
    known = np.array(classes) >= 0
    model.set_known(known | data.known)
    info(f"starts from {Path(path).name}; of the classes to learn it knows {listed(data, data.known & known)}; "
         f"new to it: {listed(data, data.known & ~known)}")
    return model


def classes_of_graph(consts: Mapping[str, np.ndarray], path: str, names: Sequence[str]) -> list[int]:
    """For each of these classes the class of the same name that a frozen graph knows, -1 if it knows none.

    A graph of 90 classes without names has COCO's. Where there are no names at all, the numbers decide.
    """
    if f"{BOXES}/biases" not in consts:
        return [-1] * len(names)
    known = classes_known(consts)
    beside = own_file(Path(path), ".txt") or (MODEL_FOLDER / LABELS if len(known) == 90 else None)
    labels = read_labels(beside, len(known)) if beside else names if len(names) == len(known) else ()
    numbers = {label: number for number, label in enumerate(labels) if known[number]}
    return [numbers.get(name, -1) for name in names]


def listed(data: Dataset, which: np.ndarray) -> str:
    """The names of those classes, (classes,) bool, or "none"."""
    names = [name for name, wanted in zip(data.names, which) if wanted]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more or "none"


def make_optimizer(model: TorchMaskRCNN, pretrained_rate: float) -> torch.optim.Optimizer:
    """AdamW, without weight decay for biases and normalisation.

    pretrained_rate: trunk and head have this part of the learning rate
    """
    parts = {id(weight): part for part, layers in ((pretrained_rate, model.trunk_layers), (pretrained_rate, model.head),
                                                   (UNFROZEN_RATE, model.first_layers))
             for weight in layers.parameters()}
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for weight in model.parameters():
        if weight.requires_grad:
            groups.setdefault((weight.ndim > 1, parts.get(id(weight), 1.0)), []).append(weight)
    return torch.optim.AdamW([{"params": weights, "weight_decay": WEIGHT_DECAY if matrix else 0.0, "part": part}
                              for (matrix, part), weights in groups.items()], betas=BETAS, fused=True)


def width_of(consts: Mapping[str, np.ndarray], path: str) -> float:
    """The smallest --width that gives the layers of a frozen graph, whose constants are `consts`.

    A layer that has c channels at width 1 has n = int(c * width), but at least 8. So the width is at least n / c for
    every layer with n above 8. Raises SegmentationError where layers are missing.
    """
    with torch.device("meta"):  # shapes without numbers
        full = TorchMaskRCNN(1, 1.0, architecture_of(consts)).tensors()
    channels = {name: len(tensor) for name, (tensor, _) in full.items()
                if name.endswith("/gamma") or name in ("Conv/biases", "SecondStageBoxPredictor/Conv/biases")}
    if not channels.keys() <= consts.keys():
        raise SegmentationError(f"{path} is not the weights of this network: name another file with --init")
    widths = [len(consts[name]) / count for name, count in channels.items() if len(consts[name]) > 8]
    return max(widths, default=8 / max(channels.values())) + 1e-9  # so that int() does not fall below n


def take_over(model: TorchMaskRCNN, consts: Mapping[str, np.ndarray], classes: Sequence[int], path: str) -> None:
    """Load the weights of --init; classes: as of TorchMaskRCNN.load_consts.

    Raises SegmentationError where they do not fit.
    """
    left = model.load_consts(consts, classes)
    if left:
        raise SegmentationError(f"{path} does not fit a network of width {model.width:g}: {left[0]} is missing or of "
                                "another shape; leave out --width to take that of the file, or start from random "
                                "weights with --init scratch")
