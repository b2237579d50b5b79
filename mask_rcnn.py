"""Segment the objects in photos: each one's mask, box and label drawn in colour onto the photo.

    python mask_rcnn.py --image images/example_01.jpg
    python mask_rcnn.py --image photos/ more/photo.png --output output --visualize
    python mask_rcnn.py --image "photos/*.jpg" --classes person,dog --effect blur --json output/objects.json

The annotated photos are saved to the output folder, then shown where there is a display.
"""

import argparse
import sys
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

from segmentation import SegmentationError
from segmentation.cli.options import add_drawing_options, add_network_options, load_network, parse
from segmentation.cli.progress import Progress
from segmentation.drawing.draw import caption, draw_instances, segmentation_steps, steps_panel
from segmentation.drawing.palettes import colors_for
from segmentation.drawing.windows import display_answers, show
from segmentation.instances import decode, mask_areas
from segmentation.pictures import (
    STDIN,
    encode_picture,
    find_photos,
    name_outputs,
    read_photos,
    write_picture,
)
from segmentation.results.outputs import PhotoResults, add_result_options
from segmentation.results.rows import Seen
from segmentation.terminal import info, interruptible, run, warn
from segmentation.threads import ReadAhead


def make_parser():
    parser = argparse.ArgumentParser(description="Segment the objects in photos with Mask R-CNN.")
    group = parser.add_argument_group("photos")
    group.add_argument("-i", "--image", nargs="+", required=True, metavar="PATH",
                       help="photos, folders of photos, patterns such as 'trip/*.jpg', or - for standard input")
    group.add_argument("-o", "--output", type=Path, default=Path("output"), metavar="DIR",
                       help="folder for the annotated photos, or - for standard output (default: %(default)s)")
    group.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    group.add_argument("--skip-existing", action="store_true", help="leave out photos whose result is there already")
    group.add_argument("-v", "--visualize", nargs="?", type=int, choices=(0, 1), const=1, default=0,
                       help="show and save each object's region, mask and cut-out too")
    group.add_argument("--no-show", action="store_true", help="open no windows, only save")
    add_network_options(parser)
    add_drawing_options(parser, palette="colors").add_argument(
        "--seed", type=int, default=42, metavar="N",
        help="decides which object gets which of the palette's colours (default: %(default)s)")
    add_result_options(parser, "photos").add_argument(
        "--report", type=Path, metavar="FILE", help="one HTML page that shows all photos and their objects")
    return parser


def check(args):
    """Raise ValueError where options about photos contradict each other."""
    if str(STDIN) in args.image and len(args.image) > 1:
        raise ValueError("--image - is one photo on standard input: name no others beside it")
    if args.output == STDIN and args.image != [str(STDIN)] and len(find_photos(args.image, args.recursive)) != 1:
        raise ValueError("--output - is one picture on standard output: name one --image")
    if args.output == STDIN and (args.visualize or args.skip_existing):
        raise ValueError("--output - goes with neither --visualize nor --skip-existing")


def segment_photos(args):
    """Segment every photo that was asked for; 1 where one of them failed, else 0."""
    outputs = name_outputs(find_photos(args.image, args.recursive), args.output)
    if args.skip_existing:
        there = [photo for photo, output in outputs.items() if output.exists()]
        outputs = {photo: output for photo, output in outputs.items() if photo not in there}
        info(f"{len(there)} photos left out, whose results exist")
    net = load_network(args)
    windows = not args.no_show and args.output != STDIN and display_answers()
    began, failed, number = time.perf_counter(), 0, 0
    photos = ReadAhead(read_photos(outputs), depth=1)
    try:
        with interruptible() as check_interrupt, PhotoResults(args, net.labels) as results, \
                Progress(len(outputs), unit="photo") as progress:
            for number, (photo, image) in enumerate(photos, 1):
                try:
                    if isinstance(image, SegmentationError):
                        raise image
                    if not segment_photo(net, Seen(image, None, number, str(photo)), outputs[photo], args, results,
                                         windows):
                        info(f"ended by key, {len(outputs) - number} photos left")
                        break
                except SegmentationError as error:
                    warn(f"[ERROR] {error}")
                    results.add_failure(photo, error)
                    failed += 1
                progress.step()
                check_interrupt()
    finally:
        photos.close()
    if len(outputs) > 1:
        seconds = (time.perf_counter() - began) / max(number, 1)
        info(f"{number - failed} photos done, {failed} failed, {seconds:.2f} seconds a photo")
    return 1 if failed else 0


def segment_photo(net, seen, output, args, results, windows):
    """Segment one photo, save the results, show them if `windows`; False where the user ends the run."""
    image = seen.image
    info(f"{seen.file}: {image.shape[1]}x{image.shape[0]} pixels")
    start = time.perf_counter()
    boxes, masks = net.forward(image)
    info(f"Mask R-CNN took {time.perf_counter() - start:.6f} seconds")
    info(f"boxes shape: {boxes.shape}")
    info(f"masks shape: {masks.shape}")
    found = decode(boxes, masks, image.shape[:2], args.confidence)
    paste = {"threshold": args.threshold, "interpolation": args.interpolation}
    print_objects(found, net.labels, mask_areas(found, **paste))

    annotated = image.copy()
    colors = colors_for(args.palette, found, net.colors, args.seed)
    draw_instances(annotated, found, [caption(found, i, net.labels) for i in range(len(found))], colors, args.style)
    save(output, annotated, args)
    if args.visualize and len(found):
        save(output.with_name(f"{output.stem}_steps.png"), steps_panel(image, found, net.labels, **paste), args)
    results.add(seen._replace(found=found), annotated, colors)
    return not windows or show_result(image, found, annotated, args.visualize, paste)


def print_objects(found, labels, areas):
    for box, score, class_id, area in zip(found.boxes.tolist(), found.scores, found.class_ids, areas):
        info(f"{labels[class_id]}: {score:.4f}, box {tuple(box)}, mask {area} pixels")


def save(path, picture, args):
    """Write a picture to its path, or to standard output where the user wants it there."""
    if args.output == STDIN:
        args.pipe.write(encode_picture(picture, path.suffix, "standard output"))
        args.pipe.flush()
        return
    write_picture(path, picture)
    info(f"saved {path}")


def show_result(image, found, annotated, visualize, paste):
    """Show the steps of each object, if asked for, then the result; False where the user ends the run."""
    for i in range(len(found) if visualize else 0):
        if not show(dict(zip(("ROI", "Mask", "Segmented"), segmentation_steps(image, found, i, **paste)))):
            return False
    return show({"Output": annotated})


def main(argv=None):
    args = parse(make_parser(), argv, check)
    args.pipe = getattr(sys.stdout, "buffer", None)
    # A picture on standard output is to be alone there.
    with redirect_stdout(sys.stderr) if args.output == STDIN else nullcontext():
        return run(segment_photos, args)


if __name__ == "__main__":
    sys.exit(main())
