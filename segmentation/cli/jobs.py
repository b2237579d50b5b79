"""A run over several videos, and who does the work: this process, processes beside it or a cluster's.

    jobs = list_jobs(options)
    with open_spread(options, jobs, stop) as spread:
        return run_jobs(jobs, options.several, lambda job, progress: segment_video(job, spread, ...))
"""

import glob
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, count
from pathlib import Path

import av

from segmentation import SegmentationError
from segmentation.cli.options import number_in
from segmentation.cli.progress import Progress, Share
from segmentation.cli.video_run import open_video
from segmentation.network.model import read_model
from segmentation.network.weights import find_model, read_colors
from segmentation.terminal import brief, info, warn
from segmentation.workers.merging import NetworkFacts, Spread, SpreadJob
from segmentation.workers.processes import LocalWorkers, Task, automatic_workers, cores

# What is taken for a video in a folder; a file named is read whatever it is called.
VIDEOS = {".avi", ".mp4", ".mkv", ".mov", ".m4v", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv",
          ".3gp"}
RESULT = "_segmented"


def add_worker_options(parser):
    """Add the options that say who does the work."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--workers", type=workers, metavar="N|auto",
                       help="processes that share the work, each with its own network; auto is one a core, as far as "
                            "the memory lasts (default: this process alone)")
    group.add_argument("--scheduler", metavar="ADDRESS",
                       help="have the work done by the Dask cluster of this scheduler, such as tcp://host:8786")


def workers(text):
    """An argparse type: --workers."""
    return text if text == "auto" else number_in(1, 1024, int)(text)


# ---- The videos ------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Job:
    """One video of a run.

    input: its path, the number of a camera or the address of a stream; output: the path of the result
    options: the VideoOptions of the run
    going_on: an earlier part of this run is gone on with, whatever the options say
    """

    input: str
    output: Path
    options: object
    going_on: bool = False

    @property
    def resume(self):
        return self.going_on or (self.options.resume and not self.options.overwrite)

    @cached_property
    def for_spread(self):
        """What Spread must know of it."""
        options, results = self.options, self.options.results
        # Shown frames, colours and numbers that depend on the frames before, and results that need the picture
        # need this process to draw.
        draws_here = bool(options.drawing.palette == "instance" or options.show or results.track or results.timeline
                          or results.json or results.csv or results.cutouts or results.masks)
        return SpreadJob(self.input, self.output, options.every, options.drawing.palette, options.drawing.style,
                         options.fps, draws_here)


def list_jobs(options):
    """A Job for each video that VideoOptions name, without those that --resume finds done."""
    videos = find_videos(options.input, options.recursive) if options.several else options.input
    outputs = name_outputs(videos, options.output) if options.several else [options.output]
    jobs = []
    for video, output in zip(videos, outputs):
        if options.several and options.resume and output.exists():
            info(f"{video} is done already: {output}")
            continue
        jobs.append(Job(str(video), output, options))
    return jobs


def several_videos(names):
    """Whether these names may stand for more than one video."""
    return len(names) > 1 or Path(names[0]).is_dir() or is_pattern(names[0])


def is_pattern(name):
    return glob.has_magic(name) and "://" not in name and not Path(name).exists()


def find_videos(names, recursive=False):
    """The videos that `names` say, each once: folders by what they hold, patterns by what fits.

    With `recursive`, the subfolders of folders are searched too. A folder or pattern without videos stands for
    itself, for whoever reads it to complain of.
    """
    found = []
    for name in names:
        if Path(name).is_dir():
            inside = Path(name).glob("**/*" if recursive else "*")
            paths = sorted(path for path in inside if path.suffix.lower() in VIDEOS
                           and ".partial" not in path.name and not path.stem.endswith(RESULT))
        else:
            paths = sorted(glob.glob(name, recursive=True)) if is_pattern(name) else []
        found += [str(path) for path in paths] or [name]
    return list(dict.fromkeys(found))


def name_outputs(videos, folder):
    """Where each video's result goes: folder/NAME_segmented with the video's suffix, or .mp4; no two the same."""
    outputs, taken = [], {Path(video).resolve() for video in videos}
    for video in map(Path, videos):
        suffix = video.suffix.lower() if video.suffix.lower() in (".avi", ".mp4", ".mkv") else ".mp4"
        names = (Path(folder, f"{video.stem}{RESULT}{number}{suffix}")
                 for number in chain([""], (f"-{number}" for number in count(2))))
        outputs.append(next(path for path in names if path.resolve() not in taken))
        taken.add(outputs[-1].resolve())
    return outputs


# ---- One after another -----------------------------------------------------------------------------------

def run_jobs(jobs, several, work):
    """Do every job by work(job, make_progress) -> exit code; the exit code of all.

    several: of several, one that fails does not end the others
    make_progress: (frames or None, frames done before) -> a Progress, or the video's share in that of all
    """
    if not several or not jobs:
        return max((work(job, Progress) for job in jobs), default=0)
    codes = []
    with Progress(frames_in(jobs)) as whole, brief():
        for number, job in enumerate(jobs, 1):
            began = time.monotonic()
            try:
                codes.append(work(job, partial(share, whole)))
            except SegmentationError as error:
                warn(f"[ERROR] {error}")
                codes.append(1)
            if codes[-1] >= 128:
                warn(f"[INFO] {len(jobs) - number} videos are left")
                return codes[-1]
            result = f"saved {job.output}" if codes[-1] == 0 else "failed"
            info(f"{number} of {len(jobs)}, {job.input}: {result} ({time.monotonic() - began:.1f} s)", always=True)
    return max(codes)


def share(whole, frames, done):
    return Share(whole, done)


def frames_in(jobs):
    """How many frames the videos say that they have, together; None where one does not say."""
    total = 0
    for job in jobs:
        with suppress(av.error.FFmpegError, OSError, IndexError, ValueError):  # it will be told when its turn comes
            if not Path(job.input).is_file():
                continue
            with av.open(job.input) as container:
                stream = container.streams.video[0]
                if job.options.start or job.options.end is not None or not stream.frames:
                    return None
                total += stream.frames
    return total


# ---- By workers ------------------------------------------------------------------------------------------

@contextmanager
def open_spread(options, jobs, stop):
    """The Spread of the videos over the workers that VideoOptions ask for; None where they ask for none.

    stop: StopSignals
    """
    if not jobs or not (options.workers or options.scheduler):
        yield None
        return
    make_workers = workers_for(options)  # first what may lack a package, so that no model is fetched in vain
    files = find_model(options.mask_rcnn, options.weights)
    facts = NetworkFacts(read_model(files).labels, read_colors(files.colors), files)
    by_spread = {job.for_spread: job for job in jobs}

    def open_one(spread_job):
        return open_video(by_spread[spread_job], lambda: facts)
    with make_workers(Task(files, options.network), stop.came) as pool, \
            Spread(pool, facts, list(by_spread), open_one, stop.came) as spread:
        yield spread


def workers_for(options):
    """A function of a Task and of what says that the run is to end: the workers that VideoOptions ask for."""
    if options.scheduler:
        from segmentation.workers.dask_cluster import DaskWorkers  # needs a package that not everyone has
        return lambda task, stopped: DaskWorkers(task, options.scheduler, stopped)
    number = automatic_workers() if options.workers == "auto" else options.workers
    threads = max(1, cores() // number)
    info(f"{number} workers, threads in each: {threads}")
    return lambda task, stopped: LocalWorkers(replace(task, threads=threads), number)
