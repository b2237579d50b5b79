"""The options that both command lines have: which network runs, which objects are wanted, how they are drawn."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn, Optional, Protocol, TypeVar, Union, overload

import numpy as np
from PIL import ImageColor

from segmentation import SegmentationError
from segmentation.drawing.draw import EFFECTS, Style
from segmentation.drawing.palettes import PALETTES, Color
from segmentation.instances import CUT_OUT, INTERPOLATIONS, MARKED
from segmentation.network.auto import much_faster
from segmentation.network.engines import AUTO, DEVICES, PRECISIONS
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import MOST_TILES, PROPOSALS, NetworkOptions
from segmentation.network.published import DEFAULT, PUBLISHED
from segmentation.network.resizing import RESIZINGS, Size, parse_size
from segmentation.network.selection import parse_area
from segmentation.network.tiles import Tiles
from segmentation.network.weights import MODEL_FOLDER, ModelFiles, find_model
from segmentation.pictures import read_photo
from segmentation.terminal import info, visible

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """A parser whose errors show control characters instead of sending them to the terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def add_quiet(group: "argparse._ArgumentGroup") -> None:
    """Add the option for a run that says nothing as long as all is well."""
    group.add_argument("--quiet", action="store_true", help="print warnings and errors only")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the network, what runs it, and which objects are wanted."""
    group = parser.add_argument_group("network")
    group.add_argument("-m", "--mask-rcnn", type=path_text, metavar="DIR", default=MODEL_FOLDER,
                       help="model folder: labels, colours, text graph and weights; missing weights are "
                            "downloaded into it (default: the mask-rcnn-coco beside the scripts; of the installed "
                            "commands the package's own, and weights go to the user's cache)")
    group.add_argument("--model", choices=PUBLISHED, default=DEFAULT,
                       help="which of TensorFlow's networks, all trained on COCO, to download; the slower ones find "
                            "more (default: %(default)s)")
    group.add_argument("--weights", type=path_text, metavar="FILE",
                       help="another frozen graph (.pb), with its own labels and text graph beside it where it "
                            "has some, the official archive (.tar.gz) or its folder; official: the official "
                            "weights, whose download is tried again if it has failed")
    group.add_argument("--no-demo", action="store_true",
                       help="fail where the official weights cannot be downloaded; do not use the demo graph")
    group.add_argument("--size", type=size, default="keep", metavar="keep|raw|WxH",
                       help="what the network sees: keep is the model's own rule (the official one: short "
                            "side 800, long side at most 1365), raw the picture as it is (default: %(default)s)")
    group.add_argument("--resizing", choices=RESIZINGS, default="opencv",
                       help="how the picture gets that size: opencv averages where it shrinks; tensorflow does it to "
                            "the last bit as the model's own graph (default: %(default)s)")
    group.add_argument("--tiles", nargs="?", const="auto", type=tiles, metavar="N",
                       help="look at overlapping tiles too, for small objects in large pictures: N along the longer "
                            "side, or so many that each pixel is seen")
    group.add_argument("--proposals", type=number_in(*PROPOSALS, int), metavar="N",
                       help="regions that the second stage looks at, 10 to 300; fewer is faster (default: the "
                            "model's own number, the official one's 100)")
    group.add_argument("--engine", choices=(*DEVICES, AUTO), default="opencv",
                       help="what runs the network; the others are faster, need more packages, and keep the weights "
                            "as an .onnx file beside them; auto measures once which is the fastest here (default: "
                            "%(default)s)")
    group.add_argument("--device", choices=dict.fromkeys(name for names in DEVICES.values() for name in names),
                       default="cpu", help="what the engine runs on, of what it knows (default: %(default)s)")
    group.add_argument("--precision", choices=PRECISIONS, default="fp32",
                       help="bf16 and int8 are several times faster where the processor is made for them, and a "
                            "little less exact; openvino only (default: %(default)s)")
    group.add_argument("--calibrate", type=path_text, metavar="DIR",
                       help="with --precision int8: some 100 photos of your own, on which its model is calibrated "
                            "(default: the photos of the run, and if these are few, those in images/)")
    add_selection_options(parser)


def add_selection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for which objects are wanted."""
    group = parser.add_argument_group("objects")
    group.add_argument("-c", "--confidence", type=number_in(0, 1), default=0.5, metavar="P",
                       help="keep objects that score more than this, 0 to 1 (default: %(default)s)")
    group.add_argument("--classes", type=names, metavar="A,B",
                       help="look for these alone: names, or COCO's numbers (person is 1)")
    group.add_argument("--exclude", type=names, metavar="A,B", help="do not look for these")
    group.add_argument("--min-area", type=area, default="0", metavar="AREA",
                       help="leave out objects whose box is smaller, in pixels or per cent of the picture "
                            "(default: %(default)s)")


def add_drawing_options(parser: argparse.ArgumentParser, palette: str) -> "argparse._ArgumentGroup":
    """Add the options for how objects are drawn. Returns their group, to which more can be added.

    palette: the default one
    """
    group = parser.add_argument_group("drawing")
    group.add_argument("-t", "--threshold", type=number_in(0, 1), metavar="P",
                       help="a pixel is the object's where its mask is above this, 0 to 1 "
                            f"(default: {MARKED}, and {CUT_OUT} for what is cut out)")
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default="cubic",
                       help="how a mask is resized to its box (default: %(default)s)")
    group.add_argument("--effect", choices=EFFECTS, default="overlay",
                       help="overlay colours the objects; outline draws around them; blur and pixelate hide them; "
                            "cutout keeps only them; splash keeps only their colour (default: %(default)s)")
    group.add_argument("--background", type=background, metavar="COLOR|FILE",
                       help="with --effect cutout: a colour such as #ffffff or white, a picture, or, of photos, "
                            "transparent (default: white)")
    group.add_argument("--opacity", type=number_in(0, 1), metavar="P",
                       help="with --effect overlay: of the colour, 0 to 1 (default: 0.4)")
    group.add_argument("--no-boxes", action="store_true", help="draw no boxes (only overlay and outline do)")
    group.add_argument("--no-labels", action="store_true", help="draw no labels (only overlay and outline do)")
    group.add_argument("--palette", choices=PALETTES, default=palette,
                       help="the model folder's colours in turn, that of its class there, or one of its own for "
                            "each object (default: %(default)s)")
    return group


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


def pick(kind: type[Kind], args: argparse.Namespace) -> Kind:
    """A frozen dataclass of that kind from parsed options: a field has the value of the option of its name.

    A field that is a dataclass is picked from the same options, and a list becomes a tuple. A field without an option
    has its default.
    """
    values: dict[str, Any] = {}
    for entry in fields(kind):
        if is_dataclass(entry.type) and isinstance(entry.type, type):
            values[entry.name] = pick(entry.type, args)
        elif hasattr(args, entry.name):
            value = getattr(args, entry.name)
            values[entry.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def parse(parser: argparse.ArgumentParser, argv: Optional[Sequence[str]], kind: type[Kind]) -> Kind:
    """A dataclass of that kind from a command line.

    argv: without the name of the program; None: those of this process

    A wrong option, or a ValueError of the dataclass, ends the program with a message and exit code 2.
    """
    args = parser.parse_args(argv)
    try:
        return pick(kind, args)
    except ValueError as error:
        parser.error(str(error))


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
    faster = much_faster(net.made.sha256, options.network)
    if faster:
        info(f"--engine {faster.name} is more than twice as fast here, as --engine auto has measured")
    return net


# ---- argparse types ----------------------------------------------------------------------------------------

def path(text: str) -> Path:
    """An argparse type: a path. No path is empty: Path("") would be the folder that one is in."""
    return Path(path_text(text))


def path_text(text: str) -> str:
    """An argparse type: a path as text, or the name of a video, which may be an address."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got ''")
    return text


@overload
def number_in(low: float, high: float) -> Callable[[str], float]: ...


@overload
def number_in(low: float, high: float, kind: type[Number]) -> Callable[[str], Number]: ...


def number_in(low: float, high: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """An argparse type: a number from low to high, both included. kind: int or float

    >>> number_in(0, 1)("0.5"), number_in(1, 10, int)("3")
    (0.5, 3)
    """
    def number(text: str) -> float:
        try:
            value: Optional[float] = kind(text)
        except ValueError:
            value = None
        # `not low <= value`, because nan must be refused too.
        if value is None or not low <= value <= high:
            whole = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {whole} from {low} to {high}, got {text!r}")
        return value
    return number


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
