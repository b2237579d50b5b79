"""How fast the network runs: the 2018 tutorial's way against this project's, in one interleaved run.

    python tests/benchmark.py --weights mask-rcnn-coco/frozen_inference_graph.pb --image photo.jpg
    python tests/benchmark.py --video       what reading, drawing and writing cost a video beside the network

Both see the same blob at the same size on the same weights. The tutorial's way is one cv2.dnn network asked
for both outputs, its mask head on all 100 rows; ours is MaskRCNN.forward, whose mask head works on the N
objects above the confidence. A round runs each once, so that other work on the machine slows both alike;
medians are compared, and the quartiles say how much they spread.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import mask_rcnn_video
from segmentation.instances import Instances
from segmentation.model import BOXES, MASKS
from segmentation.network import MaskRCNN
from segmentation.photos import read_photo
from segmentation.resizing import parse_size
from segmentation.weights import MODEL_FOLDER, find_model
from tests.clips import make_clip

SIZES = ("512x512", "800x800", "1280x720", "1920x1080")


def tutorial_net(files):
    """The network as the tutorial loads it (OpenCV 5 has to be told the outputs)."""
    options = {"extraOutputs": [BOXES, MASKS]} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    return cv2.dnn.readNetFromTensorflow(str(files.weights), str(files.text_graph), **options)


def tutorial_forward(net, image):
    """What the tutorial times: both outputs for all rows."""
    net.setInput(cv2.dnn.blobFromImage(image, swapRB=True, crop=False))
    return net.forward([BOXES, MASKS])


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare(files, weights, image, detections, rounds):
    """Print the medians, their ratio and the largest differences at one size, on a fresh pair of networks."""
    single = tutorial_net(files)
    scores = np.sort(tutorial_forward(single, image)[0][0, 0, :, 2])[::-1]
    # A confidence that `detections` rows pass, and at least the scripts' default.
    confidence = max(0.5, float(scores[detections]))
    ours = MaskRCNN.load(MODEL_FOLDER, weights, size="raw", confidence=confidence)
    times = []
    for _ in range(rounds + 1):
        old, (all_boxes, all_masks) = seconds(lambda: tutorial_forward(single, image))
        new, (boxes, masks) = seconds(lambda: ours.forward(image))
        times.append((old, new))
    keep = np.flatnonzero(all_boxes[0, 0, :, 2] > confidence)
    box_difference = np.abs(all_boxes[:, :, keep] - boxes).max(initial=0)
    mask_difference = np.abs(all_masks[keep] - masks).max(initial=0)
    times = np.array(times[1:])  # the first round allocates memory
    (old, new), spread = np.median(times, axis=0), np.percentile(times, (25, 75), axis=0)
    print(f"{image.shape[1]:4}x{image.shape[0]:<4}  {old:6.3f} ({spread[0, 0]:.3f}-{spread[1, 0]:.3f})"
          f"  {new:6.3f} ({spread[0, 1]:.3f}-{spread[1, 1]:.3f})  {old / new:5.2f}  {len(keep):3}"
          f"  {box_difference:.0e}  {mask_difference:.0e}", flush=True)


class SleepingNet:
    """Stands for a network that takes 20 ms and finds three objects."""

    labels, colors, weights = ("person",) * 90, [(0, 255, 0)], __file__
    found = Instances(np.int32([[100, 100, 300, 400], [400, 50, 500, 150], [600, 200, 780, 420]]),
                      np.float32([0.9, 0.8, 0.7]), np.int32([0, 1, 2]), np.ones((3, 15, 15), np.float32), (450, 800))

    def __init__(self):
        self.slept = 0

    def __call__(self, image):
        began = time.perf_counter()
        time.sleep(0.02)
        self.slept += time.perf_counter() - began
        return self.found


def compare_video(rounds, frames=300):
    """Print a whole run of the video script on an 800-wide clip against its network's time alone."""
    print(f"{frames} frames of 800x450, 20 ms of network each: seconds of the network, of the whole run, ratio")
    with tempfile.TemporaryDirectory() as folder:
        source = make_clip(Path(folder, "in.mp4"), frames, size_wh=(800, 450))
        for name in ("out.avi", "out.mp4"):
            ratios = []
            for _ in range(rounds):
                net = SleepingNet()
                mask_rcnn_video.load_network = lambda args, net=net: net
                with contextlib.redirect_stdout(io.StringIO()):
                    whole, code = seconds(lambda name=name: mask_rcnn_video.main(
                        ["-i", str(source), "-o", str(Path(folder, name)), "--overwrite"]))
                assert code == 0
                ratios.append((net.slept, whole, whole / net.slept))
            slept, whole, ratio = np.median(ratios, axis=0)
            spread = [f"{entry[2]:.2f}" for entry in sorted(ratios, key=lambda entry: entry[2])]
            print(f"{name}  {slept:.2f}  {whole:.2f}  {ratio:.2f}  (runs: {', '.join(spread)})", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="frozen graph (default: the official one, fetched if missing)")
    parser.add_argument("--image", default=Path(__file__).parent.parent / "images/example_01.jpg",
                        help="photo, resized to each size (default: %(default)s)")
    parser.add_argument("--video", action="store_true", help="measure the video script instead")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds at each size (default: %(default)s)")
    parser.add_argument("--detections", type=int, default=10, metavar="N",
                        help="how many objects to segment at most, of those above 0.5; a photo shows 3 to 10 "
                             "(default: %(default)s)")
    args = parser.parse_args(argv)
    if args.video:
        compare_video(args.rounds)
        return 0
    files, photo = find_model(MODEL_FOLDER, args.weights), read_photo(args.image)
    print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads, {args.rounds} rounds: median seconds (quartiles)")
    print("size       tutorial              this project          ratio    N  boxes  masks differ by at most")
    for size in args.sizes:
        compare(files, args.weights, cv2.resize(photo, parse_size(size)), args.detections, args.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
