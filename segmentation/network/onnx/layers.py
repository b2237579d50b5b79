"""TensorFlow's layers with weights as ONNX: convolutions and products that take in biases and normalisation.

Each function is one of segmentation/network/onnx/graph.py's OPS. Two convolutions are computed in other ways than the
graph states, which change nothing but rounding: convolution_of_enlarged and winograd_convolution.
"""

from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """A layer's arrays, to be changed in place: kernel (outputs, ...), bias (outputs,)."""

    kernel: np.ndarray
    bias: np.ndarray
    swapped: bool = False  # its outputs are deltas of boxes, of which TensorFlow's order is y, x, h, w


class Enlarged(NamedTuple):
    """A map of from_hw that is still to be resized to size_hw: see convolution_of_enlarged."""

    x: str
    from_hw: tuple
    size_hw: tuple


def layer(graph, op, node, x, kernel, **attributes):
    """Add a Conv or Gemm of a kernel (outputs, ...), its bias still 0."""
    swapped = bool(node.one("loc_pred_transposed", False))
    kernel = np.array(xywh(kernel) if swapped else kernel, order="C")
    bias = np.zeros(len(kernel), np.float32)
    y = graph.add(op, x, graph.constant(kernel, f"{node.name}/kernel"), graph.constant(bias, f"{node.name}/bias"),
                  is_map=op == "Conv", **attributes)
    graph.layers[y] = Layer(kernel, bias, swapped)
    return y


def xywh(array):
    """Weights (4 n, ...) of deltas y, x, h, w as those of x, y, w, h."""
    return array.reshape(-1, 2, *array.shape[1:])[:, ::-1].reshape(array.shape)


def convolution(graph, node, x, weights):
    if isinstance(x, Enlarged):
        return convolution_of_enlarged(graph, node, x, weights)
    if graph.winograd and node.name == PROPOSAL_LAYER and min(weights.shape[2:]) >= WINOGRAD_CHANNELS:
        return winograd_convolution(graph, node, x, weights)
    return layer(graph, "Conv", node, x, weights.transpose(3, 2, 0, 1), **window(node, weights.shape[:2]))


def depthwise_convolution(graph, node, x, weights):
    height, width, channels, multiplier = weights.shape
    kernel = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return layer(graph, "Conv", node, x, kernel, group=channels, **window(node, (height, width)))


def product(graph, node, x, weights):
    return layer(graph, "Gemm", node, x, weights.T, transB=1)


def convolution_of_enlarged(graph, node, enlarged, weights):
    """A 3x3 convolution of a bilinearly enlarged map, with a tenth of the multiplications.

    The mask head's works at 15x15 places that are made of 4x4. Both steps are linear, so the kernel's nine
    taps may come first, as 1x1 convolutions at the 4x4 places, and one matrix then does what the resizing
    and the shift of each tap do to the 16 * 9 results. Nothing but rounding differs.
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


def enlarging_matrix(from_hw, to_hw, taps_hw):
    """(taps * places before, places after): what each tap finds at its place of the enlarged map.

    Linear between the corners, which stay corners (align_corners); 0 where a tap is beyond the border.

    >>> enlarging_matrix((1, 2), (1, 3), (1, 3)).T      # columns: the left tap's two places, the middle's, ...
    array([[0. , 0. , 1. , 0. , 0.5, 0.5],
           [1. , 0. , 0.5, 0.5, 0. , 1. ],
           [0.5, 0.5, 0. , 1. , 0. , 0. ]], dtype=float32)
    """
    down, across = (taps_along(*sizes) for sizes in zip(from_hw, to_hw, taps_hw))
    matrix = np.einsum("tpi,uqj->tupqij", down, across)
    return matrix.reshape(-1, to_hw[0] * to_hw[1]).astype(np.float32)


def taps_along(before, after, taps):
    """(taps, before, after): the same along one axis."""
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
# The proposals' 3x3 convolution, the widest there is, and of one picture, not of many RoIs.
PROPOSAL_LAYER = "Conv/Conv2D"
# With fewer channels, moving the numbers costs more than the multiplications that are saved (measured).
WINOGRAD_CHANNELS = 512


def winograd_convolution(graph, node, x, weights):
    """A 3x3 convolution with a quarter of the multiplications, in tiles of 4x4.

    The proposals' convolution is a fifth of the network on a large picture, and engines that run at the
    processor's peak can only be made faster by giving them less to do. The result is off by some 1e-5.
    """
    channels, outputs = weights.shape[2:]
    tiles = [graph.add("Div", graph.add("Add", graph.size(x, axis), [3]), [4]) for axis in (2, 3)]
    ends = [graph.add("Sub", graph.add("Mul", graph.add("Add", count, [1]), [4]),
                      graph.add("Add", graph.size(x, axis), [1])) for axis, count in zip((2, 3), tiles)]
    y = graph.add("Pad", x, graph.add("Concat", [0, 0, 1, 1, 0, 0], *ends, axis=0))
    # Each 4x4 block of places as 16 maps; a tile of 6x6 reaches two rows and columns into the next blocks.
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


def block_part(graph, blocks, down, across):
    """The part of all tiles (places, channels * tiles) that lies in the next block down, or across, or in both.

    blocks: (4, 4, channels, blocks down, blocks across)
    """
    last = np.iinfo(np.int64).max
    starts, ends = [0, 0, down, across], [2 if down else 4, 2 if across else 4, last if down else -1,
                                          last if across else -1]
    return graph.reshape(graph.add("Slice", blocks, starts, ends, [0, 1, 3, 4]), [ends[0] * ends[1], -1])


def bias(graph, node, x, values):
    at = graph.layers[x]
    at.bias[:] += xywh(values) if at.swapped else values
    return x


def normalisation(graph, node, x, gamma, beta, mean, variance):
    """Batch normalisation is a factor and a summand for each output of the convolution before it."""
    at, factor = graph.layers[x], gamma / np.sqrt(variance + node.one("epsilon"))
    at.kernel[:] = (at.kernel.T * factor).T
    at.bias[:] = (at.bias - mean) * factor + beta
    return x


def window(node, kernel_hw):
    """The attributes of a Conv or a pool: kernel, strides, padding."""
    strides = node.attributes["strides"][1:3]
    attributes = {"kernel_shape": kernel_hw, "strides": strides}
    if node.one("padding") == "SAME" and (*kernel_hw, *strides) != (1, 1, 1, 1):
        # With stride 1 it depends on the kernel alone; else on the size of the map, as in TensorFlow.
        attributes |= ({"pads": [side // 2 for side in kernel_hw] * 2} if max(strides) == 1
                       else {"auto_pad": "SAME_UPPER"})
    return attributes
