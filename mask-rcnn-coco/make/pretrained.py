"""MobileNet v2 that has seen millions of photos, under the names of this network's trunk and head.

The arrays are those of Google's DeepLab v3 on MobileNet v2 (Apache-2.0), in TensorFlow Lite's file
deeplabv3_mnv2_pascal_quant.tflite: trained on ImageNet, COCO and PASCAL VOC, batch normalisation folded in.
`wK` and `bK` in the .npz are the weights and the bias of the file's operation K, dequantised.
"""

import numpy as np
from architectures import MOBILE_HEAD_BLOCKS, MOBILE_TRUNK_BLOCKS

from segmentation import SegmentationError
from segmentation.files import reason

TRUNK, HEAD = "FirstStageFeatureExtractor/MobilenetV2", "SecondStageFeatureExtractor/MobilenetV2"


def read_pretrained(path):
    """TensorFlow's name -> float32 array in its layout, of the trunk and the head.

    Raises SegmentationError where the file cannot be read or holds other arrays.
    """
    try:
        with np.load(path) as arrays:
            return {name: layout(arrays[key]) for name, key in operations().items()}
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    except (KeyError, ValueError) as error:
        raise SegmentationError(f"{path} does not hold the arrays of MobileNet v2 (wK and bK of operation K of "
                                "deeplabv3_mnv2_pascal_quant.tflite): name another file with --pretrained") from error


def operations():
    """TensorFlow's name of each array -> its key in the file."""
    keys = convolution(f"{TRUNK}/Conv", 0, "weights")
    number = 1
    for scope, block in [(TRUNK, block) for block in MOBILE_TRUNK_BLOCKS] + [(HEAD, b) for b in MOBILE_HEAD_BLOCKS]:
        for layer in (["expand"] if block.expands else []) + ["depthwise", "project"]:
            kind = "depthwise_weights" if layer == "depthwise" else "weights"
            keys |= convolution(f"{scope}/{block.name}/{layer}", number, kind)
            number += 1
        number += block.adds  # an operation of its own, without weights
    return keys


def convolution(scope, number, kind):
    return {f"{scope}/{kind}": f"w{number}", f"{scope}/biases": f"b{number}"}


def layout(array):
    """An array of TensorFlow Lite's in TensorFlow's: of (1, 3, 3, C) and (out, k, k, in), the first axis last."""
    array = array.astype(np.float32)
    return array.transpose(1, 2, 3, 0) if array.ndim == 4 else array
