"""Reads the weights of a MobileNet v2 that has seen millions of photos, for this network's trunk and head.

They are those of Google's DeepLab v3 on MobileNet v2 (Apache-2.0), of the TensorFlow Lite file
deeplabv3_mnv2_pascal_quant.tflite: trained on ImageNet, COCO and PASCAL VOC, with batch normalisation folded into the
convolutions. The .npz holds, for operation K of that file, its weights `wK` and its bias `bK`, dequantised.
"""

from pathlib import Path
from typing import Union

import numpy as np

from segmentation import SegmentationError
from segmentation.files import reason
from segmentation.training.architectures import (
    MOBILE_CONTEXT_BLOCKS,
    MOBILE_HEAD_BLOCKS,
    MOBILE_STEM,
    MOBILE_TRUNK_BLOCKS,
    Residual,
)

TRUNK, HEAD = "FirstStageFeatureExtractor/MobilenetV2", "SecondStageFeatureExtractor/MobilenetV2"


def read_pretrained(path: Union[str, Path]) -> dict[str, np.ndarray]:
    """The weights of the trunk, the context and the head: TensorFlow's name -> float32 array in its layout.

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


def operations() -> dict[str, tuple[str, tuple[int, ...]]]:
    """TensorFlow's name of each array -> (its key in the file, its shape in TensorFlow's layout)."""
    found, number = {**convolution(f"{TRUNK}/Conv", 0, (3, 3, 3, MOBILE_STEM))}, 1
    for block in MOBILE_TRUNK_BLOCKS + MOBILE_CONTEXT_BLOCKS:
        found |= block_operations(TRUNK, block, number)
        # The head has its own copy of the context's first and last block.
        found |= next((block_operations(HEAD, own, number) for own in MOBILE_HEAD_BLOCKS if own.name == block.name), {})
        number += 2 + block.expands + block.adds  # an addition counts as an operation, without weights
    return found


def block_operations(scope: str, block: Residual, number: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The same of one block; number: of the operation that is its first convolution."""
    scope, inside = f"{scope}/{block.name}", (3, 3, block.hidden, 1)
    return ((convolution(f"{scope}/expand", number, (1, 1, block.inputs, block.hidden)) if block.expands else {})
            | convolution(f"{scope}/depthwise", number + block.expands, inside, "depthwise_weights")
            | convolution(f"{scope}/project", number + block.expands + 1, (1, 1, block.hidden, block.outputs)))


def convolution(scope: str, number: int, shape: tuple[int, ...],
                kind: str = "weights") -> dict[str, tuple[str, tuple[int, ...]]]:
    """The same of one convolution with weights of that shape; kind: "weights" or "depthwise_weights"."""
    outputs = shape[-1] if kind == "weights" else shape[-2]
    return {f"{scope}/{kind}": (f"w{number}", shape), f"{scope}/biases": (f"b{number}", (outputs,))}


def layout(array: np.ndarray) -> np.ndarray:
    """An array in TensorFlow's layout: the first axis of TensorFlow Lite's (1, 3, 3, C) and (out, k, k, in) is last."""
    array = array.astype(np.float32)
    return array.transpose(1, 2, 3, 0) if array.ndim == 4 else array


def fitted(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a shape with more inputs, whose weights are 0."""
    grown = np.zeros(shape, np.float32)
    if array.ndim == 4:
        grown[:, :, :array.shape[2], :array.shape[3]] = array
    else:
        grown[:] = array
    return grown
