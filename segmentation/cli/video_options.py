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
    Parser,
    add_drawing_options,
    add_network_options,
    add_quiet,
    check_model,
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


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line for videos."""
    parser = Parser(description="Segment the objects in every frame of a video with Mask R-CNN.")
    group = parser.add_argument_group("video")
    group.add_argument("-i", "--input", nargs="+", required=True, type=path_text, metavar="VIDEO",
                       help="video files, folders of them or patterns; the number of a camera or the address of a "
                            "stream")
    group.add_argument("-o", "--output", required=True, type=path, metavar="FILE",
                       help="the video to write: .avi is MJPG; .mp4 and .mkv are H.264, or what this build has; of "
                            "several videos, the folder to write them to")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    group.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    group.add_argument("--start", type=seconds, default=Seconds(0), metavar="S",
                       help="second of the source to begin at, such as 90.5 or 1:30.5: the first frame is the one that "
                            "is shown then (default: %(default)s)")
    group.add_argument("--end", type=seconds, metavar="S",
                       help="second of the source to end before: no frame that begins then or later is done")
    group.add_argument("--fps", type=frames_a_second, metavar="N",
                       help="frames a second of the result (default: the source's own)")
    group.add_argument("--every", type=number_in(1, 100_000, int), default=1, metavar="N",
                       help="run the network on every Nth frame and draw its last result on those between "
                            "(default: %(default)s)")
    group.add_argument("--follow", choices=("on", "off"), default="on",
                       help="with --every, whether that result moves with the picture on the frames between "
                            "(default: %(default)s)")
    group.add_argument("--no-audio", action="store_true", help="leave the sound out")
    group.add_argument("--show", action="store_true", help="show each frame as it is done; Escape or q ends")
    group.add_argument("--stream", choices=("newest", "all"), default="newest",
                       help="of a camera or stream, take the newest frame and leave out those that came meanwhile, or "
                            "take all and lag behind (default: %(default)s)")
    add_quiet(group)
    add_worker_options(parser)
    add_network_options(parser)
    add_drawing_options(parser, palette="class")
    group = add_result_options(parser, "frames")
    group.add_argument("--track", action="store_true",
                       help="number the objects: each keeps its number, and with --palette instance its colour, over "
                            "the whole video")
    group.add_argument("--count-line", type=boundary(parse_line), action=Counted, default=[],
                       metavar="X0,Y0,X1,Y1[,NAME]",
                       help="count the objects that cross this line, in and out, by class; turns --track on. Pixels, "
                            "or per cent such as 50%%; in is from the left to the right of the line; once for each "
                            "line")
    group.add_argument("--count-zone", type=boundary(parse_zone), action=Counted, default=[],
                       metavar="X0,Y0,X1,Y1,X2,Y2,...[,NAME]",
                       help="the same of a zone, by its corners: in is into it; how many are in it is counted too")
    group.add_argument("--frames", type=path, metavar="DIR",
                       help="the frames that the network sees as JPEGs, with nothing drawn on them")
    group.add_argument("--timeline", type=path, metavar="FILE",
                       help="a plot of how many objects of each class there are over time, .png")
    return parser


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for workers."""
    group = parser.add_mutually_exclusive_group()
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
