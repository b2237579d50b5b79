"""From scores to boxes: non-maximum suppression, proposals and detections, as cv2.dnn computes them."""

from typing import Optional

import torch

from segmentation.training import targets
from segmentation.training.architectures import DETECTIONS, PROPOSALS


def suppress(boxes: torch.Tensor, threshold: float, groups: Optional[torch.Tensor] = None) -> torch.Tensor:
    """The boxes that non-maximum suppression keeps, (B, N) bool, of boxes (B, N, 4), best first.

    A box goes if its IoU with a better box that is kept is above the threshold. groups: (B, N), where given, only
    boxes of one group suppress each other

    All boxes are decided at once, in several rounds. A round is right for every box whose better boxes were all right
    in the round before. So a round that changes nothing is right for all.
    """
    # One picture after another, because the (N, N) arrays of one fit a processor's cache.
    covers = torch.stack([targets.iou(own, own) > threshold for own in boxes]).triu(1)  # (B, N, N) i covers j
    if groups is not None:
        covers &= groups[:, :, None] == groups[:, None]
    covers, keep = covers.float(), boxes.new_ones(len(boxes), 1, boxes.shape[1])       # (B, 1, N)
    while True:
        # How many of the kept boxes cover j. A matrix product is fast.
        kept = (keep @ covers == 0).float()
        if torch.equal(kept, keep):
            return keep[:, 0] > 0
        keep = kept


@torch.no_grad()
def propose(scores: torch.Tensor, deltas: torch.Tensor, anchors: torch.Tensor, top_k: int,
            count: int) -> torch.Tensor:
    """The best `count` boxes (B, count, 4) after suppression, padded with zeros, as in cv2.dnn.

    scores: (B, A, 2) logits; deltas: (B, A, 4); anchors: (A, 4); top_k: so many of the best go into suppression
    """
    order = scores.softmax(2)[..., 1].sort(dim=1, descending=True, stable=True)[1][:, :top_k]  # (B, K)
    boxes = targets.decode(targets.pick(deltas, order), anchors[order])                # (B, K, 4)
    keep = suppress(boxes, PROPOSALS["nms_threshold"])
    place = keep.cumsum(1).masked_fill(~keep, 0).clamp(max=count + 1)
    # Suppressed boxes go to place 0, those beyond `count` to the last place; both places are cut off.
    best = boxes.new_zeros(len(boxes), count + 2, 4)
    best.scatter_(1, place[..., None].expand_as(boxes), boxes)
    return best[:, 1:-1]


def detections(scores: torch.Tensor, boxes: torch.Tensor, overlap: float) -> torch.Tensor:
    """Rows (N, 7) as cv2.dnn gives them, of scores (R, classes) and boxes (R, classes, 4), best first.

    overlap: of two boxes of a class only the better stays where their IoU is above this
    """
    roi, label = (scores > DETECTIONS["confidence_threshold"]).nonzero(as_tuple=True)
    score, order = scores[roi, label].sort(descending=True, stable=True)
    roi, label = roi[order], label[order]
    kept = suppress(boxes[roi, label][None], overlap, label[None])[0]
    roi, label, score = (x[kept][:DETECTIONS["keep_top_k"]] for x in (roi, label, score))
    zero = torch.zeros_like(score)
    return torch.cat([torch.stack([zero, label.float(), score], 1), boxes[roi, label]], 1)
