"""The losses: how far the network's outputs are from the training targets (targets.py)."""

import torch
import torch.nn.functional as F

from segmentation.training.classes import NEVER
from segmentation.training.targets import AnchorTargets, RoiTargets

# The weight of each loss; targets.py explains [C], [M] and [P]. [C] has 1, 2, 1, 2 and 4, but divides the sums over
# boxes by the number of all samples; here they are divided by the number of objects among the samples. [M]: class, box
# and mask. For the anchors' boxes, short runs with 0.2 to 1 differed by no more than chance.
LOSS_WEIGHTS = {"object": 1.0, "anchor": 0.5, "class": 1.5, "box": 0.5, "mask": 2.0}
SMOOTH_L1_BETA = 0.5        # [M]; [P], [C]: 1


def box_loss(deltas: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Smooth L1 of deltas (N, 4), the mean over N of the sum over the four; 0 where N is 0."""
    return F.smooth_l1_loss(deltas, wanted, reduction="sum", beta=SMOOTH_L1_BETA) / max(len(deltas), 1)


def first_stage_losses(scores: torch.Tensor, deltas: torch.Tensor, wanted: AnchorTargets) -> dict[str, torch.Tensor]:
    """Cross-entropy of object against background, and the box loss of the anchors.

    scores: (B, A, 2) logits; deltas: (B, A, 4)
    """
    objects = F.cross_entropy(scores[wanted.sampled], wanted.positive[wanted.sampled].long())
    return {"object": objects, "anchor": box_loss(deltas[wanted.positive], wanted.deltas[wanted.positive])}


def second_stage_losses(class_logits: torch.Tensor, deltas: torch.Tensor, wanted: RoiTargets,
                        looked: torch.Tensor) -> dict[str, torch.Tensor]:
    """Cross-entropy of the class, and the box loss of the true class.

    class_logits: (B * R, classes + 1); deltas: (B * R, classes, 4)
    looked: (B, classes) bool, the classes that were looked for in each picture. A RoI of background may show an object
        of another class, so it has no loss for the other classes
    """
    sampled, labels = wanted.sampled.flatten(), wanted.classes.flatten()               # (B * R,)
    unknown = ~looked[:, None].expand(-1, wanted.classes.shape[1], -1).flatten(0, 1) & (labels == 0)[:, None]
    class_logits = torch.cat([class_logits[:, :1], class_logits[:, 1:].masked_fill(unknown, NEVER)], 1)
    rows = labels.nonzero()[:, 0]
    deltas = deltas[rows, labels[rows] - 1]                                            # (N, 4)
    return {"class": F.cross_entropy(class_logits[sampled], labels[sampled]),
            "box": box_loss(deltas, wanted.deltas.flatten(0, 1)[rows])}


def mask_loss(logits: torch.Tensor, labels: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """[P] Binary cross-entropy of the true class's mask alone.

    logits: (N, classes, 15, 15); labels: (N,) from 1; wanted: (N, 15, 15), the part of each cell that is object
    """
    rows = torch.arange(len(labels), device=labels.device)
    return F.binary_cross_entropy_with_logits(logits[rows, labels - 1], wanted)
