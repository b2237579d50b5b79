"""--timeline: a plot of how many objects of each class a video shows over time."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from segmentation import SegmentationError
from segmentation.drawing.palettes import Color
from segmentation.files import complete_file
from segmentation.wording import counted

POINTS = 1000  # points in time that are kept at most: about as many as the plot has columns
ROWS = 8  # classes with a row of their own
WIDTH, ROW_HEIGHT, MARGINS, DPI = 10, 0.8, 1.0, 120  # inches; pixels an inch
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
GREY = (150, 150, 150)  # of classes without a colour


class Timeline:
    """Counts of objects by class, point after point in time, and a plot of them.

    state: from `state()` of an earlier part of the run; None: a new run
    points: [[second at which it begins, frames, {label: how many objects those frames show in all}], ...]
    frames: in a full point; last: the second of the last frame

    A point is one frame at first. Before there are more than POINTS, every two neighbours become one point with the
    sums of both, so that hours take no more memory than minutes; the plot then shows their average.

    Raises SegmentationError if matplotlib is missing.
    """

    def __init__(self, state: Optional[dict[str, Any]] = None):
        find_figure()  # if it is missing, say so now, not after hours
        state = state or {"frames": 1, "points": [], "last": 0.0}
        self.frames: int = state["frames"]
        self.points: list[list[Any]] = [[at, frames, dict(sums)] for at, frames, sums in state["points"]]
        self.last: float = state["last"]

    def add(self, seconds: float, labels: Union[Iterable[str], Mapping[str, int]]) -> None:
        """Add the next frame on which the network has run.

        seconds: its time
        labels: the label of each object in it, or {label: how many objects}
        """
        if not self.points or self.points[-1][1] == self.frames:
            self.halve()
            self.points.append([float(seconds), 0, {}])
        point = self.points[-1]
        point[1] += 1
        for label, count in Counter(labels).items():
            point[2][label] = point[2].get(label, 0) + count
        self.last = float(seconds)

    def halve(self) -> None:
        """Make one point of every two if there are POINTS."""
        if len(self.points) == POINTS:
            self.points = [[at, frames + more, dict(Counter(sums) + Counter(others))] for (at, frames, sums),
                           (_, more, others) in zip(self.points[::2], self.points[1::2])]
            self.frames *= 2

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs to continue after this frame, as plain values."""
        # Only the last point will change, so only it is copied.
        last = [[at, frames, dict(sums)] for at, frames, sums in self.points[-1:]]
        return {"frames": self.frames, "points": self.points[:-1] + last, "last": self.last}

    def edges(self) -> list[float]:
        """The seconds at which the points begin, and the second at which the last one ends: one more than points."""
        begins = [at for at, _, _ in self.points] or [0.0]
        steps = sum(frames for _, frames, _ in self.points) - 1
        # The last frame lasts as long as the others on average.
        return [*begins, self.last + ((self.last - begins[0]) / steps if self.last > begins[0] else 1)]

    def rows(self) -> list[tuple[str, list[float]]]:
        """[(label, [average number of objects in a frame of each point]), ...], the most frequent class first.

        After ROWS classes, the others are one row together.
        """
        totals: Counter[str] = sum((Counter(sums) for *_, sums in self.points), Counter())
        labels = [[label] for label, _ in totals.most_common()]
        if len(labels) > ROWS + 1:
            labels[ROWS:] = [[label for label, in labels[ROWS:]]]
        return [(group[0] if len(group) == 1 else counted(len(group), "other"),
                 [sum(sums.get(label, 0) for label in group) / frames for _, frames, sums in self.points])
                for group in labels]

    def write(self, path: Union[str, Path], colors: Optional[Mapping[str, Color]] = None, title: str = "",
              made: str = "") -> None:
        """Write the plot as a PNG file: a row for each class over one axis of time.

        colors: {label: (B, G, R)}; grey for a label that is missing
        made: a text in the file that says what has found the objects

        Raises SegmentationError if the file cannot be written.
        """
        figure = draw(self.rows(), self.edges(), colors or {}, title)
        with complete_file(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Description": made} if made else None)


def draw(rows: Sequence[tuple[str, list[float]]], edges: Sequence[float], colors: Mapping[str, Color],
         title: str) -> Any:
    """The Figure of Timeline's rows and edges."""
    # Not through pyplot, which keeps figures and a backend for the whole program.
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


def draw_row(axis: Any, label: str, counts: Sequence[float], edges: Sequence[float], color_bgr: Color) -> None:
    """Draw one class: its counts as filled stairs, its name to the left, its scale in whole objects."""
    red, green, blue = (value / 255 for value in color_bgr[::-1])
    axis.stairs(counts, edges, fill=True, color=(red, green, blue, 0.55))
    axis.stairs(counts, edges, color=(red * 0.6, green * 0.6, blue * 0.6), linewidth=1)  # darker, for pale colours
    top = max(1, round(max(counts)))
    axis.set_ylim(0, 1.15 * max(top, *counts))
    axis.set_yticks([0, top])
    axis.set_ylabel(label, parse_math=False, rotation=0, ha="right", va="center", labelpad=12)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def ticks(begin: float, end: float) -> list[float]:
    """The round times to mark on an axis from `begin` to `end` seconds: at most 13.

    >>> ticks(3, 17), ticks(0, 7200)[:3]
    ([4, 6, 8, 10, 12, 14, 16], [0, 600, 1200])
    """
    step: float = next((step for step in STEPS if end - begin <= 12 * step), (end - begin) / 12)
    return [step * i for i in range(math.ceil(begin / step), math.floor(end / step + 1e-9) + 1)]


def clock(seconds: float, longest: float) -> str:
    """A time as text on an axis that ends at `longest` seconds.

    >>> clock(2.5, 5), clock(65, 300), clock(3900, 7200)
    ('2.5 s', '1:05', '1:05:00')
    """
    if longest < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if longest < 3600 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def find_figure() -> Any:
    """The class Figure of matplotlib; SegmentationError if that is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SegmentationError("--timeline needs another package: pip install matplotlib") from error
    return Figure
