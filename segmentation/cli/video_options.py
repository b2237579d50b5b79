"""The options of the command line for videos: its parser, and VideoOptions, the parsed options as frozen values."""

import argparse
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Optional, Union

from segmentation.cli.finding import several_videos
from segmentation.cli.options import (
    BESIDE,
    DrawingOptions,
    add_drawing_options,
    add_last,
    add_network_options,
    add_selection_options,
    check_model,
)
from segmentation.cli.parser import (
    FIND,
    GROUPS,
    INPUT,
    MANY,
    RESULTS,
    SELDOM,
    SPEED,
    Parser,
    number_in,
    path,
    path_text,
)
from segmentation.cli.result_options import add_result_options
from segmentation.network.options import NetworkOptions
from segmentation.results.outputs import ResultOptions, check_hiding
from segmentation.tracking.boundaries import BoundaryText, parse_line, parse_zone
from segmentation.video.container import LARGEST_RATE, SMALLEST_RATE, makes_sense
from segmentation.video.sink import find_encoder

LONGEST = 1_000_000_000  # seconds of --start and --end


EXAMPLES = (("one video", "-i film.mp4 -o out.mp4"),
            ("hide people", "-i film.mp4 -o out.mp4 --classes person --effect blur"),
            ("faster", "-i film.mp4 -o out.mp4 --every 3 --engine auto"),
            ("a table", "-i film.mp4 -o out.mp4 --track --csv objects.csv"),
            ("count", "-i street.mp4 -o out.mp4 --count-line 0,60%,100%,60%"),
            ("many videos", "-i films/ -o output --workers auto"))


def make_parser() -> Parser:
    """The parser of the command line for videos."""
    parser = Parser("-i VIDEO ... -o OUTPUT [options]",
                    "Find the objects in videos, and draw each one's mask, box and name on every frame.",
                    EXAMPLES, GROUPS)
    add_video_options(parser.group(INPUT))
    add_last(parser)
    add_selection_options(parser)
    add_count_options(parser.group(FIND))
    add_drawing_options(parser, palette="class")
    add_result_options(parser, "frame")
    group = parser.group(RESULTS)
    group.add_argument("--frames", type=path, metavar="DIR",
                       help="the frames that the network sees as JPEGs, with nothing drawn on them")
    group.add_argument("--timeline", type=path, metavar="FILE",
                       help="a plot (.png) of how many objects of each class there are over time")
    add_frame_options(parser.group(SPEED))
    add_network_options(parser)
    add_worker_options(parser.group(MANY))
    parser.group(SELDOM).add_argument(
        "--stream", choices=("newest", "all"), default="newest", metavar="newest|all",
        help="of a camera or stream: take the newest frame and leave out those that came meanwhile, or take all and "
             "lag behind (default: %(default)s)")
    return parser


def add_video_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options for what is read and what is written."""
    group.add_argument("-i", "--input", nargs="+", required=True, type=path_text, metavar="VIDEO",
                       help="videos, folders of videos, patterns, the number of a camera, or the address of a stream")
    group.add_argument("-o", "--output", required=True, type=path, metavar="FILE",
                       help="the video to write: .mp4 and .mkv are H.264, .avi is MJPG; for several videos, the folder "
                            "to write them to")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    group.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    group.add_argument("--start", type=seconds, default=Seconds(0), metavar="S",
                       help="the second of the source to begin at, such as 90.5 or 1:30.5 (default: %(default)s)")
    group.add_argument("--end", type=seconds, metavar="S", help="the second of the source to end before")
    group.add_argument("--fps", type=frames_a_second, metavar="N",
                       help="frames a second of the result (default: the source's own)")
    group.add_argument("--no-audio", action="store_true", help="leave the sound out")
    group.add_argument("--show", action="store_true", help="show each frame as it is done; Escape or q ends")


def add_count_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options for which object is the same one in all frames."""
    group.add_argument("--track", action="store_true",
                       help="give each object a number that it keeps over the whole video, and count the objects")
    group.add_argument("--count-line", type=boundary(parse_line), action=Counted, default=[],
                       metavar="X0,Y0,X1,Y1[,NAME]",
                       help="count by class the objects that cross a line, in (from its left to its right) and out; "
                            "its ends are in pixels or in per cent, such as 50%%; turns --track on, and can stand "
                            "several times")
    group.add_argument("--count-zone", type=boundary(parse_zone), action=Counted, default=[],
                       metavar="X0,Y0,X1,Y1,X2,Y2,...[,NAME]",
                       help="the same for a zone, by its corners; how many objects are in it is counted too")


def add_frame_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options for which frames the network sees."""
    group.add_argument("--every", type=number_in(1, 100_000, int), default=1, metavar="N",
                       help="run the network on every Nth frame and draw its last result on those between "
                            "(default: %(default)s)")
    group.add_argument("--follow", choices=("on", "off"), default="on", metavar="on|off",
                       help="with --every: whether the last result moves with the picture on the frames between "
                            "(default: %(default)s)")


def add_worker_options(titled: "argparse._ArgumentGroup") -> None:
    """Add the options for workers."""
    group = titled.add_mutually_exclusive_group()
    group.add_argument("--workers", type=workers, metavar="N|auto",
                       help="processes that share the work, each with its own network; auto is one a core, as far as "
                            "the memory lasts (default: this process alone)")
    group.add_argument("--scheduler", metavar="ADDRESS",
                       help="have the work done by the Dask cluster of this scheduler, such as tcp://host:8786")


class Counted(argparse.Action):
    """Adds a line or zone to its list, and turns --track on, whose numbers tell the objects apart."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: Optional[str] = None) -> None:
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), values])
        namespace.track = True


def boundary(parse: Callable[[str], BoundaryText]) -> Callable[[str], BoundaryText]:
    """An argparse type: --count-line or --count-zone. parse: of boundaries.py"""
    def parsed(text: str) -> BoundaryText:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}; got {text!r}") from error
    return parsed


def workers(text: str) -> Union[int, str]:
    """An argparse type: --workers."""
    return text if text == "auto" else number_in(1, 1024, int)(text)


def exact(text: str) -> Fraction:
    """A number as it is written, such as 0.2, 1e3 or 30000/1001. Raises ValueError if it is none.

    >>> exact("0.2"), exact("30000/1001")
    (Fraction(1, 5), Fraction(30000, 1001))
    """
    # Fraction("1e999999999") would take all the memory there is.
    if len(text) > 40 or "_" in text or re.search(r"e[+-]?\d{3}", text, re.IGNORECASE):
        raise ValueError(f"no number: {text!r}")
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise ValueError(f"no number: {text!r}") from error


def frames_a_second(text: str) -> Fraction:
    """An argparse type: a frame rate, exact, such as 30, 29.97 or 30000/1001."""
    try:
        rate = exact(text)
    except ValueError:
        rate = Fraction(0)
    if not makes_sense(rate):
        raise argparse.ArgumentTypeError(f"must be a number above 0, at least {SMALLEST_RATE} (a frame an hour) and up "
                                         f"to {LARGEST_RATE}, of no more than nine digits, got {text!r}")
    return rate


class Seconds(Fraction):
    """Seconds, exact. As text they are decimal if they can be, so that messages and notes have what was typed."""

    def __str__(self) -> str:
        digits = next((number for number in range(40) if 10 ** number % self.denominator == 0), None)
        if digits is None:
            return super().__str__()
        whole, rest = divmod(self.numerator * 10 ** digits // self.denominator, 10 ** digits)
        return f"{whole}.{rest:0{digits}}" if digits else f"{whole}"


def seconds(text: str) -> Seconds:
    """An argparse type: a time in seconds, or in minutes or hours and minutes before them.

    >>> str(seconds("0.20")), str(seconds("1:02.5")), str(seconds("1:00:00"))
    ('0.2', '62.5', '3600')
    """
    *before, last = text.split(":")
    try:
        if len(before) > 2 or not all(re.fullmatch(r"\d{1,9}", part) for part in before):
            raise ValueError
        value = exact(last)
        if before and not 0 <= value < 60:
            raise ValueError
        for place, part in enumerate(reversed(before), 1):
            value += int(part) * 60 ** place
    except ValueError:
        value = Fraction(-1)
    if not 0 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"must be a number of seconds from 0 to {LONGEST}, or a time such as 1:30.5, "
                                         f"got {text!r}")
    return Seconds(value)


@dataclass(frozen=True, eq=False)
class VideoOptions:
    """What the command line asks for; fields are named as the options. A Job (jobs.py) is one video of them.

    The frames of the result do not depend on the fields with the metadata BESIDE. Two runs that differ in no other
    field give the same frames.

    workers: a number, "auto" or None

    Raises ValueError if two options contradict each other.
    """

    input: tuple[str, ...] = field(metadata=BESIDE)
    output: Path = field(metadata=BESIDE)
    recursive: bool = field(metadata=BESIDE)
    overwrite: bool = field(metadata=BESIDE)
    resume: bool = field(metadata=BESIDE)
    start: Seconds
    end: Optional[Seconds]
    fps: Optional[Fraction]
    every: int
    follow: str
    no_audio: bool
    show: bool = field(metadata=BESIDE)
    stream: str = field(metadata=BESIDE)
    quiet: bool = field(metadata=BESIDE)
    workers: Union[int, str, None] = field(metadata=BESIDE)
    scheduler: Optional[str] = field(metadata=BESIDE)
    mask_rcnn: str = field(metadata=BESIDE)  # the frames depend on the files of the model, not on its path
    model: str = field(metadata=BESIDE)
    weights: Optional[str] = field(metadata=BESIDE)
    no_demo: bool = field(metadata=BESIDE)
    network: NetworkOptions
    drawing: DrawingOptions
    results: ResultOptions

    def __post_init__(self) -> None:
        results = self.results
        check_model(self)
        check_hiding(self.drawing.effect, shows=results.show_objects)
        if self.drawing.transparent:
            raise ValueError("--background transparent is for photos: a video has no transparency")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"--end {self.end!s} is not after --start {self.start!s}")
        if not self.several:
            find_encoder(self.output.suffix)
        elif self.output.is_file():
            raise ValueError(f"--output must be a folder for several videos, got the file {self.output}")
        elif results.need_images:
            raise ValueError("--json, --csv, --timeline, --cutouts, --crops, --masks, --frames, --yolo and --labelme "
                             "are for one video: name one --input")

    @cached_property
    def several(self) -> bool:
        """Whether --output is a folder, for several videos."""
        return several_videos(self.input) or self.output.is_dir()
