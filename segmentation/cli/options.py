"""The options that both command lines have: which network runs, which objects are wanted, how they are drawn."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol, Union

import numpy as np
from PIL import ImageColor

from segmentation import SegmentationError
from segmentation.cli.parser import FIND, INPUT, LOOK, SELDOM, SPEED, Parser, number_in, path_text
from segmentation.drawing.draw import EFFECTS, Style
from segmentation.drawing.palettes import PALETTES, Color
from segmentation.instances import CUT_OUT, INTERPOLATIONS, MARKED
from segmentation.network.auto import hint
from segmentation.network.engines import AUTO, DEVICES, PRECISIONS
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import MOST_TILES, PROPOSALS, NetworkOptions
from segmentation.network.published import DEFAULT, PUBLISHED
from segmentation.network.resizing import RESIZINGS, Size, parse_size
from segmentation.network.selection import parse_area
from segmentation.network.tiles import Tiles
from segmentation.network.weights import MODEL_FOLDER, ModelFiles, find_model
from segmentation.pictures import read_photo
from segmentation.terminal import info

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def add_last(parser: Parser) -> None:
    """Add the last options of the first group: a run that says nothing as long as all is well, and help."""
    parser.group(INPUT).add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.add_help_to(INPUT)


def add_selection_options(parser: Parser) -> None:
    """Add the options for which objects are wanted."""
    group = parser.group(FIND)
    group.add_argument("-c", "--confidence", type=number_in(0, 1), default=0.5, metavar="P",
                       help="keep objects that score more than this, 0 to 1 (default: %(default)s)")
    group.add_argument("--classes", type=names, metavar="A,B",
                       help="look for these classes alone, by name or by COCO's number (person is 1)")
    group.add_argument("--exclude", type=names, metavar="A,B", help="do not look for these classes")
    group.add_argument("--min-area", type=area, default="0", metavar="N|P%",
                       help="leave out objects whose box is smaller, in pixels or per cent of the picture "
                            "(default: %(default)s)")
    group.add_argument("--tiles", nargs="?", const="auto", type=tiles, metavar="N",
                       help="look at overlapping tiles too, which finds small objects in large pictures: N along the "
                            "longer side, or tiles as large as what the network sees")


def add_drawing_options(parser: Parser, palette: str) -> "argparse._ArgumentGroup":
    """Add the options for how objects are drawn. Returns their group, to which more can be added.

    palette: the default one
    """
    group = parser.group(LOOK)
    group.add_argument("--effect", choices=EFFECTS, default="overlay", metavar="EFFECT",
                       help="overlay colours the objects, outline draws around them, blur and pixelate hide them, "
                            "cutout keeps only them, splash keeps only their colour (default: %(default)s)")
    group.add_argument("--background", type=background, metavar="COLOR|FILE",
                       help="with --effect cutout: a colour such as #ffffff or white, a picture, or, of photos, "
                            "transparent (default: white)")
    group.add_argument("--opacity", type=number_in(0, 1), metavar="P",
                       help="with --effect overlay: how strong the colour is, 0 to 1 (default: 0.4)")
    group.add_argument("--no-boxes", action="store_true", help="with overlay and outline: draw no boxes")
    group.add_argument("--no-labels", action="store_true", help="with overlay and outline: draw no labels")
    group.add_argument("--palette", choices=PALETTES, default=palette, metavar="|".join(PALETTES),
                       help="the model folder's colours in turn, that of its class there, or one of its own for "
                            "each object (default: %(default)s)")
    group.add_argument("-t", "--threshold", type=number_in(0, 1), metavar="P",
                       help="a pixel belongs to an object where its mask is above this, 0 to 1 "
                            f"(default: {MARKED}, and {CUT_OUT} for what is cut out)")
    return group


def add_network_options(parser: Parser) -> None:
    """Add the options for the network and for what runs it."""
    group = parser.group(SPEED)
    group.add_argument("--engine", choices=(*DEVICES, AUTO), default="opencv", metavar="|".join((*DEVICES, AUTO)),
                       help="what runs the network: the others are faster and need more packages, and auto measures "
                            "once which is the fastest here (default: %(default)s)")
    group.add_argument("--precision", choices=PRECISIONS, default="fp32", metavar="|".join(PRECISIONS),
                       help="with openvino: bf16 and int8 are faster where the processor is made for them, and a "
                            "little less exact (default: %(default)s)")
    devices = tuple(dict.fromkeys(name for names in DEVICES.values() for name in names))
    group.add_argument("--device", choices=devices, default="cpu", metavar="NAME",
                       help=f"what the engine runs on, where it can: {', '.join(devices)} (default: %(default)s)")
    group.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                       help="the size at which the network sees a picture: the model's own rule, the picture as it "
                            "is, or a fixed size (default: %(default)s)")
    group.add_argument("--model", choices=PUBLISHED, default=DEFAULT, metavar="NAME",
                       help=f"the network to download, of TensorFlow's {', '.join(PUBLISHED)}; the slower ones find "
                            "more (default: %(default)s)")
    group.add_argument("--weights", type=path_text, metavar="FILE",
                       help="a frozen graph of your own (.pb), or the official archive (.tar.gz) or its folder; "
                            "official: try again to download the official weights")
    add_seldom_options(parser.group(SELDOM))


def add_seldom_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options for the network that few need."""
    group.add_argument("--proposals", type=number_in(*PROPOSALS, int), metavar="N",
                       help="how many regions the network looks at closely, 10 to 300; fewer are faster (default: the "
                            "model's own number)")
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default="cubic", metavar="|".join(INTERPOLATIONS),
                       help="how a mask is resized to its box (default: %(default)s)")
    group.add_argument("--resizing", choices=RESIZINGS, default="opencv", metavar="|".join(RESIZINGS),
                       help="how a picture is resized for the network: averaged where it shrinks, or to the last bit "
                            "as in TensorFlow (default: %(default)s)")
    group.add_argument("--calibrate", type=path_text, metavar="DIR",
                       help="with --precision int8: some 100 photos of your own to calibrate its model on (default: "
                            "the photos of the run, and if these are few, those in images/)")
    group.add_argument("-m", "--mask-rcnn", type=path_text, metavar="DIR", default=MODEL_FOLDER,
                       help="the model folder: labels, colours, text graph and weights (default: mask-rcnn-coco)")
    group.add_argument("--no-demo", action="store_true",
                       help="fail where the official weights cannot be downloaded; do not use the demo graph")


# ---- Parsed options as frozen values -----------------------------------------------------------------------

# The metadata of a field that the frames do not depend on. It may be different when a run is resumed.
BESIDE = {"beside": True}


class Background(NamedTuple):
    """What is behind a cutout: a (B, G, R), or a picture, BGR uint8 (H, W, 3), and the path of its file.

    fill: None where it is transparent
    """

    fill: Union[Color, np.ndarray, None]
    path: Optional[Path] = None


@dataclass(frozen=True, eq=False)  # a background that is a picture has no == of its own
class DrawingOptions:
    """How objects are drawn; fields are named as the options.

    effect: see Style in drawing/draw.py
    background: behind a cutout; None: white
    opacity: 0..1, of the overlay's colour; None: 0.4
    palette: see drawing/palettes.py

    Raises ValueError if two options contradict each other.
    """

    effect: str
    background: Optional[Background]
    opacity: Optional[float]
    no_boxes: bool
    no_labels: bool
    palette: str

    def __post_init__(self) -> None:
        if self.background is not None and self.effect != "cutout":
            raise ValueError("--background needs --effect cutout")
        if self.opacity is not None and self.effect != "overlay":
            raise ValueError("--opacity needs --effect overlay")

    @property
    def transparent(self) -> bool:
        """Whether the drawn pictures are transparent where no object is."""
        return self.background is not None and self.background.fill is None

    @property
    def style(self) -> Style:
        """The Style that the options ask for."""
        return Style(self.effect, 0.4 if self.opacity is None else self.opacity, False if self.no_boxes else None,
                     False if self.no_labels else None,
                     (255, 255, 255) if self.background is None else self.background.fill)


def what_decides(options: "DataclassInstance") -> dict[str, str]:
    """The options that the frames depend on, as plain text by option: {"--every": "3", ...}.

    options: a dataclass of options. It may have such dataclasses as fields; their fields are included
    """
    deciding: dict[str, str] = {}
    for entry in fields(options):
        value = getattr(options, entry.name)
        if is_dataclass(value) and not isinstance(value, type):
            deciding.update(what_decides(value))
        elif not entry.metadata.get("beside"):
            deciding[f"--{entry.name.replace('_', '-')}"] = str(value)
    return deciding


class LoadOptions(Protocol):
    """What load_network must know: PhotoOptions or VideoOptions."""

    @property
    def mask_rcnn(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def weights(self) -> Optional[str]: ...

    @property
    def no_demo(self) -> bool: ...

    @property
    def network(self) -> NetworkOptions: ...


def find_files(options: LoadOptions) -> ModelFiles:
    """The files of the model that the options ask for."""
    return find_model(options.mask_rcnn, options.weights, demo=not options.no_demo, model=options.model)


def check_model(options: LoadOptions) -> None:
    """Raise ValueError if the options name two models."""
    if options.weights and options.model != DEFAULT:
        raise ValueError("--model and --weights name two models: name one of them")


def load_network(options: LoadOptions, photos: Sequence[str] = ()) -> MaskRCNN:
    """The MaskRCNN that the options ask for; what it runs on is printed. photos: see MaskRCNN.of_files"""
    info("loading Mask R-CNN from disk...")
    net = MaskRCNN.of_files(lambda: find_files(options), options.network, photos)
    info(f"running on {net.engine.name}")
    faster = hint(net.made.sha256, options.network)
    if faster:
        info(faster)
    return net


# ---- argparse types ----------------------------------------------------------------------------------------

def size(text: str) -> Size:
    """An argparse type: --size."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from error


def tiles(text: str) -> Tiles:
    """An argparse type: --tiles."""
    return text if text == "auto" else number_in(2, MOST_TILES, int)(text)


def names(text: str) -> tuple[str, ...]:
    """An argparse type: names or numbers with commas between.

    >>> names("dog, cat,18")
    ('dog', 'cat', '18')
    """
    parts = tuple(name.strip() for name in text.split(",") if name.strip())
    if not parts:
        raise argparse.ArgumentTypeError(f"must be names or numbers with commas between, got {text!r}")
    return parts


def area(text: str) -> str:
    """An argparse type: --min-area."""
    try:
        parse_area(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}") from error
    return text


def background(text: str) -> Background:
    """An argparse type: --background.

    >>> background("#ff8000")
    Background(fill=(0, 128, 255), path=None)
    >>> background("transparent")
    Background(fill=None, path=None)
    """
    if isfile(text):
        try:
            return Background(read_photo(text), Path(text))
        except SegmentationError as error:
            raise argparse.ArgumentTypeError(f"{error}") from error
    if text == "transparent":
        return Background(None)
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a colour such as #00ff00 or white, transparent, or a picture that "
                                         f"is there, got {text!r}") from error
    if alpha and 0 < alpha[0] < 255:
        raise argparse.ArgumentTypeError(f"must be wholly opaque or transparent, got {text!r}")
    return Background(None if alpha == [0] else (blue, green, red))
