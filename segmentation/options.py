"""What both command lines take: the options of the network and of its masks."""

import argparse

from segmentation.engines import DEVICES, PRECISIONS, check_choice
from segmentation.instances import INTERPOLATIONS
from segmentation.network import PROPOSALS, MaskRCNN
from segmentation.resizing import parse_size
from segmentation.terminal import info
from segmentation.weights import MODEL_FOLDER


def add_network_options(parser):
    """Add the options that say which network runs, on what, and which of its detections count."""
    group = parser.add_argument_group("network")
    group.add_argument("-m", "--mask-rcnn", metavar="DIR", default=MODEL_FOLDER,
                       help="model folder: labels, colours, text graph and weights; missing weights are "
                            "downloaded into it (default: the mask-rcnn-coco beside the scripts)")
    group.add_argument("--weights", metavar="FILE",
                       help="another frozen graph (.pb), with its own labels and text graph beside it where it "
                            "has some, the official archive (.tar.gz) or its folder")
    group.add_argument("-c", "--confidence", type=number_in(0, 1), default=0.5, metavar="P",
                       help="keep objects that score more than this, 0 to 1 (default: %(default)s)")
    group.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                       help="what the network sees: keep is the model's own rule (the official one: short "
                            "side 800, long side at most 1365), raw the picture as it is (default: %(default)s)")
    group.add_argument("--proposals", type=number_in(*PROPOSALS, int), default=100, metavar="N",
                       help="regions that the second stage looks at, 10 to 300; fewer is faster "
                            "(default: %(default)s)")
    group.add_argument("--engine", choices=DEVICES, default="opencv",
                       help="what runs the network; the others are faster, need more packages, and keep the weights "
                            "as an .onnx file beside them (default: %(default)s)")
    group.add_argument("--device", choices=dict.fromkeys(name for names in DEVICES.values() for name in names),
                       default="cpu", help="what the engine runs on, of what it knows (default: %(default)s)")
    group.add_argument("--precision", choices=PRECISIONS, default="fp32",
                       help="bf16 is several times faster where the processor has it, and a little less exact; "
                            "openvino only (default: %(default)s)")


def add_mask_options(parser):
    """Add the options that say how a 15x15 mask becomes pixels; the group, for more of the kind."""
    group = parser.add_argument_group("drawing")
    group.add_argument("-t", "--threshold", type=number_in(0, 1), default=0.3, metavar="P",
                       help="a pixel is the object's where its mask is above this, 0 to 1 "
                            "(default: %(default)s)")
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default="linear",
                       help="how a mask is resized to its box (default: %(default)s)")
    return group


def parse(parser, argv=None):
    """The parsed options; those that contradict each other end the program as argparse does."""
    args = parser.parse_args(argv)
    try:
        check_choice(args.engine, args.device, args.precision)
    except ValueError as error:
        parser.error(f"--{error}")
    return args


def load_network(args):
    """The MaskRCNN that the parsed options ask for; what it runs on is printed."""
    info("loading Mask R-CNN from disk...")
    net = MaskRCNN.load(args.mask_rcnn, args.weights, args.size, args.confidence, args.proposals, args.engine,
                        args.device, args.precision)
    info(f"running on {net.engine.name}")
    return net


def number_in(low, high, kind=float):
    """An argparse type: a number from low to high."""
    def number(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        # Written so that nan is refused too.
        if value is None or not low <= value <= high:
            whole = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {whole} from {low} to {high}, got {text!r}")
        return value
    return number


def size(text):
    """An argparse type: --size."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from error
