"""Attacks on paths: inputs where results are to go, links between them, and names of every kind."""

import os
import shutil

from attacks.whole import images_of, rows_of

NAMES = (b"caf\xe9.jpg", b"\x1b[2J\x07.jpg", b"new\nline.jpg", b"-o.jpg", b"a b 'c' \"d\".jpg", b"%s{0}.jpg",
         b"x" * 250 + b".jpg", b"\xff\xfe.jpg", "ж日本👩.jpg".encode(), b"=1+1.jpg", b"<b>&.jpg", b"[a].jpg",
         b"a;b,c.jpg", b".hidden.jpg", b"con.jpg", b"two\r.jpg", b"\xc2\x9b2J.jpg")


def link(room, target, name):
    """Make `name` another name of a file: by a link or a hard link."""
    (room.here / name).parent.mkdir(exist_ok=True, parents=True)
    (os.symlink if room.rng.random() < 0.5 else os.link)(target, room.here / name)
    room.guard(room.here / name)


def source_named_as_a_file_of_the_run(room):
    """A video that has, or whose link has, the name of a file that the run writes."""
    role = room.rng.choice(("partial", "partial", "partial.old", "notes", "rows", "rows.partial", "output"))
    name = {"partial": "film.partial.mp4", "partial.old": "film.partial.old.mp4", "output": "film.mp4",
            "notes": "film.partial.mp4.json", "rows": "rows.json", "rows.partial": "rows.partial.json"}[role]
    if room.rng.random() < 0.5:
        source = room.clip(name, "film.mp4")
    else:
        source = room.clip("source.mp4", "film.mp4")
        link(room, source, name)
    how = room.rng.choice((["--overwrite"], ["--overwrite"], ["--resume"], []))
    room.run("videos", "-i", source.name, "-o", "film.mp4", "--json", "rows.json", *how)


def source_is_partial(room):
    """V -i film.partial.mp4 -o film.mp4 --overwrite."""
    room.clip("film.partial.mp4", "film.mp4")
    room.run("videos", "-i", "film.partial.mp4", "-o", "film.mp4", "--overwrite")


def partial_is_a_link_to_the_source(room):
    """V -i film.mp4 -o out.mp4 --overwrite, where out.partial.mp4 is a link to film.mp4."""
    source = room.clip("film.mp4")
    link(room, source, "out.partial.mp4")
    room.run("videos", "-i", "film.mp4", "-o", "out.mp4", "--overwrite")


def results_over_inputs(room):
    """Photos that have the names of steps, cut-outs and masks of others."""
    room.photo("in/a.jpg")
    for name in ("a_segmented_steps.png", "a_segmented.jpg", "a_instances.png", "a_01_car.png", "a_01_car_mask.png",
                 "a_01_person.png"):
        room.photo(f"in/{name}", "png.png" if name.endswith("png") else None)
    options = room.rng.choice((["-v"], ["--cutouts", "in"], ["--masks", "in", "--each-mask"], []))
    room.run("photos", "-i", "in", "-o", "in", *options)


def each_over_inputs(room):
    """Each of -v, --cutouts and --masks over photos of the names it uses."""
    for options, name in ((["-v"], "a_segmented_steps.png"), (["--masks", "in"], "a_instances.png"),
                          (["--cutouts", "in"], "a_01_car.png")):
        room.photo("in/a.jpg")
        room.photo(f"in/{name}", "png.png")
        room.run("photos", "-i", "in/a.jpg", f"in/{name}", "-o", "in", *options)
        for path in (room.here / "in").iterdir():
            if path not in room.given:
                path.unlink()


def output_is_input(room):
    """The folder of photos as the folder of results: a second run does not segment the first one's results."""
    for name in ("a.jpg", "b.png"):
        room.photo(f"in/{name}")
    for _ in range(2):
        room.run("photos", "-i", "in", "-o", "in")
    results = [path for path in (room.here / "in").iterdir() if path not in room.given]
    room.expect(len(results) == 2, "differs", f"results of two photos: {sorted(path.name for path in results)}")


def linked_photos(room):
    """Photos that are links to one another, and results that are links to photos."""
    source = room.photo("in/a.jpg")
    link(room, source, "in/b.jpg")
    (room.here / "out").mkdir()
    link(room, source, f"out/{room.rng.choice(('a', 'b'))}_segmented.jpg")
    room.run("photos", "-i", "in", "-o", "out", "--json", "rows.json")


def loop_of_links(room):
    """A loop of links among the inputs."""
    room.photo("in/a.jpg")
    os.symlink("loop.jpg", room.here / "in/loop.jpg")
    os.symlink("..", room.here / "in/up")
    room.run("photos", "-i", "in", "in/loop.jpg", "-o", "out", "--recursive")
    os.symlink("loop.mp4", room.here / "loop.mp4")
    room.run("videos", "-i", "loop.mp4", "-o", "out.mp4")


def names_of_every_kind(room):
    """Photos whose names are no text, too long, or command the terminal; with rows, cut-outs and a report."""
    names = room.rng.sample(NAMES, 6)
    give_named(room, names)
    done = room.run("photos", "-i", "in", "-o", "out", "--json", "rows.json", "--csv", "rows.csv", "--report",
                    "page.html", "--masks", "masks", "--cutouts", "cut", expected=0)
    if done.code == 0:
        there = len([path for path in (room.here / "out").rglob("*") if path.is_file()])
        room.expect(there == len(names), "lost", f"{there} results of {len(names)} photos")
        room.expect(len(images_of(room.here / "rows.json")) == len(names), "lost", "images are missing in the rows")
        rows_of(room.here / "rows.csv")


def give_named(room, names):
    """Write a photo under each name, bytes."""
    data = (room.material / "photos/jpg.jpg").read_bytes()
    (room.here / "in").mkdir()
    for name in names:
        room.give(os.fsdecode(b"in/" + name), data)


def one_name(room, name, *options):
    """Photos of one odd name and of an ordinary one: both are done."""
    give_named(room, [name, b"z.jpg"])
    room.run("photos", "-i", "in", "-o", "out", *options, expected=0)
    there = len([path for path in (room.here / "out").rglob("*") if path.is_file()])
    room.expect(there == 2, "lost", f"{there} results of two photos")


def name_not_utf8(room):
    """A name that is not UTF-8, with --csv."""
    one_name(room, b"caf\xe9.jpg", "--csv", "rows.csv", "--json", "rows.json")


def name_with_escape_codes(room):
    """A name with escape codes; in an argument that no option takes, too."""
    one_name(room, b"\x1b[2J\x07.jpg")
    room.run("photos", "-i", "in", "--bogus=\x1b[2J", expected=2)


def longest_name(room):
    """A name of 250 bytes: with what the commands add it is longer than the system allows."""
    one_name(room, b"x" * 250 + b".jpg", "--masks", "masks")


def empty_output(room):
    """-o ''."""
    room.photo()
    room.run("photos", "-i", "photo.jpg", "-o", "", expected=2)
    room.expect(len(list(room.here.iterdir())) == 1, "silent", "-o '' has written into the folder that one is in")


def pipe_as_a_file(room):
    """A pipe given as a photo: it is read, or said to be a pipe, but not empty."""
    path = room.here / "pipe.jpg"
    os.mkfifo(path)
    process = room.start("photos", "-i", "pipe.jpg", "-o", "out")
    data = (room.material / "photos/jpg.jpg").read_bytes()
    try:
        writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # read and write, so that opening does not wait for a reader
        os.write(writer, data)
        done = room.end(process)
        os.close(writer)
    finally:
        path.unlink()
    room.expect("is empty" not in done.err, "silent", f"a full pipe is said to be empty: {done.err.strip()[-150:]}")


def moved_links_of_folders(room):
    """One folder by two names, as photos and as results."""
    room.photo("in/a.jpg")
    os.symlink("in", room.here / "also")
    room.run("photos", "-i", "in", "also", "-o", room.rng.choice(("in", "also", "out")), "--masks", "also")
    shutil.rmtree(room.here / "out", ignore_errors=True)


ONCE = [source_is_partial, partial_is_a_link_to_the_source, each_over_inputs, output_is_input, loop_of_links,
        name_not_utf8, name_with_escape_codes, longest_name, empty_output, pipe_as_a_file]
MANY = [source_named_as_a_file_of_the_run, results_over_inputs, linked_photos, names_of_every_kind,
        moved_links_of_folders]
