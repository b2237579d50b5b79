"""What the tests of the command lines share: the video script with a network that finds one object."""

from pathlib import Path

import numpy as np
import pytest
from clips import number_in

import mask_rcnn_video
from segmentation.instances import Instances
from segmentation.network.made import Made
from segmentation.network.weights import ModelFiles


class FoundNet:
    """Stands for the network: one object that moves to the right with the frame's number."""

    labels, colors, files = ("person",) * 90, [(0, 255, 0)], ModelFiles(*[Path(__file__)] * 4)
    made = Made("stub", "0" * 64, "nothing", "keep", 0.5)

    def __init__(self):
        self.seen, self.hook = [], lambda number: None

    def __call__(self, image):
        number = number_in(image)
        self.seen.append(number)
        self.hook(number)
        x = 20 + number * 2 % 100
        return Instances(np.int32([[x, 100, x + 60, 180]]), np.float32([0.9]), np.int32([0]),
                         np.ones((1, 15, 15), np.float32), image.shape[:2])


@pytest.fixture
def net(monkeypatch):
    net = FoundNet()
    monkeypatch.setattr("segmentation.cli.videos.load_network", lambda options: net)
    return net


@pytest.fixture
def segment(net, tmp_path):
    """Run the script in-process; its exit code."""
    return lambda source, name="out.avi", *args: mask_rcnn_video.main(
        ["-i", str(source), "-o", str(tmp_path / name), *map(str, args)])
