"""Frames drawn on: Annotator takes the Looks of a video in order, draws them, and counts what they show."""

import time
from collections import Counter
from typing import Optional

import numpy as np

from segmentation.drawing.draw import Style, caption, draw_instances
from segmentation.drawing.palettes import colors_for
from segmentation.instances import Instances
from segmentation.results.outputs import VideoResults
from segmentation.results.rows import SeenFrame
from segmentation.tracking.instance_ids import InstanceIds
from segmentation.video.looks import Look


class Annotator:
    """Draws what the network found onto frames that come in order.

    labels, colors: of the network's classes: names, and the model folder's (B, G, R)
    palette: "class" (a colour for each), "colors" (the same, of the model folder's) or "instance" (an object
        keeps its colour from frame to frame)
    style: how they are drawn
    results: what gets each frame that the network saw, None where nobody does
    state: what an earlier part of the run left off with, from `state()`

    seen: how often each label was found; network_frames: on how many frames the network ran
    seconds: by stage, of all Looks accounted for; runs: of the network, in this part of the run
    """

    def __init__(self, labels: list, colors: list, palette: str = "class", style: Optional[Style] = None,
                 results: Optional[VideoResults] = None, state: Optional[dict] = None):
        state = state or {"ids": None, "last": [], "seen": {}, "network_frames": 0}
        self.labels, self.net_colors, self.palette, self.style = labels, colors, palette, style or Style()
        self.results, self.tracker = results, results.tracker if results else None
        self.instance_ids = InstanceIds(state["ids"]) if palette == "instance" and not self.tracker else None
        self.ids = state["last"]
        self.seen, self.network_frames = Counter(state["seen"]), state["network_frames"]
        self.seconds: Counter = Counter()
        self.runs = 0

    def __call__(self, look: Look) -> np.ndarray:
        """The Look's image with its objects drawn: BGR uint8 (H, W, 3), the same array."""
        if look.fresh:
            self.note(look)
        began = time.perf_counter()
        draw_instances(look.image, look.found, self.captions(look.found), self.colors(look.found), self.style)
        self.seconds["draw"] += time.perf_counter() - began
        return look.image

    def account(self, look: Look) -> None:
        """Add up what a Look took."""
        self.seconds.update(look.seconds)
        self.runs += look.runs

    def note(self, look: Look) -> None:
        """Number, count and pass on what was found."""
        number = self.tracker or self.instance_ids
        self.ids = number(look.found) if number else []
        self.count(look.found)
        if self.results:
            self.results.add(SeenFrame(look.image, look.found, look.number, float(look.time),
                                        self.ids if self.tracker else None))

    def count(self, found: Instances) -> None:
        """Count what the network found on a frame."""
        self.seen.update(self.labels[class_id] for class_id in found.class_ids)
        self.network_frames += 1

    def captions(self, found: Instances) -> list:
        """The text above each object."""
        return [caption(found, i, self.labels, self.ids[i] if self.tracker else None) for i in range(len(found))]

    def colors(self, found: Instances) -> list:
        """The (B, G, R) of each object."""
        # By what stays the same from frame to frame: an object's number or, without one, its class.
        numbered = self.tracker or self.instance_ids
        return colors_for(self.palette, found, self.net_colors, ids=self.ids if numbered else found.class_ids)

    def count_distinct(self) -> Counter:
        """How many different objects of each class the tracker has numbered, by label; empty without it."""
        distinct = self.tracker.count_distinct() if self.tracker else {}
        return Counter({self.labels[class_id]: count for class_id, count in distinct.items()})

    def state(self) -> dict:
        """All that going on after this frame needs, as plain values."""
        # Copies: it is written down later, when the next frames have changed the originals.
        ids = self.tracker.state() if self.tracker else dict(self.instance_ids.state) if self.instance_ids else None
        return {"ids": ids, "last": list(self.ids), "seen": dict(self.seen), "network_frames": self.network_frames,
                **(self.results.state() if self.results else {})}
