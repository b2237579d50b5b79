"""What a run writes, the frozen graph and the files beside it, and how good the network of these files is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from segmentation.files import complete_file
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import MODEL_FOLDER
from segmentation.terminal import info
from segmentation.training import evaluate, text_graph
from segmentation.training.dataset import Dataset
from segmentation.training.options import TrainOptions
from segmentation.training.torch_model import TorchMaskRCNN
from segmentation.training.weights_file import shift_masks, write_consts


def export(model: TorchMaskRCNN, data: Dataset, options: TrainOptions) -> None:
    """Write the files of --out, and say so. Raises SegmentationError where a file cannot be written."""
    written = write_graph(model, data, options, options.out)
    info(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB), {', '.join(map(str, written))}")


def write_graph(model: TorchMaskRCNN, data: Dataset, options: TrainOptions, out: Path) -> list[Path]:
    """Write the frozen graph, its masks shifted to suit the scripts' threshold, and the files beside it: their paths.

    Raises SegmentationError where a file cannot be written.
    """
    write_consts(out, shift_masks(model.consts()), options.half)
    texts = {".config": options.resizer.config()}
    if data.own_classes:
        texts[".txt"] = "".join(f"{name}\n" for name in data.names)
    if data.own_classes or model.architecture != "inception_v2":
        texts[".pbtxt"] = text_graph.build(len(data.names), model.architecture)
    for suffix, text in texts.items():
        with complete_file(out.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [out.with_suffix(suffix) for suffix in texts]


def load_graph(path: Path) -> MaskRCNN:
    """The network of a written graph, as the scripts run it, for measuring."""
    return MaskRCNN.load(MODEL_FOLDER, path, confidence=evaluate.CONFIDENCE)


@contextmanager
def all_threads() -> Iterator[None]:
    """In the block OpenCV runs on all cores. In training it has one thread, which loads pictures."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(-1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
