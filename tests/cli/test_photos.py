"""The photo command line, end to end on the tiny network, in-process."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT
from PIL import Image
from tiny_graph import frozen_graph, tiny_consts

import mask_rcnn
from segmentation.cli.photos import PhotoRun
from segmentation.drawing.draw import TILE
from segmentation.network.published import DEFAULT, PUBLISHED
from segmentation.network.resizing import Resizer
from segmentation.network.weights import DEMO, TEXT_GRAPH
from segmentation.results.row_files import AppendedFile


@pytest.fixture
def photo(tmp_path, noise):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), noise)
    return path


@pytest.fixture
def run(tiny_pb, tmp_path, monkeypatch):
    """Run the script on the tiny network without a display; its exit code."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def run(*args):
        return mask_rcnn.main(["--weights", str(tiny_pb), "--size", "160x128", "-o", str(tmp_path / "out"),
                               *map(str, args)])
    return run


def test_a_photo_is_segmented_and_all_that_the_tutorial_prints_is_printed(run, photo, tmp_path, capsys):
    assert run("-i", photo) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line for line in out.splitlines() if "can be faster" not in line]  # where other engines are installed
    assert lines[0] == "[INFO] loading Mask R-CNN from disk..."
    assert re.fullmatch(r"\[INFO\] running on OpenCV [\d.]+, cpu \(\d+ threads\)", lines[1])
    assert lines[2] == f"[INFO] {photo}: 160x120 pixels"
    assert re.fullmatch(r"\[INFO\] Mask R-CNN took \d+\.\d{6} seconds", lines[3])
    count = int(re.fullmatch(r"\[INFO\] boxes shape: \(1, 1, (\d+), 7\)", lines[4]).group(1))
    assert lines[5] == f"[INFO] masks shape: ({count}, 90, 15, 15)"
    objects = lines[6:-1]
    assert len(objects) == count >= 3
    pattern = r"\[INFO\] (person|car): (0\.\d{4}), box \(\d+, \d+, \d+, \d+\), mask \d+ pixels"
    assert all(re.fullmatch(pattern, line) for line in objects)
    assert lines[-1] == f"[INFO] saved {tmp_path / 'out' / 'photo_segmented.png'}"
    annotated = cv2.imread(str(tmp_path / "out" / "photo_segmented.png"))
    assert annotated.shape == (120, 160, 3) and (annotated != cv2.imread(str(photo))).mean() > 0.05


def test_runs_repeat_and_the_seed_decides_the_colours(run, photo, tmp_path):
    results = []
    for seed in (1, 1, 2):
        assert run("-i", photo, "--seed", seed) == 0
        results.append((tmp_path / "out" / "photo_segmented.png").read_bytes())
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize("flag", [["-v"], ["-v", "1"], ["--visualize", "1"]])
def test_visualize_saves_a_panel_of_every_object(run, photo, tmp_path, capsys, flag):
    assert run("-i", photo, *flag) == 0
    count = int(re.search(r"boxes shape: \(1, 1, (\d+), 7\)", capsys.readouterr().out).group(1))
    panel = cv2.imread(str(tmp_path / "out" / "photo_segmented_steps.png"))
    assert panel.shape == (count * TILE, 3 * TILE, 3)


@pytest.mark.parametrize("flag", [[], ["-v", "0"]])
def test_without_visualize_there_is_no_panel(run, photo, tmp_path, flag):
    assert run("-i", photo, *flag) == 0
    assert os.listdir(tmp_path / "out") == ["photo_segmented.png"]


def test_nothing_found_still_saves_the_photo(run, photo, tmp_path, noise):
    assert run("-i", photo, "-c", "1", "-v") == 0
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "photo_segmented.png")), noise)


def test_bad_photos_are_named_and_the_others_done(run, photo, tmp_path, capsys):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:300])
    (tmp_path / "zzz.txt").write_bytes(b"no photo")
    assert run("-i", tmp_path, tmp_path / "missing.jpg", tmp_path / "zzz.txt") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4 and all(line.startswith("[ERROR] cannot read ") for line in errors)
    assert [name for name in ("cut", "empty", "missing", "zzz") if any(name in line for line in errors)] == [
        "cut", "empty", "missing", "zzz"]
    assert os.listdir(tmp_path / "out") == ["photo_segmented.png"]


def test_photos_of_every_shape_go_through(run, tmp_path, capsys):
    for name, shape in (("grey", (50, 60)), ("alpha", (40, 50, 4)), ("tiny", (1, 1)), ("thin", (1, 400, 3))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full(shape, 90, np.uint8))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((30, 40), 40000, np.uint16))
    assert run("-i", tmp_path, "-v") == 0, capsys.readouterr().err
    assert len([name for name in os.listdir(tmp_path / "out") if "steps" not in name]) == 5


def test_other_shapes_of_input_work(run, photo):
    for size in ("raw", "keep", "100x90"):
        assert run("-i", photo, "--size", size, "--proposals", "10", "--interpolation", "cubic") == 0


@pytest.mark.parametrize("args, said", [
    ([], "required: -i/--image"), (["-i"], "expected at least one"), (["-i", "x", "-c", "1.5"], "from 0 to 1"),
    (["-i", "x", "-c", "nan"], "must be a number from 0 to 1, got 'nan'"), (["-i", "x", "-t", "-1"], "from 0 to 1"),
    (["-i", "x", "--proposals", "9"], "whole number from 10 to 300, got '9'"),
    (["-i", "x", "--proposals", "20.5"], "whole number"), (["-i", "x", "--size", "12"], "WIDTHxHEIGHT"),
    (["-i", "x", "--interpolation", "best"], "invalid choice"), (["-i", "x", "--device", "tpu"], "invalid choice"),
    (["-i", "x", "-v", "2"], "invalid choice"), (["-i", "x", "--skip-existing", "--overwrite"], "leave one of them"),
    (["-i", "x", "--seed", "a"], "must be a whole number")])
def test_usage_errors_end_with_2(args, said, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn.main(args)
    assert caught.value.code == 2 and said in capsys.readouterr().err


def test_a_bad_model_is_one_line_and_exit_1(photo, tmp_path, capsys):
    assert mask_rcnn.main(["-i", str(photo), "-m", str(tmp_path / "nowhere")]) == 1
    assert re.fullmatch(r"\[ERROR\] there is no model folder .*nowhere.*\n", capsys.readouterr().err)


def test_no_network_and_no_weights_is_one_line_and_exit_1(photo, model_folder, capsys):
    assert mask_rcnn.main(["-i", str(photo), "-m", str(model_folder)]) == 1
    error, = capsys.readouterr().err.splitlines()
    assert error.startswith("[ERROR] the weights are missing and could not be fetched")


@pytest.fixture
def demo_folder(model_folder):
    """A model folder with a demo graph that knows two classes, and no weights."""
    consts = tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text())
    biases = "SecondStageBoxPredictor/BoxEncodingPredictor/biases"
    consts[biases][[0, 11]] = 1e-9, -1e-9  # the four of person and those of car
    (model_folder / DEMO).write_bytes(frozen_graph(consts))
    (model_folder / DEMO).with_suffix(".config").write_text(Resizer(129, 161).config())
    return model_folder


def test_no_network_and_no_weights_falls_back_on_the_demo_graph_and_says_so(photo, demo_folder, tmp_path, capsys):
    assert mask_rcnn.main(["-i", str(photo), "-m", str(demo_folder), "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    which, how, last = err.splitlines()
    assert which.startswith("[WARNING] this is not the COCO network") and which.endswith("2 of the 90 kinds of object: "
                                                                                         "person, car")
    assert last.startswith("[WARNING] The demo graph was used") and "only 2 of the 90 kinds of object" in last
    official = PUBLISHED[DEFAULT]
    assert official.url in how and official.digest in how and str(demo_folder) in how
    assert "saved" in out and (tmp_path / "out" / "photo_segmented.png").exists()


def test_classes_that_the_demo_graph_cannot_know_are_named(photo, demo_folder, tmp_path, capsys):
    command = ["-i", str(photo), "-m", str(demo_folder), "-o", str(tmp_path / "out")]
    assert mask_rcnn.main([*command, "--classes", "giraffe,person,toaster"]) == 0
    assert "has never seen these, so it cannot find them: giraffe, toaster\n" in capsys.readouterr().err
    assert mask_rcnn.main([*command, "--classes", "person", "--exclude", "giraffe"]) == 0
    assert "never seen" not in capsys.readouterr().err


def test_no_demo_refuses_the_demo_graph(photo, demo_folder, tmp_path, capsys):
    assert mask_rcnn.main(["-i", str(photo), "-m", str(demo_folder), "-o", str(tmp_path / "out"), "--no-demo"]) == 1
    error, = capsys.readouterr().err.splitlines()
    assert error.startswith("[ERROR] the weights are missing") and "--weights" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["resnet50", "inception_resnet_v2"])
def test_a_model_that_is_asked_for_is_not_replaced_by_the_demo_graph(photo, demo_folder, tmp_path, capsys, model):
    command = ["-i", str(photo), "-m", str(demo_folder), "-o", str(tmp_path / "out"), "--model", model]
    assert mask_rcnn.main(command) == 1
    error, = capsys.readouterr().err.splitlines()
    official = PUBLISHED[model]
    assert error.startswith("[ERROR] the weights are missing") and official.url in error and official.digest in error


def test_every_result_of_the_demo_graph_says_so(photo, demo_folder, tmp_path):
    out = tmp_path / "out"
    assert mask_rcnn.main(["-i", str(photo), "-m", str(demo_folder), "-o", str(out), "-c", "0.01", "--no-show",
                           "--json", str(out / "r.json"), "--csv", str(out / "r.csv"), "--report", str(out / "r.html"),
                           "--masks", str(out / "masks")]) == 0
    info = json.loads((out / "r.json").read_text())["info"]
    assert info["model"] == "demo_inference_graph" and info["confidence"] == 0.01
    assert info["sha256"] == hashlib.sha256((demo_folder / DEMO).read_bytes()).hexdigest()
    rows = list(csv.DictReader((out / "r.csv").read_text().splitlines()))
    assert rows and {row["model"] for row in rows} == {"demo_inference_graph"}
    page, warning = (out / "r.html").read_text(), "it knows only 2 of the 90 kinds of object"
    assert warning in info["warning"] and warning in page and info["sha256"] in page
    for picture in (out / "photo_segmented.png", out / "masks" / "photo_instances.png"):
        with Image.open(picture) as opened:
            text = opened.info["Description"]
        assert text.startswith(f"demo_inference_graph (SHA-256 {info['sha256']})") and warning in text


def test_an_output_that_is_a_file_is_one_line_a_photo(run, photo, tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert run("-i", photo, "-o", tmp_path / "file") == 1
    assert re.fullmatch(r"\[ERROR\] cannot write .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("number, said", [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")])
def test_a_signal_keeps_what_is_done_and_the_next_run_does_the_rest(run, tiny_pb, tmp_path, noise, number, said):
    rows, page = tmp_path / "o.json", tmp_path / "o.html"
    (tmp_path / "in").mkdir()
    for name in range(100):
        cv2.imwrite(str(tmp_path / "in" / f"{name:02}.png"), noise)
    command = ["-i", tmp_path / "in", "--json", rows, "--report", page, "--skip-existing"]
    script = subprocess.Popen(
        [sys.executable, ROOT / "mask_rcnn.py", *command, "--weights", tiny_pb, "--size", "160x128", "-o",
         tmp_path / "out", "--no-show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "01_segmented.png").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    script.send_signal(number)
    _, err = script.communicate(timeout=60)
    assert script.returncode == 128 + number
    assert err == (f"[INFO] the rows so far are kept in {tmp_path / 'o.partial.jsonl'}\n"
                   f"[INFO] {said}; what was finished is kept\n")
    done = [name for name in os.listdir(tmp_path / "out") if not name.startswith(".")]
    assert 1 < len(done) < 100
    assert all(cv2.imread(str(tmp_path / "out" / name)).shape == noise.shape for name in done)
    assert "stopped before its end" in page.read_text() and not rows.exists()
    there = [json.loads(line)["image"]["file_name"] for line in (tmp_path / "o.partial.jsonl").open()]
    assert {f"{Path(name).stem}_segmented.png" for name in there} >= set(done) and len(there) <= len(done) + 1
    for name in range(len(done) + 2, 100):
        (tmp_path / "in" / f"{name:02}.png").unlink()
    assert run(*command) == 0
    resumed = rows.read_bytes(), page.read_bytes()
    assert run(*command[:-1], "--overwrite") == 0
    assert (rows.read_bytes(), page.read_bytes()) == resumed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_a_destructor_swallows_still_ends_the_run(run, photo, tmp_path, monkeypatch, capsys):
    segment_photo = PhotoRun.segment

    class Destroyed:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def segment_and_destroy(*args):
        Destroyed()
        return segment_photo(*args)
    monkeypatch.setattr(PhotoRun, "segment", segment_and_destroy)
    shutil.copy(photo, tmp_path / "second.png")
    assert run("-i", photo, tmp_path / "second.png") == 130
    assert "interrupted; what was finished is kept" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == ["photo_segmented.png"]


def test_a_ctrl_c_that_is_ignored_stays_so(run, photo, monkeypatch):
    segment_photo = PhotoRun.segment
    monkeypatch.setattr(PhotoRun, "segment",
                        lambda *args: signal.raise_signal(signal.SIGINT) or segment_photo(*args))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run("-i", photo) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_pipe_that_closes_early_is_no_traceback(tiny_pb, photo, tmp_path):
    command = f"{sys.executable} {ROOT / 'mask_rcnn.py'} -i {photo} {photo} --weights {tiny_pb} -o {tmp_path}/out"
    done = subprocess.run(["bash", "-c", f"{command} --no-show | head -n 1"], capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout == "[INFO] loading Mask R-CNN from disk...\n" and "Traceback" not in done.stderr
    assert (tmp_path / "out" / "photo_segmented.png").exists()


def test_help_fetches_nothing_and_imports_do_nothing(capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn.main(["--help"])
    assert caught.value.code == 0 and "--mask-rcnn" in capsys.readouterr().out


# ---- Rows and the report over several runs ---------------------------------------------------------------

@pytest.fixture
def several(run, tmp_path, noise):
    """Run the script on a.png, b.png and c.png with all files of rows; its exit code. Gives the files too."""
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.roll(noise, 7 * ord(name), 1))
    files = [tmp_path / name for name in ("o.json", "o.csv", "o.html")]
    options = ["--json", files[0], "--csv", files[1], "--report", files[2]]
    return lambda *args, names="abc": run("-i", *(tmp_path / f"{name}.png" for name in names), *options, *args), files


def test_skip_existing_adds_to_rows_and_report(several, tmp_path, capsys):
    run, files = several
    assert run() == 0
    expected = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()
    shutil.rmtree(tmp_path / "out")
    assert run(names="a") == 0
    assert run("--skip-existing") == 0 and "[INFO] 1 photo left out, whose result exists" in capsys.readouterr().out
    assert [path.read_bytes() for path in files] == expected
    assert run("--skip-existing") == 0 and "[INFO] 3 photos left out" in capsys.readouterr().out
    assert [path.read_bytes() for path in files] == expected


def test_what_the_rows_or_the_pictures_lack_is_done_again(several, tmp_path, capsys):
    run, files = several
    assert run() == 0
    expected = [path.read_bytes() for path in files]
    for missing in (*files, tmp_path / "out" / "b_segmented.png"):
        missing.unlink()
        assert run("--skip-existing") == 0 and missing.exists()
        assert [path.read_bytes() for path in files] == expected


def test_rows_and_reports_are_refused_before_the_network_is_loaded(several, capsys, monkeypatch):
    run, files = several
    assert run() == 0
    expected = [path.read_bytes() for path in files]
    with monkeypatch.context() as patch:
        patch.setattr("segmentation.cli.photos.load_network", None)
        for path in files:
            capsys.readouterr()
            assert run() == 1
            assert capsys.readouterr().err == (f"[ERROR] {path} exists already: name another file, add to it by "
                                               "--skip-existing, or replace it by --overwrite\n")
            assert [path.read_bytes() for path in files if path.exists()] == expected
            path.unlink()
            expected = expected[1:]


def test_a_network_that_cannot_be_loaded_leaves_no_partial_file(several, tmp_path, monkeypatch):
    run, _ = several
    assert run("--weights", tmp_path / "nothing.pb") == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("o.", ".o."))]


def test_a_photo_whose_picture_cannot_be_written_is_not_in_the_rows(several, tmp_path, capsys):
    run, files = several
    (tmp_path / "out" / "b_segmented.png").mkdir(parents=True)
    assert run() == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and err[0].startswith("[ERROR] cannot write ") and "b_segmented.png" in err[0]
    names = [image["file_name"] for image in json.loads(files[0].read_text())["images"]]
    assert names == [str(tmp_path / "a.png"), str(tmp_path / "c.png")] and "b.png" not in files[1].read_text()
    (tmp_path / "out" / "b_segmented.png").rmdir()
    assert run("--skip-existing") == 0
    resumed = [path.read_bytes() for path in files]
    assert run("--overwrite") == 0 and [path.read_bytes() for path in files] == resumed


def test_rows_that_cannot_be_written_are_one_line_a_photo(several, tmp_path, capsys, monkeypatch):
    run, files = several
    append = AppendedFile.append

    def full(self, data):
        if self.size > 0:
            raise OSError(28, "No space left on device")
        append(self, data)
    monkeypatch.setattr(AppendedFile, "append", full)
    assert run() == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 3 and all(line.startswith("[ERROR] cannot write ") and line.endswith(": No space left on device")
                                 for line in err)
    assert json.loads(files[0].read_text())["images"] == [] and not os.path.exists(tmp_path / "out")
