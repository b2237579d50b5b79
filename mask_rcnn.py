"""Segment the objects in photos: each one's mask, box and label drawn in colour onto the photo.

    python mask_rcnn.py --image images/example_01.jpg
    python mask_rcnn.py --image photos/ more/photo.png --output output --visualize

The annotated photos are saved to the output folder, then shown where there is a display.
"""

import argparse
import sys
import time
from pathlib import Path

from segmentation import SegmentationError
from segmentation.draw import Style, caption, draw_instances, segmentation_steps, steps_panel
from segmentation.instances import decode, mask_areas
from segmentation.options import add_mask_options, add_network_options, load_network, parse
from segmentation.palettes import pick_colors
from segmentation.photos import find_photos, name_outputs, read_photo, write_picture
from segmentation.terminal import info, run, warn
from segmentation.windows import display_answers, show


def make_parser():
    parser = argparse.ArgumentParser(description="Segment the objects in photos with Mask R-CNN.")
    parser.add_argument("-i", "--image", nargs="+", required=True, metavar="PATH",
                        help="photos, or folders of photos")
    parser.add_argument("-o", "--output", type=Path, default=Path("output"), metavar="DIR",
                        help="folder for the annotated photos (default: %(default)s)")
    parser.add_argument("-v", "--visualize", nargs="?", type=int, choices=(0, 1), const=1, default=0,
                        help="show and save each object's region, mask and cut-out too")
    parser.add_argument("--no-show", action="store_true", help="open no windows, only save")
    add_network_options(parser)
    add_mask_options(parser).add_argument(
        "--seed", type=int, default=42, metavar="N",
        help="decides which object gets which colour (default: %(default)s)")
    return parser


def segment_photos(args):
    """Segment every photo that was asked for; 1 where one of them failed, else 0."""
    net = load_network(args)
    outputs = name_outputs(find_photos(args.image), args.output)
    windows = not args.no_show and display_answers()
    failed = 0
    for done, (photo, output) in enumerate(outputs.items(), 1):
        try:
            if not segment_photo(net, photo, output, args, windows):
                info(f"ended by key, {len(outputs) - done} photos left")
                break
        except SegmentationError as error:
            warn(f"[ERROR] {error}")
            failed += 1
    return 1 if failed else 0


def segment_photo(net, photo, output, args, windows):
    """Segment one photo, save the result, show it if `windows`; False where the user ends the run."""
    image = read_photo(photo)
    info(f"{photo}: {image.shape[1]}x{image.shape[0]} pixels")
    start = time.perf_counter()
    boxes, masks = net.forward(image)
    info(f"Mask R-CNN took {time.perf_counter() - start:.6f} seconds")
    info(f"boxes shape: {boxes.shape}")
    info(f"masks shape: {masks.shape}")
    found = decode(boxes, masks, image.shape[:2], args.confidence)
    paste = {"threshold": args.threshold, "interpolation": args.interpolation}
    print_objects(found, net.labels, mask_areas(found, **paste))

    annotated = image.copy()
    captions = [caption(found, i, net.labels) for i in range(len(found))]
    draw_instances(annotated, found, captions, pick_colors(net.colors, len(found), args.seed), Style(**paste))
    save(output, annotated)
    if args.visualize and len(found):
        save(output.with_name(f"{output.stem}_steps.png"), steps_panel(image, found, net.labels, **paste))
    return not windows or show_result(image, found, annotated, args.visualize, paste)


def print_objects(found, labels, areas):
    for box, score, class_id, area in zip(found.boxes.tolist(), found.scores, found.class_ids, areas):
        info(f"{labels[class_id]}: {score:.4f}, box {tuple(box)}, mask {area} pixels")


def save(path, picture):
    write_picture(path, picture)
    info(f"saved {path}")


def show_result(image, found, annotated, visualize, paste):
    """Show the steps of each object, if asked for, then the result; False where the user ends the run."""
    for i in range(len(found) if visualize else 0):
        if not show(dict(zip(("ROI", "Mask", "Segmented"), segmentation_steps(image, found, i, **paste)))):
            return False
    return show({"Output": annotated})


def main(argv=None):
    return run(segment_photos, parse(make_parser(), argv))


if __name__ == "__main__":
    sys.exit(main())
