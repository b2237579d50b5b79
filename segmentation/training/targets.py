"""Training targets: what the network's outputs should be. Anchors, box coding, matching, sampling.

Boxes are (..., 4) tensors x0, y0, x1, y1 in 0..1 of the picture; only the anchors depend on its size in pixels.
Each function takes a whole batch: B pictures, A anchors, R RoIs in each picture, and M objects, as many as the picture
with most objects has. `valid` (B, M) says which objects of the others are real.

Where the constants come from:
  [P] the Mask R-CNN paper (He et al. 2017) and Faster R-CNN (Ren et al. 2015), whose scheme it keeps
  [C] the model's published training configuration, mask_rcnn_inception_v2_coco.config, and the defaults of
      TensorFlow's object detection API behind it
  [M] measured for training from scratch on a CPU; the comment says what it replaces, and why
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import torch

from segmentation.training.architectures import ANCHOR_STRIDE, BOX_VARIANCE, anchor_sizes

# [M] An anchor belongs to an object if their IoU is at least this; [P], [C]: 0.7. Small pictures have few anchors: at
# 0.7 most objects have only the best one, which every object gets.
ANCHOR_POSITIVE = 0.6
# [M] An anchor below this IoU is background; [P], [C]: 0.3. Anchors between the two limits are not sampled.
ANCHOR_NEGATIVE = 0.35
# [P], [C] So many anchors of each picture are sampled, and so many of them at most are objects.
ANCHORS_SAMPLED, ANCHORS_POSITIVE = 256, 128
# [P], [C] A RoI belongs to the object with the highest IoU, if that is at least this; otherwise it is background.
ROI_POSITIVE = 0.5
# [M] The second stage is trained on so many RoIs of each picture, of which so many may be objects. [C]: 64 and a
# quarter of them. On a CPU RoIs cost most of the time, and with a quarter most of them only teach "background".
ROIS_SAMPLED, ROIS_POSITIVE = 32, 16
# [M] Background with at least this IoU with an object is drawn so many times as often as the rest. Without that, parts
# of an object came to score as high as the whole: five boxes on one airplane.
HARD, HARD_SHARE = 0.1, 3
# [M] The object's own box, each edge moved by up to this part of the box's size, is a RoI as well. Only these RoIs
# train the mask head: at inference it gets the refined box. [P], [C] train it on proposals.
JITTER = 0.06
MASK_CELLS = 15  # [C] mask_height, mask_width


class Batch(NamedTuple):
    """B pictures of one size and what is true of them; boxes are x0, y0, x1, y1 in 0..1.

    M: the objects of the picture that has most of them; for the others `valid` says which are real
    images: may also be what the network's first layers make of them, (B, C, h, w) float8
    rois: the objects' boxes, moved a little at random (JITTER)
    masks: the part of each cell of the RoI that is object, 0..1
    """

    images: torch.Tensor      # (B, 3, H, W) uint8 RGB, in memory channels last
    boxes: torch.Tensor       # (B, M, 4)
    classes: torch.Tensor     # (B, M) from 0
    rois: torch.Tensor        # (B, M, 4)
    masks: torch.Tensor       # (B, M, 15, 15)
    valid: torch.Tensor       # (B, M) bool
    looked: torch.Tensor      # (B, classes) bool: the classes that were looked for in the picture
    everywhere: torch.Tensor  # (B,) bool: these are at least half of the classes that have objects
    image_hw: tuple[int, int]

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in self._asdict().items()
                                 if torch.is_tensor(value)}
        return self._replace(**moved)


# ---- Boxes -----------------------------------------------------------------------------------------------

def anchor_boxes(features_hw: Sequence[int], image_hw: Sequence[int], device: Union[str, torch.device] = "cpu",
                 architecture: str = "inception_v2") -> torch.Tensor:
    """All anchors, (h * w * 12, 4): the 12 of the first place first. The same as OpenCV's PriorBox gives.

    features_hw: height and width of the trunk's output; image_hw: of the picture in pixels. The centres are
    (16x, 16y), without an offset of half a cell. The anchors are clipped to the picture.
    """
    sizes = torch.tensor(anchor_sizes(architecture), device=device).T                 # (12, 2) width, height
    y, x = (torch.arange(n, device=device) * ANCHOR_STRIDE for n in features_hw)
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[:, :, None]         # (h, w, 1, 2)
    corners = torch.cat([centres - sizes / 2, centres + sizes / 2], -1)                # (h, w, 12, 4)
    height, width = image_hw
    return (corners.view(-1, 4) / corners.new_tensor([width, height, width, height])).clamp(0, 1)


def centre_size(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and size, each (..., 2) x then y, of boxes (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def encode(boxes: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """The deltas (..., 4) ty, tx, th, tw that lead from `priors` to `boxes`, both (..., 4).

    The weights have this order ([C] FasterRcnnBoxCoder); cv2.dnn swaps it when it loads them. For example, a prior of
    0.2 x 0.2 around (0.5, 0.5) and a box of the same size 0.02 to the right give (0, 1, 0, 0): 0.02 / 0.2 is 0.1, and
    the variance of x is 0.1.
    """
    variance = boxes.new_tensor(BOX_VARIANCE)
    (centre, size), (prior_centre, prior_size) = centre_size(boxes), centre_size(priors)
    prior_size = prior_size.clamp(min=1e-6)
    shift = (centre - prior_centre) / prior_size / variance[:2]
    stretch = (size.clamp(min=1e-6) / prior_size).log() / variance[2:]
    return torch.cat([shift.flip(-1), stretch.flip(-1)], -1)


def decode(deltas: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """The boxes (..., 4) that deltas (..., 4) ty, tx, th, tw make of `priors`, clipped to 0..1: undoes `encode`."""
    variance = deltas.new_tensor(BOX_VARIANCE)
    prior_centre, prior_size = centre_size(priors)
    centre = prior_centre + deltas[..., :2].flip(-1) * variance[:2] * prior_size
    # Beyond e^10 a box fills the picture anyway. Without a limit, bad first weights would give inf * 0.
    size = prior_size * (deltas[..., 2:].flip(-1) * variance[2:]).clamp(max=10).exp()
    return torch.cat([centre - size / 2, centre + size / 2], -1).clamp(0, 1)


def iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union (..., N, M) of boxes (..., N, 4) and (..., M, 4); 0 where they do not overlap."""
    ax0, ay0, ax1, ay1 = (edge[..., :, None] for edge in a.unbind(-1))                 # (..., N, 1)
    bx0, by0, bx1, by1 = (edge[..., None, :] for edge in b.unbind(-1))                 # (..., 1, M)
    both = ((torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0)).clamp_(min=0)
            * (torch.minimum(ay1, by1) - torch.maximum(ay0, by0)).clamp_(min=0))       # (..., N, M)
    either = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both
    return both / either.clamp_(min=1e-12)


# ---- First stage -----------------------------------------------------------------------------------------

class AnchorTargets(NamedTuple):
    """What the two predictors of the first stage are trained on.

    sampled:  (B, A) bool, the anchors that count
    positive: (B, A) bool, those of them that are objects
    deltas:   (B, A, 4), only to be used where positive
    """

    sampled: torch.Tensor
    positive: torch.Tensor
    deltas: torch.Tensor


def anchor_targets(anchors: torch.Tensor, objects: torch.Tensor, valid: torch.Tensor,
                   generator: Optional[torch.Generator] = None,
                   everywhere: Optional[torch.Tensor] = None) -> AnchorTargets:
    """AnchorTargets of anchors (A, 4) for the objects' boxes (B, M, 4), valid (B, M) bool.

    everywhere: (B,) bool, True where not given. False says that few classes were looked for in a picture. Only anchors
        that touch one of its objects can then be background: others may show an object that is not marked
    """
    overlap = iou(anchors, objects).masked_fill(~valid[:, None], 0)                    # (B, A, M)
    best, match = overlap.max(2)                                                       # (B, A)
    # [P], [C] Every object gets the anchors with the highest IoU, even if that is low.
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


def rank(chosen: torch.Tensor, generator: Optional[torch.Generator] = None) -> torch.Tensor:
    """Each one's place (B, N) in a random order that begins with those `chosen`, (B, N) bool."""
    key = torch.rand(chosen.shape, generator=generator, device=chosen.device) + chosen
    order = key.argsort(1, descending=True)
    places = torch.arange(chosen.shape[1], device=chosen.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


# ---- Second stage ----------------------------------------------------------------------------------------

class RoiTargets(NamedTuple):
    """What the second stage is trained on; R is ROIS_SAMPLED.

    boxes:    (B, R, 4)
    sampled:  (B, R) bool, False where a picture has too few RoIs
    classes:  (B, R) from 1, or 0 for background
    deltas:   (B, R, 4), only to be used where classes > 0
    match:    (B, R) the number of the object
    jittered: (B, R) bool, the RoIs that are an object's own box, jittered: these train the mask head
    """

    boxes: torch.Tensor
    sampled: torch.Tensor
    classes: torch.Tensor
    deltas: torch.Tensor
    match: torch.Tensor
    jittered: torch.Tensor


def roi_targets(proposals: torch.Tensor, objects: torch.Tensor, classes: torch.Tensor, jittered: torch.Tensor,
                valid: torch.Tensor, generator: Optional[torch.Generator] = None) -> RoiTargets:
    """RoiTargets drawn from proposals (B, P, 4) and the objects' own boxes, jittered, (B, M, 4).

    objects: (B, M, 4) the true boxes; classes: (B, M) from 0; valid: (B, M) bool

    They begin with the jittered boxes and then proposals that are objects, together at most ROIS_POSITIVE; the rest is
    background.
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
    # The largest of u^(1/w) are a random sample with weights w (Efraimidis and Spirakis 2006).
    luck = torch.where(negative & (best >= HARD), luck ** (1 / HARD_SHARE), luck)
    # The key sorts them: 3.x own boxes, 2.x other positives, 1.x negatives, 0.x the rest.
    key = luck + negative + positive * 2 + (positive & own)
    key = key.masked_fill(positive & ((key[:, None] > key[..., None]).sum(2) >= ROIS_POSITIVE), -1)
    key, chosen = key.topk(min(ROIS_SAMPLED, key.shape[1]), 1)                         # (B, R)
    sampled, is_object = key >= 1, key >= 2
    boxes, match = pick(boxes, chosen), match.gather(1, chosen)                        # (B, R, 4), (B, R)
    labels = torch.where(is_object, classes.gather(1, match) + 1, 0)                   # (B, R)
    return RoiTargets(boxes, sampled, labels, encode(pick(objects, match), boxes), match,
                      is_object & own[chosen])


def pick(boxes: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows (B, R, 4) of boxes (B, N, 4) by their numbers (B, R)."""
    return boxes.gather(1, index[..., None].expand(-1, -1, 4))
