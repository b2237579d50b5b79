"""The engine "openvino" in eight bits: its model is made by NNCF, from the pictures of a Calibration.

Only convolutions and matrix products are in eight bits. In box arithmetic they would cut off the coordinates of
pictures that are wider than those of the calibration: of the demo graph that costs 0.1 of mask AP. The plain ONNX model
is taken, not that of Winograd's convolution: its sums are too large for eight bits.

The first three layers stay in fp32. They are a small part of the work, and all others build on them. In eight bits they
cost the demo graph 0.006 of mask AP on photos, and its boxes have an IoU of 0.90 with those of fp32 instead of 0.94.

The model is kept beside the weights as my_graph.int8.onnx (kept.py).
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation.network.comparing import LOOKED_AT, Cost, compare
from segmentation.network.graph_check import IMAGE
from segmentation.network.model import Model
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.onnx.engines import OpenVINO, find_module
from segmentation.network.onnx.errors import plain_errors
from segmentation.network.onnx.kept import INT8, export, export_path, find_kept, key_of
from segmentation.network.onnx.parts import set_for_user
from segmentation.terminal import info

if TYPE_CHECKING:
    from onnx import ModelProto

EIGHT_BITS = {"Conv", "Gemm", "MatMul"}
EXACT_LAYERS = 3  # so many of the first of them stay in fp32
CALIBRATED_ON = "calibrated_on"  # the metadata entry with the key of the pictures
COMPARED = 20  # the calibration pictures on which both precisions are compared


def load_int8(openvino: Any, device: str, calibration: Calibration, model: Model, confidence: float,
              proposals: int) -> OpenVINO:
    """The engine "openvino" in eight bits.

    Raises SegmentationError as find_int8, and if OpenVINO cannot load the model.
    """
    return OpenVINO(openvino, device, "int8", model, confidence, proposals, find_int8(model, calibration))


def find_int8(model: Model, calibration: Calibration) -> "ModelProto":
    """The onnx.ModelProto of a Model in eight bits. If it is new, one line says what the eight bits cost.

    Raises SegmentationError if NNCF is not installed, or if there are no pictures to calibrate on.
    """
    made = []

    def make() -> "ModelProto":
        info(f"calibrating int8 once on {calibration}")
        made.append(quantize(model, calibration))
        return made[0]
    proto = find_kept(export_path(model.weights, INT8), key_of(model, Path(__file__)), make,
                      lambda kept: fits(kept, calibration))
    if made:
        info(f"int8 against fp32 on these pictures: {cost_of(calibration, model, proto)}")
    return proto


def fits(kept: "ModelProto", calibration: Calibration) -> bool:
    """Whether a kept model was calibrated on the pictures that the user has chosen, if any."""
    return calibration.folder is None or any(
        entry.key == CALIBRATED_ON and entry.value == calibration.key() for entry in kept.metadata_props)


def quantize(model: Model, calibration: Calibration) -> "ModelProto":
    """The onnx.ModelProto of a Model with convolutions and matrix products in eight bits."""
    with quiet_nncf():
        nncf = find_module("nncf")
    proto = export(model)
    set_for_user(proto, LOOKED_AT, model.proposals)
    exact_types = sorted({node.op_type for node in proto.graph.node} - EIGHT_BITS)
    layers = [node.name for node in proto.graph.node if node.op_type in EIGHT_BITS]
    exact = nncf.IgnoredScope(types=exact_types, names=layers[:EXACT_LAYERS], validate=False)
    pictures = nncf.Dataset(Inputs(model, calibration))
    with plain_errors(f"NNCF cannot bring {model.weights} into eight bits"), quiet_nncf():
        made = nncf.quantize(proto, pictures, preset=nncf.QuantizationPreset.MIXED,
                             subset_size=len(calibration.pictures), ignored_scope=exact)
    made.metadata_props.add(key=CALIBRATED_ON, value=calibration.key())
    return made


class Inputs:
    """The inputs of a model for NNCF, {name: array} each. It iterates over them more than once."""

    def __init__(self, model: Model, calibration: Calibration):
        self.model, self.calibration = model, calibration

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return ({IMAGE: blob} for blob in self.calibration.blobs(self.model, what="calibrating"))


@contextmanager
def quiet_nncf() -> Iterator[None]:
    """NNCF prints nothing in the block, and sends nothing to its makers' statistics."""
    os.environ.setdefault("NNCF_CI", "1")  # it reads this when it is imported
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logger.setLevel(level)


def cost_of(calibration: Calibration, model: Model, proto: "ModelProto") -> Cost:
    """The Cost of a model in eight bits against fp32, on the first calibration pictures."""
    openvino = find_module("openvino")
    engines = [OpenVINO(openvino, "cpu", precision, model, LOOKED_AT, model.proposals, own)
               for precision, own in (("fp32", None), ("int8", proto))]
    return compare(engines[0], engines[1], islice(calibration.blobs(model, COMPARED, "comparing"), COMPARED))
