"""Whether a file under a final name is whole: pictures and videos decode to their end, rows agree with each other."""

import csv
import json

import av
from PIL import Image

PICTURES, VIDEOS = (".jpg", ".png"), (".mp4", ".avi", ".mkv")


def is_final(path):
    """Whether a file has a final name: neither partial nor temporary."""
    return path.is_file() and ".partial" not in path.name and not path.name.startswith(".") \
        and not path.name.endswith((".lock", ".part"))


def trouble_of(path):
    """What is wrong with a file, in words; None: nothing."""
    try:
        if path.suffix in PICTURES:
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix in VIDEOS:
            if not count_frames(path):
                return "a video without frames"
        elif path.suffix in (".json", ".jsonl", ".csv"):
            rows_of(path)
        elif path.suffix == ".html":
            text = path.read_text(encoding="utf-8").strip().lower()
            if not (text.startswith("<!doctype html") and text.endswith("</html>")):
                return "a page without a beginning or an end"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def count_frames(path):
    """How many frames a video decodes to. Raises an error of PyAV if it is broken."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        return sum(1 for _ in container.decode(video=0))


def rows_of(path):
    """The rows of a .json, .jsonl or .csv file. Raises ValueError if it is not whole."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    if path.suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines(), strict=True))
        if text and (not text.endswith("\n") or any(None in row or None in row.values() for row in rows)):
            raise ValueError("a line with too few or too many values")
        return rows
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    found = json.loads(text)
    return found["annotations"] if isinstance(found, dict) else found


def images_of(path):
    """The file names that a data set in JSON knows."""
    return [image["file_name"] for image in json.loads(path.read_text())["images"]]


def disagreement(first, second):
    """How two files of rows of one run disagree, in words; None: they agree."""
    one, other = ([(float(row["score"]), int(row["area"] if "area" in row else row["mask_area"]))
                   for row in rows_of(path)] for path in (first, second))
    return None if one == other else f"{first.name} has {len(one)} rows, {second.name} {len(other)}, or others"
