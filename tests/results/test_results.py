"""ResultOptions, PhotoResults and VideoResults on small arrays, without a network."""

import dataclasses
import json
import os
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MADE

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.results.articles import data_url
from segmentation.results.outputs import HIDING, ResultOptions, check_hiding
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenFrame, SeenPhoto
from segmentation.results.video_results import VideoResults
from segmentation.search import NAME_BYTES

LABELS = tuple(f"class {number}" for number in range(90))
COLORS = [(0, 0, 255), (0, 255, 0)]
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
FOUND = Instances(np.int32([[10, 20, 30, 50], [40, 0, 80, 60]]), np.float32([0.9, 0.75]), np.int32([2, 0]),
                  np.ones((2, 15, 15), np.float32), (60, 80))


def photo(number, file, name="a"):
    return SeenPhoto(IMAGE, FOUND, number, file, Path(name))


def frame(number, tracks=None):
    return SeenFrame(IMAGE, FOUND, number, number / 25, tracks)


@contextmanager
def photo_results(options, photos=(), hides=False, finish=True, **modes):
    """PhotoResults for these photos, or the first ten of a.jpg, b.jpg, ...; completed at the end."""
    photos = photos or [f"{letter}.jpg" for letter in "abcdefghij"]
    with PhotoFiles(options, photos, **modes) as files:
        yield PhotoResults(options, LABELS, MADE, files, hides)
        if finish:
            files.finish()


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ---- Options ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrong, message", [
    ({"json": "objects.txt"}, "--json must end in .json or .jsonl, got objects.txt"),
    ({"csv": "o.json"}, "--csv must end in .csv, got o.json"),
    ({"report": "r.pdf"}, "--report must end in .html or .htm, got r.pdf"),
    ({"timeline": "t.svg"}, "--timeline must end in .png, got t.svg"),
    ({"each_mask": True}, "--each-mask needs --masks, the folder to write to")])
def test_options_that_contradict_each_other_are_named(wrong, message):
    with pytest.raises(ValueError) as error:
        ResultOptions(**{name: Path(value) if isinstance(value, str) else value for name, value in wrong.items()})
    assert str(error.value) == message


def test_options_that_go_together():
    assert ResultOptions() == ResultOptions(None, None, None, None, False, None, None, False)
    options = ResultOptions(Path("o.JSONL"), Path("o.CSV"), Path("cut"), Path("masks"), True, Path("r.HTM"),
                            Path("t.PNG"), True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.track = False


@pytest.mark.parametrize("effect", HIDING)
def test_what_an_effect_hides_is_not_shown_elsewhere(effect):
    with pytest.raises(ValueError) as error:
        check_hiding(effect, True)
    assert str(error.value) == (f"--effect {effect} hides what --cutouts, --crops, --frames and --visualize "
                                "show: leave one of them out")
    check_hiding(effect, False)
    check_hiding("cutout", True)


# ---- Photos ----------------------------------------------------------------------------------------------

def test_photos_write_what_is_asked_for(tmp_path):
    options = ResultOptions(tmp_path / "o.json", tmp_path / "o.csv", tmp_path / "cut", tmp_path / "masks", True,
                            tmp_path / "r.html")
    with photo_results(options) as results:
        results.add(photo(1, "in/a.jpg"), IMAGE, COLORS)
        results.add(photo(2, "-", "stdin"), IMAGE, COLORS)
        results.files.fail("b.jpg", "it is broken")
        assert not (tmp_path / "o.json").exists() and (tmp_path / "o.partial.jsonl").exists()
    objects = [f"{stem}_{name}" for stem in ("a", "stdin") for name in ("01_class_2", "02_class_0")]
    assert names(tmp_path / "cut") == [f"{name}.png" for name in objects]
    assert names(tmp_path / "masks") == sorted(["a_instances.png", "stdin_instances.png",
                                                *(f"{name}_mask.png" for name in objects)])
    data = json.loads((tmp_path / "o.json").read_text())
    assert [(image["id"], image["file_name"]) for image in data["images"]] == [(1, "in/a.jpg"), (2, "-")]
    assert [row["image_id"] for row in data["annotations"]] == [1, 1, 2, 2]
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 5
    page = (tmp_path / "r.html").read_text()
    assert "in/a.jpg" in page and "it is broken" in page and "2 pictures, 4 objects" in page
    assert np.array_equal(cv2.imread(str(tmp_path / "masks" / "a_01_class_2_mask.png"), -1)[20:50, 10:30] == 255,
                          np.ones((30, 20), bool))


def test_without_options_photos_write_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with photo_results(ResultOptions()) as results:
        results.add(photo(1, "a.jpg"), IMAGE, COLORS)
        results.files.fail("b.jpg", "it is broken")
    assert names(tmp_path) == []


@pytest.mark.parametrize("hides", [False, True])
def test_the_report_holds_no_pixel_of_what_is_hidden(tmp_path, hides):
    annotated = np.zeros_like(IMAGE)
    with photo_results(ResultOptions(report=tmp_path / "r.html"), hides=hides) as results:
        results.add(photo(1, "a.jpg"), annotated, COLORS)
    page = (tmp_path / "r.html").read_text()
    assert (data_url(annotated) in page, data_url(IMAGE) in page) == (hides, not hides)


def test_the_pictures_of_a_photo_in_a_subfolder_are_in_one_too_and_their_names_are_never_too_long(tmp_path):
    options = ResultOptions(masks=tmp_path / "masks", cutouts=tmp_path / "cut", each_mask=True)
    labels = ("\N{GRINNING FACE}\N{VARIATION SELECTOR-16}中" * 30,) * 90
    with PhotoFiles(options) as files:
        results = PhotoResults(options, labels, MADE, files, hides=False)
        for name in ("x", "n" * NAME_BYTES):
            results.add(photo(1, "in/a/x.jpg", f"a/{name}"), IMAGE, COLORS)
    assert sorted(os.listdir(tmp_path)) == ["cut", "masks"] and len(names(tmp_path / "cut/a")) == 4
    assert len(names(tmp_path / "masks/a")) == 6 and (tmp_path / "masks/a/x_instances.png").exists()


def test_json_lines_are_one_for_each_object(tmp_path):
    with photo_results(ResultOptions(json=tmp_path / "o.jsonl")) as results:
        for number in (1, 2):
            results.add(photo(number, f"{number}.jpg"), IMAGE, COLORS)
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(row["image_id"], row["number"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]


# ---- The end of a run ------------------------------------------------------------------------------------

def test_a_stopped_run_keeps_its_partial_rows(tmp_path, capsys):
    with VideoResults(ResultOptions(json=tmp_path / "o.json"), LABELS, MADE, 25) as results:
        results.add(frame(0))
    assert names(tmp_path) == ["o.partial.jsonl"]
    assert len([json.loads(line) for line in (tmp_path / "o.partial.jsonl").open()]) == 2
    assert f"the rows so far are kept in {tmp_path / 'o.partial.jsonl'}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, SegmentationError, ZeroDivisionError])
def test_an_error_keeps_the_partial_rows(tmp_path, capsys, error):
    with pytest.raises(error), photo_results(ResultOptions(csv=tmp_path / "o.csv")) as results:
        results.add(photo(1, "a.jpg"), IMAGE, COLORS)
        raise error
    assert names(tmp_path) == ["o.partial.csv"] and "o.partial.csv" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SegmentationError, match="cannot write to"):
        PhotoResults(ResultOptions(cutouts=tmp_path / "file"), LABELS, MADE, PhotoFiles(ResultOptions()), hides=False)


# ---- Videos ----------------------------------------------------------------------------------------------

def test_a_video_writes_what_is_asked_for(tmp_path):
    options = ResultOptions(tmp_path / "o.json", tmp_path / "o.csv", tmp_path / "cut", tmp_path / "masks")
    with VideoResults(options, LABELS, MADE, 25 / 3) as results:
        assert results.tracker is None and list(results.state()) == ["rows"]
        for number in (0, 3):
            results.add(frame(number))
        finish(results)
    rows = json.loads((tmp_path / "o.json").read_text())
    assert [(row["frame"], row["time"]) for row in rows] == [(0, 0), (0, 0), (3, 0.12), (3, 0.12)]
    assert names(tmp_path / "masks") == ["frame_000000_instances.png", "frame_000003_instances.png"]
    assert names(tmp_path / "cut")[-1] == "frame_000003_02_class_0.png"
    assert (tmp_path / "o.csv").read_text().startswith("frame,time,label,")


def finish(results):
    for temporary, final in results.complete():
        os.replace(temporary, final)


@pytest.fixture
def whole_and_part(tmp_path):
    """The options of a run that ended, and of one that was stopped after 4 of 6 frames; its states by frame."""
    pytest.importorskip("matplotlib", reason='pip install ".[timeline]"')
    whole, part = (ResultOptions(folder / "o.json", folder / "o.csv", timeline=folder / "t.png")
                   for folder in (tmp_path / "whole", tmp_path / "part"))
    with VideoResults(whole, LABELS, MADE, 25) as results:
        for number in range(6):
            results.add(frame(number))
        finish(results)
    states = []
    with VideoResults(part, LABELS, MADE, 25) as results:
        for number in range(4):
            states.append(json.loads(json.dumps(results.state())))
            results.add(frame(number))
    return whole, part, states


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_resumed_video_has_the_rows_of_one_that_was_not_stopped(tmp_path, whole_and_part, done):
    _, part, states = whole_and_part
    assert names(tmp_path / "part") == ["o.partial.csv", "o.partial.jsonl"]  # no plot of a run that was stopped
    assert VideoResults.fit(part, states[done])
    with VideoResults(part, LABELS, MADE, 25, states[done]) as results:
        for number in range(done, 6):
            results.add(frame(number))
        finish(results)
    assert names(tmp_path / "whole") == names(tmp_path / "part") == ["o.csv", "o.json", "t.png"]
    for name in names(tmp_path / "whole"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "part" / name).read_bytes()


def test_partial_files_that_do_not_fit_a_resume_point_are_seen(tmp_path, whole_and_part):
    _, part, states = whole_and_part
    partial = tmp_path / "part" / "o.partial.csv"
    partial.write_bytes(partial.read_bytes()[:200])
    assert [VideoResults.fit(part, state) for state in states] == [True, True, False, False]
    with pytest.raises(SegmentationError, match=r"cannot go on with .*o\.partial\.csv"):
        VideoResults(part, LABELS, MADE, 25, states[3])
    more = dataclasses.replace(part, csv=None, json=tmp_path / "part" / "other.json")
    assert not VideoResults.fit(more, states[1])
    for broken in (None, [], {}, {"rows": None}, {"rows": {"json": [5]}}, {**states[1], "timeline": None}):
        assert not VideoResults.fit(part, broken)


def test_complete_renames_nothing(tmp_path, whole_and_part, capsys):
    whole, _, _ = whole_and_part
    before = {name: (tmp_path / "whole" / name).read_bytes() for name in names(tmp_path / "whole")}
    with VideoResults(whole, LABELS, MADE, 25) as results:
        pairs = results.complete()
    assert [(temporary.name, final) for temporary, final in pairs] == [
        ("o.partial.json", whole.json), ("o.partial.csv", whole.csv), ("t.partial.png", whole.timeline)]
    assert names(tmp_path / "whole") == ["o.csv", "o.json", "o.partial.csv", "o.partial.json", "o.partial.jsonl",
                                         "t.partial.png", "t.png"]
    assert all((tmp_path / "whole" / name).read_bytes() == data for name, data in before.items())


def test_a_tracked_video_goes_on_with_its_numbers(tmp_path):
    pytest.importorskip("trackers", reason='pip install ".[tracks]"')
    options = ResultOptions(json=tmp_path / "o.json", csv=tmp_path / "o.csv", track=True)
    with VideoResults(options, LABELS, MADE, 25) as results:
        for number in range(3):
            results.add(frame(number, results.tracker(FOUND)))
        state = {"ids": results.tracker.state(), **results.state()}
    with VideoResults(options, LABELS, MADE, 25, state) as results:
        results.add(frame(3, results.tracker(FOUND)))
        finish(results)
    assert [row["track"] for row in json.loads((tmp_path / "o.json").read_text())] == [0, 1] * 4
    assert (tmp_path / "o.csv").read_text().startswith("frame,time,track,label,")
