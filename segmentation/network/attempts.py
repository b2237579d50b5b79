"""Downloads that failed are remembered for a day, and a server that does not answer is given up soon.

So a run without a network begins at once: only the first of a day looks for one.

    NAME.failed     in the user's cache: why the download of the file NAME failed; its time is when
"""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Optional

from segmentation.wording import counted

REMEMBERED = 24 * 3600  # seconds


def note_path(folder: Path, url: str) -> Path:
    """The note on the download of an address. folder: where notes are

    >>> note_path(Path("cache"), "http://server/models/weights.tar.gz").as_posix()
    'cache/weights.tar.gz.failed'
    """
    return folder / f"{url.rpartition('/')[2]}.failed"


def note_failure(folder: Path, url: str, why: str) -> None:
    """Remember that the download failed, and why. Where notes cannot be written, nothing is remembered."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        note_path(folder, url).write_text(why, encoding="utf-8")


def forget_failure(folder: Path, url: str) -> None:
    """Forget that the download failed, since it no longer does."""
    with suppress(OSError):
        note_path(folder, url).unlink(missing_ok=True)


def recent_failure(folder: Path, url: str) -> Optional[str]:
    """When and why the download failed, such as "2 hours ago (timed out)". None: it did not in the last day."""
    path = note_path(folder, url)
    try:
        seconds, why = time.time() - path.stat().st_mtime, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return f"{ago(seconds)} ({why.strip()})" if 0 <= seconds < REMEMBERED else None


def ago(seconds: float) -> str:
    """A time that is past, in words.

    >>> ago(20), ago(150), ago(7200), ago(3700)
    ('less than a minute ago', '2 minutes ago', '2 hours ago', '1 hour ago')
    """
    for unit, size in (("hour", 3600), ("minute", 60)):
        count = int(seconds // size)
        if count:
            return f"{counted(count, unit)} ago"
    return "less than a minute ago"


def check_answers(url: str, seconds: float) -> None:
    """Raise TimeoutError if the server does not begin to answer within that time; RequestException if it refuses.

    A name server or a proxy that is silent has waiting times of its own, up to half a minute. So the question is asked
    in a thread that need not end.
    """
    import requests

    errors: list[Exception] = []

    def ask() -> None:
        try:
            requests.head(url, timeout=seconds)
        except Exception as error:  # it is raised below
            errors.append(error)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {counted(seconds, 'second', style='g')}")
    if errors:
        raise errors[0]
