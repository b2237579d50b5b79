"""Rows and the report of photos that several runs add to: nothing is lost, wherever a run before was killed."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import MADE

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.results.outputs import ResultOptions
from segmentation.results.photo_formats import PhotoDataset, PhotoLines
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenPhoto

LABELS = tuple(f"class {number}" for number in range(90))
COLORS = [(0, 0, 255), (0, 255, 0)]
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
FOUND = Instances(np.int32([[10, 20, 30, 50], [40, 0, 80, 60]]), np.float32([0.9, 0.75]), np.int32([2, 0]),
                  np.ones((2, 15, 15), np.float32), (60, 80))
NOTHING = Instances(np.zeros((0, 4), np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32),
                    np.zeros((0, 15, 15), np.float32), (60, 80))
EMPTY = "d.jpg"  # a photo in which nothing is found
PHOTOS = ["a.jpg", 'b, "c"\r\n.jpg', EMPTY, "e\udcff.jpg", "\u00fc.jpg", "z.jpg"]


def seen(photo, number):
    return SeenPhoto(IMAGE, NOTHING if photo == EMPTY else FOUND, number, photo, Path("a"))


def options_in(folder, json_name="o.json"):
    return ResultOptions(json=folder / json_name, csv=folder / "o.csv", report=folder / "o.html")


def do(options, photos=PHOTOS, fail=(), stop_before=None, labels=LABELS, **modes):
    """A run over photos that does those that its files lack; these photos, or None if it was stopped."""
    done = []
    with PhotoFiles(options, photos, **modes) as files:
        results = PhotoResults(options, labels, MADE, files, hides=False)
        for photo in photos:
            if photo == stop_before:
                return None
            if not files.hold(photo):
                done.append(photo)
                results.add(seen(photo, files.image_ids[photo]), IMAGE, COLORS[:0 if photo == EMPTY else 2])
            if photo in fail:
                files.fail(photo, "it is broken")
        files.finish()
    return done


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(params=["o.json", "o.jsonl"])
def whole(request, tmp_path):
    """(the options of runs to come, what the files of one run over PHOTOS hold by name)."""
    do(options_in(tmp_path / "whole", request.param))
    (tmp_path / "r").mkdir()
    return options_in(tmp_path / "r", request.param), contents(tmp_path / "whole")


def test_a_run_adds_to_the_files_of_another(whole, tmp_path):
    options, expected = whole
    assert do(options, PHOTOS[:2]) == PHOTOS[:2]
    assert do(options, keep=True) == PHOTOS[2:]
    assert contents(tmp_path / "r") == expected


def test_a_run_with_nothing_to_do_changes_nothing(whole, tmp_path):
    options, expected = whole
    do(options)
    # JSON Lines and CSV do not tell a photo in which nothing was found from one that was not done.
    assert do(options, [photo for photo in PHOTOS if photo != EMPTY], keep=True) == []
    assert do(options, keep=True) == [EMPTY] and contents(tmp_path / "r") == expected


def test_added_photos_keep_the_order_of_the_list_and_get_numbers_of_their_own(tmp_path):
    options = options_in(tmp_path)
    do(options, ["b.jpg", "d.png", "z.jpg"])
    do(options, ["a.jpg", "b.jpg", "c.jpg", "z.jpg"], keep=True)
    data = json.loads(options.json.read_text())
    assert [(image["file_name"], image["id"]) for image in data["images"]] == [
        ("d.png", 2), ("a.jpg", 4), ("b.jpg", 1), ("c.jpg", 5), ("z.jpg", 3)]
    assert [row["id"] for row in data["annotations"]] == list(range(1, 11))
    assert [row["file"] for row in data["annotations"]][:4] == ["d.png", "d.png", "a.jpg", "a.jpg"]
    table = [row["file"] for row in csv.DictReader(options.csv.open())]
    assert table == [row["file"] for row in data["annotations"]]


@pytest.mark.parametrize("name", ["json", "csv", "report"])
def test_a_photo_that_one_file_lacks_is_done_again_and_is_there_once(whole, tmp_path, name):
    options, expected = whole
    do(options)
    getattr(options, name).unlink()
    assert do(options, keep=True) == PHOTOS
    assert contents(tmp_path / "r") == expected


def test_the_files_are_the_same_wherever_a_run_was_killed(whole, tmp_path):
    options, expected = whole
    do(options, stop_before="z.jpg")
    killed = contents(tmp_path / "r")
    assert sorted(killed) == ["o.partial.csv", "o.partial.html", "o.partial.jsonl"]
    cuts = {name: [0, 1, len(data) // 3, len(data) * 2 // 3, len(data) - 5, len(data)] for name, data in killed.items()}
    for cut in range(6):
        shutil.rmtree(tmp_path / "r")
        (tmp_path / "r").mkdir()
        for place, (name, data) in enumerate(killed.items()):
            (tmp_path / "r" / name).write_bytes(data[:cuts[name][(cut + place) % 6]])
        do(options, keep=True)
        assert contents(tmp_path / "r") == expected


def test_the_files_are_the_same_if_an_adding_run_is_killed_too(whole, tmp_path):
    options, expected = whole
    do(options, PHOTOS[:2])
    for stop_before in (PHOTOS[0], PHOTOS[3], PHOTOS[5]):
        do(options, stop_before=stop_before, keep=True)
        assert {"o.html", "o.csv"} < contents(tmp_path / "r").keys()
    do(options, keep=True)
    assert contents(tmp_path / "r") == expected


def test_a_run_that_was_killed_between_its_last_steps_is_completed(whole, tmp_path):
    options, expected = whole
    do(options, stop_before="z.jpg")
    kept = (tmp_path / "r" / "o.partial.csv").read_bytes()
    do(options, keep=True)
    (tmp_path / "r" / "o.partial.csv").write_bytes(kept)
    do(options, keep=True)
    assert contents(tmp_path / "r") == expected


def test_after_a_stop_in_an_overwriting_run_nothing_of_the_replaced_files_comes_back(whole, tmp_path):
    options, expected = whole
    other = Instances(FOUND.boxes, FOUND.scores, np.int32([7, 8]), FOUND.masks, FOUND.image_hw)
    with PhotoFiles(options, PHOTOS) as files:
        results = PhotoResults(options, LABELS, MADE, files, hides=False)
        for number, photo in enumerate(PHOTOS, 1):
            results.add(SeenPhoto(IMAGE, other, number, photo, Path("a")), IMAGE, COLORS)
        files.finish()
    before = contents(tmp_path / "r")
    do(options, stop_before="z.jpg", overwrite=True)
    assert {name: contents(tmp_path / "r")[name] for name in before} == before
    do(options, keep=True)
    assert contents(tmp_path / "r") == expected


def test_what_is_there_is_refused_unless_it_is_kept_or_replaced(whole, tmp_path):
    options, expected = whole
    do(options)
    with pytest.raises(SegmentationError, match=r"o\.jsonl? exists already: name another file, add to it by "
                                                "--skip-existing, or replace it by --overwrite"):
        do(options)
    assert contents(tmp_path / "r") == expected
    for path in (options.json, options.csv, options.report):
        path.unlink()
    do(options, stop_before=PHOTOS[1])
    before = contents(tmp_path / "r")
    with pytest.raises(SegmentationError, match=r"o\.partial\.jsonl is left of an earlier run: go on with it by "
                                                "--skip-existing"):
        do(options)
    assert contents(tmp_path / "r") == before
    assert do(options, overwrite=True) == PHOTOS and contents(tmp_path / "r") == expected


def test_a_run_that_ends_before_its_first_photo_leaves_nothing_of_its_own(whole, tmp_path):
    options, expected = whole
    do(options, stop_before=PHOTOS[0])
    assert contents(tmp_path / "r") == {}
    do(options)
    do(options, stop_before=PHOTOS[0], keep=True)
    assert contents(tmp_path / "r") == expected


@pytest.mark.parametrize("name, change", [
    ("json", lambda data: data[:-40]), ("json", lambda data: b"[]"), ("json", lambda data: b""),
    ("json", lambda data: json.dumps(json.loads(data), indent=1).encode()),
    ("json", lambda data: data.replace(b'"image_id": 1,', b'"image_id": 100,')),
    ("json", lambda data: data.replace(b'"image_id": 1,', b"")),
    ("csv", lambda data: data[:-5]), ("csv", lambda data: b"my,own,table\n1,2,3\n"), ("csv", lambda data: b""),
    ("csv", lambda data: data.replace(b"\n", b"\r\n")), ("csv", lambda data: data.replace(b"a.jpg,", b"a.jpg,,")),
    ("csv", lambda data: data + b"\xff\xfe\n"), ("csv", lambda data: data + b'"open,1,2\n'),
    ("report", lambda data: data[:len(data) // 2])])
def test_files_that_are_broken_or_of_others_are_not_added_to(tmp_path, name, change):
    options = options_in(tmp_path)
    do(options, [photo for photo in PHOTOS if photo != EMPTY])
    path = getattr(options, name)
    path.write_bytes(change(path.read_bytes()))
    before = contents(tmp_path)
    with pytest.raises(SegmentationError, match=f"cannot add to .*{path.name}, which no run of this kind has written"):
        do(options, keep=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("line", [b"[]\n", b"5\n", b'{"image": 1}\n', b"no json\n", b'{"frame": 1, "label": "a"}\n',
                                  b'{"image": {"file_name": 5, "id": 1}, "annotations": []}\n', b"\xff\n"])
def test_partial_rows_of_another_kind_are_not_added_to(tmp_path, line):
    options = options_in(tmp_path)
    (tmp_path / "o.partial.jsonl").write_bytes(line)
    with pytest.raises(SegmentationError, match=r"cannot add to .*o\.partial\.jsonl, which no run of this kind"):
        do(options, keep=True)
    assert contents(tmp_path) == {"o.partial.jsonl": line}


def test_rows_of_json_lines_that_are_not_ours_are_refused(tmp_path):
    for text in ('{"a": 1}\n', "[1]\n", "5\n", "{\n"):
        (tmp_path / "o.jsonl").write_text(text)
        with pytest.raises(SegmentationError, match=r"cannot add to .*o\.jsonl"):
            do(options_in(tmp_path, "o.jsonl"), keep=True)


def test_rows_of_another_model_are_not_added_to(whole, tmp_path):
    options, expected = whole
    do(options)
    for labels in (("disc", "class 1", "class 2"), LABELS[:2]):
        with pytest.raises(SegmentationError, match=r"cannot add to .*o\.json.*: its class \d is class \d, that of "
                                                    "this run (disc|does not exist)"):
            do(options, keep=True, labels=labels)
    assert contents(tmp_path / "r") == expected


def test_a_file_that_another_run_writes_is_refused(whole):
    options, _ = whole
    with PhotoFiles(options, PHOTOS), pytest.raises(SegmentationError, match="is being written by another run"):
        do(options)
    other = ResultOptions(json=options.json.with_suffix(".jsonl" if options.json.suffix == ".json" else ".json"))
    with PhotoFiles(options, PHOTOS), pytest.raises(SegmentationError, match=r"partial\.jsonl is being written by an"):
        do(other)
    assert os.listdir(options.json.parent) == []


def test_a_photo_that_fails_after_its_rows_is_in_none_of_the_files(whole, tmp_path):
    options, expected = whole
    assert do(options, fail=["a.jpg"]) == PHOTOS
    files = contents(tmp_path / "r")
    assert b"a.jpg" not in files[options.json.name] + files["o.csv"] and b"Segmented photos" in files["o.html"]
    assert b"it is broken" in files["o.html"] and b"5 pictures" in files["o.html"] and b"1 failed" in files["o.html"]
    do(options, keep=True)
    assert contents(tmp_path / "r") == expected


def test_a_photo_that_fails_is_not_in_the_partial_files_either(tmp_path):
    options = options_in(tmp_path)
    do(options, ["a.jpg", "b.jpg", "c.jpg"], fail=["b.jpg"], stop_before="c.jpg")
    with PhotoFiles(options, keep=True) as files:
        assert [files.json.holds(name) for name in ("a.jpg", "b.jpg")] == [True, False]
    assert "b.jpg" not in (tmp_path / "o.partial.csv").read_text()


def test_names_that_are_no_text_can_be_read_back(tmp_path):
    options = options_in(tmp_path)
    do(options)
    names = [photo for photo in PHOTOS if photo != EMPTY]
    data = json.loads(options.json.read_text())
    assert [image["file_name"] for image in data["images"]] == PHOTOS
    with options.csv.open(encoding="utf-8", newline="") as file:
        table = [row["file"] for row in csv.DictReader(file)][::2]
    assert [name.encode("utf-8", "backslashreplace").decode() for name in names] == table
    assert "e\\udcff.jpg" in options.report.read_text(encoding="utf-8")


class Full:
    """A disk that takes nothing more."""

    def __init__(self, file):
        self.file, self.seek, self.truncate, self.closed = file, file.seek, file.truncate, False
        self.close = file.close

    def write(self, data):
        self.file.write(data[:len(data) // 2])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["json", "csv", "report"])
def test_a_full_disk_loses_one_photo(whole, tmp_path, name):
    options, expected = whole
    with PhotoFiles(options, PHOTOS) as files:
        results = PhotoResults(options, LABELS, MADE, files, hides=False)
        for photo in PHOTOS:
            on_disk, file = getattr(files, name).file, getattr(files, name).file.file
            if photo == "a.jpg":
                on_disk.file = Full(file)
                with pytest.raises(SegmentationError, match=r"cannot write .*: No space left on device") as error:
                    results.add(seen(photo, files.image_ids[photo]), IMAGE, COLORS)
                files.fail(photo, str(error.value))
                on_disk.file = file
            else:
                results.add(seen(photo, files.image_ids[photo]), IMAGE, COLORS[:0 if photo == EMPTY else 2])
        files.finish()
    assert "a.jpg" not in options.json.read_text() and "a.jpg" not in options.csv.read_text()
    assert do(options, keep=True) == ["a.jpg", EMPTY]
    assert contents(tmp_path / "r") == expected


def test_a_file_that_cannot_be_completed_keeps_no_other_from_that(whole, tmp_path, monkeypatch, capsys):
    options, expected = whole

    def full(*args):
        raise SegmentationError(f"cannot write {options.json}: No space left on device")
    kind = PhotoLines if options.json.suffix == ".jsonl" else PhotoDataset
    with monkeypatch.context() as patch, pytest.raises(SegmentationError, match=r"cannot write .*o\.jsonl?: No space"):
        patch.setattr(kind, "assemble", full)
        do(options)
    there = contents(tmp_path / "r")
    assert sorted(there) == ["o.csv", "o.html", "o.partial.jsonl"] and there["o.csv"] == expected["o.csv"]
    assert f"[INFO] the rows so far are kept in {tmp_path / 'r' / 'o.partial.jsonl'}" in capsys.readouterr().err
    assert do(options, keep=True) == [EMPTY] and contents(tmp_path / "r") == expected


def test_ctrl_c_shows_the_report_and_keeps_the_rows(whole, tmp_path):
    options, expected = whole
    with pytest.raises(KeyboardInterrupt), PhotoFiles(options, PHOTOS) as files:
        results = PhotoResults(options, LABELS, MADE, files, hides=False)
        results.add(seen("a.jpg", 1), IMAGE, COLORS)
        raise KeyboardInterrupt
    assert sorted(contents(tmp_path / "r")) == ["o.html", "o.partial.csv", "o.partial.jsonl"]
    assert "stopped before its end" in options.report.read_text()
    do(options, keep=True)
    assert contents(tmp_path / "r") == expected
