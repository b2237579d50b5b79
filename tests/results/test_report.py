"""The report: what the page holds, and that it appears whole or not at all."""

import base64
import os
import re
import tracemalloc
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.results.articles import LONG_SIDE, article, outline
from segmentation.results.report import BARS, Report, chart

LABELS = ("person", "dog", 'a "great" <b>cat</b> & co.', *(f"class {i}" for i in range(3, 20)))
COLORS = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255)]
PICTURE = np.full((300, 400, 3), 128, np.uint8)
NASTY = '<script>alert("x")</script> & \'y\'.jpg'


def instances(*rows, image_hw=(300, 400)):
    """Instances of (class_id, x0, y0, x1, y1) whose masks fill their boxes; scores 0.9, 0.8, ..."""
    rows = np.int32(rows).reshape(-1, 5)
    return Instances(rows[:, 1:], np.float32(0.9 - 0.1 * np.arange(len(rows))), rows[:, 0],
                     np.ones((len(rows), 15, 15), np.float32), image_hw)


TWO = instances((0, 20, 30, 120, 280), (1, 200, 100, 380, 220))


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), and all of its text but scripts and styles."""

    VOID = ("meta", "link", "img", "path")

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(text)
        assert not self.open, "not closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.elements
                if name == tag and all(attrs.get(key) == value for key, value in wanted.items())]


def make(path, *pictures, title="Run", failures=()):
    """A report of (name, Instances) at path, as a Page."""
    with Report(path, title) as report:
        for name, found in pictures:
            report.add(name, PICTURE, found, LABELS, COLORS)
        for name, reason in failures:
            report.add_failure(name, reason)
    return Page(path.read_text(encoding="utf-8"))


def test_every_object_has_a_button_and_a_path(tmp_path):
    page = make(tmp_path / "r.html", ("a.jpg", TWO), ("b.jpg", instances()), ("c.jpg", TWO))
    assert len(page.all("article")) == len(page.all("img", loading="lazy")) == 3
    assert [path["data-object"] for path in page.all("path") if "data-object" in path] == ["0", "1"] * 2
    colors = [button["style"] for button in page.all("button") if button["style"].startswith("--c")]
    assert colors == ["--c:#ff0000", "--c:#00ff00"] * 2
    assert "person 0.9000 box 100 \u00d7 250, mask 25,000 pixels" in page.text
    assert "dog 0.8000 box 180 \u00d7 120, mask 21,600 pixels" in page.text
    assert "Nothing found in this picture." in page.text
    assert [image["alt"] for image in page.all("img")] == ["Photo of: person, dog", "Photo, nothing found in it",
                                                           "Photo of: person, dog"]


def test_the_counts_are_those_of_the_whole_run(tmp_path):
    people = instances((0, 0, 0, 9, 9), (0, 20, 0, 29, 9), (0, 40, 0, 49, 9))
    page = make(tmp_path / "r.html", ("a.jpg", TWO), ("b.jpg", people), failures=[("c.jpg", "the file is empty")])
    assert "2 pictures, 5 objects, 2 classes, 1 failed" in page.text
    assert "person  4 in 2 pictures" in page.text and "dog  1 in 1 picture" in page.text
    assert [bar["style"] for bar in page.all("button") if "--part" in bar["style"]] == ["--part:1.0000",
                                                                                       "--part:0.2500"]
    assert page.all("article", id="failure-1") and "the file is empty" in page.text


def test_many_classes_are_folded_away():
    page = Page(chart(dict.fromkeys(LABELS, 1), dict.fromkeys(LABELS, 1)))
    assert len(page.all("button")) == len(LABELS) and len(page.all("details")) == 1
    assert len(page.all("button", tabindex="0")) == 2 and f"{len(LABELS) - BARS} more classes" in page.text


def test_names_are_escaped(tmp_path):
    found = instances((2, 0, 0, 9, 9))
    page = make(tmp_path / "r.html", (NASTY, found), title=NASTY, failures=[("b" + NASTY, NASTY)])
    assert len(page.all("script")) == 1 and not page.all("b")
    assert page.text.count(NASTY) == 5  # title, h1, h2, and the failure's name and reason
    assert LABELS[2] in page.text and page.all("img", alt=f"Photo of: {LABELS[2]}")
    assert page.all("div", **{"aria-label": f"Objects in {NASTY}"})


def test_a_name_that_is_no_text_is_shown_all_the_same(tmp_path):
    assert "b\\udcff.jpg" in make(tmp_path / "r.html", ("b\udcff.jpg", TWO)).text


def test_a_title_may_hold_what_a_template_means_something_by(tmp_path):
    assert "$chart {x} <!-- pictures -->" in make(tmp_path / "r.html", title="$chart {x} <!-- pictures -->").text


def test_a_run_without_pictures_is_a_page(tmp_path):
    page = make(tmp_path / "r.html")
    assert "0 pictures, 0 objects, 0 classes" in page.text and not page.all("article")


def test_the_page_names_no_other_file(tmp_path):
    make(tmp_path / "r.html", ("a.jpg", TWO))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|url\(", text)
    assert all(url.startswith(("data:", "#")) for url in re.findall(r'(?:src|href)="([^"]*)', text))


@pytest.mark.parametrize("image_hw, expected_hw", [((300, 400), (300, 400)), ((1500, 3000), (640, 1280)),
                                                   ((3, 5000), (1, 1280)), ((1, 1), (1, 1))])
def test_pictures_are_as_large_as_they_need_be(image_hw, expected_hw):
    image = np.full((*image_hw, 3), (10, 200, 90), np.uint8)
    page = Page(article("a.jpg", image, instances(image_hw=image_hw), [], []))
    jpeg = base64.b64decode(page.all("img")[0]["src"].split(",")[1])
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (*expected_hw, 3) and max(shown.shape) <= LONG_SIDE
    assert np.abs(shown.astype(int) - (10, 200, 90)).max() < 5
    assert page.all("svg")[0]["viewbox"] == f"0 0 {image_hw[1]} {image_hw[0]}"


def filled(path, image_hw):
    """The pixels whose middles an SVG path encloses, by evenodd; bool (H, W)."""
    scale, inside = 8, np.zeros(image_hw, bool)
    for part in path.split("M")[1:]:
        points = np.int32(part.rstrip("z").split()).reshape(-1, 2)
        large = np.zeros((image_hw[0] * scale, image_hw[1] * scale), np.uint8)
        cv2.fillPoly(large, [points * scale], 1)
        inside ^= large[scale // 2::scale, scale // 2::scale].astype(bool)
    return inside


def test_outlines_follow_the_edges_of_pixels():
    mask = np.zeros((60, 80), bool)
    mask[5:50, 10:70] = True
    mask[15:30, 20:40] = False  # a hole
    mask[55, 3] = True          # and a pixel by itself
    path = outline(mask, (100, 200), 0.7)
    assert np.array_equal(filled(path, (300, 200))[200:260, 100:180], mask) and path.count("M") == 3


def test_outlines_are_small_and_close():
    yy, xx = np.mgrid[:400, :400]
    mask = (np.hypot(xx - 200, yy - 180) < 150) & (np.hypot(xx - 150, yy - 180) > 60)
    path = outline(mask, (0, 0), 0.7)
    assert np.count_nonzero(filled(path, mask.shape) != mask) < 0.01 * mask.sum() and len(path) < 1500


def test_an_object_without_a_pixel_has_an_empty_path():
    assert outline(np.zeros((4, 5), bool), (7, 7), 0.7) == ""


def test_small_objects_lie_above_large_ones():
    found = instances((0, 10, 10, 20, 20), (1, 0, 0, 300, 300), (0, 30, 30, 90, 90))
    page = Page(article("a.jpg", PICTURE, found, ["person", "dog", "person"], COLORS))
    assert [path.get("data-object") for path in page.all("path")] == ["1", "2", "0", None]


def test_memory_does_not_grow_with_the_pictures(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    with Report(tmp_path / "r.html", "Run") as report:
        tracemalloc.start()
        report.add("first.jpg", noise, TWO, LABELS, COLORS)
        before = tracemalloc.get_traced_memory()[0]
        for i in range(20):
            report.add(f"{i}.jpg", noise, TWO, LABELS, COLORS)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert report.file.size > 20 * 50_000 and grown < 20_000


def test_the_page_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "r.html"
    with Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        assert not path.exists()
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_page_is_as_before_and_the_articles_are_kept(tmp_path, capsys):
    path = tmp_path / "r.html"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        raise ZeroDivisionError
    assert sorted(os.listdir(tmp_path)) == ["r.html", "r.partial.html"] and path.read_text() == "before"
    assert capsys.readouterr().err == f"[INFO] the report so far is kept in {tmp_path / 'r.partial.html'}\n"


def test_an_error_before_the_first_photo_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), Report(tmp_path / "r.html", "Run"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_what_there_is(tmp_path):
    path = tmp_path / "r.html"
    with pytest.raises(KeyboardInterrupt), Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        raise KeyboardInterrupt
    page = Page(path.read_text(encoding="utf-8"))
    assert "1 picture, 2 objects" in page.text and "stopped before its end" in page.text
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_may_be_written_before_the_end(tmp_path):
    path = tmp_path / "r.html"
    with Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        report.write()
        assert "1 picture, 2 objects" in Page(path.read_text(encoding="utf-8")).text
        report.add("b.jpg", PICTURE, TWO, LABELS, COLORS)
    assert len(Page(path.read_text(encoding="utf-8")).all("article")) == 2


class Full:
    """A file of which only the first half of what is written arrives."""

    def __init__(self, file, error):
        self.file, self.error, self.seek, self.truncate = file, error, file.seek, file.truncate

    def write(self, data):
        self.file.write(data[:len(data) // 2])
        raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_half_an_article_is_not_in_the_page(tmp_path, error):
    path = tmp_path / "r.html"
    with Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        file, report.file.file = report.file.file, Full(report.file.file, error)
        with pytest.raises((SegmentationError, KeyboardInterrupt), match=r"cannot write .*html: No space|^$"):
            report.add("b.jpg", PICTURE, TWO, LABELS, COLORS)
        report.file.file = file
    page = Page(path.read_text(encoding="utf-8"))
    assert len(page.all("article")) == 1 and "1 picture, 2 objects" in page.text and "b.jpg" not in page.text


def test_a_path_that_cannot_be_written_is_one_error_at_the_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SegmentationError, match=r"cannot write .*r\.partial\.html: (File exists|Not a directory)"):
        Report(tmp_path / "file" / "r.html", "Run")
    with pytest.raises(SegmentationError, match="it is a folder"):
        Report(tmp_path, "Run")
