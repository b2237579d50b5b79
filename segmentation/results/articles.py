"""The articles of the report's page, HTML: a photo with its masks and the list of its objects, or one that failed.

The first line of each says what the page must know of it when a later run adds to it: its photo and counts.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape, unescape
from typing import Any, Optional, Union

import cv2
import numpy as np

from segmentation.drawing.palettes import Color
from segmentation.instances import Instances
from segmentation.polygons import find_edges
from segmentation.wording import counted

LONG_SIDE = 1280  # pixels, at most, of a picture in the page
JPEG_QUALITY = 85
TOLERANCE = 0.7  # pixels of the page's picture that an outline may be off; a mask of one pixel is still there

# The first and the last line of an article, as bytes.
BEGIN = re.compile(rb'<article(?: class="failed" id="failure-\d+")? data-photo="([^"]*)">\n')
END = b"</article>\n"


def article(name: str, image: np.ndarray, found: Instances, names: Sequence[str], colors: Sequence[Color],
            model: str = "") -> str:
    """A picture of the page with its masks and the list of its objects, HTML.

    names: the label of each object; model: the name of what has found them, empty if it is not known
    """
    height, width = image.shape[:2]
    shapes = [f'<path data-object="{i}" style="--c:{css(colors[i])}" d="{outline_of(found, i)}">'
              f"<title>{escape(names[i])} {found.scores[i]:.2f}</title></path>\n"
              for i in sorted(range(len(found)), key=lambda i: -found.area(i))]  # small ones above large ones
    buttons = [object_button(names[i], found.scores[i], found.boxes[i], found.area(i), colors[i], first=i == 0)
               for i in range(len(found))]
    objects = (f'<div class="objects" role="toolbar" aria-orientation="vertical" '
               f'aria-label="Objects in {escape(name)}">\n{"".join(buttons)}</div>' if buttons
               else paragraph("nothing", "Nothing found in this picture."))
    about = {"file": name, "objects": Counter(names), **({"model": model} if model else {})}
    return (f"<article {data(about)}>\n<header><h2>{escape(name)}</h2>"
            f"<p>{width:,} &times; {height:,} pixels, {counted(len(found), 'object', style=',')}</p></header>\n"
            f'<div class="view"><div class="stage" style="--w:{width};--h:{height}">\n'
            f'<img loading="lazy" decoding="async" alt="{escape(contents(names))}" src="{data_url(image)}">\n'
            f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">\n{"".join(shapes)}'
            f'<path class="veil"/></svg>\n<p class="picked" aria-hidden="true"></p>\n</div></div>\n'
            f'<div class="list" style="--count:{len(found)}">{objects}</div>\n</article>\n')


def failed_article(name: str, reason: str) -> str:
    """A photo that could not be segmented, and why, HTML. Its number is set by `numbered`."""
    return (f'<article class="failed" id="failure-0" {data({"file": name})}>\n'
            f"<h2>{escape(name)}</h2>\n<p>{escape(reason)}</p>\n</article>\n")


def numbered(failed: bytes, number: int) -> bytes:
    """A failed_article as UTF-8 with its number."""
    return re.sub(rb'id="failure-\d+"', b'id="failure-%d"' % number, failed, count=1)


def data(about: Mapping[str, Any]) -> str:
    """The attribute that says what an article is about: {"file": its photo, "objects": counts by label, "model": what
    has found them}.
    """
    return f'data-photo="{escape(json.dumps(about))}"'


def about_of(line: bytes) -> Optional[dict[str, Any]]:
    """What `data` has written into the first line of an article; None for another line, ValueError for a broken one."""
    match = BEGIN.fullmatch(line)
    return json.loads(unescape(match.group(1).decode())) if match else None


def object_button(name: str, score: float, box_xyxy: np.ndarray, area: int, color: Color, first: bool) -> str:
    """An object in the list of its picture, HTML. The Tab key leads to the first, the arrow keys to the others."""
    x0, y0, x1, y1 = box_xyxy.tolist()
    return (f'<button type="button" aria-pressed="false" tabindex="{0 if first else -1}" style="--c:{css(color)}">'
            f'<span class="label">{escape(name)}</span> <span class="score">{score:.4f}</span> '
            f"<small>box {x1 - x0:,} &times; {y1 - y0:,}, mask {counted(area, 'pixel', style=',')}</small></button>\n")


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
    edges = find_edges(mask, corner_xy, tolerance)
    return "".join(f"M{' '.join(map(str, edge.ravel().tolist()))}z" for edge in edges)


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
