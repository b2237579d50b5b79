"""Annotator: draws the objects onto the frames of a video, in order, and counts them."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from segmentation.drawing.counts import CountsPicture
from segmentation.drawing.draw import Style, caption, draw_instances
from segmentation.drawing.palettes import Color, colors_for
from segmentation.instances import Instances
from segmentation.results.rows import SeenFrame
from segmentation.results.video_results import VideoResults
from segmentation.tracking.crossings import Crossings, foot
from segmentation.tracking.instance_ids import InstanceIds
from segmentation.video.looks import Look, StreamFrame


class Annotator:
    """Draws what the network found onto frames that come in order.

    labels, colors: the name of each class, and the model folder's (B, G, R) colours
    palette: "class" (a colour for each class), "colors" (the model folder's colours) or "instance" (an object keeps its
        colour from frame to frame)
    style: how the objects are drawn
    results: gets each fresh frame; None: there are no results
    state: from `state()` of the run to resume; None: a new run
    crossings: counts the objects that the tracker numbers at lines and zones; None: there are none

    seen: how often each label was seen
    network_frames: how many fresh frames there were
    seconds: what the frames took, by stage; runs: of the network, in these seconds
    """

    def __init__(self, labels: Sequence[str], colors: Sequence[Color], palette: str = "class",
                 style: Optional[Style] = None, results: Optional[VideoResults] = None,
                 state: Optional[dict[str, Any]] = None, crossings: Optional[Crossings] = None):
        state = state or {"ids": None, "last": [], "seen": {}, "network_frames": 0}
        self.labels, self.net_colors, self.palette, self.style = labels, colors, palette, style or Style()
        self.results, self.tracker = results, results.tracker if results else None
        self.crossings = crossings
        self.instance_ids = InstanceIds(state["ids"]) if palette == "instance" and not self.tracker else None
        self.ids: list[int] = state["last"]  # of the objects of the last fresh frame
        self.seen: Counter[str] = Counter(state["seen"])
        self.network_frames: int = state["network_frames"]
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.runs = 0

    def __call__(self, look: Look) -> np.ndarray:
        """The image of the Look with its objects drawn: BGR uint8 (H, W, 3), the same array."""
        if look.fresh:
            self.note(look)
        elif self.crossings:
            self.crossings(look.found, self.ids, fresh=False)
        began = time.perf_counter()
        captions, colors = self.captions(look.found), self.colors(look.found)
        # An object that has left the picture has an empty box.
        shown = np.flatnonzero((look.found.boxes[:, 2:] > look.found.boxes[:, :2]).all(1))
        counts = CountsPicture(self.crossings.boundaries, self.crossings.counts, self.labels,
                               look.image) if self.crossings else None
        draw_instances(look.image, look.found[shown], [captions[i] for i in shown], [colors[i] for i in shown],
                       self.style, counts.rooms if counts else None)
        if counts:
            counts.draw([foot(box) for box in look.found.boxes[shown].tolist()])
        self.add_seconds("draw", time.perf_counter() - began)
        return look.image

    def account(self, frame: StreamFrame) -> None:
        """Add up what a frame took until now."""
        for stage, seconds in frame.seconds.items():
            self.add_seconds(stage, seconds)
        self.runs += frame.runs

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage: decode, network, follow, draw or encode."""
        self.seconds[stage] += seconds

    def note(self, look: Look) -> None:
        """Take a fresh frame: give its objects ids, count them, and pass the frame to the results."""
        give_ids = self.tracker or self.instance_ids
        self.ids = give_ids(look.found) if give_ids else []
        self.count(look.found)
        crossed = self.crossings(look.found, self.ids) if self.crossings else None
        if self.results:
            self.results.add(SeenFrame(look.image, look.found, look.number, float(look.time),
                                       self.ids if self.tracker else None, crossed))

    def count(self, found: Instances) -> None:
        """Count the objects of a fresh frame."""
        self.seen.update(self.labels[class_id] for class_id in found.class_ids)
        self.network_frames += 1

    def captions(self, found: Instances) -> list[str]:
        """The text above each object."""
        return [caption(found, i, self.labels, self.ids[i] if self.tracker else None) for i in range(len(found))]

    def colors(self, found: Instances) -> list[Color]:
        """The (B, G, R) of each object."""
        # What stays the same from frame to frame decides the colour: the id of the object or, without ids, its class.
        has_ids = self.tracker or self.instance_ids
        return colors_for(self.palette, found, self.net_colors, ids=self.ids if has_ids else found.class_ids)

    def count_distinct(self) -> Counter[str]:
        """How many different objects of each class the tracker has seen, by label; empty without --track."""
        distinct: dict[int, int] = self.tracker.count_distinct() if self.tracker else {}
        return Counter({self.labels[class_id]: count for class_id, count in distinct.items()})

    def report_crossings(self) -> list[str]:
        """What was counted at each line and zone so far, as sentences; empty without any."""
        return self.crossings.report(self.labels) if self.crossings else []

    def state(self) -> dict[str, Any]:
        """All that a run needs to continue after this frame, as plain values."""
        # Copies: they are saved later, when the next frames have changed the originals.
        ids = self.tracker.state() if self.tracker else dict(self.instance_ids.state) if self.instance_ids else None
        return {"ids": ids, "last": list(self.ids), "seen": dict(self.seen), "network_frames": self.network_frames,
                **({"crossings": self.crossings.state()} if self.crossings else {}),
                **(self.results.state() if self.results else {})}
