"""Writes OpenCV's text graph of Mask R-CNN from a table of the network's architecture (architectures.py).

    python -m segmentation.training.text_graph            # the .pbtxt of the model folder, of Inception v2
    python -m segmentation.training.text_graph --out -    # the same, printed
    python -m segmentation.training.text_graph --architecture mobilenet_v2      # the demo graph's .pbtxt

cv2.dnn.readNetFromTensorflow takes two files. The weights (.pb) are numbers under names; the text graph
(.pbtxt) says what to compute from them: nodes with a name, an operation, inputs and attributes. An input
that is no node's name is looked up among the weights, so the names are TensorFlow's, not ours to choose.

What an image passes through, with the shape of what comes out (TensorFlow's order, channels last), in Inception v2:

    image        RGB 0..255, any size                                 (H, W, 3)
    trunk        Inception v2 up to Mixed_4e                          (H / 16, W / 16, 576)
    proposals    12 anchors at each place, the best 100 boxes kept    (100, 7)
    RoIs         the trunk's features under each proposal             (100, 7, 7, 576)
    box head     Mixed_5a to 5c, then classes and a box for each      (100, 90 * 4), (100, 91)
    detections   the best 100 boxes of all classes                    (100, 7)
    RoIs         the trunk's features under each detection            (100, 7, 7, 576)
    mask head    Mixed_5a to 5c again, then a mask for each class     (100, 90, 15, 15)

In MobileNet v2 the trunk is expanded_conv to expanded_conv_12 (96 channels) and beside these expanded_conv_13 to 16
on the whole picture (128 channels of a 1x1 over them); the heads are expanded_conv_13 and 16 (320 channels).
A function for each of these parts comes first, then one for each kind of layer.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

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
    POOLS,
    PROPOSALS,
    STEM,
    TRUNK,
    anchor_sizes,
    parse_layers,
)
from segmentation.training.text_format import attribute_value, dims, tensor, text_lines

OUT = {"inception_v2": MODEL_FOLDER / "mask_rcnn_inception_v2_coco_2018_01_28.pbtxt",
       "mobilenet_v2": MODEL_FOLDER / "demo_inference_graph.pbtxt"}

# ---- The network -----------------------------------------------------------------------------------------

def build(num_classes: int = 90, architecture: str = "inception_v2") -> str:
    """The text graph, for a network trained on `num_classes` classes (default: COCO's 90).

    Two numbers depend on it, both of node `detection_out_final`: num_classes, and background_label_id,
    one above it. All else that a class adds is in the weights file: an output of the class predictor (91
    of them: background is the first) and a place in the shape they take, a box, a mask.

    Raises ValueError where num_classes is below 1.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    graph = Graph()
    features = trunk(graph, architecture)
    proposed = proposals(graph, features, architecture)
    x = head(graph, "", rois(graph, "CropAndResize", "MaxPool2D", features, proposed), architecture)
    deltas, scores = box_predictor(graph, x)
    detected = detections(graph, deltas, scores, proposed, num_classes, ARCHITECTURES[architecture].overlap)
    x = head(graph, "_1", rois(graph, "CropAndResize_1", "MaxPool2D_1", features, detected), architecture)
    mask_predictor(graph, x)
    return graph.text()


class Graph:
    """The nodes of a text graph, in the order in which they were added."""

    def __init__(self):
        self.nodes = []

    def add(self, op: str, name: str, *inputs: str, **attributes) -> str:
        """The name of a new node, for the nodes that read it. `attributes`: see attribute_value."""
        self.nodes.append((op, name, inputs, attributes))
        return name

    def constant(self, name: str, values: list) -> str:
        """The name of a new node that holds a list of numbers."""
        return self.add("Const", name, value=tensor(values))

    def text(self) -> str:
        """The graph in protobuf's text format, attributes sorted by key as protobuf prints a map."""
        nodes = [("node", [("name", name), ("op", op), *(("input", source) for source in inputs),
                           *(("attr", [("key", key), ("value", attribute_value(value))])
                             for key, value in sorted(attributes.items()))])
                 for op, name, inputs, attributes in self.nodes]
        return "\n".join(text_lines([*nodes, ("library", [])])) + "\n"


class Scope(NamedTuple):
    """Two prefixes of names: TensorFlow names what a layer computes apart from the weights it reads.

    A layer that runs a second time computes under a new prefix (`..._1`) and reads the same weights.
    """
    nodes: str
    weights: str

    def __truediv__(self, name: str) -> "Scope":
        return Scope(f"{self.nodes}/{name}", f"{self.weights}/{name}")


def trunk(graph, architecture):
    """Features of the image, (H / 16, W / 16, 576); MobileNet's have 224 channels."""
    image = graph.add("Placeholder", "image_tensor", dtype=[("type", "DT_UINT8")],
                      shape=[("shape", dims([-1, -1, -1, 3]))])
    # 0..255 to -1..1; 2 / 255 and 1 are constants of the weights file.
    x = graph.add("Mul", "Preprocessor/mul", image, "Preprocessor/mul/x")
    x = graph.add("Sub", "Preprocessor/sub", x, "Preprocessor/sub/y")
    # The trunk's nodes carry InceptionV2 twice, its weights once: the TensorFlow graph is named that way.
    weights = f"FirstStageFeatureExtractor/{ARCHITECTURES[architecture].scope}"
    scope = Scope(f"{weights}/{ARCHITECTURES[architecture].scope}", weights)
    if architecture == "mobilenet_v2":
        x = clipped_convolution(graph, scope / "Conv", x, stride=2)
        x = residuals(graph, scope, x, MOBILE_TRUNK_BLOCKS)
        context = clipped_convolution(graph, scope / "Conv_1", residuals(graph, scope, x, MOBILE_CONTEXT_BLOCKS))
        return graph.add("ConcatV2", f"{scope.nodes}/concat", x, context, f"{scope.nodes}/concat/axis")
    x = chain(graph, scope, x, STEM)
    return blocks(graph, scope, x, TRUNK)


def head(graph, again, x, architecture):
    """The rest of the trunk on RoIs, (100, 4, 4, 1024); `again` is "_1" the second time.

    MobileNet's features for masks are (100, 7, 7, 320), as its RoIs for these are (100, 14, 14, 224).
    """
    scope = ARCHITECTURES[architecture].scope
    scope = Scope(f"SecondStageFeatureExtractor{again}/{scope}", f"SecondStageFeatureExtractor/{scope}")
    if architecture == "mobilenet_v2":
        return residuals(graph, scope, x, MOBILE_HEAD_BLOCKS)
    return blocks(graph, scope, x, HEAD)


def proposals(graph, features, architecture):
    """The 100 boxes most likely to hold an object, of whatever class: rows of detection_output."""
    scope = Scope("FirstStageBoxPredictor", "FirstStageBoxPredictor")
    x = predictor(graph, "Conv2D", Scope("Conv", "Conv"), features)                       # 3x3, 512 channels
    x = graph.add("Relu6", "Conv/Relu6", x)
    # 1x1, 12 anchors * 4 channels
    deltas = predictor(graph, "Conv2D", scope / "BoxEncodingPredictor", x, loc_pred_transposed=True)
    scores = predictor(graph, "Conv2D", scope / "ClassPredictor", x)                      # 1x1, 12 * 2
    # An anchor a row: softmax is to weigh its object against its background, not anchors against each other.
    scores = reshape(graph, f"{scope.nodes}/ClassPredictor/reshape_1", scores, [0, -1, 2])
    scores = graph.add("Softmax", f"{scope.nodes}/ClassPredictor/softmax", scores, axis=-1)
    scores = graph.add("Flatten", f"{scores}/flatten", scores)
    flat_deltas = graph.add("Flatten", f"{scope.nodes}/BoxEncodingPredictor/flatten", deltas)
    anchors = anchor_boxes(graph, deltas, "image_tensor", architecture)
    return detection_output(graph, "detection_out", flat_deltas, scores, anchors,
                            keep_top_k=ARCHITECTURES[architecture].proposals, **PROPOSALS)


def anchor_boxes(graph, places, image, architecture):
    """All anchors and their variances, (2, H / 16 * W / 16 * 12 * 4). Of its inputs only the sizes count.

    An anchor's centre is the top left corner of its place, as in training: offset 0, where OpenCV's
    default, 0.5, is the middle. clip cuts anchors off at the border of the image.
    """
    widths, heights = anchor_sizes(architecture)
    return graph.add("PriorBox", "proposals", places, image, width=tensor(widths), height=tensor(heights),
                     step=ANCHOR_STRIDE, offset=0.0, variance=tensor(BOX_VARIANCE), flip=False, clip=True)


def rois(graph, crop, pooled, features, boxes):
    """The features under each box, (100, 7, 7, 576); `crop` and `pooled` name the nodes."""
    # (100, 14, 14, 576): that 14 is a constant of the weights file.
    x = graph.add("CropAndResize", crop, features, boxes, f"{crop}/crop_size",
                  method="bilinear", extrapolation_value=0.0)
    return pool(graph, "MaxPool", f"{pooled}/MaxPool", x, kernel=2, stride=2, padding="VALID")


def box_predictor(graph, x):
    """For each RoI the deltas of each class, (1, 100 * 90, 4), and the classes' scores, (1, 100 * 90)."""
    scope = Scope("SecondStageBoxPredictor", "SecondStageBoxPredictor")
    name = scope.nodes
    x = graph.add("Mean", f"{name}/AvgPool", x, f"{name}/AvgPool/reduction_indices", keep_dims=True)
    x = graph.add("Flatten", f"{name}/Flatten/flatten/Reshape", x)                        # (100, 1024)
    # (100, 90 * 4)
    deltas = predictor(graph, "MatMul", scope / "BoxEncodingPredictor", x, loc_pred_transposed=True)
    scores = predictor(graph, "MatMul", scope / "ClassPredictor", x)                      # (100, 91)
    deltas = graph.add("Reshape", f"{name}/Reshape", deltas, f"{name}/Reshape/shape2")
    logits = graph.add("Reshape", f"{name}/Reshape_1", scores, f"{name}/Reshape_1/shape")
    scores = graph.add("Softmax", f"{logits}/softmax", logits, axis=-1)                   # (100, 1, 91)
    # Background goes, which has a score but no box: from here on class 0 is the first real one.
    scores = sliced(graph, f"{logits}/slice", scores, begins=[0, 0, 1], sizes=[-1, -1, -1])
    scores = reshape(graph, f"{logits}/Reshape", scores, [1, -1])
    # `shape2`: the TensorFlow graph has a Reshape/shape, of another value, and OpenCV refuses a constant
    # whose name the weights file has too. It may stand below the node that reads it, as OpenCV collects
    # all constants before it makes a layer.
    graph.constant(f"{name}/Reshape/shape2", [1, -1, 4])
    return deltas, scores


def detections(graph, deltas, scores, proposed, num_classes, overlap):
    """The best 100 boxes of all classes, each a proposal made finer: rows of detection_output."""
    # Proposals come without variances, unlike anchors, so the deltas are multiplied by them up front;
    # variance_encoded_in_target says so and makes DetectionOutput expect boxes of shape (1, 1, 100 * 4).
    boxes = sliced(graph, "detection_out/slice", proposed, begins=[0, 0, 0, 3], sizes=[-1, -1, -1, 4])
    variance = graph.constant("proposals/variance", BOX_VARIANCE)
    deltas = graph.add("Mul", "variance_encoded", deltas, variance, axis=2)
    boxes = reshape(graph, "detection_out/slice/reshape", boxes, [1, 1, -1])
    deltas = graph.add("Flatten", "variance_encoded/flatten", deltas)
    # No class is background any more; a number beyond all classes tells DetectionOutput so.
    return detection_output(graph, "detection_out_final", deltas, scores, boxes, num_classes=num_classes,
                            background_label_id=num_classes + 1, variance_encoded_in_target=True,
                            nms_threshold=overlap, **DETECTIONS)


def mask_predictor(graph, x):
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


# ---- Layers: each adds its nodes to the graph and gives back the name of its output ----------------------

def residuals(graph, scope, x, table):
    """The output of inverted residual blocks one after another."""
    for block in table:
        inside = scope / block.name
        y = clipped_convolution(graph, inside / "expand", x) if block.expands else x
        y = clipped_convolution(graph, inside / "depthwise", y, block.stride, depthwise=True)
        y = predictor(graph, "Conv2D", inside / "project", y)
        x = graph.add("Add", f"{inside.nodes}/add", y, x) if block.adds else y
    return x


def clipped_convolution(graph, scope, x, stride=1, depthwise=False):
    """A convolution with a bias, or one of each channel on its own, cut off at 0 and 6."""
    if depthwise:
        x = convolution(graph, f"{scope.nodes}/depthwise", x, f"{scope.weights}/depthwise_weights",
                        op="DepthwiseConv2dNative", stride=stride)
        x = biased(graph, scope, x)
    else:
        x = predictor(graph, "Conv2D", scope, x, stride=stride)
    return graph.add("Relu6", f"{scope.nodes}/Relu6", x)


def blocks(graph, scope, x, table):
    """The output of Inception blocks one after another; `table` is TRUNK or HEAD."""
    for block, branches in table.items():
        inside = scope / block
        outputs = [chain(graph, inside / f"Branch_{index}", x, layers)
                   for index, layers in enumerate(branches)]
        x = graph.add("ConcatV2", f"{inside.nodes}/concat", *outputs, f"{inside.nodes}/concat/axis")
    return x


def chain(graph, scope, x, layers):
    """The output of the layers of one string of the tables."""
    for name, kind, kernel, stride in parse_layers(layers):
        layer = scope / name
        if kind in POOLS:
            x = pool(graph, POOLS[kind], f"{layer.nodes}/{POOLS[kind]}", x, kernel, stride)
        elif kind == "sep":
            x = normalised(graph, layer, separable_convolution(graph, layer, x, stride))
        else:
            x = convolution(graph, f"{layer.nodes}/Conv2D", x, f"{layer.weights}/weights", stride=stride)
            x = normalised(graph, layer, x)
    return x


# data_format: TensorFlow's arrays are (height, width, channels), NHWC; OpenCV computes with the channels
# first and, told of NHWC, turns an array back where a reshape or a flatten would show the difference.

def convolution(graph, name, x, *weights, op="Conv2D", stride=1, padding="SAME", **attributes):
    """A convolution without bias; its kernel is as large as its weights are."""
    return graph.add(op, name, x, *weights, data_format="NHWC", dilations=(1, 1, 1, 1), padding=padding,
                     strides=(1, stride, stride, 1), **attributes)


def separable_convolution(graph, scope, x, stride):
    """A convolution of each channel on its own, then a 1x1 convolution over the channels."""
    name = f"{scope.nodes}/separable_conv2d"
    # "^" is an order to wait, not an input: for TensorFlow's check that the image is large enough. The
    # text graph leaves that check out, and OpenCV connects only what a layer reads.
    x = convolution(graph, f"{name}/depthwise", x, f"{scope.weights}/depthwise_weights",
                    "^FirstStageFeatureExtractor/Assert/Assert", op="DepthwiseConv2dNative", stride=stride)
    return convolution(graph, name, x, f"{scope.weights}/pointwise_weights", padding="VALID")


def normalised(graph, scope, x):
    """Batch normalisation and ReLU."""
    norm = scope / "BatchNorm"
    weights = [f"{norm.weights}/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    x = graph.add("FusedBatchNorm", f"{norm.nodes}/FusedBatchNorm", x, *weights,
                  data_format="NHWC", epsilon=0.001)
    return graph.add("Relu", f"{scope.nodes}/Relu", x)


def pool(graph, op, name, x, kernel, stride, padding="SAME"):
    """The largest (op MaxPool) or the mean (AvgPool) of each kernel x kernel window."""
    return graph.add(op, name, x, data_format="NHWC", ksize=(1, kernel, kernel, 1), padding=padding,
                     strides=(1, stride, stride, 1))


def predictor(graph, op, scope, x, **attributes):
    """A Conv2D or, on vectors, a MatMul with a bias.

    loc_pred_transposed=True marks one that predicts boxes: TensorFlow's are y, x, height, width, those of
    DetectionOutput x, y, width, height, so OpenCV swaps the weights of such a layer in pairs as it loads.
    """
    name, weights = f"{scope.nodes}/{op}", f"{scope.weights}/weights"
    if op == "MatMul":
        x = graph.add(op, name, x, weights, transpose_a=False, transpose_b=False, **attributes)
    else:
        x = convolution(graph, name, x, weights, **attributes)
    return biased(graph, scope, x)


def biased(graph, scope, x):
    return graph.add("BiasAdd", f"{scope.nodes}/BiasAdd", x, f"{scope.weights}/biases", data_format="NHWC")


def reshape(graph, name, x, shape):
    """`x` in another shape; in it 0 keeps a dimension and -1 takes what is left."""
    return graph.add("Reshape", name, x, graph.constant(f"{name}/shape", shape))


def sliced(graph, name, x, begins, sizes):
    """The part of `x` that starts at `begins`; a size of -1 goes to the end."""
    return graph.add("Slice", name, x, graph.constant(f"{name}/begins", begins),
                     graph.constant(f"{name}/sizes", sizes))


def detection_output(graph, name, deltas, scores, priors, **settings):
    """The boxes that stay, best first, (1, 1, 100, 7): rows (0, class, score, x0, y0, x1, y1), box in 0..1.

    `priors` are the boxes that the deltas are added to; CENTER_SIZE says how. OpenCV's CropAndResize reads
    such rows, so nothing of what TensorFlow does between boxes and RoIs is needed.
    """
    return graph.add("DetectionOutput", name, deltas, scores, priors, code_type="CENTER_SIZE", clip=True,
                     **settings)


# ---- Command line ----------------------------------------------------------------------------------------

def write(path: Path, text: str):
    """Puts the file in place whole or not at all, so that nobody ever reads half of it."""
    part = path.parent / f"{path.name}.part"
    try:
        part.write_bytes(text.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main(argv=None) -> int:
    """The exit code: 0 if the text graph was written, 1 if it could not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=OUT, default="inception_v2",
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
