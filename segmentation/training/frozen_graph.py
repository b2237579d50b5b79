"""Frozen graphs read and written without TensorFlow: weights under TensorFlow's names, one Const node each.

    consts = read_consts("frozen_inference_graph.pb")
    write_consts("my_graph.pb", consts, half=True)

cv2.dnn takes the weights of such a file and the layers of a text graph, so these nodes are all it needs.
The messages and their field numbers are those at the top of segmentation/network/frozen_graph.py, which reads them.
"""

import math
from pathlib import Path

import numpy as np

from segmentation import SegmentationError
from segmentation.files import complete_file, reason
from segmentation.network import frozen_graph as reader
from segmentation.training.architectures import ARCHITECTURES, HEAD, TRUNK, architecture_of

DTYPES = {"float32": 1, "int32": 3, "float16": 19}  # tensorflow.DataType
CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"
MASK_BIASES = "SecondStageBoxPredictor/Conv_1/biases"
# A constant of ours, which cv2.dnn does not look at: how far the mask biases stand from those trained.
SHIFT = "mask_logit_shift"
# The scripts cut masks at 0.3, the tutorial's choice for the official weights. Training on the part of each
# cell that is object makes 0.5 right instead: a cell half covered gets a logit of 0. Moved by this much, it
# gets a probability of 0.3, and the scripts' cut is the right one for our graphs too.
MASK_SHIFT = math.log(0.3 / 0.7)
SCOPES = (("FirstStageFeatureExtractor/InceptionV2/InceptionV2", TRUNK),
          ("SecondStageFeatureExtractor/InceptionV2", HEAD),
          ("SecondStageFeatureExtractor_1/InceptionV2", HEAD))


def read_consts(path):
    """The constants of a frozen graph: name -> array, float16 widened to float32.

    Raises SegmentationError where the file cannot be read or is no frozen graph.
    """
    try:
        buffer = Path(path).read_bytes()
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    try:
        consts = reader.read_consts(buffer)
    except SegmentationError as error:
        raise SegmentationError(f"cannot use {path}: {error}") from error
    return {name: array.astype(np.float32) if array.dtype == np.float16 else array
            for name, array in consts.items()}


def shift_masks(consts, shift=MASK_SHIFT):
    """The constants with all mask logits moved by `shift` from those trained, which is recorded among them.

    Where a shift is recorded already it is undone first, so with 0 these are the constants as trained; TensorFlow's
    graphs record none.
    """
    change = np.float32(shift) - consts.get(SHIFT, np.float32(0))
    return {**consts, MASK_BIASES: consts[MASK_BIASES] + change, SHIFT: np.float32(shift)}


def shift_graph(source, target, shift=MASK_SHIFT):
    """Write the frozen graph `source` to `target` with its masks shifted, and with the files beside it."""
    consts = read_consts(source)
    half = any(array.dtype == np.float16 for array in reader.read_consts(Path(source).read_bytes()).values())
    write_consts(target, shift_masks(consts, shift), half)
    for suffix in (".config", ".txt", ".pbtxt"):
        beside = Path(source).with_suffix(suffix)
        if beside.is_file() and beside != Path(target).with_suffix(suffix):
            with complete_file(Path(target).with_suffix(suffix)) as temporary:
                temporary.write_bytes(beside.read_bytes())


def fixed_consts(num_classes, architecture="inception_v2"):
    """The constants that no training changes, which cv2.dnn looks for all the same."""
    axes = {f"{scope}/{block}/concat/axis": np.int32(3) for scope, table in SCOPES for block in table}
    if architecture == "mobilenet_v2":
        axes = {"FirstStageFeatureExtractor/MobilenetV2/MobilenetV2/concat/axis": np.int32(3)}
    mask_cells = ARCHITECTURES[architecture].mask_cells
    return {
        **axes,
        "Preprocessor/mul/x": np.float32(2 / 255), "Preprocessor/sub/y": np.float32(1),
        "CropAndResize/crop_size": np.int32([14, 14]), "CropAndResize_1/crop_size": np.int32([mask_cells] * 2),
        "SecondStageBoxPredictor/AvgPool/reduction_indices": np.int32([1, 2]),
        "SecondStageBoxPredictor/Reshape_1/shape": np.int32([-1, 1, num_classes + 1]),
        "SecondStageBoxPredictor_1/ResizeBilinear/size": np.int32([15, 15]),
        "SecondStageBoxPredictor_1/transpose/perm": np.int32([0, 3, 1, 2]),
    }


def write_consts(path, consts, half=False):
    """Write weights, name -> array, and the fixed constants as a frozen graph, whole or not at all.

    half: store matrices as float16, half the size; vectors (biases, batch normalisation) stay float32.

    Raises SegmentationError where the file cannot be written.
    """
    consts = {**consts, **fixed_consts(len(consts[CLASS_BIASES]) - 1, architecture_of(consts))}
    with complete_file(path) as temporary, open(temporary, "wb") as file:
        for name, array in consts.items():
            array = np.asarray(array)
            shrink = half and array.ndim > 1 and array.dtype == np.float32
            file.write(const_node(name, array.astype(np.float16) if shrink else array))


# ---- Protobuf: a field is its number and kind, then its value --------------------------------------------

def const_node(name, array):
    """The bytes of one GraphDef `node` field holding a Const."""
    dtype = DTYPES[array.dtype.name]
    shape = b"".join(field(2, field(1, size)) for size in array.shape)
    tensor = field(1, dtype) + field(2, shape) + tensor_value(array)
    return field(1, field(1, name.encode()) + field(2, b"Const") + attribute(b"dtype", field(6, dtype))
                 + attribute(b"value", field(8, tensor)))


def tensor_value(array):
    """A TensorProto's numbers. cv2.dnn dies of a scalar in tensor_content: it wants int_val or float_val."""
    if array.size == 1 and array.dtype == np.int32:
        return field(7, int(array.item()))
    if array.size == 1 and array.dtype == np.float32:
        return field(5, array.tobytes())
    return field(4, np.ascontiguousarray(array).tobytes())


def attribute(key, value):
    """One entry of a NodeDef's map of attributes."""
    return field(5, field(1, key) + field(2, value))


def field(number, value):
    """A field of a protobuf message: an int, or bytes with their length before them."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number):
    """An int of any size, seven bits a byte, lowest first: varint(300) is b"\\xac\\x02"."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
