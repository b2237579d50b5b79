"""What cvat-cli runs to annotate a task of CVAT: the objects that the network finds, as polygons.

    pip install cvat-cli
    cvat-cli --server-host URL task auto-annotate TASK --function-module segmentation.cvat --allow-unmatched-labels \\
        -p classes=str:person,dog -p confidence=float:0.3
"""

from collections.abc import Sequence
from typing import Any, Optional

import cvat_sdk.auto_annotation as cvat
from PIL import Image

from segmentation.api import MaskRCNN
from segmentation.network.selection import wanted_classes


class Detector:
    """CVAT's detection function: its labels are the classes that are looked for, by their names.

    net: the network
    wanted: the numbers of these classes
    """

    def __init__(self, net: MaskRCNN, wanted: Sequence[int]):
        self.net = net
        self.spec = cvat.DetectionFunctionSpec(
            labels=[cvat.label_spec(net.labels[class_id], class_id, type="polygon") for class_id in wanted])

    def detect(self, context: "cvat.DetectionFunctionContext", image: Image.Image) -> list[Any]:
        """A polygon for each part of each object in a picture, as of fit_polygons. Several parts are a group."""
        found = self.net(image)
        least = context.conf_threshold or 0
        return [cvat.polygon(one.class_id, polygon.ravel().tolist(), group=number if len(one.polygons) > 1 else 0)
                for number, one in enumerate(found[found.scores >= least], 1) for polygon in one.polygons]


def create(classes: str = "", exclude: str = "", **options: Any) -> Detector:
    """The Detector that cvat-cli asks for.

    classes, exclude: names of classes with commas between, as --classes and --exclude
    options: as of MaskRCNN.load, such as weights, model, engine, confidence
    """
    net = MaskRCNN.load(classes=names(classes), exclude=names(exclude), **options)
    return Detector(net, wanted_classes(net.labels, net.options))


def names(text: str) -> Optional[tuple[str, ...]]:
    """Names with commas between. None: there are none.

    >>> names("dog, cat"), names("")
    (('dog', 'cat'), None)
    """
    return tuple(name.strip() for name in text.split(",") if name.strip()) or None
