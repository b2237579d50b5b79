"""Chunks of packets: whatever the codec does, their frames are those of VideoSource, each once."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clips import make_clip, needs_cuts, rotate_flag, sound_in
from conftest import SHARED

from segmentation.video.source import Frame, VideoSource
from segmentation.workers.chunks import chunk_size, cut, decode, read_chunks
from segmentation.workers.packet_index import CannotCut, Decoding, PacketIndex

pytestmark = needs_cuts
OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:bframes=3"}
VARYING = [number * 40 + (0, 13, -9, 20)[number % 4] for number in range(60)]
CLIPS = {
    "b_frames.mp4": {}, "b_frames.mkv": {"rate": Fraction(30000, 1001)},
    "open_gop.mp4": {"options": OPEN_GOP}, "open_gop.mkv": {"options": OPEN_GOP},
    "open_gop_varying.mkv": {"options": OPEN_GOP, "times": VARYING}, "varying.mp4": {"times": VARYING},
    "pyramid.mp4": {"options": {"x264-params": "open-gop=1:keyint=25:bframes=8:b-pyramid=normal:ref=4"}},
    "one_key.mp4": {"options": {"g": "1000"}}, "h265.mp4": {"codec": "libx265"},
    "mpeg4.avi": {"codec": "mpeg4"}, "mpeg2.ts": {"codec": "mpeg2video"}, "h264.ts": {},
    "mjpeg.avi": {"codec": "mjpeg"}, "odd.mkv": {"size_wh": (321, 241)},
}


def frames_of(source):
    return [item for item in source.items() if isinstance(item, Frame)]


def assert_same(frames, expected):
    assert [frame.number for frame in frames] == [frame.number for frame in expected]
    assert [frame.time for frame in frames] == [frame.time for frame in expected]
    assert all(np.array_equal(frame.image, other.image) for frame, other in zip(frames, expected))


def in_chunks(path, size, start=0, end=None, done=0, every=1):
    """The frames of each chunk of a file."""
    with VideoSource(path, start, end) as source:
        index = PacketIndex(source)
        return [list(decode(chunk, threads=1)) for chunk, _ in read_chunks(index, cut(index, size, done, every))
                if chunk]


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("size", [7, 24])
def test_chunks_give_every_frame_once_bit_for_bit(tmp_path, name, size):
    clip = make_clip(tmp_path / name, 60, **CLIPS[name])
    with VideoSource(clip) as source:
        expected = frames_of(source)
    chunks = in_chunks(clip, size)
    assert len(chunks) == -(-60 // size)
    assert_same([frame for frames in chunks for frame in frames], expected)


@pytest.mark.parametrize("name", ["b_frames.mp4", "open_gop.mkv", "open_gop_varying.mkv", "mpeg4.avi", "h264.ts"])
@pytest.mark.parametrize("start, end", [(0.5, None), (0, 1.2), (0.9, 1.7), (0.04, 0.08)])
def test_start_and_end_cut_where_videosource_cuts(tmp_path, name, start, end):
    clip = make_clip(tmp_path / name, 60, **CLIPS[name])
    with VideoSource(clip, start, end) as source:
        expected = frames_of(source)
    assert_same([frame for frames in in_chunks(clip, 10, start, end) for frame in frames], expected)


@pytest.mark.parametrize("name", ["b_frames.mp4", "b_frames.mkv", "h264.ts"])
def test_a_start_between_keyframes_loses_nothing(tmp_path, name):
    clip = make_clip(tmp_path / name, 60)
    # At 0.03 s, the first frame is still shown.
    assert [sum(map(len, in_chunks(clip, 10, start))) for start in (0.03, 0.04, 1)] == [60, 59, 35]


def test_an_edit_list_leaves_frames_out(tmp_path):
    """A copy cut without encoding: packets before the edit list's beginning are there, and are not shown."""
    whole, clip = make_clip(tmp_path / "whole.mp4", 60), tmp_path / "in.mp4"
    with av.open(str(whole)) as source, av.open(str(clip), "w") as copy:
        out = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts, packet.dts = packet.pts - 2560, packet.dts - 2560  # five frames
                packet.stream = out
                copy.mux(packet)
    with VideoSource(clip) as source:
        expected = frames_of(source)
    assert_same([frame for frames in in_chunks(clip, 10) for frame in frames], expected)


def test_turned_videos_and_the_real_ones(tmp_path):
    clips = [rotate_flag(make_clip(tmp_path / "in.mp4", 30), 90)]
    clips += [clip for clip in (SHARED / "videos" / "run.mp4",) if clip.is_file()]
    for clip in clips:
        with VideoSource(clip) as source:
            expected = frames_of(source)
        assert_same([frame for frames in in_chunks(clip, 48) for frame in frames], expected)


def test_a_chunk_reaches_back_to_the_frame_whose_objects_it_shows(tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 60)
    chunks = in_chunks(clip, 20, done=23, every=7)
    assert [(frames[0].number, frames[-1].number) for frames in chunks] == [(21, 39), (35, 59)]


def test_sound_comes_with_the_chunks(tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 60, sound=True)
    with VideoSource(clip) as source:
        index = PacketIndex(source)
        parts = list(read_chunks(index, cut(index, 20)))
        assert [bytes(item.packet) for _, sound in parts for item in sound] == sound_in(clip) != []
        assert all(item.packet.stream in source.sound for _, sound in parts for item in sound)


def test_what_cannot_be_cut_says_why(tmp_path):
    raw = make_clip(tmp_path / "in.h264", 30)
    with pytest.raises(CannotCut, match="have no times"):
        in_chunks(raw, 10)
    # An AVI with B-frames has the times of the order of decoding.
    with pytest.raises(CannotCut, match="not what its packet says"):
        in_chunks(make_clip(tmp_path / "in.avi", 30), 10)


def test_keyframes_too_far_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("segmentation.workers.chunks.LONGEST_LEAD", 20)
    clip = make_clip(tmp_path / "in.mp4", 60, options={"g": "1000"})
    with pytest.raises(CannotCut, match="keyframe too seldom"):
        in_chunks(clip, 10)
    assert len(in_chunks(clip, 60)) == 1


def test_chunks_that_would_all_begin_at_the_first_frame_are_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr("segmentation.workers.chunks.LONGEST_LEAD", 20)
    clip = make_clip(tmp_path / "in.mp4", 60)
    with pytest.raises(CannotCut, match="the network sees too few with --every 100000"):
        in_chunks(clip, 10, every=100_000)


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_a_damaged_frame_ends_the_cutting(tmp_path, name):
    clip = make_clip(tmp_path / name, 60, rate=Fraction(25))
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        at = bytes(packets[30])
    data = clip.read_bytes()
    place = data.index(at)
    clip.write_bytes(data[:place + 8] + b"\xff" * (len(at) - 8) + data[place + len(at):])
    with pytest.raises(CannotCut), VideoSource(clip) as source:
        index = PacketIndex(source)
        for number, (chunk, _) in enumerate(read_chunks(index, cut(index, 12))):
            if chunk:
                frames = list(decode(chunk))
                assert len(frames) == 12 and number < 3


def test_chunks_are_whole_segments_and_enough_for_all():
    assert chunk_size(150, 2) == 48 and chunk_size(100_000, 8) == 240 and chunk_size(0, 1) == 48
    assert chunk_size(100_000, 2, every=5) == 240 and chunk_size(1000, 1, every=10) == 240


def test_an_old_pyav_cannot_cut():
    stream = SimpleNamespace(codec_context=SimpleNamespace(codec=SimpleNamespace(name="h264")))
    with pytest.raises(CannotCut, match="does not say how frames are reordered"):
        Decoding.of(stream, (320, 240), 0)
