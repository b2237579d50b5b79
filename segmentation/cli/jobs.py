"""The videos of a run: a Job for each, done one after another.

    jobs = list_jobs(options)
    run_jobs(jobs, options.several, lambda job, make_progress: segment_video(job, None, network, stop, make_progress))
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Callable, Optional

import av

from segmentation import SegmentationError
from segmentation.cli.finding import is_video, name_outputs, search_videos
from segmentation.cli.progress import AnyProgress, Progress, Share
from segmentation.cli.run_paths import check_video_paths, say_left_out
from segmentation.cli.video_options import VideoOptions
from segmentation.results.labels import frames_with_labels
from segmentation.terminal import brief, info, warn
from segmentation.video.container import TAGS
from segmentation.video.resumable import PartialFiles
from segmentation.wording import counted
from segmentation.workers.merging import SpreadJob

# The number of frames, None if it is not known, and how many of them are done already -> their progress.
MakeProgress = Callable[[Optional[int], int], AnyProgress]


@dataclass(frozen=True, eq=False)
class Job:
    """One video of a run.

    input: its path, the number of a camera or the address of a stream
    output: the path of the result
    options: of the run
    continues: the job continues what this run has begun, whatever the options say
    """

    input: str
    output: Path
    options: VideoOptions
    continues: bool = False

    @property
    def resume(self) -> bool:
        """Whether the partial video of an earlier run is continued."""
        return self.continues or (self.options.resume and not self.options.overwrite)

    @cached_property
    def for_spread(self) -> SpreadJob:
        """What Spread must know about it."""
        options, results = self.options, self.options.results
        # This process must draw if frames are shown, if colours and numbers depend on the frames before, and if
        # results need the picture.
        draws_here = bool(options.drawing.palette == "instance" or options.show or results.track or results.need_images)
        return SpreadJob(self.input, self.output, options.every, options.drawing.palette, options.drawing.style,
                         options.fps, draws_here, options.follow == "on")


def list_jobs(options: VideoOptions) -> list[Job]:
    """A Job for each video of the options. With --resume, those whose results exist are left out."""
    outputs = {options.input[0]: options.output}
    if options.several:
        names, left_out = search_videos(options.input, options.recursive)
        say_left_out(left_out)
        outputs = name_outputs(names, options.output)
    check_video_paths(options, outputs)
    jobs = []
    for video, output in outputs.items():
        job = Job(video, output, options)
        if is_done(job):
            info(f"{video} is done already: {output}")
        else:
            jobs.append(job)
    return jobs


def is_done(job: Job) -> bool:
    """Whether the job is to be resumed, though an earlier run has completed it: its files are there, without notes."""
    results = job.options.results
    beside = (results.json, results.csv, results.timeline)
    return (job.resume and not os.path.lexists(PartialFiles.of(job.output).notes) and is_video(job.output)
            and all(os.path.exists(path) for path in beside if path)
            and None not in frames_with_labels(results).values())


def run_jobs(jobs: Sequence[Job], several: bool, do: Callable[[Job, MakeProgress], int]) -> int:
    """Do every job; the exit code of all.

    several: if one of several videos fails, the others are still done
    do: does a job; gives its exit code
    """
    if not several or not jobs:
        return max((do(job, Progress) for job in jobs), default=0)
    codes = []
    with Progress(frames_in(jobs)) as whole, brief():
        for number, job in enumerate(jobs, 1):
            began = time.monotonic()
            try:
                codes.append(do(job, partial(share, whole)))
            except SegmentationError as error:
                warn(f"[ERROR] {error}")
                codes.append(1)
            if codes[-1] >= 128:
                warn(f"[INFO] {counted(len(jobs) - number, 'video is', 'videos are')} left")
                return codes[-1]
            result = f"saved {job.output}" if codes[-1] == 0 else "failed"
            info(f"{number} of {len(jobs)}, {job.input}: {result} ({time.monotonic() - began:.1f} s)", always=True)
    return max(codes)


def share(whole: Progress, frames: Optional[int], done: int) -> Share:
    """One video's share in the progress of all: a MakeProgress, once `whole` is given."""
    return Share(whole, done)


def frames_in(jobs: Sequence[Job]) -> Optional[int]:
    """How many frames the videos say they have, all together. None: one of them does not say."""
    total = 0
    for job in jobs:
        with suppress(av.error.FFmpegError, OSError, IndexError, ValueError):  # its own run will say what is wrong
            if not Path(job.input).is_file():
                continue
            with av.open(job.input, metadata_errors=TAGS) as container:
                stream = container.streams.video[0]
                if job.options.start or job.options.end is not None or not stream.frames:
                    return None
                total += stream.frames
    return total
