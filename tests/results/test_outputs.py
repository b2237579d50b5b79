"""What both scripts write beside their pictures, and what they are told to look for, end to end."""

import csv
import io
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT
from pycocotools import mask as rle_masks
from pycocotools.coco import COCO

import mask_rcnn
import mask_rcnn_video
from segmentation.cli.photos import PhotoRun
from segmentation.network.weights import DEMO
from segmentation.video.annotate import Annotator

PHOTO = ROOT / "images" / "example_01.jpg"
CLIP = ROOT / "videos" / "cats_and_dogs.mp4"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Run the photo script on the demo graph without a display; its exit code."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return lambda *args: mask_rcnn.main(["--weights", str(MODEL_FOLDER / DEMO), "-o", str(tmp_path / "out"),
                                         *map(str, args)])


@pytest.fixture
def video(tmp_path):
    """Run the video script on the demo graph and the first frames of the clip."""
    return lambda *args, end="0.3": mask_rcnn_video.main(
        ["--weights", str(MODEL_FOLDER / DEMO), "-i", str(CLIP), "-o", str(tmp_path / "out.avi"), "--end", end,
         *map(str, args)])


def labels_of(path):
    return {row["label"] for row in json.loads(path.read_text())["annotations"]}


def test_a_photo_gives_everything_at_once(photos, tmp_path):
    files = {name: tmp_path / f"r/{name}" for name in ("o.json", "o.jsonl", "o.csv", "cut", "masks", "r.html")}
    assert photos("-i", PHOTO, "--json", files["o.json"], "--csv", files["o.csv"], "--cutouts", files["cut"],
                  "--masks", files["masks"], "--each-mask", "--report", files["r.html"]) == 0
    truth = COCO(str(files["o.json"]))
    rows = truth.dataset["annotations"]
    assert len(rows) >= 5 and truth.imgs[1]["file_name"] == str(PHOTO)
    assert len(truth.loadRes(rows).anns) == len(rows)
    assert [row["label"] for row in csv.DictReader(files["o.csv"].open())] == [row["label"] for row in rows]
    image, ids = cv2.imread(str(PHOTO)), cv2.imread(str(files["masks"] / "example_01_instances.png"), -1)
    assert ids.dtype == np.uint16 and ids.shape == image.shape[:2] and set(np.unique(ids)) == set(range(len(rows) + 1))
    for row in rows:
        name = f"example_01_{row['number']:02}_{row['label'].replace(' ', '_')}"
        mask = rle_masks.decode(row["segmentation"])
        assert np.array_equal(cv2.imread(str(files["masks"] / f"{name}_mask.png"), -1), mask * 255)
        assert mask[ids == row["number"]].all()
        cut, (x, y, width, height) = cv2.imread(str(files["cut"] / f"{name}.png"), -1), row["bbox"]
        solid = cut[..., 3] == 255
        assert cut.shape == (height, width, 4)
        assert np.array_equal(cut[solid, :3], image[y:y + height, x:x + width][solid])
    assert "example_01" in files["r.html"].read_text()


@pytest.mark.parametrize("options, wanted", [
    (["--classes", "kite,DOG"], {"kite", "dog"}), (["--classes", "38, 18"], {"kite", "dog"}),
    (["--exclude", "kite,boat,cat,airplane,elephant,person"], {"dog", "umbrella"}),
    (["--classes", "kite,dog", "--exclude", "dog"], {"kite"}), (["--min-area", "5%"], {"airplane", "boat", "elephant"}),
    (["--min-area", "100000"], {"elephant"}), (["--classes", "banana"], set())])
def test_only_what_is_wanted_is_found(photos, tmp_path, options, wanted):
    assert photos("-i", PHOTO, *options, "--json", tmp_path / "o.json") == 0
    assert labels_of(tmp_path / "o.json") == wanted


def test_the_mask_head_sees_only_what_is_wanted(monkeypatch):
    from segmentation.network.mask_rcnn import MaskRCNN

    net = MaskRCNN.load(MODEL_FOLDER, MODEL_FOLDER / DEMO, classes=["kite"])
    rows = []
    inner = net.engine.masks
    monkeypatch.setattr(net.engine, "masks", lambda features, boxes: rows.append(boxes) or inner(features, boxes))
    assert len(net(cv2.imread(str(PHOTO)))) == 1 and rows[0].shape == (1, 1, 1, 7)


def test_an_unknown_class_suggests_the_nearest(photos, capsys):
    assert photos("-i", PHOTO, "--classes", "persn") == 1
    assert "there is no class 'persn': did you mean 'person'?" in capsys.readouterr().err
    assert photos("-i", PHOTO, "--exclude", "91") == 1
    assert "numbers are 1 to 90" in capsys.readouterr().err


@pytest.mark.parametrize("effect", ["overlay", "outline", "blur", "pixelate", "cutout", "splash"])
def test_every_effect_changes_the_photo(photos, tmp_path, effect):
    assert photos("-i", PHOTO, "--effect", effect) == 0
    result, image = cv2.imread(str(tmp_path / "out/example_01_segmented.jpg")), cv2.imread(str(PHOTO))
    assert result.shape == image.shape and (np.abs(result.astype(int) - image) > 20).any(2).mean() > 0.02


@pytest.mark.parametrize("options, said", [
    (["--background", "red"], "--background needs --effect cutout"),
    (["--effect", "cutout", "--background", "no/such.jpg"], "must be a colour such as"),
    (["--effect", "blur", "--opacity", "0.5"], "--opacity needs --effect overlay"),
    (["--json", "objects.txt"], "--json must end in .json or .jsonl"), (["--csv", "o.json"], "--csv must end in .csv"),
    (["--each-mask"], "--each-mask needs --masks"), (["--min-area", "lots"], "must be a number of pixels"),
    (["--classes", ","], "names or numbers"), (["-i", "-", "a.jpg"], "name no others"),
    (["-o", "-", "-v"], "goes with neither"), (["--json", "a.json", "--csv", "a.json"], "--csv must end")])
def test_options_that_contradict_each_other_end_with_2(photos, tmp_path, options, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        photos("-i", PHOTO, *options)
    assert stopped.value.code == 2 and said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_of_a_folder_is_named(photos, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert photos("-i", PHOTO, "--cutouts", tmp_path / "file") == 1
    assert "cannot write to" in capsys.readouterr().err


# ---- Many photos, pipes ----------------------------------------------------------------------------------

def some_photos(folder):
    folder.mkdir(parents=True, exist_ok=True)
    image = cv2.imread(str(PHOTO))
    for name in ("b.jpg", "a.jpg", "a.png"):
        cv2.imwrite(str(folder / name), cv2.resize(image, (400, 300)))
    return folder


def test_patterns_folders_and_subfolders(photos, tmp_path, capsys):
    some_photos(tmp_path / "in")
    some_photos(tmp_path / "in" / "deeper")
    assert photos("-i", tmp_path / "in" / "*.jpg") == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a_segmented.jpg", "b_segmented.jpg"]
    assert photos("-i", tmp_path / "in") == 0 and len(os.listdir(tmp_path / "out")) == 3
    assert photos("-i", tmp_path / "in", "--recursive") == 0 and len(list((tmp_path / "out").rglob("*_seg*.*"))) == 6
    assert sorted(os.listdir(tmp_path / "out" / "deeper")) == ["a_segmented.jpg", "a_segmented.png", "b_segmented.jpg"]
    assert "6 photos done, 0 failed" in capsys.readouterr().out
    assert photos("-i", tmp_path / "nothing*.jpg") == 1
    assert "nothing*.jpg" in capsys.readouterr().err


def test_skip_existing_does_the_rest_alone(photos, tmp_path, capsys):
    some_photos(tmp_path / "in")
    assert photos("-i", tmp_path / "in" / "a.jpg") == 0
    before = (tmp_path / "out" / "a_segmented.jpg").stat().st_mtime_ns
    assert photos("-i", tmp_path / "in", "--skip-existing") == 0
    assert "1 photo left out" in capsys.readouterr().out
    assert (tmp_path / "out" / "a_segmented.jpg").stat().st_mtime_ns == before
    assert len(os.listdir(tmp_path / "out")) == 3


def test_photos_whose_masks_would_have_one_name_are_refused(photos, tmp_path, capsys):
    some_photos(tmp_path / "in")
    assert photos("-i", tmp_path / "in", "--masks", tmp_path / "masks") == 1
    error = capsys.readouterr().err
    assert all(str(tmp_path / "in" / name) in error for name in ("a.jpg", "a.png")) and not (tmp_path / "out").exists()


def test_a_failed_photo_leaves_the_rows_of_the_others(photos, tmp_path, capsys):
    some_photos(tmp_path / "in")
    (tmp_path / "in" / "aa.jpg").write_bytes(b"")
    assert photos("-i", tmp_path / "in", "--json", tmp_path / "o.json", "--report", tmp_path / "r.html") == 1
    assert len(json.loads((tmp_path / "o.json").read_text())["images"]) == 3
    assert "3 photos done, 1 failed" in capsys.readouterr().out and "aa.jpg" in (tmp_path / "r.html").read_text()


def test_a_picture_through_a_pipe(tmp_path):
    command = [sys.executable, ROOT / "mask_rcnn.py", "-i", "-", "-o", "-", "--weights", MODEL_FOLDER / DEMO]
    done = subprocess.run(command, input=PHOTO.read_bytes(), capture_output=True, timeout=120, check=True)
    result = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_COLOR)
    assert result.shape == cv2.imread(str(PHOTO)).shape and b"[INFO] kite" in done.stderr


def test_standard_input_that_is_no_picture_is_one_line(photos, monkeypatch, capsys):
    for data, said in ((b"", "it is empty"), (b"no picture", "it is no photo")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert photos("-i", "-") == 1
        assert f"cannot read standard input: {said}" in capsys.readouterr().err


def test_interrupted_photos_keep_their_rows(photos, tmp_path, monkeypatch, capsys):
    some_photos(tmp_path / "in")
    segment, calls = PhotoRun.segment, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return segment(*args)
    monkeypatch.setattr(PhotoRun, "segment", interrupted)
    assert photos("-i", tmp_path / "in", "--json", tmp_path / "o.json") == 130
    assert len([json.loads(line)["image"] for line in (tmp_path / "o.partial.jsonl").open()]) == 2
    assert not (tmp_path / "o.json").exists() and "o.partial.jsonl" in capsys.readouterr().err


# ---- Video -----------------------------------------------------------------------------------------------

def test_a_video_gives_rows_cutouts_and_maps(video, tmp_path):
    assert video("--every", 3, "--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv",
                 "--cutouts", tmp_path / "cut", "--masks", tmp_path / "masks") == 0
    rows = json.loads((tmp_path / "o.json").read_text())
    assert {row["frame"] for row in rows} == {0, 3, 6} and {row["time"] for row in rows} == {0, 0.12, 0.24}
    assert {row["image_id"] for row in rows} == {0, 3, 6} and {"dog", "cat"} <= {row["label"] for row in rows}
    table = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert [int(row["frame"]) for row in table] == [row["frame"] for row in rows] and "track" not in table[0]
    assert sorted(os.listdir(tmp_path / "masks")) == [f"frame_00000{n}_instances.png" for n in (0, 3, 6)]
    assert len(os.listdir(tmp_path / "cut")) == len(rows)


def test_a_resumed_video_has_the_same_rows(video, tmp_path, monkeypatch):
    options = ["--json", tmp_path / "o.jsonl", "--csv", tmp_path / "o.csv", "--every", 4, "--palette", "instance"]
    assert video(*options, end="3") == 0
    whole = [(tmp_path / name).read_bytes() for name in ("o.jsonl", "o.csv")]
    note, calls = Annotator.note, []

    def fail(self, look):
        calls.append(look.number)
        if look.number == 60:
            raise KeyboardInterrupt
        note(self, look)
    with monkeypatch.context() as patch:
        patch.setattr(Annotator, "note", fail)
        assert video(*options, "--overwrite", end="3") == 130
    assert (tmp_path / "o.partial.csv").exists() and calls[-1] == 60
    for name in ("out.avi", "o.jsonl", "o.csv"):
        (tmp_path / name).unlink()
    assert video(*options, "--resume", end="3") == 0
    assert [(tmp_path / name).read_bytes() for name in ("o.jsonl", "o.csv")] == whole


def test_workers_give_the_same_rows_in_the_same_order(video, tmp_path):
    options = ["--json", tmp_path / "o.jsonl", "--csv", tmp_path / "o.csv", "--masks", tmp_path / "masks", "--every", 5]
    contents = []
    for more in ([], ["--workers", "2", "--overwrite"]):
        assert video(*options, *more, end="3") == 0
        masks = [path.read_bytes() for path in sorted((tmp_path / "masks").iterdir())]
        contents.append([(tmp_path / name).read_bytes() for name in ("o.jsonl", "o.csv", "out.avi")] + masks)
    assert contents[0] == contents[1] and len(contents[0]) == 3 + 15


def test_rows_that_exist_are_kept_unless_told(video, tmp_path, capsys):
    (tmp_path / "o.csv").write_text("precious")
    assert video("--csv", tmp_path / "o.csv") == 1
    assert (tmp_path / "o.csv").read_text() == "precious" and "--overwrite" in capsys.readouterr().err


def test_several_videos_are_not_written_to_one_file(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        mask_rcnn_video.main(["-i", str(CLIP), str(CLIP), "-o", str(tmp_path), "--json", str(tmp_path / "o.json")])
    assert stopped.value.code == 2 and "are for one video" in capsys.readouterr().err


def test_a_tracked_video_numbers_its_objects(video, tmp_path, capsys):
    pytest.importorskip("trackers", reason='pip install ".[tracks]"')
    assert video("--track", "--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv", end="1") == 0
    rows = json.loads((tmp_path / "o.json").read_text())
    by_number = {}
    for row in rows:
        by_number.setdefault(row["track"], []).append(row)
    assert all(len({row["label"] for row in own}) == 1 for own in by_number.values())
    assert sum(len(own) > 1 for own in by_number.values()) == 5  # one frame may show what is not there
    assert "dog: 2 objects, seen" in capsys.readouterr().out
    assert {row["track"] for row in csv.DictReader((tmp_path / "o.csv").open())} == set(map(str, by_number))


@pytest.mark.parametrize("option, package", [(["--track"], "trackers"), (["--timeline", "t.png"], "matplotlib")])
def test_a_missing_package_is_named_and_nothing_is_begun(video, tmp_path, option, package, monkeypatch, capsys):
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    assert video(*option, "--json", tmp_path / "o.json") == 1
    assert "pip install" in capsys.readouterr().err and os.listdir(tmp_path) == []


def test_another_background_is_not_resumed_with(video, tmp_path, monkeypatch, capsys):
    note = Annotator.note

    def fail(self, look):
        if look.number == 60:
            raise KeyboardInterrupt
        note(self, look)
    with monkeypatch.context() as patch:
        patch.setattr(Annotator, "note", fail)
        assert video("--effect", "cutout", "--every", 4, "--background", "red", end="3") == 130
    assert video("--effect", "cutout", "--every", 4, "--background", "blue", "--resume", end="3") == 1
    assert "made with other options: --background was" in capsys.readouterr().err


def test_a_timeline_is_a_picture(video, tmp_path):
    pytest.importorskip("matplotlib", reason='pip install ".[timeline]"')
    assert video("--timeline", tmp_path / "t.png") == 0
    assert min(cv2.imread(str(tmp_path / "t.png")).shape[:2]) > 200
