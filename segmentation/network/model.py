"""Read the files of a model (weights, text graph, class names) and check that they fit each other.

A wrong file can crash cv2.dnn. So every file is checked here before an engine gets it.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha1, sha256
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.files import read_text, reason
from segmentation.network.api_graph.graph_def import read_graph
from segmentation.network.api_graph.kinds import WANTED, kind_of_file, kind_of_graph
from segmentation.network.api_graph.whole import Described, describe, is_whole
from segmentation.network.frozen_graph import consts_of, read_node_defs
from segmentation.network.graph_check import BOXES, NAMED, PROPOSALS, check_graph
from segmentation.network.made import demo_warning
from segmentation.network.published import DEFAULT, PUBLISHED
from segmentation.network.resizing import Rule
from segmentation.network.text_graph import Nodes, read_nodes, trunk_output
from segmentation.network.weights import ModelFiles, read_labels
from segmentation.terminal import warn, warn_at_end
from segmentation.wording import counted

# Names that only the ONNX model has: the trunk's output (in text graphs its name depends on the architecture), and the
# boxes of the detections in cells of that output.
FEATURES, MASK_BOXES = "features", "CropAndResize_1/boxes"
OFFICIAL_CLASSES, OFFICIAL_SHA1 = 90, PUBLISHED[DEFAULT].weights_sha1
CLASS_BIASES = "SecondStageBoxPredictor/ClassPredictor/biases"      # (classes + 1,), background first
BOX_BIASES = "SecondStageBoxPredictor/BoxEncodingPredictor/biases"  # (classes * 4,)


class Model(NamedTuple):
    """What an engine is built from.

    weights, text_graph_path: the files that were read
    buffer: the bytes of the frozen graph, uint8 (size,)
    digest: their hexadecimal SHA-256, which another thread makes meanwhile
    consts: the constants of the frozen graph, name -> array
    nodes: those of the text graph
    features: the name of the trunk's last node in the text graph
    resizer: the frozen graph's own rule for the size of images, if it has one
    mask_side: masks are of so many cells a side
    labels: the names of the classes, by class number from 0
    known: those that it can find; the demo graph has not seen all
    """

    weights: Path
    text_graph_path: Path
    buffer: np.ndarray
    digest: "Future[str]"
    consts: dict[str, np.ndarray]
    nodes: Nodes
    features: str
    resizer: Optional[Rule]
    mask_side: int
    labels: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def proposals(self) -> int:
        """How many RoIs the second stage looks at, as the text graph says."""
        return self.nodes[PROPOSALS].one("keep_top_k")


def read_model(files: ModelFiles) -> Model:
    """The Model of ModelFiles (segmentation/network/weights.py). If it is the demo, two lines on stderr say so.

    Raises SegmentationError if a file is wrong or does not fit the others. What it gives is safe for an engine.
    """
    buffer = read_weights(files.weights)
    digest = ThreadPoolExecutor(1).submit(lambda: sha256(buffer.data).hexdigest())
    structure = read_structure(files, buffer)
    nodes, consts = structure.nodes, structure.consts
    labels = find_labels(files, nodes, consts)
    try:
        mask_side = check_graph(nodes, consts)
    except SegmentationError as error:
        if structure.itself:
            raise SegmentationError(f"{files.weights} cannot be run: {error}") from error
        raise SegmentationError(f"{files.text_graph} and {files.weights} do not make a network: {error}; one of the "
                                "two files is broken or belongs to another model, so take both anew") from error
    known = labels
    if files.demo_because:
        known = known_classes(consts, labels)
        say_demo(files, known, labels)
    return Model(files.weights, files.text_graph, buffer, digest, dict(consts), nodes, trunk_output(nodes),
                 structure.resizer, mask_side, labels, known)


# ---- Files ---------------------------------------------------------------------------------------------------

def read_weights(path: Path) -> np.ndarray:
    """The bytes of the weights, uint8 (size,). Raises SegmentationError if they are a file of another kind."""
    try:
        buffer = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    start = bytes(buffer[:64])
    if start.lstrip()[:1] == b"<":
        raise SegmentationError(f"{path} is a web page, not a frozen graph: download it again")
    kind = kind_of_file(start)
    if kind:
        raise SegmentationError(f"{path} is {kind}; {WANTED}")
    return buffer


def read_structure(files: ModelFiles, buffer: np.ndarray) -> Described:
    """The text graph of the weights and the constants that it reads.

    The text graph is the file beside the weights; or what the weights say of themselves, if they are a whole frozen
    graph; or the official one. The official weights have it in any case: it was made for them.

    Raises SegmentationError if the file is no frozen graph, or if none of the three fits it.
    """
    path, nodes = files.weights, read_text_graph(files.text_graph)
    try:
        node_defs = read_node_defs(buffer)
        consts = consts_of(node_defs)
    except SegmentationError as error:
        raise SegmentationError(f"{path} is not usable: {error}; name a frozen_inference_graph.pb (not "
                                "saved_model.pb)") from error
    needed = [name for node in nodes.values() for name in node.inputs if name not in nodes]
    missing = [name for name in needed if name not in consts]
    if files.text_graph != path.with_suffix(".pbtxt") and is_whole(node_defs) and (
            missing or sha1(buffer.data).hexdigest() != OFFICIAL_SHA1):
        try:
            return describe(read_graph(node_defs), consts, nodes)
        except SegmentationError as error:
            if missing:  # otherwise it is one of 2018, for which the official text graph was made
                raise SegmentationError(f"{path} cannot be run: {error}; {WANTED}") from error
    if missing:
        kind = kind_of_graph([node.name for node in node_defs])
        if kind:
            raise SegmentationError(f"{path} is {kind}; {WANTED}")
        raise SegmentationError(f"{path} does not hold the weights of {files.text_graph}: it lacks {len(missing)} "
                                f"of {counted(len(needed), 'constant')}, first of them {missing[0]}; name "
                                "the weights of this model, or put the text graph made for these beside them as "
                                f"{path.with_suffix('.pbtxt').name}")
    return Described(nodes, consts)


def read_text_graph(path: Path) -> Nodes:
    """The nodes of a text graph. Raises SegmentationError with the path if it belongs to another kind of model."""
    text = read_text(path)
    try:
        nodes = read_nodes(text)
    except SegmentationError as error:
        raise SegmentationError(f"{path} is no text graph of this model: {error}; take the file from this project's "
                                "mask-rcnn-coco") from error
    for name in NAMED:
        if name not in nodes:
            raise SegmentationError(f"{path} is no text graph of this model, or is cut off: it has no node "
                                    f"{name}; take the file from this project's mask-rcnn-coco")
    return nodes


def find_labels(files: ModelFiles, nodes: Nodes, consts: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The names of the classes, by class number from 0.

    Raises SegmentationError if the weights, the text graph and the names differ in the number of classes. Then objects
    would get wrong names, or cv2.dnn would read beyond its arrays.
    """
    expected = nodes[BOXES].one("num_classes")
    count = consts[CLASS_BIASES].size - 1 if CLASS_BIASES in consts else expected
    text_graph_path, labels_path = (files.weights.with_suffix(suffix) for suffix in (".pbtxt", ".txt"))
    classes = counted(count, "class", "classes")
    if count != expected:
        raise SegmentationError(f"{files.weights} has {classes}, but {files.text_graph} is for {expected}: "
                                f"put the text graph made for it beside it as {text_graph_path.name}")
    if count != OFFICIAL_CLASSES and files.labels != labels_path:
        warn(f"[WARNING] {files.weights} has {classes} without names, so they are numbered: put their names "
             f"beside it in {labels_path.name}, one a line")
        return tuple(f"class {number}" for number in range(1, count + 1))
    return read_labels(files.labels, count)


def known_classes(consts: Mapping[str, np.ndarray], labels: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes that the weights have seen in training.

    The four box biases of a class start at 0 and change only with objects of that class. So a class without objects
    still has zeros. (This holds for graphs of segmentation/training that were not fine-tuned from another graph.)
    """
    moved = np.any(consts[BOX_BIASES].reshape(-1, 4), axis=1).tolist()
    return tuple(label for label, known in zip(labels, moved) if known)


def say_demo(files: ModelFiles, known: Sequence[str], labels: Sequence[str]) -> None:
    """Print two lines on stderr: this is the demo and knows these classes; how to get the official weights.

    At the end of a command a third one says again that this was the demo.
    """
    warn(f"[WARNING] this is not the COCO network but a small one for a first look, {files.weights.name}, which "
         f"knows {len(known)} of the {counted(len(labels), 'kind')} of object: {', '.join(known)}")
    warn(f"[WARNING] {files.demo_because}")
    warn_at_end(f"[WARNING] {demo_warning(known, labels)} Name other weights with --weights; --no-demo refuses this "
                "graph")
