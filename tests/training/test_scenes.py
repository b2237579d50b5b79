"""Drawn scenes: repeatable, masks exact and disjoint, COCO's category numbers, a data set others can read."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools")
from pycocotools.coco import COCO

from segmentation.training import example_files
from segmentation.training.scenes import arranging, clip, photos, places, scene, shapes, sprites
from segmentation.training.scenes import draw as command

ROOT = Path(__file__).resolve().parents[2]
SIZE = (200, 160)

COCO_NAMES = """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
hydrant, , stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra,
giraffe, , backpack, umbrella, , , handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite,
baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, , wine glass, cup, fork, knife,
spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch,
potted plant, bed, , dining table, , , toilet, , tv, laptop, mouse, remote, keyboard, cell phone, microwave,
oven, toaster, sink, refrigerator, , book, clock, vase, scissors, teddy bear, hair drier, toothbrush"""


def draw(seed, **options):
    return scene.draw_scene(np.random.default_rng(seed), SIZE, **options)


def test_same_seed_same_scene():
    (first, objects), (again, same_objects), (other, _) = (draw(seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert [category for category, _ in objects] == [category for category, _ in same_objects]
    assert all(np.array_equal(mask, same) for (_, mask), (_, same) in zip(objects, same_objects))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_place_gives_disjoint_masks_of_what_is_seen(split):
    for place in places.PLACES[split]:
        image, objects = draw(5, split=split, place=place, count=6)
        assert image.shape == (160, 200, 3) and image.dtype == np.uint8
        assert 1 <= len(objects) <= 6
        masks = np.array([mask for _, mask in objects])
        assert masks.dtype == bool and masks.shape[1:] == (160, 200)
        assert masks.sum(axis=0).max() == 1 and masks.any(axis=(1, 2)).all()


def test_mask_is_where_the_object_shows():
    """An object on black without shadow: its mask is what it changed, less half the soft edge."""
    canvas = shapes.draw_canvas(np.random.default_rng(0), "stop sign", 80)
    sprite = sprites.Sprite("stop sign", canvas, x=100, y=80, angle=8)
    picture = sprites.Picture(np.zeros((160, 200, 3), np.uint8))
    picture.put(*sprite.patch(), sprite)
    (category, mask), = picture.objects([sprite])
    changed = picture.image.max(axis=2) > 0
    assert category == 13 and 2000 < mask.sum() < 6400
    assert not (mask & ~changed).any()
    near = cv2.dilate(np.uint8(mask), np.ones((5, 5), np.uint8)) > 0
    assert not (changed & ~near).any()
    assert picture.seen[1] == picture.full[1] == mask.sum()


def test_no_object_is_hidden_by_more_than_the_limit():
    background = np.full((160, 200, 3), 127, np.uint8)
    for seed in range(5):
        lots = [("car", 0.5), ("cat", 0.4), ("book", 0.4), ("clock", 0.3)]
        picture, sprites = arranging.compose(np.random.default_rng(seed), background, None, lots)
        assert len(sprites) == 4
        shares = np.array(picture.seen[1:]) / picture.full[1:]
        assert shares.min() >= 1 - arranging.MOST_HIDDEN
        assert picture.seen[1:] == [np.count_nonzero(picture.owner == k) for k in (1, 2, 3, 4)]


def test_categories_are_cocos():
    lines = [" ".join(name.split()) for name in COCO_NAMES.split(",")]
    names = {name: number for number, name in enumerate(lines, 1) if name}
    assert len(lines) == 90 and len(names) == 80
    assert len(shapes.CLASSES) >= 20
    assert all(names[name] == category_id for name, (category_id, _) in shapes.CLASSES.items())


def test_every_class_fills_its_canvas_in_several_looks():
    for name in shapes.CLASSES:
        first, second = (shapes.draw_object(np.random.default_rng(seed), name, 64) for seed in (1, 2))
        assert first.shape == (64, 64, 4) and max(cv2.boundingRect(first[..., 3])[2:]) > 48, name
        assert (first[..., :3].max(axis=2) <= first[..., 3]).all(), f"{name} is not premultiplied"
        assert not np.array_equal(first, second), name


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")   # pycocotools on NumPy 2
def test_dataset_reads_as_coco(tmp_path, capsys):
    arguments = f"--count 4 --seed 7 --split test --min-size 160x120 --max-size 240x200 --png --out {tmp_path}"
    assert command.main(arguments.split()) == 0
    assert "4 scenes" in capsys.readouterr().out
    coco = COCO(str(tmp_path / "instances.json"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "instances.json"]
    assert len(coco.imgs) == 4 and len(coco.cats) == len(shapes.CLASSES)
    for index, entry in coco.imgs.items():
        rng = np.random.default_rng([7, index])
        size_wh = command.draw_size(rng, (160, 120), (240, 200))
        image, objects = scene.draw_scene(rng, size_wh, "test")
        assert size_wh == (entry["width"], entry["height"])
        assert np.array_equal(image, cv2.imread(str(tmp_path / "images" / entry["file_name"])))
        found = coco.loadAnns(coco.getAnnIds(index))
        assert [one["category_id"] for one in found] == [category for category, _ in objects]
        for one, (_, mask) in zip(found, objects):
            assert np.array_equal(coco.annToMask(one), mask)
            assert one["area"] == mask.sum()
            assert one["bbox"] == list(map(float, cv2.boundingRect(np.uint8(mask))))


def test_clip_keeps_background_and_identity():
    frames = list(clip.draw_clip(np.random.default_rng(2), SIZE, 6, place="street", count=4))
    assert len(frames) == 6
    categories = [[category for category, _ in objects] for _, objects in frames]
    assert all(one == categories[0] for one in categories) and categories[0]
    still = ~np.any([mask for _, objects in frames for _, mask in objects], axis=0)
    still[cv2.dilate(np.uint8(~still), np.ones((61, 61), np.uint8)) > 0] = False            # and no shadow
    assert still.any() and all(np.array_equal(image[still], frames[0][0][still]) for image, _ in frames)
    middles = [[np.argwhere(mask).mean(axis=0) for _, mask in objects] for _, objects in frames]
    steps = np.linalg.norm(np.diff(middles, axis=0), axis=2)
    assert 0 < steps.max() < 40


def test_photos_with_a_drawn_class_are_left_out(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cup.png", "tree.png", "unlisted.png"):
        cv2.imwrite(str(folder / name), np.full((90, 120, 3), 200, np.uint8))
    (folder / "broken.png").write_bytes(b"no picture")
    names = ["cup.png", "tree.png", "broken.png"]
    annotations = tmp_path / "photos.json"
    annotations.write_text(json.dumps({
        "images": [{"id": k, "file_name": name} for k, name in enumerate(names)],
        "annotations": [{"image_id": 0, "category_id": 47}, {"image_id": 1, "category_id": 900}],
        "categories": [{"id": 47, "name": "cup"}, {"id": 900, "name": "tree"}]}))
    usable, warnings = photos.usable_photos(folder, annotations)
    assert [path.name for path in usable] == ["tree.png"] and "broken.png" in warnings[0]
    image, _ = scene.draw_scene(np.random.default_rng(1), SIZE, photos=usable)
    assert image.shape == (160, 200, 3)
    annotations.write_text("[]")
    arguments = ["--out", str(tmp_path / "out"), "--backgrounds", str(folder)]
    assert command.main([*arguments, "--background-annotations", str(annotations)]) == 1
    assert "not a file in COCO's instance format" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, sentence", [
    (["--min-size", "320"], "must be WIDTHxHEIGHT"),
    (["--max-size", "8x8"], "must be WIDTHxHEIGHT"),
    (["--min-size", "640x480", "--max-size", "320x240"], "must not exceed"),
    (["--count", "-1"], "whole number"),
    (["--split", "other"], "invalid choice"),
    (["--background-annotations", "a.json"], "needs --backgrounds"),
])
def test_wrong_arguments_are_refused_with_2(tmp_path, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as refusal:
        command.main(["--out", str(tmp_path / "out"), *arguments])
    assert refusal.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_option_is_in_the_readme():
    section = (ROOT / "docs/training.md").read_text(encoding="utf-8").partition("### Drawing scenes")[2]
    documented = set(re.findall(r"^\| `(--[\w-]+)", section, re.M))
    assert documented == {option for action in command.make_parser()._actions for option in action.option_strings
                          if option not in ("-h", "--help")}


def test_sizes_stay_between_the_limits():
    rng = np.random.default_rng(0)
    sizes = np.array([command.draw_size(rng, (320, 240), (1920, 1080)) for _ in range(200)])
    assert (sizes.min(axis=0) >= (320, 240)).all() and (sizes.max(axis=0) <= (1920, 1080)).all()
    assert (sizes.max(axis=1) / sizes.min(axis=1)).max() <= command.LONGEST_ASPECT + 0.01
    assert command.draw_size(rng, (640, 128), (640, 128)) == (640, 128)


def test_a_clip_can_be_of_chosen_classes():
    frames = list(clip.draw_clip(np.random.default_rng(0), SIZE, 2, place="shore", names=("cat", "dog", "cat")))
    assert [sorted(category for category, _ in objects) for _, objects in frames] == [[17, 17, 18]] * 2


def test_the_example_files_are_what_their_command_draws():
    for name in example_files.PICTURES:
        drawn, objects = example_files.truth(name)
        kept = cv2.imread(str(ROOT / name))
        assert len(objects) >= 6 and kept.shape == drawn.shape
        assert np.abs(kept.astype(int) - drawn).mean() < 5, name  # of JPEG and noise
    video = cv2.VideoCapture(str(ROOT / example_files.CLIP))
    assert video.get(cv2.CAP_PROP_FPS) == example_files.CLIP_FPS
    found, frame = video.read()
    drawn, objects = next(example_files.clip())
    assert found and len(objects) == len(example_files.CLIP_NAMES)
    assert np.abs(frame.astype(int) - drawn).mean() < 4
