"""The options of both command lines for files for other programs."""

from segmentation.cli.parser import RESULTS, Parser, path


def add_result_options(parser: Parser, of_what: str) -> None:
    """Add the options for files for other programs. of_what: photo or frame"""
    group = parser.group(RESULTS)
    group.add_argument("--json", type=path, metavar="FILE",
                       help="all objects in COCO's format, or one object a line where the name ends in .jsonl")
    group.add_argument("--polygons", action="store_true",
                       help="in --json: masks as polygons, which annotation programs can edit, not as run lengths")
    group.add_argument("--csv", type=path, metavar="FILE", help="all objects as a table")
    group.add_argument("--cutouts", type=path, metavar="DIR",
                       help="each object as a PNG, transparent around its mask")
    group.add_argument("--crops", type=path, metavar="DIR", help="the box of each object as a JPEG")
    group.add_argument("--masks", type=path, metavar="DIR",
                       help=f"a 16-bit PNG for each {of_what}: 0 is background, N the Nth object")
    group.add_argument("--each-mask", action="store_true", help="in --masks: an 8-bit PNG for each object too")
    group.add_argument("--yolo", type=path, metavar="DIR",
                       help=f"YOLO's labels: a text file for each {of_what}, and data.yaml")
    group.add_argument("--labelme", type=path, metavar="DIR",
                       help=f"a JSON file for each {of_what}, as labelme and X-AnyLabeling open them")
