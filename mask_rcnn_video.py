"""Segment the objects in every frame of a video, and write a video of the result.

    python mask_rcnn_video.py --input videos/cats_and_dogs.mp4 --output output/cats_and_dogs_output.avi
    python mask_rcnn_video.py --input film.mp4 --output output/film.mp4 --every 3 --track --json output/film.json
    python mask_rcnn_video.py --input videos/ more/*.mp4 --output output --workers auto

The result keeps the source's frame rate and sound, and appears under its name when it is complete.
"""

import argparse
import signal
import sys
from contextlib import suppress
from fractions import Fraction
from hashlib import sha1
from pathlib import Path

import av
import numpy as np
from pooch import file_hash

from segmentation import SegmentationError
from segmentation.cli.jobs import add_worker_options, check_output, list_jobs, open_spread, run_jobs
from segmentation.cli.options import (
    add_drawing_options,
    add_network_options,
    load_network,
    number_in,
    parse,
)
from segmentation.cli.progress import Progress
from segmentation.drawing.windows import Preview, display_answers
from segmentation.files import reason
from segmentation.results.outputs import HIDING, VideoResults, add_result_options
from segmentation.terminal import info, run, warn
from segmentation.threads import ReadAhead
from segmentation.video.annotate import Annotator
from segmentation.video.resumable import PartialVideo
from segmentation.video.source import LARGEST_RATE, PATIENCE, Sound, VideoSource
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


def segment_videos(args):
    """Segment every video that was asked for; the exit code."""
    warn_of_rims(args)
    jobs = list_jobs(args, lambda: load_network(args))
    with open_spread(args, jobs, open_video) as spread:
        return run_jobs(jobs, lambda job: segment_video(job, spread))


def segment_video(args, spread=None):
    """Segment one video, by the workers of `spread` where there are some; the exit code."""
    resume = args.resume and not args.overwrite
    if spread:
        try:
            share = spread.video(args)
            return annotate_open_video(args, share.source, share.partial, spread.net, share)
        except CannotCut as error:
            info(f"{args.input} is done in one process from here: {error}", always=True)
            resume = True
    source, video = open_video(args, args.network, resume)
    return annotate_open_video(args, source, video, args.network())


def open_video(args, network, resume):
    """(VideoSource, PartialVideo) of one video, ready to begin; network() is called once the source is known good."""
    if args.output.exists() and Path(args.input).exists() and args.output.samefile(args.input):
        raise SegmentationError(f"{args.output} is the source itself: name another --output")
    for path in (args.json, args.csv, args.timeline):
        if path and path.exists() and not args.overwrite:
            raise SegmentationError(f"{path} exists already: name another file, or add --overwrite")
    video = PartialVideo(args.output, args.overwrite, resume)
    source = VideoSource(args.input, args.start, args.end)
    try:
        if source.live and args.resume:
            raise SegmentationError("--resume needs a file: a camera or stream cannot be gone back in")
        video.start(what_decides_the_frames(args, network()), resume)
    except BaseException:
        source.__exit__()
        raise
    return source, video


def annotate_open_video(args, source, video, net, share=None):
    """Annotate a video that is open; `share` is the workers' part in it, if they have one. The exit code."""
    with source:
        preview = Preview() if args.show and display_is_there() else None
        try:
            with StopSignals() as stop, VideoResults(args, net.labels, source.rate, video) as results:
                annotate = Annotator(net, args.every, args.palette, args.style, results, video.state)
                if share:
                    share.spread.stop = stop
                return annotate_video(source, video, annotate, args, stop, preview, share)
        finally:
            if preview:
                preview.close()


def annotate_video(source, video, annotate, args, stop, preview, share=None):
    """Read, annotate and write the video, keeping what is done whatever happens; the exit code."""
    open_output(video, source, args)
    try:
        if share and not share.draws_here:
            with args.progress(source.frames, video.done) as progress:
                read, decoding = share.join(video, annotate, progress)
        else:
            read, decoding = process(share.looked_at() if share else source, video, annotate, stop, preview, args.fps,
                                     args.progress)
        stopped = stop.number  # a signal from here on comes too late: the video is complete
        annotate.results.complete = stopped is None
        info("cleaning up...")
        if stopped is None:
            video.finish(read)
    except (av.error.FFmpegError, OSError) as error:
        raise SegmentationError(f"cannot write {video.path}: {reason(error)}; {keep(video)}") from error
    except SegmentationError as error:
        raise SegmentationError(f"{error}; {keep(video)}") from error
    except CannotCut:
        keep(video)
        raise
    except BaseException:
        warn(f"[INFO] {keep(video)}")
        raise
    if stopped is not None:
        warn(f"[INFO] stopped; {keep(video)}")
    report(video, annotate, read, decoding)
    if source.trouble and stopped is None:
        warn(f"[ERROR] {source.trouble}; what could be read is in {args.output}")
    return 128 + stopped if stopped is not None else 1 if source.trouble else 0


def check(args):
    """Raise ValueError for options that contradict each other; note whether --output is a folder."""
    if args.end is not None and args.end <= args.start:
        raise ValueError(f"--end {args.end} is not after --start {args.start}")
    check_output(args)
    if args.several and (args.json or args.csv or args.cutouts or args.masks or args.timeline):
        raise ValueError("--json, --csv, --cutouts, --masks and --timeline are for one video: name one --input")


def warn_of_rims(args):
    """Say so where hidden objects will come out from under masks that stay behind."""
    if args.effect in HIDING and args.every > 1:
        warn(f"[WARNING] with --every {args.every} masks stay put while objects move: parts of what is to be "
             "hidden will show")


def what_decides_the_frames(args, net):
    """The options and files that a run must share with the one that it resumes, plain values by name."""
    names = ("confidence", "threshold", "interpolation", "size", "proposals", "engine", "device", "precision",
             "classes", "exclude", "min_area", "every", "effect", "opacity", "no_boxes", "no_labels", "palette",
             "track", "fps", "start", "end", "no_audio", "json", "csv", "timeline", "cutouts", "masks", "each_mask")
    options = {f"--{name.replace('_', '-')}": str(getattr(args, name)) for name in names}
    options["--background"] = sha1(np.ascontiguousarray(args.style.background)).hexdigest()  # a colour or a picture
    path = Path(args.input)
    source = f"{path.resolve()} of {path.stat().st_size} bytes" if path.is_file() else args.input
    return {"--input": source, "weights": file_hash(net.weights), **options}


def display_is_there():
    """Whether the preview can be shown; a line says so where not."""
    answers = display_answers()
    if not answers:
        warn("[WARNING] no display answers, so nothing is shown")
    return answers


def open_output(video, source, args):
    """Open the result, and say in lines how it differs from the source."""
    if source.frames:
        info(f"{source.frames} total frames in video")
    else:
        info("could not determine # of frames in video")
    if not source.has_rate and not args.fps:
        warn(f"[WARNING] {source.name} has no frame rate that makes sense: {source.rate} is taken; --fps sets another")
    rate = args.fps or source.rate
    sound = [] if args.no_audio or rate != source.rate else source.sound
    sink = video.open(source.size_wh, rate, sound)
    info(f"writing {sink.codec}, {sink.size_wh[0]}x{sink.size_wh[1]}, {float(rate):g} frames a second to {args.output}")
    if any(sink.padding):
        info(f"{sink.codec} needs even sides: padded by one from {source.size_wh[0]}x{source.size_wh[1]}")
    if source.variable and sink.fixed_rate and not args.fps:
        info("the frames of the source come at varying times, here at their average rate; .mkv and .mp4 keep the times")
    if source.sound and not args.no_audio and not sound:
        warn("[WARNING] the sound is left out: it would not keep up with the other frame rate")
    if source.mute and not args.no_audio:
        warn("[WARNING] the sound is left out: it is copied from files alone")
    for stream in sound:
        if stream not in sink.sound:
            warn(f"[WARNING] the sound is left out: {args.output.suffix} takes no {stream.codec_context.name}")
    if video.done:
        info(f"going on after {video.done} frames")


def process(source, video, annotate, stop, preview, fps, make_progress=Progress):
    """Read, annotate and write every frame until the source ends or the run is stopped.

    Returns how many frames were read and the seconds that decoding those took which were not there already.
    """
    items = ReadAhead(source.items(), PATIENCE if source.live else None, lambda: stop.number is not None)
    read, decoding = 0, 0.0
    try:
        with make_progress(source.frames, video.done) as progress:
            for item in items:
                if isinstance(item, Sound):
                    video.write_sound(item)
                    continue
                read += 1
                if item.number < video.done:
                    annotate.catch_up(item, video.done)
                    video.keep()
                    continue
                decoding += item.seconds
                image = annotate(item)
                if item.number == video.done:
                    estimate(source.frames and source.frames - video.done, annotate)
                if preview and not preview.show(image):
                    stop.number = None if source.live else signal.SIGINT
                    break
                video.write(image, None if fps else item.time, annotate.state())
                progress.step()
    except TimeoutError as error:
        info(f"{source.name} has ended: {error}")
    finally:
        items.close(abandon=source.live)
    return read, decoding


def estimate(frames, annotate):
    """What the tutorial prints after the first frame."""
    seconds = annotate.seconds["network"] / annotate.runs
    info(f"single frame took {seconds:.4f} seconds")
    if frames:
        info(f"estimated total time to finish: {seconds * frames / annotate.every:.4f}")


def keep(video):
    """End the run early; what to say of it."""
    # The disk that is full for frames is full for the rest.
    with suppress(av.error.FFmpegError, OSError, SegmentationError):
        video.stop()
    if not video.frames:
        return "nothing was written yet"
    return f"the first {video.frames} frames are kept in {video.path}: go on with --resume"


def report(video, annotate, read, decoding):
    """What was done, and where the time went."""
    new = max(video.sink.frames - video.done, 0)
    info(f"{read} frames read, {video.sink.frames} written")
    distinct = annotate.tracker.count_distinct() if annotate.tracker else {}
    objects = {annotate.net.labels[class_id]: f"{count} objects, " for class_id, count in distinct.items()}
    for label, count in annotate.seen.most_common():
        info(f"{label}: {objects.get(label, '')}seen {count} times on {annotate.network_frames} frames")
    stages = {"decode": decoding, **annotate.seconds, "encode": video.behind.seconds}
    info("seconds per frame: " + ", ".join(f"{stage} {seconds / max(new, 1):.4f}"
                                           for stage, seconds in stages.items()))


class StopSignals:
    """Ctrl-C and SIGTERM noted instead of obeyed, so that the file can be finished: `number`, None before one.

    A second one ends the run at once. One that is ignored, as in the background of a shell script, stays so.
    """

    def __init__(self):
        self.number, self.before = None, {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.before[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def note(self, number, frame):
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number


def main(argv=None):
    args = parse(make_parser(), argv, check)
    return run(segment_videos, args)


if __name__ == "__main__":
    sys.exit(main())
