"""Whether two folders of results are equal: pictures and frames pixel by pixel, rows and pages as text."""

import hashlib

import av
from PIL import Image

from attacks.whole import VIDEOS, is_final, rows_of


def digest(path):
    """What must be equal in two files that are equal results."""
    if path.suffix in VIDEOS:
        return frames_of(path)
    if path.suffix in (".jpg", ".png"):
        with Image.open(path) as picture:
            return picture.size, hashlib.sha1(picture.tobytes()).hexdigest()
    if path.suffix in (".json", ".jsonl"):
        return rows_of(path)
    return path.read_bytes()


def frames_of(path):
    """[(time, hash) of each frame, then the hash of each packet of sound]; a broken file gives its error as text."""
    found = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                found.append((round(frame.time, 3), hashlib.sha1(frame.to_ndarray().tobytes()).hexdigest()))
        with av.open(str(path)) as container:
            if container.streams.audio:
                found += [hashlib.sha1(bytes(packet)).hexdigest() for packet in container.demux(audio=0) if packet.size]
    except av.error.FFmpegError as error:
        found.append(str(error))
    return found


def digests(folder):
    """{name below the folder: digest} of all files with final names."""
    return {path.relative_to(folder).as_posix(): digest(path) for path in sorted(folder.rglob("*")) if is_final(path)}


def difference(expected, found):
    """How digests differ, in words; None: they are equal."""
    missing, more = expected.keys() - found.keys(), found.keys() - expected.keys()
    other = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
    parts = [f"{word} {', '.join(sorted(names))}" for word, names in
             (("missing:", missing), ("too many:", more), ("others:", other)) if names]
    parts += [f"{name}: {len(expected[name])} and {len(found[name])} items" for name in other[:3]
              if isinstance(expected[name], list)]
    return "; ".join(parts) or None
