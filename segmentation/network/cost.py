"""What the size of the network's input costs: InputCost says it before a run that takes much longer than it should.

    cost = InputCost(files.config, engine="opencv")
    cost.check("10000x10000", image_hw=(480, 640))    # a warning, or SegmentationError
"""

import os
from contextlib import suppress
from typing import Optional

from segmentation import SegmentationError
from segmentation.files import AnyPath
from segmentation.network.resizing import OFFICIAL, Rule, Size, input_size, parse_size, read_resizer
from segmentation.terminal import warn

# That OpenCV takes for each pixel of the network's input: 278 with the demo graph, 255 with one of 64 channels a layer,
# on 1600x1600 pixels (OpenCV 5).
BYTES_A_PIXEL = 270
MUCH = 6  # times the pixels of the model's own rule


class InputCost:
    """Compares sizes of the network's input with the model's own rule and with the memory of the machine.

    config: the file of the rule; None: there is none, and `rule` holds
    engine: what runs the network; only of OpenCV is it known how much memory it takes
    quiet: do not warn; another process has done so
    """

    def __init__(self, config: Optional[AnyPath], engine: str, rule: Rule = OFFICIAL):
        self.engine, self.quiet, self.resizer = engine, False, rule
        if config:
            with suppress(SegmentationError):  # whoever needs the rule for the size says what is wrong with it
                self.resizer = read_resizer(config)

    def check(self, size: Size, image_hw: tuple[int, int]) -> None:
        """Warn once if the input has many more pixels than the model's own rule gives an image of that size.

        size: as of input_size

        Raises SegmentationError if the machine has too little memory for it.
        """
        size_wh, own_wh = input_size(image_hw, parse_size(size), self.resizer), self.resizer.size_wh(image_hw)
        pixels = size_wh[0] * size_wh[1]
        times, needed, there = pixels / (own_wh[0] * own_wh[1]), pixels * BYTES_A_PIXEL, physical_memory()
        if self.engine == "opencv" and there is not None and needed > there:
            raise SegmentationError(f"--size: for {size_wh[0]}x{size_wh[1]} pixels the network takes about "
                                    f"{gigabytes(needed)} of memory, and there are {gigabytes(there)}: choose a "
                                    f"smaller size (the model's own is {own_wh[0]}x{own_wh[1]})")
        if times > MUCH and not self.quiet:
            self.quiet = True
            memory = f", in about {gigabytes(needed)} of memory" if self.engine == "opencv" else ""
            warn(f"[WARNING] --size: the network sees {size_wh[0]}x{size_wh[1]} pixels, {times:.0f} times as many as "
                 f"by the model's own rule ({own_wh[0]}x{own_wh[1]}): it takes about so many times as long{memory}")


def gigabytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:.1f} GB"


def physical_memory() -> Optional[int]:
    """How many bytes of memory this machine has. None: it does not say."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
