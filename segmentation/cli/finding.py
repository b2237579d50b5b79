"""Which videos the names on the command line mean, and what their results are called.

>>> names = find_videos(["a/film.mkv", "b/clip.webm", "rtsp://door/cam?id=1"])
>>> [path.as_posix() for path in name_outputs(names, "out").values()]
['out/film_segmented.mkv', 'out/clip_webm_segmented.mp4', 'out/cam_segmented.mp4']
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from os.path import isdir
from pathlib import Path
from urllib.parse import urlsplit

from segmentation import SegmentationError
from segmentation.files import AnyPath
from segmentation.results.cutouts import safe_name
from segmentation.search import RESULT, VIDEO_SUFFIXES, Found, Kind, is_pattern, search
from segmentation.video.container import open_container

WRITTEN = (".avi", ".mp4", ".mkv")
# A result of this version or an earlier one, complete or partial.
RESULT_NAME = re.compile(rf".+({RESULT}(-\d+)?|\.partial|\.partial\.old)\.(avi|mp4|mkv)", re.IGNORECASE)


def is_video_result(video: Path, stems: Container[str]) -> bool:
    """Whether a run of ours has written a video, by its name."""
    return bool(RESULT_NAME.fullmatch(video.name))


VIDEOS = Kind(VIDEO_SUFFIXES, WRITTEN, is_video_result)


def several_videos(names: Sequence[str]) -> bool:
    """Whether these names can mean more than one video."""
    return len(names) > 1 or isdir(names[0]) or is_pattern(names[0])


def search_videos(names: Iterable[str], recursive: bool = False) -> Found:
    """The videos that the names mean, see `search`. The result of a stream is named after its address."""
    found = search(names, recursive, VIDEOS)
    return Found({video: address_name(video) if "://" in video else name for video, name in found.names.items()},
                 found.results)


def find_videos(names: Iterable[str], recursive: bool = False) -> dict[str, Path]:
    """The videos that the names mean -> the names of their results; see `search`."""
    return search_videos(names, recursive).names


def address_name(address: str) -> Path:
    """The name of a stream's result: the last part of its address, in characters that every system accepts."""
    parts = urlsplit(address)
    return Path(safe_name(Path(parts.path).stem or parts.netloc))


def name_outputs(names: Mapping[str, Path], folder: AnyPath) -> dict[str, Path]:
    """The path of each video's result: {video: folder/NAME_segmented with the video's suffix, or .mp4}.

    names: from find_videos
    """
    suffixes = ((video, Path(video).suffix.lower()) for video in names)
    return {video: Path(folder, f"{names[video]}{RESULT}{suffix if suffix in WRITTEN else '.mp4'}")
            for video, suffix in suffixes}


def is_video(path: AnyPath) -> bool:
    """Whether a file opens as a video. Only its beginning is read, and of .mp4 its index."""
    try:
        with open_container(str(path), live=False) as container:
            return bool(container.streams.video)
    except SegmentationError:
        return False
