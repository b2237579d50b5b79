"""The weights that a frozen graph holds for each class: some classes are left out, and all can share the same weights.

A graph tells the classes that it knows by its box biases: those of the others are 0 (segmentation/network/model.py).
`consts` are always a graph's constants, TensorFlow's name -> array.
"""

from collections.abc import Mapping, Sequence

import numpy as np

BOXES, MASKS = "SecondStageBoxPredictor/BoxEncodingPredictor", "SecondStageBoxPredictor/Conv_1"
CLASSES = "SecondStageBoxPredictor/ClassPredictor"
NEVER = -20.0           # the logit of a class that must never be found
CLASS_BIAS = -3.0       # the first bias of a class
# Layer -> how many columns it has before the first class, and for each class.
COLUMNS = {CLASSES: (1, 1), BOXES: (0, 4), MASKS: (0, 1)}
SHARED = tuple(f"{layer}/{part}" for layer in (BOXES, MASKS) for part in ("weights", "biases"))


def for_each_class(consts: Mapping[str, np.ndarray], known: np.ndarray) -> dict[str, np.ndarray]:
    """The constants with the shared weights copied for each known class, and 0 for the others.

    known: (classes,) bool. A box's (C, 4) become (C, classes * 4), a mask's (3, 3, C, 1) become (3, 3, C, classes).
    """
    return {**consts, **{name: np.concatenate([consts[name] * yes for yes in known], -1) for name in SHARED}}


def shared_by_all(consts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The constants with one copy of the shared weights: undoes for_each_class."""
    known = classes_known(consts)
    first = int(known.argmax())
    width = {name: consts[name].shape[-1] // len(known) for name in SHARED}
    return {**consts, **{name: consts[name][..., first * width[name]:(first + 1) * width[name]] for name in SHARED}}


def classes_known(consts: Mapping[str, np.ndarray]) -> np.ndarray:
    """The classes that the weights have seen in training, (classes,) bool."""
    return np.any(consts[f"{BOXES}/biases"].reshape(-1, 4), axis=1)


def without_unknown(consts: Mapping[str, np.ndarray], known: np.ndarray, bias: float = NEVER) -> dict[str, np.ndarray]:
    """The constants with `bias` as the logit of every class that is not `known`, (classes,) bool."""
    keep = np.concatenate([[True], known])                                             # background first
    return {**consts, f"{CLASSES}/weights": np.where(keep, consts[f"{CLASSES}/weights"], np.float32(0)),
            f"{CLASSES}/biases": np.where(keep, consts[f"{CLASSES}/biases"], np.float32(bias))}


def at_classes(consts: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray],
               classes: Sequence[int]) -> dict[str, np.ndarray]:
    """The constants with the columns of other classes, those of a network that is to learn them.

    own: the network's arrays; of a class that the graph lacks, their columns stay
    classes: for each class of the network the graph's class that it is, -1 if the graph lacks it

    An array whose other axes differ is left as it is.
    """
    target = np.flatnonzero(np.asarray(classes) >= 0)
    source = np.asarray(classes, int)[target]
    found = dict(consts)
    for name, array in own.items():
        before, each = COLUMNS[name.rpartition("/")[0]]
        if name in consts and consts[name].shape[:-1] == array.shape[:-1]:
            from_graph = consts[name].reshape(*array.shape[:-1], -1, each)
            columns = array.reshape(*array.shape[:-1], -1, each).copy()
            columns[..., :before, :] = from_graph[..., :before, :]
            columns[..., before + target, :] = from_graph[..., before + source, :]
            found[name] = columns.reshape(array.shape)
    return found
