"""Find the objects in photos and videos with Mask R-CNN: a box, a mask, a class and a score for each.

    from segmentation import MaskRCNN

    net = MaskRCNN.load()
    found = net(image)          # image: BGR uint8 (H, W, 3); found: Instances

docs/architecture.md has the map of the packages. What is named in __all__ is public.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing's, whose import takes longer than this module may
if TYPE_CHECKING:
    from typing import Any

    from segmentation.instances import Instances
    from segmentation.network.mask_rcnn import MaskRCNN
    from segmentation.network.options import NetworkOptions

__version__ = "1.0.0"

__all__ = ["Instances", "MaskRCNN", "NetworkOptions", "SegmentationError"]

# Imported when they are first asked for: `--help`, and programs that need no network, do not wait for cv2.
MODULES = {
    "Instances": "segmentation.instances",
    "MaskRCNN": "segmentation.network.mask_rcnn",
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
