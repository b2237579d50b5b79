"""What a run starts from: the pictures, and the network with its first weights."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

import numpy as np
import torch

from segmentation import SegmentationError
from segmentation.network.weights import LABELS, MODEL_FOLDER, read_labels
from segmentation.terminal import info
from segmentation.training.architectures import architecture_of
from segmentation.training.checkpoint import Training
from segmentation.training.classes import classes_known
from segmentation.training.coco import load_coco
from segmentation.training.dataset import Dataset, joined, repeated, without_rare
from segmentation.training.options import TrainOptions
from segmentation.training.pretrained import read_pretrained
from segmentation.training.torch_model import TorchMaskRCNN
from segmentation.training.weights_file import SHIFT, read_consts, shift_masks

BETAS, WEIGHT_DECAY = (0.9, 0.99), 1e-3  # AdamW's
# Weights that have seen millions of photos need smaller steps than new ones: this part of the learning rate. The first
# layers, which --unfreeze trains, say what every photo is made of: they need the smallest.
PRETRAINED_RATE, UNFROZEN_RATE = 0.25, 0.05
DEFAULT_WIDTHS = {"inception_v2": 0.25, "mobilenet_v2": 0.375}
# The layers whose shape depends on the number of classes.
CLASS_LAYERS = tuple(f"SecondStageBoxPredictor/{layer}/"
                     for layer in ("ClassPredictor", "BoxEncodingPredictor", "Conv_1"))


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
    order = np.random.default_rng(options.seed).permutation(len(data))
    count = round(options.holdout * len(data))
    pictures = [data.pictures[i] for i in order]
    learnt = replace(data, pictures=pictures[count:])
    if not learnt.has_objects():
        raise SegmentationError(f"--holdout {options.holdout:g} leaves no picture with an object to learn from")
    return more_often(learnt, options), replace(data, pictures=pictures[:count]) if count else None


def more_often(data: Dataset, options: TrainOptions) -> Dataset:
    """The Dataset as --balance asks: pictures of rare classes more often."""
    return repeated(data, options.balance, np.random.default_rng(options.seed)) if options.balance else data


# ---- The network -----------------------------------------------------------------------------------------

def start(options: TrainOptions, data: Dataset) -> Training:
    """A Training at its start: random weights, or those of --pretrained or --init, or those of the checkpoint.

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
    if options.init:
        model = model_of_graph(options.init, options.width, data)
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
    take_over(model, consts, path)
    if len(classes_known(consts)) == len(data.names):
        model.set_known(classes_known(consts) | data.known)
    return model


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


def take_over(model: TorchMaskRCNN, consts: Mapping[str, np.ndarray], path: str) -> None:
    """Load the weights of --init; a line names the layers that start fresh because the classes differ.

    Raises SegmentationError where another layer does not fit.
    """
    left = model.load_consts(consts)
    body = [name for name in left if not name.startswith(CLASS_LAYERS)]
    if body:
        raise SegmentationError(f"{path} does not fit a network of width {model.width:g}: {body[0]} is "
                                "missing or of another shape; leave out --width to take that of the file")
    if left:
        layers = sorted({name.rsplit("/", 1)[0] for name in left})
        info(f"start fresh, as the number of classes differs: {', '.join(layers)}")
