"""The layers of the networks in PyTorch, each with the names and layouts that its weights have in TensorFlow.

PyTorch keeps arrays as (batch, channels, height, width), TensorFlow with the channels last. `scope` is the first part
of TensorFlow's name of a layer; `forward` takes and gives (B, C, H, W).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import nn

from segmentation.training.architectures import (
    HEAD,
    MOBILE_CONTEXT,
    MOBILE_CONTEXT_BLOCKS,
    MOBILE_HEAD_BLOCKS,
    MOBILE_STEM,
    MOBILE_TRUNK_BLOCKS,
    STEM,
    TRUNK,
    Residual,
    parse_layers,
)

BATCH_NORM_EPSILON = 1e-3   # the text graph's, which is TF-slim's
# TF-slim's decay is 0.9997, for 200,000 iterations of one picture. In some thousand iterations of eight pictures the
# averages must follow faster.
BATCH_NORM_MOMENTUM = 0.03

# Channels of each convolution (Ioffe & Szegedy 2015, as in TF-slim), branch by branch as in architectures.py.
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


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding before and after one side, in pixels. With stride 2 it depends on the side's length.

    >>> same_padding(353, 7, 2), same_padding(352, 7, 2)
    ((3, 3), (2, 3))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def convolve(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor] = None, stride: int = 1,
             groups: int = 1, dilation: int = 1) -> torch.Tensor:
    """A convolution (B, C, H, W) -> (B, O, ceil(H / stride), ceil(W / stride)) with SAME padding."""
    if x.is_cuda and weight.shape[2:] == (1, 1) and stride == groups == 1:
        # One matrix product for all pictures. start.py turns cuDNN off, and without it PyTorch makes one for each.
        return F.linear(x.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)
    kernel = (weight.shape[-1] - 1) * dilation + 1
    top, bottom = same_padding(x.shape[2], kernel, stride)
    left, right = same_padding(x.shape[3], kernel, stride)
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    return F.conv2d(x, weight, bias, stride, (top, left), dilation, groups)


class WeightedLayer(nn.Module):
    """A layer with weights of its own."""

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        """TensorFlow's name -> (parameter or buffer, how to permute its dimensions to TensorFlow's order)."""
        raise NotImplementedError


class Convolution(WeightedLayer):
    """A convolution, batch normalisation and ReLU; `averaged`: an average pool of 3x3 comes first.

    It is computed after the convolution, which is of 1x1 then. The result is the same, as the pool averages over places
    and such a convolution sums over channels, and there are far fewer channels to average.
    """

    def __init__(self, scope: str, inputs: int, outputs: int, kernel: int, stride: int = 1,
                 averaged: bool = False) -> None:
        super().__init__()
        self.scope, self.stride, self.averaged = scope, stride, averaged
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel)
                                   * math.sqrt(2 / (inputs * kernel * kernel)))        # He et al. 2015
        self.norm = nn.BatchNorm2d(outputs, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = convolve(x, self.weight, stride=self.stride)
        return F.relu(self.norm(average(x) if self.averaged else x), inplace=True)

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        return {f"{self.scope}/weights": (self.weight, (2, 3, 1, 0)), **self.norm_tensors()}

    def norm_tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        """`tensors` of the batch normalisation alone."""
        norm = self.norm
        assert norm.running_mean is not None and norm.running_var is not None
        parts = {"gamma": norm.weight, "beta": norm.bias, "moving_mean": norm.running_mean,
                 "moving_variance": norm.running_var}
        return {f"{self.scope}/BatchNorm/{part}": (tensor, (0,)) for part, tensor in parts.items()}


class SeparableConvolution(Convolution):
    """The stem's 7x7: 8 filters for each of R, G and B, then a 1x1 over these 24, without a ReLU between the two.

    So the two are computed as one convolution, whose weights are their product. That takes a third of the time.
    """

    def __init__(self, scope: str, outputs: int, stride: int) -> None:
        super().__init__(scope, 3, outputs, 7, stride)
        del self.weight
        self.depthwise = nn.Parameter(torch.randn(3, 8, 7, 7) / 7)
        self.pointwise = nn.Parameter(torch.randn(outputs, 24, 1, 1) * math.sqrt(2 / 24))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.einsum("ocm,cmyx->ocyx", self.pointwise.view(-1, 3, 8), self.depthwise)  # (O, 3, 7, 7)
        return F.relu(self.norm(convolve(x, weight, stride=self.stride)), inplace=True)

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        return {f"{self.scope}/depthwise_weights": (self.depthwise, (2, 3, 0, 1)),
                f"{self.scope}/pointwise_weights": (self.pointwise, (2, 3, 1, 0)), **self.norm_tensors()}


def average(x: torch.Tensor) -> torch.Tensor:
    """The mean of each 3x3 window, (B, C, H, W); SAME padding does not count."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class MaxPool(nn.Module):
    """The largest value of each window, with SAME padding."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # ceil_mode reaches beyond the end where SAME pads more after than before.
        before = [same_padding(size, self.kernel, self.stride)[0] for size in x.shape[2:]]
        return F.max_pool2d(x, self.kernel, self.stride, before, ceil_mode=True)


class Predictor(WeightedLayer):
    """A convolution, or with kernel=None a matrix product, with a bias and nothing after it.

    std: deviation of the first weights, without it that of He et al. 2015; bias: the first value of all biases
    """

    def __init__(self, scope: str, inputs: int, outputs: int, kernel: Optional[int] = None,
                 std: Optional[float] = None, bias: float = 0.0, stride: int = 1) -> None:
        super().__init__()
        self.scope, self.stride = scope, stride
        window = (kernel, kernel) if kernel else ()
        std = std or math.sqrt(2 / (inputs * math.prod(window)))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *window) * std)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 4:
            return convolve(x, self.weight, self.bias, self.stride)
        return F.linear(x, self.weight, self.bias)

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        order = (2, 3, 1, 0) if self.weight.ndim == 4 else (1, 0)
        return {f"{self.scope}/weights": (self.weight, order), f"{self.scope}/biases": (self.bias, (0,))}


class DepthwiseConvolution(WeightedLayer):
    """A 3x3 convolution of each channel on its own, with a bias."""

    def __init__(self, scope: str, channels: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        self.scope, self.stride, self.dilation = scope, stride, dilation
        self.weight = nn.Parameter(torch.randn(channels, 1, 3, 3) * math.sqrt(2) / 3)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride == 1 or not self.weight.requires_grad or x.is_cuda:
            return convolve(x, self.weight, self.bias, self.stride, len(self.weight), self.dilation)
        # On a CPU computed at all places, of which every second is kept: PyTorch's gradient of a depthwise convolution
        # with a stride takes eight times as long (measured with 2.13). SAME padding says which place is the first.
        down, across = (1 - same_padding(size, self.weight.shape[-1], self.stride)[0] for size in x.shape[2:])
        return convolve(x, self.weight, self.bias, groups=len(self.weight))[..., down::self.stride, across::self.stride]

    def tensors(self) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
        return {f"{self.scope}/depthwise_weights": (self.weight, (2, 3, 0, 1)),
                f"{self.scope}/biases": (self.bias, (0,))}


class ResidualBlock(nn.Module):
    """MobileNet v2's inverted residual block, as a Residual of architectures.py describes it."""

    def __init__(self, scope: str, block: Residual) -> None:
        super().__init__()
        scope = f"{scope}/{block.name}"
        self.adds = block.adds
        self.expand = Predictor(f"{scope}/expand", block.inputs, block.hidden, 1) if block.expands else None
        self.depthwise = DepthwiseConvolution(f"{scope}/depthwise", block.hidden, block.stride, block.dilation)
        self.project = Predictor(f"{scope}/project", block.hidden, block.outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self.expand(x)) if self.expand else x
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class Clipped(nn.Sequential):
    """Layers whose output is cut off at 0 and 6."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu6(super().forward(x))


class WithContext(nn.Module):
    """Features (B, C, h, w), followed by the channels that `layers` make of them."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.layers(x)], 1)


class Behind(nn.Module):
    """`layers` on the channels from number `start` on; the channels before stay as they are."""

    def __init__(self, start: int, layers: nn.Module) -> None:
        super().__init__()
        self.start, self.layers = start, layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :self.start], self.layers(x[:, self.start:])], 1)


class Block(nn.Module):
    """An Inception block: branches that all get the same input; their outputs are concatenated."""

    def __init__(self, branches: Iterable[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def chain(scope: str, inputs: int, layers: str, channels: Iterable[int]) -> tuple[nn.Sequential, int]:
    """(layers, channels that come out) of one string of architectures.py's tables.

    inputs: channels that go in; channels: of each convolution
    """
    modules: list[nn.Module] = []
    depth, widths, averaged = inputs, iter(channels), False
    for name, kind, kernel, stride in parse_layers(layers):
        if kind == "max":
            modules.append(MaxPool(kernel, stride))
        elif kind == "avg":
            averaged = True  # the 1x1 convolution that always follows computes it
        else:
            outputs = next(widths)
            modules.append(SeparableConvolution(f"{scope}/{name}", outputs, stride) if kind == "sep"
                           else Convolution(f"{scope}/{name}", depth, outputs, kernel, stride, averaged))
            depth = outputs
    return nn.Sequential(*modules), depth


def blocks(scope: str, inputs: int, table: Mapping[str, Sequence[str]],
           scaled: Callable[[int], int]) -> tuple[list[nn.Module], int]:
    """(Blocks, channels that come out) of TRUNK or HEAD."""
    modules: list[nn.Module] = []
    depth = inputs
    for block, branches in table.items():
        parts = [chain(f"{scope}/{block}/Branch_{index}", depth, layers, map(scaled, channels))
                 for index, (layers, channels) in enumerate(zip(branches, CHANNELS[block]))]
        modules.append(Block([part for part, _ in parts]))
        depth = sum(outputs for _, outputs in parts)
    return modules, depth


# ---- Whole trunks and heads --------------------------------------------------------------------------------

def trunk_and_head(architecture: str, scaled: Callable[[int], int]) -> tuple[
        nn.Sequential, nn.Sequential, int, nn.Sequential, int]:
    """(first layers, the rest of the trunk, its channels, head, its channels).

    The first layers are those that are not trained: Inception has none. scaled: a number of Inception's channels at
    width 1 -> the number at the width wanted
    """
    first, second = "FirstStageFeatureExtractor", "SecondStageFeatureExtractor"
    if architecture == "mobilenet_v2":
        return mobilenet(f"{first}/MobilenetV2", f"{second}/MobilenetV2")
    stem, depth = chain(f"{first}/InceptionV2", 3, STEM, map(scaled, STEM_CHANNELS))
    trunk, trunk_depth = blocks(f"{first}/InceptionV2", depth, TRUNK, scaled)
    head, head_depth = blocks(f"{second}/InceptionV2", trunk_depth, HEAD, scaled)
    return nn.Sequential(), nn.Sequential(stem, *trunk), trunk_depth, nn.Sequential(*head), head_depth


def mobilenet(first: str, second: str) -> tuple[nn.Sequential, nn.Sequential, int, nn.Sequential, int]:
    """The same for MobileNet v2; first, second: the scopes of the trunk and of the head.

    The first layers are pretrained. They make the trunk's features and the context (see architectures.py). The rest of
    the trunk is one trained layer that reduces the context to MOBILE_CONTEXT channels.
    """
    def stack(scope: str, blocks: Iterable[Residual]) -> list[ResidualBlock]:
        return [ResidualBlock(scope, block) for block in blocks]

    stem = Clipped(Predictor(f"{first}/Conv", 3, MOBILE_STEM, 3, stride=2))
    context = nn.Sequential(*stack(first, MOBILE_CONTEXT_BLOCKS))
    depth, wide = MOBILE_TRUNK_BLOCKS[-1].outputs, MOBILE_CONTEXT_BLOCKS[-1].outputs
    chosen = Behind(depth, Clipped(Predictor(f"{first}/Conv_1", wide, MOBILE_CONTEXT, 1)))
    return (nn.Sequential(stem, *stack(first, MOBILE_TRUNK_BLOCKS), WithContext(context)), nn.Sequential(chosen),
            depth + MOBILE_CONTEXT, nn.Sequential(*stack(second, MOBILE_HEAD_BLOCKS)), MOBILE_HEAD_BLOCKS[-1].outputs)
