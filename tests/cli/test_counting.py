"""--count-line and --count-zone on a drawn clip whose crossings are known: counted, drawn, in rows, stopped, killed."""

import csv
import json
import os
import re
import signal

import numpy as np
import pytest
import walkers
from clips import make_clip, numbers_in, read_clip

import mask_rcnn_video

COUNT = ["--count-line", walkers.GATE, "--count-zone", walkers.YARD]


@pytest.fixture(scope="module", autouse=True)
def packages():
    pytest.importorskip("trackers", reason="counting needs the package trackers")


@pytest.fixture
def net(monkeypatch):
    net = walkers.WalkNet()
    monkeypatch.setattr("segmentation.cli.videos.load_network", lambda options: net)
    return net


@pytest.fixture
def clip(tmp_path, monkeypatch):
    return walkers.make_walk(tmp_path / "in.mp4", monkeypatch)


def printed(out):
    """What the end report says: {label: (in, out)} of the gate, and {label: (in, out, objects, inside)} of the yard."""
    gate, yard = (re.findall(rf"^\[INFO\] (?:\S+mp4: )?{name}: (\w+): (\d+ in, .*)$", out, re.M)
                  for name in ("gate", "yard"))
    return tuple({label: tuple(map(int, re.findall(r"\d+", counts))) for label, counts in place}
                 for place in (gate, yard))


@pytest.mark.parametrize("options", [[], ["--every", "3"], ["--every", "3", "--follow", "off"], ["--effect", "blur"]])
def test_a_drawn_clip_is_counted_exactly(segment, net, clip, options, capsys):
    assert segment(clip, "out.avi", *COUNT, *options) == 0
    assert printed(capsys.readouterr().out) == (walkers.AT_GATE, walkers.IN_YARD)


def test_rows_say_which_object_has_crossed_what(segment, net, clip, tmp_path):
    files = ["--json", tmp_path / "rows.json", "--csv", tmp_path / "rows.csv"]
    assert segment(clip, "out.avi", *COUNT, *files) == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    said = [(row["frame"], row["label"], row["track"], one) for row in rows for one in row["crossed"]]
    for place, expected in (("gate", walkers.AT_GATE), ("yard", walkers.IN_YARD)):
        assert {label: tuple(sum(entry[1::2] == (label, f"{place} {way}") for entry in said) for way in ("in", "out"))
                for label in expected} == {label: counts[:2] for label, counts in expected.items()}
    assert len({track for *_, track, one in said if one == "gate out"}) == 3
    with open(tmp_path / "rows.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["crossed"].split("; ") if row["crossed"] else [] for row in table] == [row["crossed"] for row in rows]


def test_with_every_a_crossing_between_is_in_the_objects_next_row(segment, net, clip, tmp_path):
    assert segment(clip, "out.avi", *COUNT, "--every", "3", "--json", tmp_path / "rows.jsonl") == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    said = [one for row in rows for one in row["crossed"]]
    assert [said.count(f"gate {way}") for way in ("in", "out")] == [3, 3]
    assert {row["frame"] % 3 for row in rows} == {0}


def test_lines_zones_and_counts_are_drawn_and_only_they_differ(segment, net, clip, tmp_path):
    assert segment(clip, "out.mkv", *COUNT) == 0 and segment(clip, "plain.mkv", "--track") == 0
    counted, plain = (read_clip(tmp_path / name)[0][100] for name in ("out.mkv", "plain.mkv"))
    for across in (counted[140:150, 125], counted[200, 165:176]):  # white with black edges
        assert across.min(1).max() > 150 and across.max(1).min() < 100
    assert np.abs(counted[230, :50].astype(int) - plain[230, :50]).max() < 20
    assert numbers_in(tmp_path / "out.mkv") == list(range(walkers.FRAMES))


@pytest.mark.parametrize("options, stop", [([], 71), (["--every", "4"], 23)])
def test_a_stopped_run_counts_on(segment, net, clip, tmp_path, capsys, options, stop):
    def run(name, *args):
        code = segment(clip, f"{name}.avi", *COUNT, *options, "--json", tmp_path / f"{name}.json", *args)
        return code, printed(capsys.readouterr().out)
    code, expected = run("whole")
    looks = iter(range(walkers.FRAMES))

    def count_down():
        if next(looks) == stop:
            os.kill(os.getpid(), signal.SIGTERM)
    assert code == 0 and expected[0] == walkers.AT_GATE
    net.hook = count_down
    code, before = run("out")
    assert code == 143 and before != expected
    net.hook = lambda: None
    assert run("out", "--resume") == (0, expected)
    assert (tmp_path / "out.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert all(map(np.array_equal, read_clip(tmp_path / "out.avi")[0], read_clip(tmp_path / "whole.avi")[0]))


def test_other_lines_are_other_options_for_resume(segment, net, clip, tmp_path, capsys):
    net.hook = lambda: os.kill(os.getpid(), signal.SIGTERM)
    assert segment(clip, "out.avi", *COUNT) == 143
    net.hook = lambda: None
    assert segment(clip, "out.avi", "--count-line", "0,9,9,9", "--resume") == 1
    err = capsys.readouterr().err
    assert f"--count-line was ({walkers.GATE},), now (0,9,9,9,); --count-zone was ({walkers.YARD},), now ()" in err


def test_several_videos_are_counted_each(net, clip, tmp_path, capsys, monkeypatch):
    other = walkers.make_walk(tmp_path / "other.mp4", monkeypatch)
    assert mask_rcnn_video.main(["-i", str(clip), str(other), "-o", str(tmp_path / "out"), *COUNT]) == 0
    out = capsys.readouterr().out
    for name in (clip, other):
        lines = "\n".join(line for line in out.splitlines() if f"{name}: " in line)
        assert printed(lines) == (walkers.AT_GATE, walkers.IN_YARD)


def test_nothing_counted_is_said(segment, net, tmp_path, capsys):
    assert segment(make_clip(tmp_path / "still.mp4", 5), "out.avi", *COUNT) == 0
    out = capsys.readouterr().out
    assert "[INFO] gate: nothing crossed it\n[INFO] yard: nothing was in it\n" in out


@pytest.mark.parametrize("option, value, said", [
    ("--count-line", "1,2,3", "argument --count-line: must be x0,y0,x1,y1 and then, if it is to have one, a name; got"),
    ("--count-zone", "1,2,3,4", "argument --count-zone: must be x0,y0,x1,y1,x2,y2 and so on"),
    ("--count-zone", "0,0,9,0,9,9,gate", "two have the name 'gate'")])
def test_wrong_lines_and_zones_are_usage_errors(clip, option, value, said, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", str(clip), "-o", "out.avi", "--count-line", walkers.GATE, option, value])
    assert caught.value.code == 2 and said in capsys.readouterr().err


def test_a_line_outside_the_picture_is_one_line_before_the_network_is_loaded(segment, clip, tmp_path, capsys,
                                                                             monkeypatch):
    monkeypatch.setattr("segmentation.cli.videos.load_network", lambda options: pytest.fail("it was loaded"))
    assert segment(clip, "out.avi", "--count-line", "0,100,321,100") == 1
    assert capsys.readouterr().err == ("[ERROR] --count-line 0,100,321,100: its point 321,100 is outside the picture "
                                       f"of {clip}, which is 320x240; name one in it\n")
    assert os.listdir(tmp_path) == ["in.mp4"]
