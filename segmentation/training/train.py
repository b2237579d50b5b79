"""Train the network on annotated pictures of your own, from nothing or from other weights.

    python -m segmentation.training.train --images photos/ --annotations train.json --out my_graph.pb
    python -m segmentation.training.train --images photos/ --annotations train.json --out my_graph.pb \\
        --init mask-rcnn-coco/frozen_inference_graph.pb --minutes 60
    python mask_rcnn.py --weights my_graph.pb --image photo.jpg

The annotations are a JSON file in COCO's instance format. Beside my_graph.pb these files are written:

    my_graph.config       the rule by which pictures are resized for the network
    my_graph.txt          the names of the classes, where they are not COCO's
    my_graph.pbtxt        the text graph, where the official one does not fit
    my_graph.checkpoint   how far the run is, every few minutes and on Ctrl-C; --resume goes on from there, and it is
                          deleted at the end

At the end the AP on the pictures that were kept out of training is printed.
"""

import sys
from collections.abc import Sequence
from typing import Optional

from segmentation.terminal import info, run
from segmentation.training.export import export, measure
from segmentation.training.loop import train
from segmentation.training.options import TrainOptions, parse_options
from segmentation.training.start import load_data, start
from segmentation.wording import counted


def work(options: TrainOptions) -> int:
    """Load, train, write, measure; the exit code."""
    data, held_out = load_data(options)
    training = start(options, data)
    parameters = sum(weight.numel() for weight in training.model.parameters())
    objects = sum(len(picture.objects) for picture in data.pictures)
    info(f"{counted(len(data), 'picture')}, {counted(objects, 'object')}, "
         f"{counted(len(data.names), 'class', 'classes')}; {parameters:,} parameters on {training.device.type}")
    train(training, data, options)
    export(training.model, data, options)
    options.checkpoint.unlink(missing_ok=True)
    if held_out is not None:
        measure(held_out, options)
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of train.py."""
    return run(work, parse_options(argv))


if __name__ == "__main__":
    sys.exit(main())
