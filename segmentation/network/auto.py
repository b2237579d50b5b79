"""--engine auto: measure once which of the installed engines runs this model fastest on this machine.

    table = measured(model, calibration)        # some seconds at first, then from the user's cache
    fastest(table)                              # Measured(engine="openvino", precision="int8", ...)

A kept table is for one model, processor, number of threads, size of input, and the versions of all packages.
"""

import json
import platform
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.files import complete_file
from segmentation.network.comparing import LOOKED_AT, SHOWN, compare
from segmentation.network.download import user_cache
from segmentation.network.engines import AUTO, Engine, load_engine
from segmentation.network.model import Model
from segmentation.network.onnx.calibration import Calibration
from segmentation.network.options import NetworkOptions
from segmentation.terminal import info

# The engines with their precisions. The first one is what the others are measured against.
CHOICES = (("opencv", "fp32"), ("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"),
           ("openvino", "int8"))
PACKAGES = ("onnx", "onnxruntime", "openvino", "nncf")
PICTURES, ROUNDS = 3, 3  # on how many pictures they are measured, and how often
OBJECTS = 10  # masks of so many objects at most; a photo shows 3 to 10
MUCH_FASTER = 2.0


@dataclass(frozen=True)
class Measured:
    """What was measured of an engine.

    seconds: for a picture, the median
    keeps: whether it finds what opencv finds in fp32, see Cost.keeps
    cost: the difference from what opencv finds, in words
    """

    engine: str
    precision: str
    seconds: float
    keeps: bool
    cost: str

    @property
    def name(self) -> str:
        """The engine and its precision, as their options: "openvino --precision int8"."""
        return self.engine if self.precision == "fp32" else f"{self.engine} --precision {self.precision}"


def choose(options: NetworkOptions, model: Model, photos: Sequence[str] = ()) -> NetworkOptions:
    """The options, with the fastest engine and its precision instead of "auto". What was measured is printed.

    photos: what int8 is calibrated on if the options name no pictures
    """
    if options.engine != AUTO:
        return options
    calibration = Calibration(options.calibrate, tuple(photos), options.size)
    table = measured(model, calibration, int8=options.precision == "int8")
    say(table)
    best = fastest(table)
    return replace(options, engine=best.engine, precision=best.precision,
                   calibrate=options.calibrate if best.precision == "int8" else None)


def measured(model: Model, calibration: Calibration, int8: bool) -> list[Measured]:
    """What was measured of all installed engines: kept from before, or measured now. int8: whether that is included"""
    path = kept_path(model.digest.result(), calibration, int8)
    kept = read(path)
    if kept:
        return kept
    info("measuring the installed engines once...")
    table = measure(model, calibration, int8)
    with suppress(SegmentationError), complete_file(path) as temporary:  # a full disk: it is measured anew each time
        temporary.write_text(json.dumps([asdict(row) for row in table]), encoding="utf-8")
    return table


def measure(model: Model, calibration: Calibration, int8: bool) -> list[Measured]:
    """What is measured now of all installed engines, one after another in each round."""
    blobs = list(calibration.blobs(model, PICTURES))
    engines = {}
    for engine, precision in CHOICES:
        if int8 or precision != "int8":
            with suppress(SegmentationError):  # it is not installed, or cannot run this model
                build = load_engine(engine, precision=precision, calibration=calibration)
                engines[engine, precision] = build(model, LOOKED_AT, model.proposals)
    times: dict[tuple[str, str], list[float]] = {choice: [] for choice in engines}
    for number in range(ROUNDS + 1):
        for choice, built in engines.items():
            times[choice].append(seconds(built, blobs[number % len(blobs)]))
    first = next(iter(engines.values()))
    costs = {choice: compare(first, built, blobs) for choice, built in engines.items()}
    return [Measured(*choice, float(np.median(times[choice][1:])),  # the first round allocates memory
                     cost.keeps, str(cost)) for choice, cost in costs.items()]


def seconds(engine: Engine, blob: np.ndarray) -> float:
    """The seconds that an engine takes for a picture. blob: float32 (1, 3, H, W), RGB 0..255"""
    began = time.perf_counter()
    boxes, features = engine.boxes(blob)
    shown = boxes[:, :, boxes[0, 0, :, 2] > SHOWN][:, :, :OBJECTS]
    if shown.size:
        engine.masks(features, shown)
    return time.perf_counter() - began


def fastest(table: Iterable[Measured]) -> Measured:
    """The fastest engine of those that find what opencv finds."""
    return min((row for row in table if row.keeps), key=lambda row: row.seconds)


def say(table: Sequence[Measured]) -> None:
    """Print what was measured, a line for each engine; if there is one alone, how to get others."""
    first, *others = table
    info(f"{first.engine:<12} {first.precision}  {first.seconds:.3f} seconds a picture")
    for row in others:
        info(f"{row.engine:<12} {row.precision}  {row.seconds:.3f} seconds a picture, "
             f"{first.seconds / row.seconds:4.1f} times as fast as {first.engine}; {row.cost}")
    if not others:
        info("no other engine is installed: pip install onnx onnxruntime openvino")


def hint(sha256_of_weights: str, options: NetworkOptions) -> str:
    """A sentence about an engine that is faster than opencv, if the options name that; else empty.

    It measures nothing. If nothing was measured before, it says which engines could be.
    """
    if (options.engine, options.device) != ("opencv", "cpu"):
        return ""
    calibration = Calibration(size=options.size)
    tables = [read(kept_path(sha256_of_weights, calibration, int8)) for int8 in (True, False)]
    for table in filter(None, tables):
        best = fastest(table)
        if table[0].seconds >= MUCH_FASTER * best.seconds:
            return f"--engine {best.name} is more than twice as fast here, as --engine auto has measured"
    others = [name for name in dict.fromkeys(engine for engine, _ in CHOICES[1:]) if find_spec(name)]
    if any(tables) or not others or not find_spec("onnx"):
        return ""
    return f"{' and '.join(others)} can be faster: --engine auto measures it once"


# ---- The kept table ------------------------------------------------------------------------------------------

def folder() -> Path:
    """Where tables are kept."""
    return user_cache() / "engines"


def kept_path(sha256_of_weights: str, calibration: Calibration, int8: bool) -> Path:
    """Where the table of this model on this machine is kept."""
    facts = [sha256_of_weights, processor(), str(cv2.getNumThreads()), str(calibration.size), cv2.__version__,
             *map(version_of, PACKAGES), calibration.key() if int8 else "", str(int8)]
    return folder() / f"{sha256(chr(0).join(facts).encode()).hexdigest()[:32]}.json"


def processor() -> str:
    """What the processor is and what it can do: of Linux its name and flags, else what Python says."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return f"{platform.machine()} {platform.processor()}"


def version_of(package: str) -> str:
    """The version of an installed package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def read(path: Path) -> list[Measured]:
    """A kept table; empty if there is none, or a file that is no such table."""
    try:
        return [Measured(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
