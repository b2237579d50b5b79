"""Frames annotated one after another: the network on every Nth of them, its last result drawn on the others."""

import time
from collections import Counter

from segmentation.drawing.draw import Style, caption, draw_instances
from segmentation.drawing.palettes import colors_for
from segmentation.results.rows import Seen
from segmentation.tracking.instance_ids import InstanceIds


class Annotator:
    """Draws what the network finds onto frames that come in order.

    every: run the network on frames 0, every, 2 * every, ...
    palette: "class" (a colour for each), "colors" (the same, of the model folder's) or "instance" (an object
        keeps its colour from frame to frame)
    style: how they are drawn
    results: VideoResults, which get the Seen of each frame that the network has run on; None: nothing more is
        made of it than the frames
    state: what an earlier part of the run left off with, from `state()`
    seen: how often each label was found; network_frames: on how many frames the network ran
    seconds: of the network and of drawing, in all; runs: of the network, in this part of the run
    """

    def __init__(self, net, every=1, palette="class", style=None, results=None, state=None):
        state = state or {"ids": None, "last": [], "seen": {}, "network_frames": 0}
        self.net, self.every, self.palette, self.style = net, every, palette, style or Style()
        self.results, self.tracker = results, results and results.tracker
        self.number = self.tracker or (InstanceIds(state["ids"]) if palette == "instance" else None)
        self.found, self.ids = None, state["last"]
        self.seen, self.network_frames = Counter(state["seen"]), state["network_frames"]
        self.seconds, self.runs = {"network": 0.0, "draw": 0.0}, 0

    def __call__(self, frame):
        """The frame's image, drawn on: BGR uint8 (H, W, 3), the same array."""
        if frame.number % self.every == 0 or self.found is None:
            self.look(frame)
            self.note(frame)
        began = time.perf_counter()
        draw_instances(frame.image, self.found, self.captions(), self.colors(), self.style)
        self.seconds["draw"] += time.perf_counter() - began
        return frame.image

    def look(self, frame):
        """Run the network on a frame."""
        began = time.perf_counter()
        self.found = self.net(frame.image)
        # A network that ran elsewhere says itself how long it took.
        self.seconds["network"] += getattr(self.net, "seconds", 0) or time.perf_counter() - began
        self.runs += 1

    def note(self, frame):
        """Number, count and pass on what was found."""
        self.ids = self.number(self.found) if self.number else []
        self.count(self.found)
        if self.results:
            self.results.add(Seen(frame.image, self.found, frame.number, time=float(frame.time),
                                  numbers=self.ids if self.tracker else None))

    def count(self, found):
        """Count what the network found on a frame."""
        self.seen.update(self.net.labels[class_id] for class_id in found.class_ids)
        self.network_frames += 1

    def catch_up(self, frame, done):
        """See a frame that an earlier part of the run has drawn already, of `done` such frames."""
        if frame.number == done - done % self.every and done % self.every:
            self.look(frame)  # the frames from `done` on show this one's objects

    def captions(self):
        """What stands above each object found."""
        return [caption(self.found, i, self.net.labels, self.ids[i] if self.tracker else None)
                for i in range(len(self.found))]

    def colors(self):
        """The colour of each object found."""
        # By what stays the same from frame to frame: an object's number or, without one, its class.
        return colors_for(self.palette, self.found, self.net.colors,
                          ids=self.ids if self.number else self.found.class_ids)

    def state(self):
        """All that going on after this frame needs, as plain values."""
        # Copies: it is written down later, when the next frames have changed the originals.
        ids = self.tracker.state() if self.tracker else dict(self.number.state) if self.number else None
        return {"ids": ids, "last": list(self.ids), "seen": dict(self.seen), "network_frames": self.network_frames,
                **(self.results.state() if self.results else {})}
