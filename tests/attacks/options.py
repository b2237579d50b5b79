"""Attacks on the option lines: every option that --help names, with values of every kind."""

import os
import re
import signal
import socket
import threading
import time

VALUES = ("0", "-1", "1", "nan", "inf", "-inf", "1e400", "1e-400", "", " ", "x", "9" * 30, "0x10", "1_000", "½",
          "\u0661", ",", ",,", "person", "person,person", "1,2", "no_such_class", "50%", "-5%", "101%", "1e9",
          "100x100", "0x0", "-3x4", "3000x1", "1x3000", "keep", "raw", "#ffffff", "#gggggg", "#ff00ff00",
          "rgb(300,0,0)", "hsl(0,100%,50%)", "photo.jpg", "film.mp4", ".", "..", "x.json", "x.jsonl", "x.csv", "x.html",
          "x.png", "sub/x.json", "photo.jpg/x.json", "X.JSON", "\x1b[2J", "\udcff", "n" * 300, "n" * 300 + ".json",
          "30000/1001", "1/0", "0/1", "auto", "-", "--", "tcp://nowhere:1", "transparent", "0,50%,100%,50%,gate",
          "0,0,9,9,0,9", "0,0,0,0", "1,1,2,2,gate,1", "-1,0,5%,1e3", "0,0,50%,0,50%,50%,a;b")
LEFT_OUT = {"--help", "--scheduler", "--workers", "--engine", "--device", "--show", "--mask-rcnn", "--image",
            "--input"}


def options_in(help_text):
    """The long options that a help text names."""
    return sorted(set(re.findall(r"--[a-z][a-z-]+", help_text)) - LEFT_OUT)


def random_options(room, script):
    """Options and values of any kind."""
    if script == "photos":
        room.photo()
    else:
        room.clip()
    names = options_in(room.run(script, "--help", bare=True, expected=0).out)
    for _ in range(4):
        line = []
        for name in room.rng.sample(names, room.rng.choice((1, 1, 2, 3))):
            line += [name, *[room.rng.choice(VALUES)] * room.rng.choice((0, 1, 1, 1, 1))]
        inputs = ["-i", "photo.jpg", "-o", "out"] if script == "photos" else ["-i", "film.mp4", "-o", "out.mp4"]
        end = [] if script == "photos" else ["--end", "0.2"]
        room.run(script, *inputs, *end, *line)
    room.expect(not (room.here / "nan").exists(), "silent", "a number became a file")


def photo_options(room):
    """Options of the photo command."""
    random_options(room, "photos")


def video_options(room):
    """Options of the video command."""
    random_options(room, "videos")


def negative_seed(room):
    """--seed -1 is a usage error."""
    room.photo()
    room.run("photos", "-i", "photo.jpg", "-o", "out", "--seed", "-1", expected=2)


def huge_size(room):
    """--size 10000x10000: it is refused, or a line says how much that is."""
    room.photo()
    patience, room.patience = room.patience, 20
    process = room.start("photos", "-i", "photo.jpg", "-o", "out", "--size", "10000x10000")
    done = process.wait(room.patience)
    room.patience = patience
    if done.hung or done.code < 0 or "Traceback" in done.err:
        room.expect("[WARNING]" in done.err, "silent", f"exit {done.code} after 20 s at the most, without a warning")


def hung_download(room):
    """A download that comes to a standstill, ended by a signal: nothing stays in the model folder."""
    room.photo()
    folder = room.here / "model"
    folder.mkdir()
    for path in (room.project / "mask-rcnn-coco").iterdir():
        if path.suffix in (".txt", ".pbtxt"):
            (folder / path.name).write_bytes(path.read_bytes())
    before = set(os.listdir(folder))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=stand_still, args=(server,), daemon=True).start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = room.start("photos", "-i", "photo.jpg", "-o", "out", "-m", "model", "--no-show", bare=True,
                             environment={"http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "", "NO_PROXY": "",
                                          "XDG_CACHE_HOME": str(room.here / "cache")})
        deadline = time.monotonic() + room.patience / 2
        while len(os.listdir(folder)) == len(before) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send(signal.SIGTERM)
        room.end(process, sent=signal.SIGTERM)
    more = {path.name for place in (folder, room.here / "cache") if place.exists() for path in place.rglob("*")
            if path.is_file() and path.name.startswith(("tmp", ".")) and path.stat().st_size}
    room.expect(not more, "left over", f"{sorted(more)} of a download")


def stand_still(server):
    """Answer a request for a file with its first bytes, and no more."""
    connection, _ = server.accept()
    connection.recv(10_000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(100_000))
    time.sleep(3600)


ONCE = [negative_seed, huge_size, hung_download]
MANY = [photo_options, photo_options, video_options, video_options]
