"""Attacks by kill -9 at random moments: what the next runs make of it equals what a run without a kill gives."""

import signal
import time
from functools import partial

VIDEO = ("-i", "long.mp4", "-o", "out/film.mp4", "--json", "out/rows.json", "--csv", "out/rows.csv", "--timeline",
         "out/plot.png")
PHOTOS = ("-i", "in", "--recursive", "-o", "out/pictures", "--json", "out/rows.json", "--csv", "out/rows.csv",
          "--report", "out/page.html", "--masks", "out/masks", "--cutouts", "out/cut", "-v", "--skip-existing")
KIND_OF_NAME = {"video": "out/film.mp4", "photos": "out/rows.json"}  # what appears at the end of a run

undisturbed = {}  # (project, what) -> (results, seconds) of a run without a kill


def video(room, workers=0):
    """A video with rows and a plot, killed and resumed, killed again now and then; workers: 0 for none"""
    room.clip("long.mp4", "long.mp4")
    args = ("videos", *VIDEO, *(("--workers", f"{workers}") if workers else ()))
    kill_and_go_on(room, "video", workers, args, ("--resume",))


def photos(room):
    """Twelve photos with all that a run can write, killed and gone on with by --skip-existing."""
    for number in range(12):
        room.photo(f"in/{'ab'[number % 2]}/{number:02}.{('jpg', 'png')[number % 3 == 0]}")
    kill_and_go_on(room, "photos", 0, ("photos", *PHOTOS), ())


def kill_and_go_on(room, what, workers, args, again):
    """Kill a command at a random moment, run it again until it is done, and compare the results.

    again: the options that the later runs have more than the first
    """
    anew = bool(workers)
    expected, seconds = results_undisturbed(room, (room.project, what, workers), args, anew)
    done = run_and_kill(room, what, args, seconds, anew)
    for _ in range(4):
        if done.code == 0 or room.rng.random() > 0.35:
            break
        done = run_and_kill(room, what, (*args, *again), seconds, anew)
    if done.code != 0:
        done = room.run(*args, *again, anew=anew)
    found = room.results("out")
    room.compare(expected, found, f"the last run ended with {done.code}, {done.err.strip()[-200:]!r}, and the results")
    room.expect(not list((room.here / "out").rglob("*.partial*")), "left over", "partial files of a run that is done")


def results_undisturbed(room, key, args, anew):
    """(the digests of the results, the seconds) of a run without a kill."""
    if key not in undisturbed:
        began = time.monotonic()
        room.run(*args, expected=0, anew=anew)
        undisturbed[key] = room.results("out"), time.monotonic() - began
        (room.here / "out").rename(room.here / "undisturbed")
    return undisturbed[key]


def run_and_kill(room, what, args, seconds, anew):
    """Run a command and kill it: at any moment, or just when a file appears that is written at its end; a Done."""
    process = room.start(*args, anew=anew)
    at_the_end = room.rng.random() < 0.25
    moment = process.began + room.rng.uniform(0, 1.1 * seconds)
    appears = room.here / KIND_OF_NAME[what]
    while process.lives() and time.monotonic() < process.began + room.patience and not (
            appears.exists() if at_the_end else time.monotonic() >= moment):
        time.sleep(0 if at_the_end else 0.002)
    process.send(signal.SIGKILL)
    return room.end(process, sent=signal.SIGKILL)


def video_with_workers(room):
    """A video done by two workers, killed and resumed."""
    video(room, workers=2)


ONCE = [video, photos]
MANY = [video, photos, partial(video, workers=2)]
