"""What the network should have said: anchors, box coding, matching, sampling.

Boxes are (..., 4) tensors x0, y0, x1, y1 in 0..1 of the picture, so that a size in pixels matters nowhere
but in the anchors. Everything works on a batch at once: B pictures, A anchors, R RoIs a picture, M objects
in the picture that has most of them; `valid` (B, M) says which are real in the others.

Where the constants come from:
  [P] the Mask R-CNN paper (He et al. 2017) and Faster R-CNN (Ren et al. 2015), whose scheme it keeps
  [C] the model's published training configuration, mask_rcnn_inception_v2_coco.config, and the defaults of
      TensorFlow's object detection API behind it
  [M] measured for training from scratch on a CPU; the comment says what it replaces, and why
"""

from typing import NamedTuple

import torch

from segmentation.training.architectures import ANCHOR_STRIDE, BOX_VARIANCE, anchor_sizes

# [M] An anchor is an object's if their IoU is at least this; [P], [C]: 0.7. Small pictures have few anchors,
# and at 0.7 most objects have none but the best one that every object gets.
ANCHOR_POSITIVE = 0.6
# [M] It is background below this IoU; [P], [C]: 0.3. In between it counts for nothing.
ANCHOR_NEGATIVE = 0.35
# [P], [C] Of each picture this many anchors count, at most half of them objects.
ANCHORS_SAMPLED, ANCHORS_POSITIVE = 256, 128
# [P], [C] A RoI is the object's that it covers best, if their IoU is at least this; else it is background.
ROI_POSITIVE = 0.5
# [M] RoIs of each picture that the second stage is trained on, and how many of them may be objects. [C]: 64
# and a quarter. On a CPU they are the dearest part, and at a quarter most of them say "background".
ROIS_SAMPLED, ROIS_POSITIVE = 32, 16
# [M] Background that overlaps an object by this IoU is drawn so many times as often as the rest. Without that, parts of
# an object came to score like the whole: five boxes on one airplane.
HARD, HARD_SHARE = 0.1, 3
# [M] The object's own box, each edge moved by up to this part of its size, is a RoI as well, and these alone
# feed the mask head: at inference its RoI is the refined box, not the proposal that [P], [C] train it on.
JITTER = 0.06
MASK_CELLS = 15  # [C] mask_height, mask_width


# ---- Boxes -----------------------------------------------------------------------------------------------

def anchor_boxes(features_hw, image_hw, device="cpu", architecture="inception_v2"):
    """(A, 4) boxes, A = h * w * 12 with the anchor fastest: as OpenCV's PriorBox, from the same table.

    features_hw: height and width of the trunk's output; image_hw: of the picture in pixels. Centres are
    (16x, 16y) without an offset of half a cell. Clipped to the picture before they are matched or coded.
    """
    sizes = torch.tensor(anchor_sizes(architecture), device=device).T                 # (12, 2) width, height
    y, x = (torch.arange(n, device=device) * ANCHOR_STRIDE for n in features_hw)
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[:, :, None]         # (h, w, 1, 2)
    corners = torch.cat([centres - sizes / 2, centres + sizes / 2], -1)                # (h, w, 12, 4)
    height, width = image_hw
    return (corners.view(-1, 4) / corners.new_tensor([width, height, width, height])).clamp(0, 1)


def centre_size(boxes):
    """Centre and size, each (..., 2) x then y, of boxes (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def encode(boxes, priors):
    """The deltas (..., 4) ty, tx, th, tw that lead from `priors` to `boxes`, both (..., 4).

    That order is the weights' ([C] FasterRcnnBoxCoder); cv2.dnn swaps them as it loads. A prior of
    0.2 x 0.2 around (0.5, 0.5) and a box of the same size 0.02 to the right: (0, 1, 0, 0), as
    0.02 / 0.2 is 0.1 and the variance of x is 0.1.
    """
    variance = boxes.new_tensor(BOX_VARIANCE)
    (centre, size), (prior_centre, prior_size) = centre_size(boxes), centre_size(priors)
    prior_size = prior_size.clamp(min=1e-6)
    shift = (centre - prior_centre) / prior_size / variance[:2]
    stretch = (size.clamp(min=1e-6) / prior_size).log() / variance[2:]
    return torch.cat([shift.flip(-1), stretch.flip(-1)], -1)


def decode(deltas, priors):
    """The boxes (..., 4) that deltas (..., 4) ty, tx, th, tw make of `priors`, clipped: undoes `encode`."""
    variance = deltas.new_tensor(BOX_VARIANCE)
    prior_centre, prior_size = centre_size(priors)
    centre = prior_centre + deltas[..., :2].flip(-1) * variance[:2] * prior_size
    # Past e^10 a box fills the picture anyway; without a limit a bad start would give inf * 0.
    size = prior_size * (deltas[..., 2:].flip(-1) * variance[2:]).clamp(max=10).exp()
    return torch.cat([centre - size / 2, centre + size / 2], -1).clamp(0, 1)


def iou(a, b):
    """Intersection over union (..., N, M) of boxes (..., N, 4) and (..., M, 4); 0 where they are apart."""
    ax0, ay0, ax1, ay1 = (edge[..., :, None] for edge in a.unbind(-1))                 # (..., N, 1)
    bx0, by0, bx1, by1 = (edge[..., None, :] for edge in b.unbind(-1))                 # (..., 1, M)
    both = ((torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0)).clamp_(min=0)
            * (torch.minimum(ay1, by1) - torch.maximum(ay0, by0)).clamp_(min=0))       # (..., N, M)
    either = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both
    return both / either.clamp_(min=1e-12)


# ---- First stage -----------------------------------------------------------------------------------------

class AnchorTargets(NamedTuple):
    """What the proposals' two predictors are trained on.

    sampled:  (B, A) bool, the anchors that count; positive: (B, A) bool, those of them that are objects
    deltas:   (B, A, 4), right where positive
    """

    sampled: torch.Tensor
    positive: torch.Tensor
    deltas: torch.Tensor


def anchor_targets(anchors, objects, valid, generator=None, everywhere=None):
    """AnchorTargets of anchors (A, 4) for the objects' boxes (B, M, 4), valid (B, M) bool.

    everywhere: (B,) bool, without it True: False where few classes were looked for in a picture; there only anchors
    that touch an object can be background, since others may show one that is not marked
    """
    overlap = iou(anchors, objects).masked_fill(~valid[:, None], 0)                    # (B, A, M)
    best, match = overlap.max(2)                                                       # (B, A)
    # [P], [C] Every object gets the anchors that cover it best, however little that is.
    top = overlap.amax(1, keepdim=True).clamp(min=1e-6)                                # (B, 1, M)
    forced, forced_match = (overlap >= top).max(2)                                     # (B, A)
    positive = forced | (best >= ANCHOR_POSITIVE)
    match = torch.where(forced, forced_match, match)
    positive = positive & (rank(positive, generator) < ANCHORS_POSITIVE)
    negative = ~forced & (best < ANCHOR_NEGATIVE)
    if everywhere is not None:
        negative &= everywhere[:, None] | (best > 0)
    left = ANCHORS_SAMPLED - positive.sum(1, keepdim=True)                             # (B, 1)
    negative = negative & (rank(negative, generator) < left)
    matched = objects.gather(1, match[..., None].expand(-1, -1, 4))                    # (B, A, 4)
    return AnchorTargets(positive | negative, positive, encode(matched, anchors))


def rank(chosen, generator=None):
    """The place (B, N) of each one in a random order in which those `chosen` (B, N) bool stand first."""
    key = torch.rand(chosen.shape, generator=generator, device=chosen.device) + chosen
    order = key.argsort(1, descending=True)
    places = torch.arange(chosen.shape[1], device=chosen.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


# ---- Second stage ----------------------------------------------------------------------------------------

class RoiTargets(NamedTuple):
    """What the second stage is trained on; R = ROIS_SAMPLED.

    boxes:    (B, R, 4)
    sampled:  (B, R) bool, False where a picture has too few RoIs
    classes:  (B, R) from 1, or 0 for background
    deltas:   (B, R, 4), right where classes > 0
    match:    (B, R) the number of the object
    jittered: (B, R) bool, the RoIs that are an object's own box, jittered: the mask head's
    """

    boxes: torch.Tensor
    sampled: torch.Tensor
    classes: torch.Tensor
    deltas: torch.Tensor
    match: torch.Tensor
    jittered: torch.Tensor


def roi_targets(proposals, objects, classes, jittered, valid, generator=None):
    """RoiTargets drawn from proposals (B, P, 4) and the objects' own boxes, jittered (B, M, 4).

    objects: (B, M, 4) the true boxes; classes: (B, M) from 0; valid: (B, M) bool. First the jittered boxes,
    then proposals that are objects, ROIS_POSITIVE in all, then background.
    """
    count = jittered.shape[1]
    boxes = torch.cat([jittered, proposals], 1)                                        # (B, M + P, 4)
    best, match = iou(boxes, objects).masked_fill(~valid[:, None], 0).max(2)           # (B, M + P)
    own = torch.arange(boxes.shape[1], device=boxes.device) < count                    # (M + P,)
    match[:, :count] = torch.arange(count, device=boxes.device)
    real = (boxes[..., 2:] > boxes[..., :2]).all(-1)                                   # some are padding
    real[:, :count] &= valid
    positive = real & (own | (best >= ROI_POSITIVE))
    negative = real & ~positive
    luck = torch.rand(best.shape, generator=generator, device=boxes.device)
    # Of u^(1/w) the largest are a sample with weights w (Efraimidis and Spirakis 2006).
    luck = torch.where(negative & (best >= HARD), luck ** (1 / HARD_SHARE), luck)
    # In this order: 3.x own boxes, 2.x other positives, 1.x negatives, 0.x the rest.
    key = luck + negative + positive * 2 + (positive & own)
    key = key.masked_fill(positive & ((key[:, None] > key[..., None]).sum(2) >= ROIS_POSITIVE), -1)
    key, chosen = key.topk(min(ROIS_SAMPLED, key.shape[1]), 1)                         # (B, R)
    sampled, is_object = key >= 1, key >= 2
    boxes, match = pick(boxes, chosen), match.gather(1, chosen)                        # (B, R, 4), (B, R)
    labels = torch.where(is_object, classes.gather(1, match) + 1, 0)                   # (B, R)
    return RoiTargets(boxes, sampled, labels, encode(pick(objects, match), boxes), match,
                      is_object & own[chosen])


def pick(boxes, index):
    """Rows (B, R, 4) of boxes (B, N, 4) by their numbers (B, R)."""
    return boxes.gather(1, index[..., None].expand(-1, -1, 4))
