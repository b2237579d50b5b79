"""Partial videos: what a run that was killed has left is counted and copied as it is, and broken notes are told."""

from fractions import Fraction

import numpy as np
import pytest
from clips import numbered

from segmentation.video.sink import VideoSink, count_frames, encoded_frames


def write_video(path, frames=100):
    """Write a video of numbered frames with noise in them; the bytes that the file has before it is closed."""
    noise = np.random.default_rng(1).integers(0, 255, (40, 64, 3), np.uint8)
    with VideoSink(path, (320, 240), Fraction(25)) as sink:
        for number in range(frames):
            image = numbered(number)
            image[100:140, :64] = np.roll(noise, number, axis=1)
            sink.write(image)
        return path.read_bytes()


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_half_a_frame_at_the_end_of_a_killed_run_is_none(tmp_path, suffix):
    unfinished = write_video(tmp_path / f"whole{suffix}")
    frames = [bytes(packet) for packet in encoded_frames(tmp_path / f"whole{suffix}")]
    path, counts = tmp_path / f"cut{suffix}", set()
    for size in range(len(unfinished) // 2, len(unfinished), len(unfinished) // 40):
        path.write_bytes(unfinished[:size])
        count = count_frames(path)
        assert [bytes(packet) for packet in encoded_frames(path)] == frames[:count]
        counts.add(count)
    assert len(frames) == 100 and len(counts) > 3
