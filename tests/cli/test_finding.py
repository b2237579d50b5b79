"""Which videos the names on the command line mean, what their results are called, and which of them are done."""

import os
import sys
from pathlib import Path

import pytest
from clips import make_clip, numbers_in

import mask_rcnn_video
from segmentation.cli.finding import find_videos, is_video, name_outputs, search_videos


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def clip(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    return make_clip(path, frames)


def test_a_name_depends_on_the_video_alone(tmp_path):
    for name in ("a/film.mkv", "b/film.mkv", "b/film.mov", "b/FILM.MP4", "b/film.avi"):
        touch(tmp_path / name)
    outputs = name_outputs(find_videos([str(tmp_path)], recursive=True), "out")
    assert [path.as_posix() for path in outputs.values()] == [
        "out/a/film_segmented.mkv", "out/b/FILM_segmented.mp4", "out/b/film_segmented.avi",
        "out/b/film_segmented.mkv", "out/b/film_mov_segmented.mp4"]
    (tmp_path / "a/film.mkv").unlink()
    assert name_outputs(find_videos([str(tmp_path)], recursive=True), "out") == dict(list(outputs.items())[1:])


def test_cameras_and_streams_have_names_too():
    videos = ["0", "rtsp://door:554/cam/main?user=a/b", "http://host:80", "https://host/film.mkv?x=*"]
    assert find_videos(videos) == dict(zip(videos, map(Path, ["0", "main", "host_80", "film"])))


def test_one_video_named_twice_is_listed_once(tmp_path, monkeypatch):
    monkeypatch.chdir(touch(tmp_path / "sub" / "x.mp4").parents[1])
    assert find_videos(["sub/x.mp4", str(tmp_path / "sub/x.mp4"), "sub", "s*/*.mp4"]) == {"sub/x.mp4": Path("x")}


def test_results_of_earlier_runs_are_left_out_and_partial_is_a_word_like_others(tmp_path):
    results = ["x_segmented.mp4", "x_segmented-2.avi", "x_segmented.partial.mkv", "film.partial.mp4",
               "film.partial.old.mp4"]
    videos = ["a.partial.cut.mp4", "x.mp4", "x_segmented.mov"]
    for name in (*results, *videos):
        touch(tmp_path / name)
    for given in (str(tmp_path), f"{tmp_path}/*"):
        names, left_out = search_videos([given])
        assert list(names) == [str(tmp_path / name) for name in videos]
        assert sorted(left_out) == [str(tmp_path / name) for name in sorted(results)]
    assert list(find_videos([str(tmp_path / "film.partial.mp4")])) == [str(tmp_path / "film.partial.mp4")]


def test_names_that_are_too_long_with_our_endings_are_cut_and_stay_different(tmp_path):
    videos = [str(touch(tmp_path / f"{'n' * 250}{last}.mp4")) for last in "ab"]
    outputs = name_outputs(find_videos(videos), tmp_path)
    assert len(set(outputs.values())) == 2
    for output in outputs.values():
        touch(output.with_name(f".{output.stem}.partial.old.mp4.json.123456.part.json"))


# ---- Done already, or not ---------------------------------------------------------------------------------

def test_only_a_file_that_opens_as_a_video_is_done(segment, net, tmp_path, capsys):
    sources, out = tmp_path / "in", tmp_path / "out"
    for name in ("x", "y", "z"):
        clip(sources / f"{name}.mp4", 3)
    out.mkdir()
    (out / "x_segmented.mp4").write_text("a note\n" * 9)
    make_clip(out / "y_segmented.mp4", 3)
    assert segment(sources, "out", "--resume", "--recursive") == 1
    out_lines, err = capsys.readouterr()
    assert f"{sources / 'y.mp4'} is done already" in out_lines and "x.mp4 is done" not in out_lines
    assert err.count("[ERROR]") == 1 and f"{out / 'x_segmented.mp4'} exists already" in err
    assert numbers_in(out / "z_segmented.mp4") == [0, 1, 2] and (out / "x_segmented.mp4").read_text() == "a note\n" * 9


def test_what_opens_as_a_video(tmp_path):
    assert is_video(make_clip(tmp_path / "x.mp4", 3))
    for path in (tmp_path, tmp_path / "none.mp4", touch(tmp_path / "y.mp4"), Path("/dev/null")):
        assert not is_video(path), path


def test_a_new_video_in_another_folder_changes_no_other_name(segment, net, tmp_path, capsys):
    clip(tmp_path / "in/b/x.mp4", 2)
    assert segment(tmp_path / "in", "out", "--recursive") == 0
    clip(tmp_path / "in/a/x.mp4", 3)
    assert segment(tmp_path / "in", "out", "--recursive", "--resume") == 0
    assert [len(numbers_in(tmp_path / "out" / name / "x_segmented.mp4")) for name in "ab"] == [3, 2]
    assert capsys.readouterr().out.count("is done already") == 1


def test_results_beside_the_videos_are_not_segmented_again(segment, net, tmp_path, capsys):
    folder = clip(tmp_path / "in/x.mp4", 2).parent
    for options in ([], ["--overwrite"]):
        assert segment(folder, "in", *options) == 0
        assert sorted(os.listdir(folder)) == ["x.mp4", "x_segmented.mp4"]
    assert f"1 result of an earlier run is left out, {folder / 'x_segmented.mp4'}" in (
        capsys.readouterr().out)


# ---- Bad names --------------------------------------------------------------------------------------------

@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_bad_names_are_one_line_each_and_the_others_are_done(segment, net, tmp_path, capsys):
    video = make_clip(tmp_path / "in.mp4", 2)
    os.symlink("loop.mp4", tmp_path / "loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty").mkdir()
    bad = {"loop.mp4": "Too many levels of symbolic links", "pipe.mp4": "it is no regular file",
           "empty": "it is a folder without videos", "none.mp4": "there is no such file",
           "n" * 300: "File name too long"}
    names = [str(tmp_path / name) for name in bad]
    assert mask_rcnn_video.main(["-i", *names, str(video), "-o", str(tmp_path / "out")]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == len(bad)
    for error, name, said in zip(errors, names, bad.values()):
        assert error.startswith(f"[ERROR] cannot read {name}: {said}")
    assert os.listdir(tmp_path / "out") == ["in_segmented.mp4"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="its file names are Unicode")
def test_a_name_that_is_not_utf_8_is_a_name(segment, net, tmp_path):
    make_clip(tmp_path / "x.mp4", 2).rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp4"))
    assert mask_rcnn_video.main(["-i", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert os.listdir(bytes(tmp_path / "out")) == [b"caf\xe9_segmented.mp4"]


@pytest.mark.parametrize("option", ["-o", "-i", "--json", "--csv", "--cutouts", "--masks", "--timeline", "--weights",
                                    "-m"])
def test_no_path_is_empty(option, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", "in.mp4", "-o", "out.mp4", option, ""])
    assert caught.value.code == 2 and "must be a path, got ''" in capsys.readouterr().err
