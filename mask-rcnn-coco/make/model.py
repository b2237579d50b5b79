"""The network of the text graph in PyTorch, layer for layer, to train what cv2.dnn will run.

    model = MaskRCNN(num_classes=90, width=0.25)
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

The layers come from the tables that the text graph is built from (text_graph.py); this file adds their
channels. PyTorch keeps arrays as (batch, channels, height, width), TensorFlow channels last.
"""

import math

import targets
import torch
import torch.nn.functional as F
from text_graph import DETECTIONS, HEAD, PROPOSALS, STEM, TRUNK, parse_layers
from torch import nn

BATCH_NORM_EPSILON = 1e-3   # the text graph's, which is TF-slim's
# TF-slim's decay is 0.9997, for 200,000 steps of one picture; for some thousand of eight it must be faster.
BATCH_NORM_MOMENTUM = 0.03
CROP_CELLS = 14             # initial_crop_size, before a max pool of 2x2
PROPOSALS_BEFORE_NMS = 600  # in training, where the last of 6000 do not matter and time does

# Channels of each convolution (Ioffe & Szegedy 2015, as in TF-slim), branch by branch as in text_graph.py.
STEM_CHANNELS = (64, 64, 192)
CHANNELS = {
    "Mixed_3b": ((64,), (64, 64), (64, 96, 96), (32,)),
    "Mixed_3c": ((64,), (64, 96), (64, 96, 96), (64,)),
    "Mixed_4a": ((128, 160), (64, 96, 96), ()),
    "Mixed_4b": ((224,), (64, 96), (96, 128, 128), (128,)),
    "Mixed_4c": ((192,), (96, 128), (96, 128, 128), (128,)),
    "Mixed_4d": ((160,), (128, 160), (128, 160, 160), (96,)),
    "Mixed_4e": ((96,), (128, 192), (160, 192, 192), (96,)),
    "Mixed_5a": ((128, 192), (192, 256, 256), ()),
    "Mixed_5b": ((352,), (192, 320), (160, 224, 224), (128,)),
    "Mixed_5c": ((352,), (192, 320), (192, 224, 224), (128,)),
}
PROPOSAL_CHANNELS, MASK_CHANNELS, ANCHORS = 512, 256, 12

# How much each loss counts; targets.py says what [C], [M] and [P] are. [C]: 1, 2, 1, 2 and 4, where the sums
# over boxes are divided by the number of all samples; here they are by that of the objects among them.
# [M]: class, box and mask. The anchors' boxes: short runs with 0.2 to 1 differed by no more than chance.
LOSS_WEIGHTS = {"object": 1.0, "anchor": 0.5, "class": 1.5, "box": 0.5, "mask": 2.0}
SMOOTH_L1_BETA = 0.5        # [M]; [P], [C]: 1


# ---- Layers, each with the names and layouts of its weights in TensorFlow --------------------------------

def same_padding(size, kernel, stride):
    """(before, after) of TensorFlow's SAME padding of one side; at stride 2 it depends on the size.

    >>> same_padding(353, 7, 2), same_padding(352, 7, 2)
    ((3, 3), (2, 3))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def convolve(x, weight, bias=None, stride=1):
    """A convolution (B, C, H, W) -> (B, O, ceil(H / stride), ceil(W / stride)) with SAME padding."""
    kernel = weight.shape[-1]
    top, bottom = same_padding(x.shape[2], kernel, stride)
    left, right = same_padding(x.shape[3], kernel, stride)
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    return F.conv2d(x, weight, bias, stride, (top, left))


class Convolution(nn.Module):
    """A convolution, batch normalisation and ReLU; `averaged`: with an average pool of 3x3 before all that.

    A mean over places and a sum over channels (a 1x1 convolution) may change places, and after the
    convolution there are far fewer channels to average.
    """

    def __init__(self, scope, inputs, outputs, kernel, stride=1, averaged=False):
        super().__init__()
        self.scope, self.stride, self.averaged = scope, stride, averaged
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel)
                                   * math.sqrt(2 / (inputs * kernel * kernel)))        # He et al. 2015
        self.norm = nn.BatchNorm2d(outputs, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM)

    def forward(self, x):
        x = convolve(x, self.weight, stride=self.stride)
        return F.relu(self.norm(average(x) if self.averaged else x), inplace=True)

    def tensors(self):
        """TensorFlow's name -> (tensor, how to permute its dimensions to TensorFlow's order)."""
        return {f"{self.scope}/weights": (self.weight, (2, 3, 1, 0)), **self.norm_tensors()}

    def norm_tensors(self):
        norm = self.norm
        parts = {"gamma": norm.weight, "beta": norm.bias, "moving_mean": norm.running_mean,
                 "moving_variance": norm.running_var}
        return {f"{self.scope}/BatchNorm/{part}": (tensor, (0,)) for part, tensor in parts.items()}


class SeparableConvolution(Convolution):
    """The stem's 7x7: 8 filters for each of R, G and B, then a 1x1 over these 24; no ReLU in between.

    With nothing but sums in between, the two are one convolution whose weights are their product, which
    takes a third of the time.
    """

    def __init__(self, scope, outputs, stride):
        super().__init__(scope, 3, outputs, 7, stride)
        del self.weight
        self.depthwise = nn.Parameter(torch.randn(3, 8, 7, 7) / 7)
        self.pointwise = nn.Parameter(torch.randn(outputs, 24, 1, 1) * math.sqrt(2 / 24))

    def forward(self, x):
        weight = torch.einsum("ocm,cmyx->ocyx", self.pointwise.view(-1, 3, 8), self.depthwise)  # (O, 3, 7, 7)
        return F.relu(self.norm(convolve(x, weight, stride=self.stride)), inplace=True)

    def tensors(self):
        return {f"{self.scope}/depthwise_weights": (self.depthwise, (2, 3, 0, 1)),
                f"{self.scope}/pointwise_weights": (self.pointwise, (2, 3, 1, 0)), **self.norm_tensors()}


def average(x):
    """The mean of each 3x3 window (B, C, H, W); SAME padding does not count."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class MaxPool(nn.Module):
    """The largest value of each window, with SAME padding."""

    def __init__(self, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        # ceil_mode reaches over the end where SAME pads more after than before.
        before = [same_padding(size, self.kernel, self.stride)[0] for size in x.shape[2:]]
        return F.max_pool2d(x, self.kernel, self.stride, before, ceil_mode=True)


class Predictor(nn.Module):
    """A convolution, or with kernel=None a matrix product, with a bias and nothing after it."""

    def __init__(self, scope, inputs, outputs, kernel=None, std=None, bias=0.0):
        super().__init__()
        self.scope = scope
        window = (kernel, kernel) if kernel else ()
        std = std or math.sqrt(2 / (inputs * math.prod(window)))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *window) * std)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x):
        return convolve(x, self.weight, self.bias) if x.ndim == 4 else F.linear(x, self.weight, self.bias)

    def tensors(self):
        order = (2, 3, 1, 0) if self.weight.ndim == 4 else (1, 0)
        return {f"{self.scope}/weights": (self.weight, order), f"{self.scope}/biases": (self.bias, (0,))}


class Block(nn.Module):
    """An Inception block: branches side by side on one input, their outputs concatenated."""

    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def chain(scope, inputs, layers, channels):
    """(Sequential, channels that come out) of one string of text_graph.py's tables."""
    modules, depth, channels, averaged = [], inputs, iter(channels), False
    for name, kind, kernel, stride in parse_layers(layers):
        if kind == "max":
            modules.append(MaxPool(kernel, stride))
        elif kind == "avg":
            averaged = True  # by the 1x1 convolution that always follows
        else:
            outputs = next(channels)
            modules.append(SeparableConvolution(f"{scope}/{name}", outputs, stride) if kind == "sep"
                           else Convolution(f"{scope}/{name}", depth, outputs, kernel, stride, averaged))
            depth = outputs
    return nn.Sequential(*modules), depth


def blocks(scope, inputs, table, scaled):
    """(list of Blocks, channels that come out) of TRUNK or HEAD."""
    modules, depth = [], inputs
    for block, branches in table.items():
        parts = [chain(f"{scope}/{block}/Branch_{index}", depth, layers, map(scaled, channels))
                 for index, (layers, channels) in enumerate(zip(branches, CHANNELS[block]))]
        modules.append(Block([part for part, _ in parts]))
        depth = sum(outputs for _, outputs in parts)
    return modules, depth


# ---- The network -----------------------------------------------------------------------------------------

class MaskRCNN(nn.Module):
    """Mask R-CNN on Inception v2 for `num_classes` classes; `width` scales its channels, but not below 8."""

    def __init__(self, num_classes=90, width=1.0):
        super().__init__()
        self.num_classes, self.width = num_classes, width

        def scaled(channels):
            return max(8, int(channels * width))

        scope = "FirstStageFeatureExtractor/InceptionV2"
        stem, depth = chain(scope, 3, STEM, map(scaled, STEM_CHANNELS))
        trunk, depth = blocks(scope, depth, TRUNK, scaled)
        self.trunk_layers = nn.Sequential(stem, *trunk)

        # The starting biases and the small last layers say "nothing anywhere" until there is reason not to;
        # without them the first iterations are spent on unlearning noise (measured, [M] in targets.py).
        scope, hidden = "FirstStageBoxPredictor", scaled(PROPOSAL_CHANNELS)
        self.proposal_hidden = Predictor("Conv", depth, hidden, 3)
        self.proposal_scores = Predictor(f"{scope}/ClassPredictor", hidden, ANCHORS * 2, 1, std=0.01)
        self.proposal_deltas = Predictor(f"{scope}/BoxEncodingPredictor", hidden, ANCHORS * 4, 1, std=0.01)

        scope = "SecondStageBoxPredictor"
        head, depth = blocks("SecondStageFeatureExtractor/InceptionV2", depth, HEAD, scaled)
        self.head = nn.Sequential(*head)
        self.class_scores = Predictor(f"{scope}/ClassPredictor", depth, num_classes + 1, std=0.01, bias=-3)
        self.box_deltas = Predictor(f"{scope}/BoxEncodingPredictor", depth, num_classes * 4, std=0.003)
        hidden = scaled(MASK_CHANNELS)
        self.mask_hidden = Predictor(f"{scope}/Conv", depth, hidden, 3)
        self.mask_scores = Predictor(f"{scope}/Conv_1", hidden, num_classes, 3, std=0.02)
        with torch.no_grad():
            self.proposal_scores.bias[1::2] = -2
            self.class_scores.bias[0] = 1

    def trunk(self, images):
        """Features (B, C, H / 16, W / 16) of RGB images (B, 3, H, W) of 0..255."""
        # -1..1 before the first layer pads with zeros, so that the padding is grey.
        return self.trunk_layers(images.float() * (2 / 255) - 1)

    def proposal_layers(self, features):
        """(B, A, 2) logits of background and object, and (B, A, 4) deltas to the anchors."""
        x = F.relu6(self.proposal_hidden(features))                                    # (B, 512, h, w)
        scores, deltas = self.proposal_scores(x), self.proposal_deltas(x)              # (B, 12 * 2, h, w), 4
        count = len(x)
        return (scores.permute(0, 2, 3, 1).reshape(count, -1, 2).float(),
                deltas.permute(0, 2, 3, 1).reshape(count, -1, 4).float())

    def box_layers(self, x):
        """Class logits (R, classes + 1), background first, and deltas (R, classes, 4) of head outputs."""
        x = x.mean((2, 3))                                                             # (R, 1024)
        return self.class_scores(x).float(), self.box_deltas(x).float().view(len(x), -1, 4)

    def mask_layers(self, x):
        """Mask logits (R, classes, 15, 15) of head outputs (R, 1024, 4, 4)."""
        x = F.interpolate(x, (targets.MASK_CELLS,) * 2, mode="bilinear", align_corners=True)
        return self.mask_scores(F.relu(self.mask_hidden(x))).float()

    @torch.no_grad()
    def detect(self, image):
        """What cv2.dnn gives for RGB 0..255 (1, 3, H, W), without the rows of zeros that pad it.

        (1, 1, N, 7) rows (0, class, score, x0, y0, x1, y1), best first, and masks (N, classes, 15, 15).
        """
        features = self.trunk(image)
        scores, deltas = self.proposal_layers(features)
        anchors = targets.anchor_boxes(features.shape[2:], image.shape[2:], image.device)
        proposals = propose(scores, deltas, anchors, PROPOSALS["top_k"])               # (1, 100, 4)
        class_logits, deltas = self.box_layers(self.head(crop_rois(features, proposals)))
        rows = detections(class_logits.softmax(1)[:, 1:], targets.decode(deltas, proposals[0, :, None]))
        masks = self.mask_layers(self.head(crop_rois(features, rows[None, :, 3:])))
        return rows[None, None], masks.sigmoid()

    def losses(self, batch, generator=None):
        """The losses of a dataset.Batch, weighted: a dict of scalars to add up."""
        images, objects, valid = batch.images, batch.boxes, batch.valid
        features = self.trunk(images)
        scores, deltas = self.proposal_layers(features)                                # (B, A, 2), (B, A, 4)
        anchors = targets.anchor_boxes(features.shape[2:], images.shape[2:], images.device)
        with torch.no_grad():
            first = targets.anchor_targets(anchors, objects, valid, generator)
            proposals = propose(scores, deltas, anchors, PROPOSALS_BEFORE_NMS)         # (B, 100, 4)
            rois = targets.roi_targets(proposals, objects, batch.classes, batch.rois, valid, generator)
        x = self.head(crop_rois(features, rois.boxes))                                 # (B * R, 1024, 4, 4)
        class_logits, box_deltas = self.box_layers(x)
        own = rois.jittered.flatten()                                                  # (B * R,)
        picture = torch.arange(len(images), device=own.device)[:, None].expand_as(rois.match)
        wanted = batch.masks[picture.flatten()[own], rois.match.flatten()[own]]        # (N, 15, 15)
        mask_logits = self.mask_layers(x[own]) if own.any() else None
        losses = {**first_stage_losses(scores, deltas, first),
                  **second_stage_losses(class_logits, box_deltas, rois),
                  "mask": mask_loss(mask_logits, rois.classes.flatten()[own], wanted)}
        return {name: loss * LOSS_WEIGHTS[name] for name, loss in losses.items()}

    def tensors(self):
        """TensorFlow's name -> (parameter or buffer, permutation to TensorFlow's order), of every layer."""
        return {name: entry for layer in self.modules() if hasattr(layer, "tensors") and layer is not self
                for name, entry in layer.tensors().items()}

    def consts(self):
        """The weights as a frozen graph holds them: TensorFlow's name -> float32 array in its layout."""
        return {name: tensor.detach().permute(order).float().cpu().contiguous().numpy()
                for name, (tensor, order) in self.tensors().items()}

    @torch.no_grad()
    def load_consts(self, consts):
        """Take over a frozen graph's weights; the names of those that are missing or of another shape."""
        left = []
        for name, (tensor, order) in self.tensors().items():
            view = tensor.permute(order)
            if name in consts and tuple(consts[name].shape) == tuple(view.shape):
                view.copy_(torch.tensor(consts[name], dtype=torch.float32))
            else:
                left.append(name)
        return left

    def freeze_batch_norm(self):
        """From here on normalise by the averages collected so far, as inference does."""
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()


def crop_rois(features, boxes):
    """The features under each box: (B, C, h, w) and (B, R, 4) -> (B * R, C, 7, 7).

    TensorFlow's crop_and_resize, 14 x 14 samples from edge to edge, bilinear, and a max pool. A box's edge
    at 1 is the last row of features, not its far side. Written as two matrix products, rows and then
    columns, which is a fifth of grid_sample's time forward and back, and leaves the channels last.
    """
    down, across = (bilinear_weights(boxes[..., i], boxes[..., i + 2], size).to(features.dtype)
                    for i, size in ((1, features.shape[2]), (0, features.shape[3])))   # (B, R, 14, h), ... w)
    x = features.permute(0, 2, 3, 1)                                                   # (B, h, w, C)
    x = down.flatten(1, 2) @ x.flatten(2)                                              # (B, R * 14, w * C)
    x = x.unflatten(2, (features.shape[3], -1)).unflatten(1, (-1, CROP_CELLS))         # (B, R, 14, w, C)
    x = across[:, :, None] @ x                                                         # (B, R, 14, 14, C)
    return F.max_pool2d(x.flatten(0, 1).permute(0, 3, 1, 2), 2)                        # (B * R, C, 7, 7)


def bilinear_weights(start, end, size):
    """(..., 14, size): how much each of `size` samples counts at 14 places from start (...) to end, 0..1."""
    steps = torch.linspace(0, 1, CROP_CELLS, device=start.device)
    places = (start[..., None] + (end - start)[..., None] * steps) * (size - 1)        # (..., 14)
    return (1 - (places[..., None] - torch.arange(size, device=start.device)).abs()).clamp(min=0)


# ---- From scores to boxes --------------------------------------------------------------------------------

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
def propose(scores, deltas, anchors, top_k):
    """The best 100 boxes (B, 100, 4) after suppression; padded with zeros, as in cv2.dnn.

    scores: (B, A, 2) logits; deltas: (B, A, 4); anchors: (A, 4); top_k: how many suppression looks at
    """
    order = scores.softmax(2)[..., 1].sort(dim=1, descending=True, stable=True)[1][:, :top_k]  # (B, K)
    boxes = targets.decode(targets.pick(deltas, order), anchors[order])                # (B, K, 4)
    keep = suppress(boxes, PROPOSALS["nms_threshold"])
    place = keep.cumsum(1).masked_fill(~keep, 0).clamp(max=PROPOSALS["keep_top_k"] + 1)
    # Place 0 takes what was suppressed, the last place what is beyond 100; both are cut off.
    best = boxes.new_zeros(len(boxes), PROPOSALS["keep_top_k"] + 2, 4)
    best.scatter_(1, place[..., None].expand_as(boxes), boxes)
    return best[:, 1:-1]


def detections(scores, boxes):
    """Rows (N, 7) of scores (R, classes) and boxes (R, classes, 4): suppression by class, then the best."""
    roi, label = (scores > DETECTIONS["confidence_threshold"]).nonzero(as_tuple=True)
    score, order = scores[roi, label].sort(descending=True, stable=True)
    roi, label = roi[order], label[order]
    kept = suppress(boxes[roi, label][None], DETECTIONS["nms_threshold"], label[None])[0]
    roi, label, score = (x[kept][:DETECTIONS["keep_top_k"]] for x in (roi, label, score))
    zero = torch.zeros_like(score)
    return torch.cat([torch.stack([zero, label.float(), score], 1), boxes[roi, label]], 1)


# ---- Losses ----------------------------------------------------------------------------------------------

def box_loss(deltas, wanted):
    """Smooth L1 of deltas (N, 4), the mean over N of the sum over the four; 0 where N is 0."""
    return F.smooth_l1_loss(deltas, wanted, reduction="sum", beta=SMOOTH_L1_BETA) / max(len(deltas), 1)


def first_stage_losses(scores, deltas, wanted):
    """Cross-entropy of object against background, and the anchors' boxes. `wanted`: AnchorTargets."""
    objects = F.cross_entropy(scores[wanted.sampled], wanted.positive[wanted.sampled].long())
    return {"object": objects, "anchor": box_loss(deltas[wanted.positive], wanted.deltas[wanted.positive])}


def second_stage_losses(class_logits, deltas, wanted):
    """Cross-entropy of the class, and the true class's box. `wanted`: RoiTargets."""
    sampled, labels = wanted.sampled.flatten(), wanted.classes.flatten()               # (B * R,)
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
