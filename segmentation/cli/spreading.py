"""The workers of a run: none, processes of this machine, or the machines of a Dask cluster.

    jobs = list_jobs(options)
    with open_spread(options, jobs, StopSignals()) as spread:      # a Spread, or None without workers
        ...
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Callable, Optional

from segmentation import SegmentationError
from segmentation.cli.jobs import Job
from segmentation.cli.options import find_files
from segmentation.cli.stop import StopSignals
from segmentation.cli.video_options import VideoOptions
from segmentation.cli.video_run import open_video
from segmentation.network.cost import InputCost
from segmentation.network.mask_rcnn import made_later
from segmentation.network.model import read_model
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.onnx.int8 import find_int8
from segmentation.network.selection import warn_of_unknown
from segmentation.network.weights import read_colors
from segmentation.terminal import info
from segmentation.video.looks import NetworkFacts
from segmentation.video.resumable import PartialVideo
from segmentation.video.source import VideoSource
from segmentation.wording import counted
from segmentation.workers.merging import Spread, SpreadJob
from segmentation.workers.ordering import Workers
from segmentation.workers.processes import LocalWorkers, automatic_workers, cores
from segmentation.workers.tasks import Task


@contextmanager
def open_spread(options: VideoOptions, jobs: Sequence[Job], stop: StopSignals) -> Iterator[Optional[Spread]]:
    """The Spread of the videos over the workers that the options ask for. None: they ask for none."""
    if not jobs or not (options.workers or options.scheduler):
        yield None
        return
    make_workers = workers_for(options)  # before the model: if a package is missing, no model is downloaded
    files, network = find_files(options), options.network
    model = read_model(files)
    warn_of_unknown(network, model.labels, model.known)
    if network.precision == "int8":  # else each worker would calibrate a model of its own
        find_int8(model, Calibration(network.calibrate, size=network.size))
    facts = NetworkFacts(model.labels, read_colors(files.colors), files, made_later(model, files, network)())
    cost = InputCost(files.config, options.network.engine)
    by_spread = {job.for_spread: job for job in jobs}
    opened = ExitStack()

    def open_one(spread_job: SpreadJob) -> tuple[VideoSource, PartialVideo]:
        source, partial = open_video(by_spread[spread_job], lambda: files)
        opened.callback(partial.close)  # a video that is opened ahead may not get its turn
        try:
            cost.check(options.network.size, (source.size_wh[1], source.size_wh[0]))
        except SegmentationError:
            source.close()
            raise
        return source, partial
    with opened, make_workers(Task(files, options.network), stop.came) as pool, \
            Spread(pool, facts, list(by_spread), open_one, stop.came) as spread:
        yield spread


def workers_for(options: VideoOptions) -> Callable[[Task, Callable[[], bool]], Workers]:
    """A function that makes the workers that the options ask for.

    It takes a Task, and a function that says whether the run must end.
    """
    address = options.scheduler
    if address:
        from segmentation.workers.dask_cluster import DaskWorkers  # it needs an optional package
        return lambda task, stopped: DaskWorkers(task, address, stopped)
    size = options.workers if isinstance(options.workers, int) else automatic_workers()
    threads = max(1, cores() // size)
    info(f"up to {counted(size, 'worker')}, {counted(threads, 'thread')} in each")
    return lambda task, stopped: LocalWorkers(replace(task, threads=threads), size)
