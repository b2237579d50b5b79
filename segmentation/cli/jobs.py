"""A run over several videos, and who does the work: this process, processes beside it or a cluster's.

    jobs = list_jobs(args, network)                 # each video's options
    with open_spread(args, jobs, open_video) as spread:
        return run_jobs(jobs, lambda job: segment_video(job, spread))
"""

import copy
import glob
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, count
from pathlib import Path

import av

from segmentation import SegmentationError
from segmentation.cli.options import number_in
from segmentation.cli.progress import Progress, Share
from segmentation.network.model import read_model
from segmentation.network.weights import find_model, read_colors
from segmentation.terminal import brief, info, warn
from segmentation.video.sink import find_encoder
from segmentation.workers.merging import FoundElsewhere, Spread
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


def check_output(args):
    """Raise ValueError where --output does not suit --input; note in `several` whether it is a folder."""
    args.several = (len(args.input) > 1 or args.output.is_dir() or Path(args.input[0]).is_dir()
                    or is_pattern(args.input[0]))
    if not args.several:
        find_encoder(args.output.suffix)
    elif args.output.is_file():
        raise ValueError(f"--output must be a folder for several videos, got the file {args.output}")


def is_pattern(name):
    return glob.has_magic(name) and "://" not in name and not Path(name).exists()


def list_jobs(args, network):
    """Each video's options: `args` with an input and an output of its own, `network()`, and `progress`.

    network: a function that loads the network, called once, when it is first needed
    progress: (frames or None, frames done before) -> a Progress, or the video's share in that of all
    """
    network = once(network)
    videos = find_videos(args.input, args.recursive) if args.several else args.input
    outputs = name_outputs(videos, args.output) if args.several else [args.output]
    jobs = []
    for video, output in zip(videos, outputs):
        if args.several and args.resume and output.exists():
            info(f"{video} is done already: {output}")
            continue
        jobs.append(copy.copy(args))
        vars(jobs[-1]).update(input=str(video), output=output, network=network, progress=Progress)
    return jobs


def once(function):
    """The function, called once and its result given again."""
    results = []

    def call():
        if not results:
            results.append(function())
        return results[0]
    return call


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


def run_jobs(jobs, work):
    """Do every job by work(job) -> exit code; the exit code of all. Of several, one that fails ends alone."""
    if not jobs or not jobs[0].several:
        return max(map(work, jobs), default=0)
    codes = []
    with Progress(frames_in(jobs)) as whole, brief():
        for number, job in enumerate(jobs, 1):
            job.progress, began = partial(share, whole), time.monotonic()
            try:
                codes.append(work(job))
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
                if job.start or job.end is not None or not stream.frames:
                    return None
                total += stream.frames
    return total


@contextmanager
def open_spread(args, jobs, open_video):
    """The Spread of the videos over the workers that the options ask for; None where they ask for none."""
    if not jobs or not (args.workers or args.scheduler):
        yield None
        return
    make_workers = workers_for(args)  # first what may lack a package, so that no model is fetched in vain
    files = find_model(args.mask_rcnn, args.weights)
    net = FoundElsewhere(read_model(files).labels, read_colors(files.colors), files.weights)
    names = ("size", "confidence", "proposals", "engine", "device", "precision", "classes", "min_area")
    options = {**{name: getattr(args, name) for name in names}, "exclude": args.exclude or ()}

    def open_one(job):
        return open_video(job, lambda: net, job.resume and not job.overwrite)
    with make_workers(Task(files, options)) as pool, Spread(pool, net, jobs, open_one) as spread:
        yield spread


def workers_for(args):
    """A function of a Task: the workers that the options ask for."""
    if args.scheduler:
        from segmentation.workers.dask_cluster import DaskWorkers  # needs a package that not everyone has
        return lambda task: DaskWorkers(task, args.scheduler)
    number = automatic_workers() if args.workers == "auto" else args.workers
    threads = max(1, cores() // number)
    info(f"{number} workers, threads in each: {threads}")
    return lambda task: LocalWorkers(replace(task, threads=threads), number)
