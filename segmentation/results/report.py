"""What a run found, as one HTML page to look through: Report.

    with Report("output/report.html", "Holiday") as report:
        report.add("beach.jpg", image, net(image), net.labels, colors)
        report.add_failure("broken.jpg", "it is no photo of a known format")

The page is one file that needs no network and no other file. Its styles and scripts are in report.html; this module
fills it. Pictures are JPEGs in base64, masks are SVG paths over them.
"""

import base64
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import IO, Optional, Union

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import complete_file, read_text, writing
from segmentation.instances import Instances
from segmentation.tracking.instance_ids import Color

LONG_SIDE = 1280  # pixels, at most, of a picture in the page
JPEG_QUALITY = 85
TOLERANCE = 0.7  # pixels of the page's picture that an outline may be off; a mask of one pixel is still there
BARS = 8  # classes that the chart shows; the others are folded away
PAGE = Path(__file__).with_suffix(".html")


class Report:
    """A page that appears at `path` when its block ends; a context manager.

    If Ctrl-C ends the block, the page appears too, with a note in it. After any other error, `path` is as it was
    before; to write the page so far all the same, call finish() inside the block.

    Pictures are kept in a temporary file without a name in the folder of `path`, which is gone even if the run is
    killed. Only the counts are in memory, so 10,000 photos need no more memory than ten. The disk must hold the page
    twice while it is being finished.

    articles: the temporary file, open inside the block; `end`: how many bytes of it are complete articles
    objects, shown_in: by label, how many objects there are, and in how many pictures

    Raises SegmentationError if the page cannot be written.
    """

    articles: IO[bytes]

    def __init__(self, path: Union[str, Path], title: str):
        self.path, self.title = Path(path), title
        self.pictures, self.failures, self.end = 0, 0, 0
        self.objects: Counter[str] = Counter()
        self.shown_in: Counter[str] = Counter()

    def __enter__(self) -> "Report":
        if self.path.is_dir():
            raise SegmentationError(f"cannot write {self.path}: it is a folder")
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.articles = tempfile.TemporaryFile(dir=self.path.parent)
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: object, trace: object) -> None:
        with self.articles:
            if kind is None:
                self.finish()
            elif issubclass(kind, KeyboardInterrupt):
                self.finish("The run was stopped before its end; what it had finished is here.")

    def add(self, name: str, image: np.ndarray, found: Instances, labels: Sequence[str],
            colors: Sequence[Color]) -> None:
        """Add a photo and its objects; only their counts are kept in memory.

        name: the heading above the picture
        image: BGR uint8 (H, W, 3), not drawn on
        found: Instances of the picture
        labels: the name of each class
        colors: a (B, G, R) for each object
        """
        names = [labels[class_id] for class_id in found.class_ids]
        self.append(article(name, image, found, names, colors))
        self.pictures += 1
        self.objects.update(names)
        self.shown_in.update(set(names))

    def add_failure(self, name: str, reason: str) -> None:
        """Add a photo that could not be segmented, and why."""
        self.append(f'<article class="failed" id="failure-{self.failures + 1}">\n'
                    f"<h2>{escape(name)}</h2>\n<p>{escape(reason)}</p>\n</article>\n")
        self.failures += 1

    def append(self, text: str) -> None:
        """Write text after the complete articles, over half an article that a full disk or Ctrl-C has left."""
        with writing(self.path):
            self.articles.seek(self.end)
            self.articles.write(encoded(text))
            self.articles.flush()
            self.end = self.articles.tell()

    def finish(self, note: str = "") -> None:
        """Write the page so far to `path`, `note` at its top; may be called again after more pictures."""
        head, foot = read_text(PAGE).split("<!-- pictures -->\n")
        head = Template(head).substitute(title=escape(self.title), note=paragraph("note", note),
                                         totals=self.totals(), chart=chart(self.objects, self.shown_in))
        with complete_file(self.path) as temporary, open(temporary, "wb") as page:
            page.write(encoded(head))
            self.articles.truncate(self.end)
            self.articles.seek(0)
            shutil.copyfileobj(self.articles, page)
            page.write(encoded(foot))

    def totals(self) -> str:
        """The line under the title, such as "3 pictures, 21 objects, 12 classes"."""
        counts = [number(self.pictures, "picture"), number(sum(self.objects.values()), "object"),
                  number(len(self.objects), "class", "classes")]
        if self.failures:
            counts.append(f'<a href="#failure-1">{self.failures:,} failed</a>')
        return ", ".join(counts)


def article(name: str, image: np.ndarray, found: Instances, names: Sequence[str], colors: Sequence[Color]) -> str:
    """A picture of the page with its masks and the list of its objects, HTML; names: the label of each object."""
    height, width = image.shape[:2]
    shapes = [f'<path data-object="{i}" style="--c:{css(colors[i])}" d="{outline_of(found, i)}">'
              f"<title>{escape(names[i])} {found.scores[i]:.2f}</title></path>\n"
              for i in sorted(range(len(found)), key=lambda i: -found.area(i))]  # small ones above large ones
    buttons = [object_button(names[i], found.scores[i], found.boxes[i], found.area(i), colors[i], first=i == 0)
               for i in range(len(found))]
    objects = (f'<div class="objects" role="toolbar" aria-orientation="vertical" '
               f'aria-label="Objects in {escape(name)}">\n{"".join(buttons)}</div>' if buttons
               else paragraph("nothing", "Nothing found in this picture."))
    return (f"<article>\n<header><h2>{escape(name)}</h2>"
            f"<p>{width:,} &times; {height:,} pixels, {number(len(found), 'object')}</p></header>\n"
            f'<div class="view"><div class="stage" style="--w:{width};--h:{height}">\n'
            f'<img loading="lazy" decoding="async" alt="{escape(contents(names))}" src="{data_url(image)}">\n'
            f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">\n{"".join(shapes)}'
            f'<path class="veil"/></svg>\n<p class="picked" aria-hidden="true"></p>\n</div></div>\n'
            f'<div class="list" style="--count:{len(found)}">{objects}</div>\n</article>\n')


def object_button(name: str, score: float, box_xyxy: np.ndarray, area: int, color: Color, first: bool) -> str:
    """An object in the list of its picture, HTML. The Tab key leads to the first, the arrow keys to the others."""
    x0, y0, x1, y1 = box_xyxy.tolist()
    return (f'<button type="button" aria-pressed="false" tabindex="{0 if first else -1}" style="--c:{css(color)}">'
            f'<span class="label">{escape(name)}</span> <span class="score">{score:.4f}</span> '
            f"<small>box {x1 - x0:,} &times; {y1 - y0:,}, mask {area:,} pixels</small></button>\n")


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
            f'<small>in {number(shown_in[name], "picture")}</small></button>\n'
            for i, (name, count) in enumerate(ranked)]
    rest = number(len(bars) - BARS, "more class", "more classes")
    more = f"<details>\n<summary>{rest}</summary>\n{toolbar(bars[BARS:])}</details>\n" if bars[BARS:] else ""
    return toolbar(bars[:BARS]) + more


def toolbar(bars: Sequence[str]) -> str:
    """A group of bars, HTML."""
    return ('<div class="bars" role="toolbar" aria-orientation="vertical" aria-label="Show the pictures of one '
            f'class">\n{"".join(bars)}</div>\n')


def outline_of(found: Instances, i: int) -> str:
    """The outline of object i as the data of an SVG path, in pixels of the picture."""
    scale = min(1, LONG_SIDE / max(found.image_hw))
    return outline(found.mask(i), found.boxes[i, :2], TOLERANCE / scale)


def outline(mask: np.ndarray, corner_xy: Union[Sequence[int], np.ndarray], tolerance: float) -> str:
    """The edge of a mask as the data of an SVG path, for fill-rule evenodd; empty for an empty mask.

    mask: bool (h, w)
    corner_xy: the upper left corner of the mask in the picture
    tolerance: how far the path may be from the edge, in pixels

    >>> outline(np.ones((2, 3), bool), (10, 20), 0.5)
    'M10 20 10 22 13 22 13 20z'
    """
    # cv2.findContours gives the middles of pixels. After the mask has grown by one pixel to the right and below, their
    # numbers are those of its edges. The same is true of a hole, which shrinks.
    grown = cv2.dilate(np.pad(mask.view(np.uint8), ((0, 1), (0, 1))), np.ones((2, 2), np.uint8), anchor=(1, 1))
    contours, _ = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    points = [(cv2.approxPolyDP(contour, tolerance, True).reshape(-1, 2) + corner_xy).ravel() for contour in contours]
    return "".join(f"M{' '.join(map(str, numbers.tolist()))}z" for numbers in points)


def data_url(image: np.ndarray) -> str:
    """A picture, BGR uint8 (H, W, 3), as the data URL of a JPEG whose long side is at most LONG_SIDE."""
    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale < 1:
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def contents(names: Sequence[str]) -> str:
    """What a picture shows, in words, for readers who do not see it.

    >>> contents(["dog", "person", "dog"])
    'Photo of: dog (2), person'
    """
    counts = Counter(names)
    words = [f"{name} ({count})" if count > 1 else name for name, count in counts.items()]
    return f"Photo of: {', '.join(words)}" if words else "Photo, nothing found in it"


def number(count: int, one: str, many: Optional[str] = None) -> str:
    """A count and its noun.

    >>> number(1, "picture"), number(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def paragraph(kind: str, text: str) -> str:
    """A text as a paragraph of the class `kind`, HTML; empty without a text."""
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def css(color: Color) -> str:
    """A (B, G, R) as a colour of CSS.

    >>> css((0, 128, 255))
    '#ff8000'
    """
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def encoded(text: str) -> bytes:
    """Text as UTF-8; a byte of a file name that is no text becomes \\udc.. ."""
    return text.encode("utf-8", "backslashreplace")
