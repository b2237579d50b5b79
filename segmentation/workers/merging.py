"""What workers made of a run's videos, joined in order: Spread, and SpreadVideo, one video's part in it.

    with Spread(workers, net, jobs, open_video) as spread:
        for job in jobs:
            video = spread.video(job)
            video.process(...)          # in place of the loop that does all in this process

Chunks are given out ahead of what is joined, across the ends of videos, so that workers have work to the last.
With colours by class, workers draw and encode, and frames are appended as they come. Colours by instance are
decided in the order of the frames, so there workers only look, and this process decodes, draws and encodes.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Optional

import av

from segmentation import SegmentationError
from segmentation.terminal import info
from segmentation.threads import ReadAhead
from segmentation.video.sink import Coding, FrameTimes
from segmentation.video.source import Frame
from segmentation.workers.chunks import CannotCut, PacketIndex, chunk_size, cut, read_chunks
from segmentation.workers.processes import Drawing, in_order


@dataclass(frozen=True)
class Piece:
    """A step in a video's joining: its chunk with the sound before its end, or, without one, an event.

    The first says that the video is open, or with which error it is not; the last holds the rest of the sound.
    """

    video: "SpreadVideo"
    job: Optional[tuple] = None
    sound: list = field(default_factory=list)
    error: Optional[Exception] = None

    @property
    def name(self):
        return self.video.args.input


class Spread:
    """All videos of a run on their way through the workers.

    workers: see segmentation/workers/processes.py; net: a FoundElsewhere
    jobs: the options of each video, in order; open_video: options -> (VideoSource, PartialVideo), ready to begin
    stop: the StopSignals in force, or None
    """

    def __init__(self, workers, net, jobs, open_video):
        self.workers, self.net, self.open_video = workers, net, open_video
        self.stop, self.closed, self.ahead = None, False, None
        workers.stopped = self.stopped
        pieces = (piece for args in jobs for piece in SpreadVideo(self, args).pieces())
        self.parts = ReadAhead(in_order(workers, pieces, self.stopped), stopped=self.stopped, depth=1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True
        self.parts.close()

    def stopped(self):
        return self.closed or (self.stop is not None and self.stop.number is not None)

    def next(self, video=None):
        """The next (piece, Part), of that video if one is given; None where there is none (any more)."""
        entry, self.ahead = self.ahead or next(self.parts, None), None
        if entry is not None and video is not None and entry[0].video is not video:
            self.ahead, entry = entry, None
        return entry

    def video(self, args):
        """The SpreadVideo of those options, open; what stood against opening it is raised."""
        while (entry := self.next()) is not None:
            piece, _ = entry
            if piece.video.args is args:
                if piece.error is not None:
                    raise piece.error
                return piece.video
            piece.video.given_up = True
        raise KeyboardInterrupt  # stopped before its turn


class SpreadVideo:
    """One video that is done by workers."""

    def __init__(self, spread, args):
        self.spread, self.args, self.given_up = spread, args, False
        # Shown frames, colours and numbers that depend on the frames before, and results that need the picture
        # need this process to draw.
        self.draws_here = (args.palette == "instance" or args.show or args.track or args.timeline or args.json
                           or args.csv or args.cutouts or args.masks)

    def pieces(self):
        """Every Piece of the video, in order, its chunks read as they are asked for."""
        if self.spread.stopped():
            return
        try:
            self.source, self.partial = self.spread.open_video(self.args)
        except SegmentationError as error:
            yield Piece(self, error=error)
            return
        try:
            self.index = PacketIndex(self.source)
            size = chunk_size(len(self.index) - self.partial.done, self.spread.workers.size, self.args.every)
            chunks = read_chunks(self.index, cut(self.index, size, self.partial.done, self.args.every))
        except (CannotCut, SegmentationError) as error:
            self.source.__exit__()
            yield Piece(self, error=error)
            return
        yield Piece(self)
        try:
            yield from self.chunk_pieces(chunks)
        except (CannotCut, SegmentationError) as error:
            yield Piece(self, error=error)

    def chunk_pieces(self, chunks):
        how = self.args.every, self.args.palette, self.args.style
        coding, times = Coding.of(self.args.output.suffix, self.source.size_wh, self.rate), self.times()
        for _ in range(self.partial.done):
            next(times)
        for chunk, sound in chunks:
            if self.given_up:
                return
            if chunk is None:
                yield Piece(self, None, sound)
            elif self.draws_here:
                yield Piece(self, (chunk, Drawing(*how)), sound)
            else:
                own = tuple(next(times) for _ in range(chunk.first, chunk.last))
                yield Piece(self, (chunk, Drawing(*how, coding, own)), sound)

    @property
    def rate(self):
        return self.args.fps or self.source.rate

    def times(self):
        """The time of each frame in the result, in the units of its Coding."""
        time_of = FrameTimes(Coding.of(self.args.output.suffix, self.source.size_wh, self.rate))
        for number in range(len(self.index)):
            yield time_of(number, None if self.args.fps else self.index.seconds(number))

    def parts(self):
        """(piece, Part) of the video's further pieces, until its last or until the run is stopped."""
        while (entry := self.spread.next(self)) is not None:
            piece, part = entry
            error = part if isinstance(part, Exception) else piece.error
            if error is not None:
                self.given_up = True
                raise error
            yield piece, part

    def join(self, video, annotate, progress):
        """Append every frame as workers encoded it, and the sound; (frames, seconds of decoding)."""
        sound, read, decoding = deque(), 0, 0.0

        def sound_until(number):
            while sound and (number is None or sound[0].time <= self.index.seconds(number)):
                video.write_sound(sound.popleft())
        for piece, part in self.parts():
            sound.extend(piece.sound)
            while read < video.done:
                sound_until(read)
                video.keep()
                read += 1
            if part is None:
                sound_until(None)
                continue
            self.account(part, annotate, video)
            decoding += part.seconds.get("decode", 0)
            for number, entry in enumerate(part.frames, part.first):
                sound_until(number)
                found = part.found.get(number)
                if found is not None:
                    annotate.count(found)
                video.append(packet_of(entry, video.sink.coding), annotate.state())
                progress.step()
                read += 1
        self.index.notice_trouble()
        return read, decoding

    def account(self, part, annotate, video):
        """Add up where the workers' time went; after the first part, say how long it will take."""
        for stage in annotate.seconds:
            annotate.seconds[stage] += part.seconds.get(stage, 0)
        video.behind.seconds += part.seconds.get("encode", 0)
        annotate.runs += len(part.found)
        if part.first == video.done and part.found:
            workers, frames = self.spread.workers.size, len(self.index) - video.done
            seconds = annotate.seconds["network"] / annotate.runs
            info(f"single frame took {seconds:.4f} seconds, on each of {workers} workers")
            info(f"estimated total time to finish: {seconds * frames / annotate.every / workers:.4f}")

    def looked_at(self):
        """The source with its frames given once their Instances are there, for this process to draw."""
        return LookedAt(self)


class LookedAt:
    """A VideoSource whose frames come when the workers have looked at them."""

    def __init__(self, video):
        self.video, self.last = video, -1
        source = video.source
        self.live, self.name, self.frames = source.live, source.name, len(video.index)

    def items(self):
        every, done = self.video.args.every, self.video.partial.done
        parts, found = self.video.parts(), self.video.spread.net.found
        found.clear()
        for item in self.video.source.items():
            if isinstance(item, Frame) and item.number % every == 0 and item.number >= done - done % every:
                while self.last < item.number:
                    entry = next(parts, None)
                    if entry is None and self.video.spread.stopped():
                        return
                    if entry is None:
                        raise CannotCut("it has more frames than its packets say")
                    self.take(entry[1], found)
            yield item

    def take(self, part, found):
        """Note what a Part found; the last piece of a video has none."""
        if part is not None:
            # A chunk that begins between two frames seen by the network repeats the first of them.
            new = {number: instances for number, instances in part.found.items() if number > self.last}
            seconds = part.seconds["network"] / max(len(part.found), 1) / self.video.spread.workers.size
            found.update((number, (instances, seconds)) for number, instances in new.items())
            self.last = max([self.last, *new])


class FoundElsewhere:
    """Stands for the network where workers run it: it gives what they found, frame after frame.

    labels, colors, weights: as MaskRCNN's
    found: frame number -> (Instances, seconds) of frames to come
    seconds: that the network took for the last frame, divided by the number of workers
    """

    def __init__(self, labels, colors, weights):
        self.labels, self.colors, self.weights, self.found, self.seconds = labels, colors, weights, {}, 0.0

    def __call__(self, image):
        instances, self.seconds = self.found.pop(min(self.found))
        return instances


def packet_of(entry, coding):
    """An encoded frame as it came from a worker, as a packet."""
    data, pts, dts, duration, key = entry
    packet = av.Packet(data)
    packet.time_base, packet.pts, packet.dts, packet.is_keyframe = coding.time_base, pts, dts, key
    if duration:
        packet.duration = duration
    return packet
