"""Made: what made a result. It is written into every result, so that a file alone tells where it is from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from segmentation import __version__
from segmentation.network.resizing import Size
from segmentation.wording import counted

PROGRAM = "mask-rcnn-segmentation"


@dataclass(frozen=True)
class Made:
    """What made a result. All values are plain.

    model: its name; sha256: the hexadecimal hash of its weights
    engine: what ran it, such as "opencv, cpu, fp32". Versions and threads are left out: they are not known of the
        machines of a cluster, and the results of workers are the same files as those of one process
    size, confidence, resizing: as of NetworkOptions
    demo: if the demo graph stood in for the official weights, a sentence that warns of it; else empty
    day: when, such as "2026-11-27"; the hour is left out, so that a run that was stopped gives the same files as one
        without a stop
    version: of this program
    """

    model: str
    sha256: str
    engine: str
    size: Size
    confidence: float
    demo: str = ""
    resizing: str = "opencv"
    day: str = field(default_factory=lambda: date.today().isoformat())
    version: str = __version__

    @property
    def size_text(self) -> str:
        """The size as --size takes it, and how pictures get it, where that is not by OpenCV.

        >>> Made("m", "0", "e", (800, 600), 0.5).size_text
        '800x600'
        """
        size = self.size if isinstance(self.size, str) else "x".join(map(str, self.size))
        return size if self.resizing == "opencv" else f"{size} resized as by {self.resizing}"

    @property
    def text(self) -> str:
        """All of it in one line.

        >>> Made("own", "a1", "OpenCV", "keep", 0.5, day="2026-11-27", version="1.0").text
        'own (SHA-256 a1), OpenCV, size keep, confidence above 0.5, 2026-11-27, mask-rcnn-segmentation 1.0'
        """
        text = (f"{self.model} (SHA-256 {self.sha256}), {self.engine}, size {self.size_text}, confidence above "
                f"{self.confidence:g}, {self.day}, {PROGRAM} {self.version}")
        return f"{text}. {self.demo}" if self.demo else text

    def info(self) -> dict[str, Any]:
        """All of it as the `info` of COCO's data set: COCO's own keys, then ours."""
        info = {"description": f"Objects found by {PROGRAM}", "version": self.version, "year": int(self.day[:4]),
                "date_created": self.day, "model": self.model, "sha256": self.sha256, "engine": self.engine,
                "size": self.size_text, "confidence": self.confidence}
        return {**info, "warning": self.demo} if self.demo else info


def demo_warning(known: Sequence[str], labels: Sequence[str]) -> str:
    """The sentence for results of the demo graph. known: the classes that it knows; labels: all classes"""
    return (f"The demo graph was used, not the official network: it knows only {len(known)} of the "
            f"{counted(len(labels), 'kind')} of object, and is often wrong.")
