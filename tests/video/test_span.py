"""--start and --end: which frames they pick, of every container and rate, and what time they begin at."""

from fractions import Fraction

import numpy as np
import pytest
from clips import CAN_CUT, make_clip, needs_cuts, number_in

from segmentation import SegmentationError
from segmentation.video.source import Frame, VideoSource
from segmentation.workers.packet_index import CannotCut, PacketIndex

NAMES = ["in.mp4", "in.mkv", "in.ts", "in.avi"]
NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """(name, rate) -> a clip of 60 frames."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}
    for name in NAMES:
        for rate in (Fraction(25), NTSC):
            path = folder / f"{rate.numerator}_{name}"
            made[name, rate] = make_clip(path, 60, rate, codec="mjpeg" if name == "in.avi" else "libx264")
    return made


def picked(path, start, end):
    """The numbers of the frames between two texts; the index of the workers has as many, at the same times."""
    start, end = Fraction(start), Fraction(end) if end else None
    with VideoSource(path, start, end) as source:
        frames = [item for item in source.items() if isinstance(item, Frame)]
        assert source.trouble is None and frames[0].time == 0
    with VideoSource(path, start, end) as source:
        index = PacketIndex(source) if CAN_CUT else None
        assert not index or [index.seconds(number) for number in range(len(index))] == [frame.time for frame in frames]
    return [number_in(frame.image) for frame in frames]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start, end, expected", [
    ("0", "0.2", range(5)), ("0", "0.2001", range(5)), ("0", "0.21", range(6)), ("0.2", "0.4", range(5, 10)),
    ("0.19", "0.4", range(4, 10)), ("2.39", None, [59]), ("2.36", None, [59]), ("2.35", None, [58, 59]),
    ("0.04", "0.08", [1]), ("0.05", "0.06", [1]), ("0", "9", range(60))])
def test_frames_shown_between_start_and_end(clips, name, start, end, expected):
    assert picked(clips[name, 25], start, end) == list(expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start, end, expected", [
    ("0", "0.2", range(6)), ("0", "0.201", range(7)), ("0.033", "0.067", [1]), ("0.1", "0.2", range(3, 6)),
    ("0.0333", "0.1668", range(1, 5)), ("1.001", None, range(30, 60)), ("1.0", "1.001", [29])])
def test_rounded_times_pick_the_same_frames_in_every_container(clips, name, start, end, expected):
    assert picked(clips[name, NTSC], start, end) == list(expected)


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts"])
def test_every_frame_can_be_begun_with_and_ended_before(clips, name):
    for number in range(0, 60, 7):
        for at in (Fraction(number, 25), Fraction(number, 25) + Fraction(1, 100)):
            with VideoSource(clips[name, 25], at) as source:
                assert number_in(next(item for item in source.items() if isinstance(item, Frame)).image) == number


def test_a_keyframe_that_is_decoded_before_the_start_and_shown_after_it_is_not_where_to_begin(tmp_path):
    path = make_clip(tmp_path / "in.mp4", 60, options={
        "x264-params": "open-gop=1:keyint=25:bframes=8:b-pyramid=normal:ref=4"})
    for number in (21, 22, 23, 24, 25, 47, 59):
        assert picked(path, f"{number * 0.04:.2f}", None) == list(range(number, 60))


def test_past_the_end_there_are_no_frames(clips):
    for start in ("2.4", "2.41", "1000000000"):
        with pytest.raises(SegmentationError, match="no frames in the seconds asked for"):
            VideoSource(clips["in.mp4", 25], Fraction(start))
    with VideoSource(clips["in.ts", 25]) as source:
        source.span = type(source.span)(Fraction("2.41"), None)
        with pytest.raises(CannotCut):
            PacketIndex(source)


@needs_cuts
def test_of_a_picture_that_stands_long_before_the_start_one_frame_is_taken(tmp_path):
    """A screen recording in which nothing moves for a minute: the result does not begin a minute before --start."""
    path = make_clip(tmp_path / "in.mkv", 6, times=[0, 40, 80, 120, 60_000, 60_040])
    with VideoSource(path, 30, 61) as source:
        frames = [item for item in source.items() if isinstance(item, Frame)]
        index = PacketIndex(source)
    assert [number_in(frame.image) for frame in frames] == [3, 4, 5]
    assert frames[0].time == 0 and 30 < frames[1].time <= 30 + 1 / source.rate
    assert [index.seconds(number) for number in range(3)] == [frame.time for frame in frames]
    assert np.ptp([frame.time for frame in frames[1:]]) == Fraction(40, 1000)
