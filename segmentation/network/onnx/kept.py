"""The ONNX model of a frozen graph, kept in a file beside the weights.

For my_graph.pb the file is my_graph.onnx, the same that cli/to_onnx.py writes; for float32 on a CPU it is
my_graph.winograd.onnx, and in eight bits my_graph.int8.onnx. It ends with a seal: a hash of all that it was made from,
and a hash of all bytes before. The seal is part of the ONNX model, as two of its metadata entries: protobuf reads two
messages, one after the other, as one. If the first hash is another one, or the second does not fit, the model is made
anew.

A file at that place without our marks is somebody else's. It is left as it is.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional

from segmentation import SegmentationError
from segmentation.files import complete_file
from segmentation.network.frozen_graph import field
from segmentation.network.model import Model
from segmentation.network.onnx.errors import plain_errors
from segmentation.network.text_graph import write_nodes
from segmentation.network.weights import folder_for_new_files
from segmentation.terminal import info, warn

if TYPE_CHECKING:
    from onnx import ModelProto

# The name of the program, at the beginning of a file, and the names of the seal's entries, at its end. So a broken
# file, or a part of one, still shows whose it is.
PRODUCER, MADE_FROM, CONTENT = "mask-rcnn-segmentation", "made_from", "sha256_of_all_before"
MARKED = 512  # bytes at either end of a file in which these names are looked for
METADATA, HASH_SIZE = 14, 64  # the number of onnx.ModelProto's field metadata_props; the length of a hash in the seal
# What follows the name of the weights: the plain export, that for float32 on a CPU, that in eight bits.
SUFFIXES = PLAIN, WINOGRAD, INT8 = ".onnx", ".winograd.onnx", ".int8.onnx"
CONVERTER = [Path(__file__).with_name(f"{part}.py") for part in ("graph", "layers", "boxes")]


def find_export(model: Model, winograd: bool = False) -> "ModelProto":
    """The onnx.ModelProto of a Model: the one that is kept in a file, or a new one, which is then kept."""
    path = export_path(model.weights, WINOGRAD if winograd else PLAIN)
    return find_kept(path, key_of(model), lambda: export(model, winograd))


def find_kept(path: Path, key: str, make: "Callable[[], ModelProto]",
              fits: "Callable[[ModelProto], bool]" = lambda proto: True) -> "ModelProto":
    """The onnx.ModelProto that is kept in a file, or a new one, which is then kept.

    key: see `key_of`
    make: makes a new one
    fits: whether the kept one is the one that is wanted
    """
    import onnx

    kept = read_kept(path)
    if kept is not None and is_whole(kept) and kept.endswith(seal_start(key), 0, -len(seal_end(b""))):
        proto = onnx.load_model_from_string(kept)
        if fits(proto):
            return proto
    made = make()
    if kept is not None and not is_whole(kept):
        if is_damaged(kept):
            info(f"{path} is damaged, so the ONNX model is made anew")
        elif MADE_FROM.encode() not in kept[-MARKED:]:  # which the files of older versions have
            warn(f"[WARNING] {path} is not this project's, so the ONNX model is not kept there")
            return made
    try:
        save(made, path, key)
    except SegmentationError as error:  # a read-only folder, a full disk
        warn(f"[WARNING] {error}; the ONNX model is made anew each time")
    return made


def export_path(weights: Path, suffix: str = PLAIN) -> Path:
    """Where the ONNX model of a frozen graph is kept: beside it, or in the user's cache for an installed package."""
    return folder_for_new_files(weights.parent) / weights.with_suffix(suffix).name


def read_kept(path: Path) -> Optional[bytes]:
    """The bytes of a file. None if there is no file that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def is_whole(kept: bytes) -> bool:
    """Whether the bytes end with a seal that fits them. 10 ms for the 17 MB of the demo's model."""
    end = len(kept) - len(seal_end(b""))
    return end > 0 and kept[end:] == seal_end(memoryview(kept)[:end])


def is_damaged(kept: bytes) -> bool:
    """Whether bytes that are not whole were once a kept file, or hold nothing (a crash can leave a file of zeros)."""
    return (PRODUCER.encode() in kept[:MARKED] or CONTENT.encode() in kept[-MARKED:] or not kept.strip(b"\0"))


def is_ours(path: Path) -> bool:
    """Whether this project may replace the file: there is none, or it is a kept ONNX model, whole or not."""
    kept = read_kept(path) if path.exists() else b""
    return kept is not None and (is_damaged(kept) or MADE_FROM.encode() in kept[-MARKED:])


def seal_start(key: str) -> bytes:
    """The first entry of a seal, as the bytes of an onnx.ModelProto that has only this. key: see `key_of`"""
    return metadata(MADE_FROM, key)


def seal_end(before: "bytes | memoryview") -> bytes:
    """The last entry of a seal: the hash of the bytes before it."""
    return metadata(CONTENT, hashlib.sha256(before).hexdigest())


def metadata(key: str, value: str) -> bytes:
    """A metadata entry, as the bytes of an onnx.ModelProto that has only this."""
    return field(METADATA, field(1, key.encode()) + field(2, value.encode()))


def key_of(model: Model, *code: Path) -> str:
    """A hash of all that the ONNX model of a Model depends on: its files and the code that exports them.

    code: more files of code that it depends on
    """
    digest = hashlib.sha256(model.buffer.data)
    for part in (write_nodes(model.nodes).encode(), *(path.read_bytes() for path in (*CONVERTER, *code))):
        digest.update(part)
    return digest.hexdigest()


def export(model: Model, winograd: bool = False) -> "ModelProto":
    """The onnx.ModelProto of a Model, checked.

    winograd: see segmentation/network/onnx/graph.py

    Raises SegmentationError if the model cannot be exported.
    """
    import onnx

    from segmentation.network.onnx.graph import convert

    with plain_errors(f"cannot export {model.weights}"):
        proto = convert(model.nodes, model.consts, winograd)
        onnx.checker.check_model(proto)
    return proto


def save(proto: "ModelProto", path: Path, key: str) -> None:
    """Write an onnx.ModelProto with its seal, completely or not at all. Raises SegmentationError if that fails."""
    sealed = proto.SerializeToString() + seal_start(key)
    with complete_file(path) as temporary, open(temporary, "wb") as file:
        file.writelines([sealed, seal_end(sealed)])
