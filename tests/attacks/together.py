"""Attacks by two runs at once on one output."""

import time

from attacks.equal import digests


def two_videos(room):
    """Two runs with different options to one output: what has its name then is the whole result of one of them, which
    has ended with 0.
    """
    room.clip("long.mp4", "long.mp4")
    kinds = (("--effect", "outline"), ("--effect", "blur"))
    args = ("-i", "long.mp4", "--csv", "rows.csv", "-o", "out.mp4", "--overwrite")
    expected = []
    for kind in kinds:
        room.run("videos", *args, *kind, expected=0)
        expected.append(results_of(room))
    first = room.start("videos", *args, *kinds[0])
    time.sleep(room.rng.choice((0, 0.05, 0.5, 1)))
    second = room.start("videos", *args, *kinds[1])
    codes = [room.end(process).code for process in (first, second)]
    found = results_of(room)
    room.expect(found in [result for code, result in zip(codes, expected) if code == 0], "differs",
                f"exit codes {codes}, and the results are none of those of a run with exit 0")


def results_of(room):
    """The digests of the results of a video, which are removed."""
    found = {name: value for name, value in digests(room.here).items() if name in ("out.mp4", "rows.csv")}
    for name in found:
        (room.here / name).unlink()
    return found


def two_photo_runs(room):
    """Two runs of the same photos to one folder and one file of rows."""
    for number in range(6):
        room.photo(f"in/{number}.jpg")
    run = ("photos", "-i", "in", "-o", "out", "--json", "rows.json", "--csv", "rows.csv", "--skip-existing")
    processes = [room.start(*run), room.start(*run)]
    codes = [room.end(process).code for process in processes]
    room.check_agreement(room.here / "rows.json", room.here / "rows.csv")
    if 1 in codes:
        room.run(*run, expected=0)
        room.check_agreement(room.here / "rows.json", room.here / "rows.csv")
    there = len(list((room.here / "out").glob("*_segmented.jpg")))
    room.expect(there == 6, "lost", f"{there} results of six photos, exit codes {codes}")


ONCE = [two_videos]
MANY = [two_videos, two_photo_runs]
