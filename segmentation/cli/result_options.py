"""The options of both command lines for files for other programs."""

import argparse

from segmentation.cli.options import path


def add_result_options(parser: argparse.ArgumentParser, of_what: str) -> "argparse._ArgumentGroup":
    """Add the options for files for other programs. Returns their group, to which more can be added.

    of_what: photos or frames
    """
    group = parser.add_argument_group("results for other programs")
    group.add_argument("--json", type=path, metavar="FILE",
                       help=f"the objects of all {of_what} in COCO's format; .jsonl: one a line")
    group.add_argument("--polygons", action="store_true",
                       help="in --json, the masks as polygons, which annotation programs can edit, not as run lengths")
    group.add_argument("--csv", type=path, metavar="FILE", help="the objects as a table")
    group.add_argument("--cutouts", type=path, metavar="DIR",
                       help="each object as a PNG, cut out along its mask, transparent around it")
    group.add_argument("--crops", type=path, metavar="DIR", help="the box of each object as a JPEG")
    group.add_argument("--masks", type=path, metavar="DIR",
                       help="a 16-bit PNG for each picture: 0 is background, N the Nth object")
    group.add_argument("--each-mask", action="store_true", help="an 8-bit PNG for each object too, in --masks")
    group.add_argument("--yolo", type=path, metavar="DIR",
                       help=f"YOLO's segmentation labels of the {of_what}, in its folder labels, and data.yaml")
    group.add_argument("--labelme", type=path, metavar="DIR",
                       help=f"a JSON file for each of the {of_what}, as labelme and X-AnyLabeling open them")
    return group
