"""Reads and writes the weights file, a frozen graph, without TensorFlow.

    consts = read_consts("frozen_inference_graph.pb")   # TensorFlow's name -> array
    write_consts("my_graph.pb", consts, half=True)

The file has a Const node for each array. cv2.dnn takes the weights of it and the layers of a text graph, so it needs no
other nodes. segmentation/network/frozen_graph.py knows the format.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import numpy as np

from segmentation import SegmentationError
from segmentation.files import complete_file, reason
from segmentation.network import frozen_graph
from segmentation.training.architectures import ARCHITECTURES, HEAD, TRUNK, architecture_of

CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"
MASK_BIASES = "SecondStageBoxPredictor/Conv_1/biases"
# A constant of our own, which cv2.dnn ignores: how far the mask biases in the file are from those trained.
SHIFT = "mask_logit_shift"
# The scripts cut masks at 0.3, the tutorial's choice for the official weights. Our masks are trained on the part of
# each cell that is object, so 0.5 would be right: a half covered cell gets a logit of 0. Shifted by this much, it gets
# a probability of 0.3, and 0.3 is right for our graphs too.
MASK_SHIFT = math.log(0.3 / 0.7)
SCOPES = (("FirstStageFeatureExtractor/InceptionV2/InceptionV2", TRUNK),
          ("SecondStageFeatureExtractor/InceptionV2", HEAD),
          ("SecondStageFeatureExtractor_1/InceptionV2", HEAD))


def read_consts(path: Union[str, Path]) -> dict[str, np.ndarray]:
    """The constants of a frozen graph: TensorFlow's name -> array, float16 as float32.

    Raises SegmentationError where the file cannot be read or is no frozen graph.
    """
    try:
        buffer = Path(path).read_bytes()
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    try:
        consts = frozen_graph.read_consts(buffer)
    except SegmentationError as error:
        raise SegmentationError(f"cannot use {path}: {error}") from error
    return {name: array.astype(np.float32) if array.dtype == np.float16 else array
            for name, array in consts.items()}


def shift_masks(consts: Mapping[str, np.ndarray], shift: float = MASK_SHIFT) -> dict[str, np.ndarray]:
    """The constants with all mask logits moved by `shift` from those trained, and the constant SHIFT that says so.

    A shift that SHIFT already records is undone first, so shift 0 gives the constants as trained. TensorFlow's graphs
    record none.
    """
    change = np.float32(shift) - consts.get(SHIFT, np.float32(0))
    return {**consts, MASK_BIASES: consts[MASK_BIASES] + change, SHIFT: np.asarray(shift, np.float32)}


def shift_graph(source: Union[str, Path], target: Union[str, Path], shift: float = MASK_SHIFT) -> None:
    """Write the frozen graph `source` to `target` with its masks shifted, and copy the files beside it."""
    consts = read_consts(source)
    half = any(array.dtype == np.float16 for array in frozen_graph.read_consts(Path(source).read_bytes()).values())
    write_consts(target, shift_masks(consts, shift), half)
    for suffix in (".config", ".txt", ".pbtxt"):
        beside = Path(source).with_suffix(suffix)
        if beside.is_file() and beside != Path(target).with_suffix(suffix):
            with complete_file(Path(target).with_suffix(suffix)) as temporary:
                temporary.write_bytes(beside.read_bytes())


def fixed_consts(num_classes: int, architecture: str = "inception_v2") -> dict[str, Any]:
    """The constants that training does not change but cv2.dnn needs."""
    axes = {f"{scope}/{block}/concat/axis": np.int32(3) for scope, table in SCOPES for block in table}
    if architecture == "mobilenet_v2":
        axes = {"FirstStageFeatureExtractor/MobilenetV2/MobilenetV2/concat/axis": np.int32(3)}
    mask_cells = ARCHITECTURES[architecture].mask_cells
    return {
        **axes,
        "Preprocessor/mul/x": np.float32(2 / 255), "Preprocessor/sub/y": np.float32(1),
        "CropAndResize/crop_size": np.array([14, 14], np.int32),
        "CropAndResize_1/crop_size": np.array([mask_cells] * 2, np.int32),
        "SecondStageBoxPredictor/AvgPool/reduction_indices": np.array([1, 2], np.int32),
        "SecondStageBoxPredictor/Reshape_1/shape": np.array([-1, 1, num_classes + 1], np.int32),
        "SecondStageBoxPredictor_1/ResizeBilinear/size": np.array([15, 15], np.int32),
        "SecondStageBoxPredictor_1/transpose/perm": np.array([0, 3, 1, 2], np.int32),
    }


def write_consts(path: Union[str, Path], consts: Mapping[str, np.ndarray], half: bool = False) -> None:
    """Write weights, TensorFlow's name -> array, and the fixed constants as a frozen graph.

    half: store matrices as float16, half the size; vectors (biases, batch normalisation) stay float32

    An interrupted write leaves the old file as it was. Raises SegmentationError where the file cannot be written.
    """
    every = {**consts, **fixed_consts(len(consts[CLASS_BIASES]) - 1, architecture_of(consts))}
    with complete_file(path) as temporary, open(temporary, "wb") as file:
        for name, value in every.items():
            array = np.asarray(value)
            shrink = half and array.ndim > 1 and array.dtype == np.float32
            file.writelines(frozen_graph.const_node(name, array.astype(np.float16) if shrink else array))
