"""The network of the text graph in PyTorch, layer for layer, to train what cv2.dnn will run.

    model = TorchMaskRCNN(num_classes=90, width=0.25)
    losses = model.losses(batch)                      # for training: a dict of scalars
    rows, masks = model.eval().detect(image)          # for inference: what cv2.dnn gives
    consts = model.consts()                           # TensorFlow's names and layouts, for a frozen graph

What an image passes through, with the channels at width 1.0:

    trunk             Inception v2 up to Mixed_4e             (B, 576, H / 16, W / 16)
    proposal_layers   12 anchors at each place                (B, A, 2) logits, (B, A, 4) deltas
    propose           the best 100 boxes of a picture         (B, 100, 4)
    crop_rois         features under each box                 (B * 100, 576, 7, 7)
    head              Mixed_5a to 5c                          (B * 100, 1024, 4, 4)
    box_layers        classes, and a box for each             (B * 100, 91), (B * 100, 90, 4)
    mask_layers       after another crop_rois and head        (N, 90, 15, 15)

The layers come from the tables that the text graph is built from (architectures.py); layers.py adds their channels.
PyTorch keeps arrays as (batch, channels, height, width), TensorFlow with the channels last.
"""

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from segmentation.training import targets
from segmentation.training.architectures import ANCHOR_ASPECT_RATIOS, ARCHITECTURES, PROPOSALS
from segmentation.training.classes import (
    BOXES,
    CLASS_BIAS,
    CLASSES,
    MASKS,
    NEVER,
    SHARED,
    at_classes,
    classes_known,
    for_each_class,
    shared_by_all,
    without_unknown,
)
from segmentation.training.layers import Predictor, WeightedLayer, trunk_and_head
from segmentation.training.losses import LOSS_WEIGHTS, first_stage_losses, mask_loss, second_stage_losses
from segmentation.training.selecting import detections, propose

CROP_CELLS = 14  # initial_crop_size, before a max pool of 2x2
# In training non-maximum suppression gets 600 boxes and leaves 100. At inference it gets 6000; the last of them hardly
# change what is learnt, and they take time.
PROPOSALS_BEFORE_NMS, PROPOSALS_IN_TRAINING = 600, 100
PROPOSAL_CHANNELS, MASK_CHANNELS = 512, 256


class TorchMaskRCNN(nn.Module):
    """Mask R-CNN in PyTorch for `num_classes` classes (network/mask_rcnn.py has the one that the scripts run).

    width: scales the channels, but to no fewer than 8. Of a MobileNet it scales the predictors alone, because the
        trunk has the channels of its pretrained weights
    known: (num_classes,) bool, the classes that can be found; all of them, until the caller leaves some out
    """

    known: torch.Tensor

    def __init__(self, num_classes: int = 90, width: float = 1.0, architecture: str = "inception_v2") -> None:
        super().__init__()
        self.num_classes, self.width, self.architecture = num_classes, width, architecture
        kind = ARCHITECTURES[architecture]
        self.mask_cells, self.proposals = kind.mask_cells, kind.proposals
        self.overlap, self.shared = kind.overlap, kind.shared
        self.register_buffer("known", torch.ones(num_classes, dtype=torch.bool))
        self.first_layers, self.trunk_layers, depth, self.head, head_depth = trunk_and_head(architecture, self.scaled)

        # At the start the biases and the small last layers say "nothing anywhere". Without that, the first iterations
        # are spent on unlearning noise (measured: [M] in targets.py).
        scope, hidden = "FirstStageBoxPredictor", self.scaled(PROPOSAL_CHANNELS)
        anchors = len(kind.anchor_scales) * len(ANCHOR_ASPECT_RATIOS)
        self.proposal_hidden = Predictor("Conv", depth, hidden, 3)
        self.proposal_scores = Predictor(f"{scope}/ClassPredictor", hidden, anchors * 2, 1, std=0.01)
        self.proposal_deltas = Predictor(f"{scope}/BoxEncodingPredictor", hidden, anchors * 4, 1, std=0.01)

        maps = 1 if self.shared else num_classes
        self.class_scores = Predictor(CLASSES, head_depth, num_classes + 1, std=0.01, bias=CLASS_BIAS)
        self.box_deltas = Predictor(BOXES, head_depth, maps * 4, std=0.003)
        hidden = self.scaled(MASK_CHANNELS)
        self.mask_hidden = Predictor("SecondStageBoxPredictor/Conv", head_depth, hidden, 3)
        self.mask_scores = Predictor(MASKS, hidden, maps, 3, std=0.02)
        with torch.no_grad():
            self.proposal_scores.bias[1::2] = -2
            self.class_scores.bias[0] = 1

    def scaled(self, channels: int) -> int:
        """So many channels at width 1.0 -> at this width."""
        return max(8, int(channels * self.width))

    # ---- Parts of the network ----

    def set_known(self, known: np.ndarray) -> None:
        """Set which classes can be found: bool (num_classes,)."""
        self.known.copy_(torch.from_numpy(known))

    def trunk(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, C, H / 16, W / 16) of RGB images (B, 3, H, W) of 0..255."""
        return self.trunk_layers(self.before_trunk(images))

    def before_trunk(self, images: torch.Tensor) -> torch.Tensor:
        """What the first layers make of RGB images (B, 3, H, W) of 0..255."""
        # Scaled to -1..1 before the first layer pads with zeros, so the padding is grey.
        return self.first_layers(images.float() * (2 / 255) - 1)

    def proposal_layers(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, A, 2) logits of background and object, and (B, A, 4) deltas to the anchors."""
        x = F.relu6(self.proposal_hidden(features))                                    # (B, 512, h, w)
        scores, deltas = self.proposal_scores(x), self.proposal_deltas(x)              # (B, 12 * 2, h, w), 12 * 4
        count = len(x)
        return (scores.permute(0, 2, 3, 1).reshape(count, -1, 2).float(),
                deltas.permute(0, 2, 3, 1).reshape(count, -1, 4).float())

    def box_layers(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Class logits (R, classes + 1), background first, and deltas (R, classes, 4) of head outputs."""
        x = x.mean((2, 3))                                                             # (R, 1024)
        scores = self.class_scores(x).float()
        scores = torch.cat([scores[:, :1], scores[:, 1:].masked_fill(~self.known, NEVER)], 1)
        return scores, self.box_deltas(x).float().view(len(x), -1, 4).expand(-1, self.num_classes, -1)

    def mask_layers(self, x: torch.Tensor) -> torch.Tensor:
        """Mask logits (R, classes, 15, 15) of head outputs (R, 1024, 4, 4)."""
        x = F.interpolate(x, (targets.MASK_CELLS,) * 2, mode="bilinear", align_corners=True)
        return self.mask_scores(F.relu(self.mask_hidden(x))).float().expand(-1, self.num_classes, -1, -1)

    # ---- Inference and training ----

    @torch.no_grad()
    def detect(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What cv2.dnn gives for an RGB image of 0..255 (1, 3, H, W), without the rows of zeros that pad it.

        (1, 1, N, 7) rows (0, class, score, x0, y0, x1, y1), best first, and masks (N, classes, 15, 15).
        """
        features = self.trunk(image)
        scores, deltas = self.proposal_layers(features)
        anchors = targets.anchor_boxes(features.shape[2:], image.shape[2:], image.device, self.architecture)
        proposals = propose(scores, deltas, anchors, PROPOSALS["top_k"], self.proposals)  # (1, 100, 4)
        class_logits, deltas = self.box_layers(self.head(crop_rois(features, proposals)))
        rows = detections(class_logits.softmax(1)[:, 1:], targets.decode(deltas, proposals[0, :, None]),
                          self.overlap)
        masks = self.mask_layers(self.head(crop_rois(features, rows[None, :, 3:], self.mask_cells)))
        return rows[None, None], masks.sigmoid()

    def losses(self, batch: targets.Batch, generator: Optional[torch.Generator] = None) -> dict[str, torch.Tensor]:
        """The weighted losses of a batch: a dict of scalars to add up. The generator draws the samples."""
        objects, valid = batch.boxes, batch.valid
        kept = batch.images.is_floating_point()  # what the first layers made of the images
        features = self.trunk_layers(batch.images.float()) if kept else self.trunk(batch.images)
        scores, deltas = self.proposal_layers(features)                                # (B, A, 2), (B, A, 4)
        anchors = targets.anchor_boxes(features.shape[2:], batch.image_hw, features.device, self.architecture)
        with torch.no_grad():
            first = targets.anchor_targets(anchors, objects, valid, generator, batch.everywhere)
            proposals = propose(scores, deltas, anchors, PROPOSALS_BEFORE_NMS, PROPOSALS_IN_TRAINING)
            rois = targets.roi_targets(proposals, objects, batch.classes, batch.rois, valid, generator)
        x = self.head(crop_rois(features, rois.boxes))                                 # (B * R, 1024, 4, 4)
        class_logits, box_deltas = self.box_layers(x)
        losses = {**first_stage_losses(scores, deltas, first),
                  **second_stage_losses(class_logits, box_deltas, rois, batch.looked),
                  "mask": self.mask_loss(features, x, rois, batch.masks)}
        return {name: loss * LOSS_WEIGHTS[name] for name, loss in losses.items()}

    def mask_loss(self, features: torch.Tensor, x: torch.Tensor, rois: targets.RoiTargets,
                  masks: torch.Tensor) -> torch.Tensor:
        """The loss of the masks on the objects' own RoIs.

        x: (B * R, 1024, 4, 4), what the head made of all RoIs; masks: (B, M, 15, 15), those of the batch
        """
        own = rois.jittered                                                            # (B, R)
        picture = torch.arange(len(own), device=own.device)[:, None].expand_as(own)
        wanted = masks[picture[own], rois.match[own]]                                  # (N, 15, 15)
        if not own.any():
            return wanted.sum()
        if self.mask_cells == CROP_CELLS:
            x = x[own.flatten()]
        else:
            most = int(own.sum(1).max())  # an object's own RoIs stand first
            rows = crop_rois(features, rois.boxes[:, :most], self.mask_cells)
            x = self.head(rows[own[:, :most].flatten()])
        return mask_loss(self.mask_layers(x), rois.classes[own], wanted)

    # ---- Weights ----

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        """Of every layer: TensorFlow's name -> (parameter or buffer, permutation to TensorFlow's order)."""
        return {name: entry for layer in self.modules() if isinstance(layer, WeightedLayer)
                for name, entry in layer.tensors().items()}

    def consts(self) -> dict[str, np.ndarray]:
        """The weights as a frozen graph holds them: TensorFlow's name -> float32 array in its layout."""
        consts = {name: tensor.detach().permute(order).float().cpu().contiguous().numpy()
                  for name, (tensor, order) in self.tensors().items()}
        known = self.known.cpu().numpy()
        return without_unknown(for_each_class(consts, known) if self.shared else consts, known)

    def class_consts(self) -> dict[str, np.ndarray]:
        """The weights that each class has for itself, as a frozen graph holds them."""
        layers = (CLASSES,) if self.shared else (CLASSES, BOXES, MASKS)
        return {name: tensor.detach().permute(order).float().cpu().contiguous().numpy()
                for name, (tensor, order) in self.tensors().items() if name.rpartition("/")[0] in layers}

    @torch.no_grad()
    def load_consts(self, consts: Mapping[str, np.ndarray], classes: Optional[Sequence[int]] = None) -> list[str]:
        """Load a frozen graph's weights. The names of those that are missing or of another shape.

        classes: for each class the graph's class that it is, -1 for one that the graph lacks; None: the same classes
        """
        left = []
        if self.shared and SHARED[0] in consts:
            consts = without_unknown(shared_by_all(consts), classes_known(consts), CLASS_BIAS)
        if classes is not None:
            consts = at_classes(consts, self.class_consts(), classes)
        for name, (tensor, order) in self.tensors().items():
            view = tensor.permute(order)
            if name in consts and tuple(consts[name].shape) == tuple(view.shape):
                view.copy_(torch.tensor(consts[name], dtype=torch.float32))
            else:
                left.append(name)
        return left

    def freeze_batch_norm(self) -> None:
        """From here on normalise by the averages collected so far, as inference does."""
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()


def crop_rois(features: torch.Tensor, boxes: torch.Tensor, cells: int = CROP_CELLS) -> torch.Tensor:
    """The features under each box: (B, C, h, w) and (B, R, 4) -> (B * R, C, 7, 7), for 14 `cells` a side.

    This is TensorFlow's crop_and_resize: 14 x 14 bilinear samples from edge to edge of the box; then a max pool of
    2x2. A box's edge at 1 is the last row of features, not its far side. Two matrix products, for rows and then for
    columns, take a fifth of grid_sample's time forward and back, and leave the channels last.
    """
    down, across = (bilinear_weights(boxes[..., i], boxes[..., i + 2], size, cells).to(features.dtype)
                    for i, size in ((1, features.shape[2]), (0, features.shape[3])))   # (B, R, 14, h), ... w)
    x = features.permute(0, 2, 3, 1)                                                   # (B, h, w, C)
    x = down.flatten(1, 2) @ x.flatten(2)                                              # (B, R * 14, w * C)
    x = x.unflatten(2, (features.shape[3], -1)).unflatten(1, (-1, cells))              # (B, R, 14, w, C)
    x = across[:, :, None] @ x                                                         # (B, R, 14, 14, C)
    return F.max_pool2d(x.flatten(0, 1).permute(0, 3, 1, 2), 2)                        # (B * R, C, 7, 7)


def bilinear_weights(start: torch.Tensor, end: torch.Tensor, size: int, cells: int) -> torch.Tensor:
    """(..., cells, size): the weight of each of `size` rows at `cells` places from start (...) to end, 0..1."""
    steps = torch.linspace(0, 1, cells, device=start.device)
    places = (start[..., None] + (end - start)[..., None] * steps) * (size - 1)        # (..., cells)
    return (1 - (places[..., None] - torch.arange(size, device=start.device)).abs()).clamp(min=0)
