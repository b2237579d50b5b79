"""What both command lines take: the options of the network and of its masks, and how a run ends."""

import argparse
import os
import sys

import cv2

from segmentation import SegmentationError
from segmentation.instances import INTERPOLATIONS
from segmentation.network import DEVICES, PROPOSALS, MaskRCNN
from segmentation.resizing import parse_size
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
    group.add_argument("--device", choices=DEVICES, default="cpu",
                       help="what cv2.dnn runs on (default: %(default)s)")


def add_mask_options(parser):
    """Add the options that say how a 15x15 mask becomes pixels; the group, for more of the kind."""
    group = parser.add_argument_group("drawing")
    group.add_argument("-t", "--threshold", type=number_in(0, 1), default=0.3, metavar="P",
                       help="a pixel is the object's where its mask is above this, 0 to 1 "
                            "(default: %(default)s)")
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default="linear",
                       help="how a mask is resized to its box (default: %(default)s)")
    return group


def load_network(args):
    """The MaskRCNN that the parsed options ask for; what it runs on is printed."""
    info("loading Mask R-CNN from disk...")
    net = MaskRCNN.load(args.mask_rcnn, args.weights, args.size, args.confidence, args.proposals, args.device)
    threads = f" ({cv2.getNumThreads()} threads)" if args.device == "cpu" else ""
    info(f"running on OpenCV {cv2.__version__}, {args.device}{threads}")
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


def info(text):
    """One [INFO] line on stdout. A reader that has gone away (| head) is no reason to stop the work."""
    try:
        print(f"[INFO] {text}", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text):
    """One line on stderr, where warnings and errors go."""
    print(text, file=sys.stderr, flush=True)


def run(work, args):
    """The exit code of work(args): what it returns, 1 for an error that the user can mend, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal's encoding lacks is no reason to stop (a notebook's stream takes all).
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return work(args)
    except SegmentationError as error:
        warn(f"[ERROR] {error}")
        return 1
    except KeyboardInterrupt:
        warn("[INFO] interrupted; what was finished is kept")
        return 130
