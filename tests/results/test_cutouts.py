"""Objects as pictures of their own."""

import cv2
import numpy as np
import pytest

from segmentation.drawing.cutting import cut_out
from segmentation.instances import Instances
from segmentation.pictures import write_picture
from segmentation.results.cutouts import NAME_LENGTH, instance_map, object_mask, safe_name


def instances(*boxes, image_hw=(200, 300), scores=None):
    scores = np.full(len(boxes), 0.9, np.float32) if scores is None else np.float32(scores)
    return Instances(np.int32(boxes).reshape(-1, 4), scores, np.zeros(len(boxes), np.int32),
                     np.ones((len(boxes), 15, 15), np.float32), image_hw)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(1, 255, (200, 300, 3), dtype=np.uint8)


def test_an_empty_mask_shows_nothing():
    found = instances((10, 10, 50, 50))
    found.masks[:] = 0
    assert not object_mask(found, 0).any() and not instance_map(found).any()


def test_a_picture_of_one_pixel():
    found = instances((0, 0, 1, 1), image_hw=(1, 1))
    assert instance_map(found).tolist() == [[1]] and object_mask(found, 0).tolist() == [[255]]


def test_the_better_score_wins_where_objects_overlap():
    ids = instance_map(instances((0, 0, 20, 20), (10, 10, 30, 30), (12, 12, 14, 14), scores=(0.8, 0.9, 0.7)))
    assert (ids.shape, ids.dtype) == ((200, 300), np.uint16)
    assert (ids[10:30, 10:30] == 2).all() and (ids[:10, :20] == 1).all() and not ids[30:].any()
    equal = instance_map(instances((0, 0, 20, 20), (10, 10, 30, 30)))
    assert equal[15, 15] == 1 and equal[25, 25] == 2


def test_the_map_of_nothing_and_of_many():
    assert not instance_map(instances()).any()
    boxes = [(x, y, x + 10, y + 10) for y in range(0, 200, 10) for x in range(0, 300, 10)]  # 600
    ids = instance_map(instances(*boxes))
    assert np.array_equal(ids[::10, ::10].ravel(), np.arange(1, 601))


def test_a_mask_stands_where_its_box_is():
    mask = object_mask(instances((0, 0, 5, 5), (290, 190, 300, 200)), 1)
    assert (mask.shape, mask.dtype) == ((200, 300), np.uint8)
    assert (mask[190:, 290:] == 255).all() and np.count_nonzero(mask) == 100


@pytest.mark.parametrize("text, name", [
    ("person", "person"), ("hot dog", "hot_dog"), ("..", "_"), (".", "_"), ("", "_"), ("///", "_"),
    ("a/b\\c", "a_b_c"), ("../../etc/passwd", "etc_passwd"), (".hidden", "hidden"), ("-rf", "rf"), ("a. ", "a"),
    ("line\nfeed\0nul", "line_feed_nul"), ('<>:"|?*', "_"), ("con", "_con"), ("Aux.txt", "_Aux.txt"),
    ("com1", "_com1"), ("COM¹", "_COM¹"), ("console", "console"), ("Straßenbahn", "Straßenbahn"), ("犬", "犬"),
    ("cafe\u0301", "café"), ("\u202egpj.exe", "gpj.exe"), ("\ud800x", "x"), (7, "7")])
def test_names_are_safe(text, name):
    assert safe_name(text) == name


def test_long_names_are_cut():
    assert safe_name("x" * 500) == "x" * NAME_LENGTH
    assert safe_name("x" * (NAME_LENGTH - 1) + " y") == "x" * (NAME_LENGTH - 1)
    assert len(safe_name("con." + "y" * 500)) == NAME_LENGTH


def test_pictures_with_transparency_and_16_bits_are_written_exactly(tmp_path, picture):
    found = instances((30, 40, 180, 190))
    found.masks[0, :5] = 0
    for name, array in (("cut", cut_out(picture, found, 0)), ("ids", instance_map(found) * 257)):
        write_picture(tmp_path / f"{name}.png", array)
        assert np.array_equal(cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_UNCHANGED), array)
