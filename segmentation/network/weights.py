"""Which files a model folder holds, where the weights come from, and whether they are right.

    mask-rcnn-coco/
        object_detection_classes_coco.txt                     the 90 names, one a line
        colors.txt                                            colours, B,G,R a line
        mask_rcnn_inception_v2_coco_2018_01_28.pbtxt          the text graph
        frozen_inference_graph.pb                             the weights, fetched on the first run
        demo_inference_graph.pb                               a small graph for where they cannot be fetched,
        demo_inference_graph.config, .pbtxt                   and what goes with it

The weights are those of TensorFlow's detection model zoo (Apache-2.0), as the official archive holds them.

A graph may carry files of its own beside it, which then count instead: for my_graph.pb

        my_graph.config     the rule for the size of pictures (the official one's: pipeline.config)
        my_graph.txt        the names of its classes, one a line
        my_graph.pbtxt      its text graph, needed where it has not 90 classes or another trunk
"""

import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Optional

from segmentation import SegmentationError
from segmentation.files import complete_file, read_text, reason

MODEL = "mask_rcnn_inception_v2_coco_2018_01_28"
LABELS = "object_detection_classes_coco.txt"
COLORS = "colors.txt"
TEXT_GRAPH = f"{MODEL}.pbtxt"
WEIGHTS = "frozen_inference_graph.pb"
CONFIG = "pipeline.config"  # beside the weights in the archive
DEMO = "demo_inference_graph.pb"
ARCHIVE = f"{MODEL}.tar.gz"
# The server speaks plain http; the hashes are what vouches for the file.
ARCHIVE_URL = f"http://download.tensorflow.org/models/object_detection/{ARCHIVE}"
ARCHIVE_SHA256 = "4f57861c2ff1c87e92495789ee266e41a7dc79a038521d93a153be403b0b601f"
WEIGHTS_SHA1 = "c8adff66a1e23e607f57cf1a7cfabad0faa371f9"

MODEL_FOLDER = Path(__file__).resolve().parents[2] / "mask-rcnn-coco"


class FetchError(SegmentationError):
    """The official weights are not there and cannot be fetched."""


@dataclass(frozen=True)
class ModelFiles:
    """Where each file of a model lies.

    config: the weights' own rule for the size of pictures; without it the official one holds
    demo_because: where the weights are the demo's, why the official ones are not there
    """

    weights: Path
    text_graph: Path
    labels: Path
    colors: Path
    config: Optional[Path] = None
    demo_because: Optional[str] = None


def find_model(folder, weights=None):
    """The files of the model in `folder`, its weights fetched if they are missing.

    Where they cannot be fetched and none are named, the folder's demo graph serves in their place.

    folder: as at the top of this file, or the official archive unpacked (the weights with none of the
    three texts, which then come from the folder of this repository).
    weights: a frozen graph, the official archive or a folder to take the weights from instead.

    Raises SegmentationError where a file is missing, cannot be fetched or has the wrong hash.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SegmentationError(f"there is no model folder {folder}: name one with --mask-rcnn")
    texts = folder
    if not any((folder / name).exists() for name in (LABELS, COLORS, TEXT_GRAPH)):
        if not weights_in(folder) and not weights:
            raise SegmentationError(f"{folder} holds no model: neither {WEIGHTS} nor {LABELS}, {COLORS} and "
                                    f"{TEXT_GRAPH}; name another folder with --mask-rcnn")
        texts = MODEL_FOLDER
    for name in (LABELS, COLORS, TEXT_GRAPH):
        if not (texts / name).is_file():
            raise SegmentationError(f"{texts / name} is missing: take it from this project's mask-rcnn-coco")
    demo_because = None
    try:
        found = find_weights(folder, weights)
    except FetchError as error:
        found, demo_because = folder / DEMO, str(error)
        if not found.is_file():
            raise
    return ModelFiles(found, own_file(found, ".pbtxt") or texts / TEXT_GRAPH,
                      own_file(found, ".txt") or texts / LABELS, texts / COLORS,
                      own_file(found, ".config"), demo_because)


def own_file(weights, suffix):
    """The file of that suffix that a graph carries beside it; None without."""
    names = [weights.with_suffix(suffix)]
    if (weights.name, suffix) == (WEIGHTS, ".config"):
        names.append(weights.with_name(CONFIG))
    return next((name for name in names if name.is_file()), None)


def find_weights(folder, weights=None):
    """The path of the weights: those named, or those in the model folder, or those fetched into it.

    Weights that are named may be anyone's; what lies in a model folder under the official name must have
    the official hash, so that a cut-off or mistaken download is found out.
    """
    if weights is None:
        found = weights_in(folder)
        if found is None:
            return fetch_weights(folder)
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
    return unpack(weights, folder) if tarfile.is_tarfile(weights) else weights


def weights_in(folder):
    """The weights in a folder or in the folder that unpacking the archive there makes; None without."""
    places = (folder / WEIGHTS, folder / MODEL / WEIGHTS)
    return next((place for place in places if place.is_file()), None)


def fetch_weights(folder):
    """Download the official archive, check it, and unpack the weights into `folder`; their path.

    An archive that already lies there is used instead. The downloaded one is removed once unpacked.
    """
    archive = folder / ARCHIVE
    if archive.is_file():
        return unpack(archive, folder)
    import pooch  # takes a quarter of a second to import, and is needed once
    from requests import RequestException

    print(f"Downloading data from {ARCHIVE_URL}", file=sys.stderr, flush=True)
    pooch.get_logger().setLevel("WARNING")  # it would say so on what stderr was when it was imported
    try:
        pooch.retrieve(ARCHIVE_URL, f"sha256:{ARCHIVE_SHA256}", archive.name, folder, progressbar=True)
    except (RequestException, OSError, ValueError) as error:
        raise FetchError("the weights are missing and could not be fetched "
                         f"({cause(error)}): {how_to_fetch(folder)}") from error
    weights = unpack(archive, folder)
    archive.unlink()
    return weights


def how_to_fetch(folder):
    """How to get the official weights by hand, in words."""
    return (f"download {ARCHIVE_URL} (SHA-256 {ARCHIVE_SHA256}) by hand and put it, or its {WEIGHTS} "
            f"(SHA-1 {WEIGHTS_SHA1}), in {folder.resolve()}")


def cause(error):
    """The innermost reason of a failed download in a few words: requests wraps it several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]


def unpack(archive, folder):
    """Take the weights out of the official archive into `folder`; their path."""
    check_hash(archive, "sha256", ARCHIVE_SHA256, f"download it again from {ARCHIVE_URL}")
    weights = folder / WEIGHTS
    try:
        with tarfile.open(archive) as tar, complete_file(weights) as temporary:
            with open(temporary, "wb") as file:
                copyfileobj(tar.extractfile(f"{MODEL}/{WEIGHTS}"), file)
            check_hash(temporary, "sha1", WEIGHTS_SHA1, f"download it again from {ARCHIVE_URL}")
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SegmentationError(f"cannot unpack {archive}: {error}; download {ARCHIVE_URL}") from error
    return weights


def check_hash(path, algorithm, expected, mend):
    """Raise SegmentationError, the file left as it is, where its hash is not the one expected."""
    from pooch import file_hash

    try:
        found = file_hash(path, algorithm)
    except OSError as error:
        raise SegmentationError(f"cannot read {path}: {reason(error)}") from error
    if found != expected:
        raise SegmentationError(f"{path} is not the official file ({path.stat().st_size:,} bytes, "
                                f"{algorithm} {found}, not {expected}), so it is not used: {mend}")


def read_labels(path, count=90):
    """The names of the `count` classes, in the order of their numbers from 0.

    Raises SegmentationError where the file has not `count` names: one line more or less and every
    object would be shown under its neighbour's name.
    """
    labels = tuple(line.strip() for line in read_text(path).strip().splitlines())
    if len(labels) != count or not all(labels):
        raise SegmentationError(f"{path} must hold {count} names, one a line, got {len(labels)} lines"
                                f"{'' if all(labels) else ', some of them empty'}")
    return labels


def read_colors(path):
    """The colours as (B, G, R) tuples of ints 0..255.

    Raises SegmentationError naming the first line that is no colour.
    """
    colors = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            parts = [part.strip() for part in line.split(",")]
            if len(parts) != 3 or not all(part.isdecimal() and int(part) < 256 for part in parts):
                raise SegmentationError(f"line {number} of {path} must be a colour B,G,R of three numbers "
                                        f"0 to 255, got {line.strip()!r}")
            colors.append(tuple(int(part) for part in parts))
    if not colors:
        raise SegmentationError(f"{path} holds no colour: write one B,G,R a line, each 0 to 255")
    return colors
