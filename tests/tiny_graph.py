"""A frozen graph with the real names and eight channels a layer: the whole network, in milliseconds.

Its weights are random but for the class predictor, which is made to call some regions a person, some a car
and most of them nothing, so that every step behind it has something to do.
"""

import re

import numpy as np

from segmentation.network.text_graph import read_nodes

CHANNELS = 8
BIASES = {0: 0.0, 1: 1.3, 3: 1.3}  # background, person, car; the other classes never win
FIXED = {
    "Preprocessor/mul/x": np.float32(2 / 255),
    "Preprocessor/sub/y": np.float32(1),
    "CropAndResize/crop_size": np.int32([14, 14]),
    "CropAndResize_1/crop_size": np.int32([14, 14]),
    "SecondStageBoxPredictor/AvgPool/reduction_indices": np.int32([1, 2]),
    "SecondStageBoxPredictor_1/ResizeBilinear/size": np.int32([15, 15]),
    "SecondStageBoxPredictor_1/transpose/perm": np.int32([0, 3, 1, 2]),
}


def output_channels(num_classes):
    """The layers whose number of channels the network's outputs fix."""
    return {
        "FirstStageBoxPredictor/BoxEncodingPredictor": 48,
        "FirstStageBoxPredictor/ClassPredictor": 24,
        "SecondStageBoxPredictor/BoxEncodingPredictor": num_classes * 4,
        "SecondStageBoxPredictor/ClassPredictor": num_classes + 1,
        "SecondStageBoxPredictor/Conv_1": num_classes,
    }


def tiny_consts(text_graph, seed=2, num_classes=90):
    """Every constant that the text graph reads, name -> array."""
    rng, outputs = np.random.default_rng(seed), output_channels(num_classes)
    depth, consts = {}, {}
    for name, node in read_nodes(text_graph).items():
        op, names = node.op, node.inputs
        depth[name] = depth.get(names[0], 3) if names else 3
        if op in ("Conv2D", "MatMul"):
            layer = names[1].rpartition("/")[0]
            kernel = re.search(r"_(\d)x\d$", layer)
            size = 3 if layer in ("Conv", "SecondStageBoxPredictor/Conv", "SecondStageBoxPredictor/Conv_1") else \
                int(kernel.group(1)) if kernel and "pointwise" not in names[1] else 1
            before, depth[name] = depth[name], outputs.get(layer, CHANNELS)
            shape = (before, depth[name]) if op == "MatMul" else (size, size, before, depth[name])
            scale = 1.4 / np.sqrt(size * size * before)
            consts.setdefault(names[1], rng.normal(0, scale, shape).astype(np.float32))
        elif op == "DepthwiseConv2dNative":
            consts[names[1]] = rng.normal(0, 0.2, (7, 7, 3, 8)).astype(np.float32)
            depth[name] = 24
        elif op == "FusedBatchNorm":
            for const, value in zip(names[1:], (1, 0, 0, 1)):  # gamma, beta, mean, variance
                consts.setdefault(const, np.full(depth[name], value, np.float32))
        elif op == "BiasAdd":
            consts.setdefault(names[1], np.zeros(depth[name], np.float32))
        elif op == "ConcatV2":
            consts.setdefault(names[-1], np.int32(3))
            depth[name] = sum(depth[part] for part in names[:-1])
    consts["SecondStageBoxPredictor/BoxEncodingPredictor/weights"] *= 0.1
    consts["SecondStageBoxPredictor/ClassPredictor/weights"] *= 3
    consts["SecondStageBoxPredictor/ClassPredictor/biases"][:] = [BIASES.get(i, -20) for i in range(num_classes + 1)]
    shape = {"SecondStageBoxPredictor/Reshape_1/shape": np.int32([-1, 1, num_classes + 1])}
    return {**consts, **FIXED, **shape}


def varint(number):
    number &= (1 << 64) - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def const_node(name, array, scalars_as_content=False):
    """A GraphDef's `node` field that holds a Const, as TensorFlow writes it."""
    dtype = {"float32": 1, "int32": 3, "float16": 19}[array.dtype.name]
    shape = b"".join(field(2, varint(1 << 3) + varint(size)) for size in array.shape)
    content = field(4, np.ascontiguousarray(array).tobytes())
    if array.ndim == 0 and not scalars_as_content:
        content = field(7, varint(int(array))) if dtype == 3 else field(5, array.tobytes())
    tensor = varint(1 << 3) + varint(dtype) + field(2, shape) + content
    attrs = {b"dtype": varint(6 << 3) + varint(dtype), b"value": field(8, tensor)}
    return field(1, field(1, name.encode()) + field(2, b"Const")
                 + b"".join(field(5, field(1, key) + field(2, value)) for key, value in attrs.items()))


def frozen_graph(consts, **options):
    """The bytes of a .pb."""
    return b"".join(const_node(name, array, **options) for name, array in consts.items())
