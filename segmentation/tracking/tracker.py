"""--track: the same object over a whole video, through gaps too, by ByteTrack of the package `trackers`."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.tracking.instance_ids import same_objects

OVERLAP = 0.1  # ByteTrack's own: intersection over union of an object's box with the box where it was expected
PATIENCE = 5, 60  # limits of the number of calls that an object may be missing for
BRIEF = 0.2  # seconds; an object seen for less is not counted
CONFIRMED = 2  # calls in a row that show an object before ByteTrack knows it
UNKNOWN = -1  # ByteTrack's id of an object that it does not know

Key = tuple[int, int]  # the class_id of a ByteTrack and its id of an object
Entry = list[Any]  # [box, class_id, number] of an object in a call


class Tracker:
    """A number for each object, which it keeps while it moves, is hidden or is not found for up to a second.

    rate: calls a second: the frame rate, divided by --every
    state: from `state()` of an earlier part of the run; None: a new run

    Each class has its own ByteTrack, so that a dog never gets a cat's number. Every object found may be a new one:
    --confidence has left out those that score too little. ByteTrack knows an object after two calls in a row that
    show it. The first of them gives it the next number, which it keeps when ByteTrack knows it. If ByteTrack never
    comes to know the object, its number is not used again.

    A new Tracker with the state of an old one continues exactly as the old one would, though the state of ByteTrack
    cannot be saved: every `window` calls all ByteTracks are made again from the last `window` calls, and the new
    Tracker does the same.

    Raises SegmentationError if the package is missing.
    """

    def __init__(self, rate: float, state: Optional[dict[str, Any]] = None):
        self.new_tracker, self.detections = find_classes()
        self.missing = int(np.clip(round(rate), *PATIENCE))
        self.window = 2 * self.missing
        self.lasting = max(CONFIRMED, round(BRIEF * rate))
        state = state or {"next": 0, "count": 0, "seen": [], "distinct": [], "calls": []}
        self.next, self.count = state["next"], state["count"]
        self.seen: dict[int, int] = dict(state["seen"])
        self.distinct: Counter[int] = Counter(dict(state["distinct"]))
        self.replay(state["calls"])

    def __call__(self, found: Instances) -> list[int]:
        """The numbers of the objects in a frame, in the order of its Instances: (N,) from 0."""
        if len(self.calls) == 2 * self.window:
            self.replay(self.calls[-self.window:])
            kept = {number for call in self.calls for *_, number in call}
            self.seen = {number: times for number, times in self.seen.items() if number in kept}
        keys = self.track(found.boxes, found.class_ids)
        numbers = self.number(found, keys)
        call = [list(entry) for entry in zip(found.boxes.tolist(), found.class_ids.tolist(), numbers)]
        self.note(keys, call)
        self.tally(call)
        return numbers

    def number(self, found: Instances, keys: Sequence[Key]) -> list[int]:
        """The numbers of the objects in a frame, old or new, by what ByteTrack takes each object for."""
        new = np.flatnonzero([key not in self.numbers for key in keys])
        starts = same_objects(found.boxes[new], found.class_ids[new], self.unknown, OVERLAP)
        numbers = {i: self.take_number() if known is None else known for i, known in zip(new.tolist(), starts)}
        return [numbers[i] if i in numbers else self.numbers[key] for i, key in enumerate(keys)]

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs to continue after this call, as plain values."""
        return {"next": self.next, "count": self.count, "seen": list(self.seen.items()),
                "distinct": list(self.distinct.items()), "calls": list(self.calls)}

    def count_distinct(self) -> Counter[int]:
        """How many different objects of each class there were so far: a Counter by class_id.

        An object counts if it was seen on so many frames as make up BRIEF, and on two at least; in a shorter clip, if
        it was seen on every frame.
        """
        if self.count >= self.lasting:
            return Counter(self.distinct)
        classes = {number: class_id for call in self.calls for _, class_id, number in call}
        return Counter(classes[number] for number, times in self.seen.items() if times == self.count)

    def replay(self, calls: Sequence[list[Entry]]) -> None:
        """Start again with these calls, as if there had been none before."""
        self.by_class: dict[int, Any] = {}  # a ByteTrack for each class_id
        self.numbers: dict[Key, int] = {}
        self.unknown: list[Entry] = []  # objects of the last call that ByteTrack does not know
        self.calls: list[list[Entry]] = []
        for call in calls:
            boxes = np.array([box for box, *_ in call], float).reshape(-1, 4)
            self.note(self.track(boxes, np.array([class_id for _, class_id, _ in call], int)), call)

    def track(self, boxes: np.ndarray, class_ids: np.ndarray) -> list[Key]:
        """What ByteTrack takes each object for, UNKNOWN or one of its ids: (N,) list."""
        keys = [(int(class_id), UNKNOWN) for class_id in class_ids]
        for class_id in sorted(self.by_class.keys() | set(class_ids.tolist())):
            tracker = self.by_class.get(class_id)
            if tracker is None:
                tracker = self.by_class[class_id] = self.make_tracker()
            rows = np.flatnonzero(class_ids == class_id)
            # All have confidence 1, since ByteTrack starts no track with less. Its answer has another order.
            answer = tracker.update(self.detections(boxes[rows].astype(float), confidence=np.ones(len(rows)),
                                                    data={"row": rows}))
            for row, tracker_id in zip(answer.data.get("row", ()), answer.tracker_id):
                keys[row] = class_id, int(tracker_id)
        return keys

    def make_tracker(self) -> Any:
        """A ByteTrack for one class; with a frame rate of 30 its buffer is counted in calls."""
        return self.new_tracker(
            lost_track_buffer=self.missing, frame_rate=30, minimum_consecutive_frames=CONFIRMED,
            minimum_iou_threshold=OVERLAP)

    def note(self, keys: Sequence[Key], call: list[Entry]) -> None:
        """Remember a call, and the number for each of ByteTrack's ids in it."""
        given = {number for *_, number in call}
        # A replay may see two objects where there was one number: the object seen last keeps it.
        self.numbers = {key: number for key, number in self.numbers.items() if number not in given}
        self.numbers.update((key, number) for key, (*_, number) in zip(keys, call) if key[1] != UNKNOWN)
        self.unknown = [entry for key, entry in zip(keys, call) if key[1] == UNKNOWN]
        self.calls.append(call)

    def tally(self, call: list[Entry]) -> None:
        """Count the objects of a call."""
        self.count += 1
        for _, class_id, number in call:
            self.seen[number] = self.seen.get(number, 0) + 1
            if self.seen[number] == self.lasting:
                self.distinct[class_id] += 1

    def take_number(self) -> int:
        """The next number that no object has had."""
        self.next += 1
        return self.next - 1


def find_classes() -> tuple[Any, Any]:
    """ByteTrackTracker, and the class Detections that it takes; SegmentationError if they are missing."""
    try:
        from supervision import Detections
        from trackers import ByteTrackTracker
    except ImportError as error:
        raise SegmentationError('--track, --count-line and --count-zone need more packages: pip install '
                                '"trackers>=2.1"') from error
    return ByteTrackTracker, Detections
