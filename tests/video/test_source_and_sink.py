"""Videos read and written, without a network: rates, sources that do not answer, and very long results."""

from fractions import Fraction
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from clips import BITS, make_clip, number_in

from segmentation import SegmentationError


@pytest.mark.parametrize("beginning", range(37, 42))
def test_b_frames_at_the_edge_of_the_beginning_are_no_varying_rate(tmp_path, monkeypatch, beginning):
    from segmentation.video.source import VideoSource
    monkeypatch.setattr("segmentation.video.container.BEGINNING", beginning)
    with VideoSource(make_clip(tmp_path / "in.mkv", 60, Fraction(30000, 1001))) as source:
        assert (source.rate, source.variable) == (Fraction(30000, 1001), False)


def test_frame_rate_of_streams():
    from segmentation.video.container import frame_rate
    for average, guessed, expected in ((Fraction(25), Fraction(25), 25), (None, Fraction(0), None),
                                       (Fraction(90000), Fraction(90000), None), (Fraction(24), Fraction(50), 24),
                                       (Fraction(29970, 1000), Fraction(30000, 1001), Fraction(30000, 1001)),
                                       (Fraction(24), None, 24)):
        assert frame_rate(SimpleNamespace(average_rate=average, guessed_rate=guessed)) == expected


def test_cameras_and_addresses_that_answer_nothing_are_refused():
    from segmentation.video import source as video_source
    for name in ("0", "rtsp://127.0.0.1:1/none"):
        with pytest.raises(SegmentationError, match="cannot read"):
            video_source.VideoSource(name)


@pytest.mark.slow
def test_an_avi_past_4_gb_plays_to_its_last_frame(tmp_path):
    """By hand: python -m pytest -m slow (5 GB on the disk, some minutes)."""
    from segmentation.video.sink import VideoSink
    path = tmp_path / "long.avi"
    noise = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), dtype=np.uint8)
    with VideoSink(path, (1920, 1080), Fraction(25)) as sink:
        while not path.exists() or path.stat().st_size < 4.3e9:
            noise[8:24, 8:168] = 0
            for bit in range(BITS):
                noise[8:24, 8 + bit * 16:24 + bit * 16] = 255 if sink.frames >> bit & 1 else 0
            sink.write(noise)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == sink.frames
    capture.set(cv2.CAP_PROP_POS_FRAMES, sink.frames - 1)
    done, image = capture.read()
    assert done and number_in(image) == (sink.frames - 1) % (1 << BITS)
