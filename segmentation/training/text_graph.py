"""Writes OpenCV's text graph of Mask R-CNN from a table of the network's architecture (architectures.py).

    python -m segmentation.training.text_graph            # the .pbtxt of the model folder, of Inception v2
    python -m segmentation.training.text_graph --out -    # the same, printed
    python -m segmentation.training.text_graph --architecture mobilenet_v2      # the demo graph's .pbtxt

cv2.dnn.readNetFromTensorflow takes two files. The weights (.pb) are numbers under names. The text graph (.pbtxt) says
what to compute from them: it has nodes with a name, an operation, inputs and attributes. An input that is no node's
name is looked up among the weights, so the names must be TensorFlow's.

What an image passes through, with the shape of what comes out (TensorFlow's order, channels last), in Inception v2:

    image        RGB 0..255, any size                                 (H, W, 3)
    trunk        Inception v2 up to Mixed_4e                          (H / 16, W / 16, 576)
    proposals    12 anchors at each place, the best 100 boxes kept    (100, 7)
    RoIs         the trunk's features under each proposal             (100, 7, 7, 576)
    box head     Mixed_5a to 5c, then classes and a box for each      (100, 90 * 4), (100, 91)
    detections   the best 100 boxes of all classes                    (100, 7)
    RoIs         the trunk's features under each detection            (100, 7, 7, 576)
    mask head    Mixed_5a to 5c again, then a mask for each class     (100, 90, 15, 15)

In MobileNet v2 the trunk's features are 224 channels: 96 of expanded_conv to expanded_conv_12, then 128 that a 1x1
makes of expanded_conv_13 to 16 on the whole picture. The heads are expanded_conv_13 and 16 (320 channels).
This file has a function for each of these parts; text_graph_layers.py has one for each kind of layer.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from segmentation.cli.parser import Parser
from segmentation.network.weights import MODEL_FOLDER
from segmentation.training.architectures import (
    ANCHOR_STRIDE,
    ARCHITECTURES,
    BOX_VARIANCE,
    DETECTIONS,
    HEAD,
    MOBILE_CONTEXT_BLOCKS,
    MOBILE_HEAD_BLOCKS,
    MOBILE_TRUNK_BLOCKS,
    PROPOSALS,
    STEM,
    TRUNK,
    anchor_sizes,
)
from segmentation.training.text_format import dims, tensor
from segmentation.training.text_graph_layers import (
    Graph,
    Scope,
    blocks,
    chain,
    clipped_convolution,
    detection_output,
    hidden,
    pool,
    predictor,
    reshape,
    residuals,
    sliced,
)

OUT = {"inception_v2": MODEL_FOLDER / "mask_rcnn_inception_v2_coco_2018_01_28.pbtxt",
       "mobilenet_v2": MODEL_FOLDER / "demo_inference_graph.pbtxt"}


def build(num_classes: int = 90, architecture: str = "inception_v2") -> str:
    """The text graph of a network trained on `num_classes` classes (default: COCO's 90).

    Only two numbers in it depend on the classes, both of node `detection_out_final`: num_classes, and
    background_label_id, which is one higher. Everything else is in the weights file: the class predictor's outputs (91,
    background is the first) and their shape, the boxes and the masks.

    Raises ValueError where num_classes is below 1.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    graph = Graph()
    features = trunk(graph, architecture)
    proposed = proposals(graph, features, architecture)
    x = rois(graph, "CropAndResize", "MaxPool2D", features, proposed)
    deltas, scores = box_predictor(graph, pooled_head(graph, x, architecture))
    detected = detections(graph, deltas, scores, proposed, num_classes, ARCHITECTURES[architecture].overlap)
    x = rois(graph, "CropAndResize_1", "MaxPool2D_1", features, detected)
    mask_predictor(graph, head(graph, "_1", x, architecture))
    return graph.text()


# ---- Parts of the network: each adds its nodes and returns the name of its output -------------------------

def trunk(graph: Graph, architecture: str) -> str:
    """Features of the image, (H / 16, W / 16, 576); MobileNet's have 224 channels."""
    image = graph.add("Placeholder", "image_tensor", dtype=[("type", "DT_UINT8")],
                      shape=[("shape", dims([-1, -1, -1, 3]))])
    # 0..255 to -1..1; 2 / 255 and 1 are constants of the weights file.
    x = graph.add("Mul", "Preprocessor/mul", image, "Preprocessor/mul/x")
    x = graph.add("Sub", "Preprocessor/sub", x, "Preprocessor/sub/y")
    # The names of the trunk's nodes have InceptionV2 twice, those of its weights once, as in TensorFlow's graph.
    weights = f"FirstStageFeatureExtractor/{ARCHITECTURES[architecture].scope}"
    scope = Scope(f"{weights}/{ARCHITECTURES[architecture].scope}", weights)
    if architecture == "mobilenet_v2":
        x = clipped_convolution(graph, scope / "Conv", x, stride=2)
        x = residuals(graph, scope, x, MOBILE_TRUNK_BLOCKS)
        context = clipped_convolution(graph, scope / "Conv_1", residuals(graph, scope, x, MOBILE_CONTEXT_BLOCKS))
        return graph.add("ConcatV2", f"{scope.nodes}/concat", x, context, f"{scope.nodes}/concat/axis")
    x = chain(graph, scope, x, STEM)
    return blocks(graph, scope, x, TRUNK)


def head(graph: Graph, again: str, x: str, architecture: str) -> str:
    """The rest of the trunk on RoIs, (100, 4, 4, 1024); `again` is "_1" the second time.

    MobileNet's features for masks are (100, 7, 7, 320), because its RoIs for masks are (100, 14, 14, 224).
    """
    scope = head_scope(again, architecture)
    if architecture == "mobilenet_v2":
        return residuals(graph, scope, x, MOBILE_HEAD_BLOCKS)
    return blocks(graph, scope, x, HEAD)


def pooled_head(graph: Graph, x: str, architecture: str) -> str:
    """The same for the box head, its mean over the places of each RoI: (100, 1, 1, 1024)."""
    if architecture == "mobilenet_v2":
        *others, last = MOBILE_HEAD_BLOCKS
        scope = head_scope("", architecture)
        x = hidden(graph, scope / last.name, residuals(graph, scope, x, others), last)
        # The last layer is linear, so it may come after the mean: a sixteenth of the work.
        return predictor(graph, "Conv2D", scope / last.name / "project", mean(graph, x))
    return mean(graph, head(graph, "", x, architecture))


def head_scope(again: str, architecture: str) -> Scope:
    """The Scope of the head's layers; `again` is "_1" the second time."""
    name = ARCHITECTURES[architecture].scope
    return Scope(f"SecondStageFeatureExtractor{again}/{name}", f"SecondStageFeatureExtractor/{name}")


def mean(graph: Graph, x: str) -> str:
    """The mean over all places of each RoI, (100, 1, 1, channels)."""
    name = "SecondStageBoxPredictor/AvgPool"
    return graph.add("Mean", name, x, f"{name}/reduction_indices", keep_dims=True)


def proposals(graph: Graph, features: str, architecture: str) -> str:
    """The 100 boxes most likely to hold an object of any class: rows of detection_output."""
    scope = Scope("FirstStageBoxPredictor", "FirstStageBoxPredictor")
    x = predictor(graph, "Conv2D", Scope("Conv", "Conv"), features)                       # 3x3, 512 channels
    x = graph.add("Relu6", "Conv/Relu6", x)
    # 1x1, 12 anchors * 4 channels
    deltas = predictor(graph, "Conv2D", scope / "BoxEncodingPredictor", x, loc_pred_transposed=True)
    scores = predictor(graph, "Conv2D", scope / "ClassPredictor", x)                      # 1x1, 12 * 2
    # One anchor in each row: softmax must compare its object with its background, not anchors with each other.
    scores = reshape(graph, f"{scope.nodes}/ClassPredictor/reshape_1", scores, [0, -1, 2])
    scores = graph.add("Softmax", f"{scope.nodes}/ClassPredictor/softmax", scores, axis=-1)
    scores = graph.add("Flatten", f"{scores}/flatten", scores)
    flat_deltas = graph.add("Flatten", f"{scope.nodes}/BoxEncodingPredictor/flatten", deltas)
    anchors = anchor_boxes(graph, deltas, "image_tensor", architecture)
    return detection_output(graph, "detection_out", flat_deltas, scores, anchors,
                            keep_top_k=ARCHITECTURES[architecture].proposals, **PROPOSALS)


def anchor_boxes(graph: Graph, places: str, image: str, architecture: str) -> str:
    """All anchors and their variances, (2, H / 16 * W / 16 * 12 * 4). Of its inputs only the sizes count.

    An anchor's centre is the top left corner of its place, as in training: offset 0. OpenCV's default, 0.5, is the
    middle. clip cuts anchors off at the border of the image.
    """
    widths, heights = anchor_sizes(architecture)
    return graph.add("PriorBox", "proposals", places, image, width=tensor(widths), height=tensor(heights),
                     step=ANCHOR_STRIDE, offset=0.0, variance=tensor(BOX_VARIANCE), flip=False, clip=True)


def rois(graph: Graph, crop: str, pooled: str, features: str, boxes: str) -> str:
    """The features under each box, (100, 7, 7, 576); `crop` and `pooled` name the nodes."""
    # (100, 14, 14, 576): that 14 is a constant of the weights file.
    x = graph.add("CropAndResize", crop, features, boxes, f"{crop}/crop_size",
                  method="bilinear", extrapolation_value=0.0)
    return pool(graph, "MaxPool", f"{pooled}/MaxPool", x, kernel=2, stride=2, padding="VALID")


def box_predictor(graph: Graph, x: str) -> tuple[str, str]:
    """For each RoI the deltas of each class, (1, 100 * 90, 4), and the classes' scores, (1, 100 * 90)."""
    scope = Scope("SecondStageBoxPredictor", "SecondStageBoxPredictor")
    name = scope.nodes
    x = graph.add("Flatten", f"{name}/Flatten/flatten/Reshape", x)                        # (100, 1024)
    # (100, 90 * 4)
    deltas = predictor(graph, "MatMul", scope / "BoxEncodingPredictor", x, loc_pred_transposed=True)
    scores = predictor(graph, "MatMul", scope / "ClassPredictor", x)                      # (100, 91)
    deltas = graph.add("Reshape", f"{name}/Reshape", deltas, f"{name}/Reshape/shape2")
    logits = graph.add("Reshape", f"{name}/Reshape_1", scores, f"{name}/Reshape_1/shape")
    scores = graph.add("Softmax", f"{logits}/softmax", logits, axis=-1)                   # (100, 1, 91)
    # Background is cut away, as it has a score but no box. From here on class 0 is the first real one.
    scores = sliced(graph, f"{logits}/slice", scores, begins=[0, 0, 1], sizes=[-1, -1, -1])
    scores = reshape(graph, f"{logits}/Reshape", scores, [1, -1])
    # `shape2`, because the weights file has a Reshape/shape with another value, and OpenCV refuses a constant of the
    # same name. It may stand below the node that reads it: OpenCV collects all constants before it makes a layer.
    graph.constant(f"{name}/Reshape/shape2", [1, -1, 4])
    return deltas, scores


def detections(graph: Graph, deltas: str, scores: str, proposed: str, num_classes: int, overlap: float) -> str:
    """The best 100 boxes of all classes, each a refined proposal: rows of detection_output."""
    # Anchors come with variances, proposals without, so the deltas are multiplied by the variances here.
    # variance_encoded_in_target says so, and makes DetectionOutput expect boxes of shape (1, 1, 100 * 4).
    boxes = sliced(graph, "detection_out/slice", proposed, begins=[0, 0, 0, 3], sizes=[-1, -1, -1, 4])
    variance = graph.constant("proposals/variance", BOX_VARIANCE)
    deltas = graph.add("Mul", "variance_encoded", deltas, variance, axis=2)
    boxes = reshape(graph, "detection_out/slice/reshape", boxes, [1, 1, -1])
    deltas = graph.add("Flatten", "variance_encoded/flatten", deltas)
    # No class is background any more. A number above all classes tells that to DetectionOutput.
    return detection_output(graph, "detection_out_final", deltas, scores, boxes, num_classes=num_classes,
                            background_label_id=num_classes + 1, variance_encoded_in_target=True,
                            nms_threshold=overlap, **DETECTIONS)


def mask_predictor(graph: Graph, x: str) -> str:
    """For each RoI a mask for each class, (100, 90, 15, 15): probabilities."""
    scope = Scope("SecondStageBoxPredictor_1", "SecondStageBoxPredictor")
    name = scope.nodes
    x = graph.add("ResizeBilinear", f"{name}/ResizeBilinear", x, f"{name}/ResizeBilinear/size",
                  align_corners=True)                                                     # 15x15
    x = predictor(graph, "Conv2D", scope / "Conv", x)                                     # 3x3, 256 channels
    x = graph.add("Relu", f"{name}/Conv/Relu", x)
    x = predictor(graph, "Conv2D", scope / "Conv_1", x)                                   # 3x3, 90
    # To (class, y, x). OpenCV's arrays have that order from the start, so there this moves nothing.
    x = graph.add("Transpose", f"{name}/transpose", x, f"{name}/transpose/perm")
    return graph.add("Sigmoid", "detection_masks", x)


# ---- Command line ----------------------------------------------------------------------------------------

def write(path: Path, text: str) -> None:
    """Write the file under its final name only when it is complete, so that nobody reads half of it."""
    part = path.parent / f"{path.name}.part"
    try:
        part.write_bytes(text.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code: 0 if the text graph was written, 1 if it could not be."""
    parser = Parser("[options]", __doc__.splitlines()[0], prog="python -m segmentation.training.text_graph")
    parser.add_argument("--architecture", choices=OUT, default="inception_v2", metavar="|".join(OUT),
                        help="the network's (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE",
                        help="the file to write, or - to print (default: the model folder's of the architecture)")
    args = parser.parse_args(argv)
    text, out = build(architecture=args.architecture), args.out or OUT[args.architecture]
    if out == "-":
        sys.stdout.write(text)
        return 0
    try:
        write(Path(out), text)
    except OSError as error:
        print(f"cannot write {out}: {error.strerror}. Name another file with --out.", file=sys.stderr)
        return 1
    print(f"[INFO] wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
