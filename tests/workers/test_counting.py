"""Counting with workers: what they find is counted here, in order."""

import pytest
import walkers
from workers.test_workers import assert_same


@pytest.mark.parametrize("options", [[], ["--every", "3"]])
def test_workers_find_and_this_process_counts(segment, tmp_path, monkeypatch, capsys, options):
    pytest.importorskip("trackers", reason="counting needs the package trackers")
    monkeypatch.setattr("segmentation.cli.spreading.Task", walkers.WalkTask)
    monkeypatch.setattr("segmentation.cli.videos.load_network", lambda options: walkers.WalkNet())
    clip, reports = walkers.make_walk(tmp_path / "in.mp4", monkeypatch), []
    count = ["--count-line", walkers.GATE, "--count-zone", walkers.YARD, *options]
    for name, more in (("one", []), ("two", ["--workers", "2"])):
        assert segment(clip, f"{name}.avi", *count, *more, "--csv", tmp_path / f"{name}.csv") == 0
        reports.append([line for line in capsys.readouterr().out.splitlines() if "gate: " in line or "yard: " in line])
    assert reports[0] == reports[1] and sorted(reports[0])[:2] == ["[INFO] gate: car: 1 in, 0 out",
                                                                  "[INFO] gate: person: 2 in, 3 out"]
    rows = [(tmp_path / f"{name}.csv").read_text().splitlines()[1:] for name in ("one", "two")]
    assert_same(tmp_path / "one.avi", tmp_path / "two.avi")
    assert len(rows[0]) == len(rows[1]) > 100
    assert [row.rpartition(",")[2] for row in rows[0]] == [row.rpartition(",")[2] for row in rows[1]]
