"""The options of train.py: TrainOptions, made once from the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from segmentation.cli.parser import Parser, number_in, parse
from segmentation.network.resizing import Resizer
from segmentation.network.weights import DEMO, MODEL_FOLDER

# Measured for training from random weights on a CPU. The published configuration has momentum 0.9 and a learning rate
# of 0.0002 for 200,000 iterations and more; AdamW comes to the same losses in some thousand.
LEARNING_RATE, FINE_TUNING_RATE = 2e-3, 3e-4
# From the demo graph, after 300 iterations on 81 photos of six classes new to it: mask AP 0.118, with 0.0003 0.085.
DEMO_RATE = 1e-3
FROM_DEMO, FROM_SCRATCH = "demo", "scratch"  # what --init takes besides a file

DATA, NETWORK, TRAINING = "data", "network", "training"  # the groups of options


@dataclass(frozen=True)
class TrainOptions:
    """What a run of train.py is asked for; a field is the option of that name, and --help says what each means.

    Raises ValueError if two options contradict each other.
    """

    images: tuple[str, ...]
    annotations: tuple[str, ...]
    fewest: Optional[int]
    balance: Optional[float]
    val_images: Optional[str]
    val_annotations: Optional[str]
    holdout: float
    out: Path
    half: bool
    init: str
    pretrained: Optional[str]
    unfreeze: bool
    width: Optional[float]
    short_side: int
    long_side: int
    scale: Optional[tuple[float, float]]
    iterations: int
    minutes: Optional[float]
    batch: int
    learning_rate: Optional[float]
    seed: int
    views: Optional[int]
    evaluate_every: Optional[int]
    resume: bool

    def __post_init__(self) -> None:
        if self.short_side > self.long_side:
            raise ValueError("--short-side must not be above --long-side")
        if len(self.images) != len(self.annotations):
            raise ValueError("--images and --annotations must be as many")
        if self.val_images and not self.val_annotations:
            raise ValueError("--val-images needs --val-annotations")
        if self.unfreeze and self.views:
            raise ValueError("--views keeps what the first layers make of a picture, so they cannot be trained "
                             "(--unfreeze)")

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's path: beside --out."""
        return self.out.with_suffix(".checkpoint")

    @property
    def resizer(self) -> Resizer:
        """The rule for the size of the pictures."""
        return Resizer(self.short_side, self.long_side)

    @property
    def log(self) -> Path:
        """The table of AP in training: beside --out."""
        return self.out.with_suffix(".log.csv")

    @property
    def panel(self) -> Path:
        """The picture of what the network finds on held-out pictures: beside --out."""
        return self.out.with_suffix(".panel.jpg")

    @property
    def start_graph(self) -> Optional[str]:
        """The path of the frozen graph that the run starts from; None: random weights, or those of --pretrained."""
        if self.pretrained or self.init == FROM_SCRATCH:
            return None
        return str(MODEL_FOLDER / DEMO) if self.init == FROM_DEMO else self.init

    @property
    def highest_rate(self) -> float:
        """The learning rate at its highest."""
        if self.learning_rate or not self.start_graph:
            return self.learning_rate or LEARNING_RATE
        return DEMO_RATE if self.init == FROM_DEMO else FINE_TUNING_RATE


def parse_options(argv: Optional[Sequence[str]] = None) -> TrainOptions:
    """The TrainOptions of a command line; a wrong one ends the program as argparse does."""
    return parse(make_parser(), argv, TrainOptions)


def side(text: str) -> int:
    """An argparse type: a side in pixels that is 16k + 1."""
    value = number_in(33, 4097, int)(text)
    if value % 16 != 1:
        raise argparse.ArgumentTypeError(f"must be 1 more than a multiple of 16 (such as "
                                         f"{value // 16 * 16 + 1}), got {text}")
    return value


def graph_path(text: str) -> Path:
    """An argparse type: a path that ends in .pb."""
    if not text.endswith(".pb"):
        raise argparse.ArgumentTypeError(f"must end in .pb, got {text}")
    return Path(text)


def make_parser() -> Parser:
    """The parser of train.py's options."""
    parser = Parser("--images DIR --annotations FILE --out FILE [options]",
                    "Train the network on annotated pictures of your own, from the demo graph or that of --init.",
                    titles=(DATA, NETWORK, TRAINING), prog="python -m segmentation.training.train")
    add_data_options(parser.group(DATA))
    add_network_options(parser.group(NETWORK))
    add_training_options(parser.group(TRAINING))
    parser.add_help_to(TRAINING)
    return parser


def add_data_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options that say which pictures are learnt from, and which are measured on."""
    group.add_argument("--images", metavar="DIR", nargs="+", required=True,
                       help="folders of the pictures to learn from")
    group.add_argument("--annotations", metavar="FILE", nargs="+", required=True,
                       help="their objects, COCO's JSON, one for each folder")
    group.add_argument("--fewest", type=number_in(1, 10**9, int), metavar="N",
                       help="leave out classes with fewer objects (default: none)")
    group.add_argument("--balance", type=number_in(0, 1), metavar="P",
                       help="show pictures of rare classes more often, those on less than this part of the pictures "
                            "(default: each picture once)")
    group.add_argument("--val-images", metavar="DIR", help="folder of the pictures to measure on")
    group.add_argument("--val-annotations", metavar="FILE", help="their objects")
    group.add_argument("--holdout", type=number_in(0, 0.9), default=0.1, metavar="P",
                       help="without --val-annotations: keep this part of the pictures, but at least one, out of "
                            "training to measure on (default: %(default)s)")


def add_network_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options that say which network is trained, at which size, and from which weights."""
    group.add_argument("--out", type=graph_path, metavar="FILE", required=True,
                       help="the frozen graph to write")
    group.add_argument("--half", action="store_true", help="store matrices as float16: half the size")
    start = group.add_mutually_exclusive_group()
    start.add_argument("--init", metavar="demo|scratch|FILE", default=FROM_DEMO,
                       help="begin with the demo graph, with random weights, or with this frozen graph (default: "
                            "%(default)s)")
    start.add_argument("--pretrained", metavar="FILE",
                       help="begin with a network on MobileNet v2 whose trunk is in this .npz: see docs/training.md")
    group.add_argument("--unfreeze", action="store_true",
                       help="train the first layers of a pretrained network too, which wants a GPU (default: they stay "
                            "as they are)")
    group.add_argument("--width", type=number_in(0.02, 2), metavar="W",
                       help="scales the channels; the official network has 1 (default: that of --init, with scratch "
                            "0.25, with --pretrained 0.375 for the predictors alone)")
    group.add_argument("--short-side", type=side, default=353, metavar="N",
                       help="pictures are resized to N pixels on this side, 16k + 1 (default: %(default)s)")
    group.add_argument("--long-side", type=side, default=609, metavar="N",
                       help="or to N pixels on this side, whichever comes first (default: %(default)s)")
    group.add_argument("--scale", type=number_in(0.25, 4), nargs=2, metavar=("LOW", "HIGH"),
                       help="in training, pictures are so many times that size (default: 1 1)")


def add_training_options(group: "argparse._ArgumentGroup") -> None:
    """Add the options that say how long and how it is trained."""
    length = group.add_mutually_exclusive_group()
    length.add_argument("--iterations", type=number_in(1, 10**9, int), default=4000, metavar="N",
                        help="batches to learn from (default: %(default)s)")
    length.add_argument("--minutes", type=number_in(0.01, 10**6), metavar="M",
                        help="how long to learn, instead of --iterations")
    group.add_argument("--batch", type=number_in(1, 1024, int), default=8, metavar="N",
                       help="pictures in a batch (default: %(default)s)")
    group.add_argument("--learning-rate", type=number_in(1e-9, 1), metavar="R",
                       help=f"highest value (default: {DEMO_RATE:g}, with a graph of --init {FINE_TUNING_RATE:g}, "
                            f"with --init scratch or --pretrained {LEARNING_RATE:g})")
    group.add_argument("--seed", type=number_in(0, 2**31, int), default=0, metavar="N",
                       help="draws another order and other weights to start from (default: %(default)s)")
    group.add_argument("--views", type=number_in(1, 10**6, int), metavar="N",
                       help="of a pretrained network: keep what its first layers make of N epochs of pictures in "
                            "memory, some 0.45 MB a picture, and train on these (default: new pictures in every epoch)")
    group.add_argument("--evaluate-every", type=number_in(0, 10**9, int), metavar="N",
                       help="measure AP on held-out pictures every N iterations, 0: only at the end (default: about "
                            "ten times, more seldom where that would take more than a tenth of the time)")
    group.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
