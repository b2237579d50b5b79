"""NetworkOptions: what a user can choose about the network."""

from dataclasses import dataclass
from typing import Optional, Union

from segmentation.instances import INTERPOLATIONS
from segmentation.network.engines import AUTO, check_choice
from segmentation.network.resizing import RESIZINGS, Size, parse_size
from segmentation.network.selection import parse_area
from segmentation.network.tiles import Tiles

MOST_TILES = 100
PROPOSALS = (10, 300)  # the smallest and the largest number that can be chosen


@dataclass(frozen=True)
class NetworkOptions:
    """How the network runs and which detections are wanted. All values are plain, so they can be sent to a worker.

    size: the size of the network's input: "keep" (the model's own rule; the official one: short side 800, long side
        at most 1365), "raw" (the size of the image), (width, height) or "WxH"
    resizing: how the image gets that size: "opencv", or "tensorflow" as in the model's own graph (resizing.py)
    tiles: look at the image in overlapping tiles too, for small objects in large images: how many along its longer
        side, 2..100, or "auto": tiles as large as what the network sees. None: no tiles
    confidence: detections must score above this, 0..1
    proposals: how many RoIs the second stage looks at, 10..300; fewer is faster. None: the model's own number
    engine, device, precision: what runs the network: see engines.py. "auto": the fastest engine and precision, which
        is int8 only if that is the precision: see auto.py
    calibrate: with precision int8, a folder of photos that its model is calibrated on: see onnx/calibration.py. None:
        a model that is there already, or the photos at hand
    classes: names (or COCO's numbers) of the only classes that are wanted. None: all classes
    exclude: names (or COCO's numbers) of classes that are not wanted. None: no class
    min_area: the smallest box, in pixels of the image ("400") or as a part of the image ("0.5%")
    threshold, interpolation: how masks are pasted: see instances.py

    Raises ValueError if a value is outside its range.
    """

    size: Size = "keep"
    resizing: str = "opencv"
    tiles: Tiles = None
    confidence: float = 0.5
    proposals: Optional[int] = None
    engine: str = "opencv"
    device: str = "cpu"
    precision: str = "fp32"
    calibrate: Optional[str] = None
    classes: Optional[tuple[Union[str, int], ...]] = None
    exclude: Optional[tuple[Union[str, int], ...]] = None
    min_area: Union[str, float] = "0"
    threshold: Optional[float] = None
    interpolation: str = "cubic"

    def __post_init__(self) -> None:
        parse_size(self.size)
        parse_area(self.min_area)
        for name in ("confidence", "threshold"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        if self.proposals is not None and not PROPOSALS[0] <= self.proposals <= PROPOSALS[1]:
            raise ValueError(f"proposals must be {PROPOSALS[0]} to {PROPOSALS[1]}, got {self.proposals}")
        if not (self.tiles in (None, "auto") or (isinstance(self.tiles, int) and 2 <= self.tiles <= MOST_TILES)):
            raise ValueError(f"tiles must be auto or a number from 2 to {MOST_TILES}, got {self.tiles!r}")
        if self.resizing not in RESIZINGS:
            raise ValueError(f"resizing must be one of {', '.join(RESIZINGS)}, got {self.resizing!r}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")
        if self.engine == AUTO:
            if self.device != "cpu" or self.precision == "bf16":
                raise ValueError("engine auto is for the cpu, and chooses between fp32 and bf16 itself")
        else:
            check_choice(self.engine, self.device, self.precision)
        if self.calibrate and self.precision != "int8":
            raise ValueError("--calibrate needs --precision int8")
