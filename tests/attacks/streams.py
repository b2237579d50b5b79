"""Attacks by streams that are closed or full, and by signals before a command has begun its work."""

import os
import signal
import time

STREAMS = ({"closed": (1,)}, {"full": (1,)}, {"closed": (2,)}, {"full": (2,)}, {"closed": (1, 2)}, {"full": (1, 2)},
           {"closed": (0, 1, 2)})


def closed_or_full(room, how):
    """A photo, a video and an error with streams that cannot be written: the work is done, the exit code is right."""
    room.photo()
    room.clip()
    room.run("photos", "-i", "photo.jpg", "nowhere.jpg", "-o", "out", "--json", "rows.json", expected=1, anew=True,
             **how)
    room.expect((room.here / "out/photo_segmented.jpg").exists(), "lost", "no result of the photo")
    room.run("videos", "-i", "film.mp4", "-o", "out.mp4", "--csv", "rows.csv", expected=0, anew=True, **how)
    room.expect((room.here / "out.mp4").exists(), "lost", "no result of the video")


def stdout_closed(room):
    """stdout closed: >&-."""
    closed_or_full(room, STREAMS[0])


def stdout_full(room):
    """stdout full: >/dev/full."""
    closed_or_full(room, STREAMS[1])


def stderr_closed_or_full(room):
    """stderr closed or full, alone or with the others."""
    closed_or_full(room, room.rng.choice(STREAMS[2:]))


def picture_to_stdout(room):
    """-o - with stdout closed or full: exit 1 and a sentence."""
    room.photo()
    how = room.rng.choice(({"closed": (1,)}, {"full": (1,)}))
    done = room.run("photos", "-i", "photo.jpg", "-o", "-", expected=1, anew=True, **how)
    room.expect("[ERROR]" in done.err, "silent", "no sentence")


def early_signal(room):
    """Ctrl-C or SIGTERM in the first second: no traceback."""
    room.photo()
    room.clip()
    number = room.rng.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM))
    args = room.rng.choice((("photos", "-i", "photo.jpg", "-o", "out"), ("videos", "-i", "film.mp4", "-o", "out.mp4"),
                            ("videos", "-i", "film.mp4", "-o", "out.mp4", "--workers", "2")))
    process = room.start(*args, anew=True)
    wait_for_work(process.pid, room.rng.uniform(0.03, 0.4))
    if process.lives():
        process.send(number, group=True)  # as the terminal does
    check_end(room, process, number)


def signal_while_workers_start(room):
    """Ctrl-C or SIGTERM to all processes of a run while its workers import what they need: no traceback of theirs."""
    room.clip()
    number = room.rng.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM))
    process = room.start("videos", "-i", "film.mp4", "-o", "out.mp4", "--workers", "2", anew=True)
    while process.lives() and process.children() < 2 and time.monotonic() < process.began + room.patience:
        time.sleep(0.002)
    time.sleep(room.rng.choice((0, room.rng.uniform(0, 0.3), room.rng.uniform(0, 3))))
    if process.lives():
        process.send(number, group=True)
    check_end(room, process, number)


def check_end(room, process, number):
    """After a signal to all processes of a run: it ends, and none prints a traceback of the project."""
    done = process.wait(room.patience)
    room.killed = True  # what it was about to write may stay
    room.expect(not done.hung, "hang", "after a signal")
    room.expect(done.code in (0, 130, 143, -number), "traceback", f"exit {done.code}: {done.err[-300:]}")
    if str(room.project) in done.err or "segmentation" in done.err:
        room.expect("Traceback" not in done.err, "traceback", done.err[-300:])


def wait_for_work(pid, seconds):
    """Wait until a process has used so many seconds of processor time: on a busy machine it starts later."""
    deadline = time.monotonic() + 30 * seconds
    ticks = os.sysconf("SC_CLK_TCK")
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return
        if fields[0] == "Z" or (int(fields[11]) + int(fields[12])) / ticks >= seconds:
            return
        time.sleep(0.002)


MANY = [early_signal, stderr_closed_or_full, signal_while_workers_start]
ONCE = [stdout_closed, stdout_full, stderr_closed_or_full, picture_to_stdout, *[early_signal] * 4,
        signal_while_workers_start]
