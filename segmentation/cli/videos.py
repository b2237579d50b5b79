"""The command line for videos: each frame's objects are found and drawn, and a video of the result is written.

    main(["--input", "in.mp4", "--output", "out.mp4"])

jobs.py lists the videos and finds who works on them; video_run.py does one of them.
"""

import argparse
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Optional

from segmentation.cli.jobs import add_worker_options, list_jobs, open_spread, run_jobs, several_videos
from segmentation.cli.options import (
    BESIDE,
    DrawingOptions,
    add_drawing_options,
    add_network_options,
    add_result_options,
    load_network,
    number_in,
    parse,
    pick,
)
from segmentation.cli.stop import StopSignals
from segmentation.cli.video_run import VideoRun, open_video
from segmentation.network.options import NetworkOptions
from segmentation.results.outputs import HIDING, ResultOptions, check_hiding
from segmentation.terminal import info, run, warn
from segmentation.video.looks import OwnLooks
from segmentation.video.sink import find_encoder
from segmentation.video.source import LARGEST_RATE
from segmentation.workers.chunks import CannotCut


def make_parser():
    parser = argparse.ArgumentParser(description="Segment the objects in every frame of a video with Mask R-CNN.")
    group = parser.add_argument_group("video")
    group.add_argument("-i", "--input", nargs="+", required=True, metavar="VIDEO",
                       help="video files, folders of them or patterns; the number of a camera or the address of a "
                            "stream")
    group.add_argument("-o", "--output", required=True, type=Path, metavar="FILE",
                       help="the video to write: .avi is MJPG; .mp4 and .mkv are H.264, or what this build has; of "
                            "several videos, the folder to write them to")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    group.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    group.add_argument("--start", type=number_in(0, 1e9), default=0, metavar="S",
                       help="second of the source to begin at (default: %(default)s)")
    group.add_argument("--end", type=number_in(0, 1e9), metavar="S", help="second of the source to end before")
    group.add_argument("--fps", type=frames_a_second, metavar="N",
                       help="frames a second of the result (default: the source's own)")
    group.add_argument("--every", type=number_in(1, 100_000, int), default=1, metavar="N",
                       help="run the network on every Nth frame and draw its last result on those between "
                            "(default: %(default)s)")
    group.add_argument("--no-audio", action="store_true", help="leave the sound out")
    group.add_argument("--show", action="store_true", help="show each frame as it is done; Escape or q ends")
    add_worker_options(parser)
    add_network_options(parser)
    add_drawing_options(parser, palette="class")
    group = add_result_options(parser, "frames")
    group.add_argument("--track", action="store_true",
                       help="number the objects: each keeps its number, and with --palette instance its colour, over "
                            "the whole video")
    group.add_argument("--timeline", type=Path, metavar="FILE",
                       help="a plot of how many objects of each class there are over time, .png")
    return parser


def frames_a_second(text):
    """An argparse type: a frame rate, exact, such as 30, 29.97 or 30000/1001."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = 0
    if not 0 < rate <= LARGEST_RATE:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and up to {LARGEST_RATE}, got {text!r}")
    return rate


@dataclass(frozen=True, eq=False)
class VideoOptions:
    """What the command line asks for; fields are named as the options. For one video, see jobs.py's Job.

    Two runs that differ in no field but those that are `beside` the point give the same frames.

    Raises ValueError where two options contradict each other.
    """

    input: list = field(metadata=BESIDE)
    output: Path = field(metadata=BESIDE)
    recursive: bool = field(metadata=BESIDE)
    overwrite: bool = field(metadata=BESIDE)
    resume: bool = field(metadata=BESIDE)
    start: float
    end: Optional[float]
    fps: Optional[Fraction]
    every: int
    no_audio: bool
    show: bool = field(metadata=BESIDE)
    workers: object = field(metadata=BESIDE)  # a number, "auto" or None
    scheduler: Optional[str] = field(metadata=BESIDE)
    mask_rcnn: str = field(metadata=BESIDE)  # what decides is in the model's files
    weights: Optional[str] = field(metadata=BESIDE)
    network: NetworkOptions
    drawing: DrawingOptions
    results: ResultOptions

    @classmethod
    def of(cls, args):
        return pick(cls, args, network=pick(NetworkOptions, args), drawing=pick(DrawingOptions, args),
                    results=pick(ResultOptions, args))

    def __post_init__(self):
        results = self.results
        check_hiding(self.drawing.effect, shows=bool(results.cutouts))
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"--end {self.end} is not after --start {self.start}")
        if not self.several:
            find_encoder(self.output.suffix)
        elif self.output.is_file():
            raise ValueError(f"--output must be a folder for several videos, got the file {self.output}")
        elif results.json or results.csv or results.cutouts or results.masks or results.timeline:
            raise ValueError("--json, --csv, --cutouts, --masks and --timeline are for one video: name one --input")

    @cached_property
    def several(self):
        """Whether --output is a folder, for several videos."""
        return several_videos(self.input) or self.output.is_dir()


def segment_videos(options):
    """Segment every video that was asked for; the exit code."""
    warn_of_rims(options)
    jobs, stop = list_jobs(options), StopSignals()
    network = once(lambda: load_network(options))
    with open_spread(options, jobs, stop) as spread:
        return run_jobs(jobs, options.several,
                        lambda job, progress: segment_video(job, spread, network, stop, progress))


def segment_video(job, spread, network, stop, make_progress):
    """Segment one video, by the workers of `spread` where there are some; the exit code.

    network: gives the MaskRCNN; make_progress: see VideoRun
    """
    if spread:
        try:
            return VideoRun(job, spread.video(job.for_spread), stop, make_progress).work()
        except CannotCut as error:
            info(f"{job.input} is done in one process from here: {error}", always=True)
            job = replace(job, going_on=True)
    source, partial = open_video(job, network)
    looks = OwnLooks(source, partial, network(), job.options.every, stop.came)
    return VideoRun(job, looks, stop, make_progress).work()


def once(function):
    """The function, called once and its result given again."""
    results = []

    def call():
        if not results:
            results.append(function())
        return results[0]
    return call


def warn_of_rims(options):
    """Say so where hidden objects will come out from under masks that stay behind."""
    if options.drawing.effect in HIDING and options.every > 1:
        warn(f"[WARNING] with --every {options.every} masks stay put while objects move: parts of what is to be "
             "hidden will show")


def main(argv=None):
    return run(segment_videos, parse(make_parser(), argv, VideoOptions.of))
