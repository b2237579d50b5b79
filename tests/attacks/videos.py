"""Attacks on the video command: broken videos, times, sources that change, stops and rows."""

import json
import signal
import time

import av

from attacks.equal import frames_of
from attacks.material import FRAMES, LONG
from attacks.mutations import mutate_bytes
from attacks.whole import count_frames, rows_of

ROWS = ("--json", "rows.json", "--csv", "rows.csv")


def mutated(room):
    """A video with random changes, with rows."""
    kind = room.rng.choice(("film.mp4", "film.mkv", "film.avi", "film.ts"))
    data = mutate_bytes((room.material / "clips" / kind).read_bytes(), room.rng)
    source = room.give(f"in.{kind[-3:].strip('.')}", data)
    name = room.rng.choice(("out.mp4", "out.avi", "out.mkv"))
    options = room.rng.choice(([], ["--every", "3"], ["--fps", "7"], ["--start", "0.3"], ["--palette", "instance"]))
    done = room.run("videos", "-i", source.name, "-o", name, *ROWS, *options)
    if done.code == 0:
        room.expect((room.here / name).is_file(), "lost", f"exit 0 without {name}")
        room.check_agreement(room.here / "rows.json", room.here / "rows.csv")


def stop_at(room, frames, args, number=signal.SIGTERM):
    """Run the video command, and send a signal once it has written about so many frames; a Done."""
    process = room.start("videos", *args)
    deadline = time.monotonic() + room.patience
    while rows_so_far(room) < frames and process.lives() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send(number)
    return room.end(process, sent=number)


def rows_so_far(room):
    """The number of the last frame in the partial CSV of a run that is whole."""
    path = room.here / "rows.partial.csv"
    lines = path.read_text().splitlines() if path.exists() else []
    return int(lines[-2].partition(",")[0]) if len(lines) > 2 else 0


def stopped_with_timeline(room):
    """A stopped run writes no plot, and goes on with --resume to what an undisturbed run gives."""
    room.clip("long.mp4", "long.mp4")
    args = ("-i", "long.mp4", *ROWS, "--timeline")
    room.run("videos", *args, "plot.png", "-o", "whole/out.mp4", expected=0)
    expected = move_results(room)
    done = stop_at(room, room.rng.randrange(5, 100), (*args, "plot.png", "-o", "out.mp4"))
    if done.code == 0:
        return
    room.expect(not (room.here / "plot.png").exists(), "not whole", "a stopped run has written the plot")
    room.run("videos", *args, "plot.png", "-o", "out.mp4", "--resume", expected=0)
    room.compare(expected, move_results(room), "resumed")


def move_results(room):
    """The digests of the results, which are moved out of the way."""
    place = room.here / f"done{len(room.commands)}"
    place.mkdir()
    for name in ("rows.json", "rows.csv", "plot.png", "out.mp4", "whole/out.mp4"):
        if (room.here / name).exists():
            (room.here / name).rename(place / name.rpartition("/")[2])
    return room.results(place.name)


def rows_cut(room):
    """A rows file that is cut between a stop and --resume: the result is whole again, or refused."""
    room.clip("long.mp4", "long.mp4")
    args = ("-i", "long.mp4", *ROWS, "-o")
    room.run("videos", *args, "whole/out.mp4", expected=0)
    expected = move_results(room)
    if stop_at(room, room.rng.randrange(30, 100), (*args, "out.mp4")).code == 0:
        return
    path = room.rng.choice(sorted(room.here.glob("rows.partial.json*" if room.number <= 0 else "rows.partial*")))
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * room.rng.choice((0.2, 0.33, 0.7)))])
    if room.run("videos", *args, "out.mp4", "--resume").code == 0:
        room.compare(expected, move_results(room), f"{path.name} was cut, and the results")


def source_replaced(room):
    """A source that is replaced by another of equal size between a stop and --resume: never a mixture of both."""
    source = room.clip("long.mp4", "long.mp4")
    args = ("-i", "long.mp4", *ROWS, "-o", "out.mp4")
    if stop_at(room, room.rng.randrange(50, 100), args).code == 0:
        return
    source.write_bytes((room.material / "clips/other.mp4").read_bytes())
    room.guard(source)
    if room.run("videos", *args, "--resume").code == 0:
        frames = frames_of(room.here / "out.mp4")
        room.run("videos", "-i", "long.mp4", "-o", "pure.mp4", expected=0)
        room.expect(frames == frames_of(room.here / "pure.mp4"), "differs", "a mixture of two sources, exit 0")


def seconds_to_frames(room):
    """--start and --end on a frame's own time, in decimals."""
    room.clip()
    first = room.rng.randrange(0, 10)
    last = room.rng.choice((5, first + 5, first + room.rng.randrange(1, 20)))
    if last <= first:
        first = 0
    args = ("--start", f"{first / 25:g}", "--end", f"{last / 25:g}")
    room.run("videos", "-i", "film.mp4", "-o", "out.mp4", *args, expected=0)
    there = count_frames(room.here / "out.mp4") if (room.here / "out.mp4").exists() else 0
    room.expect(there == last - first, "differs", f"{there} frames, not {last - first}, of {' '.join(args)}")


def joined_stream(room):
    """A .ts joined of three, whose times jump back: the result lasts as long as they, or something is said."""
    data = (room.material / "clips/film.ts").read_bytes()
    room.give("joined.ts", data * 3)
    done = room.run("videos", "-i", "joined.ts", "-o", "out.mp4")
    if done.code == 0 and "[WARNING]" not in done.err:
        with av.open(str(room.here / "out.mp4")) as container:
            seconds = float(container.duration / av.time_base)
        right = 3 * FRAMES / 25
        room.expect(0.8 * right < seconds < 1.2 * right, "silent", f"{right} s of source are {seconds:.2f} s")


def odd_rates(room):
    """--fps of any size."""
    room.clip()
    rate = room.rng.choice(("1e-6", "1e-9", "0.001", "1/100000", "999", "1000", "1e5", "30000/1001", "1/3"))
    name = room.rng.choice(("out.mp4", "out.mp4", "out.avi", "out.mkv"))
    done = room.run("videos", "-i", "film.mp4", "-o", name, "--fps", rate)
    if done.code == 0:
        room.expect(count_frames(room.here / name) == FRAMES, "not whole", f"not {FRAMES} frames at --fps {rate}")


def smallest_rate(room):
    """--fps 1e-6, to .mp4."""
    room.clip()
    room.run("videos", "-i", "film.mp4", "-o", "out.mp4", "--fps", "1e-6")


def text_named_as_a_result(room):
    """--resume with a folder: a text file named as a result does not count as done."""
    room.clip("in/x.mp4")
    room.give("out/x_segmented.mp4", b"not a video", guarded=False)
    done = room.run("videos", "-i", "in", "-o", "out", "--resume")
    if done.code == 0:
        room.expect((room.here / "out/x_segmented.mp4").read_bytes() != b"not a video", "silent",
                    "a text file counts as the result of a video")
    (room.here / "out/x_segmented.mp4").unlink()


def added_between(room):
    """--resume --recursive: a video added between two runs is done, and the one that is done is not."""
    room.clip("in/b/x.mp4")
    run = ("videos", "-i", "in", "--recursive", "-o", "out", "--resume")
    room.run(*run, expected=0)
    room.clip("in/a/x.mp4")
    room.run(*run, expected=0)
    results = [path for path in (room.here / "out").rglob("*.mp4") if path.is_file()]
    room.expect(len(results) == 2, "lost", f"{len(results)} results of two videos")
    room.run(*run, expected=0)
    results = [path for path in (room.here / "out").rglob("*.mp4") if path.is_file()]
    room.expect(len(results) == 2, "differs", f"{len(results)} results of two videos after a third run")


def many_workers(room):
    """Far more workers than a short video has work for: they are not all started."""
    room.clip()
    process = room.start("videos", "-i", "film.mp4", "-o", "out.mp4", "--workers", "8", anew=True)
    most = 0
    while process.lives() and time.monotonic() - process.began < room.patience:
        most = max(most, process.children())
        time.sleep(0.05)
    room.end(process, expected=None)
    room.expect(most <= 4, "silent", f"{most} processes for {FRAMES} frames")


def rows_of_a_stop(room):
    """Rows after SIGTERM and after kill -9: valid, and of all frames but the last few."""
    room.clip("long.mp4", "long.mp4")
    number = room.rng.choice((signal.SIGTERM, signal.SIGKILL))
    done = stop_at(room, room.rng.randrange(5, 120), ("-i", "long.mp4", *ROWS, "-o", "out.mp4"), number)
    if done.code == 0:
        return
    for path in room.here.glob("rows.partial.json*"):
        lines = path.read_text().splitlines()
        try:
            rows = rows_of(path) if path.suffix == ".json" else [json.loads(line) for line in lines[:-1]]
            room.expect(rows or len(lines) < 2, "lost", f"{path.name} has no rows")
        except ValueError as error:
            room.find("not whole", f"{path.name} after {signal.Signals(number).name}: {error}")


ONCE = [stopped_with_timeline, rows_cut, source_replaced, seconds_to_frames, joined_stream, smallest_rate,
        text_named_as_a_result, added_between, many_workers]
MANY = [mutated, mutated, mutated, seconds_to_frames, odd_rates, rows_cut, stopped_with_timeline, rows_of_a_stop]
assert LONG > 120, "the stops of these attacks come within the long clip"
