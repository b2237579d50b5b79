"""Videos done by workers: the same frames as in one process, whatever happens to a worker on the way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clips import make_clip, needs_cuts, numbers_in, read_clip, sound_in
from conftest import MODEL_FOLDER, ROOT
from workers.test_chunks import OPEN_GOP, VARYING

import mask_rcnn_video
from segmentation import SegmentationError
from segmentation.cli.finding import find_videos
from segmentation.network.options import NetworkOptions
from segmentation.network.weights import find_model
from segmentation.workers import ordering
from segmentation.workers.ordering import in_order
from segmentation.workers.packet_index import CannotCut
from segmentation.workers.processes import LocalWorkers, ctrl_c_held_back
from segmentation.workers.tasks import Part, Task

LONG = {"b_frames.mp4": {}, "varying.mkv": {"times": [at + 2400 * n for n in range(3) for at in VARYING]},
        "open_gop.mkv": {"options": OPEN_GOP}}


def assert_same(path, other):
    """Frames, their times and sound of two videos are the same."""
    (images, times, rate), (images_, times_, rate_) = read_clip(path), read_clip(other)
    assert len(images) == len(images_) and (times, rate) == (times_, rate_)
    assert all(np.array_equal(image, image_) for image, image_ in zip(images, images_))
    assert sound_in(path) == sound_in(other)


def workers_of(process):
    """The processes of a script's workers, as Linux lists them."""
    lists = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/children")]
    children = " ".join(lists).split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def assert_gone(pids):
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


@pytest.mark.parametrize("clip", LONG)
@pytest.mark.parametrize("suffix, options", [
    (".avi", []), (".mkv", []), (".mp4", ["--every", "7", "--palette", "instance"]), (".avi", ["--every", "5"])])
def test_two_workers_give_what_one_process_gives(segment, tmp_path, clip, suffix, options, capsys):
    source = make_clip(tmp_path / clip, 180, sound=True, **LONG[clip])
    assert segment(source, f"one{suffix}", *options) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if "seen" in line or "frames read" in line]
    assert segment(source, f"two{suffix}", *options, "--workers", "2") == 0
    assert_same(tmp_path / f"one{suffix}", tmp_path / f"two{suffix}")
    assert set(expected) <= set(capsys.readouterr().out.splitlines())


def test_objects_move_alike_in_workers(segment, tmp_path, monkeypatch):
    ground = np.random.default_rng(1).integers(0, 256, (30, 40, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    monkeypatch.setattr("clips.numbered", lambda number, size_wh: np.roll(ground, 2 * number, 1))
    source = make_clip(tmp_path / "in.mp4", 120)
    for name, *options in (("one.avi",), ("two.avi", "--workers", "2"), ("still.avi", "--follow", "off")):
        assert segment(source, name, "--every", "5", *options) == 0
    assert_same(tmp_path / "one.avi", tmp_path / "two.avi")
    moved, still = read_clip(tmp_path / "one.avi")[0], read_clip(tmp_path / "still.avi")[0]
    assert np.array_equal(moved[100], still[100]) and not np.array_equal(moved[104], still[104])


def test_start_end_and_another_rate(segment, tmp_path):
    source = make_clip(tmp_path / "in.mp4", 200, sound=True)
    for options in (["--start", "1.1", "--end", "6.5"], ["--fps", "30", "--every", "3"]):
        assert segment(source, "one.mp4", *options, "--overwrite") == 0
        assert segment(source, "two.mp4", *options, "--overwrite", "--workers", "2") == 0
        assert read_clip(tmp_path / "one.mp4")[1] == read_clip(tmp_path / "two.mp4")[1]
        assert all(map(np.array_equal, read_clip(tmp_path / "one.mp4")[0], read_clip(tmp_path / "two.mp4")[0]))


def start(tiny_pb, source, output, *args):
    command = [sys.executable, ROOT / "mask_rcnn_video.py", "-i", source, "-o", output, "--weights", tiny_pb,
               "--size", "96x64", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(happens, seconds=60):
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert happens()


@needs_cuts
@pytest.mark.skipif(not os.path.exists("/proc"), reason="finds processes as Linux lists them")
def test_a_worker_that_is_killed_changes_nothing(tiny_pb, tmp_path):
    source, notes = make_clip(tmp_path / "in.mp4", 300), tmp_path / "two.partial.mp4.json"
    script = start(tiny_pb, source, tmp_path / "two.mp4", "--workers", "2")
    wait_for(lambda: len(workers_of(script)) == 2)
    victims = workers_of(script)
    wait_for(lambda: notes.exists() and "[48, " in notes.read_text())
    os.kill(victims[0], signal.SIGKILL)
    _, err = script.communicate(timeout=120)
    assert script.returncode == 0 and "are done again: its process was killed by signal 9" in err, err
    assert_gone(victims)
    assert start(tiny_pb, source, tmp_path / "one.mp4").wait(timeout=120) == 0
    assert_same(tmp_path / "one.mp4", tmp_path / "two.mp4")


@pytest.mark.skipif(not os.path.exists("/proc"), reason="finds processes as Linux lists them")
@pytest.mark.parametrize("how, options", [(signal.SIGINT, ["--every", "2"]), (signal.SIGKILL, []),
                                          (signal.SIGTERM, ["--palette", "instance", "--every", "7"])])
def test_a_stopped_run_resumes_and_leaves_no_workers(tiny_pb, tmp_path, how, options):
    source, notes = make_clip(tmp_path / "in.mp4", 300, sound=True), tmp_path / "two.partial.mp4.json"
    script = start(tiny_pb, source, tmp_path / "two.mp4", "--workers", "2", *options)
    wait_for(lambda: notes.exists() and "[96, " in notes.read_text())
    pids = workers_of(script)
    script.send_signal(how)
    _, err = script.communicate(timeout=60)
    assert script.returncode == (-9 if how == signal.SIGKILL else 128 + how), err
    assert_gone(pids)
    resumed = start(tiny_pb, source, tmp_path / "two.mp4", "--workers", "2", "--resume", *options)
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0 and "going on after" in out, err
    assert start(tiny_pb, source, tmp_path / "one.mp4", *options).wait(timeout=120) == 0
    assert_same(tmp_path / "one.mp4", tmp_path / "two.mp4")


class Chunk:
    """Stands for a chunk of ten frames."""

    def __init__(self, number, behaviour="works"):
        self.first, self.last, self.look, self.behaviour = number * 10, number * 10 + 10, number * 10, behaviour


class FakeTask:
    """Does a chunk in no time, or as its behaviour says."""

    def do(self, chunk, drawing):
        again = drawing.exists() if drawing else True
        if chunk.behaviour == "always dies" or (chunk.behaviour == "dies" and not again):
            drawing and drawing.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if chunk.behaviour == "hangs" and not again:
            drawing.touch()
            time.sleep(600)
        if chunk.behaviour == "lacks memory":
            raise MemoryError
        if chunk.behaviour == "cannot":
            raise CannotCut("it cannot")
        return Part(chunk.first, [], {}, {"network": 0.01})


def fake_piece(number, behaviour="works", notes=None):
    return SimpleNamespace(name="film.mp4", job=(Chunk(number, behaviour), notes))


def firsts(workers, pieces):
    return [part.first if isinstance(part, Part) else part for _, part in in_order(workers, pieces)]


def test_a_worker_that_dies_or_hangs_costs_its_chunk_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ordering, "SHORTEST_LIMIT", 6)  # beginning a process takes a second or two on a busy machine
    behaviours = ["works", "dies", "works", "hangs", "works", "works"]
    with LocalWorkers(FakeTask(), 2) as workers:
        pieces = [fake_piece(number, how, tmp_path / f"{number}") for number, how in enumerate(behaviours)]
        assert firsts(workers, pieces) == [0, 10, 20, 30, 40, 50]
    err = capsys.readouterr().err
    assert "frames 10 to 19 of film.mp4 are done again: its process was killed by signal 9" in err
    assert "frames 30 to 39 of film.mp4 are done again: it took too long" in err


@pytest.mark.parametrize("behaviour, said", [("always dies", "killed by signal 9"), ("lacks memory", "out of memory")])
def test_after_three_failures_the_chunk_is_named(behaviour, said):
    with LocalWorkers(FakeTask(), 2) as workers:
        results = firsts(workers, [fake_piece(0), fake_piece(1, behaviour), fake_piece(2)])
    assert results[::2] == [0, 20] and isinstance(results[1], SegmentationError)
    assert f"frames 10 to 19 of film.mp4 failed 3 times, at last because: it{'s' * (said[0] == 'k')}" in str(results[1])
    assert said in str(results[1])


def test_what_cannot_be_cut_is_not_tried_again(capsys):
    with LocalWorkers(FakeTask(), 1) as workers:
        assert isinstance(firsts(workers, [fake_piece(0, "cannot")])[0], CannotCut)
    assert capsys.readouterr().err == ""


def test_few_chunks_are_given_out_ahead():
    asked = []
    with LocalWorkers(FakeTask(), 2) as workers:
        pieces = (asked.append(number) or fake_piece(number) for number in range(20))
        for done, _ in enumerate(in_order(workers, pieces)):
            assert len(asked) <= done + 1 + ordering.AHEAD * 2
    assert len(asked) == 20


def test_no_more_workers_start_than_there_are_chunks():
    with LocalWorkers(FakeTask(), 64) as workers:
        assert firsts(workers, [fake_piece(0), fake_piece(1)]) == [0, 10]
        assert 1 <= len(workers.workers) <= 2


@pytest.mark.parametrize("name, frames", [("in.h264", 60), ("in.avi", 120)])
def test_what_cannot_be_cut_is_done_in_one_process(segment, tmp_path, name, frames, capsys):
    source = make_clip(tmp_path / name, frames)
    assert segment(source, "two.mp4", "--workers", "2") == 0
    assert "in one process from here" in capsys.readouterr().out
    assert segment(source, "one.mp4") == 0
    assert_same(tmp_path / "one.mp4", tmp_path / "two.mp4")


def test_a_damaged_source_is_done_as_one_process_does_it(segment, tmp_path, capsys):
    source = make_clip(tmp_path / "in.mkv", 200)
    data = bytearray(source.read_bytes())
    data[len(data) * 3 // 4:len(data) * 3 // 4 + 300] = b"\xff" * 300
    source.write_bytes(data)
    codes = [segment(source, "one.mp4"), segment(source, "two.mp4", "--workers", "2")]
    errors = [line for line in capsys.readouterr().err.splitlines() if "[ERROR]" in line]
    assert codes[0] == codes[1] and len(set(line.replace("one.mp4", "two.mp4") for line in errors)) <= 1
    assert_same(tmp_path / "one.mp4", tmp_path / "two.mp4")


@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
def test_five_videos_one_of_them_broken(segment, tmp_path, capsys, options):
    folder = tmp_path / "films"
    folder.mkdir()
    for number in (1, 2, 4, 5):
        make_clip(folder / f"{number}.mp4", 20 + number)
    (folder / "3.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("no video either")
    assert segment([folder / "5.mp4", folder], "out", "-c", 1, *options) == 1
    out, err = capsys.readouterr()
    assert err.count("[ERROR]") == 1 and "3.mp4 as a video" in err
    assert sorted(os.listdir(tmp_path / "out")) == [f"{number}_segmented.mp4" for number in (1, 2, 4, 5)]
    for number in (1, 2, 4, 5):
        assert numbers_in(tmp_path / "out" / f"{number}_segmented.mp4") == list(range(20 + number))
    lines = [line for line in out.splitlines() if " of 5, " in line]
    assert len(lines) == 5 and lines[0].startswith(f"[INFO] 1 of 5, {folder / '5.mp4'}: saved")
    assert segment(str(folder / "[12].mp4"), "out", "-c", 1, "--resume", *options) == 0
    assert capsys.readouterr().out.count("is done already") == 2


def test_folders_hold_videos_and_with_recursive_their_subfolders_too(tmp_path):
    for name in ("b.mp4", "A.MOV", "a_segmented.mp4", "c.partial.mp4", "notes.txt", "sub/d.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = ["A.MOV", "b.mp4"]
    assert list(find_videos([str(tmp_path), str(tmp_path / "b.mp4")])) == [str(tmp_path / name) for name in names]
    found = find_videos([str(tmp_path)], recursive=True)
    assert list(found) == [str(tmp_path / name) for name in [*names, "sub/d.mkv"]]
    found = find_videos([f"{tmp_path}/sub", f"{tmp_path}/*.txt"])
    assert list(found) == [f"{tmp_path}/sub/d.mkv", f"{tmp_path}/notes.txt"]


def test_several_videos_need_a_folder_and_one_a_suffix(tmp_path, capsys):
    (tmp_path / "file.mp4").touch()
    for args, said in ((["-i", "a.mp4", "b.mp4", "-o", str(tmp_path / "file.mp4")], "must be a folder"),
                       (["-i", "a.mp4", "-o", str(tmp_path / "none")], "must end in"),
                       (["-i", "a.mp4", "-o", "b.mp4", "--workers", "0"], "must be a whole number from 1"),
                       (["-i", "a.mp4", "-o", "b.mp4", "--workers", "2", "--scheduler", "x"], "not allowed with")):
        with pytest.raises(SystemExit) as caught:
            mask_rcnn_video.main(args)
        assert caught.value.code == 2 and said in capsys.readouterr().err


def test_a_tasks_network_has_the_threads_that_it_may_have(tiny_pb):
    import cv2
    before = cv2.getNumThreads()
    try:
        task = Task(find_model(MODEL_FOLDER, tiny_pb), NetworkOptions(size=(96, 64)), 1)
        assert "(1 thread)" in task.net.engine.name
    finally:
        cv2.setNumThreads(before)


def test_a_worker_never_gets_ctrl_c_and_the_main_process_does_after_it_has_started():
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with pytest.raises(KeyboardInterrupt), ctrl_c_held_back():
        signal.raise_signal(signal.SIGINT)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n" and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
