"""The networks that can be built: tables of their layers, their anchors, and which boxes they keep.

There are two trunks, each with the same two stages after it. Inception v2 is the official network's. MobileNet v2 is
the demo graph's: there are free weights for it that have seen millions of photos, and they are small.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

# ---- Inception v2 ----------------------------------------------------------------------------------------
# "3x3/2" is a convolution of 3x3 with stride 2, then batch normalisation and ReLU; "sep" marks a convolution that is
# split into a depthwise and a pointwise half; "max" and "avg" are pools. The layers of a string follow each other. The
# strings of a block are its branches: all get the same input, and their outputs are concatenated. This is Inception v2
# (Ioffe & Szegedy 2015) as TF-slim has it. The text graph has no numbers of channels; only the weights have them.

STEM = "sep7x7/2 max3x3/2 1x1 3x3 max3x3/2"                                     # 192 channels, 1/8 size

TRUNK = {
    "Mixed_3b": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 256
    "Mixed_3c": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 320
    "Mixed_4a": ("1x1 3x3/2", "1x1 3x3 3x3/2", "max3x3/2"),                     # 576, 1/16 size
    "Mixed_4b": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 576
    "Mixed_4c": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 576
    "Mixed_4d": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 576
    "Mixed_4e": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 576
}

# The rest of Inception v2 runs on RoIs, not on the image: first in the box head, then in the mask head.
HEAD = {
    "Mixed_5a": ("1x1 3x3/2", "1x1 3x3 3x3/2", "max3x3/2"),                     # 1024, 4x4 of the RoI's 7x7
    "Mixed_5b": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "avg3x3 1x1"),    # 1024
    "Mixed_5c": ("1x1",       "1x1 3x3",       "1x1 3x3 3x3", "max3x3 1x1"),    # 1024
}

# ---- MobileNet v2 ----------------------------------------------------------------------------------------
# First a convolution of 3x3 with stride 2 to 32 channels, then blocks as in table 2 of Sandler et al. 2018: (how many
# times wider inside, channels that come out, number of blocks, stride of the first). Batch normalisation is folded into
# the convolutions, which have biases instead.

MOBILE_STEM = 32
MOBILE_TRUNK = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1))     # 1/16 size
MOBILE_REST = ((6, 160, 3, 2), (6, 320, 1, 1))
# The rest also runs on the whole picture, without its stride of 2: there it sees what is around an object. So many
# channels of its output, the context, are appended to the trunk's 96. On RoIs only its first and last block are needed.
MOBILE_CONTEXT = 128


class Residual(NamedTuple):
    """An inverted residual block: 1x1 to `hidden` channels, depthwise 3x3, 1x1 to `outputs` channels.

    name: TF-slim's
    expands: False where the first 1x1 is left out
    adds: whether the block's input is added to its output
    dilation: the places that the depthwise convolution reads are so far apart
    """

    name: str
    inputs: int
    hidden: int
    outputs: int
    stride: int
    expands: bool
    adds: bool
    dilation: int = 1


def residual_blocks(table: Iterable[tuple[int, int, int, int]], inputs: int, first: int) -> list[Residual]:
    """The Residuals of a table, numbered from `first`; inputs: channels that go into the first.

    >>> [(block.name, block.hidden, block.adds) for block in residual_blocks(((6, 24, 2, 2),), 16, 1)]
    [('expanded_conv_1', 96, False), ('expanded_conv_2', 144, True)]
    """
    blocks: list[Residual] = []
    for factor, outputs, count, stride in table:
        for index in range(count):
            number = first + len(blocks)
            step = stride if index == 0 else 1
            blocks.append(Residual(f"expanded_conv_{number}" if number else "expanded_conv", inputs, inputs * factor,
                                   outputs, step, factor > 1, step == 1 and inputs == outputs))
            inputs = outputs
    return blocks


MOBILE_TRUNK_BLOCKS = residual_blocks(MOBILE_TRUNK, MOBILE_STEM, 0)
REST = residual_blocks(MOBILE_REST, MOBILE_TRUNK_BLOCKS[-1].outputs, len(MOBILE_TRUNK_BLOCKS))
# As in DeepLab (Chen et al. 2017): the layers after a stride that is left out look twice as far.
MOBILE_CONTEXT_BLOCKS = [block._replace(stride=1, dilation=2 if index else 1) for index, block in enumerate(REST)]
MOBILE_HEAD_BLOCKS = [REST[0]._replace(inputs=REST[0].inputs + MOBILE_CONTEXT), REST[-1]]


# ---- What differs between the two, besides their layers ----------------------------------------------------

class Architecture(NamedTuple):
    """A network, apart from its layers.

    scope: TF-slim's name of the trunk, a part of the names of its layers
    anchor_scales: sides of the square anchors, in parts of ANCHOR_BASE
    mask_cells: the features under a RoI are sampled at so many places a side for its mask, then pooled 2x2; for its
        class and box always at 14
    proposals: so many boxes go to the second stage
    overlap: of two boxes of a class only the better stays where their IoU is above this
    shared: all classes share one box and one mask for each RoI, so that classes with few pictures gain from the others.
        The frozen graph holds copies of these weights for each class that is known
    """

    scope: str
    anchor_scales: tuple[float, ...]
    mask_cells: int
    proposals: int
    overlap: float
    shared: bool


ARCHITECTURES = {
    "inception_v2": Architecture("InceptionV2", (0.25, 0.5, 1.0, 2.0), 14, 100, 0.6, False),
    "mobilenet_v2": Architecture("MobilenetV2", (0.125, 0.25, 0.5, 1.0, 2.0), 28, 50, 0.45, True),
}


def architecture_of(names: Iterable[str]) -> str:
    """The architecture of a frozen graph, found by the names of its constants."""
    return next((name for name, kind in ARCHITECTURES.items()
                 if any(f"/{kind.scope}/" in const for const in names)), "inception_v2")


# ---- Anchors, and which boxes stay -------------------------------------------------------------------------

# Each place of the trunk's output has one anchor of every scale and aspect ratio (width / height).
ANCHOR_STRIDE = 16.0                      # pixels from one place to the next: the stride of the trunk
ANCHOR_BASE = 256.0                       # pixels: the side of the square anchor of scale 1
ANCHOR_ASPECT_RATIOS = (0.5, 1.0, 2.0)

# A predicted box is four deltas to an anchor or a proposal: x and y of the centre, width, height. In training the
# deltas are multiplied by 10, 10, 5 and 5; these factors undo that.
BOX_VARIANCE = [0.1, 0.1, 0.2, 0.2]

# Which boxes stay: settings of cv2.dnn's DetectionOutput. text_graph.py adds those that depend on the architecture and
# on the number of classes.
PROPOSALS: dict[str, Any] = {
    "num_classes": 2, "background_label_id": 0,    # 0 is background, 1 an object of whatever class
    "share_location": True,                        # one box, not one for each class
    "top_k": 6000,                                 # so many of the best go into non-maximum suppression
    "nms_threshold": 0.7,
}
DETECTIONS: dict[str, Any] = {
    "share_location": False,                       # a box for each class
    "confidence_threshold": 0.3,                   # OpenCV's choice: a lower score never reaches the caller
    "keep_top_k": 100,                             # over all classes
    "group_by_classes": False,                     # best first, not class by class
}


def anchor_sizes(architecture: str = "inception_v2") -> tuple[list[float], list[float]]:
    """The widths and the heights of the anchors in pixels: all scales of a ratio, then the next ratio.

    The channels of the predictors have the same order. The first anchor of Inception has scale 0.25, so 64 pixels, and
    ratio 0.5: it is 64 * sqrt(0.5) = 45.25 wide and 64 / sqrt(0.5) = 90.51 high.
    """
    sizes = [(ANCHOR_BASE * scale, ratio ** 0.5)
             for ratio in ANCHOR_ASPECT_RATIOS for scale in ARCHITECTURES[architecture].anchor_scales]
    return [side * root for side, root in sizes], [side / root for side, root in sizes]


POOLS = {"max": "MaxPool", "avg": "AvgPool"}


def parse_layers(layers: str) -> list[tuple[str, str, int, int]]:
    """(name, kind, kernel size, stride) of each layer of a string of Inception's tables.

    kind: "sep", "max", "avg", or "" for a plain convolution. TF-slim's names count the strides of 2 so far, and with
    a, b and c the layers since the last of these:

    >>> [name for name, kind, kernel, stride in parse_layers("1x1 3x3 3x3/2")]
    ['Conv2d_0a_1x1', 'Conv2d_0b_3x3', 'Conv2d_1a_3x3']
    """
    parsed, halvings, since = [], 0, 0
    for layer in layers.split():
        kind, kernel, halves = re.findall(r"^(sep|max|avg)?(\dx\d)(/2)?$", layer)[0]
        if halves:
            halvings, since = halvings + 1, 0
        name = f"{POOLS.get(kind, 'Conv2d')}_{halvings}{'abc'[since]}_{kernel}"
        parsed.append((name, kind, int(kernel[0]), 2 if halves else 1))
        since += 1
    return parsed
