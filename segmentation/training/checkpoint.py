"""A run and how far it is: Training, which a checkpoint holds on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from segmentation import SegmentationError
from segmentation.files import complete_file
from segmentation.training.options import TrainOptions
from segmentation.training.torch_model import TorchMaskRCNN
from segmentation.wording import counted

CLIP_GRADIENT = 10.0     # gradient_clipping_by_norm of the published configuration


@dataclass
class Training:
    """The network in training, and how far it is: `done` iterations in `seconds`."""

    model: TorchMaskRCNN
    optimizer: torch.optim.Optimizer
    device: torch.device
    done: int = 0
    seconds: float = 0.0

    def part(self, options: TrainOptions) -> float:
        """How much of the run is done, 0..1."""
        return self.seconds / (60 * options.minutes) if options.minutes else self.done / options.iterations

    def step(self, losses: Mapping[str, torch.Tensor]) -> None:
        """One iteration: the optimizer changes the weights so that the sum of these losses falls.

        Raises SegmentationError where the sum is not finite.
        """
        self.optimizer.zero_grad()
        loss = torch.as_tensor(sum(losses.values()))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_GRADIENT)
        if not torch.isfinite(loss):
            raise SegmentationError(f"training diverged in iteration {self.done}: lower --learning-rate")
        self.optimizer.step()
        self.done += 1

    def add_time(self, seconds: float) -> None:
        """Count the time of an iteration."""
        self.seconds += seconds

    def save(self, path: Path) -> None:
        """Write a checkpoint, all that --resume needs. An interrupted write leaves the old file as it was."""
        state = {"classes": self.model.num_classes, "width": self.model.width,
                 "architecture": self.model.architecture, "done": self.done, "seconds": self.seconds,
                 "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        with complete_file(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Take over a checkpoint's state.

        Raises SegmentationError where it is missing, is no checkpoint or is of another network.
        """
        if not path.is_file():
            raise SegmentationError(f"there is no checkpoint {path} to resume: leave out --resume to start")
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            found = state["classes"], state["width"], state["architecture"]
        except Exception as error:  # what torch.load raises depends on the broken bytes
            raise SegmentationError(f"{path} is no checkpoint: delete it and start anew") from error
        expected = self.model.num_classes, self.model.width, self.model.architecture
        if found != expected:
            classes = counted(found[0], "class", "classes")
            raise SegmentationError(f"{path} is for {classes} at width {found[1]:g} ({found[2]}), not for "
                                    f"{expected[0]} at {expected[1]:g} ({expected[2]}): give the options of its run, "
                                    "or delete it to start anew")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done, self.seconds = state["done"], state["seconds"]
