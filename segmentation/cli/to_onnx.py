"""Write a frozen graph as a standard ONNX model, for ONNX Runtime, OpenVINO and whatever else reads ONNX.

    python -m segmentation.cli.to_onnx                                   # beside the official weights
    python -m segmentation.cli.to_onnx --weights my_graph.pb --out my_graph.onnx

The scripts do this themselves if they need it for --engine; this command is for other programs. The model includes
preprocessing, boxes, their suppression and masks. segmentation/network/onnx/graph.py describes its inputs and outputs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Optional

from segmentation import SegmentationError
from segmentation.cli.parser import Parser, number_in, path, path_text
from segmentation.network.model import read_model
from segmentation.network.onnx.engines import find_module
from segmentation.network.onnx.kept import export, export_path, is_ours, key_of, save
from segmentation.network.onnx.parts import set_for_user
from segmentation.network.options import PROPOSALS
from segmentation.network.weights import MODEL_FOLDER, find_model
from segmentation.terminal import info, run


def write_onnx(args: argparse.Namespace) -> int:
    """Read the model, convert it, and write it; the exit code.

    Raises SegmentationError if that fails, or if it would replace a file of the model or somebody else's ONNX model.
    """
    find_module("onnx")
    files = find_model(args.mask_rcnn, args.weights)
    out = args.out or export_path(files.weights)
    for own in (files.weights, files.text_graph, files.labels, files.colors, files.config):
        if own and out.exists() and os.path.samefile(own, out):
            raise SegmentationError(f"{out} is a file of the model itself: name another file with --out")
    if not args.out and not is_ours(out):
        raise SegmentationError(f"{out} is not this project's, so it is not replaced: name a file with --out")
    model = read_model(files)
    proto = export(model)
    set_for_user(proto, args.confidence, args.proposals or model.proposals)
    save(proto, out, key_of(model))
    info(f"saved {out}: {len(proto.graph.node)} nodes, {proto.ByteSize():,} bytes")
    return 0


def make_parser() -> Parser:
    """The parser of this command line."""
    parser = Parser("[options]", (__doc__ or "").partition("\n")[0],
                    [("the official one", ""), ("your own", "--weights my_graph.pb --out my_graph.onnx")],
                    prog="python -m segmentation.cli.to_onnx")
    parser.add_argument("--weights", type=path_text, metavar="FILE",
                        help="a frozen graph of your own (default: the official weights)")
    parser.add_argument("--out", type=path, metavar="FILE", help="the file to write (default: beside the weights)")
    parser.add_argument("-c", "--confidence", type=number_in(0, 1), default=0.3, metavar="P",
                        help="detections score more than this, 0 to 1 (default: %(default)s, the text graph's)")
    parser.add_argument("--proposals", type=number_in(*PROPOSALS, int), metavar="N",
                        help="how many regions the network looks at closely, 10 to 300 (default: the model's own "
                             "number)")
    parser.add_argument("-m", "--mask-rcnn", type=path_text, metavar="DIR", default=MODEL_FOLDER,
                        help="the model folder (default: mask-rcnn-coco)")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line; the exit code. argv: without the name of the program; None: those of this process"""
    return run(write_onnx, make_parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
