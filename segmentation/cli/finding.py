"""Which videos the names on the command line mean, and what their results are called.

>>> [path.as_posix() for path in name_outputs(["a/film.mkv", "b/film.mkv", "c/clip.webm"], "out")]
['out/film_segmented.mkv', 'out/film_segmented-2.mkv', 'out/clip_segmented.mp4']
"""

import glob
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from segmentation.files import AnyPath

# Files in a folder with these suffixes are videos. A file that is named itself is read whatever its suffix is.
VIDEOS = {".avi", ".mp4", ".mkv", ".mov", ".m4v", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv",
          ".3gp"}
RESULT = "_segmented"


def several_videos(names: Sequence[str]) -> bool:
    """Whether these names can mean more than one video."""
    return len(names) > 1 or Path(names[0]).is_dir() or is_pattern(names[0])


def is_pattern(name: str) -> bool:
    """Whether a name is a glob pattern, such as trip/*.mp4, and not a file or an address."""
    return glob.has_magic(name) and "://" not in name and not Path(name).exists()


def find_videos(names: Iterable[str], recursive: bool = False) -> list[str]:
    """The videos that the names mean, each once: files, the videos in folders, and those that fit a pattern.

    A folder or pattern without videos is returned itself; reading it gives an error that names it.

    recursive: search the subfolders of folders too
    """
    found = []
    for name in names:
        if Path(name).is_dir():
            inside = Path(name).glob("**/*" if recursive else "*")
            paths = sorted(path for path in inside if path.suffix.lower() in VIDEOS
                           and ".partial" not in path.name and not path.stem.endswith(RESULT))
            fitting = [str(path) for path in paths]
        else:
            fitting = sorted(glob.glob(name, recursive=True)) if is_pattern(name) else []
        found += fitting or [name]
    return list(dict.fromkeys(found))


def name_outputs(videos: Sequence[str], folder: AnyPath) -> list[Path]:
    """The path of each video's result: folder/NAME_segmented with the suffix of the video, or .mp4.

    No two results have the same path, and none has the path of a video.
    """
    outputs, taken = [], {Path(video).resolve() for video in videos}
    for video in map(Path, videos):
        suffix = video.suffix.lower() if video.suffix.lower() in (".avi", ".mp4", ".mkv") else ".mp4"
        names = (Path(folder, f"{video.stem}{RESULT}{number}{suffix}")
                 for number in chain([""], (f"-{number}" for number in count(2))))
        outputs.append(next(path for path in names if path.resolve() not in taken))
        taken.add(outputs[-1].resolve())
    return outputs
