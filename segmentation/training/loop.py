"""The training loop: iterates until all is done, with a progress bar, and writes a checkpoint every few minutes."""

import math
import signal
import time
from collections.abc import Generator

import torch
from tqdm import tqdm

from segmentation.terminal import warn
from segmentation.training.batches import Batch
from segmentation.training.checkpoint import Training
from segmentation.training.dataset import Dataset
from segmentation.training.feeding import kept_batches, load_batches
from segmentation.training.options import TrainOptions
from segmentation.training.watch import Watch

# The learning rate rises from 0 in so many iterations, or in this part of a short run.
WARM_UP, SHORT_WARM_UP = 150, 0.1
# After this part of the run batch normalisation stays as it will be at inference, and the other weights settle on that.
FREEZE_NORM = 0.88
CHECKPOINT_SECONDS = 300


def train(training: Training, data: Dataset, options: TrainOptions, watch: Watch) -> None:
    """Iterate until all is done. After Ctrl-C or a kill it writes a checkpoint and raises KeyboardInterrupt."""
    training.model.train()
    bar = progress_bar(training, options)
    source = load_batches(data, options, 0 if options.views else training.done)
    batches = kept_batches(source, training, data, options) if options.views else source
    on_kill = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill ends like Ctrl-C
    try:
        iterate_all(training, batches, bar, options, watch)
    except KeyboardInterrupt:
        training.save(options.checkpoint)
        bar.close()
        warn(f"[INFO] stopped at iteration {training.done}: go on with --resume")
        raise
    finally:
        signal.signal(signal.SIGTERM, on_kill)
        batches.close()
        source.close()
        bar.close()
    training.model.eval()


def progress_bar(training: Training, options: TrainOptions) -> tqdm:
    """A bar in seconds where --minutes is given, else in iterations."""
    total = round(options.minutes * 60) if options.minutes else options.iterations
    return tqdm(total=total, initial=reached(training, options), unit="s" if options.minutes else "it",
                desc="training")


def reached(training: Training, options: TrainOptions) -> int:
    """How far the run is, in the bar's unit."""
    return round(training.seconds) if options.minutes else training.done


def iterate_all(training: Training, batches: Generator[Batch, None, None], bar: tqdm, options: TrainOptions,
                watch: Watch) -> None:
    """Iterate over the batches until the run is done. The time that measuring takes is not counted."""
    saved = clock = time.monotonic()
    for batch in batches:
        if training.part(options) >= 1:
            break
        losses = iterate(training, batch, options)
        now = time.monotonic()
        training.add_time(now - clock)
        bar.set_postfix(it=training.done, **losses)
        bar.update(min(reached(training, options), bar.total) - bar.n)
        if now - saved > CHECKPOINT_SECONDS:
            training.save(options.checkpoint)
            saved = now
        watch.look(training, now - clock)
        clock = time.monotonic()


def iterate(training: Training, batch: Batch, options: TrainOptions) -> dict[str, str]:
    """One iteration on a batch; the losses as text, by name.

    Raises SegmentationError where training diverges.
    """
    model = training.model
    if options.start_graph or training.part(options) >= FREEZE_NORM:
        model.freeze_batch_norm()
    set_rate(training, options)
    # Each iteration has a seed of its own, so that a resumed run draws the same as one without interruption.
    chance = torch.Generator(training.device).manual_seed(options.seed * 1_000_003 + training.done)
    with torch.autocast(training.device.type, torch.bfloat16, enabled=has_bfloat16(training.device)):
        losses = model.losses(batch.to(training.device), chance)
    training.step(losses)
    return {name: f"{value.item():.3f}" for name, value in losses.items()}


def set_rate(training: Training, options: TrainOptions) -> None:
    """Set the learning rates for this iteration: up in the warm-up, then down along a cosine."""
    part = training.part(options)
    rise = min(1, max((training.done + 1) / WARM_UP, part / SHORT_WARM_UP))
    for group in training.optimizer.param_groups:
        group["lr"] = options.highest_rate * group["part"] * rise * (1 + math.cos(math.pi * part)) / 2


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes bfloat16 in hardware; in software it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False
