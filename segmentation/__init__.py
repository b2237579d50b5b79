"""Find the objects in photos and videos with Mask R-CNN: a box, a mask, a class and a score for each.

    from segmentation import MaskRCNN

    net = MaskRCNN.load()
    found = net("photo.jpg")    # or a PIL image, an array, a list of them
    for one in found:
        print(one.label, one.score, one.box)
    found.save("found.jpg")

docs/python.md tells all of it; docs/architecture.md has the map of the packages. What is named in __all__ is public.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing's, whose import takes longer than this module may
if TYPE_CHECKING:
    from typing import Any

    from segmentation.api import MaskRCNN
    from segmentation.found import Found
    from segmentation.instances import Instance, Instances
    from segmentation.network.options import NetworkOptions

__version__ = "1.0.0"

__all__ = ["Found", "Instance", "Instances", "MaskRCNN", "NetworkOptions", "SegmentationError"]

# Imported when they are first asked for: `--help`, and programs that need no network, do not wait for cv2.
MODULES = {
    "Found": "segmentation.found",
    "Instance": "segmentation.instances",
    "Instances": "segmentation.instances",
    "MaskRCNN": "segmentation.api",
    "NetworkOptions": "segmentation.network.options",
}


class SegmentationError(Exception):
    """An error that the user can fix. Its text is one sentence: what failed, which path, what to do."""


def __getattr__(name: str) -> "Any":
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
