"""What results say of what made them, and that what two models have found is not mixed."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MADE
from PIL import Image

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.network.made import demo_warning
from segmentation.pictures import has_mark, write_picture
from segmentation.results.outputs import ResultOptions
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenFrame, SeenPhoto
from segmentation.results.timeline import Timeline
from segmentation.results.video_results import VideoResults

LABELS = ("person", "dog")
IMAGE = np.full((60, 80, 3), 128, np.uint8)
FOUND = Instances(np.int32([[10, 20, 30, 50]]), np.float32([0.9]), np.int32([1]), np.ones((1, 15, 15), np.float32),
                  (60, 80))
DEMO = dataclasses.replace(MADE, model="demo", demo=demo_warning(LABELS[:1], LABELS))


def write(options, made, photo="a.jpg", **modes):
    """A run that finds a dog in a photo."""
    with PhotoFiles(options, ["a.jpg", "b.jpg"], **modes) as files:
        results = PhotoResults(options, LABELS, made, files, hides=False)
        results.add(SeenPhoto(IMAGE, FOUND, files.image_ids[photo], photo, Path(photo)), IMAGE, [(0, 0, 255)])
        files.finish()


def test_another_resizing_is_said_where_the_size_is():
    other = dataclasses.replace(MADE, size="keep", resizing="tensorflow")
    assert "size keep resized as by tensorflow" in other.text
    assert other.info()["size"] == "keep resized as by tensorflow"
    assert dataclasses.replace(MADE, size=(800, 600)).info()["size"] == "800x600"


def test_info_has_coco_s_keys_and_ours(tmp_path):
    options = ResultOptions(json=tmp_path / "o.json")
    write(options, dataclasses.replace(MADE, size=(800, 600)))
    info = json.loads((tmp_path / "o.json").read_text())["info"]
    assert info["date_created"] == MADE.day and info["year"] == int(MADE.day[:4])
    assert (info["model"], info["sha256"], info["engine"], info["size"], info["confidence"]) == (
        "stub", "0" * 64, "nothing", "800x600", 0.5)
    assert "warning" not in info


def test_the_page_says_in_its_head_what_made_it(tmp_path):
    options = ResultOptions(report=tmp_path / "o.html")
    write(options, dataclasses.replace(MADE, model="<b>own</b>"))
    head = (tmp_path / "o.html").read_text().split("<main>")[0]
    assert "&lt;b&gt;own&lt;/b&gt;" in head and MADE.sha256 in head and MADE.day in head and MADE.version in head
    assert "demo graph" not in head


def test_results_of_the_demo_graph_say_so(tmp_path):
    options = ResultOptions(json=tmp_path / "o.json", report=tmp_path / "o.html")
    write(options, DEMO)
    warning = json.loads((tmp_path / "o.json").read_text())["info"]["warning"]
    assert "only 1 of the 2 kinds of object" in warning
    assert warning in (tmp_path / "o.html").read_text().split("<main>")[0]


@pytest.mark.parametrize("name", ["o.json", "o.jsonl", "o.csv", "o.html"])
def test_what_another_model_has_found_is_not_added_to(tmp_path, name):
    kind = {"o.csv": "csv", "o.html": "report"}.get(name, "json")
    options = ResultOptions(**{kind: tmp_path / name})
    write(options, DEMO)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(SegmentationError, match=f"cannot add to .*{name}: .* found by demo, and this run uses stub"):
        write(options, MADE, "b.jpg", keep=True)
    assert (tmp_path / name).read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    write(options, DEMO, "b.jpg", keep=True)
    assert len((tmp_path / name).read_bytes()) > len(before)
    write(options, MADE, overwrite=True)
    write(options, MADE, "b.jpg", keep=True)


def test_a_partial_file_of_another_model_is_not_added_to(tmp_path):
    options = ResultOptions(csv=tmp_path / "o.csv")
    with pytest.raises(ZeroDivisionError), PhotoFiles(options, ["a.jpg"]) as files:
        results = PhotoResults(options, LABELS, DEMO, files, hides=False)
        results.add(SeenPhoto(IMAGE, FOUND, 1, "a.jpg", Path("a")), IMAGE, [(0, 0, 255)])
        raise ZeroDivisionError
    with pytest.raises(SegmentationError, match="found by demo"):
        write(options, MADE, "b.jpg", keep=True)
    assert (tmp_path / "o.partial.csv").read_text().count("\n") == 2


def test_rows_of_a_video_have_the_model_s_name(tmp_path):
    options = ResultOptions(json=tmp_path / "o.jsonl", csv=tmp_path / "o.csv")
    with VideoResults(options, LABELS, MADE, 25) as results:
        results.add(SeenFrame(IMAGE, FOUND, 0, 0))
        paths = [temporary for temporary, _ in results.complete()]
    assert json.loads(paths[0].read_text())["model"] == "stub"
    assert [line.rpartition(",")[2] for line in paths[1].read_text().splitlines()] == ["model", "stub"]


@pytest.mark.parametrize("text", ["own (SHA-256 0)", "a network of Müller's, 網路", "\udcff", ""])
def test_pictures_hold_what_made_them_and_look_the_same(tmp_path, text):
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name, IMAGE, text if name == "a.png" else "")
    assert np.array_equal(*(cv2.imread(str(tmp_path / name)) for name in ("a.png", "b.png")))
    with Image.open(tmp_path / "a.png") as opened:
        opened.load()
        assert opened.info.get("Description", "") == text.replace("\udcff", r"\udcff")
    write_picture(tmp_path / "a.jpg", IMAGE, text)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert text.replace("\udcff", r"\udcff") in opened.info["comment"].decode()
    assert has_mark(tmp_path / "a.png") and has_mark(tmp_path / "a.jpg")


def test_a_text_that_is_too_long_for_a_jpeg_is_cut_off(tmp_path):
    write_picture(tmp_path / "a.jpg", IMAGE, "x" * 70_000)
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == IMAGE.shape


def test_the_plot_of_a_video_holds_what_made_it(tmp_path):
    pytest.importorskip("matplotlib")
    timeline = Timeline()
    timeline.add(0, ["dog"])
    timeline.write(tmp_path / "o.png", made=MADE.text)
    with Image.open(tmp_path / "o.png") as opened:
        assert opened.info["Description"] == MADE.text
