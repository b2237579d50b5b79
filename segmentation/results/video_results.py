"""What a run writes of a video beside the video: rows, cut-outs and masks, a timeline. VideoResults.

    with VideoResults(options, net.labels, net.made, network_rate=25 / 3) as results:
        results.add(seen)
        state = results.state()
        for temporary, final in results.complete():
            os.replace(temporary, final)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from segmentation.drawing.palettes import Color
from segmentation.network.made import Made
from segmentation.results.labels import LabelFiles
from segmentation.results.outputs import ObjectPictures, ResultOptions
from segmentation.results.row_files import RowFile, rows_fit, temporary_path
from segmentation.results.row_formats import Csv, JsonLines, JsonList, RowFormat
from segmentation.results.rows import SeenFrame, describe
from segmentation.results.timeline import Timeline
from segmentation.terminal import warn
from segmentation.tracking.tracker import Tracker


class VideoResults:
    """Results of the frames of a video on which the network has run: rows, cut-outs, masks, --track and --timeline.

    Its files are complete, under temporary names, once `complete` has returned. If the block ends without that, the
    rows stay under their partial names, and there is no plot.

    labels: the name of each class
    made: what finds the objects
    network_rate: how many frames a second the network runs on: the frame rate divided by --every
    state: from `state()` of the run to resume, with the tracker's as "ids"; None: a new run
    wanted, overwrite: as of LabelFiles
    colors: a (B, G, R) for each class, of the plot; if there are fewer, they are repeated. None at all: grey
    tracker: numbers the objects; None without --track

    Raises SegmentationError if a file or folder cannot be written, or does not fit the state.
    """

    def __init__(self, options: ResultOptions, labels: Sequence[str], made: Made, network_rate: float,
                 state: Optional[dict[str, Any]] = None, wanted: Optional[Sequence[int]] = None,
                 overwrite: bool = False, colors: Sequence[Color] = ()):
        self.options, self.labels, self.made = options, labels, made
        self.colors = {label: colors[i % len(colors)] for i, label in enumerate(labels) if colors}
        self.completed: list[tuple[Path, Path]] = []
        new, state = state is None, state or {}
        marks = state.get("rows", {})
        # First those that may lack a package, so that no file is begun in vain.
        self.tracker = Tracker(network_rate, state.get("ids")) if options.track else None
        self.timeline = Timeline(state.get("timeline")) if options.timeline else None
        self.pictures = ObjectPictures(options, labels, made)
        self.label_files = LabelFiles(options, labels, made, wanted, replace=True, overwrite=overwrite)
        self.rows = {kind: RowFile(path, row_format, None if new else marks.get(kind, []))
                     for kind, (path, row_format) in row_files(options).items()}

    @staticmethod
    def fit(options: ResultOptions, state: Any) -> bool:
        """Whether the partial files on the disk fit the state of a resume point.

        state: from a file, so it may be anything
        """
        if not isinstance(state, dict) or not isinstance(state.get("rows"), dict):
            return False
        if options.timeline and not isinstance(state.get("timeline"), dict):
            return False
        return all(rows_fit(path, row_format, state["rows"].get(kind))
                   for kind, (path, row_format) in row_files(options).items())

    def add(self, seen: SeenFrame) -> None:
        """Write what was found in a frame."""
        rows = describe(seen, self.labels, self.made.model, self.options.polygons) if self.rows else []
        for file in self.rows.values():
            file.add(rows)
        self.pictures.write(seen, str(seen.stem))
        self.label_files.write(seen)
        if self.timeline:
            self.timeline.add(seen.time, [self.labels[class_id] for class_id in seen.found.class_ids])

    def state(self) -> dict[str, Any]:
        """What a resumed run needs of them beside their partial files and the tracker's state, as plain values."""
        state: dict[str, Any] = {"rows": {kind: file.mark() for kind, file in self.rows.items()}}
        return {**state, "timeline": self.timeline.state()} if self.timeline else state

    def complete(self) -> list[tuple[Path, Path]]:
        """Finish all rows and the plot under temporary names: (temporary, final) of each. It renames nothing."""
        pairs = [(file.complete(), file.path) for file in self.rows.values()]
        if self.timeline and self.options.timeline:
            plot = temporary_path(self.options.timeline)
            self.timeline.write(plot, self.colors, made=self.made.text)
            pairs.append((plot, self.options.timeline))
        self.completed = pairs
        return pairs

    def __enter__(self) -> "VideoResults":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Any, trace: Any) -> None:
        renamed = {final for temporary, final in self.completed if not temporary.exists()}
        for file in self.rows.values():
            if file.path in renamed:
                file.partial.unlink(missing_ok=True)
            else:
                file.stop()
                if file.has_rows:
                    warn(f"[INFO] the rows so far are kept in {file.partial}")


def row_files(options: ResultOptions) -> dict[str, tuple[Path, RowFormat]]:
    """The files of rows that the options ask for: {"json" or "csv": (path, its format)}."""
    files: dict[str, tuple[Path, RowFormat]] = {}
    if options.json:
        files["json"] = options.json, JsonLines() if options.json.suffix.lower() == ".jsonl" else JsonList()
    if options.csv:
        files["csv"] = options.csv, Csv(video=True, tracked=options.track, counted=bool(options.counting))
    return files
