"""What a run of training says before it starts, as it goes and at its end, on a made data set of a few pictures."""

import cv2
import pytest

pytest.importorskip("torch", reason='training needs pip install ".[train]"')
pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')

from training.made_data import NAMES, OWN, make_folder, read, run, write

from segmentation import SegmentationError
from segmentation.training import options, watch
from segmentation.training.coco import load_coco
from segmentation.training.dataset import split
from segmentation.training.evaluate import Figures
from segmentation.training.plan import say_pace

# pycocotools is older than numpy 2's copy argument.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools"),
              pytest.mark.usefixtures("one_torch_thread")]


class Stub:
    """Stands in for a Training: how far a run is."""

    def __init__(self, done=0, seconds=0.0):
        self.done, self.seconds = done, seconds

    def part(self, chosen):
        return self.done / chosen.iterations


def chosen(folder, *arguments):
    return options.parse_options(["--images", str(folder), "--annotations", str(folder / "a.json"), "--out",
                                  str(folder / "g.pb"), *arguments])


def names(data):
    return [picture.path.name for picture in data.pictures]


# ---- Held-out pictures -------------------------------------------------------------------------------------

def test_the_names_decide_which_pictures_are_held_out(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    data, more = (load_coco(make_folder(folder, OWN, count) / "a.json", folder, NAMES)
                  for folder, count in ((few, 20), (many, 22)))
    learnt, held_out = split(data, 0.2)
    assert len(held_out) == 4 and set(names(learnt)) | set(names(held_out)) == set(names(data))
    data.pictures.reverse()
    assert names(split(data, 0.2)[1]) == names(held_out)
    assert len(set(names(split(more, 0.2)[1])) & set(names(held_out))) >= 3


def test_one_picture_at_least_is_held_out_and_one_is_left(tmp_path):
    data = load_coco(make_folder(tmp_path, OWN, 2) / "a.json", tmp_path, NAMES)
    assert [len(part) for part in split(data, 0.1)] == [1, 1]
    assert [len(part) for part in split(data, 0)] == [2, 0]
    data.pictures.pop()
    assert [len(part) for part in split(data, 0.9)] == [1, 0]


def test_a_single_picture_is_learnt_from_and_nothing_is_measured(tmp_path, capsys):
    folder = make_folder(tmp_path, OWN, 1)
    assert run(folder, "--iterations", "1") == 0
    lines = capsys.readouterr().err.splitlines()
    assert any("no picture is held out, as there is one picture only" in line for line in lines)
    assert any("a batch is 2 pictures, but there are 1 to learn from" in line for line in lines)
    assert lines[-1].startswith("[WARNING] nobody knows whether") and not (folder / "g.log.csv").exists()


def test_pictures_that_are_measured_on_and_learnt_from_are_warned_of(folder, capsys):
    assert run(folder, "--iterations", "1", "--val-annotations", str(folder / "a.json")) == 0
    output = capsys.readouterr()
    assert f"measures AP on 6 pictures of {folder / 'a.json'}" in output.out
    assert "AP will come out too good: 6 of these are among the pictures to learn from" in output.err


# ---- Before a run, and as it goes --------------------------------------------------------------------------

def test_a_run_says_what_it_will_do_and_measures_on_its_way(folder, capsys):
    assert run(folder, "--iterations", "14", "--holdout", "0.3", "--evaluate-every", "6") == 0
    output = capsys.readouterr()
    for line in ("learns from 4 pictures with 8 objects of 2 classes", "AP on 2 pictures, held out by a hash",
                 "14 iterations of 2 pictures: 7 epochs", "what to expect: from random weights",
                 "before training: box AP 0.000, mask AP 0.000, mask AP50 0.000 on 2 held-out pictures",
                 "s an iteration: about 0 s left for 2 iterations", "iteration 6 (43%): box AP 0.0",
                 "2 pictures: box AP50 0.0"):
        assert line in output.out, line
    rows = [row.split(",") for row in (folder / "g.log.csv").read_text().splitlines()]
    assert rows[0] == watch.COLUMNS.split(",") and [row[0] for row in rows[1:]] == ["0", "6", "12", "14"]
    assert all(len(row) == 7 and row[2] == "2" for row in rows[1:])
    assert cv2.imread(str(folder / "g.panel.jpg")).shape == (300, 2000, 3)
    assert output.err.splitlines()[-1].startswith(f"[WARNING] {folder / 'g.pb'} cannot be used yet: mask AP50 is 0.0")
    assert sorted(path.name for path in folder.glob(".*")) == []


def test_what_an_earlier_run_has_left_is_deleted(folder):
    (folder / "g.log.csv").write_text(f"{watch.COLUMNS}\n0,1,2,0,0,0,0\n")
    assert run(folder, "--iterations", "1", "--evaluate-every", "0") == 0
    rows = (folder / "g.log.csv").read_text().splitlines()
    assert len(rows) == 2 and rows[1].startswith("1,")


def test_a_resumed_run_goes_on_with_its_log(folder, stop_at):
    stop_at(3)
    arguments = ("--iterations", "5", "--evaluate-every", "2")
    assert run(folder, *arguments) == 130
    stop_at(None)
    assert run(folder, *arguments, "--resume") == 0
    assert [row[0] for row in (folder / "g.log.csv").read_text().splitlines()] == ["i", "0", "2", "4", "5"]


def test_rows_of_iterations_that_are_done_again_are_replaced(tmp_path):
    path = tmp_path / "g.log.csv"
    for iteration in (0, 100, 200, 100):
        watch.add_row(path, iteration, f"{len(path.read_text()) if path.exists() else 0},2")
    lines = path.read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["iteration", "0", "100"]


def test_it_is_measured_ten_times_but_in_a_tenth_of_the_time_at_most(folder):
    watched = watch.Watch(None, None, chosen(folder, "--iterations", "100"), took=2.0)
    assert not watched.is_due(Stub(9, 90)) and watched.is_due(Stub(10, 100))
    assert not watched.is_due(Stub(10, 19.0)) and watched.is_due(Stub(12, 21.0))
    assert not watched.is_due(Stub(100, 1000))  # the end has its own measurement
    for every, expected in (("25", [25, 50, 75]), ("0", [])):
        watched = watch.Watch(None, None, chosen(folder, "--iterations", "100", "--evaluate-every", every))
        assert [done for done in range(1, 101) if watched.is_due(Stub(done, done))] == expected


def test_a_run_goes_on_if_it_cannot_be_measured_on_the_way(folder, monkeypatch, capsys):
    def fails(self, training):
        raise SegmentationError("the disk is full")
    monkeypatch.setattr(watch.Watch, "measure", lambda self, training: training.done and fails(self, training))
    assert run(folder, "--iterations", "4", "--evaluate-every", "3") == 0
    assert "AP was not measured in iteration 3: the disk is full" in capsys.readouterr().err


def test_classes_that_no_picture_shows_are_named(folder, capsys):
    categories = [*OWN, {"id": 9, "name": "star"}, {"id": 10, "name": "ring"}]
    write(folder, **{**read(folder), "categories": categories})
    assert run(folder, "--iterations", "1", "--holdout", "0") == 0
    assert "no picture to learn from shows star, ring: the graph will not find them" in capsys.readouterr().err


def test_the_time_left_is_said_in_words(folder, capsys):
    data = range(10)  # pictures
    say_pace(1.3, Stub(10), data, chosen(folder, "--iterations", "4000"))
    assert capsys.readouterr().out == "[INFO] 1.3 s an iteration: about 1 h 26 min left for 3990 iterations\n"
    minutes = chosen(folder, "--minutes", "2")
    stub = Stub(10)
    stub.part = lambda options: 0.1
    say_pace(1.35, stub, data, minutes)
    assert "about 80 iterations, or 64 epochs, in the 2 min left" in capsys.readouterr().out


# ---- At the end --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("held_out, learnt, advice", [
    (0.1, 0.2, "no more than 0.200 on pictures that it has learnt from, so train longer"),
    (0.1, 0.9, "0.900 on pictures that it has learnt from, so more pictures help"),
    (-1, 0.9, "no held-out picture shows an object"),
    (0.2, 0.9, None),
])
def test_a_graph_that_cannot_be_used_is_said_so_with_what_to_do(folder, monkeypatch, capsys, held_out, learnt, advice):
    def measured(net, data):
        score = learnt if len(data) > 1 else held_out
        return [Figures(score, score, score, score, {}, 0, 0)]
    monkeypatch.setattr(watch, "evaluate", measured)
    assert run(folder, "--iterations", "1", "--holdout", "0.1") == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert (advice in last and "cannot be used yet" in last) if advice else "cannot be used" not in last
