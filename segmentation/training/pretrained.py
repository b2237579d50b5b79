"""MobileNet v2 that has seen millions of photos, under the names of this network's trunk and head.

The arrays are those of Google's DeepLab v3 on MobileNet v2 (Apache-2.0), in TensorFlow Lite's file
deeplabv3_mnv2_pascal_quant.tflite: trained on ImageNet, COCO and PASCAL VOC, batch normalisation folded in.
`wK` and `bK` in the .npz are the weights and the bias of the file's operation K, dequantised.
"""

import numpy as np

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.training.architectures import (
    MOBILE_CONTEXT_BLOCKS,
    MOBILE_HEAD_BLOCKS,
    MOBILE_STEM,
    MOBILE_TRUNK_BLOCKS,
)

TRUNK, HEAD = "FirstStageFeatureExtractor/MobilenetV2", "SecondStageFeatureExtractor/MobilenetV2"


def read_pretrained(path):
    """TensorFlow's name -> float32 array in its layout, of the trunk, the context and the head.

    Raises SegmentationError where the file cannot be read or holds other arrays.
    """
    try:
        with np.load(path) as arrays:
            return {name: fitted(layout(arrays[key]), shape) for name, (key, shape) in operations().items()}
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except (KeyError, ValueError) as error:
        raise SegmentationError(f"{path} does not hold the arrays of MobileNet v2 (wK and bK of operation K of "
                                "deeplabv3_mnv2_pascal_quant.tflite): name another file with --pretrained") from error


def operations():
    """TensorFlow's name of each array -> (its key in the file, its shape in TensorFlow's layout)."""
    found, number = {**convolution(f"{TRUNK}/Conv", 0, (3, 3, 3, MOBILE_STEM))}, 1
    for block in MOBILE_TRUNK_BLOCKS + MOBILE_CONTEXT_BLOCKS:
        found |= block_operations(TRUNK, block, number)
        # The head has its own copy of the blocks that the context begins and ends with.
        found |= next((block_operations(HEAD, own, number) for own in MOBILE_HEAD_BLOCKS if own.name == block.name), {})
        number += 2 + block.expands + block.adds  # an addition is an operation of its own, without weights
    return found


def block_operations(scope, block, number):
    """The same of one block, whose first convolution is the operation of that number."""
    scope, inside = f"{scope}/{block.name}", (block.kernel, block.kernel, block.hidden, 1)
    return ((convolution(f"{scope}/expand", number, (1, 1, block.inputs, block.hidden)) if block.expands else {})
            | convolution(f"{scope}/depthwise", number + block.expands, inside, "depthwise_weights")
            | convolution(f"{scope}/project", number + block.expands + 1, (1, 1, block.hidden, block.outputs)))


def convolution(scope, number, shape, kind="weights"):
    outputs = shape[-1] if kind == "weights" else shape[-2]
    return {f"{scope}/{kind}": (f"w{number}", shape), f"{scope}/biases": (f"b{number}", (outputs,))}


def layout(array):
    """An array of TensorFlow Lite's in TensorFlow's: of (1, 3, 3, C) and (out, k, k, in), the first axis last."""
    array = array.astype(np.float32)
    return array.transpose(1, 2, 3, 0) if array.ndim == 4 else array


def fitted(array, shape):
    """An array in a larger shape: a 3x3 with its weights two places apart, and 0 for inputs that are new."""
    grown = np.zeros(shape, np.float32)
    if array.ndim == 4:
        step = 2 if shape[0] > array.shape[0] else 1
        grown[::step, ::step, :array.shape[2], :array.shape[3]] = array
    else:
        grown[:] = array
    return grown
