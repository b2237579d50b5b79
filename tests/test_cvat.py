"""segmentation.cvat: CVAT's own code takes its labels and its polygons."""

from types import SimpleNamespace

import pytest
from conftest import MODEL_FOLDER, ROOT
from PIL import Image

from segmentation.network.weights import DEMO

cvat = pytest.importorskip("segmentation.cvat", exc_type=ImportError)


def test_objects_are_polygons_of_cvat():
    detector = cvat.create(weights=MODEL_FOLDER / DEMO, exclude="person, boat")
    names = {label.id: label.name for label in detector.spec.labels}
    assert names[17] == "dog" and "boat" not in names.values() and len(names) == 88
    image = Image.open(ROOT / "images" / "example_01.jpg")
    shapes = detector.detect(SimpleNamespace(conf_threshold=None, conv_mask_to_poly=True), image)
    found = detector.net(image)
    assert len(shapes) == sum(len(one.polygons) for one in found) > 3
    for shape in shapes:
        assert shape.type.value == "polygon" and shape.label_id in names and len(shape.points) >= 6
    assert len(detector.detect(SimpleNamespace(conf_threshold=float(found.scores[0])), image)) < len(shapes)
