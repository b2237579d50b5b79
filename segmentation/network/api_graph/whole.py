"""Builds the text graph of a frozen Mask R-CNN of TensorFlow's Object Detection API from the graph itself.

    found = describe(read_graph(node_defs), consts_of(node_defs), pattern)
    found.nodes, found.consts         # what an engine takes
    found.resizer                     # the graph's own rule for the size of pictures

The trunk and the heads are the graph's own layers (layers.py), whatever they are. What lies between them, anchors and
the choice of boxes, is the same in all these graphs; TensorFlow computes it in thousands of small nodes and cv2.dnn in
two layers. It is taken from the official text graph, `pattern`, and gets this graph's numbers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.network.api_graph.graph_def import GraphNodes
from segmentation.network.api_graph.layers import Layers
from segmentation.network.frozen_graph import NodeDef
from segmentation.network.graph_check import BOXES, IMAGE, MASKS, PROPOSALS
from segmentation.network.resizing import FixedSize, Resizer, Rule
from segmentation.network.text_graph import Node, Nodes, set_value

FIRST, SECOND = "FirstStageBoxPredictor", "SecondStageBoxPredictor"
CLASSES, DELTAS, ANCHORS = f"{SECOND}/ClassPredictor", f"{SECOND}/BoxEncodingPredictor", "proposals"
MASK_LAYER = re.compile(rf"{SECOND}(_\d+)?/Conv(_(\d+))?/BiasAdd")
# cv2.dnn wants deltas of boxes in another order than TensorFlow's, so the layers that predict them are marked.
IN_OTHER_ORDER = {"loc_pred_transposed": (True,)}
SCALES, RATIOS, BASE = (0.25, 0.5, 1.0, 2.0), (0.5, 1.0, 2.0), 256  # of the API's anchors, where a graph has no others
LARGEST_SIDE = 65_535  # pixels of the network's input, as with --size
# The shape of the class logits, and the order of a mask's axes. Names that no graph has.
LOGITS, ORDER, CLIPPED = f"{SECOND}/logits/shape", f"{MASKS}/order", f"{PROPOSALS}/clip_by_value"


class Described(NamedTuple):
    """A frozen graph as an engine takes it.

    resizer: None where the graph has no rule that is known
    itself: whether the nodes are those of the graph itself, not those of a text graph
    """

    nodes: Nodes
    consts: Mapping[str, np.ndarray]
    resizer: Optional[Rule] = None
    itself: bool = False


def is_whole(nodes: Iterable[NodeDef]) -> bool:
    """Whether a graph has the second stage of a Faster R-CNN or Mask R-CNN of the API, and not its constants alone."""
    return any(node.name == f"{CLASSES}/MatMul" for node in nodes)


def describe(graph: GraphNodes, consts: Mapping[str, np.ndarray], pattern: Nodes) -> Described:
    """What a whole frozen graph says of itself. pattern: the official text graph

    Raises SegmentationError if the graph is no Mask R-CNN of the API, or has something that is not known.
    """
    try:
        return described(graph, consts, pattern)
    except (ArithmeticError, IndexError, KeyError, RecursionError, StopIteration, TypeError, ValueError) as error:
        raise SegmentationError("its nodes do not fit together: it is broken") from error


def described(graph: GraphNodes, consts: Mapping[str, np.ndarray], pattern: Nodes) -> Described:
    """As `describe`. Of a broken graph it raises whatever comes of that."""
    crops = [crop_of(graph, number) for number in (0, 1)]
    layers = Layers(graph, consts, {crop: name for crop, name in zip(crops, ("CropAndResize", "CropAndResize_1"))}
                    | {name: IMAGE for name in resized_pictures(graph)})
    layers.nodes[IMAGE] = Node(IMAGE, "Placeholder")
    features = layers.add(graph[crops[0]].inputs[0])
    proposals(layers, pattern, trunk_stride(layers.nodes, features))
    clipped = PROPOSALS if clips_first(graph) else clip_later(layers)
    crop_rois(layers, "CropAndResize", crops[0], features, clipped)
    box_head(layers, pattern, clipped)
    crop_rois(layers, "CropAndResize_1", crops[1], features, BOXES)
    mask_head(layers)
    return Described(layers.nodes, layers.consts, resizer_of(consts), itself=True)


def crop_of(graph: GraphNodes, number: int) -> str:
    """The node that crops the RoIs of boxes (number 0) or of masks (1). Its name is longer in graphs of today."""
    scope = ("CropAndResize", "CropAndResize_1")[number]
    for name in (f"{scope}/CropAndResize", scope):
        if name in graph and graph[name].op == "CropAndResize":
            return name
    raise SegmentationError("it finds boxes but no masks: it is a Faster R-CNN" if number else
                            "it crops no RoIs, so it is no Mask R-CNN of TensorFlow's Object Detection API")


def resized_pictures(graph: GraphNodes) -> Iterator[str]:
    """The nodes that give the pictures in the network's size. The scripts resize pictures themselves."""
    for node in graph.values():
        if node.op.startswith("TensorArrayGather") and node.name.startswith("Preprocessor/"):
            yield node.name


# ---- The parts -----------------------------------------------------------------------------------------------

def copy(layers: Layers, pattern: Nodes, first: str, last: str, renamed: Mapping[str, str]) -> None:
    """Add the pattern's nodes from `first` to `last`, without those that are there and those of the second stage.

    renamed: name in the pattern -> name of what is read instead
    """
    names = list(pattern)
    part = [pattern[name] for name in names[names.index(first):names.index(last) + 1]
            if name not in layers.nodes and not name.startswith("SecondStageFeatureExtractor")]
    for node in sorted(part, key=lambda node: node.op != "Const"):  # constants before the nodes that read them
        layers.nodes[node.name] = node._replace(inputs=tuple(renamed.get(name, name) for name in node.inputs))


def proposals(layers: Layers, pattern: Nodes, stride: int) -> None:
    """Add what gives the proposals: layers on the features, anchors, and the choice of the best boxes.

    stride: of the trunk
    """
    for part in ("BoxEncodingPredictor", "ClassPredictor"):
        layers.add(f"{FIRST}/{part}/BiasAdd")
    set_attributes(layers, f"{FIRST}/BoxEncodingPredictor/Conv2D", **IN_OTHER_ORDER)
    copy(layers, pattern, f"{FIRST}/ClassPredictor/reshape_1/shape", PROPOSALS, {})
    widths, heights, step, offset = anchors_of(layers.consts, stride)
    set_attributes(layers, ANCHORS, width=widths, height=heights, step=(step,), offset=(offset,))
    set_numbers(layers, PROPOSALS, nms_threshold=overlap_of(layers.consts, 0),
                keep_top_k=most_of(layers.consts, 0))


def clips_first(graph: GraphNodes) -> bool:
    """Whether boxes are clipped to the picture before some are suppressed, as in 2018. Today's graphs do it after."""
    pending = [node.name for node in graph.values() if node.op.startswith("NonMaxSuppression")]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if "ClipToWindow" in name:
            return True
        if name not in seen and "MultiClassNonMaxSuppression/" in name:
            seen.add(name)
            pending += graph[name].inputs
    return False


def clip_later(layers: Layers) -> str:
    """Clip the proposals after the choice of the best; the name of the node. MaskRCNN.forward clips the detections.

    A row of a proposal is (0, 1, score, box), so all of it may be clipped to 0..1.
    """
    set_attributes(layers, PROPOSALS, clip=(False,))
    limits = [layers.new(f"{CLIPPED}/{name}", np.array([value], np.float32))
              for name, value in (("min", 0), ("max", 1))]
    layers.nodes[CLIPPED] = Node(CLIPPED, "ClipByValue", (PROPOSALS, *limits))
    return CLIPPED


def set_attributes(layers: Layers, name: str, **attributes: tuple) -> None:
    """Set attributes of a node."""
    node = layers.nodes[name]
    layers.nodes[name] = node._replace(attributes={**node.attributes, **attributes})


def crop_rois(layers: Layers, name: str, crop: str, features: str, boxes: str) -> None:
    """Add the node that crops the features under the boxes. crop: TensorFlow's"""
    size = layers.constant(layers.graph[crop].inputs[3])
    layers.nodes[name] = Node(name, "CropAndResize", (features, boxes, size))


def box_head(layers: Layers, pattern: Nodes, clipped: str) -> None:
    """Add what gives each proposal its class and its box, and the choice of the best of these.

    clipped: the node with the proposals
    """
    for part in (DELTAS, CLASSES):
        layers.add(f"{part}/BiasAdd")
    set_attributes(layers, f"{DELTAS}/MatMul", **IN_OTHER_ORDER)
    classes = layers.consts[layers.constant(layers.graph[f"{CLASSES}/BiasAdd"].inputs[1])].size - 1
    logits = layers.new(LOGITS, np.array([-1, 1, classes + 1], np.int32))
    copy(layers, pattern, f"{SECOND}/Reshape", BOXES, {PROPOSALS: clipped, f"{SECOND}/Reshape_1/shape": logits})
    set_attributes(layers, BOXES, clip=(clipped == PROPOSALS,))
    set_numbers(layers, BOXES, num_classes=classes, background_label_id=classes + 1,
                nms_threshold=overlap_of(layers.consts, 1), keep_top_k=most_of(layers.consts, 1))


def mask_head(layers: Layers) -> None:
    """Add what gives each detection a mask for each class."""
    names = [match for match in map(MASK_LAYER.fullmatch, layers.graph) if match]
    if not names:
        raise SegmentationError("it finds boxes but no masks: it is a Faster R-CNN")
    last = max(names, key=lambda match: int(match.group(3) or 0)).group()
    masks = layers.add(last)
    classes = layers.nodes[BOXES].one("num_classes")
    if layers.consts[layers.constant(layers.graph[last].inputs[1])].size != classes:
        raise SegmentationError("its masks are the same for all classes, which is not known here")
    order = layers.new(ORDER, np.array([0, 3, 1, 2], np.int32))
    layers.nodes[f"{MASKS}/planes"] = Node(f"{MASKS}/planes", "Transpose", (masks, order))
    layers.nodes[MASKS] = Node(MASKS, "Sigmoid", (f"{MASKS}/planes",))


def set_numbers(layers: Layers, name: str, **numbers: Optional[float]) -> None:
    """Set attributes of a node; None leaves the pattern's number."""
    for key, value in numbers.items():
        if value is not None:
            layers.nodes = set_value(layers.nodes, name, key, value)


# ---- The graph's numbers -------------------------------------------------------------------------------------

def anchors_of(consts: Mapping[str, np.ndarray], trunk: int) -> tuple[
        tuple[float, ...], tuple[float, ...], float, float]:
    """(widths, heights, step, offset) of the anchors, all in pixels but the offset, which is in steps.

    trunk: the stride of the trunk

    A GridAnchorGenerator has scales, aspect ratios (width / height), the base's height and width, the stride and the
    offset. The order is all scales of one ratio, then those of the next. Older graphs do not have all of them under
    these names: then they are the API's own, which all published models have.
    """
    scope = "GridAnchorGenerator"
    scales, ratios = (consts.get(f"{scope}/Meshgrid/{name}", np.array(default)).astype(float)
                      for name, default in (("Const", SCALES), ("Const_1", RATIOS)))
    given = [consts.get(f"{scope}/{name}") for name in ("Const", "Const_1", "Const_2")]
    base, stride, offset = (array.astype(float) for array in given if array is not None) \
        if all(array is not None for array in given) else np.array([[BASE, BASE], [trunk, trunk], [0, 0]], float)
    if base.size != 2 or any(array.size != 2 or array[0] != array[1] for array in (stride, offset)):
        raise SegmentationError("its anchors are spaced otherwise down than across, which is not known here")
    roots = [ratio ** 0.5 for ratio in ratios.tolist()]
    widths = tuple(float(base[1] * scale * root) for root in roots for scale in scales)
    heights = tuple(float(base[0] * scale / root) for root in roots for scale in scales)
    return widths, heights, float(stride[0]), float(offset[0] / stride[0])


def trunk_stride(nodes: Nodes, features: str) -> int:
    """How many pixels of the picture there are from one feature to the next: the strides on the way, multiplied."""
    stride, name = 1, features
    for _ in nodes:
        if name not in nodes or not nodes[name].inputs:
            break
        stride *= nodes[name].attributes.get("strides", (1, 1))[1]
        name = nodes[name].inputs[0]
    return stride


def overlap_of(consts: Mapping[str, np.ndarray], stage: int) -> Optional[float]:
    """The IoU above which the better box of two stays alone."""
    scope = f"BatchMultiClassNonMaxSuppression{'_1' * stage}/"
    return next((float(array) for name, array in consts.items()
                 if name.startswith(scope) and name.endswith("iou_threshold")), None)


def most_of(consts: Mapping[str, np.ndarray], stage: int) -> Optional[int]:
    """How many boxes a stage gives at most: it pads its list to that size."""
    scope = f"BatchMultiClassNonMaxSuppression{'_1' * stage}/"
    return next((int(array) for name, array in consts.items()
                 if name.startswith(scope) and name.endswith("PadOrClipBoxList/sub/y")), None)


def resizer_of(consts: Mapping[str, np.ndarray]) -> Optional[Rule]:
    """The graph's own rule for the size of pictures."""
    for name, array in consts.items():
        if name.startswith("Preprocessor/") and array.dtype.kind == "i" and array.shape == (2,):
            sides = [int(side) for side in array]
            if not 32 <= min(sides) <= max(sides) <= LARGEST_SIDE:
                continue
            if "ResizeToRange" in name:
                return Resizer(min(sides), max(sides))
            if "ResizeImage" in name:
                return FixedSize(sides[0], sides[1])
    return None
