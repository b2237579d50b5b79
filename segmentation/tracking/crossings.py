"""Crossings: counts the objects of a video that cross lines and the edges of zones, by their numbers.

    crossings = Crossings([Line("gate", ((0, 180), (640, 180)))], patience=30, lasting=5)
    for found, numbers in frames:
        crossings(found, numbers, fresh=True)          # [["gate in"], []]: of each object in the frame
    crossings.counts[0]                                # {0: Count(into=1, out=0, objects=0, inside=0)}: by class_id

What is followed is the middle of the lower edge of an object's box: there it stands on the ground. An object has
crossed when it was surely on one side and then is surely on the other: beyond the line by a margin, in two looks in a
row. So one that swings on the line is not counted again and again, nor one whose box is wrong in a single look.

supervision's LineZone and PolygonZone, which --track brings along, are not used: they keep what they know of an object
to themselves, so that a stopped run could not go on with it. LineZone forgets an object that is not found for a few
frames, and counts by the side alone, so that one that walks round the end of a line and comes near it is counted. Of
the crossings below it missed 105 and counted 52 too many, by feet and with three frames in a row, its best here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Optional

from segmentation.instances import Instances
from segmentation.tracking.boundaries import Boundary, Point
from segmentation.wording import counted

# Of an object's size, the root of its box's area. In real clips of cars and of runners, half of the demo graph's boxes
# stand 0.02 to 0.04 of it or more beside their smoothed way, and one in ten 0.12 to 0.16. Of 339 crossings of 200 lines
# over these clips (by the smoothed ways), these rules miss 21 and count 35 too many; with no margin and one look it is
# 1 and 386, with a margin of 0.1 and one look 11 and 94.
MARGIN = 0.07
SURE = 0.5  # of its size: so far beyond a line one look is enough
LOOKS = 2  # in a row that must show an object beyond the margin
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
    """Where an object stands at a line or zone. Sides are true for the one that "in" leads to.

    now: the side that it is on
    side: the last one that it was surely on; None: not yet any
    beyond: how many looks in a row have shown it beyond the margin on the side that it is on
    crossed: whether its last way to the other side led through the line, not past its ends
    inside: on how many fresh frames it was in the zone; counted: whether it is one of the zone's objects
    """

    now: bool
    side: Optional[bool] = None
    beyond: int = 0
    crossed: bool = False
    inside: int = 0
    counted: bool = False

    @property
    def is_in(self) -> bool:
        """Whether it is on the side that "in" leads to, as far as one knows."""
        return self.now if self.side is None else self.side

    def after(self, boundary: Boundary, was: Point, at: Point, size: float, fresh: bool) -> "Stand":
        """The Stand after the object has moved from `was` to `at`. size: of the object; fresh: by a look at it"""
        distance = boundary.distance(*at)
        now, crossed, beyond = distance >= 0, self.crossed, self.beyond
        if now != self.now:
            crossed, beyond = boundary.is_crossed(was, at), 0
        # Where it was moved to by the flow, it is by the look before; only another look makes it surer.
        beyond = max(1, beyond + fresh) if abs(distance) > max(LEAST_MARGIN, MARGIN * size) else 0
        sure = beyond >= LOOKS or (beyond > 0 and abs(distance) > SURE * size)
        return replace(self, now=now, side=now if sure else self.side, beyond=beyond, crossed=crossed)

    def in_zone(self, came: bool, fresh: bool, lasting: int) -> "Stand":
        """The Stand at a zone whose objects are counted, see Crossings. came: whether it has crossed the edge now"""
        inside = self.inside + (self.is_in and fresh)
        return replace(self, inside=inside, counted=self.counted or (self.is_in and (came or inside >= lasting)))


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
        at, size, known = foot(box), size_of(box), self.known.get(number)
        stands, waiting = [], list(known.waiting) if known else []
        for place, boundary in enumerate(self.boundaries):
            old = known.stands[place] if known else Stand(boundary.distance(*at) >= 0)
            stand = old.after(boundary, known.at if known else at, at, size, fresh)
            came = old.side is not None and stand.side != old.side and stand.crossed
            if came:
                waiting.append(f"{boundary.name} {'in' if stand.side else 'out'}")
            if boundary.closed:
                stand = stand.in_zone(came, fresh, self.lasting)
            self.add(place, class_id, Count(came and stand.is_in, came and not stand.is_in,
                                            stand.counted and not old.counted, boundary.closed and stand.is_in))
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


def size_of(box: Sequence[float]) -> float:
    """The size of an object by its box x0, y0, x1, y1: the root of its area, in pixels.

    >>> size_of([10, 20, 50, 110])
    60.0
    """
    x0, y0, x1, y1 = box
    return float((x1 - x0) * (y1 - y0)) ** 0.5
