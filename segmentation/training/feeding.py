"""The batches that the training loop gets: loaded in the background, or kept in memory.

Both are generators without end. With --views, what the network's first layers make of the first batches is kept, and
training goes through that again and again: these layers do not change, and they take most of the time of a batch.
"""

import copy
import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, Optional

import cv2
import numpy as np
import torch

from segmentation import SegmentationError
from segmentation.training.batches import Batch, make_batch, shuffled_batches
from segmentation.training.checkpoint import Training
from segmentation.training.dataset import Dataset
from segmentation.training.options import TrainOptions
from segmentation.training.torch_model import TorchMaskRCNN


def load_batches(data: Dataset, options: TrainOptions, position: int) -> Generator[Batch, None, None]:
    """The batches from number `position` on, without end. Threads load the next ones while one is trained on.

    Raises SegmentationError where no picture can be read.
    """
    # On a CPU each further thread would take time from the training itself. With a GPU all cores load pictures, each
    # picture in 5 ms.
    workers = min(os.cpu_count() or 1, 16) if torch.cuda.is_available() else 1
    cv2.setNumThreads(1)
    unread, pending = 0, deque[Future[Optional[Batch]]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number, pictures in numbered_batches(data, options, position):
                rng = np.random.default_rng([options.seed, 1, number])
                pending.append(pool.submit(make_batch, data, pictures, options.resizer, rng,
                                           options.scale or (1.0, 1.0)))
                if len(pending) <= 2 * workers:
                    continue
                batch = pending.popleft().result()
                unread = 0 if batch else unread + 1
                if unread > len(data):
                    raise SegmentationError(f"none of the pictures in {', '.join(options.images)} can be read")
                if batch:
                    yield batch
        finally:
            for future in pending:
                future.cancel()


def numbered_batches(data: Dataset, options: TrainOptions, position: int) -> Iterator[tuple[int, list[int]]]:
    """(number, picture numbers) of every batch from that position on, epoch after epoch."""
    in_epoch = -(-len(data) // options.batch)
    epoch, skip = divmod(position, in_epoch)
    while True:
        for index, pictures in enumerate(shuffled_batches(data, options.batch, options.seed, epoch)):
            if index >= skip:
                yield epoch * in_epoch + index, pictures
        epoch, skip = epoch + 1, 0


def kept_batches(batches: Generator[Batch, None, None], training: Training, data: Dataset,
                 options: TrainOptions) -> Generator[Batch, None, None]:
    """The first --views epochs of batches after the network's first layers, then these in other orders, without end.

    A run that is resumed makes them again.
    """
    kept, first_layers = [], frozen_features(training.model, training.device)
    for _ in range((options.views or 1) * -(-len(data) // options.batch)):
        batch = next(batches)
        kept.append(batch._replace(images=first_layers(batch.images)))
        if len(kept) > training.done:
            yield kept[-1]
    batches.close()
    while True:
        rng = np.random.default_rng([options.seed, 2, training.done])
        for index in rng.permutation(len(kept)):
            yield kept[index]


def frozen_features(model: TorchMaskRCNN, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function from RGB images (B, 3, H, W) uint8 to what the model's first layers make of them, float8.

    float8, because the results are kept in memory: it holds twice as many as of float16. OpenVINO computes them where
    it is installed. On a CPU it takes a fifth of PyTorch's time, in bf16 where the hardware has that, as in training.
    """
    def in_torch(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model.before_trunk(images.to(device)).to(torch.float8_e4m3fn).cpu()

    try:
        import openvino
    except ImportError:
        return in_torch
    return features_in_openvino(openvino, model) if device.type == "cpu" else in_torch


def features_in_openvino(openvino: ModuleType, model: TorchMaskRCNN) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same function, computed by OpenVINO on the CPU."""
    # The trace is at a size of 16k + 1: SAME padding is then the same on all sides, as in all sizes of training.
    layout: Any = {"memory_format": torch.contiguous_format}  # which torch's type hints lack
    module = copy.deepcopy(model.first_layers).eval().to(**layout)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the trace takes sizes as fixed numbers, which is right here
        traced = openvino.convert_model(module, example_input=torch.zeros(1, 3, 65, 65))
    compiled = openvino.compile_model(traced, "CPU")
    return lambda images: torch.from_numpy(
        compiled((images.float() * (2 / 255) - 1).contiguous().numpy())[0]).to(torch.float8_e4m3fn)
