"""One video of a run: opened, its frames drawn and written, and what is printed about it."""

import os
import signal
from contextlib import ExitStack, suppress
from dataclasses import fields
from fractions import Fraction
from hashlib import sha1
from pathlib import Path
from typing import Callable, Optional

import av
import numpy as np
from av.audio.stream import AudioStream

from segmentation import SegmentationError
from segmentation.cli.jobs import Job, MakeProgress
from segmentation.cli.options import what_decides
from segmentation.cli.progress import AnyProgress
from segmentation.cli.stop import StopSignals
from segmentation.drawing.windows import Preview, display_answers
from segmentation.files import fingerprint, hash_of_file, reason
from segmentation.network.selection import wanted_classes
from segmentation.network.weights import ModelFiles
from segmentation.results.labels import check_no_frames
from segmentation.results.row_files import partial_path
from segmentation.results.video_results import VideoResults
from segmentation.terminal import info, warn
from segmentation.tracking.crossings import Crossings
from segmentation.tracking.tracker import Tracker
from segmentation.video.annotate import Annotator
from segmentation.video.looks import EncodedFrame, Item, Look, VideoLooks
from segmentation.video.resumable import PartialVideo, PartialWriter
from segmentation.video.sink import VideoSink, find_encoder
from segmentation.video.source import Sound, VideoSource
from segmentation.wording import counted
from segmentation.workers.packet_index import CannotCut


def open_video(job: Job, find_files: Callable[[], ModelFiles]) -> tuple[VideoSource, PartialVideo]:
    """(VideoSource, PartialVideo) of a Job, ready to be read and written.

    find_files: gives the files of the model; it is called when the source has been opened

    Raises SegmentationError if the source cannot be read, if another run writes one of the files, or if a file exists
    that must not be lost; Finished if only the last steps of an earlier run were left to do.
    """
    options, results = job.options, job.options.results
    rows = [path for path in (results.json, results.csv) if path]
    beside = [*rows, *([results.timeline] if results.timeline else [])]
    with ExitStack() as stack:
        source = VideoSource(job.input, options.start, options.end)
        stack.callback(source.close)
        if source.live and options.resume:
            raise SegmentationError("--resume needs a file: a camera or stream cannot be gone back in")
        results.counting.place(source.size_wh, job.input)  # to say now what lies outside the picture
        partial = stack.enter_context(PartialVideo(job.output, beside, [partial_path(path) for path in rows],
                                                   options.overwrite, job.resume))
        if partial.earlier is None and not partial.notes.replaces:
            check_no_frames(results)
        partial.start(what_decides_the_frames(job, find_files()), lambda state: VideoResults.fit(results, state))
        stack.pop_all()
    return source, partial


def what_decides_the_frames(job: Job, files: ModelFiles) -> dict[str, str]:
    """The options and files that must be the same when a run is resumed, as plain text by name. Files are hashes.

    Raises SegmentationError if a file cannot be read.
    """
    deciding = what_decides(job.options)
    background = np.ascontiguousarray(job.options.drawing.style.background)
    deciding["--background"] = sha1(background.data).hexdigest()
    deciding["--input"] = fingerprint(job.input) if os.path.isfile(job.input) else job.input
    deciding["encoder"] = find_encoder(job.output.suffix)[1]
    for entry in fields(files):
        path = getattr(files, entry.name)
        if isinstance(path, Path):
            deciding[entry.name] = hash_of_file(path)
    return deciding


class VideoRun:
    """Takes the stream of an open video, draws the objects, and writes the result.

    make_progress: (frames or None, frames done before) -> a Progress or a Share
    """

    def __init__(self, job: Job, looks: VideoLooks, stop: StopSignals, make_progress: MakeProgress):
        self.job, self.options, self.looks, self.stop, self.make_progress = job, job.options, looks, stop, make_progress
        self.source, self.partial, self.read = looks.source, looks.partial, 0
        self.preview: Optional[Preview] = None

    def segment(self) -> int:
        """Segment the video; the exit code. The frames that are done are kept, whatever happens."""
        options, facts = self.options, self.looks.facts
        with self.source, self.partial, ExitStack() as stack:
            if options.show and display_is_there():
                self.preview = stack.enter_context(Preview())
            stack.enter_context(self.stop)
            results = stack.enter_context(VideoResults(
                options.results, facts.labels, facts.made, float(self.source.rate) / options.every, self.partial.state,
                wanted_classes(facts.labels, options.network), self.partial.notes.replaces, facts.colors))
            self.annotate = Annotator(facts.labels, facts.colors, options.drawing.palette, options.drawing.style,
                                      results, self.partial.state, self.crossings(results.tracker))
            self.writer = self.open_output()
            stopped = self.write(results)
            self.report()
            if self.source.trouble and stopped is None:
                warn(f"[ERROR] {self.source.trouble}; what could be read is in {self.job.output}")
        return 128 + stopped if stopped is not None else 1 if self.source.trouble else 0

    def crossings(self, tracker: Optional[Tracker]) -> Optional[Crossings]:
        """Counts the objects at the lines and zones that the options ask for. None: they ask for none."""
        boundaries = self.options.results.counting.place(self.source.size_wh, self.job.input)
        if not boundaries or tracker is None:
            return None
        # The tracker gives no number again after so many frames.
        patience = self.options.every * (tracker.missing + 1)
        return Crossings(boundaries, patience, tracker.lasting, (self.partial.state or {}).get("crossings"))

    # ---- Its steps -------------------------------------------------------------------------------------------

    def write(self, results: VideoResults) -> Optional[int]:
        """Write every frame and complete the result.

        Returns the number of the signal that stopped the run; then the result stays partial. None: no signal.
        """
        path = self.partial.files.partial
        try:
            self.take_all()
            stopped = self.stop.received  # from here on a signal comes too late: all frames are written
            info("cleaning up...")
            if stopped is None:
                self.writer.finish(self.read, results.complete(), [file.partial for file in results.rows.values()])
        except (av.error.FFmpegError, OSError) as error:
            raise SegmentationError(f"cannot write {path}: {reason(error)}; {stop_early(self.writer)}") from error
        except SegmentationError as error:
            raise SegmentationError(f"{error}; {stop_early(self.writer)}") from error
        except CannotCut:
            stop_early(self.writer)
            raise
        except BaseException:
            warn(f"[INFO] {stop_early(self.writer)}")
            raise
        if stopped is not None:
            warn(f"[INFO] stopped; {stop_early(self.writer)}")
        return stopped

    def take_all(self) -> None:
        """Take every frame and all sound, until the stream ends or the run is stopped."""
        try:
            with self.make_progress(self.looks.frames, self.partial.done) as progress, self.looks.looks() as looks:
                for item in looks:
                    if not self.take(item, progress):
                        break
        except TimeoutError as error:
            info(f"{self.source.name} has ended: {error}")

    def take(self, item: Item, progress: AnyProgress) -> bool:
        """Draw and write a frame of the stream, or write its sound. False if the user ends the run."""
        if isinstance(item, Sound):
            self.writer.write_sound(item)
            return True
        self.read += 1
        self.annotate.account(item)
        if isinstance(item, Look):
            if not self.take_look(item):
                return False
        elif isinstance(item, EncodedFrame):
            self.take_encoded(item)
        else:
            self.writer.copy_frame()
            return True
        progress.step()
        return True

    def take_look(self, look: Look) -> bool:
        """Draw the objects of a Look, show its image in the preview, and write it. False if the user ends the run."""
        image = self.annotate(look)
        self.estimate(look.number)
        if self.preview and not self.preview.show(image):
            if not self.source.live:
                self.stop.note(signal.SIGINT)
            return False
        self.writer.write(image, None if self.options.fps else look.time, self.annotate.state())
        return True

    def take_encoded(self, frame: EncodedFrame) -> None:
        """Count the objects of a frame that a worker has encoded, and write it."""
        if frame.found is not None:
            self.annotate.count(frame.found)
        self.estimate(frame.number)
        self.writer.append(frame.packet, self.annotate.state())

    # ---- What is printed -------------------------------------------------------------------------------------

    def open_output(self) -> PartialWriter:
        """Open the result, and print how it differs from the source."""
        options, source = self.options, self.source
        if source.frames:
            info(f"{counted(source.frames, 'total frame')} in video")
        else:
            info("could not determine # of frames in video")
        if not source.has_rate and not options.fps:
            warn(f"[WARNING] {source.name} has no frame rate that makes sense: {source.rate} is taken; --fps sets "
                 "another")
        rate = options.fps or source.rate
        sound = [] if options.no_audio or rate != source.rate else source.sound
        writer = self.partial.open(source.size_wh, rate, sound, self.looks.facts.made.text)
        self.print_output(writer.sink, rate)
        if not options.no_audio:
            self.warn_of_lost_sound(writer.sink, sound)
        if self.partial.done:
            info(f"going on after {counted(self.partial.done, 'frame')}")
        return writer

    def print_output(self, sink: VideoSink, rate: Fraction) -> None:
        """Print how the result is encoded, and what of the source it does not have."""
        source, frames = self.source, counted(float(rate), "frame", style="g")
        info(f"writing {sink.codec}, {sink.size_wh[0]}x{sink.size_wh[1]}, {frames} a second to {self.job.output}")
        if any(sink.padding):
            info(f"{sink.codec} needs even sides: padded by one from {source.size_wh[0]}x{source.size_wh[1]}")
        if source.variable and sink.fixed_rate and not self.options.fps:
            info("the frames of the source come at varying times, here at their average rate; .mkv and .mp4 keep the "
                 "times")

    def warn_of_lost_sound(self, sink: VideoSink, sound: list[AudioStream]) -> None:
        """Warn if sound is left out. sound: the streams that should be copied"""
        if self.source.sound and not sound:
            warn("[WARNING] the sound is left out: it would not keep up with the other frame rate")
        if self.source.mute:
            warn("[WARNING] the sound is left out: it is copied from files alone")
        for stream in sound:
            if stream not in sink.sound:
                # PyAV has no codec for a kind of sound that FFmpeg does not know.
                name = getattr(stream.codec_context, "name", "sound of this kind")
                warn(f"[WARNING] the sound is left out: {self.job.output.suffix} takes no {name}")

    def estimate(self, number: int) -> None:
        """Print what the tutorial prints after the first frame, if this frame is the first one to be drawn."""
        annotate, workers, frames = self.annotate, self.looks.workers, self.looks.frames
        if number != self.partial.done or not annotate.runs:
            return
        seconds = annotate.seconds["network"] / annotate.runs
        where = f", on {'each of ' if workers > 1 else ''}{counted(workers, 'worker')}" if workers else ""
        info(f"single frame took {seconds:.4f} seconds{where}")
        if frames and frames > self.partial.done:
            left = (frames - self.partial.done) / self.options.every / (workers or 1)
            info(f"estimated total time to finish: {seconds * left:.4f}")

    def report(self) -> None:
        """Print what was done and how long each stage took."""
        annotate, written = self.annotate, self.writer.sink.frames
        new = max(written - self.partial.done, 0)
        info(f"{counted(self.read, 'frame')} read, {written} written")
        distinct = annotate.count_distinct()
        for label, count in annotate.seen.most_common():
            objects = f"{counted(distinct[label], 'object')}, " if label in distinct else ""
            info(f"{label}: {objects}seen {counted(count, 'time')} on {counted(annotate.network_frames, 'frame')}")
        of_video = f"{self.job.input}: " if self.options.several else ""
        for line in annotate.report_crossings():
            info(f"{of_video}{line}", always=True)
        stages = {stage: annotate.seconds[stage] for stage in ("decode", "network", "follow", "draw", "encode")
                  if stage != "follow" or stage in annotate.seconds}
        stages["encode"] += self.writer.seconds
        info("seconds per frame: " + ", ".join(f"{stage} {seconds / max(new, 1):.4f}"
                                               for stage, seconds in stages.items()))


def display_is_there() -> bool:
    """Whether the preview can be shown. If not, a line says so."""
    answers = display_answers()
    if not answers:
        warn("[WARNING] no display answers, so nothing is shown")
    return answers


def stop_early(writer: PartialWriter) -> str:
    """End a video before it is complete; returns words that say what is left of it."""
    # If the disk is full for frames, it is full for the rest too.
    with suppress(av.error.FFmpegError, OSError, SegmentationError):
        writer.stop()
    if not writer.frames:
        return "nothing was written yet"
    kept = counted(writer.frames, "frame is kept", "frames are kept")
    return f"{kept} in {writer.files.partial}: go on with --resume"
