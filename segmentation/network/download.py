"""Get the weights of a published model: download its archive, check its hash, and take the frozen graph out of it."""

import sys
import tarfile
import zlib
from pathlib import Path
from shutil import copyfileobj

from segmentation import SegmentationError
from segmentation.files import complete_file, own_temporary, reason
from segmentation.network.attempts import check_answers, forget_failure, note_failure, recent_failure
from segmentation.network.published import DEFAULT, PUBLISHED, WEIGHTS, Published
from segmentation.wording import counted

TIMEOUT = (3, 20)  # seconds that a download waits for a connection, and for the next byte
CACHE_NAME = "mask-rcnn-segmentation"


class FetchError(SegmentationError):
    """The weights of a published model are missing and cannot be downloaded."""


def user_cache() -> Path:
    """This project's folder in the user's cache; it may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path(CACHE_NAME, appauthor=False)


def fetch_weights(model: Published, folder: Path, again: bool = False) -> Path:
    """Download the archive of a model, check it, and unpack the weights into a model folder. Returns their path.

    If the archive is already in the folder, it is used and kept. A downloaded one is removed after unpacking.
    again: download though that failed in the last day

    Raises FetchError if it cannot be downloaded. A server that stops sending is given up after TIMEOUT.
    """
    archive = folder / model.archive
    if archive.is_file():
        return unpack(archive, folder, model)
    if not again and (failure := recent_failure(user_cache(), model.url)):
        raise FetchError(f"the weights are missing and could not be fetched {failure}: --weights official tries "
                         f"again, or {how_to_fetch(model, folder)}")
    from requests import RequestException

    try:
        check_answers(model.url, TIMEOUT[0])
        folder.mkdir(parents=True, exist_ok=True)
        # What a killed run has left of it is used again, and removed.
        with own_temporary(archive) as temporary:
            try:
                download(model, temporary)
                forget_failure(user_cache(), model.url)
                return unpack(temporary, folder, model)
            finally:
                temporary.unlink(missing_ok=True)
    except (RequestException, OSError, ValueError) as error:
        if isinstance(error, (RequestException, TimeoutError)):  # not a full disk, nor a network that wants a sign-in
            note_failure(user_cache(), model.url, cause(error))
        raise FetchError("the weights are missing and could not be fetched "
                         f"({cause(error)}): {how_to_fetch(model, folder)}") from error


def download(model: Published, path: Path) -> None:
    """Download the archive of a model to `path`.

    Raises RequestException or OSError if that fails, ValueError if the server sends another file.
    """
    from pooch import HTTPDownloader, file_hash  # the import takes 0.25 s and is needed only here

    print(f"Downloading {model.size / 1e6:.0f} MB from {model.url}", file=sys.stderr, flush=True)
    HTTPDownloader(progressbar=True, chunk_size=1 << 14, timeout=TIMEOUT)(model.url, str(path), None)
    if (found := file_hash(path, model.algorithm)) != model.digest:
        raise ValueError(f"the server sent another file, {counted(path.stat().st_size, 'byte', style=',')} with the "
                         f"{model.algorithm} {found}")


def how_to_fetch(model: Published, folder: Path) -> str:
    """A sentence that says how to get the weights of a model by hand."""
    weights = f"its {WEIGHTS} (SHA-1 {model.weights_sha1})" if model.weights_sha1 else f"its folder {model.name}"
    return (f"download {model.url} ({model.algorithm} {model.digest}) by hand and name it with --weights, or put it, "
            f"or {weights}, in {folder.resolve()}")


def cause(error: BaseException) -> str:
    """The innermost reason of a failed download in a few words. requests wraps it in several errors."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]


def model_in(archive: Path) -> Published:
    """The published model whose folder an archive holds. The default one for any other archive.

    Only the names in the archive are read. Whether it is the official file, its hash tells.
    """
    try:
        with tarfile.open(archive) as tar:
            first = tar.next()
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        first = None
    names = first.name.split("/") if first else []
    return next((model for model in PUBLISHED.values() if model.name in names), PUBLISHED[DEFAULT])


def unpack(archive: Path, folder: Path, model: Published) -> Path:
    """Unpack the weights of a model's archive into a model folder. Returns their path."""
    check_hash(archive, model.algorithm, model.digest,
               f"download it again from {model.url}; unpack an archive of your own and name its folder")
    weights = model.weights_in(folder)
    try:
        with tarfile.open(archive) as tar, complete_file(weights) as temporary:
            member = tar.extractfile(f"{model.name}/{WEIGHTS}")
            if member is None:  # a folder of that name
                raise KeyError(f"{WEIGHTS} is no file")
            with open(temporary, "wb") as file:
                copyfileobj(member, file)
            if model.weights_sha1:
                check_hash(temporary, "sha1", model.weights_sha1, f"download it again from {model.url}")
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SegmentationError(f"cannot unpack {archive}: {error}; download {model.url}") from error
    return weights


def check_hash(path: Path, algorithm: str, expected: str, mend: str) -> None:
    """Raise SegmentationError if the hash of a file is not the expected one. The file is not changed.

    mend: what the user can do, in a few words
    """
    from pooch import file_hash

    try:
        found = file_hash(path, algorithm)
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    if found != expected:
        raise SegmentationError(f"{path} is not the official file ({counted(path.stat().st_size, 'byte', style=',')}, "
                                f"{algorithm} {found}, not {expected}), so it is not used: {mend}")
