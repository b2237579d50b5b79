"""Tasks for Label Studio: its own code takes them, and their polygons give the masks again."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import MADE
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.network.made import Made
from segmentation.results.outputs import ResultOptions
from segmentation.results.photo_results import PhotoFiles, PhotoResults
from segmentation.results.rows import SeenPhoto

NAMES = ("person", "dog")
CONFIG = ('<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image"><Label value="person"/>'
          '<Label value="dog"/></PolygonLabels></View>')
PHOTOS = ["p/a b.jpg", "p/ä.png", "p/empty.jpg"]


def photo(number):
    """A photo of 120 x 160; the first two have a ring, and an object of two parts."""
    distance = np.hypot(*np.mgrid[-1:1:28j, -1:1:28j])
    parts = np.zeros((28, 28))
    parts[:8, :8] = parts[15:, 12:] = 1
    boxes = np.int32([[10, 20, 90, 110], [70, 30, 160, 120]])
    found = Instances(boxes, np.float32([0.9, 0.6]), np.int32([1, 0]),
                      np.float32([(distance < 0.9) & (distance > 0.4), parts]), (120, 160))
    return SeenPhoto(np.zeros((120, 160, 3), np.uint8), found[[]] if number == 2 else found, number + 1, PHOTOS[number],
                     Path(PHOTOS[number]).with_suffix(""))


def do(path, numbers, keep=False, made=MADE):
    with PhotoFiles(ResultOptions(label_studio=path), PHOTOS, keep=keep) as files:
        results = PhotoResults(files.options, NAMES, made, files, hides=False)
        for number in numbers:
            if not files.hold(PHOTOS[number]):
                results.add(photo(number), photo(number).image, [(0, 255, 0)] * 2)
        files.finish()


@pytest.fixture
def tasks(tmp_path):
    do(tmp_path / "t.json", range(3))
    return json.loads((tmp_path / "t.json").read_text())


def test_a_task_has_the_photo_and_its_objects(tasks):
    assert [task["data"]["image"] for task in tasks] == [
        f"/data/local-files/?d=p/{name}" for name in ("a%20b.jpg", "%C3%A4.png", "empty.jpg")]
    prediction, = tasks[0]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("stub", 0.75)
    assert [region["score"] for region in prediction["result"]] == [0.9, 0.6]
    assert [region["value"]["polygonlabels"] for region in prediction["result"]] == [["dog"], ["person"]]
    assert tasks[2]["predictions"][0]["result"] == []
    for i, region in enumerate(prediction["result"]):
        points = np.float64(region["value"]["points"]) * (160, 120) / 100
        given = rle_masks.encode(np.asfortranarray(photo(0).found[i].mask, np.uint8))
        assert rle_masks.iou(rle_masks.frPyObjects([points.ravel().tolist()], 120, 160), [given], [0])[0, 0] >= 0.98


def test_runs_add_to_tasks(tmp_path, tasks):
    do(tmp_path / "o.json", [1])
    do(tmp_path / "o.json", range(3), keep=True)
    assert (tmp_path / "o.json").read_bytes() == (tmp_path / "t.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.json", "t.json"]
    with pytest.raises(SegmentationError, match="exists already"):
        do(tmp_path / "o.json", [0])
    with pytest.raises(SegmentationError, match="what it holds was found by stub"):
        do(tmp_path / "o.json", [0], keep=True, made=Made("other", "0", "e", "keep", 0.5))
    (tmp_path / "o.json").write_text('[\n{"data": 5}\n]\n')
    with pytest.raises(SegmentationError, match="cannot add to"):
        do(tmp_path / "o.json", [0], keep=True)


def test_a_run_that_is_killed_loses_no_task(tmp_path, tasks):
    with pytest.raises(KeyboardInterrupt), PhotoFiles(ResultOptions(label_studio=tmp_path / "o.json"), PHOTOS) as files:
        PhotoResults(files.options, NAMES, MADE, files, hides=False).add(photo(0), photo(0).image, [])
        raise KeyboardInterrupt
    partial = tmp_path / "o.partial.jsonl"
    partial.write_text(partial.read_text() + '{"data": {"im')
    do(tmp_path / "o.json", range(3), keep=True)
    assert (tmp_path / "o.json").read_bytes() == (tmp_path / "t.json").read_bytes()


def test_label_studio_takes_the_predictions(tasks):
    interface = pytest.importorskip("label_studio_sdk.label_interface", exc_type=ImportError)
    config = interface.LabelInterface(CONFIG)
    for task in tasks:
        for prediction in task["predictions"]:
            assert config.validate_prediction(prediction)


def test_label_studio_makes_coco_of_them(tmp_path, tasks):
    converter = pytest.importorskip("label_studio_sdk.converter.converter", exc_type=ImportError)
    for number, task in enumerate(tasks, 1):  # as if an annotator had accepted them
        task.update(id=number, annotations=[{**task.pop("predictions")[0], "id": number, "completed_by": 1}])
    (tmp_path / "done.json").write_text(json.dumps(tasks[:2]))
    converter.Converter(CONFIG, str(tmp_path), download_resources=False).convert_to_coco(
        str(tmp_path / "done.json"), str(tmp_path / "coco"), is_dir=False)
    content = json.loads((tmp_path / "coco" / "result.json").read_text())
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    assert [names[row["category_id"]] for row in content["annotations"]] == ["dog", "person"] * 2
    for i, row in enumerate(content["annotations"][:2]):
        given = rle_masks.encode(np.asfortranarray(photo(0).found[i].mask, np.uint8))
        drawn = rle_masks.frPyObjects(row["segmentation"], 120, 160)
        assert rle_masks.iou([rle_masks.merge(drawn)], [given], [0])[0, 0] >= 0.98
