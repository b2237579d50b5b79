"""What a run ends with: the frozen graph, the files beside it, and the AP on pictures kept out of training."""

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
    """Write the frozen graph, its masks shifted to suit the scripts' threshold, and the files beside it.

    Raises SegmentationError where a file cannot be written.
    """
    out = options.out
    write_consts(out, shift_masks(model.consts()), options.half)
    texts = {".config": options.resizer.config()}
    if data.own_classes:
        texts[".txt"] = "".join(f"{name}\n" for name in data.names)
    if data.own_classes or model.architecture != "inception_v2":
        texts[".pbtxt"] = text_graph.build(len(data.names), model.architecture)
    for suffix, text in texts.items():
        with complete_file(out.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")
    written = ", ".join(str(out.with_suffix(suffix)) for suffix in texts)
    info(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB), {written}")


def measure(data: Dataset, options: TrainOptions) -> None:
    """Print the AP of the written graph on the data, through the network that the scripts run."""
    net = MaskRCNN.load(MODEL_FOLDER, options.out, confidence=evaluate.CONFIDENCE)
    figures, = evaluate.evaluate(net, data)
    print(evaluate.report(figures, len(data)))
