"""Frames annotated one after another: the network on every Nth of them, its last result drawn on the others."""

import time
from collections import Counter

from segmentation.draw import draw_instances
from segmentation.tracks import InstanceIds, class_colors, id_color


class Annotator:
    """Draws what the network finds onto frames that come in order.

    every: run the network on frames 0, every, 2 * every, ...
    color_by: "class" (each its own) or "instance" (an object keeps its colour from frame to frame)
    paste: threshold and interpolation of the masks
    state: what an earlier part of the run left off with, from `state()`
    seen: how often each label was found; network_frames: on how many frames the network ran
    seconds: of the network and of drawing, in all; runs: of the network, in this part of the run
    """

    def __init__(self, net, every=1, color_by="class", paste=None, state=None):
        state = state or {"ids": None, "last": [], "seen": {}, "network_frames": 0}
        self.net, self.every, self.by_instance, self.paste = net, every, color_by == "instance", paste or {}
        self.class_colors, self.instance_ids = class_colors(len(net.labels)), InstanceIds(state["ids"])
        self.found, self.ids = None, state["last"]
        self.seen, self.network_frames = Counter(state["seen"]), state["network_frames"]
        self.seconds, self.runs = {"network": 0.0, "draw": 0.0}, 0

    def __call__(self, frame):
        """The frame's image, drawn on: BGR uint8 (H, W, 3), the same array."""
        if frame.number % self.every == 0 or self.found is None:
            self.look(frame)
            self.ids = self.instance_ids(self.found) if self.by_instance else []
            self.count(self.found)
        began = time.perf_counter()
        draw_instances(frame.image, self.found, self.net.labels, self.colors(), **self.paste)
        self.seconds["draw"] += time.perf_counter() - began
        return frame.image

    def look(self, frame):
        """Run the network on a frame."""
        began = time.perf_counter()
        self.found = self.net(frame.image)
        # A network that ran elsewhere says itself how long it took.
        self.seconds["network"] += getattr(self.net, "seconds", 0) or time.perf_counter() - began
        self.runs += 1

    def count(self, found):
        """Count what the network found on a frame."""
        self.seen.update(self.net.labels[class_id] for class_id in found.class_ids)
        self.network_frames += 1

    def catch_up(self, frame, done):
        """See a frame that an earlier part of the run has drawn already, of `done` such frames."""
        if frame.number == done - done % self.every and done % self.every:
            self.look(frame)  # the frames from `done` on show this one's objects

    def colors(self):
        """The colour of each object found."""
        if self.by_instance:
            return [id_color(number) for number in self.ids]
        return [self.class_colors[class_id] for class_id in self.found.class_ids]

    def state(self):
        """All that going on after this frame needs, as plain values."""
        # A copy: it is written down later, when the next frames have changed the original.
        return {"ids": dict(self.instance_ids.state) if self.by_instance else None, "last": self.ids,
                "seen": dict(self.seen), "network_frames": self.network_frames}
