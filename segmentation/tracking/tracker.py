"""--track: the same object in a whole clip, through gaps too, by ByteTrack of the package `trackers`."""

from collections import Counter

import numpy as np

from segmentation import SegmentationError
from segmentation.tracking.instance_ids import same_objects

OVERLAP = 0.1  # ByteTrack's own: intersection over union of an object's box with where it was expected
PATIENCE = 5, 60  # the fewest and the most calls that an object may be missing for
BRIEF = 0.2  # seconds: what is seen for less is no object to count
CONFIRMED = 2  # calls in a row from which ByteTrack knows an object
UNKNOWN = -1  # ByteTrack's id of an object that it does not know


class Tracker:
    """A number for each object, kept while it moves, is hidden or is not found for up to a second.

    rate: calls a second: the frame rate, divided by --every
    state: what an earlier part of the run left off with, from `state()`

    Each class has a ByteTrack of its own, so that a dog never takes a cat's number. Every object found may be a
    new one: what scores too little the user's --confidence has left out. ByteTrack knows an object from the
    second call in a row on that shows it. The first one gives it the next number, which it keeps when ByteTrack
    comes to know it; the number of a false start is not used again.

    A new Tracker goes on exactly as an old one would, though ByteTrack's state cannot be written down: every
    `window` calls all are made anew from the last `window` calls, which is what the new one does too.

    Raises SegmentationError where the package is missing.
    """

    def __init__(self, rate, state=None):
        self.new_tracker, self.detections = find_classes()
        self.missing = int(np.clip(round(rate), *PATIENCE))
        self.window = 2 * self.missing
        self.lasting = max(CONFIRMED, round(BRIEF * rate))
        state = state or {"next": 0, "count": 0, "seen": [], "distinct": [], "calls": []}
        self.next, self.count = state["next"], state["count"]
        self.seen, self.distinct = dict(state["seen"]), Counter(dict(state["distinct"]))
        self.replay(state["calls"])

    def __call__(self, found):
        """The numbers of a frame's Instances, in their order: (N,) list of int from 0."""
        if len(self.calls) == 2 * self.window:
            self.replay(self.calls[-self.window:])
            kept = {number for call in self.calls for *_, number in call}
            self.seen = {number: times for number, times in self.seen.items() if number in kept}
        keys = self.track(found.boxes, found.class_ids)
        numbers = [self.numbers.get(key) for key in keys]
        new = np.flatnonzero([number is None for number in numbers])
        for i, number in zip(new, same_objects(found.boxes[new], found.class_ids[new], self.unknown, OVERLAP)):
            numbers[i] = self.take_number() if number is None else number
        call = [list(entry) for entry in zip(found.boxes.tolist(), found.class_ids.tolist(), numbers)]
        self.note(keys, call)
        self.tally(call)
        return numbers

    def state(self):
        """All that going on after this call needs, as plain values."""
        return {"next": self.next, "count": self.count, "seen": list(self.seen.items()),
                "distinct": list(self.distinct.items()), "calls": list(self.calls)}

    def count_distinct(self):
        """How many different objects of each class there were so far: a Counter by class_id.

        An object counts once it was seen on frames that make up 0.2 seconds, and on two of them; in a clip that
        is shorter, on every one.
        """
        if self.count >= self.lasting:
            return Counter(self.distinct)
        classes = {number: class_id for call in self.calls for _, class_id, number in call}
        return Counter(classes[number] for number, times in self.seen.items() if times == self.count)

    def replay(self, calls):
        """Begin with these calls, [[[box, class_id, number], ...], ...], as if there had been none before."""
        self.by_class, self.numbers, self.unknown, self.calls = {}, {}, [], []
        for call in calls:
            boxes = np.array([box for box, *_ in call], float).reshape(-1, 4)
            self.note(self.track(boxes, np.array([class_id for _, class_id, _ in call], int)), call)

    def track(self, boxes, class_ids):
        """What ByteTrack takes each object for: [(class_id, its id), ...]."""
        keys = [(int(class_id), UNKNOWN) for class_id in class_ids]
        for class_id in sorted(self.by_class.keys() | set(class_ids.tolist())):
            tracker = self.by_class.get(class_id)
            if tracker is None:
                tracker = self.by_class[class_id] = self.make_tracker()
            rows = np.flatnonzero(class_ids == class_id)
            # All count as sure: ByteTrack begins no track with less. Its answer comes in another order.
            answer = tracker.update(self.detections(boxes[rows].astype(float), confidence=np.ones(len(rows)),
                                                    data={"row": rows}))
            for row, tracker_id in zip(answer.data.get("row", ()), answer.tracker_id):
                keys[row] = class_id, int(tracker_id)
        return keys

    def make_tracker(self):
        """A ByteTrack for one class; its frame rate of 30 makes the buffer a number of calls."""
        return self.new_tracker(
            lost_track_buffer=self.missing, frame_rate=30, minimum_consecutive_frames=CONFIRMED,
            minimum_iou_threshold=OVERLAP)

    def note(self, keys, call):
        """Remember a call and which of ByteTrack's ids stands for which number."""
        given = {number for *_, number in call}
        # A replay may take for two objects what had one number: the one seen last keeps it.
        self.numbers = {key: number for key, number in self.numbers.items() if number not in given}
        self.numbers.update((key, number) for key, (*_, number) in zip(keys, call) if key[1] != UNKNOWN)
        self.unknown = [entry for key, entry in zip(keys, call) if key[1] == UNKNOWN]
        self.calls.append(call)

    def tally(self, call):
        """Count the objects of a call."""
        self.count += 1
        for _, class_id, number in call:
            self.seen[number] = self.seen.get(number, 0) + 1
            if self.seen[number] == self.lasting:
                self.distinct[class_id] += 1

    def take_number(self):
        self.next += 1
        return self.next - 1


def find_classes():
    """ByteTrackTracker, and the class Detections that it takes."""
    try:
        from supervision import Detections
        from trackers import ByteTrackTracker
    except ImportError as error:
        raise SegmentationError('--track needs more packages: pip install "trackers>=2.1"') from error
    return ByteTrackTracker, Detections
