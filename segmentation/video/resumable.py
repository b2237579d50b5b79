"""An output video that can be resumed: partial until it is complete.

    NAME.avi                what the user asked for; it appears when every frame is in it
    NAME.partial.avi        the frames so far; it plays
    NAME.partial.avi.json   the notes of the run, see notes.py: its options, and its resume points
    NAME.partial.old.avi    while a run is being resumed: the partial video of the earlier run, until it is copied

    with PartialVideo("output/film.avi", resume=True) as partial:
        partial.start({"--every": "3"})
        writer = partial.open(source.size_wh, source.rate)
        for number, image in enumerate(images):
            if number < partial.done:
                writer.copy_frame()
            else:
                writer.write(image, None, state={})
        writer.finish(len(images))

Whenever a run is killed, a run with `resume` gives the same result as one that was not killed:

    before the notes are saved        nothing of the run is there; what an earlier run left is as it was
    while frames are written          the notes are saved after the frames of their points, and replaced as a whole
    while frames are copied           the earlier partial video stays until the run ends
    when the video is complete        the notes hold the last steps, the renaming, before the first of them is done
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import av
import numpy as np
from av.audio.stream import AudioStream

from segmentation import SegmentationError
from segmentation.files import AnyPath, hash_of_file, only_writer, reason, writing
from segmentation.terminal import warn
from segmentation.threads import WriteBehind
from segmentation.video.notes import Notes, Point, State, Step, do_steps
from segmentation.video.sink import SEGMENT, VideoSink, count_frames, encoded_frames
from segmentation.video.source import Sound
from segmentation.wording import counted

POINTS = 4  # how many resume points are saved: a run that was killed may have lost its last frames


class Finished(SegmentationError):
    """An earlier run was killed when all its files were complete. What it had left to do is done now."""


class PartialFiles(NamedTuple):
    """The paths of an output video and of the files that stand for it until it is complete, see above."""

    output: Path
    partial: Path
    notes: Path
    old: Path

    @classmethod
    def of(cls, output: AnyPath) -> "PartialFiles":
        """The paths for an output video."""
        output = Path(output)
        partial = output.with_suffix(f".partial{output.suffix}")
        return cls(output, partial, partial.with_name(f"{partial.name}.json"),
                   output.with_suffix(f".partial.old{output.suffix}"))


class PartialVideo:
    """An output video before it is written: looks for the partial video of an earlier run.

    No other run may write its files before `close`, or the end of the `with` block.

    beside: other files that the run writes, such as rows
    partial_beside: the names that these have until they are complete
    overwrite: replace files that exist
    resume: continue the earlier run, if there is one; what that one was allowed to replace is replaced

    done: how many frames of the earlier run are used; 0: a new video
    state: of the earlier run after these frames; None: a new video

    Raises SegmentationError if another run writes one of the files, or if one exists and must not be lost.
    """

    def __init__(self, output: AnyPath, beside: Sequence[Path] = (), partial_beside: Sequence[Path] = (),
                 overwrite: bool = False, resume: bool = False):
        self.files = PartialFiles.of(output)
        self.started, self.done = False, 0
        self.state: Optional[State] = None
        with ExitStack() as stack:
            for path in (self.files.output, *beside):
                stack.enter_context(only_writer(path))
            self.earlier = Notes.read(self.files.notes) if resume and os.path.lexists(self.files.notes) else None
            self.notes = Notes({}, replaces=overwrite or bool(self.earlier and self.earlier.replaces))
            if not self.notes.replaces and not (self.earlier and self.earlier.steps):
                self.refuse_to_replace(beside, partial_beside, resume)
            stack.callback(self.remove_empty, partial_beside)
            self.locks = stack.pop_all()

    def refuse_to_replace(self, beside: Sequence[Path], partial_beside: Sequence[Path], resume: bool) -> None:
        """Raise SegmentationError if a file exists that must not be lost."""
        for path in (self.files.output, *beside):
            if os.path.lexists(path):
                other = "another --output" if path == self.files.output else "another file"
                raise SegmentationError(f"{path} exists already: name {other}, or add --overwrite")
        if self.earlier:
            return
        if resume and self.is_there():
            raise SegmentationError(f"cannot resume {self.files.partial}: its {self.files.notes.name} is missing; "
                                    "start over by --overwrite")
        for path in (self.files.partial, self.files.old, *partial_beside):
            if os.path.lexists(path):
                raise SegmentationError(f"{path} is left of an earlier run: go on with that run by --resume, name "
                                        "another file, or start over by --overwrite")

    def is_there(self) -> bool:
        """Whether there is a partial video."""
        return os.path.lexists(self.files.partial) or os.path.lexists(self.files.old)

    def start(self, options: dict[str, str], fit: Callable[[State], bool] = lambda state: True) -> None:
        """Set the options that the frames depend on, and find the resume point of the earlier run.

        options: plain text by name
        fit: whether the other files of the earlier run are still there up to a resume point, by its state

        Raises Finished if the earlier run had but its last steps to do, and SegmentationError that names the options
        that differ from those of the earlier run.
        """
        points: list[Point] = []
        if self.earlier:
            changes = self.earlier.changes(options)
            if changes:
                raise SegmentationError(f"cannot resume {self.files.partial}, which was made with other options: "
                                        f"{'; '.join(changes)}")
            if self.earlier.steps:
                do_steps(self.earlier.steps)
                raise Finished(f"{self.files.output} is complete: only its last files had to be renamed")
            points = self.usable_points(self.earlier.points, fit) if self.is_as_left(self.earlier.video) else []
        if points:
            self.done, self.state = points[-1]
        self.notes = replace(self.notes, options=options, points=points)
        self.notes.save(self.files.notes)
        self.started = True
        if not self.done:
            # Not before these notes are saved: those of the earlier run belong to its frames.
            with writing(self.files.partial):
                self.files.partial.unlink(missing_ok=True)
                self.files.old.unlink(missing_ok=True)

    def is_as_left(self, video: str) -> bool:
        """Whether the partial video is as its run has left it. video: as in Notes

        Of a run that was killed it is not known: its video is taken as far as its frames can be read.
        """
        if not video or not os.path.lexists(self.files.partial) or hash_of_file(self.files.partial) == video:
            return True
        warn(f"[WARNING] {self.files.partial} was changed after its run: going on at the first frame")
        return False

    def usable_points(self, points: Sequence[Point], fit: Callable[[State], bool]) -> list[Point]:
        """The resume points up to the last one whose frames and other files are all there."""
        there = self.keep_longer() if points else 0
        usable = [point for point in points if point.frames <= there]
        whole = len(usable)
        while usable and not fit(usable[-1].state):
            usable.pop()
        if len(usable) < whole:
            after = f"after {counted(usable[-1].frames, 'frame')}" if usable else "at the first frame"
            warn(f"[WARNING] the rows of the earlier run of {self.files.output} are not as it left them: going on "
                 f"{after}")
        elif points and not usable:
            warn(f"[WARNING] {self.files.partial} lacks frames of the earlier run: going on at the first frame")
        return usable

    def keep_longer(self) -> int:
        """Keep the longer one of two partial videos as the old one; how many frames it holds.

        A run that was killed while it copied the frames of an earlier run has left two.
        """
        there, more = readable_frames(self.files.old), readable_frames(self.files.partial)
        if more > there:
            with writing(self.files.partial):
                os.replace(self.files.partial, self.files.old)
        return max(there, more)

    def open(self, size_wh: tuple[int, int], rate: Fraction, sound: Sequence[AudioStream] = (),
             comment: str = "") -> "PartialWriter":
        """A writer of the video. Its first `done` frames must be copied with `copy_frame`.

        size_wh, rate, sound, comment: as of VideoSink

        Raises SegmentationError if the file cannot be written.
        """
        path = self.files.partial
        try:
            sink = VideoSink(path, size_wh, rate, sound, comment)
        except (av.error.FFmpegError, OSError) as error:
            path.unlink(missing_ok=True)
            raise SegmentationError(f"cannot write {path}: {reason(error)}") from error
        return PartialWriter(self.files, sink, self.notes, self.done)

    def __enter__(self) -> "PartialVideo":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other runs write the files."""
        self.locks.close()

    def remove_empty(self, partial_beside: Sequence[Path]) -> None:
        """Remove what was begun with the video, if no frame of it was written."""
        if self.started and not self.is_there():
            for path in (self.files.notes, *partial_beside):
                with suppress(OSError):
                    path.unlink()


class PartialWriter:
    """Writes a partial video. A second thread encodes the frames and writes the file.

    files: its paths; sink: what the frames and sound are written to
    notes: to be saved with further resume points
    done: how many frames of the earlier run are used
    """

    def __init__(self, files: PartialFiles, sink: VideoSink, notes: Notes, done: int):
        self.files, self.sink, self.notes, self.done = files, sink, notes, done
        self.latest: Optional[Point] = None
        self.earlier: Iterator[av.Packet] = encoded_frames(files.old) if done else iter(())
        self.behind = WriteBehind()

    @property
    def seconds(self) -> float:
        """How long encoding and writing took so far."""
        return self.behind.seconds

    def copy_frame(self) -> None:
        """Add the next frame of the earlier run."""
        self.behind(lambda: self.sink.write_encoded(next(self.earlier)))

    def write_sound(self, sound: Sound) -> None:
        """Add a packet of sound."""
        self.behind(self.sink.write_sound, sound)

    def write(self, image: np.ndarray, at: Optional[Fraction], state: State) -> None:
        """Add a frame.

        image, at: as of VideoSink.write; state: what a run needs to continue after this frame
        """
        self.behind(self.sink.write, image, at)
        self.behind(self.note, state)

    def append(self, packet: av.Packet, state: State) -> None:
        """Add a frame that a worker has encoded. state: what a run needs to continue after this frame"""
        self.behind(self.sink.write_encoded, packet)
        self.behind(self.note, state)

    def note(self, state: State) -> None:
        """Remember the resume point after the last frame; save it every SEGMENT frames. Runs in the second thread."""
        self.latest = Point(self.sink.frames, state)
        if self.sink.frames % SEGMENT == 0:
            self.save()

    def save(self) -> None:
        """Save the notes, with the latest resume point."""
        if self.latest is not None:
            self.notes = replace(self.notes, points=[*self.notes.points, self.latest][-POINTS:])
        self.notes.save(self.files.notes)

    def finish(self, read: int, also: Sequence[tuple[Path, Path]] = (), leftover: Sequence[Path] = ()) -> None:
        """Complete the video, and give it and other files their final names.

        also: (temporary path, final path) of other files, which are complete
        leftover: paths to remove, if they are there

        Raises SegmentationError if the video does not hold the `read` frames that were read.
        """
        self.behind.drain()
        self.sink.close()
        there = count_frames(self.files.partial)
        if there != read:
            raise SegmentationError(f"{self.files.partial} holds {counted(there, 'frame')}, though {read} were read")
        renames = [*also, (self.files.partial, self.files.output)]
        steps: list[Step] = [(os.path.abspath(path), os.path.abspath(target)) for path, target in renames]
        # The notes are the last to go: until then, a run that is killed can be completed.
        steps += [(os.path.abspath(path), None) for path in (*leftover, self.files.old, self.files.notes)]
        self.notes = replace(self.notes, steps=steps)
        self.save()
        do_steps(steps)

    def stop(self) -> None:
        """End the video early, so that it plays and can be resumed.

        If even that fails (the disk is full), the frames on the disk stay.
        """
        try:
            self.behind.drain()
        finally:
            try:
                self.sink.close()
            finally:
                self.tidy()
        if self.notes.steps:
            return
        if self.sink.intra and self.sink.frames > self.done:
            self.save()
        if os.path.lexists(self.files.partial):
            with suppress(SegmentationError):  # on a full disk the notes stay as they are
                replace(self.notes, video=hash_of_file(self.files.partial)).save(self.files.notes)

    @property
    def frames(self) -> int:
        """How many frames the partial video has if the run ends now."""
        return max(self.sink.frames, self.done)

    def tidy(self) -> None:
        """Leave one partial video: the one with more frames. If there are no frames, leave none."""
        if self.sink.frames < self.done:
            os.replace(self.files.old, self.files.partial)
        else:
            self.files.old.unlink(missing_ok=True)
        if not self.frames:
            self.files.partial.unlink(missing_ok=True)
            self.files.notes.unlink(missing_ok=True)


def readable_frames(path: Path) -> int:
    """How many frames a video holds. 0 if it is missing or cannot be read."""
    try:
        return count_frames(path)
    except SegmentationError:
        return 0
