"""What the network is trained to make small, from what it said and what it should have said (targets.py)."""

import torch
import torch.nn.functional as F

from segmentation.training.classes import NEVER

# How much each loss counts; targets.py says what [C], [M] and [P] are. [C]: 1, 2, 1, 2 and 4, where the sums
# over boxes are divided by the number of all samples; here they are by that of the objects among them.
# [M]: class, box and mask. The anchors' boxes: short runs with 0.2 to 1 differed by no more than chance.
LOSS_WEIGHTS = {"object": 1.0, "anchor": 0.5, "class": 1.5, "box": 0.5, "mask": 2.0}
SMOOTH_L1_BETA = 0.5        # [M]; [P], [C]: 1


def box_loss(deltas, wanted):
    """Smooth L1 of deltas (N, 4), the mean over N of the sum over the four; 0 where N is 0."""
    return F.smooth_l1_loss(deltas, wanted, reduction="sum", beta=SMOOTH_L1_BETA) / max(len(deltas), 1)


def first_stage_losses(scores, deltas, wanted):
    """Cross-entropy of object against background, and the anchors' boxes. `wanted`: AnchorTargets."""
    objects = F.cross_entropy(scores[wanted.sampled], wanted.positive[wanted.sampled].long())
    return {"object": objects, "anchor": box_loss(deltas[wanted.positive], wanted.deltas[wanted.positive])}


def second_stage_losses(class_logits, deltas, wanted, looked):
    """Cross-entropy of the class, and the true class's box. `wanted`: RoiTargets.

    looked: (B, classes) bool, the classes that were looked for in each picture. What is background there may be an
    object of another class, so it says nothing about these.
    """
    sampled, labels = wanted.sampled.flatten(), wanted.classes.flatten()               # (B * R,)
    unknown = ~looked[:, None].expand(-1, wanted.classes.shape[1], -1).flatten(0, 1) & (labels == 0)[:, None]
    class_logits = torch.cat([class_logits[:, :1], class_logits[:, 1:].masked_fill(unknown, NEVER)], 1)
    rows = labels.nonzero()[:, 0]
    deltas = deltas[rows, labels[rows] - 1]                                            # (N, 4)
    return {"class": F.cross_entropy(class_logits[sampled], labels[sampled]),
            "box": box_loss(deltas, wanted.deltas.flatten(0, 1)[rows])}


def mask_loss(logits, labels, wanted):
    """[P] Binary cross-entropy of the true class's mask alone.

    logits: (N, classes, 15, 15), or None where no picture of the batch has an object; labels: (N,) from 1;
    wanted: (N, 15, 15), the part of each cell that is object
    """
    if logits is None:
        return wanted.sum()
    rows = torch.arange(len(labels), device=labels.device)
    return F.binary_cross_entropy_with_logits(logits[rows, labels - 1], wanted)
