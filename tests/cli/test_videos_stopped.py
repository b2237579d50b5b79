"""The video command line stopped, killed and resumed: nothing is lost, and the frames are the same."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from clips import assert_only, make_clip, numbers_in, read_clip, sound_in
from conftest import ROOT

import mask_rcnn_video
from segmentation import SegmentationError
from segmentation.files import only_writer
from segmentation.network.weights import ModelFiles


@pytest.mark.parametrize("name", ["out.avi", "out.mp4", "out.mkv"])
@pytest.mark.parametrize("options", [[], ["--every", "7", "--palette", "instance"]])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_plays_and_resumes_to_the_same_frames(segment, net, tmp_path, capsys, name, options, how):
    source = make_clip(tmp_path / "in.mp4", 130, Fraction(30000, 1001), sound=True)
    assert segment(source, name, *options) == 0
    expected, expected_sound = read_clip(tmp_path / name), sound_in(tmp_path / name)
    os.remove(tmp_path / name)
    net.hook = lambda number: os.kill(os.getpid(), how) if number == 105 else None
    assert segment(source, name, *options) == 128 + how
    partial = f"out.partial{name[3:]}"
    assert_only(tmp_path, "in.mp4", partial, f"{partial}.json")
    kept = numbers_in(tmp_path / partial)
    assert kept == list(range(len(kept))) and 100 <= len(kept) <= 107
    assert f"{len(kept)} frames are kept in {tmp_path / partial}" in capsys.readouterr().err
    net.hook, net.seen = lambda number: None, []
    assert segment(source, name, *options) == 1 and "--resume" in capsys.readouterr().err
    assert segment(source, name, *options, "--resume") == 0
    assert min(net.seen) >= (len(kept) - 7 if name == "out.avi" else 90)
    images, times, rate = read_clip(tmp_path / name)
    assert len(images) == 130 and rate == expected[2] and times == expected[1]
    assert all(np.array_equal(image, other) for image, other in zip(images, expected[0]))
    assert sound_in(tmp_path / name) == expected_sound
    assert_only(tmp_path, "in.mp4", name)
    assert "person: seen" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["out.avi", "out.mp4"])
def test_a_stopped_video_that_was_changed_is_begun_anew(segment, net, tmp_path, capsys, name):
    source = make_clip(tmp_path / "in.mp4", 130)
    assert segment(source, name) == 0
    expected = read_clip(tmp_path / name)
    os.remove(tmp_path / name)
    net.hook = lambda number: os.kill(os.getpid(), signal.SIGINT) if number == 105 else None
    assert segment(source, name) == 130
    net.hook, net.seen = lambda number: None, []
    partial = tmp_path / f"out.partial{name[3:]}"
    content = bytearray(partial.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, in a frame
    partial.write_bytes(content)
    assert segment(source, name, "--resume") == 0
    assert f"{partial} was changed after its run: going on at the first frame" in capsys.readouterr().err
    assert min(net.seen) == 0
    images, times, _ = read_clip(tmp_path / name)
    assert times == expected[1] and all(map(np.array_equal, images, expected[0]))
    assert_only(tmp_path, "in.mp4", name)


def test_a_ctrl_c_that_is_ignored_stays_so(segment, net, tmp_path):
    net.hook = lambda number: signal.raise_signal(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert segment(make_clip(tmp_path / "in.mp4", 3)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_resume_with_other_options_is_refused(segment, net, tmp_path, capsys):
    source = make_clip(tmp_path / "in.mp4", 60)
    net.hook = lambda number: os.kill(os.getpid(), signal.SIGTERM) if number == 20 else None
    assert segment(source) == 143
    before = (tmp_path / "out.partial.avi").read_bytes()
    assert segment(source, "out.avi", "--resume", "-t", "0.4") == 1
    assert "--threshold was not given, now 0.4" in capsys.readouterr().err
    assert (tmp_path / "out.partial.avi").read_bytes() == before


@pytest.mark.parametrize("role", ["weights", "text_graph", "labels", "colors", "config"])
def test_a_resume_with_another_model_is_refused(segment, net, tmp_path, capsys, role):
    paths = {name: tmp_path / name for name in ("weights", "text_graph", "labels", "colors", "config")}
    for path in paths.values():
        path.write_text("one")
    net.files = ModelFiles(**paths)
    source = make_clip(tmp_path / "in.mp4", 60)
    net.hook = lambda number: os.kill(os.getpid(), signal.SIGTERM) if number == 20 else None
    assert segment(source) == 143
    paths[role].write_text("another")
    assert segment(source, "out.avi", "--resume") == 1
    assert f"{role} was " in capsys.readouterr().err


def stop_at(net, frame):
    """End the next run by SIGTERM when the network sees a frame."""
    net.hook = lambda number: os.kill(os.getpid(), signal.SIGTERM) if number == frame else None


def test_a_source_of_equal_size_that_is_another_film_is_refused(segment, net, tmp_path, capsys):
    source = make_clip(tmp_path / "in.avi", 60, codec="mjpeg")
    stop_at(net, 50)
    assert segment(source) == 143
    content = source.read_bytes()
    os.utime(source, (1, 1))  # a touched file is the same film, and so is one that was moved
    source = source.rename(tmp_path / "moved.avi")
    stop_at(net, 55)
    assert segment(source, "out.avi", "--resume") == 143
    source.write_bytes(content[:5000] + b"another film" + content[5012:])
    before = (tmp_path / "out.partial.avi").read_bytes()
    capsys.readouterr()
    assert segment(source, "out.avi", "--resume") == 1
    assert f"--input was {len(content)} bytes, hash " in capsys.readouterr().err
    assert (tmp_path / "out.partial.avi").read_bytes() == before


@pytest.mark.parametrize("rows", ["rows.json", "rows.jsonl", "rows.csv"])
def test_rows_that_were_cut_are_written_again_with_their_frames(segment, net, tmp_path, capsys, rows):
    source = make_clip(tmp_path / "in.mp4", 70)
    option = [f"--{'csv' if rows.endswith('.csv') else 'json'}", tmp_path / rows]
    assert segment(source, "whole.avi", *option) == 0
    expected = (tmp_path / rows).read_bytes()
    (tmp_path / rows).unlink()
    stop_at(net, 60)
    assert segment(source, "out.avi", *option) == 143
    partial = next(tmp_path.glob("rows.partial.*"))
    partial.write_bytes(partial.read_bytes()[:partial.stat().st_size * 5 // 6])
    net.hook, net.seen = lambda number: None, []
    assert segment(source, "out.avi", *option, "--resume") == 0
    assert "not as it left them: going on after 48 frames" in capsys.readouterr().err and min(net.seen) == 48
    assert (tmp_path / rows).read_bytes() == expected and numbers_in(tmp_path / "out.avi") == list(range(70))
    assert_only(tmp_path, "in.mp4", "whole.avi", "out.avi", rows)


def test_a_stopped_run_writes_no_plot_and_resumes_to_the_same_one(segment, net, tmp_path):
    pytest.importorskip("matplotlib")
    source = make_clip(tmp_path / "in.mp4", 30)
    assert segment(source, "whole.avi", "--timeline", tmp_path / "whole.png") == 0
    stop_at(net, 20)
    assert segment(source, "out.avi", "--timeline", tmp_path / "plot.png") == 143
    assert_only(tmp_path, "in.mp4", "whole.avi", "whole.png", "out.partial.avi", "out.partial.avi.json")
    net.hook = lambda number: None
    assert segment(source, "out.avi", "--timeline", tmp_path / "plot.png", "--resume") == 0
    assert (tmp_path / "plot.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


def test_a_run_that_writes_nothing_leaves_no_rows(segment, net, tmp_path, capsys):
    def fail(number):
        raise SegmentationError("the network failed")
    source, rows = make_clip(tmp_path / "in.mp4", 5), ["--json", tmp_path / "rows.json", "--csv", tmp_path / "rows.csv"]
    net.hook = fail
    assert segment(source, "out.avi", *rows) == 1
    assert "rows so far" not in capsys.readouterr().err
    assert_only(tmp_path, "in.mp4")


def test_a_second_run_to_the_same_output_is_refused_and_the_first_is_unharmed(segment, net, tmp_path, capsys):
    source, rows = make_clip(tmp_path / "in.mp4", 20), ["--csv", tmp_path / "rows.csv"]
    codes = []

    def run_again(number):
        net.hook = lambda number: None
        for name, options in (("out.avi", []), ("out.avi", ["--overwrite"]), ("out.avi", ["--resume"]),
                              ("other.avi", rows)):
            codes.append(segment(source, name, *options))
    net.hook = run_again
    assert segment(source, "out.avi", *rows) == 0
    err = capsys.readouterr().err
    assert codes == [1] * 4 and err.count("is being written by another run: wait for it, or name another file") == 4
    assert numbers_in(tmp_path / "out.avi") == list(range(20))
    assert_only(tmp_path, "in.mp4", "out.avi", "rows.csv")


def test_one_of_several_videos_that_another_run_writes_is_one_line(segment, net, tmp_path, capsys):
    sources = [make_clip(tmp_path / f"{number}.mp4", 5) for number in (1, 2, 3)]
    (tmp_path / "out").mkdir()
    with only_writer(tmp_path / "out" / "2_segmented.mp4"):
        assert mask_rcnn_video.main(["-i", *map(str, sources), "-o", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert err.count("[ERROR]") == 1 and "2_segmented.mp4 is being written by another run" in err
    assert sorted(os.listdir(tmp_path / "out")) == ["1_segmented.mp4", "3_segmented.mp4"]


def test_what_is_done_already_is_said_and_left(segment, net, tmp_path, capsys):
    source = make_clip(tmp_path / "in.mp4", 5)
    assert segment(source) == 0
    before, net.seen = (tmp_path / "out.avi").read_bytes(), []
    assert segment(source, "out.avi", "--resume") == 0
    assert "is done already" in capsys.readouterr().out and net.seen == []
    assert segment(source, "out.avi", "--resume", "--csv", tmp_path / "rows.csv") == 1
    assert "out.avi exists already" in capsys.readouterr().err
    assert (tmp_path / "out.avi").read_bytes() == before
    assert_only(tmp_path, "in.mp4", "out.avi")


def test_resume_without_an_earlier_run_starts_one(segment, tmp_path):
    assert segment(make_clip(tmp_path / "in.mp4", 5), "out.avi", "--resume") == 0
    assert numbers_in(tmp_path / "out.avi") == list(range(5))


@pytest.mark.parametrize("name", ["out.avi", "out.mp4", "out.mkv"])
def test_a_run_that_fails_at_its_first_frame_leaves_nothing(segment, net, tmp_path, capsys, name):
    def fail(number):
        raise SegmentationError("the network failed")
    net.hook = fail
    assert segment(make_clip(tmp_path / "in.mp4", 5, sound=True), name) == 1
    assert "nothing was written yet" in capsys.readouterr().err
    assert_only(tmp_path, "in.mp4")


def test_stopped_twice_and_while_copying_loses_nothing(segment, net, tmp_path):
    source = make_clip(tmp_path / "in.mp4", 90)
    for stop_at in (30, 31, 60):
        net.hook = lambda number, stop_at=stop_at: os.kill(os.getpid(), signal.SIGTERM) if number == stop_at else None
        assert segment(source, "out.avi", "--resume") == 143
    # A stop that comes before the part before is copied keeps that part.
    shutil.copy(tmp_path / "out.partial.avi", tmp_path / "out.partial.old.avi")
    (tmp_path / "out.partial.avi").write_bytes(b"just begun")
    net.hook = lambda number: None
    assert segment(source, "out.avi", "--resume") == 0
    assert numbers_in(tmp_path / "out.avi") == list(range(90))
    assert_only(tmp_path, "in.mp4", "out.avi")


def start(tiny_pb, source, output, *args, **options):
    command = [sys.executable, ROOT / "mask_rcnn_video.py", "-i", source, "-o", output, "--weights", tiny_pb,
               "--size", "160x128", "-c", "1", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("name", ["out.avi", "out.mp4", "out.mkv"])
def test_a_killed_run_resumes(tiny_pb, tmp_path, name):
    source = make_clip(tmp_path / "in.mp4", 400)
    script = start(tiny_pb, source, tmp_path / name)
    notes = tmp_path / f"out.partial{name[3:]}.json"
    deadline = time.monotonic() + 60
    while not (notes.exists() and '], [144, ' in notes.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    script.kill()
    script.communicate()
    resumed = start(tiny_pb, source, tmp_path / name, "--resume")
    _, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert numbers_in(tmp_path / name) == list(range(400))
    assert_only(tmp_path, "in.mp4", name)


def test_a_full_disk_is_one_line_and_keeps_what_was_written(tiny_pb, tmp_path):
    import resource  # not on Windows
    source = make_clip(tmp_path / "in.mp4", 300)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    script = start(tiny_pb, source, tmp_path / "out.avi", preexec_fn=small_files)
    _, err = script.communicate(timeout=120)
    assert script.returncode == 1
    lines = [line for line in err.splitlines() if not line.startswith("[INFO]")]  # a slow run prints its progress
    assert len(lines) == 1, err
    assert re.fullmatch(r"\[ERROR\] cannot write .*out\.partial\.avi: .*; \d+ frames? (is|are) kept.*", lines[0])
    assert len(numbers_in(tmp_path / "out.partial.avi")) > 5 and not (tmp_path / "out.avi").exists()


def test_a_resumed_run_that_is_killed_loses_little(tiny_pb, tmp_path):
    source, notes = make_clip(tmp_path / "in.mp4", 700), tmp_path / "out.partial.avi.json"
    for point in (96, 480):
        script = start(tiny_pb, source, tmp_path / "out.avi", "--resume")
        deadline = time.monotonic() + 90
        while not (notes.exists() and f"[{point}, " in notes.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        script.kill()
        script.communicate()
    resumed = start(tiny_pb, source, tmp_path / "out.avi", "--resume")
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert int(re.search(r"going on after (\d+) frames", out).group(1)) >= 336
    assert numbers_in(tmp_path / "out.avi") == list(range(700))
