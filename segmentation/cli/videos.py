"""The command line for videos: each frame's objects are found and drawn, and a video of the result is written.

    main(["--input", "in.mp4", "--output", "out.mp4"])

video_options.py has the options. jobs.py lists the videos; spreading.py makes the workers; video_run.py does one video.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, Optional, TypeVar

from segmentation.cli.choosing import with_engine
from segmentation.cli.jobs import Job, MakeProgress, list_jobs, run_jobs
from segmentation.cli.options import load_network
from segmentation.cli.parser import parse
from segmentation.cli.spreading import open_spread
from segmentation.cli.stop import StopSignals
from segmentation.cli.video_options import VideoOptions, make_parser
from segmentation.cli.video_run import VideoRun, open_video
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.results.outputs import HIDING
from segmentation.terminal import info, quiet, run, warn
from segmentation.video.looks import OwnLooks
from segmentation.video.resumable import Finished
from segmentation.workers.merging import Spread
from segmentation.workers.packet_index import CannotCut

Made = TypeVar("Made")


def segment_videos(options: VideoOptions) -> int:
    """Segment every video that was asked for; the exit code."""
    warn_of_rims(options)
    options = with_engine(options)
    jobs, stop = list_jobs(options), StopSignals()
    network = once(lambda: load_network(options))
    with open_spread(options, jobs, stop) as spread:
        return run_jobs(jobs, options.several,
                        lambda job, make_progress: segment_video(job, spread, network, stop, make_progress))


def segment_video(job: Job, spread: Optional[Spread], network: Callable[[], MaskRCNN], stop: StopSignals,
                  make_progress: MakeProgress) -> int:
    """Segment one video; the exit code.

    spread: its workers do it; None: this process does it
    network: gives the network of this process; it is loaded when it is first needed
    """
    try:
        if spread:
            try:
                return VideoRun(job, spread.video(job.for_spread), stop, make_progress).segment()
            except CannotCut as error:
                info(f"{job.input} is done in one process from here: {error}", always=True)
                job = replace(job, continues=True)
        source, partial = open_video(job, lambda: network().files)
        looks = OwnLooks(source, partial, network(), job.options.every, job.options.follow == "on", stop.came,
                         newest=job.options.stream == "newest")
        return VideoRun(job, looks, stop, make_progress).segment()
    except Finished as finished:
        info(str(finished))
        return 0


def once(function: Callable[[], Made]) -> Callable[[], Made]:
    """A function that calls the given one at its first call, and returns the same result every time."""
    results: list[Made] = []

    def call() -> Made:
        if not results:
            results.append(function())
        return results[0]
    return call


def warn_of_rims(options: VideoOptions) -> None:
    """Warn if parts of hidden objects will show: with --follow off, masks stay put between the network's frames."""
    if options.drawing.effect in HIDING and options.every > 1 and options.follow == "off":
        warn(f"[WARNING] with --every {options.every} --follow off, masks stay put while objects move: parts of what "
             "is to be hidden will show")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line; the exit code. argv: without the name of the program; None: those of this process"""
    options = parse(make_parser(), argv, VideoOptions)
    with quiet(options.quiet):
        return run(segment_videos, options)
