"""How well objects are followed between looks: the mask IoU with exact masks, against masks that stay where they were.

    python tests/follow_benchmark.py            clips of the project's own scenes, in motion
    python tests/follow_benchmark.py --clips 8 --size 1280x720

The network's looks are the exact masks, at the resolution of its masks. So looking at every frame is the best that can
be, and following is compared with it. The time is that of one thread.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from segmentation.instances import Instances
from segmentation.network.resizing import parse_size
from segmentation.training.scenes.clip import draw_clip
from segmentation.video.follow import Follower

CELLS = 15  # a side, of the network's masks
STEPS = (2, 5, 10)
FRAMES = 40


def look(masks):
    """Instances of exact masks, bool (H, W) each; one that is empty has an empty box."""
    boxes, cells = [], []
    for mask in masks:
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        boxes.append((x, y, x + width, y + height))
        part = mask[y:y + height, x:x + width].astype(np.float32)
        cells.append(cv2.resize(part, (CELLS, CELLS), interpolation=cv2.INTER_AREA) if part.size else
                     np.zeros((CELLS, CELLS), np.float32))
    count = len(masks)
    return Instances(np.int32(boxes).reshape(-1, 4), np.ones(count, np.float32), np.zeros(count, np.int32),
                     np.reshape(cells, (-1, CELLS, CELLS)), masks[0].shape, threshold=0.5, interpolation="linear")


def ious(found, masks):
    """The IoU of each object with its exact mask, of those that can be seen."""
    values = []
    for one, mask in zip(found, masks):
        if mask.any():
            values.append((one.mask & mask).sum() / (one.mask | mask).sum())
    return values


def pan(frames, shift, sway=6):
    """The frames as a camera sees them that moves by `shift` pixels a frame to the right and sways by `sway` pixels.

    It sees three quarters of the width and height.
    """
    height, width = frames[0][0].shape[:2]
    high, wide = height * 3 // 4, width * 3 // 4
    for number, (image, masks) in enumerate(frames):
        x = min(round(number * shift), width - wide)
        y = min(max(round((height - high) / 2 + sway * np.sin(number / 3)), 0), height - high)
        view = np.s_[y:y + high, x:x + wide]
        yield np.ascontiguousarray(image[view]), [np.ascontiguousarray(mask[view]) for mask in masks]


def clip(seed, size_wh, moving_camera):
    """The frames of a clip: (image, masks) each. The same numbers give the same clip."""
    larger = tuple(side * 4 // 3 for side in size_wh) if moving_camera else size_wh
    frames = [(image, [mask.astype(bool) for _, mask in objects])
              for image, objects in draw_clip(np.random.default_rng(seed), larger, FRAMES)]
    return list(pan(frames, (larger[0] - size_wh[0]) / FRAMES)) if moving_camera else frames


def compare(frames, every):
    """The IoUs of (every look, following, staying), on the frames between the looks, and the seconds of each move."""
    looked, followed, stayed, times = [], [], [], []
    follower, found = Follower(), None
    for number, (image, masks) in enumerate(frames):
        fresh = look(masks)
        if number % every == 0:
            found = follower(image, fresh)
            continue
        began = time.perf_counter()
        moved = follower(image)
        times.append(time.perf_counter() - began)
        for kept, instances in ((looked, fresh), (followed, moved), (stayed, found)):
            kept += ious(instances, masks)
    return looked, followed, stayed, times


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=6, help="half of them with a camera that moves")
    parser.add_argument("--size", type=parse_size, default=(1280, 720), metavar="WxH")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    sums = {every: [[], [], [], []] for every in STEPS}
    for seed in range(args.clips):
        frames = clip(seed, tuple(args.size), moving_camera=seed % 2 == 1)
        for every in STEPS:
            for total, values in zip(sums[every], compare(frames, every)):
                total += values
    for every, (looked, followed, stayed, times) in sums.items():
        whole = np.mean(looked)
        print(f"--every {every:>2}: IoU {whole:.3f} at every look, followed {np.mean(followed):.3f} "
              f"({np.mean(followed) / whole:.0%}), staying {np.mean(stayed):.3f} ({np.mean(stayed) / whole:.0%}); "
              f"{np.median(times) * 1000:.1f} ms a frame (slowest {np.max(times) * 1000:.1f})")


if __name__ == "__main__":
    main()
