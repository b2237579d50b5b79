"""--timeline: how many objects of each class there are while a video plays, as a plot."""

import math
from collections import Counter

from segmentation import SegmentationError
from segmentation.files import complete_file

POINTS = 1000  # the most points in time that are kept: about as many as the plot has columns
ROWS = 8  # classes with a row of their own
WIDTH, ROW_HEIGHT, MARGINS, DPI = 10, 0.8, 1.0, 120  # inches; pixels an inch
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
GREY = (150, 150, 150)  # of classes without a colour


class Timeline:
    """Counts of objects by class, point after point in time, and a plot of them.

    state: what an earlier part of the run left off with, from `state()`

    A point is one frame at first. Where there would be more than 1000, every two neighbours become one, with the
    sums of both, so that hours take no more memory than minutes; the plot then shows their average.

    Raises SegmentationError where the package is missing.
    """

    def __init__(self, state=None):
        find_figure()  # now, not after hours
        state = state or {"frames": 1, "points": [], "last": 0.0}
        self.frames = state["frames"]  # in a full point
        # [second at which it begins, frames, {label: how many objects those frames show in all}], ...
        self.points, self.last = [[at, frames, dict(sums)] for at, frames, sums in state["points"]], state["last"]

    def add(self, seconds, labels):
        """Add the next frame that the network saw.

        seconds: when it is shown; labels: those of the objects in it, an iterable of str or a Counter
        """
        if not self.points or self.points[-1][1] == self.frames:
            self.halve()
            self.points.append([float(seconds), 0, {}])
        point = self.points[-1]
        point[1] += 1
        for label, count in Counter(labels).items():
            point[2][label] = point[2].get(label, 0) + count
        self.last = float(seconds)

    def halve(self):
        """Make one point of every two where there are too many."""
        if len(self.points) == POINTS:
            self.points = [[at, frames + more, dict(Counter(sums) + Counter(others))] for (at, frames, sums),
                           (_, more, others) in zip(self.points[::2], self.points[1::2])]
            self.frames *= 2

    def state(self):
        """All that going on after this frame needs, as plain values."""
        # Only the last point still changes.
        last = [[at, frames, dict(sums)] for at, frames, sums in self.points[-1:]]
        return {"frames": self.frames, "points": self.points[:-1] + last, "last": self.last}

    def edges(self):
        """The seconds at which the points begin, and at which the last one ends: one more than points."""
        begins = [at for at, _, _ in self.points] or [0.0]
        steps = sum(frames for _, frames, _ in self.points) - 1
        # The last frame is shown for as long as the others on average.
        return [*begins, self.last + ((self.last - begins[0]) / steps if self.last > begins[0] else 1)]

    def rows(self):
        """(label, [objects in a frame of each point, on average]), ..., the most frequent class first.

        After eight classes, the others are one row together.
        """
        totals = sum((Counter(sums) for *_, sums in self.points), Counter())
        labels = [[label] for label, _ in totals.most_common()]
        if len(labels) > ROWS + 1:
            labels[ROWS:] = [[label for label, in labels[ROWS:]]]
        return [(group[0] if len(group) == 1 else f"{len(group)} others",
                 [sum(sums.get(label, 0) for label in group) / frames for _, frames, sums in self.points])
                for group in labels]

    def write(self, path, colors=None, title=""):
        """Draw the plot into a PNG file: a row for each class, over one axis of time.

        colors: {label: (B, G, R)}; grey where a label is missing

        Raises SegmentationError where the file cannot be written.
        """
        figure = draw(self.rows(), self.edges(), colors or {}, title)
        with complete_file(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI)


def draw(rows, edges, colors, title):
    """The Figure of Timeline's rows and edges."""
    # Not pyplot, whose figures and backend are the whole program's.
    figure = find_figure()(figsize=(WIDTH, MARGINS + ROW_HEIGHT * max(len(rows), 1)), layout="constrained")
    axes = figure.subplots(max(len(rows), 1), sharex=True, squeeze=False)[:, 0]
    for axis, (label, counts) in zip(axes, rows):
        draw_row(axis, label, counts, edges, colors.get(label, GREY))
    if not rows:
        axes[0].text(0.5, 0.5, "nothing found", transform=axes[0].transAxes, ha="center", va="center")
        axes[0].set_yticks([])
    axes[0].set_title(title, parse_math=False, loc="left")
    axes[-1].set_xlim(edges[0], edges[-1])
    axes[-1].set_xticks(ticks(edges[0], edges[-1]))
    axes[-1].xaxis.set_major_formatter(lambda seconds, _: clock(seconds, edges[-1]))
    return figure


def draw_row(axis, label, counts, edges, color_bgr):
    """One class: its count as a filled stair, its name before it, its scale in whole objects."""
    red, green, blue = (value / 255 for value in color_bgr[::-1])
    axis.stairs(counts, edges, fill=True, color=(red, green, blue, 0.55))
    axis.stairs(counts, edges, color=(red * 0.6, green * 0.6, blue * 0.6), linewidth=1)  # the palest shows too
    top = max(1, round(max(counts)))
    axis.set_ylim(0, 1.15 * max(top, *counts))
    axis.set_yticks([0, top])
    axis.set_ylabel(label, parse_math=False, rotation=0, ha="right", va="center", labelpad=12)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def ticks(begin, end):
    """The round times to mark on an axis from `begin` to `end` seconds: at most 13.

    >>> ticks(3, 17), ticks(0, 7200)[:3]
    ([4, 6, 8, 10, 12, 14, 16], [0, 600, 1200])
    """
    step = next((step for step in STEPS if end - begin <= 12 * step), (end - begin) / 12)
    return [step * i for i in range(math.ceil(begin / step), math.floor(end / step + 1e-9) + 1)]


def clock(seconds, longest):
    """A time as it is written on an axis that ends at `longest` seconds.

    >>> clock(2.5, 5), clock(65, 300), clock(3900, 7200)
    ('2.5 s', '1:05', '1:05:00')
    """
    if longest < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if longest < 3600 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def find_figure():
    """matplotlib's Figure."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SegmentationError("--timeline needs another package: pip install matplotlib") from error
    return Figure
