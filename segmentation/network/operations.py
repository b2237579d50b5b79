"""The operations that a text graph may have: what each one reads, its settings, and the shape of what comes out.

OPS, at the end, has an Operation for each. segmentation/network/graph_check.py follows them through a whole graph. What
is not here is refused, because cv2.dnn reads beyond its arrays if a graph asks for what does not fit, and that ends the
process. The rules are as narrow as the known graphs allow. They are also what the ONNX model relies on
(segmentation/network/onnx/graph.py has a function for each operation here).

Each rule takes the Node and what it reads, and returns the Value that it gives, or raises Misfit. It reads a Value,
or an array if the input is a constant. Shapes are TensorFlow's: maps are (N, H, W, C). They are those for an image of
IMAGE_HW and for N_OF regions, numbers that no graph names by chance.
"""

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Union

import numpy as np

from segmentation.network.text_graph import Node
from segmentation.wording import counted

# 16 k + 1, so all four maps on the way to the trunk's output have an odd side: an even one would hide the difference
# between rounding up and down.
IMAGE_HW = (209, 289)
N_OF = {"detection_out": 97, "detection_out_final": 89}
KERNELS, POOLS, CROPS, RESIZED = range(1, 16), range(1, 8), range(2, 65), range(2, 65)
MOST_BOXES, LARGEST_ANCHOR, LARGEST_STEP = 10_000, 10_000, 64


class Misfit(Exception):
    """What is wrong with a node, in words that continue "its node NAME"."""


class Value(NamedTuple):
    """What a node gives.

    kind: "map" (N, H, W, C); "planes", a map as (N, C, H, W); "rows" (1, 1, N, 7), detections; "anchors" (boxes, 4);
        "enlarged", a map of RoIs that only a convolution may read; "apart", a map taken apart for a dilated
        convolution; "array", anything else
    deltas: whether it has deltas of boxes in the order x, y, w, h, which cv2.dnn and the ONNX model swap at loading
    rate: if it is taken apart, (places between two that a convolution reads, whether the convolution was done)
    paddings: if it is taken apart, (rows, columns) added on each side
    """

    shape: tuple[int, ...]
    kind: str = "array"
    deltas: bool = False
    rate: tuple[int, bool] = (1, False)
    paddings: tuple[int, int] = (0, 0)


class Setting(NamedTuple):
    """What an attribute of a node must be: a test of its values, and the same in words. needed: it must be there."""

    test: Callable[[tuple], bool]
    words: str
    needed: bool = True


class Operation(NamedTuple):
    """One operation.

    rule: as at the top of this file
    inputs: for each input, the kinds of Value that it may be, or "floats" or "integers" if it must be a constant,
        separated by spaces. "..." at the end: the first may come several times
    settings: its attributes
    takes_deltas: whether it may read deltas
    """

    rule: Callable[..., Value]
    inputs: tuple[str, ...]
    settings: dict[str, Setting]
    takes_deltas: bool = False


def require(condition: Any, words: str) -> None:
    """Raise Misfit with these words if the condition does not hold."""
    if not condition:
        raise Misfit(words)


# ---- Settings ------------------------------------------------------------------------------------------------

def exactly(value: Any, needed: bool = True) -> Setting:
    return Setting(lambda values: values == (value,) and type(values[0]) is type(value), str(value), needed)


def number(low: float, high: float, kind: type[float] = float, needed: bool = True) -> Setting:
    def test(values: tuple) -> bool:
        return len(values) == 1 and type(values[0]) is kind and bool(low <= values[0] <= high)
    return Setting(test, f"{'a whole number, ' if kind is int else ''}{low} to {high}", needed)


def floats(low: float, high: float) -> Setting:
    return Setting(lambda values: all(type(value) is float and low <= value <= high for value in values),
                   f"numbers, {low} to {high}")


def square(sides: Sequence[int]) -> Setting:
    """(1, n, n, 1) of whole numbers, n among `sides`."""
    return Setting(lambda values: values in [(1, side, side, 1) for side in sides] and bool not in map(type, values),
                   f"1, n, n, 1 with n {sides[0]} to {sides[-1]}")


FLAG = Setting(lambda values: values in ((True,), (False,)) and type(values[0]) is bool, "true or false")
FORMAT = {"data_format": exactly("NHWC")}
WINDOW = {**FORMAT, "strides": square((1, 2)),
          "padding": Setting(lambda values: values in (("SAME",), ("VALID",)), "SAME or VALID")}
CONVOLUTION = {**WINDOW, "dilations": square((1,))._replace(needed=False)}
DELTAS = {"loc_pred_transposed": FLAG._replace(needed=False)}
AXIS = {"axis": number(-4, 4, int)}


# ---- Layers on maps ------------------------------------------------------------------------------------------

def placeholder(node: Node) -> Value:
    return Value((1, *IMAGE_HW, 3), "map")


def after_window(node: Node, x: Value, kernel_hw: Sequence[int], sides: Sequence[int]) -> tuple[int, int, int]:
    """(N, height, width) of a map after a window of that kernel, with the node's strides and padding."""
    stride, same = node.attributes["strides"][1], node.one("padding") == "SAME"
    require(all(side in sides for side in kernel_hw), f"has a window of {kernel_hw[0]}x{kernel_hw[1]}")
    require(not same or stride > 1 or all(side % 2 for side in kernel_hw),
            "has a window with an even side and SAME padding")
    height, width = ((size - 1 if same else size - side) // stride + 1 for size, side in zip(x.shape[1:3], kernel_hw))
    return x.shape[0], height, width


def channels_of(x: Value, weights: np.ndarray, rank: int, axis: int) -> None:
    """Raise Misfit if a kernel has not that many axes, or is not for as many channels as its input has."""
    require(weights.ndim == rank, f"needs weights with {counted(rank, 'axis', 'axes')}, got {weights.ndim}")
    require(weights.shape[axis] == x.shape[-1],
            f"has weights for {counted(weights.shape[axis], 'channel')}, but its input has {x.shape[-1]}")


def swaps(node: Node, channels: int) -> bool:
    """Whether the outputs of a layer are deltas of boxes."""
    deltas = bool(node.one("loc_pred_transposed", False))
    require(not deltas or channels % 4 == 0,
            f"gives deltas of boxes, but {counted(channels, 'number')}, not four for each")
    return deltas


def convolution(node: Node, x: Value, weights: np.ndarray) -> Value:
    channels_of(x, weights, 4, 2)
    if x.kind == "apart":
        return dilated(node, x, weights.shape[:2], weights.shape[3])
    require(x.kind == "map" or (node.one("padding"), node.attributes["strides"][1]) == ("SAME", 1),
            "must be SAME with stride 1 on an enlarged map")
    shape = *after_window(node, x, weights.shape[:2], KERNELS), weights.shape[3]
    return Value(shape, "map", swaps(node, shape[3]))


def depthwise(node: Node, x: Value, weights: np.ndarray) -> Value:
    channels_of(x, weights, 4, 2)
    channels = weights.shape[2] * weights.shape[3]
    if x.kind == "map":
        return Value((*after_window(node, x, weights.shape[:2], KERNELS), channels), "map")
    return dilated(node, x, weights.shape[:2], channels)


def dilated(node: Node, x: Value, kernel_hw: Sequence[int], channels: int) -> Value:
    """What a convolution gives on a map that is taken apart."""
    require(all(side in KERNELS and side % 2 for side in kernel_hw) and node.attributes["strides"][1] == 1
            and node.one("padding") == "VALID" and not x.rate[1]
            and x.paddings == tuple(side // 2 * x.rate[0] for side in kernel_hw),
            "must have the map's paddings and odd sides, and be VALID with stride 1, on a map that is taken apart")
    return Value((*x.shape[:3], channels), "apart", rate=(x.rate[0], True))


def take_apart(node: Node, x: Value, rate: np.ndarray, paddings: np.ndarray) -> Value:
    step, sides = int(rate.flat[0]), paddings.reshape(-1).tolist()
    require(rate.tolist() == [step] * 2 and 2 <= step <= 8, f"has the block {rate.tolist()}")
    require(len(sides) == 4 and sides[::2] == sides[1::2] and 0 <= min(sides) <= max(sides) <= 64,
            f"has the paddings {paddings.tolist()}")
    return x._replace(kind="apart", rate=(step, False), paddings=(sides[0], sides[2]))


def put_together(node: Node, x: Value, rate: np.ndarray, crops: np.ndarray) -> Value:
    require(x.rate == (rate.flat[0], True) and rate.tolist() == [x.rate[0]] * 2 and crops.size == 4
            and not crops.any(), "must undo the SpaceToBatchND before its convolution")
    return x._replace(kind="map", rate=(1, False))


def bias(node: Node, x: Value, values: np.ndarray) -> Value:
    require(values.shape == x.shape[-1:],
            f"has {counted(values.size, 'bias', 'biases')} for {counted(x.shape[-1], 'channel')}")
    return x


def normalisation(node: Node, x: Value, *arrays: np.ndarray) -> Value:
    require(all(array.shape == x.shape[-1:] for array in arrays),
            f"needs four arrays of {counted(x.shape[-1], 'number')}, got "
            f"{', '.join(str(array.shape) for array in arrays)}")
    require(arrays[3].min() >= 0, "has a negative variance")
    return x


def activation(node: Node, x: Value) -> Value:
    return x


def pad(node: Node, x: Value, sizes: np.ndarray) -> Value:
    rows = sizes.tolist() if sizes.shape == (4, 2) else []
    require(rows and rows[0] == rows[3] == [0, 0] and 0 <= sizes.min() <= sizes.max() <= 8 and x.shape[0] == 1,
            f"has the paddings {sizes.tolist()}")
    return x._replace(shape=(1, x.shape[1] + sum(rows[1]), x.shape[2] + sum(rows[2]), x.shape[3]))


def pool(node: Node, x: Value) -> Value:
    return Value((*after_window(node, x, node.attributes["ksize"][1:3], POOLS), x.shape[3]), "map")


def mean(node: Node, x: Value, axes: np.ndarray) -> Value:
    require(axes.tolist() == [1, 2], f"is a mean over the axes {axes.tolist()}, not over a whole map")
    return Value((x.shape[0], 1, 1, x.shape[3]), "map")


def concat(node: Node, *inputs_and_axis: Any) -> Value:
    *inputs, axis = inputs_and_axis
    require(axis.size == 1 and axis.item() == 3, f"joins maps along the axis {axis.tolist()}, not their channels")
    require(len(inputs) > 1 and len({x.shape[:3] for x in inputs}) == 1, "joins maps of different sizes")
    return Value((*inputs[0].shape[:3], sum(x.shape[3] for x in inputs)), "map")


def resize(node: Node, x: Value, size: np.ndarray) -> Value:
    require(size.shape == (2,) and all(side in RESIZED for side in size.tolist()),
            f"enlarges to {size.tolist()}")
    require(x.shape[0] > 1, "enlarges a whole image, not RoIs")
    return Value((x.shape[0], *size.tolist(), x.shape[3]), "enlarged")


def transpose(node: Node, x: Value, order: np.ndarray) -> Value:
    require(order.tolist() == [0, 3, 1, 2], f"brings a map into the order {order.tolist()}")
    return Value(tuple(x.shape[axis] for axis in (0, 3, 1, 2)), "planes")


# ---- Arithmetic and order ------------------------------------------------------------------------------------

def product(node: Node, x: Value, weights: np.ndarray) -> Value:
    require(len(x.shape) == 2, f"needs a row for each region, got {counted(len(x.shape), 'axis', 'axes')}")
    channels_of(x, weights, 2, 0)
    return Value((x.shape[0], weights.shape[1]), "array", swaps(node, weights.shape[1]))


def arithmetic(node: Node, x: Value, y: Union[Value, np.ndarray]) -> Value:
    if isinstance(y, Value):
        require(node.op == "Add" and x.kind == y.kind == "map" and x.shape == y.shape, "adds two different maps")
    elif y.size > 1:
        axis = len(x.shape) - 1
        require(node.op == "Mul" and x.kind == "array" and y.shape == x.shape[-1:] and node.one("axis") == axis,
                f"has {counted(y.size, 'number')} for an input of {x.shape[-1]}")
    return x


def reshape(node: Node, x: Value, shape: np.ndarray) -> Value:
    sizes = shape.tolist() if shape.ndim == 1 else []
    require(sizes and sizes.count(-1) <= 1 and min(sizes) >= -1 and len(sizes) <= 4, f"has the new shape {sizes}")
    require(all(size or index < len(x.shape) for index, size in enumerate(sizes)), f"has the new shape {sizes}")
    sizes = [size or x.shape[index] for index, size in enumerate(sizes)]
    rest, left = divmod(int(np.prod(x.shape)), abs(int(np.prod(sizes, dtype=object))))
    require(left == 0 and (rest == 1 or -1 in sizes), f"has the new shape {shape.tolist()}, which does not fit")
    return Value(tuple(rest if size == -1 else size for size in sizes), "array", x.deltas)


def flatten(node: Node, x: Value) -> Value:
    return Value((x.shape[0], int(np.prod(x.shape[1:]))), "array", x.deltas)


def cut(node: Node, x: Value, begins: np.ndarray, sizes: np.ndarray) -> Value:
    require(begins.shape == sizes.shape == (len(x.shape),), "cuts along other axes than its input has")
    ends = [begin + size if size >= 0 else whole
            for begin, size, whole in zip(begins.tolist(), sizes.tolist(), x.shape)]
    require(all(0 <= begin < end <= whole for begin, end, whole in zip(begins.tolist(), ends, x.shape)),
            f"cuts from {begins.tolist()} to {ends} out of {list(x.shape)}")
    return Value(tuple(end - begin for begin, end in zip(begins.tolist(), ends)))


def softmax(node: Node, x: Value) -> Value:
    require(node.one("axis") in (-1, len(x.shape) - 1), f"is along the axis {node.one('axis')}, not the last")
    return x


# ---- Boxes ---------------------------------------------------------------------------------------------------

def anchor_boxes(node: Node, places: Value, image: Value) -> Value:
    height, width, variance = (node.attributes[key] for key in ("height", "width", "variance"))
    step, sides = node.one("step"), places.shape[1:3]
    require(len(variance) == 4, f"has {counted(len(variance), 'variance')}, not 4")
    require(image.shape[1:3] == IMAGE_HW, "needs the size of the image")
    require(step == int(step) and sides == tuple(-(-side // int(step)) for side in IMAGE_HW),
            f"has a step of {counted(step, 'pixel', style='g')}, but the trunk has another stride: its anchors do not "
            "fit its map")
    require(places.deltas and len(height) == len(width) and places.shape[3] == 4 * len(height),
            f"has {counted(len(height), 'height')} and {counted(len(width), 'width')}, but its map has "
            f"{counted(places.shape[3], 'channel')}")
    return Value((sides[0] * sides[1] * len(height), 4), "anchors")


def detections(node: Node, deltas: Value, scores: Value, priors: Value) -> Value:
    require(node.name in N_OF, f"must have one of the names {', '.join(N_OF)}")
    classes, background = node.one("num_classes"), node.one("background_label_id")
    first_stage = priors.kind == "anchors"
    require(deltas.deltas, "needs deltas of a layer with loc_pred_transposed")
    require(node.one("share_location") == first_stage != node.one("variance_encoded_in_target", False),
            "shares boxes among classes, or has variances, as the other stage does")
    require((background == 0 and classes == 2) if first_stage else background >= classes,
            f"has {counted(classes, 'class', 'classes')}, of which {background} is the background")
    require(first_stage or node.one("group_by_classes") is False, "groups its rows by classes")
    require(priors.shape[-1] % 4 == 0 and (first_stage or priors.shape[:-1] == (1, 1)), "has no boxes to start from")
    boxes = int(np.prod(priors.shape)) // 4
    require(deltas.shape == (1, boxes * 4 * (1 if first_stage else classes)) and scores.shape == (1, boxes * classes),
            f"has {counted(boxes, 'box', 'boxes')} of {counted(classes, 'class', 'classes')}, but "
            f"{counted(deltas.shape[-1], 'delta')} and {counted(scores.shape[-1], 'score')}")
    return Value((1, 1, N_OF[node.name], 7), "rows")


def clip(node: Node, rows: Value, low: np.ndarray, high: np.ndarray) -> Value:
    require(low.size == high.size == 1 and (low.item(), high.item()) == (0, 1),
            f"clips to {low.tolist()} and {high.tolist()}, not to 0 and 1")
    return rows


def crop(node: Node, features: Value, rows: Value, size: np.ndarray) -> Value:
    require(size.shape == (2,) and all(side in CROPS for side in size.tolist()), f"crops RoIs of {size.tolist()}")
    require(features.shape[0] == 1, "crops RoIs of RoIs")
    return Value((rows.shape[2], *size.tolist(), features.shape[3]), "map")


PRIORS = {"width": floats(1, LARGEST_ANCHOR), "height": floats(1, LARGEST_ANCHOR), "variance": floats(1e-3, 10),
          "step": number(1, LARGEST_STEP), "offset": number(0, 1), "clip": FLAG, "flip": exactly(False)}
DETECTIONS = {"code_type": exactly("CENTER_SIZE"), "clip": FLAG, "share_location": FLAG,
              "num_classes": number(1, MOST_BOXES, int), "background_label_id": number(0, MOST_BOXES + 1, int),
              "keep_top_k": number(1, MOST_BOXES, int), "top_k": number(1, 1_000_000, int, False),
              "nms_threshold": number(0.01, 1), "confidence_threshold": number(0, 1, needed=False),
              "variance_encoded_in_target": FLAG._replace(needed=False),
              "group_by_classes": FLAG._replace(needed=False)}
CROP = {"method": exactly("bilinear", False), "extrapolation_value": exactly(0.0, False)}
NOT_TRANSPOSED = {"transpose_a": exactly(False), "transpose_b": exactly(False)}

OPS: dict[str, Operation] = {
    "Placeholder": Operation(placeholder, (), {}),
    "Conv2D": Operation(convolution, ("map enlarged apart", "floats"), {**CONVOLUTION, **DELTAS}),
    "DepthwiseConv2dNative": Operation(depthwise, ("map apart", "floats"), CONVOLUTION),
    "SpaceToBatchND": Operation(take_apart, ("map", "integers", "integers"), {}),
    "BatchToSpaceND": Operation(put_together, ("apart", "integers", "integers"), {}),
    "MatMul": Operation(product, ("array", "floats"), {**DELTAS, **NOT_TRANSPOSED}),
    "BiasAdd": Operation(bias, ("map array", "floats"), FORMAT, takes_deltas=True),
    "FusedBatchNorm": Operation(normalisation, ("map", *["floats"] * 4),
                                {**FORMAT, "epsilon": number(1e-9, 0.1), "is_training": exactly(False, False)}),
    "Pad": Operation(pad, ("map", "integers"), {}),
    "MaxPool": Operation(pool, ("map",), {**WINDOW, "ksize": square(POOLS)}),
    "AvgPool": Operation(pool, ("map",), {**WINDOW, "ksize": square(POOLS)}),
    "Mean": Operation(mean, ("map", "integers"), {"keep_dims": exactly(True)}),
    "ConcatV2": Operation(concat, ("map", "integers", "..."), {}),
    "ResizeBilinear": Operation(resize, ("map", "integers"), {"align_corners": exactly(True)}),
    "Relu": Operation(activation, ("map",), {}),
    "Relu6": Operation(activation, ("map",), {}),
    "Sigmoid": Operation(activation, ("planes",), {}),
    "Softmax": Operation(softmax, ("array",), AXIS),
    "Mul": Operation(arithmetic, ("map array", "floats map"), {"axis": AXIS["axis"]._replace(needed=False)}, True),
    "Sub": Operation(arithmetic, ("map", "floats map"), {}),
    "Add": Operation(arithmetic, ("map", "floats map"), {}),
    "Reshape": Operation(reshape, ("map array", "integers"), {}, takes_deltas=True),
    "Flatten": Operation(flatten, ("map array",), {}, takes_deltas=True),
    "Slice": Operation(cut, ("array rows", "integers", "integers"), {}),
    "Transpose": Operation(transpose, ("map", "integers"), {}),
    "PriorBox": Operation(anchor_boxes, ("map", "map"), PRIORS, takes_deltas=True),
    "DetectionOutput": Operation(detections, ("array", "array", "anchors array"), DETECTIONS, takes_deltas=True),
    "ClipByValue": Operation(clip, ("rows", "floats", "floats"), {}),
    "CropAndResize": Operation(crop, ("map", "rows", "integers"), CROP),
}
