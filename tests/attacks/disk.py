"""Attacks by a full disk: a small file system, or a limit on the size of a file where none can be mounted."""

import subprocess

from attacks.videos import move_results


class SmallDisk:
    """A folder on a file system of a few kilobytes; where none can be mounted, `limit` has options of Process that
    limit the size of each file.
    """

    def __init__(self, place, kilobytes):
        place.mkdir()
        self.place, self.limit = place, {}
        if self.mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs"):
            self.limit = {"file_bytes": kilobytes * 1024}

    def mount(self, *options):
        """Mount the folder; the exit code."""
        return subprocess.run(["mount", *options, self.place], capture_output=True).returncode

    def grow(self):
        """Make room."""
        if not self.limit:
            self.mount("-o", "remount,size=50m")

    def close(self):
        """Take the folder away."""
        if not self.limit:
            subprocess.run(["umount", self.place], check=True)


def photos_on_a_full_disk(room):
    """Photos, rows and a report on a disk that becomes full; with space, the same command does the rest."""
    for number in range(6):
        room.photo(f"in/{number}.jpg")
    run = ("photos", "-i", "in", "-o", "small/out", "--json", "small/rows.json", "--csv", "small/rows.csv", "--report",
           "small/page.html", "--skip-existing")
    disk = SmallDisk(room.here / "small", room.rng.randrange(20, 200))
    try:
        if room.run(*run, **disk.limit).code != 0:
            disk.grow()
            room.run(*run, expected=0)
        there = len(list((room.here / "small/out").glob("*_segmented.jpg")))
        room.expect(there == 6, "lost", f"{there} results of six photos")
        page = room.here / "small/page.html"
        articles = page.read_text().count("<article") if page.exists() else 0
        room.expect(articles == 6, "lost", f"the report has {articles} of six photos")
        room.check_agreement(room.here / "small/rows.json", room.here / "small/rows.csv")
        room.close()
    finally:
        disk.close()


def video_on_a_full_disk(room):
    """A video on a disk that becomes full; with space, --resume goes on to what an undisturbed run gives."""
    room.clip("long.mp4", "long.mp4")
    args = ("-i", "long.mp4", "--json", "rows.json", "--csv", "rows.csv", "-o")
    room.run("videos", *args, "whole/out.mp4", expected=0)
    expected = move_results(room)
    limit = room.rng.randrange(30, 300) * 1024
    done = room.run("videos", *args, "out.mp4", file_bytes=limit)
    if done.code != 0:
        room.expect("[ERROR]" in done.err, "silent", f"exit {done.code} without an [ERROR] line")
        again = room.run("videos", *args, "out.mp4", "--resume")
        if again.code != 0:
            room.find("lost", f"cannot be resumed after a full disk: {again.err.strip()[-200:]}")
            return
    room.compare(expected, move_results(room), "after a full disk")


ONCE = []
MANY = [photos_on_a_full_disk, video_on_a_full_disk]
