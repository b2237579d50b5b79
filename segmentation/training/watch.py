"""Watches a run as it goes: how long it will take, AP on held-out pictures, and whether its graph can be used."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from segmentation import SegmentationError
from segmentation.files import complete_file
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.pictures import write_picture
from segmentation.terminal import info, warn, warn_at_end
from segmentation.training.checkpoint import Training
from segmentation.training.dataset import Dataset, shuffled
from segmentation.training.evaluate import Figures, evaluate, report
from segmentation.training.export import all_threads, load_graph, write_graph
from segmentation.training.options import TrainOptions
from segmentation.training.photo_panel import panel_of, titled, with_objects
from segmentation.training.plan import say_pace
from segmentation.wording import counted

MOST_PICTURES, PANEL_PICTURES = 50, 10  # are measured on the way, 0.2 s each; are shown
SHOWN = 0.5      # the panel shows objects that score above this, as the scripts do
TIMES, SHARE = 10, 0.1  # AP is measured so many times, but in no more than this share of the time
FIRST, PACE = 2, 10     # the first iterations are slower than the others; so many after them say how fast it goes
# From this mask AP50 on a graph can be used for a first look. The demo graph has 0.231 on COCO128, with its 35 classes.
# At 0.2 a network may find a fifth of the objects without a mistake, or all of them with four mistakes to each.
USABLE = 0.2
LEARNT = 0.5     # below this mask AP50 on pictures that it has learnt from, a network has not learnt long enough
COLUMNS = "iteration,seconds,pictures,box_ap50,box_ap,mask_ap50,mask_ap"


@dataclass
class Watch:
    """Measures a network in training, with a line, a row of the log and a new panel each time.

    held_out: the pictures to measure on; None: there are none, and only the pace is said
    took: seconds that measuring took the last time
    last: training.seconds at that time
    tenth: how many tenths of the run were done then
    seen: iterations since the run was started or resumed, and the seconds of those that say the pace
    """

    held_out: Optional[Dataset]
    data: Dataset
    options: TrainOptions
    took: float = 0.0
    last: float = 0.0
    tenth: int = 0
    seen: int = 0
    spent: float = 0.0

    # ---- What the run calls ----

    def begin(self, training: Training) -> None:
        """Measure the network that a new run starts from; what an earlier run has left of log and panel is deleted."""
        self.last, self.tenth = training.seconds, self.tenths(training)
        if training.done:
            return
        for path in (self.options.log, self.options.panel):
            path.unlink(missing_ok=True)
        if self.options.evaluate_every != 0:
            self.measure(training)

    def look(self, training: Training, seconds: float) -> None:
        """An iteration has taken so many seconds: say the pace after the first ones, and measure when it is time."""
        self.seen += 1
        first = FIRST + (self.options.views or 0) * -(-len(self.data) // self.options.batch)
        if first < self.seen <= first + PACE:
            self.spent += seconds
            if self.seen == first + PACE:
                say_pace(self.spent / PACE, training, self.data, self.options)
        if self.is_due(training):
            try:
                self.measure(training)
            except SegmentationError as error:  # a full disk, for one: hours of learning do not end for that
                warn(f"[WARNING] AP was not measured in iteration {training.done}: {error}")
            self.last, self.tenth = training.seconds, self.tenths(training)

    def end(self, training: Training) -> None:
        """Measure the graph that the run has written, on all held-out pictures; a warning if it cannot be used."""
        if self.held_out is None:
            warn_at_end(f"[WARNING] nobody knows whether {self.options.out} can be used: no picture was held out to "
                        "measure on; measure it on others with segmentation.training.evaluate")
            return
        with all_threads():
            net = load_graph(self.options.out)
            found, = evaluate(net, self.held_out)
            self.keep(training, net, found, self.held_out)
            print(report(found, len(self.held_out)))
            if found.mask_ap50 < USABLE:
                warn_at_end(f"[WARNING] {self.options.out} cannot be used yet: {self.why(net, found)}")

    # ---- Its parts ----

    def is_due(self, training: Training) -> bool:
        """Whether it is time to measure. The end of the run, which has its own measurement, is not."""
        every, part = self.options.evaluate_every, training.part(self.options)
        if part >= 1 or every == 0:
            return False
        if every:
            return training.done % every == 0
        return self.tenths(training) > self.tenth and self.took <= SHARE * (training.seconds - self.last)

    def tenths(self, training: Training) -> int:
        """How many tenths of the run are done."""
        return int(TIMES * training.part(self.options))

    def measure(self, training: Training) -> None:
        """Measure the network as it is now on some of the held-out pictures, and say its AP."""
        if self.held_out is None:
            return
        began = time.monotonic()
        some = replace(self.held_out, pictures=shuffled(self.held_out.pictures)[:MOST_PICTURES])
        with all_threads(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "graph.pb")
            write_graph(training.model, self.data, self.options, path)
            net = load_graph(path)
            found, = evaluate(net, some)
            self.keep(training, net, found, some)
        when = f"iteration {training.done} ({training.part(self.options):.0%})" if training.done else "before training"
        info(f"{when}: box AP {found.box_ap:.3f}, mask AP {found.mask_ap:.3f}, mask AP50 {found.mask_ap50:.3f} on "
             f"{counted(len(some), 'held-out picture')}")
        self.took = time.monotonic() - began

    def keep(self, training: Training, net: MaskRCNN, found: Figures, measured: Dataset) -> None:
        """Add a row to the log, and make the panel anew."""
        figures = ",".join(f"{value:.4f}" for value in (found.box_ap50, found.box_ap, found.mask_ap50, found.mask_ap))
        add_row(self.options.log, training.done, f"{training.seconds:.0f},{len(measured)},{figures}")
        shown = [picture for picture in shuffled(measured.pictures) if picture.objects][:PANEL_PICTURES]
        tiles = []
        for image in (picture.read() for picture in shown):
            if image is not None:
                objects = net(image)
                tiles.append(with_objects(net, objects[objects.scores > SHOWN], image))
        if tiles:
            title = f"iteration {training.done}: mask AP50 {found.mask_ap50:.3f}"
            write_picture(self.options.panel, titled(panel_of(tiles), title))

    def why(self, net: MaskRCNN, found: Figures) -> str:
        """Why a graph cannot be used, and what to do."""
        if found.mask_ap50 < 0:
            return "no held-out picture shows an object to find, so nothing was measured: name others with " \
                   "--val-annotations"
        pictures = [picture for picture in shuffled(self.data.pictures) if picture.objects][:PANEL_PICTURES]
        learnt, = evaluate(net, replace(self.data, pictures=pictures))
        low = f"mask AP50 is {found.mask_ap50:.3f} on held-out pictures and should be {USABLE:g} or more"
        if learnt.mask_ap50 < LEARNT:
            return (f"{low}; it is no more than {learnt.mask_ap50:.3f} on pictures that it has learnt from, so train "
                    f"longer (--init {self.options.out} goes on from here)")
        return (f"{low}; it is {learnt.mask_ap50:.3f} on pictures that it has learnt from, so more pictures help "
                "more than more iterations")


def add_row(path: Path, iteration: int, rest: str) -> None:
    """Add a row to a log, without those of the same and later iterations, which a run had done before it was killed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    numbers = [line.partition(",")[0] for line in lines]
    kept = [line for line, number in zip(lines, numbers) if number.isdecimal() and int(number) < iteration]
    with complete_file(path) as temporary:
        temporary.write_text("\n".join([COLUMNS, *kept, f"{iteration},{rest}", ""]), encoding="utf-8")
