"""An output video that can be resumed: partial until it is complete.

    NAME.avi                what the user asked for; it appears when every frame is in it
    NAME.partial.avi        the frames so far; it plays
    NAME.partial.avi.json   the options of the run, and its resume points
    NAME.partial.old.avi    while a run is being resumed: the partial video of the earlier run, until it is copied

A resume point is [number of frames, state]: how many frames were written, and what a run needs to continue after them.

    partial = PartialVideo("output/film.avi")
    partial.start({"--every": "3"}, resume=True)
    writer = partial.open(source.size_wh, source.rate)
    for number, image in enumerate(images):
        if number < partial.done:
            writer.copy_frame()
        else:
            writer.write(image, None, state={})
    writer.finish(len(images))
"""

import json
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Optional

import av
import numpy as np
from av.audio.stream import AudioStream

from segmentation import SegmentationError
from segmentation.files import AnyPath, complete_file, reason
from segmentation.threads import WriteBehind
from segmentation.video.sink import SEGMENT, VideoSink, count_frames, encoded_frames
from segmentation.video.source import Sound

POINTS = 4  # how many resume points are saved: a run that was killed may have lost its last frames

State = dict[str, Any]  # plain values that JSON can hold


class Point(NamedTuple):
    """A resume point: how many frames were written, and the state of the run after them."""

    frames: int
    state: State


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

    overwrite: replace files that exist; resume: they may exist, because the run continues them

    done: how many frames of the earlier run are used; 0: a new video
    state: of the earlier run after these frames; None: a new video

    Raises SegmentationError if the output video or a partial one exists and must not be lost.
    """

    def __init__(self, output: AnyPath, overwrite: bool = False, resume: bool = False):
        self.files = PartialFiles.of(output)
        self.options: dict[str, str] = {}
        self.points: list[Point] = []
        self.done = 0
        self.state: Optional[State] = None
        if self.files.output.exists() and not overwrite:
            raise SegmentationError(f"{self.files.output} exists already: name another --output, or add --overwrite")
        if not overwrite and not resume and self.is_there():
            raise SegmentationError(f"{self.files.partial} is left of an earlier run: go on with it by --resume, or "
                                    "start over by --overwrite")

    def is_there(self) -> bool:
        """Whether an earlier run has left a partial video."""
        return self.files.partial.exists() or self.files.old.exists()

    def start(self, options: dict[str, str], resume: bool = False) -> None:
        """Set the options that the frames depend on. With `resume`, use the partial video of the earlier run.

        options: plain values by name. If there is no earlier run, the video is a new one.

        Raises SegmentationError that names the options that differ from those of the earlier run.
        """
        self.options = options
        if resume and self.files.notes.exists():
            self.find_point()
        elif resume and self.is_there():
            raise SegmentationError(f"cannot resume {self.files.partial}: its {self.files.notes.name} is missing; "
                                    "start over by --overwrite")

    def find_point(self) -> None:
        """Set `done` and `state` to the last resume point whose frames are all there."""
        points = self.read_notes()
        # A run that was killed while it copied the frames of an earlier run has left two partial videos.
        there, more = readable_frames(self.files.old), readable_frames(self.files.partial)
        if more > there:
            there = more
            try:
                os.replace(self.files.partial, self.files.old)
            except OSError as error:
                raise SegmentationError(f"cannot resume {self.files.partial}: {reason(error)}") from error
        self.points = [point for point in points if point.frames <= there]
        if self.points:
            self.done, self.state = self.points[-1]

    def read_notes(self) -> list[Point]:
        """The resume points of the earlier run.

        Raises SegmentationError if its notes are broken or its options differ.
        """
        try:
            notes = json.loads(self.files.notes.read_text(encoding="utf-8"))
            before, points = notes["options"], notes["points"]
        except (OSError, ValueError, KeyError) as error:
            raise SegmentationError(f"cannot resume: {self.files.notes} is broken; start over by "
                                    "--overwrite") from error
        changed = [f"{name} was {before.get(name)}, now {value}" for name, value in self.options.items()
                   if before.get(name) != value]
        if changed:
            raise SegmentationError(f"cannot resume {self.files.partial}, which was made with other options: "
                                    f"{'; '.join(changed)}")
        return [Point(frames, state) for frames, state in points]

    def open(self, size_wh: tuple[int, int], rate: Fraction, sound: Sequence[AudioStream] = ()) -> "PartialWriter":
        """A writer of the video. Its first `done` frames must be copied with `copy_frame`.

        size_wh, rate, sound: as of VideoSink

        Raises SegmentationError if the file cannot be written.
        """
        path = self.files.partial
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sink = VideoSink(path, size_wh, rate, sound)
        except (av.error.FFmpegError, OSError) as error:
            path.unlink(missing_ok=True)
            raise SegmentationError(f"cannot write {path}: {reason(error)}") from error
        return PartialWriter(self.files, sink, self.options, self.points, self.done)


class PartialWriter:
    """Writes a partial video. A second thread encodes the frames and writes the file.

    files: its paths; sink: what the frames and sound are written to
    options: of the run, to be saved with the resume points
    points, done: of the earlier run
    """

    def __init__(self, files: PartialFiles, sink: VideoSink, options: dict[str, str], points: Sequence[Point],
                 done: int):
        self.files, self.sink, self.options, self.done = files, sink, options, done
        self.points = list(points)
        self.latest: Optional[Point] = None
        self.save()
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
        """Save the options and the last resume points, with the latest one."""
        if self.latest is not None:
            self.points = [*self.points, self.latest][-POINTS:]
        with complete_file(self.files.notes) as temporary:
            temporary.write_text(json.dumps({"options": self.options, "points": self.points}), encoding="utf-8")

    def finish(self, read: int) -> None:
        """Complete the video and give it its final name.

        Raises SegmentationError if it does not hold the `read` frames that were read.
        """
        self.behind.drain()
        self.sink.close()
        there = count_frames(self.files.partial)
        if there != read:
            raise SegmentationError(f"{self.files.partial} holds {there} frames, though {read} were read")
        os.replace(self.files.partial, self.files.output)
        for leftover in (self.files.notes, self.files.old):
            leftover.unlink(missing_ok=True)

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
        if self.sink.intra and self.sink.frames > self.done:
            self.save()

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
