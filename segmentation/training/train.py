"""Train the network on annotated pictures of your own, from the demo graph, from other weights or from nothing.

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
    my_graph.log.csv      AP on the pictures that were kept out of training, a row each time it was measured
    my_graph.panel.jpg    what the network found on ten of them, the last time

It says before it starts what it learns from and how long that takes, and at the end whether the graph can be used.
"""

import sys
from collections.abc import Sequence
from typing import Optional

from segmentation.terminal import run
from segmentation.training.export import export
from segmentation.training.loop import train
from segmentation.training.options import TrainOptions, parse_options
from segmentation.training.plan import say_plan
from segmentation.training.start import load_data, start
from segmentation.training.watch import Watch


def work(options: TrainOptions) -> int:
    """Load, train, write, measure; the exit code."""
    data, held_out = load_data(options)
    training = start(options, data)
    say_plan(training, data, held_out, options)
    watch = Watch(held_out, data, options)
    watch.begin(training)
    train(training, data, options, watch)
    export(training.model, data, options)
    options.checkpoint.unlink(missing_ok=True)
    watch.end(training)
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The exit code of train.py."""
    return run(work, parse_options(argv))


if __name__ == "__main__":
    sys.exit(main())
