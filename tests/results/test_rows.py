"""Rows for other programs: read back by pycocotools, json and csv; whole at every moment."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import MADE
from pycocotools import mask as rle_masks
from pycocotools.coco import COCO

from segmentation import SegmentationError
from segmentation.instances import Instances, paste_mask
from segmentation.results.photo_files import PhotoFile
from segmentation.results.photo_formats import PhotoDataset, PhotoLines
from segmentation.results.row_files import RowFile, partial_path, rows_fit
from segmentation.results.row_formats import Csv, JsonLines, JsonList
from segmentation.results.rows import SeenFrame, SeenPhoto, describe

LABELS = tuple(f"class {number}" for number in range(90))
DISC = np.float32(np.hypot(*np.mgrid[-1:1:15j, -1:1:15j]) < 0.8)


@pytest.fixture
def seen():
    """A photo of 60 x 80 with two objects: the whole of its box, and a disc."""
    found = Instances(np.int32([[10, 20, 30, 50], [40, 0, 80, 60]]), np.float32([0.9, 0.75]), np.int32([2, 0]),
                      np.stack([np.ones((15, 15), np.float32), DISC]), (60, 80))
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:50, 10:30] = 10, 20, 250  # BGR
    return SeenPhoto(image, found, 7, "a,b.jpg", Path("a,b"))


def at_frame(seen, frame, tracks=None):
    return SeenFrame(seen.image, seen.found, frame, frame / 25, tracks)


def test_a_row_says_what_coco_says(seen):
    row, disc = describe(seen, LABELS, MADE.model)
    assert row["bbox"] == [10, 20, 20, 30] and row["category_id"] == 3 and row["label"] == "class 2"
    assert row["area"] == 600 and row["color"] == [250, 20, 10] and row["score"] == 0.9 and row["number"] == 1
    mask = rle_masks.decode(row["segmentation"])
    assert mask.shape == (60, 80) and mask.sum() == 600 and mask[20:50, 10:30].all()
    assert np.array_equal(rle_masks.decode(disc["segmentation"])[:, 40:], paste_mask(DISC, (40, 0, 80, 60)))


def test_a_row_of_a_photo_has_its_file_and_one_of_a_frame_its_time_and_tracks(seen):
    row = describe(seen, LABELS, MADE.model)[0]
    assert list(row) == ["image_id", "category_id", "bbox", "score", "segmentation", "area", "iscrowd", "label",
                         "number", "file", "color", "model"]
    assert row["image_id"] == 7 and row["file"] == "a,b.jpg"
    first, second = describe(SeenFrame(seen.image, seen.found, 3, 1 / 3, [12, 5]), LABELS, MADE.model)
    assert list(first) == ["image_id", "category_id", "bbox", "score", "segmentation", "area", "iscrowd", "label",
                           "number", "frame", "time", "color", "track", "model"]
    assert (first["image_id"], first["frame"], first["time"], first["track"]) == (3, 3, 0.333333, 12)
    assert second["track"] == 5 and "track" not in describe(at_frame(seen, 3), LABELS, MADE.model)[0]


def test_a_row_says_what_its_object_has_crossed(seen):
    frame = dataclasses.replace(at_frame(seen, 3, [12, 5]), crossings=[["gate in", "yard, north in"], []])
    rows = describe(frame, LABELS, MADE.model)
    assert [row["crossed"] for row in rows] == [["gate in", "yard, north in"], []]
    form = Csv(video=True, tracked=True, counted=True)
    table = list(csv.DictReader((form.head + form.text(rows)).splitlines()))
    assert [(row["track"], row["model"], row["crossed"]) for row in table] == [
        ("12", "stub", "gate in; yard, north in"), ("5", "stub", "")]


def test_the_mask_of_a_row_is_that_of_the_instances(seen):
    found = dataclasses.replace(seen.found, threshold=0.9, interpolation="nearest")
    for i, row in enumerate(describe(dataclasses.replace(seen, found=found), LABELS, MADE.model)):
        (x, y, width, height), mask = row["bbox"], rle_masks.decode(row["segmentation"])
        expected = paste_mask(found.masks[i], found.boxes[i], 0.9, "nearest")
        assert np.array_equal(mask[y:y + height, x:x + width], expected) and mask.sum() == expected.sum() == row["area"]


def test_photos_make_a_data_set_that_pycocotools_opens(tmp_path, seen):
    form = PhotoDataset()
    form.use(LABELS, MADE, "r.json")
    rows = PhotoFile(tmp_path / "out" / "r.json", form)
    rows.append(seen.file, form.text(seen, describe(seen, LABELS, MADE.model)), 7)
    rows.finish()
    truth = COCO(str(tmp_path / "out" / "r.json"))
    assert truth.dataset["images"] == [{"id": 7, "file_name": "a,b.jpg", "width": 80, "height": 60}]
    assert truth.getImgIds() == [7] and len(truth.getAnnIds()) == 2 and truth.cats[3]["name"] == "class 2"
    results = truth.loadRes(truth.dataset["annotations"])
    assert [truth.annToMask(entry).sum() for entry in results.loadAnns(results.getAnnIds())] == [
        entry["area"] for entry in describe(seen, LABELS, MADE.model)]


def test_frames_make_a_list_that_load_res_takes(tmp_path, seen):
    rows = RowFile(tmp_path / "r.json", JsonList())
    for frame in (0, 3):
        rows.add(describe(at_frame(seen, frame), LABELS, MADE.model))
    os.replace(rows.complete(), tmp_path / "r.json")
    truth = COCO()
    truth.dataset = {"images": [{"id": 0}, {"id": 3}], "categories": [{"id": 1}, {"id": 3}], "annotations": []}
    truth.createIndex()
    results = truth.loadRes(str(tmp_path / "r.json"))
    assert [entry["time"] for entry in results.loadAnns(results.getAnnIds())] == [0, 0, 0.12, 0.12]


@pytest.mark.parametrize("row_format, read", [
    (JsonList(), lambda text: [json.loads(line) for line in text.splitlines()]),
    (JsonLines(), lambda text: [json.loads(line) for line in text.splitlines()]),
    (Csv(video=True), lambda text: list(csv.DictReader(text.splitlines())))])
def test_the_partial_file_is_whole_at_every_moment(tmp_path, seen, row_format, read):
    path = tmp_path / "rows.json"
    rows = RowFile(path, row_format)
    assert read(partial_path(path).read_text()) == []
    for frame in range(5):
        rows.add(describe(at_frame(seen, frame), LABELS, MADE.model) if frame % 2 == 0 else [])
        there = read(partial_path(path).read_text())
        assert [int(row["frame"]) for row in there] == [f for f in range(0, frame + 1, 2) for _ in range(2)]
        assert os.listdir(tmp_path) == ["rows.partial.jsonl"]


def test_each_picture_is_one_write(tmp_path, seen):
    rows, writes = RowFile(tmp_path / "rows.csv", Csv(video=True)), []

    class Counted:
        def write(self, data):
            writes.append(bytes(data))
            return len(data)
    rows.file.file = Counted()
    rows.add(describe(at_frame(seen, 1), LABELS, MADE.model))
    assert len(writes) == 1 and writes[0].count(b"\n") == 2


def make_resumable(path, row_format, seen, done):
    """The partial file of a run that was killed after frame 3, and the mark after `done` frames."""
    rows, marks = RowFile(path, row_format), []
    marks.append(rows.mark())
    for frame in range(4):
        rows.add(describe(at_frame(seen, frame), LABELS, MADE.model))
        marks.append(rows.mark())
    rows.file.file.close()
    return json.loads(json.dumps(marks[done]))


FORMATS = pytest.mark.parametrize("make, name", [(JsonList, "r.json"), (JsonLines, "r.jsonl"),
                                                 (lambda: Csv(video=True), "r.csv")])


@FORMATS
@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_resumed_file_is_what_an_uninterrupted_one_is(tmp_path, seen, make, name, done):
    whole = RowFile(tmp_path / name, make())
    for frame in range(6):
        whole.add(describe(at_frame(seen, frame), LABELS, MADE.model))
    expected = whole.complete().read_bytes()
    mark = make_resumable(tmp_path / name, make(), seen, done)
    with open(partial_path(tmp_path / name), "ab") as file:
        file.write(b'{"killed in the middle of a li')
    assert rows_fit(tmp_path / name, make(), mark)
    again = RowFile(tmp_path / name, make(), resume_at=mark)
    for frame in range(done, 6):
        again.add(describe(at_frame(seen, frame), LABELS, MADE.model))
    assert again.complete().read_bytes() == expected and again.mark() == whole.mark()


@FORMATS
def test_rows_that_are_not_those_of_the_mark_are_not_gone_on_with(tmp_path, seen, make, name):
    path = tmp_path / name
    mark = make_resumable(path, make(), seen, 3)
    whole = partial_path(path).read_bytes()
    changed = whole.replace(b"0.75", b"0.57", 1)
    for content in (whole[:len(whole) // 3], changed, b"other,columns\n" + whole, b""):
        partial_path(path).write_bytes(content)
        assert not rows_fit(path, make(), mark)
        with pytest.raises(SegmentationError, match=r"cannot go on with .*r\.partial\."):
            RowFile(path, make(), resume_at=mark)
        assert partial_path(path).read_bytes() == content
    partial_path(path).unlink()
    assert not rows_fit(path, make(), mark)


@pytest.mark.parametrize("mark", [None, [], [1], ["1", "2"], [0, None], [-5, ""], {"0": 1}, 7, [True, "x"]])
def test_a_mark_that_is_none_fits_nothing(tmp_path, seen, mark):
    make_resumable(tmp_path / "r.jsonl", JsonLines(), seen, 1)
    assert not rows_fit(tmp_path / "r.jsonl", JsonLines(), mark)


def test_the_table_of_other_columns_is_not_gone_on_with(tmp_path, seen):
    mark = make_resumable(tmp_path / "r.csv", Csv(video=True), seen, 1)
    assert not rows_fit(tmp_path / "r.csv", Csv(video=True, tracked=True), mark)


def test_a_full_disk_leaves_whole_pictures(tmp_path, seen):
    rows = RowFile(tmp_path / "r.jsonl", JsonLines())
    rows.add(describe(at_frame(seen, 0), LABELS, MADE.model))
    before, file = partial_path(rows.path).read_bytes(), rows.file.file

    class Full:
        truncate, seek = file.truncate, file.seek

        def write(self, data):
            if len(data) < 300:
                raise OSError(28, "No space left on device")
            return file.write(data[:len(data) - 200])
    rows.file.file = Full()
    with pytest.raises(SegmentationError, match=r"cannot write .*r\.partial\.jsonl: No space left on device"):
        rows.add(describe(at_frame(seen, 1), LABELS, MADE.model))
    assert partial_path(rows.path).read_bytes() == before
    rows.file.file = file
    rows.add(describe(at_frame(seen, 2), LABELS, MADE.model))
    assert [json.loads(line)["frame"] for line in partial_path(rows.path).read_text().splitlines()] == [0, 0, 2, 2]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SegmentationError, match="cannot write"):
        RowFile(tmp_path / "file" / "rows.json", JsonList())


def test_csv_quotes_what_must_be_quoted(tmp_path, seen):
    rows = RowFile(tmp_path / "r.csv", Csv(video=False))
    rows.add(describe(seen, LABELS, MADE.model))
    os.replace(rows.complete(), tmp_path / "r.csv")
    first, _ = csv.DictReader((tmp_path / "r.csv").read_text().splitlines())
    assert first == {"file": "a,b.jpg", "label": "class 2", "score": "0.9", "x0": "10", "y0": "20", "x1": "30",
                     "y1": "50", "mask_area": "600", "red": "250", "green": "20", "blue": "10", "model": "stub"}


def test_many_pictures_do_not_stay_in_memory(tmp_path, seen):
    import tracemalloc

    rows, texts = RowFile(tmp_path / "r.jsonl", JsonLines()), describe(seen, LABELS, MADE.model)
    tracemalloc.start()
    for _ in range(10_000):
        rows.add(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6 and len(rows.complete().read_text().splitlines()) == 20_000


# ---- Masks as polygons -----------------------------------------------------------------------------------

def iou(polygons, row):
    """The intersection over union of COCO polygons and the run lengths of a row."""
    runs = rle_masks.merge(rle_masks.frPyObjects(polygons, *row["segmentation"]["size"]))
    return rle_masks.iou([runs], [row["segmentation"]], [0])[0, 0]


def test_with_polygons_a_row_has_them_and_the_size_of_the_picture(seen):
    rows, plain = (describe(seen, LABELS, MADE.model, polygons) for polygons in (True, False))
    for row, other in zip(rows, plain):
        assert iou(row["segmentation"], other) >= 0.98 and row["size"] == [60, 80]
        assert {**row, "segmentation": other["segmentation"]} == {**other, "size": [60, 80]}
    assert sorted(zip(*[iter(rows[0]["segmentation"][0])] * 2)) == [(10, 20), (10, 50), (30, 20), (30, 50)]


@pytest.mark.parametrize("form, name", [(PhotoDataset, "r.json"), (PhotoLines, "r.jsonl")])
def test_rows_with_polygons_are_added_to_but_not_to_run_lengths(tmp_path, seen, form, name):
    for photo in ("a.jpg", "b.jpg"):
        rows = PhotoFile(tmp_path / name, form(polygons=True), keep=True)
        rows.format.use(LABELS, MADE, name)
        rows.append(photo, rows.format.text(dataclasses.replace(seen, file=photo),
                                            describe(seen, LABELS, MADE.model, polygons=True)), 7)
        rows.finish()
    rows = PhotoFile(tmp_path / name, form(), keep=True)
    with pytest.raises(SegmentationError, match="its masks are polygons; give --polygons"):
        rows.format.use(LABELS, MADE, name)
    rows.stop()
    if form is PhotoDataset:
        truth = COCO(str(tmp_path / name))
        assert [image["height"] for image in truth.dataset["images"]] == [60, 60]
        assert abs(truth.annToMask(truth.anns[1]).sum() - 600) <= 9 and len(truth.anns) == 4
