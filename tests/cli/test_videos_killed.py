"""Video runs that were killed, at any moment: the next run with --resume gives what a run without a kill gives.

A run that is killed leaves the files as they are at that moment. So one run is enough: its folder is copied at each
moment at which a file comes, goes or changes, and each copy is resumed.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from clips import make_clip

from segmentation.results.row_files import AppendedFile
from segmentation.video.sink import VideoSink, encoded_frames

pytest.importorskip("matplotlib")  # of the plots

FRAMES = 60
FILES = ["--json", "rows.json", "--csv", "rows.csv", "--timeline", "plot.png"]
COUNT = ["--count-line", "100,0,100,240", "--count-zone", "0,0,90,0,90,240,0,240"]


class Moments:
    """Copies of a folder, made before each call that changes a file in it."""

    def __init__(self, folder, copies, monkeypatch):
        self.folder, self.copies, self.monkeypatch, self.states = folder, copies, monkeypatch, set()
        for owner, name in ((os, "replace"), (Path, "unlink"), (VideoSink, "__init__"), (VideoSink, "close"),
                            (AppendedFile, "__init__")):
            self.before(owner, name)

    def before(self, owner, name):
        call = getattr(owner, name)

        def copy_and_call(*args, **options):
            self.copy(name)
            return call(*args, **options)
        self.monkeypatch.setattr(owner, name, copy_and_call)

    def copy(self, name):
        """Copy the folder, unless its files are those of an earlier copy."""
        state = tuple(sorted((path.name, path.stat().st_size) for path in self.folder.iterdir()))
        if state not in self.states:
            self.states.add(state)
            shutil.copytree(self.folder, self.copies / f"{len(self.states):02}-{name.strip('_')}")

    def end(self):
        self.monkeypatch.undo()
        return sorted(self.copies.iterdir())


def contents(folder, video):
    """What a run has written: the frames of the video, and the bytes of every other file. Old locks do not count."""
    others = [path for path in folder.iterdir() if path.name != video and path.suffix != ".lock"]
    return ([bytes(packet) for packet in encoded_frames(folder / video)],
            {path.name: path.read_bytes() for path in others})


@pytest.fixture
def run(segment, net, tmp_path, monkeypatch):
    """Segment the clip to a folder, with plots that are text: (name of the video, options) -> exit code."""
    class Figure:
        def __init__(self, rows, edges, colors, title):
            self.text = json.dumps([rows, edges, colors])

        def savefig(self, path, **options):
            path.write_text(self.text)
    monkeypatch.setattr("segmentation.results.timeline.draw", Figure)
    source, folder = make_clip(tmp_path / "in.mp4", FRAMES), tmp_path / "run"
    files = [folder / word if "." in word else word for word in FILES]

    def run(name, *args):
        return segment(source, f"run/{name}", *files, *args)
    return run


@pytest.mark.parametrize("name, options", [("out.avi", []), ("out.mp4", COUNT)])
def test_a_run_that_is_killed_at_any_moment_is_resumed_to_the_same_files(run, net, tmp_path, monkeypatch, name, options,
                                                                         capsys):
    folder = tmp_path / "run"
    if options:
        pytest.importorskip("trackers", reason="counting needs the package trackers")
    assert run(name, *options) == 0
    counted = [line for line in capsys.readouterr().out.splitlines() if "line 1" in line or "zone 1" in line]
    assert len(counted) == len(options) / 2
    expected = contents(folder, name)
    assert len(expected[0]) == FRAMES and sorted(expected[1]) == ["plot.png", "rows.csv", "rows.json"]
    shutil.rmtree(folder)
    with monkeypatch.context() as patch:
        moments = Moments(folder, tmp_path / "first", patch)
        net.hook = lambda number: moments.copy("net") if number in (20, 50, 55) else None
        assert run(name, *options) == 0
        copies = moments.end()
    assert contents(folder, name) == expected and len(copies) > 15
    while_resumed = next(copy for copy in copies if copy.name.endswith("net") and "[48, " in
                         (copy / f"out.partial{name[3:]}.json").read_text())
    shutil.rmtree(folder)
    shutil.copytree(while_resumed, folder)
    with monkeypatch.context() as patch:
        moments = Moments(folder, tmp_path / "second", patch)
        net.hook = lambda number: moments.copy("net") if number == 55 else None
        assert run(name, *options, "--resume") == 0
        copies += moments.end()
    net.hook = lambda number: None
    for copy in copies:
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
        capsys.readouterr()
        assert run(name, *options, "--resume") == 0, (copy.name, capsys.readouterr().err)
        assert contents(folder, name) == expected, copy.name
        out = capsys.readouterr().out
        assert set(counted) <= set(out.splitlines()) or "is complete" in out or "is done already" in out, copy.name
