"""Labels, crops and frames from both command lines: what people have corrected is never lost."""

import json

import numpy as np
import pytest
from clips import make_clip, number_in

import mask_rcnn
import mask_rcnn_video
from segmentation.pictures import encode_picture, read_photo


@pytest.fixture
def run(tmp_path, tiny_pb, monkeypatch, capsys, noise):
    """Run the script for photos in a folder with the photos p/a.png and p/s/b.webp; (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name in ("p/a.png", "p/s/b.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encode_picture(noise, f".{name.split('.')[1]}", name))

    def run(*args):
        code = mask_rcnn.main(["--no-show", "--weights", str(tiny_pb), "--size", "160x128", "-c", "0.01", "--recursive",
                               "-i", "p", *args])
        return code, capsys.readouterr().err
    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_labels_are_named_as_the_photos(run, tmp_path):
    assert run("--yolo", "y", "--labelme", "p")[0] == 0
    assert files(tmp_path / "y") == ["data.yaml", "labels/a.txt", "labels/s/b.txt"]
    assert files(tmp_path / "p") == ["a.json", "a.png", "s/b.json", "s/b.webp"]
    assert json.loads((tmp_path / "p/s/b.json").read_text())["imagePath"] == "b.webp"


@pytest.mark.parametrize("option, name", [("--labelme", "y/s/b.json"), ("--yolo", "y/labels/s/b.txt")])
def test_corrected_labels_are_kept(run, tmp_path, option, name):
    assert run(option, "y")[0] == 0
    (tmp_path / name).write_text("corrected")
    code, said = run(option, "y")
    assert code == 1 and "exists already, and may have been corrected" in said
    (tmp_path / "output/s/b_webp_segmented.png").unlink()  # it is done again, but its labels stay
    assert run(option, "y", "--skip-existing")[0] == 0 and (tmp_path / name).read_text() == "corrected"
    assert run(option, "y", "--overwrite")[0] == 0 and (tmp_path / name).read_text() != "corrected"


def test_photos_without_labels_are_done_again(run, tmp_path):
    assert run()[0] == 0
    assert run("--yolo", "y", "--skip-existing")[0] == 0 and len(files(tmp_path / "y")) == 3
    (tmp_path / "y/labels/a.txt").unlink()
    assert run("--yolo", "y", "--skip-existing")[0] == 0 and len(files(tmp_path / "y")) == 3


def test_photos_with_one_name_are_refused(run, tmp_path):
    (tmp_path / "p/a.jpg").write_bytes((tmp_path / "p/a.png").read_bytes())
    code, said = run("--yolo", "y")
    assert code == 1 and "p/a.jpg and p/a.png would have the same result, y/labels/a.txt" in said


def test_standard_input_has_no_name_for_labels(tmp_path, capsys):
    with pytest.raises(SystemExit):
        mask_rcnn.main(["-i", "-", "--yolo", str(tmp_path)])
    assert "need the name of a photo" in capsys.readouterr().err


# ---- Videos ----------------------------------------------------------------------------------------------

def test_the_frames_that_the_network_sees_have_labels(segment, tmp_path, capsys):
    clip = make_clip(tmp_path / "in.mkv", 7)
    y, again = tmp_path / "y", ("--yolo", tmp_path / "y", "--labelme", tmp_path / "y", "--every", 3)
    assert segment(clip, "out.avi", *again) == 0
    stems = [f"frame_{number:06}" for number in (0, 3, 6)]
    assert files(y) == ["data.yaml", *(f"{stem}.json" for stem in stems), *(f"labels/{stem}.txt" for stem in stems)]
    (y / "frame_000003.json").write_text("corrected")
    assert segment(clip, "b.avi", *again) == 1 and "may have been corrected" in capsys.readouterr().err
    assert segment(clip, "b.avi", *again, "--overwrite") == 0 and "corrected" not in (y / stems[1]).with_suffix(
        ".json").read_text()


def test_a_video_does_not_change_the_classes_of_a_data_set(segment, tmp_path, capsys):
    (tmp_path / "y").mkdir()
    (tmp_path / "y/data.yaml").write_text("train: images\nnames:\n  0: dog\n")
    clip = make_clip(tmp_path / "in.mkv", 4)
    assert segment(clip, "out.avi", "--yolo", tmp_path / "y") == 1
    assert "data.yaml are others than this run's" in capsys.readouterr().err and files(tmp_path / "y") == ["data.yaml"]
    assert segment(clip, "out.avi", "--yolo", tmp_path / "y", "--overwrite") == 0
    assert '0: "person"' in (tmp_path / "y/data.yaml").read_text()


def test_a_video_that_is_done_is_left(segment, net, tmp_path):
    clip = make_clip(tmp_path / "in.mkv", 4)
    assert segment(clip, "out.avi", "--yolo", tmp_path / "y") == 0
    net.seen.clear()
    assert segment(clip, "out.avi", "--yolo", tmp_path / "y", "--resume") == 0 and net.seen == []
    assert segment(clip, "out.avi", "--labelme", tmp_path / "l", "--resume") == 1  # they were not asked for then


def test_a_stopped_video_is_resumed_to_the_same_labels(segment, net, tmp_path):
    clip = make_clip(tmp_path / "in.mkv", 60)
    assert segment(clip, "whole.avi", "--yolo", tmp_path / "w", "--labelme", tmp_path / "w") == 0

    def fail(number):
        if number == 55:
            raise MemoryError
    options = ("out.avi", "--yolo", tmp_path / "y", "--labelme", tmp_path / "y")
    net.hook = fail
    with pytest.raises(MemoryError):
        segment(clip, *options)
    net.hook = lambda number: None
    assert segment(clip, *options, "--resume") == 0
    assert {name: (tmp_path / "y" / name).read_bytes() for name in files(tmp_path / "y")} == {
        name: (tmp_path / "w" / name).read_bytes() for name in files(tmp_path / "w")}


def test_tasks_for_label_studio_are_added_to(run, tmp_path):
    assert run("--label-studio", "t.json")[0] == 0
    assert [task["data"]["file"] for task in json.loads((tmp_path / "t.json").read_text())] == ["p/a.png", "p/s/b.webp"]
    assert run("--label-studio", "t.json")[0] == 1
    assert run("--label-studio", "t.json", "--skip-existing")[0] == 0
    with pytest.raises(SystemExit):
        run("--label-studio", "t.jsonl")
    code, said = run("--label-studio", "t.json", "--json", "t.jsonl", "--overwrite")
    assert code == 1 and "t.partial.jsonl would be both" in said


# ---- Crops and frames ------------------------------------------------------------------------------------

def test_a_crop_is_the_box_of_an_object(run, tmp_path):
    assert run("--crops", "c", "--json", "r.json", "--labelme", "l")[0] == 0
    rows = json.loads((tmp_path / "r.json").read_text())["annotations"]
    assert len(files(tmp_path / "c")) == len(rows) > 0
    for row in rows:
        name = {"p/a.png": "a", "p/s/b.webp": "s/b_webp"}[row["file"]]
        path, = (tmp_path / "c").glob(f"{name}_{row['number']:02}_*.jpg")
        assert list(read_photo(path).shape[1::-1]) == row["bbox"][2:]


def test_a_crop_does_not_replace_a_photo(run, tmp_path):
    (tmp_path / "p/a_01_dog.jpg").write_bytes(encode_picture(np.zeros((9, 9, 3), np.uint8), ".jpg", ""))
    code, said = run("--crops", "p")
    assert code == 1 and "a picture of --crops may replace the input p/a_01_dog.jpg" in said


def test_frames_are_the_pictures_of_labels(segment, tmp_path):
    clip = make_clip(tmp_path / "in.mkv", 7)
    assert segment(clip, "out.avi", "--every", 3, "--frames", tmp_path / "y/images", "--yolo", tmp_path / "y",
                   "--labelme", tmp_path / "l", "--crops", tmp_path / "c") == 0
    assert files(tmp_path / "y/images") == [f"frame_{number:06}.jpg" for number in (0, 3, 6)]
    assert [number_in(read_photo(path)) for path in sorted((tmp_path / "y/images").iterdir())] == [0, 3, 6]
    label = json.loads((tmp_path / "l/frame_000003.json").read_text())
    assert label["imagePath"] == "../y/images/frame_000003.jpg" and label["imageWidth"] == 320
    assert read_photo(tmp_path / "c/frame_000003_01_person.jpg").shape == (80, 60, 3)


def test_workers_give_the_same_labels_and_frames(tmp_path, tiny_pb):
    clip = make_clip(tmp_path / "in.mkv", 60)
    for name, args in (("one", []), ("two", ["--workers", "2"])):
        assert mask_rcnn_video.main(
            ["-i", str(clip), "-o", str(tmp_path / f"{name}.avi"), "--weights", str(tiny_pb), "--size", "160x128", "-c",
             "0.01", "--every", "10", "--yolo", str(tmp_path / name), "--frames", str(tmp_path / name / "images"),
             "--labelme", str(tmp_path / name), *args]) == 0
    one, two = ({path: (tmp_path / name / path).read_bytes() for path in files(tmp_path / name)}
                for name in ("one", "two"))
    assert one == two and len(one) == 19


def test_crops_of_an_earlier_run_are_not_segmented(run, tmp_path):
    assert run("--crops", "p")[0] == 0 and len(files(tmp_path / "p")) > 2
    assert run("--yolo", "y", "--overwrite")[0] == 0
    assert files(tmp_path / "y") == ["data.yaml", "labels/a.txt", "labels/s/b.txt"]
