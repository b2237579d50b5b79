"""From scores to boxes: non-maximum suppression, proposals and detections, as cv2.dnn computes them."""

import torch

from segmentation.training import targets
from segmentation.training.architectures import DETECTIONS, PROPOSALS


def suppress(boxes, threshold, groups=None):
    """(B, N) bool: what non-maximum suppression keeps of boxes (B, N, 4), best first.

    Box j goes if a kept box before it (of the same of the `groups` (B, N), where given) overlaps it by
    more than the threshold. Found by rounds instead of box by box: a round is right for every box whose
    predecessors were right before it, so the first round that changes nothing is right for all.
    """
    # Picture by picture: the (N, N) arrays of one fit a processor's cache.
    covers = torch.stack([targets.iou(own, own) > threshold for own in boxes]).triu(1)  # (B, N, N) i covers j
    if groups is not None:
        covers &= groups[:, :, None] == groups[:, None]
    covers, keep = covers.float(), boxes.new_ones(len(boxes), 1, boxes.shape[1])       # (B, 1, N)
    while True:
        # As a product, for speed: how many of the kept boxes cover j.
        kept = (keep @ covers == 0).float()
        if torch.equal(kept, keep):
            return keep[:, 0] > 0
        keep = kept


@torch.no_grad()
def propose(scores, deltas, anchors, top_k, count):
    """The best `count` boxes (B, count, 4) after suppression; padded with zeros, as in cv2.dnn.

    scores: (B, A, 2) logits; deltas: (B, A, 4); anchors: (A, 4); top_k: how many suppression looks at
    """
    order = scores.softmax(2)[..., 1].sort(dim=1, descending=True, stable=True)[1][:, :top_k]  # (B, K)
    boxes = targets.decode(targets.pick(deltas, order), anchors[order])                # (B, K, 4)
    keep = suppress(boxes, PROPOSALS["nms_threshold"])
    place = keep.cumsum(1).masked_fill(~keep, 0).clamp(max=count + 1)
    # Place 0 takes what was suppressed, the last place what is beyond `count`; both are cut off.
    best = boxes.new_zeros(len(boxes), count + 2, 4)
    best.scatter_(1, place[..., None].expand_as(boxes), boxes)
    return best[:, 1:-1]


def detections(scores, boxes, overlap):
    """Rows (N, 7) of scores (R, classes) and boxes (R, classes, 4): suppression by class, then the best.

    overlap: the IoU above which the better of two boxes alone stays
    """
    roi, label = (scores > DETECTIONS["confidence_threshold"]).nonzero(as_tuple=True)
    score, order = scores[roi, label].sort(descending=True, stable=True)
    roi, label = roi[order], label[order]
    kept = suppress(boxes[roi, label][None], overlap, label[None])[0]
    roi, label, score = (x[kept][:DETECTIONS["keep_top_k"]] for x in (roi, label, score))
    zero = torch.zeros_like(score)
    return torch.cat([torch.stack([zero, label.float(), score], 1), boxes[roi, label]], 1)
