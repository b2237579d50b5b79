"""What a run on photos found, as one HTML page to look through: Report.

    with Report("output/report.html", "Holiday") as report:
        report.add("beach.jpg", image, net(image), net.labels, colors)
        report.add_failure("broken.jpg", "it is no photo of a known format")

The page is one file that needs no network and no other file. Its styles and scripts are in report.html; this module
fills it. Pictures are JPEGs in base64, masks are SVG paths over them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import BinaryIO, Optional

import numpy as np

from segmentation.drawing.palettes import Color
from segmentation.files import AnyPath, read_text
from segmentation.instances import Instances
from segmentation.network.made import PROGRAM, Made
from segmentation.results.articles import END, about_of, article, failed_article, numbered, paragraph
from segmentation.results.photo_files import PhotoFile, PhotoFormat, Record, key_of, read_record
from segmentation.results.row_files import to_bytes
from segmentation.wording import counted

BARS = 8  # classes that the chart shows; the others are folded away
PAGE = Path(__file__).with_suffix(".html")
PICTURES = "<!-- pictures -->\n"  # where the articles come in that file
STOPPED = "The run was stopped before its end; what it had finished is here."


class PageFormat(PhotoFormat):
    """The page. While the run goes on, the file holds the articles alone.

    note: a text at the top of the page
    """

    kept = "the report so far is kept"

    def __init__(self, title: str):
        super().__init__()
        self.title, self.note = title, ""

    def scan(self, file: BinaryIO) -> Iterator[Record]:
        start = file.tell()
        while (lines := read_article(file)) and lines[0].endswith(b"\n"):
            try:
                about = about_of(lines[0])
                if about is None:
                    raise ValueError(f"there is no article at byte {start}")
                key, objects = key_of(about["file"]), Counter[str](about.get("objects"))
                sum(objects.values())
                self.models.update([about["model"]] if "model" in about else [])
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"the article at byte {start} is of another kind") from error
            if lines[-1] != END:
                return
            size = sum(map(len, lines))
            yield Record(key, start, size, "objects" in about, objects)
            start += size

    def take_up(self, file: BinaryIO) -> Iterator[bytes]:
        section = to_bytes(read_text(PAGE).split(PICTURES)[0].splitlines(keepends=True)[-1])
        if not any(line == section for line in file):
            raise ValueError("it has no pictures")
        while (lines := read_article(file)) and about_of(lines[0]) and lines[-1] == END:
            yield from lines
        if lines[:1] != [b"</section>\n"] or not ends_page(file):
            raise ValueError("it does not end like one")

    def assemble(self, records: Sequence[Record], file: BinaryIO) -> Iterator[bytes]:
        head, foot = read_text(PAGE).split(PICTURES)
        yield to_bytes(self.fill(head, records))
        failures = 0
        for record in records:
            text = read_record(file, record)
            if not record.whole:
                failures += 1
                text = numbered(text, failures)
            yield text
        yield to_bytes(foot)

    def fill(self, head: str, records: Sequence[Record]) -> str:
        """The page up to its pictures, with the counts of all records."""
        objects, shown_in = Counter[str](), Counter[str]()
        for record in records:
            objects.update(record.about)
            shown_in.update(record.about.keys())
        failed = sum(not record.whole for record in records)
        notes = paragraph("note", self.made.demo if self.made else "") + paragraph("note", self.note)
        return Template(head).substitute(
            title=escape(self.title), note=notes, made=made_by(self.made) if self.made else "",
            totals=totals(len(records) - failed, objects, failed), chart=chart(objects, shown_in))


class Report(PhotoFile):
    """A page that appears at `path` when its block ends; a context manager.

    If Ctrl-C ends the block, the page appears too, with a note in it. After any other error, `path` is as it was
    before, and the articles stay in the partial file; to write the page so far all the same, call `write`.

    Only the counts are in memory, so 10,000 photos need no more memory than ten. The disk must hold the page twice
    while it is being finished.

    keep, photos: as of PhotoFile

    Raises SegmentationError if the page cannot be written, or cannot be added to.
    """

    format: PageFormat

    def __init__(self, path: AnyPath, title: str, keep: bool = False, photos: Sequence[str] = ()):
        super().__init__(path, PageFormat(title), keep, photos)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: object) -> None:
        if error is None:
            self.finish()
        else:
            self.stop(error)

    def stop(self, error: Optional[BaseException] = None) -> None:
        if isinstance(error, KeyboardInterrupt) and self.begun and self.records:
            self.format.note = STOPPED
            self.write()
            self.discard()
        super().stop(error)

    def add(self, name: str, image: np.ndarray, found: Instances, labels: Sequence[str],
            colors: Sequence[Color]) -> None:
        """Add a photo and its objects; only their counts are kept in memory.

        name: the photo's path, the heading above the picture
        image: BGR uint8 (H, W, 3), not drawn on
        found: Instances of the picture
        labels: the name of each class
        colors: a (B, G, R) for each object
        """
        names = [labels[class_id] for class_id in found.class_ids]
        model = self.format.made.model if self.format.made else ""
        self.append(name, article(name, image, found, names, colors, model), Counter(names))

    def add_failure(self, name: str, reason: str) -> None:
        """Add a photo that could not be segmented, and why; not in place of what an earlier run found in it."""
        if not self.holds(name):
            self.append(name, failed_article(name, reason), Counter(), whole=False)


def read_article(file: BinaryIO) -> list[bytes]:
    """The next lines of a file, to the end of an article; a line that is of no article is alone.

    Without the end of an article if that is missing; empty at the end of the file.
    """
    lines = [line] if (line := file.readline()) else []
    if line and about_of(line):
        while line and line != END:
            line = file.readline()
            lines.append(line)
    return lines


def ends_page(file: BinaryIO) -> bool:
    """Whether the rest of a file is the end of a page."""
    return file.read().endswith(b"</html>\n")


def made_by(made: Made) -> str:
    """What made the page, HTML: one line, and the whole hash when the pointer is over it."""
    return (f'<p class="made">Found by <b title="SHA-256 {made.sha256}">{escape(made.model)}</b> '
            f'(SHA-256 {made.sha256[:12]}&hellip;) on {escape(made.engine)}, size {made.size_text}, confidence above '
            f'{made.confidence:g}, {made.day}, {PROGRAM} {made.version}.</p>\n')


def totals(pictures: int, objects: Mapping[str, int], failed: int) -> str:
    """The line under the title, such as "3 pictures, 21 objects, 12 classes", HTML.

    objects: how many there are, by label; failed: how many photos could not be segmented
    """
    counts = [counted(pictures, "picture", style=","), counted(sum(objects.values()), "object", style=","),
              counted(len(objects), "class", "classes", ",")]
    if failed:
        counts.append(f'<a href="#failure-1">{failed:,} failed</a>')
    return ", ".join(counts)


def chart(objects: Mapping[str, int], shown_in: Mapping[str, int]) -> str:
    """A bar for each class, the most frequent first, HTML; those after the first BARS are folded away.

    objects, shown_in: by label, how many objects there are, and in how many pictures
    """
    ranked = sorted(objects.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return paragraph("nothing", "Nothing found.")
    bars = [f'<button type="button" aria-pressed="false" tabindex="{0 if i in (0, BARS) else -1}" '
            f'style="--part:{count / ranked[0][1]:.4f}"><span class="label">{escape(name)}</span> '
            f'<span class="bar"></span> <span class="count">{count:,}</span> '
            f'<small>in {counted(shown_in[name], "picture", style=",")}</small></button>\n'
            for i, (name, count) in enumerate(ranked)]
    rest = counted(len(bars) - BARS, "more class", "more classes")
    more = f"<details>\n<summary>{rest}</summary>\n{toolbar(bars[BARS:])}</details>\n" if bars[BARS:] else ""
    return toolbar(bars[:BARS]) + more


def toolbar(bars: Sequence[str]) -> str:
    """A group of bars, HTML."""
    return ('<div class="bars" role="toolbar" aria-orientation="vertical" aria-label="Show the pictures of one '
            f'class">\n{"".join(bars)}</div>\n')
