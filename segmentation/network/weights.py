"""The files of a model folder: where each one is, how the weights get there, and whether they are the right ones.

    mask-rcnn-coco/
        object_detection_classes_coco.txt                     the 90 names, one a line
        colors.txt                                            colours, B,G,R a line
        mask_rcnn_inception_v2_coco_2018_01_28.pbtxt          the text graph
        frozen_inference_graph.pb                             the weights, downloaded on the first run
        demo_inference_graph.pb                               a small graph, used when the weights cannot be
        demo_inference_graph.config, .pbtxt                   downloaded, and its own files

The weights come from TensorFlow's detection model zoo (Apache-2.0). They are taken from its official archive.

An installed package holds these files too. It may not write into its own folder, so what it downloads or makes goes
into the user's cache: see folder_for_new_files. The same holds for a folder that cannot be written.

A graph may have its own files beside it. They replace those of the model folder. For my_graph.pb they are

        my_graph.config     the rule for the size of images (in the official archive: pipeline.config)
        my_graph.txt        the names of its classes, one a line
        my_graph.pbtxt      its text graph; needed if it has not 90 classes or has another trunk
"""

import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Optional

from segmentation import SegmentationError
from segmentation.files import AnyPath, complete_file, own_temporary, read_text, reason
from segmentation.network.attempts import check_answers, forget_failure, note_failure, recent_failure

MODEL = "mask_rcnn_inception_v2_coco_2018_01_28"
LABELS = "object_detection_classes_coco.txt"
COLORS = "colors.txt"
TEXT_GRAPH = f"{MODEL}.pbtxt"
WEIGHTS = "frozen_inference_graph.pb"
CONFIG = "pipeline.config"  # beside the weights in the archive
DEMO = "demo_inference_graph.pb"
ARCHIVE = f"{MODEL}.tar.gz"
# The server speaks plain http. Only the hashes show that a file is the right one.
ARCHIVE_URL = f"http://download.tensorflow.org/models/object_detection/{ARCHIVE}"
ARCHIVE_SHA256 = "4f57861c2ff1c87e92495789ee266e41a7dc79a038521d93a153be403b0b601f"
WEIGHTS_SHA1 = "c8adff66a1e23e607f57cf1a7cfabad0faa371f9"
TIMEOUT = (3, 20)  # seconds that a download waits for a connection, and for the next byte
OFFICIAL = "official"  # as --weights: the official weights and no others, downloaded whatever happened before

# pyproject.toml copies the small files of mask-rcnn-coco into this folder of the installed package.
INSTALLED_FOLDER = Path(__file__).resolve().parents[1] / "mask_rcnn_coco"
CLONE_FOLDER = Path(__file__).resolve().parents[2] / "mask-rcnn-coco"
MODEL_FOLDER = INSTALLED_FOLDER if INSTALLED_FOLDER.is_dir() else CLONE_FOLDER
CACHE_NAME = "mask-rcnn-segmentation"


class FetchError(SegmentationError):
    """The official weights are missing and cannot be downloaded."""


@dataclass(frozen=True)
class ModelFiles:
    """The path of each file of a model.

    config: the weights' own rule for the size of images. None: the official rule
    demo_because: if the weights are the demo's, the reason why the official ones are missing
    name: of the model, for results
    """

    weights: Path
    text_graph: Path
    labels: Path
    colors: Path
    config: Optional[Path] = None
    demo_because: Optional[str] = None
    name: str = ""


def find_model(folder: AnyPath, weights: Optional[AnyPath] = None, demo: bool = True) -> ModelFiles:
    """The files of the model in `folder`. Missing weights are downloaded.

    If they cannot be downloaded and no weights are named, the demo graph of the folder is used.

    folder: as at the top of this file, or the unpacked official archive (weights without any of the three texts;
        the texts then come from MODEL_FOLDER)
    weights: a frozen graph, the official archive, or a folder that holds one of them, to use instead; OFFICIAL: the
        official weights, whose download is tried again even if it failed today
    demo: whether the demo graph may be used

    Raises SegmentationError if a file is missing, cannot be downloaded or has the wrong hash.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SegmentationError(f"there is no model folder {folder}: name one with --mask-rcnn")
    texts = find_texts(folder, needed=not weights)
    demo_because = None
    try:
        found = find_weights(folder, weights)
    except FetchError as error:
        found, demo_because = folder / DEMO, str(error)
        if weights or not demo or not found.is_file():
            raise
    return ModelFiles(found, own_file(found, ".pbtxt") or texts / TEXT_GRAPH,
                      own_file(found, ".txt") or texts / LABELS, texts / COLORS,
                      own_file(found, ".config"), demo_because, name_of(found, folder))


def name_of(weights: Path, folder: Path) -> str:
    """The name that a model has in results. folder: the model folder

    It is that of the weights' file. Where this is WEIGHTS, as in every archive, it is their folder's.
    """
    if weights.name != WEIGHTS:
        return weights.stem
    official = (folder, folder / MODEL, folder_for_new_files(folder))  # there, find_weights has checked the hash
    return MODEL if weights.parent in official else weights.resolve().parent.name


def find_texts(folder: Path, needed: bool = True) -> Path:
    """The folder with the labels, colours and text graph: `folder`, or MODEL_FOLDER if it holds none of the three.

    needed: `folder` must hold the weights if it holds no text

    Raises SegmentationError if a text is missing.
    """
    texts = folder
    if not any((folder / name).exists() for name in (LABELS, COLORS, TEXT_GRAPH)):
        if needed and not weights_in(folder):
            raise SegmentationError(f"{folder} holds no model: neither {WEIGHTS} nor {LABELS}, {COLORS} and "
                                    f"{TEXT_GRAPH}; name another folder with --mask-rcnn")
        texts = MODEL_FOLDER
    for name in (LABELS, COLORS, TEXT_GRAPH):
        if not (texts / name).is_file():
            raise SegmentationError(f"{texts / name} is missing: take it from this project's mask-rcnn-coco")
    return texts


def folder_for_new_files(folder: Path) -> Path:
    """The folder for what is downloaded or made for the model in `folder`: the same folder.

    For the model of the installed package, and for a folder that cannot be written, it is a folder in the user's
    cache, which may not exist yet.
    """
    if folder.resolve() != INSTALLED_FOLDER and os.access(folder, os.W_OK):
        return folder
    return user_cache()


def user_cache() -> Path:
    """This project's folder in the user's cache; it may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path(CACHE_NAME, appauthor=False)


def own_file(weights: Path, suffix: str) -> Optional[Path]:
    """The file with that suffix that a graph has beside it. None if it has none."""
    names = [weights.with_suffix(suffix)]
    if (weights.name, suffix) == (WEIGHTS, ".config"):
        names.append(weights.with_name(CONFIG))
    return next((name for name in names if name.is_file()), None)


def find_weights(folder: Path, weights: Optional[AnyPath] = None) -> Path:
    """The path of the weights: those that are named, those in `folder`, or those downloaded for it.

    Named weights may be anyone's. Weights in the folder under the official name must have the official hash. So a
    broken or wrong download is found.
    """
    new_folder = folder_for_new_files(folder)
    if weights is None or weights == OFFICIAL:
        found = weights_in(folder) or weights_in(new_folder)
        if found is None:
            return fetch_weights(new_folder, again=weights == OFFICIAL)
        check_hash(found, "sha1", WEIGHTS_SHA1, "to use weights of your own, name them with --weights")
        return found
    weights = Path(weights)
    if weights.is_dir():
        found = weights_in(weights)
        if found is None:
            raise SegmentationError(f"{weights} holds no {WEIGHTS}: name the file itself with --weights")
        return found
    if not weights.is_file():
        raise SegmentationError(f"there are no weights {weights}: name a {WEIGHTS} with --weights")
    return unpack(weights, new_folder) if tarfile.is_tarfile(weights) else weights


def weights_in(folder: Path) -> Optional[Path]:
    """The weights in a folder, or in the subfolder that the unpacked archive makes. None if there are none."""
    places = (folder / WEIGHTS, folder / MODEL / WEIGHTS)
    return next((place for place in places if place.is_file()), None)


def fetch_weights(folder: Path, again: bool = False) -> Path:
    """Download the official archive, check it, and unpack the weights into `folder`. Returns their path.

    If the archive is already in the folder, it is used and kept. A downloaded one is removed after unpacking.
    again: download though that failed in the last day

    Raises FetchError if it cannot be downloaded. A server that stops sending is given up after TIMEOUT.
    """
    archive = folder / ARCHIVE
    if archive.is_file():
        return unpack(archive, folder)
    if not again and (failure := recent_failure(user_cache(), ARCHIVE_URL)):
        raise FetchError(f"the weights are missing and could not be fetched {failure}: --weights {OFFICIAL} tries "
                         f"again, or {how_to_fetch(folder)}")
    from requests import RequestException

    try:
        check_answers(ARCHIVE_URL, TIMEOUT[0])
        folder.mkdir(parents=True, exist_ok=True)
        # What a killed run has left of it is used again, and removed.
        with own_temporary(archive) as temporary:
            try:
                download(temporary)
                forget_failure(user_cache(), ARCHIVE_URL)
                return unpack(temporary, folder)
            finally:
                temporary.unlink(missing_ok=True)
    except (RequestException, OSError, ValueError) as error:
        if isinstance(error, (RequestException, TimeoutError)):  # not a full disk, nor a network that wants a sign-in
            note_failure(user_cache(), ARCHIVE_URL, cause(error))
        raise FetchError("the weights are missing and could not be fetched "
                         f"({cause(error)}): {how_to_fetch(folder)}") from error


def download(path: Path) -> None:
    """Download the official archive to `path`.

    Raises RequestException or OSError if that fails, ValueError if the server sends another file.
    """
    from pooch import HTTPDownloader, file_hash  # the import takes 0.25 s and is needed only here

    print(f"Downloading data from {ARCHIVE_URL}", file=sys.stderr, flush=True)
    HTTPDownloader(progressbar=True, chunk_size=1 << 14, timeout=TIMEOUT)(ARCHIVE_URL, str(path), None)
    if (found := file_hash(path, "sha256")) != ARCHIVE_SHA256:
        raise ValueError(f"the server sent another file, {path.stat().st_size:,} bytes with the SHA-256 {found}")


def how_to_fetch(folder: Path) -> str:
    """A sentence that says how to get the official weights by hand."""
    return (f"download {ARCHIVE_URL} (SHA-256 {ARCHIVE_SHA256}) by hand and name it with --weights, or put it, or its "
            f"{WEIGHTS} (SHA-1 {WEIGHTS_SHA1}), in {folder.resolve()}")


def cause(error: BaseException) -> str:
    """The innermost reason of a failed download in a few words. requests wraps it in several errors."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the weights of the official archive into `folder`. Returns their path."""
    check_hash(archive, "sha256", ARCHIVE_SHA256, f"download it again from {ARCHIVE_URL}")
    weights = folder / WEIGHTS
    try:
        with tarfile.open(archive) as tar, complete_file(weights) as temporary:
            member = tar.extractfile(f"{MODEL}/{WEIGHTS}")
            if member is None:  # a folder of that name
                raise KeyError(f"{WEIGHTS} is no file")
            with open(temporary, "wb") as file:
                copyfileobj(member, file)
            check_hash(temporary, "sha1", WEIGHTS_SHA1, f"download it again from {ARCHIVE_URL}")
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SegmentationError(f"cannot unpack {archive}: {error}; download {ARCHIVE_URL}") from error
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
        raise SegmentationError(f"{path} is not the official file ({path.stat().st_size:,} bytes, "
                                f"{algorithm} {found}, not {expected}), so it is not used: {mend}")


def read_labels(path: AnyPath, count: int = 90) -> tuple[str, ...]:
    """The names of the `count` classes, by class number from 0.

    Raises SegmentationError if the file does not hold `count` names. With one line more or less, every object would
    get the name of a neighbour in the list.
    """
    labels = tuple(line.strip() for line in read_text(path).strip().splitlines())
    if len(labels) != count or not all(labels):
        raise SegmentationError(f"{path} must hold {count} names, one a line, got {len(labels)} lines"
                                f"{'' if all(labels) else ', some of them empty'}")
    return labels


def read_colors(path: AnyPath) -> list[tuple[int, int, int]]:
    """The colours of a file as (B, G, R), ints 0..255.

    Raises SegmentationError that names the first line that is no colour.
    """
    colors = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            parts = [part.strip() for part in line.split(",")]
            if len(parts) != 3 or not all(part.isdecimal() and int(part) < 256 for part in parts):
                raise SegmentationError(f"line {number} of {path} must be a colour B,G,R of three numbers "
                                        f"0 to 255, got {line.strip()!r}")
            blue, green, red = map(int, parts)
            colors.append((blue, green, red))
    if not colors:
        raise SegmentationError(f"{path} holds no colour: write one B,G,R a line, each 0 to 255")
    return colors
