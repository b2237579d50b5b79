"""`from segmentation import MaskRCNN`, as docs/python.md says: pictures of all kinds, and what Found does with them."""

import io
import json
import pickle
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT
from PIL import Image

from segmentation import Found, MaskRCNN, SegmentationError
from segmentation.api import array_to_bgr
from segmentation.network.weights import DEMO, TEXT_GRAPH


@pytest.fixture(scope="module")
def net(tiny_pb):
    return MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128), confidence=0.2)


@pytest.fixture
def found(net, noise):
    found = net(noise)
    assert len(found) > 2
    return found


def test_the_example_of_the_docs_runs(tmp_path, monkeypatch, capsys):
    """On the demo graph, which finds the boat of the drawn picture."""
    if not (MODEL_FOLDER / DEMO).is_file():
        pytest.skip(f"no demo graph at {MODEL_FOLDER / DEMO}")
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.S).group(1)
    (tmp_path / "images").symlink_to(ROOT / "images")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "docs/python.md", "exec"), names)
    assert [one.label for one in names["boats"]] == ["boat"]
    assert len(capsys.readouterr().out.splitlines()) == len(names["found"]) >= len(names["sure"]) > 0
    assert names["hidden"].shape == cv2.imread("output/sure.jpg").shape


# ---- Pictures of all kinds -------------------------------------------------------------------------------

def same(found, other):
    return np.array_equal(found.boxes, other.boxes) and np.array_equal(found.scores, other.scores)


def test_a_path_a_pil_image_and_arrays_of_both_orders_are_the_same_picture(net, noise, tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), noise)
    rgb = noise[:, :, ::-1]  # a view, whose memory runs backwards
    expected = net(noise)
    for picture, order in ((path, "bgr"), (str(path), "rgb"), (Image.fromarray(rgb), "bgr"), (rgb, "rgb"),
                           (noise.astype(np.uint16) << 8, "bgr"), (np.float32(rgb) / 255, "rgb"),
                           (np.dstack([noise, np.full(noise.shape[:2], 255, np.uint8)]), "bgr")):
        found = net(picture, order)
        assert same(found, expected) and np.array_equal(found.image, noise)
    assert net(path).file == str(path) and expected.file == ""


def test_grey_arrays_of_all_shapes_are_the_same_picture(net, noise):
    grey = noise[:, :, 0]
    expected = net(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    assert all(same(net(picture), expected) for picture in (grey, grey[:, :, None], Image.fromarray(grey)))


def test_what_is_transparent_is_white(noise):
    clear = np.dstack([noise, np.zeros(noise.shape[:2], np.uint8)])
    assert (array_to_bgr(clear, "rgb") == 255).all()
    half = array_to_bgr(np.uint8([[[0, 100, 200, 128]]]), "bgr")
    assert half.tolist() == [[[127, 177, 227]]]


def test_a_list_gives_a_list(net, noise):
    found = net([noise, Image.fromarray(noise)])
    assert [type(one) for one in found] == [Found, Found] and net([]) == []
    assert same(found[0], net(noise)) and same(found[1], net(noise, "rgb"))


@pytest.mark.parametrize("picture, said", [
    (np.zeros((5, 5, 2), np.uint8), r"must be grey .*got \(5, 5, 2\)"),
    (np.zeros((3, 50, 60), np.uint8), r"got \(3, 50, 60\): move the colours to the end"),
    (np.zeros((2, 5, 5, 3), np.uint8), r"got \(2, 5, 5, 3\)"), (np.zeros(7, np.uint8), r"got \(7,\)"),
    (np.zeros((0, 5, 3), np.uint8), r"got \(0, 5, 3\)"), (np.zeros((5, 5), bool), "uint8, uint16 or floats.*got bool"),
    (np.zeros((5, 5, 3), int), "got int64"), (np.full((5, 5, 3), 255.0), "from 0 to 1, got 255 to 255: divide"),
    (np.full((5, 5), np.nan), "got nan to nan"), (np.full((5, 5), -0.1), "got -0.1"), (None, "got NoneType"),
    (7, "got int"), (b"photo", "got bytes"), ([[1, 2]], "got int"), (np.array(["a.jpg"], object), r"got \(1,\)"),
    (np.array([["a.jpg"]], object), "got object")])
def test_what_is_no_picture_is_one_sentence(net, picture, said):
    with pytest.raises(ValueError, match=said) as caught:
        net(picture)
    assert "\n" not in str(caught.value)


def test_another_order_is_one_sentence(net, noise):
    with pytest.raises(ValueError, match="order must be bgr or rgb, got 'hsv'"):
        net(noise, order="hsv")


@pytest.mark.parametrize("name", ["missing.jpg", "text.jpg", "."])
def test_a_photo_that_cannot_be_read_is_named(net, tmp_path, name):
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(SegmentationError, match=re.escape(str(tmp_path / name))):
        net(tmp_path / name)


def test_a_pil_image_that_is_cut_off_is_one_sentence(net, noise):
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "PNG")
    with Image.open(io.BytesIO(data.getvalue()[:2000])) as cut, \
            pytest.raises(SegmentationError, match="cannot read the PIL image"):
        net(cut)


# ---- Which network it is ----------------------------------------------------------------------------------

def test_without_weights_it_is_the_demo_graph_or_an_error(model_folder, tiny_pb):
    with pytest.raises(SegmentationError, match="the weights are missing"):
        MaskRCNN.load(model_folder)
    shutil.copy(tiny_pb, model_folder / DEMO)
    shutil.copy(MODEL_FOLDER / TEXT_GRAPH, (model_folder / DEMO).with_suffix(".pbtxt"))
    assert "demo graph" in MaskRCNN.load(model_folder).made.demo
    with pytest.raises(SegmentationError, match="the weights are missing"):
        MaskRCNN.load(model_folder, demo=False)
    assert MaskRCNN.load(model_folder, tiny_pb, demo=False).made.demo == ""


def test_a_published_model_is_asked_for_by_its_name(model_folder):
    with pytest.raises(SegmentationError, match="mask_rcnn_resnet50_atrous_coco_2018_01_28"):
        MaskRCNN.load(model_folder, model="resnet50")
    with pytest.raises(ValueError, match=r"model must be inception_v2, resnet50, .*, got vgg"):
        MaskRCNN.load(model_folder, model="vgg")


# ---- What Found does -------------------------------------------------------------------------------------

def test_it_keeps_the_picture_whatever_becomes_of_the_array(net, noise):
    image = noise.copy()
    found = net(image)
    image[:] = 0
    assert np.array_equal(found.image, noise)


def test_a_part_of_it_is_drawn_on_the_same_picture(found, noise):
    some = found[found.scores > found.scores[1]]
    assert isinstance(some, Found) and 0 < len(some) < len(found) and some.image is found.image
    assert not np.array_equal(some.draw(), found.draw()) and np.array_equal(found[:0].draw(), noise)


def test_draw_gives_the_order_that_was_given(net, noise):
    rgb = np.ascontiguousarray(noise[:, :, ::-1])
    drawn = net(noise).draw(palette="class")
    assert np.array_equal(drawn, net(rgb, order="rgb").draw(palette="class")[:, :, ::-1])
    assert np.array_equal(drawn, net(Image.fromarray(rgb)).draw(palette="class")[:, :, ::-1])
    assert np.array_equal(net(noise).image, noise)  # it draws on a copy


def test_draw_takes_the_style_s_fields_and_names_those_that_it_has(found):
    assert not np.array_equal(found.draw(effect="outline", labels=False), found.draw())
    with pytest.raises(ValueError, match="effect must be one of"):
        found.draw(effect="glow")


def test_objects_can_be_drawn_on_a_transparent_background(net, found, noise, tmp_path):
    cut = found.draw(effect="cutout", background=None)
    assert cut.shape == (*noise.shape[:2], 4) and cut[..., 3].any() and not cut[..., 3].all()
    rgb = net(noise[:, :, ::-1], order="rgb").draw(effect="cutout", background=None)
    assert np.array_equal(rgb, cut[:, :, [2, 1, 0, 3]])
    found.save(tmp_path / "cut.png", effect="cutout", background=None)
    assert np.array_equal(cv2.imread(str(tmp_path / "cut.png"), cv2.IMREAD_UNCHANGED), cut)
    with pytest.raises(SegmentationError, match="a JPEG has no transparency"):
        found.save(tmp_path / "cut.jpg", effect="cutout", background=None)
    with pytest.raises(ValueError, match="needs the effect cutout, got 'overlay'"):
        found.draw(background=None)


def test_save_writes_what_draw_draws_and_what_made_it(found, tmp_path):
    found.save(tmp_path / "new" / "found.png", effect="outline")
    with Image.open(tmp_path / "new" / "found.png") as opened:
        assert np.array_equal(np.asarray(opened)[:, :, ::-1], found.draw(effect="outline"))
        assert opened.info["Description"] == found.made.text and "tiny (SHA-256" in found.made.text
    found.save(str(tmp_path / "found.JPEG"))
    with Image.open(tmp_path / "found.JPEG") as opened:
        assert opened.info["comment"].decode() == f"mask-rcnn-segmentation: {found.made.text}"
    with pytest.raises(SegmentationError, match=r"found.gif: name a file that ends in .jpg, .jpeg or .png"):
        found.save(tmp_path / "found.gif")


def test_to_coco_is_plain_and_has_every_object(found):
    rows = json.loads(json.dumps(found.to_coco(7)))
    assert [row["label"] for row in rows] == found.labels.tolist() and {row["image_id"] for row in rows} == {7}
    assert {row["model"] for row in rows} == {"tiny"} and [row["area"] for row in rows] == [one.area for one in found]


def test_to_supervision_has_all_of_it(found):
    pytest.importorskip("supervision")
    detections = found.to_supervision()
    assert np.array_equal(detections.xyxy, found.boxes) and np.array_equal(detections.confidence, found.scores)
    assert np.array_equal(detections.mask, np.stack([one.mask for one in found]))
    assert detections.data["class_name"].tolist() == found.labels.tolist()
    assert len(found[:0].to_supervision()) == 0


def test_to_supervision_names_the_package_that_is_missing(found, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "supervision", None)
    with pytest.raises(SegmentationError, match="pip install supervision"):
        found.to_supervision()


def test_a_notebook_shows_it_as_a_small_picture(net, found):
    assert np.array_equal(cv2.imdecode(np.frombuffer(found._repr_png_(), np.uint8), 1), found.draw())
    wide = net(np.zeros((100, 4000, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(wide._repr_png_(), np.uint8), 1).shape[:2] == (26, 1024)


def test_it_says_what_it_is_in_a_line(net, found, noise, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    text = repr(net(Path(tmp_path / "a.png"))[:2])
    assert re.fullmatch(rf"<Found 2 objects in {tmp_path}/a.png: [\w ]+ 0\.\d\d, [\w ]+ 0\.\d\d>", text)
    assert repr(found[:1]).startswith("<Found 1 object: ") and repr(found[:0]) == "<Found 0 objects>"


def test_it_can_be_sent_to_another_process(found):
    again = pickle.loads(pickle.dumps(found))
    assert same(again, found) and np.array_equal(again.draw(), found.draw()) and again.labels.tolist()
