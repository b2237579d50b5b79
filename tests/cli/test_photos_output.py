"""Where the photo command writes: a named file, nothing but rows, a folder that cannot be written; and what it says."""

import json

import cv2
import numpy as np
import pytest
from conftest import ROOT

import mask_rcnn
from segmentation.files import check_folders

PHOTO = str(ROOT / "images/example_01.jpg")


@pytest.fixture
def segment(tiny_pb):
    """Run the photo command on the tiny graph; the exit code."""
    return lambda *argv: mask_rcnn.main([*map(str, argv), "--weights", str(tiny_pb), "--no-show"])


def test_one_photo_can_have_a_named_result(segment, tmp_path):
    assert segment("-i", PHOTO, "-o", tmp_path / "new/cat.png") == 0
    assert (tmp_path / "new/cat.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cat.png"]


def test_several_photos_need_a_folder(segment, tmp_path, capsys):
    assert segment("-i", PHOTO, ROOT / "images/example_02.jpg", "-o", tmp_path / "cat.png") == 1
    assert "is the name of one picture, and there are 2 photos: name a folder" in capsys.readouterr().err
    (tmp_path / "cat.png").mkdir()  # a folder of that name is one
    assert segment("-i", PHOTO, ROOT / "images/example_02.jpg", "-o", tmp_path / "cat.png") == 0


CUT = ["--effect", "cutout", "--background"]


@pytest.mark.parametrize("background", ["transparent", "#00ff0000"])
def test_a_transparent_background_gives_png_files(segment, tmp_path, background):
    assert segment("-i", PHOTO, "-o", tmp_path, *CUT, background) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["example_01_segmented.png"]
    picture = cv2.imread(str(tmp_path / "example_01_segmented.png"), cv2.IMREAD_UNCHANGED)
    shown = picture[..., 3] > 0
    assert picture.shape == (853, 1280, 4) and shown.any() and not picture[~shown].any() and not shown.all()


def test_a_transparent_picture_on_standard_output_is_a_png(segment, capfdbinary):
    assert segment("-i", PHOTO, "-o", "-", *CUT, "transparent") == 0
    data = np.frombuffer(capfdbinary.readouterr().out, np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_UNCHANGED).shape == (853, 1280, 4)


def test_no_picture_writes_rows_alone(segment, tmp_path):
    rows = tmp_path / "rows.json"
    assert segment("-i", PHOTO, "-o", tmp_path / "out", "--no-picture", "--json", rows) == 0
    assert json.loads(rows.read_text())["images"] and not (tmp_path / "out").exists()
    assert segment("-i", PHOTO, "-o", tmp_path / "out", "--no-picture", "--json", rows, "--skip-existing") == 0


@pytest.mark.parametrize("options, said", [
    (["--no-picture"], "--no-picture leaves nothing to write"),
    (["--no-picture", "--json", "rows.json", "-v"], "--no-picture goes with neither"),
    (["--no-picture", "--masks", "masks", "--skip-existing"], "needs rows, labels or a report"),
    (["-i", "http://host/a.jpg"], "download the photo first"),
    (["-o", "cat.gif"], "--output cat.gif: name a folder, or a file that ends in .jpg or .png"),
    ([*CUT, "transparent", "-o", "cat.jpg"], "a JPEG has no transparency, name a file that ends in .png"),
    ([*CUT, "#00ff0080"], "must be wholly opaque or transparent, got '#00ff0080'"),
    (["--background", "transparent"], "--background needs --effect cutout"),
])
def test_what_cannot_be_is_a_usage_error(segment, options, said, capsys):
    with pytest.raises(SystemExit) as end:
        segment("-i", PHOTO, *options)
    assert end.value.code == 2 and said in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_before_the_network_is_loaded(segment, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("segmentation.cli.photos.load_network", lambda *args: pytest.fail("the network was loaded"))
    assert segment("-i", PHOTO, "-o", tmp_path / "file/out") == 1
    assert f"cannot write {tmp_path / 'file/out'}" in capsys.readouterr().err


def test_folders_that_can_be_written_are_not_made_yet(tmp_path):
    check_folders([tmp_path / "a/b", tmp_path / "a/b", tmp_path])
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_told_where_to_go(segment, tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    assert segment("-i", tmp_path / "clip.mp4", "-o", tmp_path) == 1
    assert "mask_rcnn_video.py segments videos" in capsys.readouterr().err


def test_quiet_prints_nothing_when_all_is_well(segment, tmp_path, capsys):
    assert segment("-i", PHOTO, "-o", tmp_path, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert segment("-i", tmp_path / "missing.jpg", "-o", tmp_path, "--quiet") == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("[ERROR]")
