"""What both command lines take: the options of the network, of which objects, and of how they are drawn."""

import argparse
from pathlib import Path

from PIL import ImageColor

from segmentation import SegmentationError
from segmentation.drawing.draw import EFFECTS, Style
from segmentation.drawing.palettes import PALETTES
from segmentation.instances import INTERPOLATIONS
from segmentation.network.engines import DEVICES, PRECISIONS, check_choice
from segmentation.network.mask_rcnn import PROPOSALS, MaskRCNN
from segmentation.network.resizing import parse_size
from segmentation.network.selection import parse_area
from segmentation.network.weights import MODEL_FOLDER
from segmentation.pictures import read_photo
from segmentation.results.outputs import check_results
from segmentation.terminal import info


def add_network_options(parser):
    """Add the options that say which network runs, on what, and which objects it is to find."""
    group = parser.add_argument_group("network")
    group.add_argument("-m", "--mask-rcnn", metavar="DIR", default=MODEL_FOLDER,
                       help="model folder: labels, colours, text graph and weights; missing weights are "
                            "downloaded into it (default: the mask-rcnn-coco beside the scripts)")
    group.add_argument("--weights", metavar="FILE",
                       help="another frozen graph (.pb), with its own labels and text graph beside it where it "
                            "has some, the official archive (.tar.gz) or its folder")
    group.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                       help="what the network sees: keep is the model's own rule (the official one: short "
                            "side 800, long side at most 1365), raw the picture as it is (default: %(default)s)")
    group.add_argument("--proposals", type=number_in(*PROPOSALS, int), metavar="N",
                       help="regions that the second stage looks at, 10 to 300; fewer is faster (default: the "
                            "model's own number, the official one's 100)")
    group.add_argument("--engine", choices=DEVICES, default="opencv",
                       help="what runs the network; the others are faster, need more packages, and keep the weights "
                            "as an .onnx file beside them (default: %(default)s)")
    group.add_argument("--device", choices=dict.fromkeys(name for names in DEVICES.values() for name in names),
                       default="cpu", help="what the engine runs on, of what it knows (default: %(default)s)")
    group.add_argument("--precision", choices=PRECISIONS, default="fp32",
                       help="bf16 is several times faster where the processor has it, and a little less exact; "
                            "openvino only (default: %(default)s)")
    add_selection_options(parser)


def add_selection_options(parser):
    """Add the options that say which objects count."""
    group = parser.add_argument_group("objects")
    group.add_argument("-c", "--confidence", type=number_in(0, 1), default=0.5, metavar="P",
                       help="keep objects that score more than this, 0 to 1 (default: %(default)s)")
    group.add_argument("--classes", type=names, metavar="A,B",
                       help="look for these alone: names, or COCO's numbers (person is 1)")
    group.add_argument("--exclude", type=names, metavar="A,B", help="do not look for these")
    group.add_argument("--min-area", type=area, default="0", metavar="AREA",
                       help="leave out objects whose box is smaller, in pixels or per cent of the picture "
                            "(default: %(default)s)")


def add_drawing_options(parser, palette):
    """Add the options that say how objects become pixels; the group, for more of the kind.

    palette: the default one
    """
    group = parser.add_argument_group("drawing")
    group.add_argument("-t", "--threshold", type=number_in(0, 1), default=0.3, metavar="P",
                       help="a pixel is the object's where its mask is above this, 0 to 1 "
                            "(default: %(default)s)")
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default="cubic",
                       help="how a mask is resized to its box (default: %(default)s)")
    group.add_argument("--effect", choices=EFFECTS, default="overlay",
                       help="overlay colours the objects; outline draws around them; blur and pixelate hide them; "
                            "cutout keeps only them; splash keeps only their colour (default: %(default)s)")
    group.add_argument("--background", type=background, metavar="COLOR|FILE",
                       help="with --effect cutout: a colour such as #ffffff or white, or a picture (default: white)")
    group.add_argument("--opacity", type=number_in(0, 1), metavar="P",
                       help="with --effect overlay: of the colour, 0 to 1 (default: 0.4)")
    group.add_argument("--no-boxes", action="store_true", help="draw no boxes (only overlay and outline do)")
    group.add_argument("--no-labels", action="store_true", help="draw no labels (only overlay and outline do)")
    group.add_argument("--palette", choices=PALETTES, default=palette,
                       help="the model folder's colours in turn, a colour for each class, or one for each object "
                            "(default: %(default)s)")
    return group


def style_of(args):
    """The Style that the parsed options ask for."""
    return Style(args.effect, 0.4 if args.opacity is None else args.opacity, False if args.no_boxes else None,
                 False if args.no_labels else None, (255, 255, 255) if args.background is None else args.background,
                 args.threshold, args.interpolation)


def parse(parser, argv=None, check=None):
    """The parsed options, with the `style` that they ask for; contradictions end the program as argparse does.

    check: of the script, raises ValueError
    """
    args = parser.parse_args(argv)
    try:
        check_choice(args.engine, getattr(args, "device", "cpu"), args.precision)
        if "effect" in args:
            check_drawing(args)
            check_results(args)
            args.style = style_of(args)
        if check:
            check(args)
    except ValueError as error:
        parser.error(str(error))
    return args


def check_drawing(args):
    """Raise ValueError where options about drawing contradict each other."""
    if args.background is not None and args.effect != "cutout":
        raise ValueError("--background needs --effect cutout")
    if args.opacity is not None and args.effect != "overlay":
        raise ValueError("--opacity needs --effect overlay")


def load_network(args):
    """The MaskRCNN that the parsed options ask for; what it runs on is printed."""
    info("loading Mask R-CNN from disk...")
    net = MaskRCNN.load(args.mask_rcnn, args.weights, args.size, args.confidence, args.proposals, args.engine,
                        args.device, args.precision, args.classes, args.exclude or (), args.min_area)
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


def names(text):
    """An argparse type: names or numbers with commas between."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"must be names or numbers with commas between, got {text!r}")
    return found


def area(text):
    """An argparse type: --min-area."""
    try:
        parse_area(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}") from error
    return text


def background(text):
    """An argparse type: a picture BGR uint8 (H, W, 3), or a colour as (B, G, R)."""
    if Path(text).is_file():
        try:
            return read_photo(text)
        except SegmentationError as error:
            raise argparse.ArgumentTypeError(f"{error}") from error
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a colour such as #00ff00 or white, or a picture that is there, "
                                         f"got {text!r}") from error
    return blue, green, red
