"""A video that takes hours to write: partial until it is complete, and gone on with after a stop.

    NAME.avi                what the user asked for; appears when every frame is in it
    NAME.partial.avi        what is there so far; plays
    NAME.partial.avi.json   the options of the run, and the points from which it can go on
    NAME.partial.old.avi    while a run is being resumed: the part before, until it is copied
"""

import json
import os
from pathlib import Path

import av

from segmentation import SegmentationError
from segmentation.files import complete_file, reason
from segmentation.threads import WriteBehind
from segmentation.video.sink import SEGMENT, VideoSink, count_frames, encoded_frames

POINTS = 4  # how many points to go on from are kept: a killed run may have lost its last frames


class PartialVideo:
    """A video under way to `output`.

    done: how many frames of an earlier run are there already; `state` is what was noted with them

    Raises SegmentationError where something stands in the way that must not be lost.
    """

    def __init__(self, output, overwrite=False, resume=False):
        self.output = Path(output)
        self.path = self.output.with_suffix(f".partial{self.output.suffix}")
        self.notes = self.path.with_name(f"{self.path.name}.json")
        self.old = self.output.with_suffix(f".partial.old{self.output.suffix}")
        self.options, self.points, self.done, self.state = {}, [], 0, None
        self.sink, self.behind, self.kept, self.latest = None, None, None, None
        if self.output.exists() and not overwrite:
            raise SegmentationError(f"{self.output} exists already: name another --output, or add --overwrite")
        if not overwrite and not resume and (self.path.exists() or self.old.exists()):
            raise SegmentationError(f"{self.path} is left of an earlier run: go on with it by --resume, or start "
                                    "over by --overwrite")

    def start(self, options, resume=False):
        """Note the options that decide the frames (plain values by name); with `resume`, go on where the
        earlier run left off, if there is one.

        Raises SegmentationError naming the options that differ from the earlier run's.
        """
        self.options = options
        if resume and self.notes.exists():
            self.find_point()
        elif resume and (self.path.exists() or self.old.exists()):
            raise SegmentationError(f"cannot resume {self.path}: its {self.notes.name} is missing; start over by "
                                    "--overwrite")

    def find_point(self):
        """Set `done` and `state` to the last point that the earlier run can be gone on with from."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            before, points = notes["options"], notes["points"]
        except (OSError, ValueError, KeyError) as error:
            raise SegmentationError(f"cannot resume: {self.notes} is broken; start over by --overwrite") from error
        changed = [f"{name} was {before.get(name)}, now {value}" for name, value in self.options.items()
                   if before.get(name) != value]
        if changed:
            raise SegmentationError(f"cannot resume {self.path}, which was made with other options: "
                                    f"{'; '.join(changed)}")
        # Killed while it was being resumed, a run has left two parts.
        there, more = readable_frames(self.old), readable_frames(self.path)
        if more > there:
            there = more
            try:
                os.replace(self.path, self.old)
            except OSError as error:
                raise SegmentationError(f"cannot resume {self.path}: {reason(error)}") from error
        self.points = [point for point in points if point[0] <= there]
        if self.points:
            self.done, self.state = self.points[-1]

    def open(self, size_wh, rate, sound=()):
        """Start to write; `done` frames are to be kept first. The VideoSink that it writes to."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.sink = VideoSink(self.path, size_wh, rate, sound)
        except (av.error.FFmpegError, OSError) as error:
            self.path.unlink(missing_ok=True)
            raise SegmentationError(f"cannot write {self.path}: {reason(error)}") from error
        self.save()
        self.kept = encoded_frames(self.old) if self.done else iter(())
        self.behind = WriteBehind()
        return self.sink

    def keep(self):
        """Take the next frame from what was there."""
        self.behind(lambda: self.sink.keep(next(self.kept)))

    @property
    def seconds(self):
        """How long encoding and writing took so far."""
        return self.behind.seconds if self.behind else 0.0

    def write_sound(self, sound):
        self.behind(self.sink.write_sound, sound)

    def write(self, image, at, state):
        """Add a frame; `state` is what going on after it would need (a JSON value)."""
        self.behind(self.sink.write, image, at)
        self.behind(self.note, state)

    def append(self, packet, state):
        """Add a frame that a worker has encoded, as `write` adds one to be encoded."""
        self.behind(self.sink.keep, packet)
        self.behind(self.note, state)

    def note(self, state):
        """Remember the point after the last frame, now and then for good. Runs in the writing thread."""
        self.latest = [self.sink.frames, state]
        if self.sink.frames % SEGMENT == 0:
            self.points = [*self.points, self.latest][-POINTS:]
            self.save()

    def save(self):
        with complete_file(self.notes) as temporary:
            temporary.write_text(json.dumps({"options": self.options, "points": self.points}), encoding="utf-8")

    def finish(self, read):
        """Complete the video under its final name; SegmentationError where it has not the `read` frames in it."""
        self.behind.drain()
        self.sink.close()
        there = count_frames(self.path)
        if there != read:
            raise SegmentationError(f"{self.path} holds {there} frames, though {read} were read")
        os.replace(self.path, self.output)
        for leftover in (self.notes, self.old):
            leftover.unlink(missing_ok=True)

    def stop(self):
        """End the run here and keep what there is; how many frames that is.

        The video is finished, so that it plays. Where even that fails (a full disk), what is on the disk stays.
        """
        try:
            self.behind.drain()
        finally:
            try:
                self.sink.close()
            finally:
                self.tidy()
        if self.sink.intra and self.sink.frames > self.done:
            self.points = [*self.points, self.latest][-POINTS:]
            self.save()
        return self.frames

    @property
    def frames(self):
        """How many frames are kept where the run ends now."""
        return max(self.sink.frames, self.done)

    def tidy(self):
        """Leave one partial video: the one with more frames, none where there are none."""
        if self.sink.frames < self.done:
            os.replace(self.old, self.path)
        else:
            self.old.unlink(missing_ok=True)
        if not self.frames:
            self.path.unlink(missing_ok=True)
            self.notes.unlink(missing_ok=True)


def readable_frames(path):
    """How many frames a video holds; 0 where it is missing or was killed before it had one."""
    try:
        return count_frames(path)
    except SegmentationError:
        return 0
