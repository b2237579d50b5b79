"""Train the network on annotated pictures of your own, from nothing or from other weights.

    python -m segmentation.training.train --images photos/ --annotations train.json --out my_graph.pb
    python -m segmentation.training.train --images photos/ --annotations train.json --out my_graph.pb \\
        --init mask-rcnn-coco/frozen_inference_graph.pb --minutes 60
    python mask_rcnn.py --weights my_graph.pb --image photo.jpg

The annotations are a JSON file in COCO's instance format. Beside my_graph.pb come my_graph.config, the rule
by which pictures are resized for it, and, where the classes are not COCO's, my_graph.txt with their names
and my_graph.pbtxt, the text graph for their number. A checkpoint, my_graph.checkpoint, is written every few
minutes and on Ctrl-C; --resume goes on from there. At the end come the AP on pictures kept out of training.
"""

import argparse
import copy
import math
import signal
import sys
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from segmentation import SegmentationError
from segmentation.cli.options import number_in
from segmentation.files import complete_file
from segmentation.network import mask_rcnn as network
from segmentation.network.resizing import Resizer
from segmentation.network.weights import LABELS, MODEL_FOLDER, read_labels
from segmentation.terminal import info, run, warn
from segmentation.training import text_graph
from segmentation.training.architectures import architecture_of
from segmentation.training.classes import classes_known
from segmentation.training.dataset import joined, load_coco, make_batch, repeated, shuffled_batches, without_rare
from segmentation.training.frozen_graph import SHIFT, read_consts, shift_masks, write_consts
from segmentation.training.model import MaskRCNN
from segmentation.training.pretrained import read_pretrained

# Measured for training from scratch on a CPU, in place of the published configuration's momentum of 0.9 and
# learning rate of 0.0002 for 200,000 steps and more: AdamW comes to the same losses in some thousand.
LEARNING_RATE, FINE_TUNING_RATE = 2e-3, 3e-4
BETAS, WEIGHT_DECAY = (0.9, 0.99), 1e-3
WARM_UP, SHORT_WARM_UP = 150, 0.1  # iterations, or part of a short run, in which the rate rises from 0
CLIP_GRADIENT = 10.0     # gradient_clipping_by_norm of the published configuration
# Weights that have seen millions of photos need smaller steps than new ones.
PRETRAINED_RATE = 0.25
DEFAULT_WIDTHS = {"inception_v2": 0.25, "mobilenet_v2": 0.375}
# In the last part of training batch normalisation stays as it will be at inference, so that the rest of
# the weights settle on that.
FREEZE_NORM = 0.88
CHECKPOINT_SECONDS = 300
# What "the classes differ" may change the shape of.
CLASS_LAYERS = tuple(f"SecondStageBoxPredictor/{layer}/"
                     for layer in ("ClassPredictor", "BoxEncodingPredictor", "Conv_1"))


@dataclass
class Training:
    """A run and how far it is: `done` iterations in `seconds`."""

    model: MaskRCNN
    optimizer: torch.optim.Optimizer
    device: torch.device
    done: int = 0
    seconds: float = 0.0

    def part(self, args):
        """How much of the run is done, 0..1."""
        return self.seconds / (60 * args.minutes) if args.minutes else self.done / args.iterations


# ---- Before ----------------------------------------------------------------------------------------------

def load_data(args):
    """The Datasets to learn from and to measure on; the second is None where nothing is kept out."""
    coco_names = read_labels(MODEL_FOLDER / LABELS)
    data = joined([load_coco(annotations, images, coco_names)
                   for annotations, images in zip(args.annotations, args.images)])
    data = without_rare(data, args.fewest) if args.fewest else data
    if args.val_annotations:
        held_out = load_coco(args.val_annotations, args.val_images or args.images[0], coco_names)
        if (held_out.names, held_out.own_classes) != (data.names, data.own_classes):
            raise SegmentationError(f"{args.val_annotations} must have the categories of "
                                    f"{args.annotations[0]}")
        return more_often(data, args), held_out
    order = np.random.default_rng(args.seed).permutation(len(data))
    count = round(args.holdout * len(data))
    pictures = [data.pictures[i] for i in order]
    train = replace(data, pictures=pictures[count:])
    if not any(picture.objects for picture in train.pictures):
        raise SegmentationError(f"--holdout {args.holdout:g} leaves no picture with an object to learn from")
    return more_often(train, args), replace(data, pictures=pictures[:count]) if count else None


def more_often(data, args):
    """The Dataset with rare classes more often, where that is asked for."""
    return repeated(data, args.balance, np.random.default_rng(args.seed)) if args.balance else data


def start(args, data):
    """A Training at its start: random weights, or those of --pretrained or --init, or those of the checkpoint."""
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = make_model(args, data).to(device, memory_format=torch.channels_last)
    training = Training(model, make_optimizer(model, PRETRAINED_RATE if args.pretrained else 1.0), device)
    if args.resume:
        load_checkpoint(training, checkpoint_path(args))
    elif checkpoint_path(args).exists():
        raise SegmentationError(f"{checkpoint_path(args)} is of a run that did not end: go on with --resume, "
                                "or delete it to start anew")
    return training


def make_model(args, data):
    """The network to train, with the weights that it starts from."""
    consts = read_consts(args.init) if args.init else None
    if consts and SHIFT in consts:  # a graph of our own, not one of TensorFlow's
        consts = shift_masks(consts, 0)
    architecture = architecture_of(consts) if consts else "mobilenet_v2" if args.pretrained else "inception_v2"
    width = args.width or (width_of(consts, args.init) if consts else DEFAULT_WIDTHS[architecture])
    model = MaskRCNN(len(data.names), width, architecture)
    model.known[:] = torch.from_numpy(data.known)
    if consts:
        take_over(model, consts, args.init)
        if len(classes_known(consts)) == len(data.names):
            model.known |= torch.from_numpy(classes_known(consts))
    elif args.pretrained:
        model.load_consts(read_pretrained(args.pretrained))
    model.first_layers.requires_grad_(False)
    return model


def make_optimizer(model, pretrained_rate):
    """AdamW: no decay of biases and normalisation, and pretrained layers at a part of the rate."""
    trunk = {id(weight) for layers in (model.trunk_layers, model.head) for weight in layers.parameters()}
    groups = {}
    for weight in model.parameters():
        if weight.requires_grad:
            groups.setdefault((weight.ndim > 1, id(weight) in trunk), []).append(weight)
    return torch.optim.AdamW([{"params": weights, "weight_decay": WEIGHT_DECAY if matrix else 0.0,
                               "part": pretrained_rate if in_trunk else 1.0}
                              for (matrix, in_trunk), weights in groups.items()], betas=BETAS, fused=True)


def width_of(consts, path):
    """A --width that gives the layers of a frozen graph: the smallest one.

    A layer of c channels has int(c * width) of them, or 8, so width is at least n / c for every n above 8.
    """
    with torch.device("meta"):  # shapes without numbers
        full = MaskRCNN(1, 1.0, architecture_of(consts)).tensors()
    channels = {name: len(tensor) for name, (tensor, _) in full.items()
                if name.endswith("/gamma") or name in ("Conv/biases", "SecondStageBoxPredictor/Conv/biases")}
    if not channels.keys() <= consts.keys():
        raise SegmentationError(f"{path} is not the weights of this network: name another file with --init")
    widths = [len(consts[name]) / count for name, count in channels.items() if len(consts[name]) > 8]
    return max(widths, default=8 / max(channels.values())) + 1e-9  # so that int() does not fall below n


def take_over(model, consts, path):
    """Load the weights of --init; say which layers start fresh since they are for other classes."""
    left = model.load_consts(consts)
    body = [name for name in left if not name.startswith(CLASS_LAYERS)]
    if body:
        raise SegmentationError(f"{path} does not fit a network of width {model.width:g}: {body[0]} is "
                                "missing or of another shape; leave out --width to take that of the file")
    if left:
        layers = sorted({name.rsplit("/", 1)[0] for name in left})
        info(f"start fresh, as the number of classes differs: {', '.join(layers)}")


# ---- While it runs ---------------------------------------------------------------------------------------

def train(training, data, args):
    """Iterate until all is done. Interrupted, it writes a checkpoint and passes the interruption on."""
    model, resizer = training.model.train(), Resizer(args.short_side, args.long_side)
    saved = clock = time.monotonic()
    total = round(args.minutes * 60) if args.minutes else args.iterations
    bar = tqdm(total=total, initial=round(training.seconds) if args.minutes else training.done,
               unit="s" if args.minutes else "it", desc="training")
    source = load_batches(data, resizer, args, 0 if args.views else training.done)
    batches = seen_again(source, training, data, args) if args.views else source
    on_kill = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill ends like Ctrl-C
    try:
        for batch in batches:
            if training.part(args) >= 1:
                break
            losses = iterate(training, batch, args)
            now = time.monotonic()
            training.seconds, clock = training.seconds + now - clock, now
            bar.set_postfix(it=training.done, **losses)
            bar.update(min(round(training.seconds) if args.minutes else training.done, total) - bar.n)
            if now - saved > CHECKPOINT_SECONDS:
                save_checkpoint(training, checkpoint_path(args))
                saved = now
    except KeyboardInterrupt:
        save_checkpoint(training, checkpoint_path(args))
        bar.close()
        warn(f"[INFO] stopped at iteration {training.done}: go on with --resume")
        raise
    finally:
        signal.signal(signal.SIGTERM, on_kill)
        batches.close()
        source.close()
        bar.close()
    model.eval()


def iterate(training, batch, args):
    """One step of the optimizer; the losses as numbers."""
    model, optimizer, part = training.model, training.optimizer, training.part(args)
    if args.init or part >= FREEZE_NORM:
        model.freeze_batch_norm()
    rate = args.learning_rate or (FINE_TUNING_RATE if args.init else LEARNING_RATE)
    rise = min(1, max((training.done + 1) / WARM_UP, part / SHORT_WARM_UP))
    for group in optimizer.param_groups:
        group["lr"] = rate * group["part"] * rise * (1 + math.cos(math.pi * part)) / 2
    # A seed of its own for each iteration, so that a resumed run draws what an uninterrupted one would.
    chance = torch.Generator(training.device).manual_seed(args.seed * 1_000_003 + training.done)
    with torch.autocast(training.device.type, torch.bfloat16, enabled=has_bfloat16(training.device)):
        losses = model.losses(batch.to(training.device), chance)
    optimizer.zero_grad()
    loss = sum(losses.values())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_GRADIENT)
    if not torch.isfinite(loss):
        raise SegmentationError(f"training diverged in iteration {training.done}: lower --learning-rate")
    optimizer.step()
    training.done += 1
    return {name: f"{value.item():.3f}" for name, value in losses.items()}


def has_bfloat16(device):
    """Whether the device computes with bfloat16 in hardware; in software it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False


def load_batches(data, resizer, args, position):
    """The batches from that position on, without end, loaded by threads while others are trained on."""
    # On a CPU every thread more is taken from the training itself.
    workers = 8 if torch.cuda.is_available() else 1
    cv2.setNumThreads(1)
    unread, pending = 0, deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number, pictures in numbered_batches(data, args, position):
                rng = np.random.default_rng([args.seed, 1, number])
                pending.append(pool.submit(make_batch, data, pictures, resizer, rng, args.scale or (1, 1)))
                if len(pending) <= 2 * workers:
                    continue
                batch = pending.popleft().result()
                unread = 0 if batch else unread + 1
                if unread > len(data):
                    raise SegmentationError(f"none of the pictures in {', '.join(args.images)} can be read")
                if batch:
                    yield batch
        finally:
            for future in pending:
                future.cancel()


def seen_again(batches, training, data, args):
    """The first `args.views` epochs of batches after the network's first layers, then these again and again.

    These layers do not change, and take most of the time of a batch. A run that is resumed makes them again.
    """
    kept, first_layers = [], frozen_features(training.model, training.device)
    for _ in range(args.views * -(-len(data) // args.batch)):
        batch = next(batches)
        kept.append(batch._replace(images=first_layers(batch.images)))
        if len(kept) > training.done:
            yield kept[-1]
    batches.close()
    while True:
        rng = np.random.default_rng([args.seed, 2, training.done])
        for index in rng.permutation(len(kept)):
            yield kept[index]


def frozen_features(model, device):
    """A function from RGB images (B, 3, H, W) uint8 to what the model's first layers make of them, float8.

    They are kept in memory; with eight bits there is room for twice as many pictures as with sixteen.

    Where OpenVINO is installed it computes them: on a CPU in a fifth of PyTorch's time, in bf16 where that is in the
    hardware, as the training itself.
    """
    def in_torch(images):
        with torch.no_grad():
            return model.before_trunk(images.to(device)).to(torch.float8_e4m3fn).cpu()

    try:
        import openvino
    except ImportError:
        return in_torch
    if device.type != "cpu":
        return in_torch
    # Traced at a size whose sides are 16k + 1, where SAME padding is the same on all sides, as all sizes here are.
    module = copy.deepcopy(model.first_layers).eval().to(memory_format=torch.contiguous_format)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's numbers in what is traced, which are meant
        traced = openvino.convert_model(module, example_input=torch.zeros(1, 3, 65, 65))
    compiled = openvino.compile_model(traced, "CPU")
    return lambda images: torch.from_numpy(
        compiled((images.float() * (2 / 255) - 1).contiguous().numpy())[0]).to(torch.float8_e4m3fn)


def numbered_batches(data, args, position):
    """(number, picture numbers) of every batch from that position on, epoch after epoch."""
    in_epoch = -(-len(data) // args.batch)
    epoch, skip = divmod(position, in_epoch)
    while True:
        for index, pictures in enumerate(shuffled_batches(data, args.batch, args.seed, epoch)):
            if index >= skip:
                yield epoch * in_epoch + index, pictures
        epoch, skip = epoch + 1, 0


def checkpoint_path(args):
    return args.out.with_suffix(".checkpoint")


def save_checkpoint(training, path):
    """Write all that --resume needs, whole or not at all."""
    state = {"classes": training.model.num_classes, "width": training.model.width,
             "architecture": training.model.architecture, "done": training.done,
             "seconds": training.seconds, "model": training.model.state_dict(),
             "optimizer": training.optimizer.state_dict()}
    with complete_file(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(training, path):
    """Bring a Training to where a checkpoint left off."""
    if not path.is_file():
        raise SegmentationError(f"there is no checkpoint {path} to resume: leave out --resume to start")
    try:
        state = torch.load(path, map_location=training.device, weights_only=True)
        found = state["classes"], state["width"], state["architecture"]
    except Exception as error:  # torch.load raises whatever the broken bytes lead to
        raise SegmentationError(f"{path} is no checkpoint: delete it and start anew") from error
    expected = training.model.num_classes, training.model.width, training.model.architecture
    if found != expected:
        raise SegmentationError(f"{path} is for {found[0]} classes at width {found[1]:g} ({found[2]}), not for "
                                f"{expected[0]} at {expected[1]:g} ({expected[2]}): delete it to start anew")
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.done, training.seconds = state["done"], state["seconds"]


# ---- After -----------------------------------------------------------------------------------------------

def export(model, data, args):
    """Write the frozen graph, its masks shifted to suit the scripts' threshold, and what goes with it beside it."""
    write_consts(args.out, shift_masks(model.consts()), args.half)
    texts = {".config": Resizer(args.short_side, args.long_side).config()}
    if data.own_classes:
        texts[".txt"] = "".join(f"{name}\n" for name in data.names)
    if data.own_classes or model.architecture != "inception_v2":
        texts[".pbtxt"] = text_graph.build(len(data.names), model.architecture)
    for suffix, text in texts.items():
        with complete_file(args.out.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")
    written = ", ".join(str(args.out.with_suffix(suffix)) for suffix in texts)
    info(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB), {written}")


def measure(data, args):
    """Print the AP on the pictures kept out of training, through the network that the scripts run."""
    from segmentation.training import evaluate

    net = network.MaskRCNN.load(MODEL_FOLDER, args.out, confidence=evaluate.CONFIDENCE)
    print(evaluate.report(*evaluate.evaluate(net, data), len(data)))


def work(args):
    """Load, train, write, measure; the exit code."""
    data, held_out = load_data(args)
    training = start(args, data)
    parameters = sum(weight.numel() for weight in training.model.parameters())
    info(f"{len(data)} pictures, {sum(len(picture.objects) for picture in data.pictures)} objects, "
         f"{len(data.names)} classes; {parameters:,} parameters on {training.device.type}")
    train(training, data, args)
    export(training.model, data, args)
    checkpoint_path(args).unlink(missing_ok=True)
    if held_out is not None:
        measure(held_out, args)
    return 0


def side(text):
    """An argparse type: a side in pixels that is 16k + 1."""
    value = number_in(33, 4097, int)(text)
    if value % 16 != 1:
        raise argparse.ArgumentTypeError(f"must be 1 more than a multiple of 16 (such as "
                                         f"{value // 16 * 16 + 1}), got {text}")
    return value


def graph_path(text):
    """An argparse type: a path that ends in .pb."""
    if not text.endswith(".pb"):
        raise argparse.ArgumentTypeError(f"must end in .pb, got {text}")
    return Path(text)


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    group = parser.add_argument_group("data")
    group.add_argument("--images", metavar="DIR", nargs="+", required=True,
                       help="folder of the pictures to learn from, or several")
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
                       help="without --val-annotations: keep this part of the pictures out of training to "
                            "measure on (default: %(default)s)")
    group = parser.add_argument_group("network")
    group.add_argument("--out", type=graph_path, metavar="FILE", required=True,
                       help="the frozen graph to write")
    group.add_argument("--half", action="store_true", help="store matrices as float16: half the size")
    start = group.add_mutually_exclusive_group()
    start.add_argument("--init", metavar="FILE", help="fine-tune this frozen graph instead of random weights")
    start.add_argument("--pretrained", metavar="FILE",
                       help="a network on MobileNet v2, its trunk from this .npz: see README")
    group.add_argument("--width", type=number_in(0.02, 2), metavar="W",
                       help="scales the channels (default: that of --init, or 0.25, with --pretrained 0.375, "
                            "which goes for the predictors alone; the official network: 1)")
    group.add_argument("--short-side", type=side, default=353, metavar="N",
                       help="pictures are resized to N pixels on this side, 16k + 1 (default: %(default)s)")
    group.add_argument("--long-side", type=side, default=609, metavar="N",
                       help="or that side N, whichever comes first (default: %(default)s)")
    group.add_argument("--scale", type=number_in(0.25, 4), nargs=2, metavar=("LOW", "HIGH"),
                       help="in training at so many times that size (default: 1 1)")
    group = parser.add_argument_group("training")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--iterations", type=number_in(1, 10**9, int), default=4000, metavar="N",
                        help="batches to learn from (default: %(default)s)")
    length.add_argument("--minutes", type=number_in(0.01, 10**6), metavar="M", help="or how long to learn")
    group.add_argument("--batch", type=number_in(1, 1024, int), default=8, metavar="N",
                       help="pictures in a batch (default: %(default)s)")
    group.add_argument("--learning-rate", type=number_in(1e-9, 1), metavar="R",
                       help=f"highest value (default: {LEARNING_RATE:g}, with --init {FINE_TUNING_RATE:g})")
    group.add_argument("--seed", type=number_in(0, 2**31, int), default=0, metavar="N",
                       help="draws another order and other weights to start from (default: %(default)s)")
    group.add_argument("--views", type=number_in(1, 10**6, int), metavar="N",
                       help="of a pretrained network: keep what its first layers make of N epochs of pictures in "
                            "memory, 0.1 MB a picture, and train on these (default: new pictures in every epoch)")
    group.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    return parser


def main(argv=None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.short_side > args.long_side:
        parser.error("--short-side must not be above --long-side")
    if len(args.images) != len(args.annotations):
        parser.error("--images and --annotations must be as many")
    if args.val_images and not args.val_annotations:
        parser.error("--val-images needs --val-annotations")
    return run(work, args)


if __name__ == "__main__":
    sys.exit(main())
