"""Which engine runs the network: --engine auto chooses it, --benchmark shows them all.

    options = with_engine(options)      # VideoOptions
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from segmentation.cli.options import LoadOptions, find_files
from segmentation.network.auto import choose, measured, say
from segmentation.network.engines import AUTO
from segmentation.network.model import Model, read_model
from segmentation.network.onnx.calibration import Calibration

if TYPE_CHECKING:
    from segmentation.cli.video_options import VideoOptions


def with_engine(options: "VideoOptions") -> "VideoOptions":
    """The options, with the fastest engine in place of auto: so workers take it too, and --resume compares it.

    Photos need no such step: MaskRCNN.of_files chooses for them.
    """
    if options.network.engine != AUTO:
        return options
    return replace(options, network=choose(options.network, quiet_model(options)))


def benchmark(options: LoadOptions) -> int:
    """Print what was measured of the installed engines; the exit code."""
    network = options.network
    calibration = Calibration(network.calibrate, size=network.size)
    say(measured(quiet_model(options), calibration, int8=network.precision == "int8"))
    return 0


def quiet_model(options: LoadOptions) -> Model:
    """The Model that the options ask for. If it is the demo, nobody says so: whoever loads it for the run does."""
    return read_model(replace(find_files(options), demo_because=None))
