"""The options of the command line for photos: its parser, and PhotoOptions, the parsed options as frozen values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from segmentation.cli.options import (
    DrawingOptions,
    add_drawing_options,
    add_last,
    add_network_options,
    add_selection_options,
    check_model,
)
from segmentation.cli.parser import GROUPS, INPUT, RESULTS, SPEED, Parser, number_in, path, path_text
from segmentation.cli.result_options import add_result_options
from segmentation.network.options import NetworkOptions
from segmentation.pictures import STDIN, photo_suffixes
from segmentation.results.outputs import ResultOptions, check_hiding
from segmentation.search import RESULT_SUFFIXES, find_photos

EXAMPLES = (("one photo", "-i photo.jpg"), ("a folder", "-i holiday/ -o results"),
            ("some classes", "-i street.jpg --classes person,car"),
            ("hide people", "-i street.jpg --classes person --effect blur"),
            ("a data set", "-i photos/ --json objects.json --report photos.html"),
            ("faster", "-i photos/ --engine auto"))


def make_parser() -> Parser:
    """The parser of the command line for photos."""
    parser = Parser("-i PHOTO ... [options]", "Find the objects in photos, and draw each one's mask, box and name.",
                    EXAMPLES, GROUPS)
    group = parser.group(INPUT)
    group.add_argument("-i", "--image", nargs="+", default=[], type=path_text, metavar="PHOTO",
                       help="photos, folders of photos, patterns such as 'trip/*.jpg', or - for standard input")
    group.add_argument("-o", "--output", type=path, default=Path("output"), metavar="DIR",
                       help="folder for the results; for one photo also a file such as cat.png, or - for standard "
                            "output (default: %(default)s)")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--skip-existing", action="store_true",
                       help="leave out photos that are done, and add the others to rows, labels and report")
    group.add_argument("--overwrite", action="store_true", help="replace rows, labels and a report that are there")
    group.add_argument("--no-picture", action="store_true",
                       help="write no annotated photos, only what else is asked for, such as --json")
    group.add_argument("-v", "--visualize", nargs="?", type=int, choices=(0, 1), const=1, default=0, metavar="0|1",
                       help="show and save each object's region, mask and cut-out too")
    group.add_argument("--no-show", action="store_true", help="open no windows, only save")
    add_last(parser)
    add_selection_options(parser)
    add_drawing_options(parser, palette="colors").add_argument(
        "--seed", type=number_in(0, 2**32 - 1, int), default=0, metavar="N",
        help="with --palette colors: the number of the colour that the first object gets (default: %(default)s)")
    add_photo_results(parser)
    add_network_options(parser)
    parser.group(SPEED).add_argument("--benchmark", action="store_true",
                                     help="only measure how fast each installed engine is on this machine")
    return parser


def add_photo_results(parser: Parser) -> None:
    """Add the options for files for other programs: those of both scripts, then those of photos alone."""
    add_result_options(parser, "photo")
    group = parser.group(RESULTS)
    group.add_argument("--label-studio", type=path, metavar="FILE",
                       help="tasks for Label Studio (.json), with the objects as predictions")
    group.add_argument("--coco-ids", type=path, metavar="FILE",
                       help="your own COCO file: --json takes its ids of images, by file name, and of categories, by "
                            "name")
    group.add_argument("--report", type=path, metavar="FILE",
                       help="one HTML page that shows all photos and their objects")


@dataclass(frozen=True, eq=False)
class PhotoOptions:
    """What the command line asks for; fields are named as the options.

    output: a folder, or STDIN for standard output

    Raises ValueError if two options contradict each other.
    """

    image: tuple[str, ...]
    output: Path
    no_picture: bool
    recursive: bool
    skip_existing: bool
    overwrite: bool
    visualize: int
    no_show: bool
    benchmark: bool
    quiet: bool
    mask_rcnn: str
    model: str
    weights: Optional[str]
    no_demo: bool
    seed: int
    network: NetworkOptions
    drawing: DrawingOptions
    results: ResultOptions

    def __post_init__(self) -> None:
        check_model(self)
        if not self.image and not self.benchmark:
            raise ValueError("the following arguments are required: -i/--image")
        for name in self.image:
            if "://" in name:
                raise ValueError(f"--image takes files, got the address {name}: download the photo first")
        if self.no_picture and not (self.results.need_images or self.results.report or self.results.label_studio):
            raise ValueError("--no-picture leaves nothing to write: ask for --json, --csv, --masks or the like")
        if self.no_picture and (self.to_stdout or self.visualize):
            raise ValueError("--no-picture goes with neither --output - nor --visualize")
        if self.no_picture and self.skip_existing and not self.results.remember_photos:
            raise ValueError("--no-picture with --skip-existing needs rows, labels or a report")
        check_hiding(self.drawing.effect, shows=bool(self.results.show_objects or self.visualize))
        if str(STDIN) in self.image and len(self.image) > 1:
            raise ValueError("--image - is one photo on standard input: name no others beside it")
        if str(STDIN) in self.image and (
                self.results.yolo or self.results.labelme or self.results.label_studio):
            raise ValueError("--yolo, --labelme and --label-studio need the name of a photo: standard input has none")
        if self.to_stdout and self.image != (str(STDIN),) and len(find_photos(self.image, self.recursive)) != 1:
            raise ValueError("--output - is one picture on standard output: name one --image")
        if self.to_stdout and (self.visualize or self.skip_existing):
            raise ValueError("--output - goes with neither --visualize nor --skip-existing")
        suffix = self.output.suffix.lower()
        if suffix and suffix not in RESULT_SUFFIXES and suffix in photo_suffixes() and not self.output.is_dir():
            raise ValueError(f"--output {self.output}: name a folder, or a file that ends in .jpg or .png")
        if self.drawing.transparent and suffix in (".jpg", ".jpeg"):
            raise ValueError(f"--output {self.output}: a JPEG has no transparency, name a file that ends in .png")
        if self.skip_existing and self.overwrite:
            raise ValueError("--skip-existing keeps what --overwrite replaces: leave one of them out")

    @property
    def to_stdout(self) -> bool:
        """Whether the result goes to standard output."""
        return self.output == STDIN
