"""A drawn clip in which figures walk along known ways, and a network that finds them by their colours."""

from pathlib import Path

import cv2
import numpy as np
from clips import make_clip, numbered

from segmentation.instances import Instances
from segmentation.network.made import Made
from segmentation.network.weights import COLORS as COLORS_FILE
from segmentation.network.weights import LABELS, MODEL_FOLDER, ModelFiles, read_colors, read_labels
from segmentation.workers.tasks import Task

FRAMES, SIZE_WH = 130, (320, 240)
PERSON, CAR = 0, 2  # as COCO's labels are numbered
COLORS = {PERSON: (0, 0, 255), CAR: (0, 255, 255)}  # BGR
SIZES = {PERSON: (18, 36), CAR: (36, 24)}
GATE = "15%,60%,80%,60%,gate"  # from 48, 144 to 256, 144; "in" is downwards
YARD = "170,160,320,160,320,240,170,240,yard"

# Where each figure's feet are on some frames; straight on between. On the others it is not there.
WAYS = [
    (PERSON, [(0, 70, 90), (40, 70, 200), (90, 70, 200), (120, 70, 90)]),                   # in, and out again
    (PERSON, [(5, 100, 80), (45, 100, 141), (60, 100, 145), (75, 100, 141), (85, 100, 145), (110, 100, 80)]),  # turns
    (PERSON, [(0, 24, 90), (30, 24, 220), (60, 140, 220), (90, 140, 100)]),                 # round the end, then out
    (CAR, [(10, 230, 70), (60, 230, 220), (130, 200, 220)]),                                # in; into the yard
    (CAR, [(0, 295, 80), (40, 295, 190), (80, 295, 80)]),                                   # past the end, both times
    (PERSON, [(60, 190, 210), (75, 190, 150), (95, 190, 100), (125, 190, 200)]),            # out of the yard, and back
]
HIDDEN = {0: range(14, 24), 3: range(30, 34)}  # frames on which figures are behind something, as they cross
# What is to be counted: {label: (in, out)} at the gate, and {label: (in, out, objects, inside)} of the yard.
AT_GATE = {"person": (2, 3), "car": (1, 0)}
IN_YARD = {"person": (1, 1, 1, 0), "car": (2, 1, 2, 1)}


def feet(way, number):
    """Where a figure's feet are on a frame, (x, y); None: it is not there."""
    times, xs, ys = np.array(way, float).T
    return (np.interp(number, times, xs), np.interp(number, times, ys)) if times[0] <= number <= times[-1] else None


def picture(number):
    """A frame: BGR uint8, with its number in it."""
    image = numbered(number, SIZE_WH)
    for place, (class_id, way) in enumerate(WAYS):
        at = feet(way, number)
        if at and number not in HIDDEN.get(place, ()):
            (x, y), (width, height) = at, SIZES[class_id]
            left, top = round(x - width / 2), round(y - height)
            image[top:top + height, left:left + width] = COLORS[class_id]
    return image


def make_walk(path, monkeypatch):
    """Write the clip; its path."""
    with monkeypatch.context() as patch:
        patch.setattr("clips.numbered", lambda number, size_wh: picture(number))
        return make_clip(path, FRAMES, size_wh=SIZE_WH)


class WalkNet:
    """Stands for the network: finds the figures of the clip by their colours."""

    labels, colors = read_labels(MODEL_FOLDER / LABELS), read_colors(MODEL_FOLDER / COLORS_FILE)
    files = ModelFiles(*[Path(__file__)] * 4)
    made = Made("stub", "0" * 64, "nothing", "keep", 0.5)

    def __init__(self):
        self.hook = lambda: None

    def __call__(self, image):
        self.hook()
        boxes, class_ids = [], []
        for class_id, color in COLORS.items():
            near = cv2.inRange(image, np.array(color) - 90, np.array(color) + 90)
            for left, top, width, height, area in cv2.connectedComponentsWithStats(near)[2][1:]:
                if area > 150:
                    boxes.append((left, top, left + width, top + height))
                    class_ids.append(class_id)
        return Instances(np.int32(boxes).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32), np.int32(class_ids),
                         np.ones((len(boxes), 15, 15), np.float32), image.shape[:2])


class WalkTask(Task):
    """What a worker does with the clip. Workers import this module."""

    def do(self, chunk, drawing):
        vars(self)["net"] = WalkNet()
        return super().do(chunk, drawing)
