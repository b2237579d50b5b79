"""Attacks on --resume: notes, partial videos and partial rows that are broken or changed between a stop and it."""

import shutil

from attacks.mutations import mutate_bytes, mutate_json
from attacks.videos import move_results, stop_at

ARGS = ("-i", "long.mp4", "--json", "rows.json", "--csv", "rows.csv", "-o")
BROKEN = ("[]", "null", '{"options": {}}', "", "{", "-5")


def stopped(room):
    """A run with rows that was stopped in the middle: (digests of an undisturbed run, whether it was stopped)."""
    room.clip("long.mp4", "long.mp4")
    room.run("videos", *ARGS, "whole/out.mp4", expected=0)
    expected = move_results(room)
    return expected, stop_at(room, room.rng.randrange(30, 100), (*ARGS, "out.mp4")).code != 0


def notes_of(room):
    """The notes of the partial video."""
    return next(path for path in room.here.glob("out.partial.mp4*.json"))


def resume(room, expected, what):
    """Resume; the result equals that of an undisturbed run, or it is refused and --overwrite makes it."""
    done = room.run("videos", *ARGS, "out.mp4", "--resume")
    if done.code != 0:
        room.run("videos", *ARGS, "out.mp4", "--overwrite", expected=0)
    room.compare(expected, move_results(room), what)


def one_stop_many_breaks(room, breaks):
    """Stop once; then break the files anew in each way that `breaks` gives, and resume.

    breaks: [(what it is called, a function that breaks the files of the room and may say more of it), ...]
    """
    expected, is_stopped = stopped(room)
    if not is_stopped:
        return
    kept = room.here.with_name("kept")
    shutil.copytree(room.here, kept)
    for what, break_files in breaks:
        shutil.rmtree(room.here)
        shutil.copytree(kept, room.here)
        resume(room, expected, break_files(room) or what)
        if room.findings:  # the files of this one are left to be looked at
            return


def broken_notes(room):
    """Notes that are no notes, and those with one value changed at random."""
    def write(text):
        def write_text(room):
            notes_of(room).write_text(text)
        return write_text

    def change(room):
        notes_of(room).write_text(mutate_json(notes_of(room).read_text(), room.rng))
    plain = [(f"notes {text!r}", write(text)) for text in room.rng.sample(BROKEN, 3)]
    one_stop_many_breaks(room, [*plain, *[("changed notes", change)] * 5])


def points_of_another_kind(room):
    """Notes whose resume points are none: each way of the first attack that was seen."""
    def set_points(value):
        def change(room):
            import json
            notes = json.loads(notes_of(room).read_text())
            notes["points"] = value
            notes_of(room).write_text(json.dumps(notes))
        return change
    one_stop_many_breaks(room, [(f"points {value!r}", set_points(value)) for value in
                                ([[1]], [[-5, {}]], None, [[10**9, {}]], [["x", {}]], [[20, None]], 7)])


def changed_files(room):
    """A partial video or partial rows changed at random."""
    def change(room):
        path = room.rng.choice([path for path in sorted(room.here.iterdir())
                                if ".partial" in path.name and path != notes_of(room)])
        path.write_bytes(mutate_bytes(path.read_bytes(), room.rng))
        return f"{path.name} was changed, and the results"
    one_stop_many_breaks(room, [("a changed file", change)] * 4)


ONCE = [points_of_another_kind]
MANY = [broken_notes, changed_files]
