"""Crossings: counts the objects of a video that cross lines and the edges of zones, by their numbers.

    crossings = Crossings([Line("gate", ((0, 180), (640, 180)))], patience=30, lasting=5)
    for found, numbers in frames:
        crossings(found, numbers, fresh=True)          # [["gate in"], []]: of each object in the frame
    crossings.counts[0]                                # {0: Count(into=1, out=0, objects=0, inside=0)}: by class_id

What is followed is the middle of the lower edge of an object's box: there it stands on the ground. An object counts
once it is beyond the line by a margin, so that one that swings on the line is not counted again and again.

supervision's LineZone and PolygonZone, which --track brings along, are not used: they keep what they know of an object
to themselves, so that a stopped run could not go on with it; LineZone forgets an object that is not found for two
frames, and counts by the side alone, so that one that walks round the end of a line and comes near it is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Optional

from segmentation.instances import Instances
from segmentation.tracking.boundaries import Boundary, Point
from segmentation.wording import counted

MARGIN = 0.1  # of an object's size, the root of its box's area
LEAST_MARGIN = 1.0  # pixels


class Count(NamedTuple):
    """The objects of one class at a line or zone.

    into, out: how many times one crossed it in this direction
    objects: how many different ones were in the zone; inside: how many are in it now. 0 at a line
    """

    into: int = 0
    out: int = 0
    objects: int = 0
    inside: int = 0


@dataclass(frozen=True)
class Stand:
    """Where an object stands at a line or zone.

    side: the side that it was last on beyond the margin, or was first seen on; true: the one that "in" leads to
    now: the side that it is on
    crossed: whether its last way to the other side led through the line, not past its ends
    looks: on how many fresh frames it was in the zone; counted: whether it is one of the zone's objects
    """

    side: bool
    now: bool
    crossed: bool = False
    looks: int = 0
    counted: bool = False

    @classmethod
    def first(cls, boundary: Boundary, at: Point) -> "Stand":
        """That of an object that is seen for the first time."""
        side = boundary.distance(*at) >= 0
        return cls(side, side)

    def after(self, boundary: Boundary, was: Point, at: Point, margin: float) -> "Stand":
        """The Stand after the object has moved from `was` to `at`."""
        distance = boundary.distance(*at)
        now = distance >= 0
        crossed = self.crossed if now == self.now else boundary.is_crossed(was, at)
        return replace(self, side=now if abs(distance) > margin else self.side, now=now, crossed=crossed)

    def in_zone(self, came: bool, fresh: bool, lasting: int) -> "Stand":
        """The Stand at a zone whose objects are counted, see Crossings. came: whether it has crossed the edge now"""
        looks = self.looks + (self.side and fresh)
        return replace(self, looks=looks, counted=self.counted or (self.side and (came or looks >= lasting)))


@dataclass(frozen=True)
class Known:
    """What is remembered of an object.

    frame: the last one that showed it; at: where it stood then
    stands: its Stand at each line and zone
    waiting: its crossings since the last fresh frame that showed it
    """

    frame: int
    at: Point
    stands: tuple[Stand, ...]
    waiting: tuple[str, ...] = ()


class Crossings:
    """Counts what crosses lines and zones, from frame to frame.

    patience: frames for which an object that is not seen is remembered
    lasting: an object is one of a zone's if it was seen to come in, or if so many fresh frames show it in there
    state: from `state()` of an earlier part of the run; None: a new run

    counts: {class_id: Count} of each line and zone
    """

    def __init__(self, boundaries: Sequence[Boundary], patience: int, lasting: int,
                 state: Optional[dict[str, Any]] = None):
        self.boundaries, self.patience, self.lasting = boundaries, patience, lasting
        state = state or {"frame": 0, "counts": [[] for _ in boundaries], "known": []}
        self.frame: int = state["frame"]
        self.counts = [{class_id: Count(*values) for class_id, *values in group} for group in state["counts"]]
        self.known = {number: Known(frame, (x, y), tuple(Stand(*values) for values in stands), tuple(waiting))
                      for number, frame, x, y, stands, waiting in state["known"]}

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs to continue after this frame, as plain values."""
        return {"frame": self.frame,
                "counts": [[[class_id, *count] for class_id, count in group.items()] for group in self.counts],
                "known": [[number, known.frame, *known.at, [[*vars(stand).values()] for stand in known.stands],
                           list(known.waiting)] for number, known in self.known.items()]}

    def __call__(self, found: Instances, numbers: Sequence[int], fresh: bool = True) -> list[list[str]]:
        """Count on the next frame. Of a fresh one: the crossings of each object, such as ["gate in"].

        They are those since the last fresh frame that showed the object: it may have crossed on a frame between.

        found: the objects of the frame; one with an empty box has left the picture
        numbers: the number of each
        fresh: whether the network saw the frame
        """
        self.frame += 1
        self.known = {number: known for number, known in self.known.items()
                      if self.frame - known.frame <= self.patience}
        # What was once seen in a zone for a moment, and was not counted, leaves no row.
        self.counts = [{class_id: count._replace(inside=0) for class_id, count in group.items() if any(count[:3])}
                       for group in self.counts]
        for box, class_id, number in zip(found.boxes.tolist(), found.class_ids.tolist(), numbers):
            if box[0] < box[2] and box[1] < box[3]:
                self.step(number, class_id, box, fresh)
        return [self.take(number) for number in numbers] if fresh else []

    def report(self, labels: Sequence[str]) -> list[str]:
        """What was counted so far, as sentences such as "gate: person: 2 in, 3 out": by class, the most first."""
        said = []
        for boundary, counts in zip(self.boundaries, self.counts):
            for class_id, count in sorted(counts.items(), key=lambda entry: -entry[1].into - entry[1].out):
                zone = f", {counted(count.objects, 'object')}, {count.inside} inside at the end"
                said.append(f"{boundary.name}: {labels[class_id]}: {count.into} in, {count.out} out"
                            f"{zone if boundary.closed else ''}")
            if not counts:
                said.append(f"{boundary.name}: nothing {'was in it' if boundary.closed else 'crossed it'}")
        return said

    def step(self, number: int, class_id: int, box: Sequence[int], fresh: bool) -> None:
        """Take the place of an object on this frame."""
        at, known = foot(box), self.known.get(number)
        stands, waiting = [], list(known.waiting) if known else []
        for place, boundary in enumerate(self.boundaries):
            old = known.stands[place] if known else Stand.first(boundary, at)
            stand = old.after(boundary, known.at if known else at, at, margin_of(box))
            came = stand.side != old.side and stand.crossed
            if came:
                waiting.append(f"{boundary.name} {'in' if stand.side else 'out'}")
            if boundary.closed:
                stand = stand.in_zone(came, fresh, self.lasting)
            self.add(place, class_id, Count(came and stand.side, came and not stand.side,
                                            stand.counted and not old.counted, boundary.closed and stand.side))
            stands.append(stand)
        self.known[number] = Known(self.frame, at, tuple(stands), tuple(waiting))

    def add(self, place: int, class_id: int, more: Count) -> None:
        """Add to the counts of a class at a line or zone."""
        if any(more):
            count = self.counts[place].get(class_id, Count())
            self.counts[place][class_id] = Count(*(a + b for a, b in zip(count, more)))

    def take(self, number: int) -> list[str]:
        """The crossings of an object that wait for a fresh frame. They wait no longer."""
        known = self.known[number]
        self.known[number] = replace(known, waiting=())
        return list(known.waiting)


def foot(box: Sequence[float]) -> Point:
    """The middle of the lower edge of a box x0, y0, x1, y1.

    >>> foot([10, 20, 30, 90])
    (20.0, 90.0)
    """
    return (box[0] + box[2]) / 2, float(box[3])


def margin_of(box: Sequence[float]) -> float:
    """How far an object must be beyond a line to be on its other side, in pixels.

    >>> margin_of([10, 20, 50, 110])
    6.0
    """
    x0, y0, x1, y1 = box
    return max(LEAST_MARGIN, MARGIN * ((x1 - x0) * (y1 - y0)) ** 0.5)
