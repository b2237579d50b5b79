"""The files of a model folder: where each one is, how the weights get there, and whether they are the right ones.

    mask-rcnn-coco/
        object_detection_classes_coco.txt                     the 90 names, one a line
        colors.txt                                            colours, B,G,R a line
        mask_rcnn_inception_v2_coco_2018_01_28.pbtxt          the text graph
        frozen_inference_graph.pb                             the weights, downloaded on the first run
        demo_inference_graph.pb                               a small graph, used when the weights cannot be
        demo_inference_graph.config, .pbtxt                   downloaded, and its own files
        mask_rcnn_resnet50_atrous_coco_2018_01_28/            the weights of another published model, once --model has
            frozen_inference_graph.pb                         asked for it

The weights come from TensorFlow's detection model zoo (Apache-2.0). They are taken from its official archives
(published.py), which download.py gets.

An installed package holds these files too. It may not write into its own folder, so what it downloads or makes goes
into the user's cache: see folder_for_new_files. The same holds for a folder that cannot be written.

A graph may have its own files beside it. They replace those of the model folder. For my_graph.pb they are

        my_graph.config     the rule for the size of images (in the official archive: pipeline.config)
        my_graph.txt        the names of its classes, one a line
        my_graph.pbtxt      its text graph; a whole graph needs none (api_graph/), one of weights alone does if it has
                            not 90 classes or has another trunk
"""

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from segmentation import SegmentationError
from segmentation.files import AnyPath, read_text
from segmentation.network.download import FetchError, check_hash, fetch_weights, model_in, unpack, user_cache
from segmentation.network.published import DEFAULT, PUBLISHED, WEIGHTS, Published
from segmentation.wording import counted

MODEL = PUBLISHED[DEFAULT].name
LABELS = "object_detection_classes_coco.txt"
COLORS = "colors.txt"
TEXT_GRAPH = f"{MODEL}.pbtxt"
CONFIG = "pipeline.config"  # beside the weights in the archive
DEMO = "demo_inference_graph.pb"
OFFICIAL = "official"  # as --weights: the official weights and no others, downloaded whatever happened before

# pyproject.toml copies the small files of mask-rcnn-coco into this folder of the installed package.
INSTALLED_FOLDER = Path(__file__).resolve().parents[1] / "mask_rcnn_coco"
CLONE_FOLDER = Path(__file__).resolve().parents[2] / "mask-rcnn-coco"
MODEL_FOLDER = INSTALLED_FOLDER if INSTALLED_FOLDER.is_dir() else CLONE_FOLDER


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


def find_model(folder: AnyPath, weights: Optional[AnyPath] = None, demo: bool = True,
               model: str = DEFAULT) -> ModelFiles:
    """The files of the model in `folder`. Missing weights are downloaded.

    If those of the default model cannot be downloaded and no weights are named, the demo graph of the folder is used.

    folder: as at the top of this file, or the unpacked official archive (weights without any of the three texts;
        the texts then come from MODEL_FOLDER)
    weights: a frozen graph, the official archive, or a folder that holds one of them, to use instead; OFFICIAL: the
        official weights, whose download is tried again even if it failed today
    demo: whether the demo graph may be used
    model: which of PUBLISHED it is, if no weights are named

    Raises SegmentationError if a file is missing, cannot be downloaded or has the wrong hash.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SegmentationError(f"there is no model folder {folder}: name one with --mask-rcnn")
    texts = find_texts(folder, needed=not weights)
    demo_because = None
    try:
        found = find_weights(folder, weights, PUBLISHED[model])
    except FetchError as error:
        found, demo_because = folder / DEMO, str(error)
        if weights or model != DEFAULT or not demo or not found.is_file():
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
        if needed and not weights_in(folder, *PUBLISHED.values()):
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


def own_file(weights: Path, suffix: str) -> Optional[Path]:
    """The file with that suffix that a graph has beside it. None if it has none."""
    names = [weights.with_suffix(suffix)]
    if (weights.name, suffix) == (WEIGHTS, ".config"):
        names.append(weights.with_name(CONFIG))
    return next((name for name in names if name.is_file()), None)


def find_weights(folder: Path, weights: Optional[AnyPath], model: Published) -> Path:
    """The path of the weights: those that are named, those of the model in `folder`, or those downloaded for it.

    Named weights may be anyone's. The default model's in the folder must have the official hash. So a broken or wrong
    download is found. For the other models' weights no hash was published; they come out of an archive that has one.
    """
    new_folder = folder_for_new_files(folder)
    if weights is None or weights == OFFICIAL:
        found = weights_in(folder, model) or weights_in(new_folder, model)
        if found is None:
            # Nothing stands in for a model that was asked for by name, so a failure of today does not count.
            return fetch_weights(model, new_folder, again=weights == OFFICIAL or model != PUBLISHED[DEFAULT])
        if model.weights_sha1:
            check_hash(found, "sha1", model.weights_sha1, "to use weights of your own, name them with --weights")
        return found
    weights = Path(weights)
    if weights.is_dir():
        found = weights_in(weights, *PUBLISHED.values())
        if found is None:
            raise SegmentationError(f"{weights} holds no {WEIGHTS}: name the file itself with --weights")
        return found
    if not weights.is_file():
        raise SegmentationError(f"there are no weights {weights}: name a {WEIGHTS} with --weights")
    return unpack(weights, new_folder, model_in(weights)) if tarfile.is_tarfile(weights) else weights


def weights_in(folder: Path, *models: Published) -> Optional[Path]:
    """The weights of one of the models in a folder, or in the subfolder that an unpacked archive makes. None: none"""
    places = [place for model in models for place in (model.weights_in(folder), folder / model.name / WEIGHTS)]
    return next((place for place in places if place.is_file()), None)


def read_labels(path: AnyPath, count: int = 90) -> tuple[str, ...]:
    """The names of the `count` classes, by class number from 0.

    Raises SegmentationError if the file does not hold `count` names. With one line more or less, every object would
    get the name of a neighbour in the list.
    """
    labels = tuple(line.strip() for line in read_text(path).strip().splitlines())
    if len(labels) != count or not all(labels):
        raise SegmentationError(f"{path} must hold {counted(count, 'name')}, one a line, got "
                                f"{counted(len(labels), 'line')}{'' if all(labels) else ', some of them empty'}")
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
