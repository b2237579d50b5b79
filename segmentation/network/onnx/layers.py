"""TensorFlow's layers with weights in ONNX: convolutions and products, with biases and normalisation inside.

convolution, depthwise_convolution, product, bias and normalisation are among the OPS of
segmentation/network/onnx/graph.py. Two convolutions are computed in another way than the graph says, with the same
result except for rounding: convolution_of_enlarged and winograd_convolution.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

from segmentation.network.text_graph import Node

if TYPE_CHECKING:
    from segmentation.network.onnx.graph import Graph


class Layer(NamedTuple):
    """The arrays of a layer. The next operations change them in place.

    kernel: (outputs, ...)
    bias: (outputs,)
    swapped: its outputs are deltas of boxes; TensorFlow's order of these is y, x, h, w
    """

    kernel: np.ndarray
    bias: np.ndarray
    swapped: bool = False


class Enlarged(NamedTuple):
    """The map `x` of from_hw, which must still be resized to size_hw: see convolution_of_enlarged."""

    x: str
    from_hw: tuple[int, int]
    size_hw: tuple[int, int]


class Dilated(NamedTuple):
    """The map `x`, before a convolution that reads places `rate` apart, (down, across)."""

    x: str
    rate: tuple[int, int]


def layer(graph: "Graph", op: str, node: Node, x: str, kernel: np.ndarray, **attributes: Any) -> str:
    """Add a Conv or a Gemm with a kernel (outputs, ...) and a bias of zeros."""
    swapped = bool(node.one("loc_pred_transposed", False))
    kernel = np.array(xywh(kernel) if swapped else kernel, order="C")
    bias = np.zeros(len(kernel), np.float32)
    y = graph.add(op, x, graph.constant(kernel, f"{node.name}/kernel"), graph.constant(bias, f"{node.name}/bias"),
                  is_map=op == "Conv", **attributes)
    graph.layers[y] = Layer(kernel, bias, swapped)
    return y


def xywh(array: np.ndarray) -> np.ndarray:
    """Weights (4 n, ...) for deltas in the order y, x, h, w, brought into the order x, y, w, h."""
    return array.reshape(-1, 2, *array.shape[1:])[:, ::-1].reshape(array.shape)


def convolution(graph: "Graph", node: Node, x: Union[str, Enlarged, Dilated], weights: np.ndarray) -> str:
    if isinstance(x, Enlarged):
        return convolution_of_enlarged(graph, node, x, weights)
    if isinstance(x, Dilated):
        return dilated_convolution(graph, node, x, weights.transpose(3, 2, 0, 1))
    if (graph.winograd and node.name == PROPOSAL_LAYER and min(weights.shape[2:]) >= WINOGRAD_CHANNELS
            and weights.shape[:2] == (3, 3) and max(node.attributes["strides"]) == 1 and node.one("padding") == "SAME"):
        return winograd_convolution(graph, node, x, weights)
    return layer(graph, "Conv", node, x, weights.transpose(3, 2, 0, 1), **window(node, weights.shape[:2]))


def depthwise_convolution(graph: "Graph", node: Node, x: Union[str, Dilated], weights: np.ndarray) -> str:
    height, width, channels, multiplier = weights.shape
    kernel = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    if isinstance(x, Dilated):
        return dilated_convolution(graph, node, x, kernel, group=channels)
    return layer(graph, "Conv", node, x, kernel, group=channels, **window(node, (height, width)))


def dilated_convolution(graph: "Graph", node: Node, x: Dilated, kernel: np.ndarray, **attributes: Any) -> str:
    """A convolution of a map that is taken apart. kernel: (outputs, inputs, height, width)"""
    pads = [side // 2 * rate for side, rate in zip(kernel.shape[2:], x.rate)] * 2
    return layer(graph, "Conv", node, x.x, kernel, dilations=x.rate, pads=pads, **attributes)


def space_to_batch(graph: "Graph", node: Node, x: str, rate: np.ndarray, paddings: np.ndarray) -> Dilated:
    return Dilated(x, (int(rate[0]), int(rate[1])))


def batch_to_space(graph: "Graph", node: Node, x: str, rate: np.ndarray, crops: np.ndarray) -> str:
    return x  # its convolution has put the map together already


def product(graph: "Graph", node: Node, x: str, weights: np.ndarray) -> str:
    return layer(graph, "Gemm", node, x, weights.T, transB=1)


def convolution_of_enlarged(graph: "Graph", node: Node, enlarged: Enlarged, weights: np.ndarray) -> str:
    """A 3x3 convolution of a bilinearly enlarged map, with a tenth of the multiplications.

    In the mask head the map is enlarged from 4x4 to 15x15 places. Both steps are linear. So the nine taps of the
    kernel can come first, as 1x1 convolutions at the 4x4 places. Then one matrix does the resizing and the shift of
    each tap with the 16 * 9 results. Only rounding differs.
    """
    taps_hw, (inputs, outputs) = weights.shape[:2], weights.shape[2:]
    kernel = np.array(weights.transpose(3, 0, 1, 2).reshape(-1, inputs, 1, 1), order="C")  # (outputs * taps, ...)
    x = graph.add("Conv", enlarged.x, graph.constant(kernel, f"{node.name}/kernel"))
    places = enlarging_matrix(enlarged.from_hw, enlarged.size_hw, taps_hw)
    x = graph.reshape(x, [0, outputs, len(places)])
    x = graph.add("MatMul", x, places)                                                 # (N, outputs, 15 * 15)
    bias = np.zeros(outputs, np.float32)
    x = graph.add("Add", x, graph.constant(bias.reshape(-1, 1), f"{node.name}/bias"))
    y = graph.add("Reshape", x, [0, outputs, *enlarged.size_hw], is_map=True)
    graph.layers[y] = Layer(kernel.reshape(outputs, -1), bias)
    return y


def enlarging_matrix(from_hw: Sequence[int], to_hw: Sequence[int], taps_hw: Sequence[int]) -> np.ndarray:
    """float32 (taps * places before, places after): the part of each place in what a tap reads after the enlarging.

    Linear between the corners, and corners stay corners (align_corners). 0 if a tap is beyond the border.

    >>> enlarging_matrix((1, 2), (1, 3), (1, 3)).T      # columns: the left tap's two places, the middle's, ...
    array([[0. , 0. , 1. , 0. , 0.5, 0.5],
           [1. , 0. , 0.5, 0.5, 0. , 1. ],
           [0.5, 0.5, 0. , 1. , 0. , 0. ]], dtype=float32)
    """
    down, across = (taps_along(*sizes) for sizes in zip(from_hw, to_hw, taps_hw))
    matrix = np.einsum("tpi,uqj->tupqij", down, across)
    return matrix.reshape(-1, to_hw[0] * to_hw[1]).astype(np.float32)


def taps_along(before: int, after: int, taps: int) -> np.ndarray:
    """(taps, before, after): the same as enlarging_matrix, along one axis."""
    position = np.arange(after) * (before - 1) / max(after - 1, 1)
    enlarge = np.maximum(1 - np.abs(position - np.arange(before)[:, None]), 0)         # (before, after)
    padded = np.pad(enlarge, ((0, 0), (taps // 2, taps // 2)))
    return np.stack([padded[:, tap:tap + after] for tap in range(taps)])


# Winograd's matrices for 4x4 outputs of a 3x3 kernel from 6x6 inputs, F(4x4, 3x3): Lavin and Gray, "Fast
# Algorithms for Convolutional Neural Networks" (2015).
WINOGRAD_INPUT = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
                           [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]], np.float64)
WINOGRAD_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
WINOGRAD_OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
# The 3x3 convolution of the proposals: the widest of all, and it runs on one image, not on many RoIs.
PROPOSAL_LAYER = "Conv/Conv2D"
# With fewer channels, moving the numbers costs more than the saved multiplications (measured).
WINOGRAD_CHANNELS = 512


def winograd_convolution(graph: "Graph", node: Node, x: str, weights: np.ndarray) -> str:
    """A 3x3 convolution with a quarter of the multiplications, in tiles of 4x4.

    The convolution of the proposals is a fifth of all computation on a large image. An engine that already runs at the
    processor's peak gets faster only with less work. The result differs by about 1e-5.
    """
    channels, outputs = weights.shape[2:]
    tiles = [graph.add("Div", graph.add("Add", graph.size(x, axis), [3]), [4]) for axis in (2, 3)]
    ends = [graph.add("Sub", graph.add("Mul", graph.add("Add", count, [1]), [4]),
                      graph.add("Add", graph.size(x, axis), [1])) for axis, count in zip((2, 3), tiles)]
    y = graph.add("Pad", x, graph.add("Concat", [0, 0, 1, 1, 0, 0], *ends, axis=0))
    # Each 4x4 block of places becomes 16 maps. A tile of 6x6 has two rows and columns of the next blocks.
    y = graph.add("SpaceToDepth", y, blocksize=4)
    blocks = [graph.add("Add", count, [1]) for count in tiles]
    y = graph.reshape(y, graph.add("Concat", [4, 4, channels], *blocks, axis=0))
    y = graph.add("Concat", *(block_part(graph, y, down, across) for down in (0, 1) for across in (0, 1)), axis=0)
    rows = np.concatenate([(np.arange(6)[own] * 6)[:, None] + np.arange(6)[other] for own in (slice(4), slice(4, 6))
                           for other in (slice(4), slice(4, 6))], axis=None)
    y = graph.add("MatMul", np.kron(WINOGRAD_INPUT, WINOGRAD_INPUT)[:, rows], y)       # (36, channels * tiles)
    y = graph.reshape(y, [36, channels, -1])
    kernel = np.einsum("ik,klco,jl->ijoc", WINOGRAD_KERNEL, weights, WINOGRAD_KERNEL)
    kernel = kernel.reshape(36, outputs, channels).astype(np.float32)
    y = graph.add("MatMul", kernel, y)                                                 # (36, outputs, tiles)
    y = graph.add("MatMul", np.kron(WINOGRAD_OUTPUT, WINOGRAD_OUTPUT) * 1.0, graph.reshape(y, [36, -1]))
    y = graph.reshape(y, graph.add("Concat", [1, 16 * outputs], *tiles, axis=0))
    y = graph.add("DepthToSpace", y, blocksize=4, mode="DCR")
    y = graph.add("Slice", y, [0, 0], graph.add("Concat", graph.size(x, 2), graph.size(x, 3), axis=0), [2, 3])
    bias = np.zeros(outputs, np.float32)
    y = graph.add("Add", y, graph.constant(bias.reshape(-1, 1, 1), f"{node.name}/bias"), is_map=True)
    graph.layers[y] = Layer(kernel.transpose(1, 0, 2), bias)
    return y


def block_part(graph: "Graph", blocks: str, down: int, across: int) -> str:
    """The part of all tiles that lies in one block, (places, channels * tiles).

    blocks: (4, 4, channels, blocks down, blocks across)
    down, across: 0 for the tile's own block, 1 for the next block in that direction
    """
    last = np.iinfo(np.int64).max
    starts, ends = [0, 0, down, across], [2 if down else 4, 2 if across else 4, last if down else -1,
                                          last if across else -1]
    return graph.reshape(graph.add("Slice", blocks, starts, ends, [0, 1, 3, 4]), [ends[0] * ends[1], -1])


def bias(graph: "Graph", node: Node, x: str, values: np.ndarray) -> str:
    at = graph.layers[x]
    at.bias[:] += xywh(values) if at.swapped else values
    return x


def normalisation(graph: "Graph", node: Node, x: str, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray,
                  variance: np.ndarray) -> str:
    """Batch normalisation: a factor and a summand for each output of the convolution before it."""
    at, factor = graph.layers[x], gamma / np.sqrt(variance + node.one("epsilon"))
    at.kernel[:] = (at.kernel.T * factor).T
    at.bias[:] = (at.bias - mean) * factor + beta
    return x


def window(node: Node, kernel_hw: Sequence[int]) -> dict[str, Any]:
    """The attributes of a Conv or a pool: kernel, strides, padding."""
    strides = node.attributes["strides"][1:3]
    attributes: dict[str, Any] = {"kernel_shape": kernel_hw, "strides": strides}
    if node.one("padding") == "SAME" and (*kernel_hw, *strides) != (1, 1, 1, 1):
        # As in TensorFlow: with stride 1 the padding depends only on the kernel, otherwise on the map's size too.
        attributes |= ({"pads": [side // 2 for side in kernel_hw] * 2} if max(strides) == 1
                       else {"auto_pad": "SAME_UPPER"})
    return attributes
