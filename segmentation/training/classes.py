"""What a frozen graph holds for each class: rows of weights to leave out, and to copy from one that all share.

A graph says which classes it knows by its box biases: those of the others are 0 (segmentation/network/model.py).
"""

import numpy as np

BOXES, MASKS = "SecondStageBoxPredictor/BoxEncodingPredictor", "SecondStageBoxPredictor/Conv_1"
CLASSES = "SecondStageBoxPredictor/ClassPredictor"
NEVER = -20.0           # the logit of a class that is out of the question
CLASS_BIAS = -3.0       # the bias of a class that nothing is known of yet
SHARED = tuple(f"{layer}/{part}" for layer in (BOXES, MASKS) for part in ("weights", "biases"))


def for_each_class(consts, known):
    """The constants with what all classes share copied for each that is known, and 0 for the others.

    known: (classes,) bool. A box's (C, 4) become (C, classes * 4), a mask's (3, 3, C, 1) become (3, 3, C, classes).
    """
    return {**consts, **{name: np.concatenate([consts[name] * yes for yes in known], -1) for name in SHARED}}


def shared_by_all(consts):
    """The constants with what for_each_class has copied taken back to one."""
    known = classes_known(consts)
    first = int(known.argmax())
    width = {name: consts[name].shape[-1] // len(known) for name in SHARED}
    return {**consts, **{name: consts[name][..., first * width[name]:(first + 1) * width[name]] for name in SHARED}}


def classes_known(consts):
    """(classes,) bool: those that the weights have seen in training."""
    return consts[f"{BOXES}/biases"].reshape(-1, 4).any(axis=1)


def without_unknown(consts, known, bias=NEVER):
    """The constants with the scores of the classes that are not `known`, (classes,) bool, set to a bias."""
    keep = np.concatenate([[True], known])                                             # background first
    return {**consts, f"{CLASSES}/weights": np.where(keep, consts[f"{CLASSES}/weights"], np.float32(0)),
            f"{CLASSES}/biases": np.where(keep, consts[f"{CLASSES}/biases"], np.float32(bias))}
