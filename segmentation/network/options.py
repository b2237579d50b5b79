"""What a user may choose about the network: NetworkOptions."""

from dataclasses import dataclass
from typing import Optional, Union

from segmentation.instances import INTERPOLATIONS
from segmentation.network.engines import check_choice
from segmentation.network.resizing import parse_size
from segmentation.network.selection import parse_area

PROPOSALS = (10, 300)  # the fewest and the most that may be asked for


@dataclass(frozen=True)
class NetworkOptions:
    """How the network runs and which detections count; plain values, so that they can be sent to a worker.

    size: what the network sees: "keep" (the model's own rule; the official one: the short side brought to 800, the
        long side at most 1365), "raw" (the picture as it is), or (width, height) or "WxH"
    confidence: detections score more than this, 0..1
    proposals: RoIs that the second stage looks at, 10..300; fewer is faster. None: the model's own number
    engine, device, precision: what runs it: see engines.py
    classes, exclude: names (or COCO's numbers) of the only classes, or of those not to be looked for
    min_area: the smallest box, in pixels of the picture or, as "0.5%", as a part of it
    threshold, interpolation: how masks are pasted: see instances.py

    Raises ValueError for a value outside its range.
    """

    size: Union[str, tuple] = "keep"
    confidence: float = 0.5
    proposals: Optional[int] = None
    engine: str = "opencv"
    device: str = "cpu"
    precision: str = "fp32"
    classes: Optional[tuple] = None
    exclude: tuple = ()
    min_area: str = "0"
    threshold: float = 0.3
    interpolation: str = "cubic"

    def __post_init__(self):
        parse_size(self.size)
        parse_area(self.min_area)
        for name in ("confidence", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        if self.proposals is not None and not PROPOSALS[0] <= self.proposals <= PROPOSALS[1]:
            raise ValueError(f"proposals must be {PROPOSALS[0]} to {PROPOSALS[1]}, got {self.proposals}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")
        check_choice(self.engine, self.device, self.precision)
