"""Attacks on the photo command by broken photos, by second runs, and by signals."""

import json
import os
import signal
import time

from attacks.mutations import mutate_bytes
from attacks.whole import images_of

ROWS = ("--json", "rows.json", "--csv", "rows.csv", "--report", "page.html")


def mutated(room):
    """Ten photos with random changes, one undisturbed photo among them, with rows."""
    kinds = sorted((room.material / "photos").iterdir())
    for number in range(10):
        kind = room.rng.choice(kinds)
        room.give(f"in/{number}{kind.suffix}", mutate_bytes(kind.read_bytes(), room.rng))
    room.photo("in/z.jpg")
    options = room.rng.choice(([], ["-v"], ["--cutouts", "cut"], ["--masks", "masks", "--each-mask"],
                               ["--effect", "blur"], ["--size", "raw"]))
    room.run("photos", "-i", "in", "-o", "out", *ROWS, *options)
    room.expect((room.here / "out/z_segmented.jpg").is_file(), "lost", "the undisturbed photo has no result")
    room.check_agreement(room.here / "rows.json", room.here / "rows.csv")


def second_run_with_rows(room):
    """--skip-existing with rows and a report: what the first run wrote is still there after the second."""
    room.photo("in/a.jpg")
    room.run("photos", "-i", "in", "-o", "out", *ROWS, "--skip-existing", expected=0)
    if room.rng.random() < 0.5:
        room.photo("in/b.jpg", "png.png")
    room.run("photos", "-i", "in", "-o", "out", *ROWS, "--skip-existing", expected=0)
    for name in ROWS[1::2]:
        room.expect("in/a.jpg" in (room.here / name).read_text(), "lost", f"{name} has lost the first photo")


def rows_replaced_unasked(room):
    """A second run with other photos does not replace rows and reports unless it is told to."""
    room.photo("a.jpg"), room.photo("b.png")
    room.run("photos", "-i", "a.jpg", "-o", "out", *ROWS, expected=0)
    for name in ("rows.json", "rows.csv", "page.html"):
        room.guard(room.here / name)
    room.run("photos", "-i", "b.png", "-o", "out", *ROWS)


def added_between(room):
    """--skip-existing --recursive: a photo added between two runs is done, and the one that is done is not."""
    room.photo("in/b/x.jpg")
    run = ("photos", "-i", "in", "--recursive", "-o", "out", "--skip-existing")
    room.run(*run, expected=0)
    room.photo("in/a/x.jpg", "png.png")
    done = room.run(*run, expected=0)
    room.expect("in/a/x.jpg" in done.out.replace("saved", ""), "lost", "the added photo was not done")
    room.expect("in/b/x.jpg: " not in done.out, "differs", "the first photo was done again")
    pictures = [path for path in (room.here / "out").rglob("*") if path.is_file()]
    room.expect(len(pictures) == 2, "lost", f"{len(pictures)} results of two photos")


def signalled(room):
    """SIGTERM or Ctrl-C among many photos: partial rows are valid, and the report is there."""
    for number in range(12):
        room.photo(f"in/{number:02}.jpg")
    number = room.rng.choice((signal.SIGTERM, signal.SIGTERM, signal.SIGINT))
    process = room.start("photos", "-i", "in", "-o", "out", *ROWS)
    seen = room.rng.randrange(1, 8)
    deadline = time.monotonic() + room.patience
    while process.printed(1).count("saved ") < seen and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send(number)
    done = room.end(process, sent=number)
    saved = len(list((room.here / "out").glob("*_segmented.jpg")))
    if done.code != 0:
        check_partial_rows(room, saved)


def check_partial_rows(room, saved):
    """After a stop: the rows so far are valid and hold the photos whose pictures are saved; so does the report."""
    for path in room.here.glob("rows.partial.json"):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            room.find("not whole", f"{path.name} after a stop: {error}")
    for path in room.here.glob("rows.partial.jsonl"):
        lines = path.read_text().splitlines()
        good = sum(1 for line in lines if is_json(line))
        room.expect(good >= len(lines) - 1, "not whole", f"{path.name} has {len(lines) - good} broken lines")
        room.expect(good >= saved, "lost", f"{path.name} has {good} photos, {saved} are saved")
    pages = list(room.here.glob("page*.html*"))
    count = max((path.read_text(errors="replace").count("<article") for path in pages), default=0)
    room.expect(count >= saved, "lost", f"the report has {count} photos of the {saved} that are saved")


def is_json(line):
    """Whether a line holds a whole JSON value."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def eps_named_jpg(room):
    """An EPS file under a photo's name must not start Ghostscript."""
    room.give("a.jpg", (room.material / "photos/eps.eps").read_bytes())
    room.photo("b.jpg")
    gs = room.give("bin/gs", b"#!/bin/sh\ntouch \"$(dirname \"$0\")/started\"\nexit 1\n")
    gs.chmod(0o755)
    room.run("photos", "-i", "a.jpg", "b.jpg", "-o", "out", anew=True,
             environment={"PATH": f"{gs.parent}:{os.environ['PATH']}"})
    room.expect(not (gs.parent / "started").exists(), "silent", "Ghostscript was started on a file named .jpg")


def odd_pictures(room):
    """Photos about which Pillow has something to say, in its own words."""
    for name in ("odd_exif.jpg", "palette.png", "cmyk.jpg", "deep.png", "turned.jpg"):
        room.photo(f"in/{name}", name)
    room.run("photos", "-i", "in", "-o", "out", expected=0)


def named_twice(room):
    """One photo named twice, relative and absolute, or by a link: it is done once."""
    path = room.photo("a.jpg")
    other = room.rng.choice((path, room.here / "sub/../a.jpg"))
    (room.here / "sub").mkdir()
    room.run("photos", "-i", "a.jpg", other, "-o", "out", "--json", "rows.json")
    if (room.here / "rows.json").exists():
        images = images_of(room.here / "rows.json")
        room.expect(len(images) == 1, "differs", f"one photo is done {len(images)} times")


ONCE = [second_run_with_rows, rows_replaced_unasked, added_between, signalled, eps_named_jpg, odd_pictures, named_twice]
MANY = [mutated, mutated, signalled, second_run_with_rows]
