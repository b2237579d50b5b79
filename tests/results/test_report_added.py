"""The report of several runs: the page is that of one run, wherever those before were killed."""

import re

import pytest
from results.test_report import COLORS, LABELS, NASTY, PICTURE, TWO, instances, make

from segmentation import SegmentationError
from segmentation.results.report import Report

OTHERS = ["b.jpg", NASTY, "c\u00fc.jpg", "d\udcff.jpg", "line\nline.jpg", "-"]


@pytest.fixture
def whole(tmp_path):
    """The bytes of the page of a run over a.jpg and OTHERS, of which b.jpg failed and one shows nothing."""
    with Report(tmp_path / "whole.html", "Run") as report:
        add_all(report)
    return (tmp_path / "whole.html").read_bytes()


def add_all(report):
    report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
    add_others(report)


def add_others(report):
    report.add_failure("b.jpg", "it is <no> photo")
    for name in OTHERS[1:]:
        report.add(name, PICTURE, instances() if name == "-" else TWO, LABELS, COLORS)


def test_a_finished_page_is_added_to(tmp_path, whole):
    path, photos = tmp_path / "r.html", ["a.jpg", *OTHERS]
    with Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        report.add_failure("b.jpg", "it is another photo")
    with Report(path, "Run", keep=True, photos=photos) as report:
        assert [name for name in photos if report.holds(name)] == ["a.jpg"]
        add_others(report)
    assert path.read_bytes() == whole
    with Report(path, "Run", keep=True, photos=photos) as report:
        assert [name for name in photos if not report.holds(name)] == ["b.jpg"]
        report.add_failure("b.jpg", "it is <no> photo")
    assert path.read_bytes() == whole and not (tmp_path / "r.partial.html").exists()


def test_a_page_is_the_same_wherever_the_run_before_was_killed(tmp_path, whole):
    partial, photos = tmp_path / "r.partial.html", ["a.jpg", *OTHERS]
    report = Report(tmp_path / "r.html", "Run")
    add_all(report)
    report.file.file.close()
    articles = partial.read_bytes()
    assert articles.startswith(b"<article") and articles.endswith(b"</article>\n")
    for end in (0, 1, 500, articles.index(b"</article>") + 4, articles.index(b"</article>") + 11, len(articles) // 2,
                len(articles) - 1, len(articles)):
        partial.write_bytes(articles[:end])
        with Report(tmp_path / "r.html", "Run", keep=True, photos=photos) as report:
            for name in photos:
                if name == "b.jpg":
                    report.add_failure(name, "it is <no> photo")
                elif not report.holds(name):
                    report.add(name, PICTURE, instances() if name == "-" else TWO, LABELS, COLORS)
        assert (tmp_path / "r.html").read_bytes() == whole and not partial.exists()
        (tmp_path / "r.html").unlink()


def test_a_page_with_a_note_is_added_to_and_loses_the_note(tmp_path, whole):
    path = tmp_path / "r.html"
    with pytest.raises(KeyboardInterrupt), Report(path, "Run") as report:
        report.add("a.jpg", PICTURE, TWO, LABELS, COLORS)
        raise KeyboardInterrupt
    with Report(path, "Run", keep=True, photos=["a.jpg", *OTHERS]) as report:
        add_others(report)
    assert path.read_bytes() == whole


def test_what_this_run_was_not_given_stays_before_its_photos(tmp_path):
    path = tmp_path / "r.html"
    for photos in (["b.jpg", "c.jpg"], ["a.jpg", "d.jpg"]):
        with Report(path, "Run", keep=True, photos=photos) as report:
            for name in reversed(photos):
                report.add(name, PICTURE, TWO, LABELS, COLORS)
    heads = re.findall(r"<h2>(\w\.jpg)</h2>", path.read_text())
    assert heads == ["b.jpg", "c.jpg", "a.jpg", "d.jpg"]


def test_an_earlier_article_stays_when_its_photo_fails(tmp_path):
    path = tmp_path / "r.html"
    make(path, ("a.jpg", TWO))
    with Report(path, "Run", keep=True) as report:
        report.add_failure("a.jpg", "it is gone")
    assert "1 picture, 2 objects, 2 classes" in path.read_text() and "it is gone" not in path.read_text()


@pytest.mark.parametrize("change", [
    lambda page: b"<html><body>mine</body></html>\n", lambda page: page[:len(page) // 2], lambda page: b"",
    lambda page: page.replace(b"data-photo=", b"data-photos="), lambda page: page.replace(b"{&quot;file", b"{&quot;f"),
    lambda page: page.replace(b"&quot;person&quot;: 1", b"&quot;person&quot;: null"), lambda page: page[:-9],
    lambda page: page.replace(b"</article>\n</section>", b"</section>"), lambda page: b"\xff\xfe" * 500])
def test_a_page_that_no_run_has_written_is_refused_and_stays(tmp_path, change):
    path = tmp_path / "r.html"
    make(path, ("a.jpg", TWO))
    path.write_bytes(change(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(SegmentationError, match=r"cannot add to .*r\.(partial\.)?html, which no run of this kind has "
                                                "written, or it is broken"):
        Report(path, "Run", keep=True)
    assert path.read_bytes() == before
