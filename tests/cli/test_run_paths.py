"""No file that a run reads is written over, and no file is written twice: both are refused before any work."""

import os
import sys
import time
from pathlib import Path

import cv2
import pytest
from clips import make_clip

import mask_rcnn
from segmentation import SegmentationError
from segmentation.cli import run_paths
from segmentation.cli.parser import parse
from segmentation.cli.photo_options import PhotoOptions, make_parser
from segmentation.cli.run_paths import Keys, check_photo_paths, ignores_case
from segmentation.network.weights import COLORS, LABELS
from segmentation.pictures import encode_picture
from segmentation.search import find_photos, name_outputs

LINKS = pytest.mark.skipif(sys.platform == "win32", reason="links need rights")


@pytest.fixture
def run(tmp_path, tiny_pb, monkeypatch, capsys):
    """Run the script for photos in tmp_path; (exit code, what it printed on stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        code = mask_rcnn.main(["--no-show", "--weights", str(tiny_pb), "--size", "160x128", *map(str, args)])
        return code, capsys.readouterr().err
    return run


@pytest.fixture
def photo(noise):
    """Write a photo at a path; its bytes."""
    def photo(path):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_picture(noise, path.suffix, path))
        return path.read_bytes()
    return photo


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- Photos -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("names, args, said", [
    (["a.png", "a_segmented.png"], ["-o", "."], "a_segmented.png, the result of a.png, would replace the input a_seg"),
    (["a.png", "a_segmented_steps.png"], ["-o", ".", "-v"], "the steps of a.png, would replace the input a_segmented_"),
    (["a.png", "m/a_instances.png"], ["--masks", "m"], "a picture of a.png, would replace the input m/a_instances.png"),
    (["a.png", "a_01_dog.png"], ["--cutouts", "."], "a picture of --cutouts may replace the input a_01_dog.png"),
    (["a.png", "a_12_dog_mask.png"], ["--masks", ".", "--each-mask"], "may replace the input a_12_dog_mask.png"),
    (["a/x.png", "b/x.png"], [], "a/x.png and b/x.png would have the same result, output/x_segmented.png: .* another "
                                 "--output, or name the folder above both with --recursive"),
    (["x.png", "x.jpg"], ["-v"], "would have the same result, output/x_segmented_steps.png: .* another --output$"),
    (["x.png", "x.jpg"], ["--masks", "m"], "same result, m/x_instances.png: .* another --masks$"),
    (["x.png", "x.jpg"], ["--cutouts", "c"], "same result, c/x_NN_LABEL.png: .* another --cutouts$")])
def test_photos_are_never_written_over_and_results_never_twice(run, photo, tmp_path, names, args, said):
    for name in names:
        photo(name)
    before = contents(tmp_path)
    code, err = run("-i", *names, *args)
    assert code == 1 and len(err.splitlines()) == 1 and contents(tmp_path) == before
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(err.strip())


def test_what_does_not_clash_is_done(run, photo, tmp_path):
    for name in ("in/x.png", "in/x.jpg", "in/x.bmp", "in/sub/x.png", "in/x_01_dog.png"):
        photo(name)
    assert run("-i", "in", "-o", "in", "--recursive", "--json", "in/o.json", "--csv", "in/o.csv", "--report",
               "in/o.html") == (0, "")
    assert (tmp_path / "in/sub/x_segmented.png").exists() and (tmp_path / "in/x_bmp_segmented.png").exists()
    # Photos that cannot be read have no result.
    assert run("-i", "in/x.png", "none/x.png", "no/*.png", "not/*.png")[0] == 1


def test_a_second_run_over_the_folder_of_the_results_does_the_photos_alone(run, photo, tmp_path, capsys):
    photo("a.png")
    args = ["-i", ".", "-o", ".", "--masks", ".", "--cutouts", ".", "--each-mask", "-v"]
    assert run(*args) == (0, "")
    before = sorted(os.listdir(tmp_path))
    assert len(before) > 5 and run(*args) == (0, "") and sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("name, args", [
    ("a_segmented.jpg", []), ("a_segmented_steps.png", ["-v"]), ("a_instances.png", ["--masks", "."]),
    ("a_01_dog.png", ["--cutouts", "."])])
def test_pictures_that_only_have_the_names_of_results_are_not_written_over(run, tmp_path, noise, name, args):
    for file in ("a.jpg", name):
        cv2.imwrite(str(tmp_path / file), noise)
    before = contents(tmp_path)
    code, err = run("-i", ".", "-o", ".", *args)
    assert code == 1 and f"replace the {'picture' if 'segm' in name else 'input'}" in err and name in err
    assert contents(tmp_path) == before


@LINKS
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_is_known_by_any_name(run, photo, tmp_path, link):
    before = photo("a.png")
    link(tmp_path / "a.png", tmp_path / "rows.partial.jsonl")
    code, err = run("-i", "a.png", "--json", tmp_path / "rows.json")
    assert code == 1 and "the partial file of --json, would replace the input a.png" in err
    assert (tmp_path / "a.png").read_bytes() == before


@LINKS
def test_two_folders_that_are_one_are_one(run, photo, tmp_path):
    photo("in/a.png")
    photo("in/a_segmented.png")
    os.symlink("in", tmp_path / "out")
    code, err = run("-i", "in/a.png", "in/a_segmented.png", "-o", "out")
    assert code == 1 and "would replace the input in/a_segmented.png" in err


@pytest.mark.parametrize("name", [COLORS, LABELS, "own.pb", "own.pbtxt", "own.txt", "own.config"])
@LINKS
def test_the_files_of_the_model_are_never_written_over(run, photo, own, model_folder, tmp_path, name):
    photo("a.png")
    file = own.parent / name if name.startswith("own") else model_folder / name
    os.symlink(file, tmp_path / "rows.csv")
    before = file.read_bytes()
    code, err = run("-i", "a.png", "-m", model_folder, "--weights", own, "--csv", "rows.csv")
    assert code == 1 and f"rows.csv, the file of --csv, would replace a file of the model {file}" in err
    assert file.read_bytes() == before


@LINKS
def test_onnx_models_beside_the_weights_are_written_too(run, photo, own, tmp_path):
    photo("a.png")
    os.symlink("own.winograd.onnx", tmp_path / "rows.partial.csv")
    code, err = run("-i", "a.png", "--weights", own, "--engine", "onnxruntime", "--csv", "rows.csv")
    assert code == 1 and "would be both the partial file of --csv and the ONNX model of --weights" in err


def test_the_picture_of_the_background_is_never_written_over(run, photo, tmp_path):
    photo("a.png")
    before = photo("output/a_segmented.png")
    code, err = run("-i", "a.png", "--effect", "cutout", "--background", "output/a_segmented.png")
    assert code == 1 and "would replace the picture of --background output/a_segmented.png" in err
    assert (tmp_path / "output/a_segmented.png").read_bytes() == before


@pytest.mark.parametrize("option", ["-o", "-i", "--json", "--csv", "--cutouts", "--masks", "--report", "--weights",
                                    "-m"])
def test_no_path_is_empty(option, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn.main(["-i", "a.jpg", option, ""])
    assert caught.value.code == 2 and "must be a path, got ''" in capsys.readouterr().err


@LINKS
def test_bad_names_are_one_line_each_and_the_others_are_done(run, photo, tmp_path):
    photo("a.png")
    photo("name-\udce9.png")
    os.symlink("loop.jpg", "loop.jpg")
    os.mkfifo("pipe.jpg")
    code, err = run("-i", ".", "n" * 300, "none.jpg", "--csv", "o.csv")
    assert code == 1 and len(err.splitlines()) == 4
    for said in ("loop.jpg: Too many levels", "pipe.jpg: it is no regular file", "File name too long", "No such file"):
        assert said in err
    assert sorted(os.listdir(b"output")) == [b"a_segmented.png", b"name-\xe9_segmented.png"]


def test_ten_thousand_photos_are_checked_in_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "isfile", lambda path: True)
    folder = str(tmp_path)
    options = parse(make_parser(), ["-i", folder, "-o", folder, "-v", "--masks", folder, "--cutouts", folder],
                    PhotoOptions)
    names = {tmp_path / str(number % 100) / f"{number}_01_dog.png": Path(f"{number % 100}/{number}_01_dog")
             for number in range(10_000)}
    began = time.process_time()
    check_photo_paths(options, names, name_outputs(names, options.output))
    assert time.process_time() - began < 15  # 0.8 on an idle machine


# ---- File systems that ignore case ------------------------------------------------------------------------

def test_case_decides_nothing_where_the_file_system_ignores_it(tmp_path, monkeypatch):
    monkeypatch.setattr(run_paths, "ignores_case", lambda folder: True)
    (tmp_path / "in").mkdir()
    for name in ("Straße.png", "STRASSE.png"):
        (tmp_path / "in" / name).touch()
    options = parse(make_parser(), ["-i", str(tmp_path / "in"), "-o", str(tmp_path)], PhotoOptions)
    names = find_photos(options.image)
    with pytest.raises(SegmentationError, match=r"STRASSE.png and .*Straße.png would have the same result"):
        check_photo_paths(options, names, name_outputs(names, options.output))
    monkeypatch.undo()
    check_photo_paths(options, names, name_outputs(names, options.output))


def test_whether_case_is_ignored_is_asked_of_the_file_system(tmp_path):
    assert ignores_case(str(tmp_path)) == (tmp_path.parent / tmp_path.name.upper()).exists()
    (tmp_path / "a.png").touch()
    assert ignores_case(str(tmp_path / "not/there")) == ignores_case(str(tmp_path)) == (tmp_path / "A.PNG").exists()
    if not (tmp_path / "A.PNG").exists():
        (tmp_path / "A.PNG").touch()
        assert not ignores_case(str(tmp_path))


@LINKS
def test_loops_of_links_have_keys(tmp_path):
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    assert Keys().of(tmp_path / "a") and Keys().of(tmp_path / "a" / "x")


# ---- Videos -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("source, output, said", [
    ("film.partial.mp4", "film.mp4", "film.partial.mp4, a partial file of .*, would replace the input .*film.partial"),
    ("film.partial.old.mp4", "film.mp4", "film.partial.old.mp4, a partial file of .*, would replace the input"),
    ("film.mp4", "film.mp4", "film.mp4, the result of .*, would replace the input .*film.mp4: name another --output")])
def test_a_source_is_never_written_over(segment, net, tmp_path, capsys, source, output, said):
    before = make_clip(tmp_path / source, 3).read_bytes()
    for option in ("--overwrite", "--resume"):
        assert segment(tmp_path / source, output, option) == 1
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(capsys.readouterr().err)
    assert (tmp_path / source).read_bytes() == before and os.listdir(tmp_path) == [source] and net.seen == []


@LINKS
@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["out.mp4", "out.partial.mp4", "out.partial.old.mp4", "out.partial.mp4.json",
                                  "rows.partial.jsonl", "rows.json", "rows.partial.csv"])
def test_a_link_to_the_source_is_the_source(segment, net, tmp_path, capsys, link, name):
    source = make_clip(tmp_path / "in.mp4", 3)
    before = source.read_bytes()
    link(source, tmp_path / name)
    options = ["--json", tmp_path / "rows.json", "--csv", tmp_path / "rows.csv", "--overwrite"]
    assert segment(source, "out.mp4", *options) == 1
    assert f"would replace the input {source}: name another --" in capsys.readouterr().err
    assert source.read_bytes() == before and net.seen == []


def test_the_result_of_one_video_is_not_the_source_of_another(segment, net, tmp_path, capsys):
    for name in ("a.mp4", "a_segmented.mp4", "b.mp4", "b_segmented.partial.mp4"):
        make_clip(tmp_path / name, 2)
    before = contents(tmp_path)
    for pair in (("a.mp4", "a_segmented.mp4"), ("b_segmented.partial.mp4", "b.mp4")):
        sources = [str(tmp_path / name) for name in pair]
        from mask_rcnn_video import main
        assert main(["-i", *sources, "-o", str(tmp_path), "--overwrite"]) == 1
        assert "would replace the input" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_videos_of_one_name_are_refused(segment, net, tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).mkdir()
        make_clip(tmp_path / name / "x.mp4", 2)
    assert segment(f"{tmp_path}/*/x.mp4", "out") == 1
    err = capsys.readouterr().err
    assert f"{tmp_path}/a/x.mp4 and {tmp_path}/b/x.mp4 would have the same result" in err and "--recursive" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("args, said", [
    (["--json", "out.partial.mp4.json"], "would be both the file of --json and a partial file of"),
    (["--masks", ".", "--effect", "cutout", "--background", "frame_000007_instances.png"], "may replace the picture")])
def test_other_files_of_a_video_clash_neither(segment, net, photo, tmp_path, monkeypatch, capsys, args, said):
    monkeypatch.chdir(tmp_path)
    photo("frame_000007_instances.png")
    assert segment(make_clip(tmp_path / "in.mp4", 2), "out.mp4", *args) == 1
    assert said in capsys.readouterr().err and net.seen == []
