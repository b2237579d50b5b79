"""The demo graph on drawn scenes, through both scripts: known objects, and masks against the drawn truth.

The example files are drawn anew, with their masks (segmentation/training/example_files.py), so their truth lies
nowhere else. All of it skips where the demo graph is not there.
"""

import re
import shutil

import av
import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT

import mask_rcnn
import mask_rcnn_video
from segmentation.instances import paste_mask
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import DEMO
from segmentation.training import example_files as examples
from segmentation.training.scenes.draw import CLASSES

GRAPH = MODEL_FOLDER / DEMO

pytestmark = pytest.mark.skipif(not GRAPH.is_file(), reason=f"no demo graph at {GRAPH}")

# PASCAL VOC's classes under COCO's names, and two of COCO's
FROM_PHOTOS = {"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "boat", "bird", "cat", "dog",
               "horse", "sheep", "cow", "bottle", "chair", "couch", "potted plant", "dining table", "tv", "bowl",
               "wine glass"}
PICTURES = ["images/example_01.jpg", "images/example_02.jpg", "images/example_03.jpg"]


@pytest.fixture(scope="module")
def net():
    return MaskRCNN.load(MODEL_FOLDER, GRAPH)


def rightly_found(found, objects):
    """How many of the drawn objects [(category id, mask)] were found under their name with an IoU of 0.8."""
    hits = 0
    for category, truth in objects:
        overlaps = [iou(found, i, truth) for i in np.flatnonzero(found.class_ids == category - 1)]
        hits += max(overlaps, default=0) >= 0.8
    return hits


def iou(found, i, truth):
    """Intersection over union of object i's mask and a mask (H, W) bool."""
    mask = np.zeros(found.image_hw, bool)
    x0, y0, x1, y1 = found.boxes[i]
    mask[y0:y1, x0:x1] = paste_mask(found.masks[i], found.boxes[i])
    return np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)


@pytest.mark.parametrize("name", PICTURES)
def test_five_objects_of_each_example_picture_are_found_with_masks_like_the_truth(net, name):
    found = net(cv2.imread(str(ROOT / name)))
    assert rightly_found(found, examples.truth(name)[1]) >= 5


def test_the_clip_s_objects_are_found(net):
    video, hits, drawn = cv2.VideoCapture(str(ROOT / examples.CLIP)), 0, 0
    for number, (_, objects) in enumerate(examples.clip()):
        frame = video.read()[1]
        if number % 30 == 0:
            hits, drawn = hits + rightly_found(net(frame), objects), drawn + len(objects)
    assert drawn == 25 and hits >= 20


@pytest.fixture
def demo_folder(model_folder):
    """A model folder with the demo graph and no weights, as in a clone without a network."""
    for suffix in (".pb", ".config", ".pbtxt"):
        shutil.copy(GRAPH.with_suffix(suffix), model_folder)
    return model_folder


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_a_video_is_segmented_without_a_network_and_says_what_made_it(tmp_path, demo_folder, suffix):
    out = tmp_path / f"clip{suffix}"
    assert mask_rcnn_video.main(["-i", str(ROOT / examples.CLIP), "-o", str(out), "-m", str(demo_folder),
                                 "--end", "0.1"]) == 0
    with av.open(str(out)) as container:
        tags = {name.lower(): text for name, text in container.metadata.items()}
    assert tags["comment"].startswith("demo_inference_graph (SHA-256 ")
    assert tags["comment"].endswith("kinds of object, and is often wrong.")


def test_readme_s_first_command_segments_a_picture_without_a_network(tmp_path, demo_folder, capsys):
    picture = ROOT / PICTURES[0]
    assert mask_rcnn.main(["-i", str(picture), "-o", str(tmp_path), "-m", str(demo_folder), "--no-show"]) == 0
    out, err = capsys.readouterr()
    assert (tmp_path / "example_01_segmented.jpg").exists()
    names = {category: name for name, (category, _) in CLASSES.items()}
    drawn = [names[category] for category, _ in examples.truth(PICTURES[0])[1]]
    found = re.findall(r"^\[INFO\] ([a-z ]+): 0\.\d+, box", out, re.M)
    assert sum(min(found.count(name), drawn.count(name)) for name in set(drawn)) >= 5
    warnings = [line for line in err.splitlines() if line.startswith("[WARNING]")]
    assert len(warnings) == 3 and all(name in warnings[0] for name in CLASSES)
    assert err.rstrip().endswith(warnings[-1]) and f"{len(set(CLASSES) | FROM_PHOTOS)} of the 90 kinds of object" in err


def test_the_demo_graph_says_which_classes_it_knows_and_is_small(net):
    from segmentation.network.frozen_graph import read_consts
    from segmentation.network.model import known_classes
    assert set(known_classes(read_consts(GRAPH.read_bytes()), net.labels)) == set(CLASSES) | FROM_PHOTOS
    assert GRAPH.stat().st_size <= 10_000_000


def test_a_panel_of_photos_for_looking_at(tmp_path):
    from segmentation.training import photo_panel

    out = tmp_path / "panel.jpg"
    assert photo_panel.main(["--images", str(ROOT / "images"), "--count", "2", "--out", str(out)]) == 0
    panel = cv2.imread(str(out))
    assert panel.shape == (300, 5 * 400, 3) and panel[:, 850:].max() < 30 < panel[:200, :800].mean()


def test_the_video_script_finds_the_animals_of_the_clip(tmp_path, capsys):
    clip = ROOT / "videos/cats_and_dogs.mp4"
    assert mask_rcnn_video.main(["-i", str(clip), "-o", str(tmp_path / "out.avi"), "--weights", str(GRAPH),
                                 "--every", "10", "--palette", "instance"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"150 frames read, 150 written", out)
    seen = {label: int(count) for label, count in re.findall(r"\[INFO\] ([a-z ]+): seen (\d+) times on 15 frames", out)}
    assert seen["cat"] >= 20 and seen["dog"] >= 20  # two of each, on 15 frames
