"""One video of a run: opened, its frames drawn and written, and what is said about it."""

import signal
from contextlib import ExitStack, suppress
from dataclasses import fields
from hashlib import sha1
from pathlib import Path

import av
import numpy as np
from pooch import file_hash

from segmentation import SegmentationError
from segmentation.cli.options import what_decides
from segmentation.drawing.windows import Preview, display_answers
from segmentation.files import reason
from segmentation.results.outputs import VideoResults
from segmentation.terminal import info, warn
from segmentation.video.annotate import Annotator
from segmentation.video.resumable import PartialVideo
from segmentation.video.source import Sound, VideoSource
from segmentation.workers.chunks import CannotCut


def open_video(job, network):
    """(VideoSource, PartialVideo) of a Job, ready to begin.

    network: gives the network, or the facts about it, once the source is known to be good

    Raises SegmentationError where the source cannot be read or something stands in the way that must not be lost.
    """
    options, results = job.options, job.options.results
    if job.output.exists() and Path(job.input).exists() and job.output.samefile(job.input):
        raise SegmentationError(f"{job.output} is the source itself: name another --output")
    for path in (results.json, results.csv, results.timeline):
        if path and path.exists() and not options.overwrite:
            raise SegmentationError(f"{path} exists already: name another file, or add --overwrite")
    partial = PartialVideo(job.output, options.overwrite, job.resume)
    source = VideoSource(job.input, options.start, options.end)
    try:
        if source.live and options.resume:
            raise SegmentationError("--resume needs a file: a camera or stream cannot be gone back in")
        partial.start(what_decides_the_frames(job, network().files), job.resume)
    except BaseException:
        source.close()
        raise
    return source, partial


def what_decides_the_frames(job, files):
    """The options and files that a run must share with the one that it resumes, plain values by name."""
    found = what_decides(job.options)
    found["--background"] = sha1(np.ascontiguousarray(job.options.drawing.style.background)).hexdigest()
    path = Path(job.input)
    found["--input"] = f"{path.resolve()} of {path.stat().st_size} bytes" if path.is_file() else job.input
    paths = {entry.name: getattr(files, entry.name) for entry in fields(files)}
    return {**found, **{name: file_hash(path) for name, path in paths.items() if isinstance(path, Path)}}


class VideoRun:
    """A video that is open, on its way from source to result.

    looks: an OwnLooks or a SpreadVideo, which gives the stream of the video
    stop: StopSignals
    make_progress: (frames or None, frames done before) -> a Progress
    """

    def __init__(self, job, looks, stop, make_progress):
        self.job, self.options, self.looks, self.stop, self.make_progress = job, job.options, looks, stop, make_progress
        self.source, self.partial, self.preview, self.read = looks.source, looks.partial, None, 0

    def work(self):
        """Annotate the video, keeping what is done whatever happens; the exit code."""
        options, facts = self.options, self.looks.facts
        with self.source, ExitStack() as stack:
            if options.show and display_is_there():
                self.preview = stack.enter_context(Preview())
            stack.enter_context(self.stop)
            results = stack.enter_context(VideoResults(
                options.results, facts.labels, float(self.source.rate) / options.every, self.partial.state,
                self.partial.done))
            self.annotate = Annotator(facts.labels, facts.colors, options.drawing.palette, options.drawing.style,
                                      results, self.partial.state)
            self.open_output()
            stopped = self.write(results)
            self.report()
            if self.source.trouble and stopped is None:
                warn(f"[ERROR] {self.source.trouble}; what could be read is in {self.job.output}")
        return 128 + stopped if stopped is not None else 1 if self.source.trouble else 0

    # ---- Its parts -------------------------------------------------------------------------------------------

    def write(self, results):
        """Write every frame, and complete the result; the number of the signal that stopped the run, or None."""
        partial = self.partial
        try:
            self.process()
            stopped = self.stop.number  # a signal from here on comes too late: the video is complete
            if stopped is not None:
                results.keep_partial()
            info("cleaning up...")
            if stopped is None:
                partial.finish(self.read)
        except (av.error.FFmpegError, OSError) as error:
            raise SegmentationError(f"cannot write {partial.path}: {reason(error)}; {keep(partial)}") from error
        except SegmentationError as error:
            raise SegmentationError(f"{error}; {keep(partial)}") from error
        except CannotCut:
            keep(partial)
            raise
        except BaseException:
            warn(f"[INFO] {keep(partial)}")
            raise
        if stopped is not None:
            warn(f"[INFO] stopped; {keep(partial)}")
        return stopped

    def process(self):
        """Take every frame and all sound until the stream ends or the run is stopped."""
        try:
            with self.make_progress(self.looks.frames, self.partial.done) as progress, self.looks.looks() as looks:
                for item in looks:
                    if isinstance(item, Sound):
                        self.partial.write_sound(item)
                    elif not self.take(item, progress):
                        break
        except TimeoutError as error:
            info(f"{self.source.name} has ended: {error}")

    def take(self, look, progress):
        """Draw and write the frame of a Look; False where the user ends the run."""
        partial, annotate = self.partial, self.annotate
        self.read += 1
        annotate.account(look)
        if look.number < partial.done:
            partial.keep()
            return True
        if look.packet is None:
            image = annotate(look)
        elif look.fresh:
            annotate.count(look.found)
        if look.number == partial.done:
            self.estimate()
        if look.packet is not None:
            partial.append(look.packet, annotate.state())
        elif self.preview and not self.preview.show(image):
            if not self.source.live:
                self.stop.note(signal.SIGINT)
            return False
        else:
            partial.write(image, None if self.options.fps else look.time, annotate.state())
        progress.step()
        return True

    # ---- What is said ----------------------------------------------------------------------------------------

    def open_output(self):
        """Open the result, and say in lines how it differs from the source."""
        options, source = self.options, self.source
        if source.frames:
            info(f"{source.frames} total frames in video")
        else:
            info("could not determine # of frames in video")
        if not source.has_rate and not options.fps:
            warn(f"[WARNING] {source.name} has no frame rate that makes sense: {source.rate} is taken; --fps sets "
                 "another")
        rate = options.fps or source.rate
        sound = [] if options.no_audio or rate != source.rate else source.sound
        sink = self.partial.open(source.size_wh, rate, sound)
        info(f"writing {sink.codec}, {sink.size_wh[0]}x{sink.size_wh[1]}, {float(rate):g} frames a second to "
             f"{self.job.output}")
        if any(sink.padding):
            info(f"{sink.codec} needs even sides: padded by one from {source.size_wh[0]}x{source.size_wh[1]}")
        if source.variable and sink.fixed_rate and not options.fps:
            info("the frames of the source come at varying times, here at their average rate; .mkv and .mp4 keep the "
                 "times")
        if not options.no_audio:
            self.warn_of_lost_sound(sink, sound)
        if self.partial.done:
            info(f"going on after {self.partial.done} frames")

    def warn_of_lost_sound(self, sink, sound):
        """Say which sound is left out, and why. sound: the streams that are to be copied."""
        if self.source.sound and not sound:
            warn("[WARNING] the sound is left out: it would not keep up with the other frame rate")
        if self.source.mute:
            warn("[WARNING] the sound is left out: it is copied from files alone")
        for stream in sound:
            if stream not in sink.sound:
                warn(f"[WARNING] the sound is left out: {self.job.output.suffix} takes no {stream.codec_context.name}")

    def estimate(self):
        """What the tutorial prints after the first frame."""
        annotate, workers, frames = self.annotate, self.looks.workers, self.looks.frames
        if not annotate.runs:
            return
        seconds = annotate.seconds["network"] / annotate.runs
        info(f"single frame took {seconds:.4f} seconds" + (f", on each of {workers} workers" if workers else ""))
        if frames and frames > self.partial.done:
            left = (frames - self.partial.done) / self.options.every / (workers or 1)
            info(f"estimated total time to finish: {seconds * left:.4f}")

    def report(self):
        """What was done, and where the time went."""
        annotate, partial = self.annotate, self.partial
        new = max(partial.sink.frames - partial.done, 0)
        info(f"{self.read} frames read, {partial.sink.frames} written")
        distinct = annotate.count_distinct()
        for label, count in annotate.seen.most_common():
            objects = f"{distinct[label]} objects, " if label in distinct else ""
            info(f"{label}: {objects}seen {count} times on {annotate.network_frames} frames")
        stages = {stage: annotate.seconds[stage] for stage in ("decode", "network", "draw", "encode")}
        stages["encode"] += partial.seconds
        info("seconds per frame: " + ", ".join(f"{stage} {seconds / max(new, 1):.4f}"
                                               for stage, seconds in stages.items()))


def display_is_there():
    """Whether the preview can be shown; a line says so where not."""
    answers = display_answers()
    if not answers:
        warn("[WARNING] no display answers, so nothing is shown")
    return answers


def keep(partial):
    """End a PartialVideo early; what to say of it."""
    # The disk that is full for frames is full for the rest.
    with suppress(av.error.FFmpegError, OSError, SegmentationError):
        partial.stop()
    if not partial.frames:
        return "nothing was written yet"
    return f"the first {partial.frames} frames are kept in {partial.path}: go on with --resume"
