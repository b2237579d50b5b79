"""What a run says before its first iteration: what it learns from, how long that is, and what to expect."""

from pathlib import Path
from typing import Optional

import numpy as np

from segmentation.terminal import info, warn
from segmentation.training.checkpoint import Training
from segmentation.training.dataset import Dataset
from segmentation.training.options import FROM_DEMO, TrainOptions
from segmentation.training.start import listed
from segmentation.wording import counted

# Measured: docs/training.md has the runs.
EXPECT_OF_DEMO = ("81 photos of six classes that it did not know came to mask AP50 0.18 after 300 iterations and 0.26 "
                  "after 1000, enough for a first look; 5,253 photos of 20 classes have come to 0.63")
# He, Girshick and Dollar 2019, "Rethinking ImageNet pre-training", for the first half.
EXPECT_OF_SCRATCH = ("from random weights it takes 10,000 photos and some hundred epochs to come to what a start from "
                     "trained weights gives, and 60 photos came to AP 0.000; --init demo starts from trained weights")


def say_plan(training: Training, data: Dataset, held_out: Optional[Dataset], options: TrainOptions) -> None:
    """Print the lines, and warnings of what will not work."""
    pictures = {picture.path: picture for picture in data.pictures}  # --balance shows some several times
    objects = sum(len(picture.objects) for picture in pictures.values())
    parameters = sum(weight.numel() for weight in training.model.parameters() if weight.requires_grad)
    info(f"learns from {counted(len(pictures), 'picture')} with {counted(objects, 'object')} of "
         f"{counted(data.known.sum(), 'class', 'classes')}: {parameters:,} parameters, on {training.device.type}")
    say_held_out(held_out, {path.resolve() for path in pictures}, options)
    say_length(data, options)
    say_expected(options)
    lacking = np.zeros(len(data.names), bool)
    lacking[list(data.labels.values())] = True
    lacking &= ~training.model.known.cpu().numpy()
    if lacking.any():
        warn(f"[WARNING] no picture to learn from shows {listed(data, lacking)}: the graph will not find them")
    if len(data) < options.batch:
        warn(f"[WARNING] a batch is {counted(options.batch, 'picture')}, but there are {len(data)} to learn from, so "
             "some are in it several times: annotate more, or lower --batch")


def say_held_out(held_out: Optional[Dataset], learnt: set[Path], options: TrainOptions) -> None:
    """Which pictures AP is measured on. learnt: the paths of those to learn from"""
    if held_out is None:
        why = "--holdout is 0" if not options.holdout else "there is one picture only"
        warn(f"[WARNING] no picture is held out, as {why}: nobody can tell how good the graph will be")
    elif options.val_annotations:
        info(f"measures AP on {counted(len(held_out), 'picture')} of {options.val_annotations}")
        both = sum(picture.path.resolve() in learnt for picture in held_out.pictures)
        if both:
            warn(f"[WARNING] AP will come out too good: {both} of these are among the pictures to learn from; name "
                 "others to measure on")
    else:
        info(f"measures AP on {counted(len(held_out), 'picture')}, held out by a hash of the names: nothing is learnt "
             "from them")


def say_length(data: Dataset, options: TrainOptions) -> None:
    """How long the run is."""
    if options.minutes:
        info(f"{counted(options.minutes, 'minute', style='g')}, in batches of {counted(options.batch, 'picture')}")
    else:
        info(f"{counted(options.iterations, 'iteration')} of {counted(options.batch, 'picture')}: "
             f"{about(options.iterations * options.batch / len(data), 'epoch')}")


def say_expected(options: TrainOptions) -> None:
    """What runs from the same start have come to."""
    if not options.start_graph and not options.pretrained:
        info(f"what to expect: {EXPECT_OF_SCRATCH}")
    elif options.init == FROM_DEMO and not options.pretrained:
        info(f"what to expect: {EXPECT_OF_DEMO}")


def say_pace(seconds: float, training: Training, data: Dataset, options: TrainOptions) -> None:
    """How long an iteration takes, and how long all that are left take."""
    if options.minutes:
        iterations = 60 * options.minutes * (1 - training.part(options)) / seconds
        info(f"{seconds:.2g} s an iteration: about {about(iterations, 'iteration')}, or "
             f"{about(iterations * options.batch / len(data), 'epoch')}, in the {duration(iterations * seconds)} left")
    else:
        left = options.iterations - training.done
        info(f"{seconds:.2g} s an iteration: about {duration(left * seconds)} left for {counted(left, 'iteration')}")


def about(number: float, what: str) -> str:
    """A number of things, rounded.

    >>> about(0.24, "epoch"), about(1, "epoch"), about(499.6, "epoch")
    ('0.2 epochs', '1 epoch', '500 epochs')
    """
    return counted(round(number, 0 if number >= 10 else 1), what, style=".0f" if number >= 10 else "g")


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(41), duration(200), duration(5025)
    ('41 s', '3 min', '1 h 24 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
