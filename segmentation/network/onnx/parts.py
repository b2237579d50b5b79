"""Change an ONNX model for a user and cut parts out of it, in memory."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto


def set_for_user(proto: "ModelProto", confidence: float, proposals: int) -> None:
    """Set the confidence and the number of proposals of an onnx.ModelProto, in place."""
    from onnx import numpy_helper

    from segmentation.network.onnx.boxes import CONFIDENCE, PROPOSALS

    values: dict[str, np.ndarray] = {CONFIDENCE: np.array([confidence], np.float32),
                                     PROPOSALS: np.array([proposals], np.int64)}
    for tensor in proto.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))


def cut_out(proto: "ModelProto", inputs: Iterable[str], outputs: Iterable[str]) -> bytes:
    """The part of an onnx.ModelProto that computes the outputs from the inputs, as the bytes of a model."""
    from onnx.utils import Extractor

    return Extractor(proto).extract_model(list(inputs), list(outputs)).SerializeToString()
