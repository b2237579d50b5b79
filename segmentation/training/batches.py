"""Batches of pictures for training, and the order in which they come.

    for numbers in shuffled_batches(data, 8, seed=0, epoch=0):
        batch = make_batch(data, numbers, Resizer(353, 609), rng)

All pictures of a batch are brought to one size; samples.py says what happens to each.
"""

from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch

from segmentation.network.resizing import STRIDE, Resizer
from segmentation.training.dataset import Dataset
from segmentation.training.samples import Sample, make_sample
from segmentation.training.targets import Batch

# This part of the batches sees windows of its pictures; a window has this part of their sides, lowest and highest.
CROP, CROP_SIDE = 0.5, (0.6, 1.0)
POOL = 16  # batches whose pictures are sorted by shape together


def shuffled_batches(dataset: Dataset, size: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch: lists of `size` picture numbers, pictures of like shape together.

    All pictures of a batch are brought to one size, so a tall one among wide ones would lose most of its area. The
    order is another in each epoch; equal seeds give equal orders.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(-(-len(dataset) // size) * size) % len(dataset)         # the last batch is full
    batches: list[list[int]] = []
    for start in range(0, len(order), POOL * size):
        pool = order[start:start + POOL * size]
        shape = [dataset.pictures[i].image_hw[1] / dataset.pictures[i].image_hw[0] for i in pool]
        batches += list(pool[np.argsort(shape, kind="stable")].reshape(-1, size))
    return [batches[i] for i in rng.permutation(len(batches))]


def make_batch(dataset: Dataset, numbers: Sequence[int], resizer: Resizer, rng: np.random.Generator,
               scale: Sequence[float] = (1.0, 1.0)) -> Optional[Batch]:
    """The Batch of the pictures of these numbers; None where none of them can be read.

    scale: the pictures are so many times as large as the resizer says, lowest and highest
    """
    heights, widths = zip(*(dataset.pictures[i].image_hw for i in numbers))
    aspect = np.exp(np.mean(np.log(widths) - np.log(heights)))
    whole_wh = scaled(resizer, rng.uniform(scale[0], scale[1])).size_wh((1000, 1000 * aspect))
    size_wh, part = window_size(whole_wh, rng)
    found = [make_sample(dataset.pictures[i], size_wh, part, rng) for i in numbers]
    samples = [sample for sample in found if sample is not None]
    return collate(samples, dataset.known) if samples else None


def scaled(resizer: Resizer, factor: float) -> Resizer:
    """A Resizer to sides so many times as long, with the same rest modulo the network's stride."""
    return Resizer(*(side + round(side * (factor - 1) / STRIDE) * STRIDE
                     for side in (resizer.short_side, resizer.long_side)))


def window_size(size_wh: tuple[int, int], rng: np.random.Generator) -> tuple[tuple[int, int], float]:
    """The size (width, height) of a batch, and the part of the pictures' sides that it sees.

    size_wh: the batch's size if it sees whole pictures. The sides keep their rest modulo the network's stride;
    segmentation/network/resizing.py says why.
    """
    if rng.random() >= CROP:
        return size_wh, 1.0
    part = rng.uniform(*CROP_SIDE)
    width, height = (side - round(side * (1 - part) / STRIDE) * STRIDE for side in size_wh)
    return (width, height), part


def collate(samples: Sequence[Sample], known: np.ndarray) -> Batch:
    """The Batch of Samples of one size; known: the classes that have objects, (classes,) bool."""
    count = max([1, *(len(sample.labels) for sample in samples)])
    images = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2)
    boxes, labels, rois, masks = (padded([getattr(sample, name) for sample in samples], count)
                                  for name in ("boxes", "labels", "rois", "masks"))
    valid = padded([np.ones(len(sample.labels), bool) for sample in samples], count)
    looked = looked_for(samples, len(known))
    everywhere = looked[:, torch.from_numpy(known)].sum(1) * 2 >= known.sum()
    return Batch(images, boxes, labels, rois, masks, valid, looked, everywhere, (images.shape[2], images.shape[3]))


def padded(arrays: Sequence[np.ndarray], count: int) -> torch.Tensor:
    """Arrays (M, ...) of different M as one tensor (B, count, ...), with zeros where an array ends earlier."""
    out = np.zeros((len(arrays), count, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(out, arrays):
        row[:len(array)] = array
    return torch.from_numpy(out)


def looked_for(samples: Sequence[Sample], classes: int) -> torch.Tensor:
    """`looked` of a Batch, for so many classes."""
    looked = torch.zeros(len(samples), classes, dtype=torch.bool)
    for row, sample in zip(looked, samples):
        row[slice(None) if sample.looked is None else sorted(sample.looked)] = True
    return looked
