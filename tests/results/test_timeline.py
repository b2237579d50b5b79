"""--timeline: counts over time, kept in bounded memory, and the plot of them."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from segmentation import SegmentationError
from segmentation.results.timeline import POINTS, ROWS, Timeline


@pytest.fixture(scope="module", autouse=True)
def packages():
    pytest.importorskip("matplotlib", reason="--timeline needs the package matplotlib")


def filled(frames, rate=25, state=None, begin=0):
    """A Timeline of a cat in every frame and a dog in every other."""
    timeline = Timeline(state)
    for i in range(begin, frames):
        timeline.add(i / rate, ["cat"] + ["dog"] * (i % 2))
    return timeline


def test_rows_count_the_objects_of_each_frame():
    timeline = Timeline()
    for second, labels in enumerate((["dog", "cat", "dog"], [], {"dog": 1})):
        timeline.add(second, labels)
    assert timeline.rows() == [("dog", [2, 0, 1]), ("cat", [1, 0, 0])]
    assert timeline.edges() == [0, 1, 2, 3]


def test_a_step_lasts_until_the_next_frame():
    timeline = Timeline()
    for at in (10, 10.5, 12):
        timeline.add(at, ["cat"])
    assert timeline.edges() == [10, 10.5, 12, 13]


def test_hours_are_averages_in_bounded_memory():
    timeline = filled(10 * POINTS + 1)
    assert POINTS / 2 <= len(timeline.points) <= POINTS and timeline.frames == 16
    (cat, cats), (dog, dogs) = timeline.rows()
    assert (cat, dog) == ("cat", "dog") and set(cats) == {1} and set(dogs[:-1]) == {0.5}
    assert sum(frames for _, frames, _ in timeline.points) == 10 * POINTS + 1
    assert timeline.edges() == sorted(timeline.edges())


@pytest.mark.parametrize("stop", [0, 1, POINTS - 1, POINTS, POINTS + 1, 2 * POINTS + 3])
def test_a_run_that_was_stopped_gives_the_plot_of_one_that_was_not(stop):
    whole, first = filled(3 * POINTS), filled(stop)
    state = first.state()
    text = json.dumps(state)
    first.add(stop, ["dog"])
    assert json.dumps(state) == text
    assert filled(3 * POINTS, state=json.loads(text), begin=stop).state() == whole.state()


def test_the_rarest_of_many_classes_share_a_row():
    timeline = Timeline()
    timeline.add(0, {f"class {i}": 20 - i for i in range(12)})
    rows = timeline.rows()
    assert len(rows) == ROWS + 1 and rows[0] == ("class 0", [20]) and rows[-1] == ("4 others", [12 + 11 + 10 + 9])


def test_a_ninth_class_is_named():
    timeline = Timeline()
    timeline.add(0, [f"class {i}" for i in range(9)])
    assert [label for label, _ in timeline.rows()] == [f"class {i}" for i in range(9)]


@pytest.mark.parametrize("frames", [0, 1, 2, 125])
def test_the_plot_is_a_picture(tmp_path, frames):
    colors = {"cat": (255, 0, 0), "dog": (0, 160, 255)}
    filled(frames).write(tmp_path / "new" / "plot.png", colors, "$a_clip$.mp4")
    with Image.open(tmp_path / "new" / "plot.png") as picture:
        assert picture.format == "PNG" and picture.width == 1200
    assert len(list(tmp_path.rglob("*"))) == 2


def test_classes_have_their_colours(tmp_path):
    timeline = Timeline()
    timeline.add(0, ["cat"])
    timeline.write(tmp_path / "plot.png", {"cat": (0, 0, 255)})
    pixels = np.asarray(Image.open(tmp_path / "plot.png").convert("RGB")).reshape(-1, 3)
    assert (pixels == np.round(255 * np.array([1, 0.45, 0.45]))).all(1).mean() > 0.2


def test_names_are_no_formulas(tmp_path):
    timeline = Timeline()
    timeline.add(0, [r"$\broken{$"])
    timeline.write(tmp_path / "plot.png")


def test_pyplot_is_left_alone(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib.pyplot")]:
        monkeypatch.delitem(sys.modules, name)
    filled(5).write(tmp_path / "plot.png")
    assert "matplotlib.pyplot" not in sys.modules


def test_a_plot_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SegmentationError, match=r"cannot write .*plot\.png"):
        filled(5).write(tmp_path / "file" / "plot.png")


def test_a_missing_package_is_named_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SegmentationError, match="--timeline needs another package: pip install matplotlib"):
        Timeline()
