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

from segmentation import SegmentationError
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
    assert f"the first {len(kept)} frames are kept in {tmp_path / partial}" in capsys.readouterr().err
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
    assert "--threshold was 0.3, now 0.4" in capsys.readouterr().err
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
    assert re.fullmatch(r"\[ERROR\] cannot write .*out\.partial\.avi: .*; the first \d+ frames are kept.*\n", err), err
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
