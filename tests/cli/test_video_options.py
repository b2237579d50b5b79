"""--start, --end and --fps: texts become exact numbers, and what no container can have is a usage error."""

import os
import subprocess
import sys
from fractions import Fraction

import pytest
from conftest import ROOT

import mask_rcnn_video
from segmentation import SegmentationError
from segmentation.cli.options import what_decides
from segmentation.cli.parser import parse
from segmentation.cli.video_options import VideoOptions, frames_a_second, make_parser, seconds
from segmentation.video.container import SMALLEST_RATE
from segmentation.video.sink import Coding, VideoSink, count_frames


@pytest.mark.parametrize("text, value, shown", [
    ("0.2", Fraction(1, 5), "0.2"), ("0.20", Fraction(1, 5), "0.2"), ("2.39", Fraction(239, 100), "2.39"),
    ("1:02.5", Fraction(125, 2), "62.5"), ("1:00:00", Fraction(3600), "3600"), ("1/3", Fraction(1, 3), "1/3"),
    ("1e3", Fraction(1000), "1000"), ("0.001", Fraction(1, 1000), "0.001"), ("0", Fraction(0), "0")])
def test_seconds_are_exact_and_shown_as_they_are_typed(text, value, shown):
    assert seconds(text) == value and str(seconds(text)) == shown == str(seconds(shown))


@pytest.mark.parametrize("option", ["--start", "--end", "--fps"])
@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e10", "1e999999999", "1e9_9_9_9_9_9_9_9_9", "1/0", "1:60",
                                  "1:2:3:4", "1:-3", ":5", "-1"])
def test_what_is_no_number_ends_with_2(option, text, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", "nowhere.mp4", "-o", "out.avi", f"{option}={text}"])
    assert caught.value.code == 2 and "must be a number" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1e-6", "1/3601", "240.1", "3000000000/100000001", "1/99999999999"])
def test_rates_that_ffmpeg_cannot_hold_end_with_2(text, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", "nowhere.mp4", "-o", "out.mp4", "--fps", text])
    assert caught.value.code == 2 and "at least 1/3600" in capsys.readouterr().err


def test_the_end_comes_after_the_start(capsys):
    with pytest.raises(SystemExit):
        mask_rcnn_video.main(["-i", "nowhere.mp4", "-o", "out.mp4", "--start", "2.50", "--end", "0:02.5"])
    assert "--end 2.5 is not after --start 2.5" in capsys.readouterr().err


def test_a_video_has_no_transparency(capsys):
    with pytest.raises(SystemExit):
        mask_rcnn_video.main(["-i", "a.mp4", "-o", "b.mp4", "--effect", "cutout", "--background", "transparent"])
    assert "--background transparent is for photos: a video has no transparency" in capsys.readouterr().err


def test_resume_compares_the_numbers_not_the_texts(tmp_path):
    texts = [what_decides(parse(make_parser(), ["-i", "a.mp4", "-o", str(tmp_path / "b.avi"), "--start", start, "--end",
                                                end], VideoOptions)) for start, end in (("0.5", "62.5"),
                                                                                        ("0.50", "1:02.5"))]
    assert texts[0] == texts[1] and (texts[0]["--start"], texts[0]["--end"]) == ("0.5", "62.5")


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_the_encoders_take_the_slowest_and_the_oddest_rates(tmp_path, suffix):
    """In a process of its own: FFmpeg crashes on an .mp4 at 1e-6 frames a second."""
    code = """if True:
        import sys, numpy as np
        from fractions import Fraction
        from segmentation.video.sink import VideoSink
        for number, rate in enumerate(sys.argv[2:]):
            with VideoSink(f"{number}{sys.argv[1]}", (64, 48), Fraction(rate)) as sink:
                for _ in range(3):
                    sink.write(np.zeros((48, 64, 3), np.uint8))"""
    rates = [str(SMALLEST_RATE), "240", "30000000/1000001", "2147483647/100000000", "1000000007/1000000009"]
    done = subprocess.run([sys.executable, "-c", code, suffix, *rates], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert [count_frames(tmp_path / f"{number}{suffix}") for number in range(len(rates))] == [3] * len(rates)
    assert all(frames_a_second(rate) == Fraction(rate) for rate in rates)


def test_a_sink_refuses_what_would_end_the_process(tmp_path):
    with pytest.raises(ValueError, match="rate must be 1/3600 to 240"):
        VideoSink(tmp_path / "out.mp4", (64, 48), Fraction(1, 1_000_000))
    with pytest.raises(SegmentationError, match=r"20000x100 are too large for libx264, .* 16384 .*; \.avi takes"):
        Coding("mp4", "libx264", (20_000, 100), Fraction(25))
    assert Coding("avi", "mjpeg", (20_000, 100), Fraction(25)).size_wh == (20_000, 100)
