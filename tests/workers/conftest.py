"""What the tests of workers share: the video script with the tiny network."""

import numpy as np
import pytest

import mask_rcnn_video


@pytest.fixture
def segment(tiny_pb, tmp_path, monkeypatch):
    """Run the script in-process with the tiny network; its exit code."""
    monkeypatch.chdir(tmp_path)
    return lambda source, name, *args: mask_rcnn_video.main(
        ["-i", *map(str, np.atleast_1d(source)), "-o", str(tmp_path / name), "--weights", str(tiny_pb),
         "--size", "96x64", *map(str, args)])
