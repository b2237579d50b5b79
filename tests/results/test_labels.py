"""Labels for annotation programs: read back, by the programs' own code where it is there, they give the masks."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MADE
from pycocotools import mask as rle_masks

from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.results.labels import LabelFiles
from segmentation.results.outputs import ResultOptions
from segmentation.results.rows import SeenFrame, SeenPhoto

NAMES = ("person", "dog", 'a "cat"')
WANTED = (2, 0)  # --classes "cat",person


@pytest.fixture
def seen(tmp_path):
    """A photo of 240 x 320 with a disc, a ring, one of two parts, and one without a pixel."""
    distance = np.hypot(*np.mgrid[-1:1:28j, -1:1:28j])
    parts = np.zeros((28, 28))
    parts[:8, :8] = parts[15:, 12:] = 1
    masks = np.float32([distance < 0.9, (distance < 0.9) & (distance > 0.4), parts, np.zeros((28, 28))])
    boxes = np.int32([[10, 20, 90, 120], [100, 30, 260, 200], [200, 100, 320, 240], [0, 0, 9, 9]])
    found = Instances(boxes, np.float32([0.9, 0.8, 0.7, 0.6]), np.int32([2, 0, 2, 0]), masks, (240, 320))
    image = np.full((240, 320, 3), 90, np.uint8)
    photo = tmp_path / "photos" / "a" / "x.webp"
    photo.parent.mkdir(parents=True)
    photo.with_suffix(".png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return SeenPhoto(image, found, 1, str(photo.with_suffix(".png")), Path("a/x"))


def write(seen, wanted=WANTED, replace=False, **options):
    LabelFiles(ResultOptions(**options), NAMES, MADE, wanted, replace, replace).write(seen)


def iou(polygons, found, i):
    """The intersection over union of polygons, each (n, 2) in pixels, by COCO's code, and the mask of object i."""
    runs = rle_masks.merge(rle_masks.frPyObjects([np.ravel(polygon).tolist() for polygon in polygons], *found.image_hw))
    given = rle_masks.encode(np.asfortranarray(found[i].mask, np.uint8))
    return rle_masks.iou([runs], [given], [0])[0, 0]


def drawn_iou(mask, found, i):
    return (mask & found[i].mask).sum() / (mask | found[i].mask).sum()


# ---- YOLO ------------------------------------------------------------------------------------------------

def test_yolo_has_a_line_for_each_object_and_numbers_in_the_order_asked_for(tmp_path, seen):
    write(seen, yolo=tmp_path)
    lines = (tmp_path / "labels" / "a" / "x.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "0"]  # the one without a pixel has no line
    for i, line in enumerate(lines):
        points = np.float64(line.split()[1:]).reshape(-1, 2)
        assert points.min() >= 0 and points.max() <= 1
        assert iou([points * (320, 240)], seen.found, i) >= 0.98
    assert (tmp_path / "data.yaml").read_text().splitlines()[1:] == [
        "train: images", "val: images", "names:", '  0: "a \\"cat\\""', '  1: "person"']


def test_a_photo_without_objects_has_an_empty_file(tmp_path, seen):
    write(dataclasses.replace(seen, found=seen.found[[]]), yolo=tmp_path, labelme=tmp_path)
    assert (tmp_path / "labels" / "a" / "x.txt").read_text() == ""
    assert json.loads((tmp_path / "a" / "x.json").read_text())["shapes"] == []


def test_a_data_set_with_other_classes_is_refused(tmp_path, seen):
    write(seen, yolo=tmp_path)
    text = (tmp_path / "data.yaml").read_text()
    (tmp_path / "data.yaml").write_text(text.replace("val: images", "val: other"))
    write(seen, replace=True, yolo=tmp_path)
    assert "val: other" in (tmp_path / "data.yaml").read_text()
    with pytest.raises(SegmentationError, match=r"the classes in .*data.yaml are others than this run's"):
        write(seen, wanted=(0, 2), yolo=tmp_path)
    write(seen, wanted=(0, 2), replace=True, yolo=tmp_path)
    assert '0: "person"' in (tmp_path / "data.yaml").read_text()


def test_supervision_reads_yolo(tmp_path, seen):
    supervision = pytest.importorskip("supervision")
    write(seen, yolo=tmp_path)
    data = supervision.DetectionDataset.from_yolo(
        str(Path(seen.file).parent), str(tmp_path / "labels" / "a"), str(tmp_path / "data.yaml"), force_masks=True)
    assert data.classes == ['a "cat"', "person"]
    _, _, read = next(iter(data))
    assert read.class_id.tolist() == [0, 1, 0]
    for i in range(3):
        assert drawn_iou(read.mask[i].astype(bool), seen.found, i) >= 0.95  # it draws half a pixel more at each edge


def test_ultralytics_reads_yolo(tmp_path, seen):
    data = pytest.importorskip("ultralytics.data", exc_type=ImportError)
    write(seen, yolo=tmp_path)
    images = tmp_path / "images" / "a"
    images.mkdir(parents=True)
    (images / "x.png").write_bytes(Path(seen.file).read_bytes())
    from ultralytics.data.utils import check_det_dataset, polygon2mask
    described = check_det_dataset(str(tmp_path / "data.yaml"), autodownload=False)
    assert described["names"] == {0: 'a "cat"', 1: "person"}
    read, = data.YOLODataset(described["train"], data=described, task="segment", augment=False).labels
    assert read["cls"].ravel().tolist() == [0, 1, 0]
    for i, points in enumerate(read["segments"]):
        mask = polygon2mask((240, 320), [(points * (320, 240)).ravel()])
        assert drawn_iou(mask.astype(bool), seen.found, i) >= 0.95


# ---- labelme ---------------------------------------------------------------------------------------------

def test_labelme_has_a_polygon_for_each_part(tmp_path, seen):
    write(seen, labelme=tmp_path / "l")
    path = tmp_path / "l" / "a" / "x.json"
    content = json.loads(path.read_text())
    assert (path.parent / content["imagePath"]).resolve() == Path(seen.file) and content["imageData"] is None
    assert (content["imageHeight"], content["imageWidth"], content["flags"]) == (240, 320, {})
    shapes = content["shapes"]
    assert [shape["label"] for shape in shapes] == ['a "cat"', "person", 'a "cat"', 'a "cat"']
    assert [shape["group_id"] for shape in shapes] == [None, None, 3, 3]
    assert {shape["shape_type"] for shape in shapes} == {"polygon"}
    for i, which in enumerate(([0], [1], [2, 3])):
        assert iou([shapes[number]["points"] for number in which], seen.found, i) >= 0.98


def test_labelme_opens_its_files(tmp_path, seen):
    files = pytest.importorskip("labelme._label_file", exc_type=ImportError)
    write(seen, labelme=tmp_path / "l")
    opened = files.read_label_file(str(tmp_path / "l" / "a" / "x.json"))
    assert [shape["label"] for shape in opened.shapes] == ['a "cat"', "person", 'a "cat"', 'a "cat"']


def test_the_labels_of_a_frame_name_its_picture(tmp_path, seen):
    frame = SeenFrame(seen.image, seen.found, 12, 0.5)
    write(frame, labelme=tmp_path / "l", yolo=tmp_path)
    assert json.loads((tmp_path / "l" / "frame_000012.json").read_text())["imagePath"] == "frame_000012.jpg"
    assert len((tmp_path / "labels" / "frame_000012.txt").read_text().splitlines()) == 3


def test_what_is_there_is_not_replaced(tmp_path, seen):
    write(seen, labelme=tmp_path)
    (tmp_path / "a" / "x.json").write_text("corrected")
    write(seen, labelme=tmp_path)
    assert (tmp_path / "a" / "x.json").read_text() == "corrected"
    write(seen, labelme=tmp_path, replace=True)
    assert (tmp_path / "a" / "x.json").read_text() != "corrected"
