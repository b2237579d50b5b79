"""The video command line on clips made here: counts, order, rate, sound."""

import os
import re
import subprocess
import sys
import threading
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from clips import assert_only, make_clip, number_in, numbers_in, read_clip, rotate_flag, sound_in, tone
from conftest import ROOT, SHARED

import mask_rcnn_video


@pytest.mark.parametrize("name, encoder", [("out.avi", "mjpeg"), ("out.mkv", "h264"), ("out.mp4", "h264")])
@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25)])
def test_every_frame_once_in_order_at_the_sources_rate(segment, tmp_path, name, encoder, rate, capsys):
    source = make_clip(tmp_path / "in.mp4", 100, rate)
    assert segment(source, name) == 0
    images, times, result_rate = read_clip(tmp_path / name)
    assert [number_in(image) for image in images] == list(range(100))
    assert result_rate == rate and times[-1] == pytest.approx(float(99 / rate), abs=0.002)
    with av.open(str(tmp_path / name)) as result:
        assert result.streams.video[0].codec_context.name == encoder
    assert_only(tmp_path, "in.mp4", name)
    # The object is drawn where it is.
    x = 20
    assert np.abs(images[50][140, x + 30].astype(int) - read_clip(source)[0][50][140, x + 30]).max() > 20
    out = capsys.readouterr().out
    for line in (r"100 total frames in video", r"single frame took \d+\.\d{4} seconds",
                 r"estimated total time to finish: \d+\.\d{4}", r"cleaning up\.\.\.", r"100 frames read, 100 written",
                 r"person: seen 100 times on 100 frames", r"seconds per frame: decode .* network .* draw .* encode"):
        assert re.search(rf"^\[INFO\] {line}", out, re.M), line


def test_an_avi_opens_in_opencv_at_its_rate(segment, tmp_path):
    assert segment(make_clip(tmp_path / "in.mp4", 20, Fraction(24))) == 0
    capture = cv2.VideoCapture(str(tmp_path / "out.avi"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(24) and capture.get(cv2.CAP_PROP_FRAME_COUNT) == 20
    assert int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little") == b"MJPG"


@pytest.mark.parametrize("name", ["out.avi", "out.mkv", "out.mp4"])
def test_sound_is_copied_bit_for_bit_and_keeps_in_step(segment, tmp_path, name):
    source = make_clip(tmp_path / "in.mp4", 75, Fraction(25), sound=True)
    assert segment(source, name) == 0
    assert sound_in(tmp_path / name) == sound_in(source) != []
    images, times, rate = read_clip(tmp_path / name)
    assert [number_in(image) for image in images] == list(range(75)) and rate == 25
    assert times == pytest.approx([number / 25 for number in range(75)], abs=0.001)
    assert segment(source, "mute" + name, "--no-audio") == 0
    assert sound_in(tmp_path / f"mute{name}") == []


def test_sound_that_the_container_does_not_take_is_left_out_with_a_line(segment, tmp_path, capsys, monkeypatch):
    source = make_clip(tmp_path / "in.mp4", 10, sound=True)
    monkeypatch.setattr("segmentation.video.sink.takes_sound", lambda container, stream: False)
    assert segment(source) == 0
    assert "the sound is left out: .avi takes no aac" in capsys.readouterr().err


def test_variable_rate_keeps_its_times(segment, tmp_path, capsys):
    times = [0, 40, 80, 200, 240, 600, 640, 700, 900, 1300]
    source = make_clip(tmp_path / "in.mkv", 10, times=times)
    for name in ("out.mkv", "out.mp4"):
        assert segment(source, name) == 0
        images, seconds, _ = read_clip(tmp_path / name)
        assert [number_in(image) for image in images] == list(range(10))
        assert seconds == pytest.approx([at / 1000 for at in times], abs=0.002)
    assert segment(source, "out.avi") == 0
    images, seconds, rate = read_clip(tmp_path / "out.avi")
    assert [number_in(image) for image in images] == list(range(10))
    assert "at their average rate" in capsys.readouterr().out
    assert float(10 / rate) == pytest.approx(1.34, abs=0.2)  # it lasts as long as the source


def test_another_rate_can_be_asked_for_and_then_there_is_no_sound(segment, tmp_path, capsys):
    source = make_clip(tmp_path / "in.mp4", 30, Fraction(30000, 1001), sound=True)
    assert segment(source, "out.avi", "--fps", "30") == 0
    assert read_clip(tmp_path / "out.avi")[2] == 30 and sound_in(tmp_path / "out.avi") == []
    assert "the sound is left out" in capsys.readouterr().err


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_clips_come_out_upright(segment, tmp_path, degrees):
    source = rotate_flag(make_clip(tmp_path / "in.mp4", 5), degrees)
    assert segment(source) == 0
    capture = cv2.VideoCapture(str(source))
    _, expected = capture.read()  # OpenCV turns it too
    image = read_clip(tmp_path / "out.avi")[0][0]
    assert image.shape == expected.shape == ((240, 320, 3) if degrees == 180 else (320, 240, 3))
    corners = [picture[::picture.shape[0] - 1, ::picture.shape[1] - 1].astype(int) for picture in (image, expected)]
    assert np.abs(corners[0] - corners[1]).max() < 30


@pytest.mark.parametrize("size_wh", [(321, 241), (320, 243), (333, 240)])
def test_odd_sides_keep_every_row_and_column(segment, tmp_path, size_wh, capsys):
    source = make_clip(tmp_path / "in.mkv", 5, size_wh=size_wh)
    assert segment(source, "out.avi") == 0 and segment(source, "out.mp4") == 0
    width, height = size_wh
    assert read_clip(tmp_path / "out.avi")[0][0].shape == (height, width, 3)
    assert read_clip(tmp_path / "out.mp4")[0][0].shape == (height + height % 2, width + width % 2, 3)
    assert numbers_in(tmp_path / "out.avi") == numbers_in(tmp_path / "out.mp4") == list(range(5))
    assert "padded by one" in capsys.readouterr().out


def test_a_frame_of_another_size_is_resized_to_the_first_with_a_warning(segment, tmp_path, capsys):
    parts = [make_clip(tmp_path / f"{width}.h264", 5, size_wh=(width, 240)) for width in (320, 352)]
    source = tmp_path / "in.h264"
    source.write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    assert segment(source) == 0
    images = read_clip(tmp_path / "out.avi")[0]
    assert [image.shape for image in images] == [(240, 320, 3)] * 10
    assert capsys.readouterr().err.count("changes its size to 352x240 at frame 5") == 1


def test_one_frame_is_a_video(segment, tmp_path):
    assert segment(make_clip(tmp_path / "in.mp4", 1)) == 0
    assert numbers_in(tmp_path / "out.avi") == [0]


def test_start_and_end_cut_by_seconds(segment, tmp_path):
    source = make_clip(tmp_path / "in.mp4", 100, Fraction(25), sound=True)
    assert segment(source, "out.avi", "--start", "1", "--end", "3") == 0
    assert numbers_in(tmp_path / "out.avi") == list(range(25, 75))
    assert len(sound_in(tmp_path / "out.avi")) * 1024 / 44100 == pytest.approx(2, abs=0.05)


def test_every_nth_frame_is_looked_at_and_all_are_drawn(segment, net, tmp_path):
    source = make_clip(tmp_path / "in.mp4", 20)
    assert segment(source, "out.avi", "--every", "6") == 0
    assert net.seen == [0, 6, 12, 18] and numbers_in(tmp_path / "out.avi") == list(range(20))
    images = read_clip(tmp_path / "out.avi")[0]
    assert np.abs(images[5][150, 25:75].astype(int) - images[0][150, 25:75]).max() < 12  # drawn where it was at 0


@pytest.mark.parametrize("content, said", [
    (None, "there is no such file"), (b"", "cannot read .* as a video"), (b"text\n" * 99, "cannot read .* as a video")])
def test_what_is_no_video_is_one_line_and_leaves_nothing(segment, tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "in.mp4").write_bytes(content)
    assert segment(tmp_path / "in.mp4") == 1
    assert re.fullmatch(rf"\[ERROR\] .*{said}.*\n", capsys.readouterr().err)
    assert not (tmp_path / "out.avi").exists() and len(os.listdir(tmp_path)) <= 1


def test_sound_alone_and_no_frames_are_named(segment, tmp_path, capsys):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(5):
            container.mux(stream.encode(tone(number, Fraction(25))))
        container.mux(stream.encode(None))
    assert segment(tmp_path / "sound.mp4") == 1
    assert "sound.mp4 has no video in it" in capsys.readouterr().err
    assert segment(make_clip(tmp_path / "in.mp4", 10), "out.avi", "--start", "5") == 1
    assert "no frames in the seconds asked for" in capsys.readouterr().err
    assert not (tmp_path / "out.avi").exists()


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
def test_a_title_that_is_not_utf_8_ends_nothing(segment, tmp_path, suffix):
    clip = make_clip(tmp_path / f"clip.{suffix}", 6, codec="mjpeg" if suffix == "avi" else "libx264")
    with av.open(str(clip)) as source, av.open(str(tmp_path / f"titled.{suffix}"), "w") as titled:
        titled.metadata["title"] = "Caf\u00e9 0123"
        out = titled.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = out
                titled.mux(packet)
    content, title = (tmp_path / f"titled.{suffix}").read_bytes(), "Caf\u00e9 0123".encode()
    assert title in content
    (tmp_path / f"old.{suffix}").write_bytes(content.replace(title, "Caf\u00e9 01234".encode("latin-1")))
    assert segment(tmp_path / f"old.{suffix}") == 0
    assert numbers_in(tmp_path / "out.avi") == list(range(6))


def test_sound_of_a_kind_that_nobody_knows_is_left_out_with_a_line(segment, tmp_path, capsys):
    clip = make_clip(tmp_path / "clip.mkv", 6, sound=True)
    content = clip.read_bytes()
    assert content.count(b"A_AAC") == 1
    (tmp_path / "odd.mkv").write_bytes(content.replace(b"A_AAC", b"A_QQQ"))
    assert segment(tmp_path / "odd.mkv", "out.mkv") == 0
    assert "the sound is left out: .mkv takes no sound of this kind" in capsys.readouterr().err
    assert numbers_in(tmp_path / "out.mkv") == list(range(6))


@pytest.mark.parametrize("suffix, flags", [("mp4", {"movflags": "faststart"}), ("mkv", {}), ("avi", {})])
def test_a_source_that_breaks_off_is_written_up_to_there(segment, tmp_path, capsys, suffix, flags):
    whole = make_clip(tmp_path / f"whole.{suffix}", 90, codec="mjpeg" if suffix == "avi" else "libx264")
    if flags:
        with av.open(str(whole)) as source, av.open(str(tmp_path / "moved.mp4"), "w", options=flags) as moved:
            out = moved.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = out
                    moved.mux(packet)
        whole = tmp_path / "moved.mp4"
    broken = tmp_path / f"broken.{suffix}"
    broken.write_bytes(whole.read_bytes()[:int(whole.stat().st_size * 0.6)])
    code = segment(broken)
    err = capsys.readouterr().err
    numbers = numbers_in(tmp_path / "out.avi")
    # The last of them may be cut through the middle.
    assert 20 < len(numbers) < 90 and numbers[:-1] == list(range(len(numbers) - 1))
    assert code == 1 and f"breaks off after frame {len(numbers) - 1}" in err, err


def test_an_output_that_exists_is_kept_unless_told(segment, net, tmp_path, capsys):
    source = make_clip(tmp_path / "in.mp4", 3)
    (tmp_path / "out.avi").write_bytes(b"precious")
    assert segment(source) == 1 and net.seen == []
    assert (tmp_path / "out.avi").read_bytes() == b"precious" and "--overwrite" in capsys.readouterr().err
    assert segment(source, "out.avi", "--overwrite") == 0
    assert numbers_in(tmp_path / "out.avi") == [0, 1, 2]
    assert segment(source, "in.mp4", "--overwrite") == 1
    assert "would replace the input" in capsys.readouterr().err


@pytest.mark.parametrize("args, said", [
    (["-o", "x.xyz"], "output video must end in .avi, .mp4, .mkv"), (["-o", "x"], "must end in"),
    (["--every", "0"], "from 1"),
    (["--fps", "0"], "above 0"), (["--fps", "1000"], "up to 240"), (["--start", "-1"], "from 0"),
    (["--palette", "mood"], "invalid choice"), (["-c", "2"], "from 0 to 1")])
def test_usage_errors_end_with_2_before_any_work(args, said, capsys):
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", "nowhere.mp4", "-o", "out.avi", *args])
    assert caught.value.code == 2 and said in capsys.readouterr().err


def test_an_encoder_that_is_missing_is_an_error_before_any_work(monkeypatch, capsys):
    monkeypatch.setattr(av, "codecs_available", {"mjpeg"})
    with pytest.raises(SystemExit) as caught:
        mask_rcnn_video.main(["-i", "nowhere.mp4", "-o", "out.mp4"])
    assert caught.value.code == 2 and "no encoder for .mp4" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_the_same_frames_give_the_same_bytes_whatever_memory_held_before(suffix):
    code = f"""if True:
        import sys, zlib, numpy as np
        from fractions import Fraction
        from segmentation.video.sink import Coding, FrameEncoder
        random, checksum = np.random.default_rng(5), 0
        encode = FrameEncoder(Coding.of({suffix!r}, (320, 240), Fraction(25)))
        image = random.integers(0, 255, (240, 320, 3), np.uint8)
        for number in range(30):
            image = np.roll(image, 3, axis=1) // 2 + random.integers(0, 127, (240, 320, 3), np.uint8)
            for packet in encode(image, number, number):
                checksum = zlib.crc32(packet, checksum)
        for packet in encode.flush():
            checksum = zlib.crc32(packet, checksum)
        print(checksum)"""
    # glibc fills what it gives with the complement of this byte: what reads memory that is not set yet then differs.
    results = {subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True,
                              env={**os.environ, "MALLOC_PERTURB_": byte}).stdout for byte in "01"}
    assert len(results) == 1


def test_a_stream_that_stalls_ends_the_run_properly(segment, net, tmp_path, monkeypatch, capsys):
    """A source that gives frames and then nothing more, as a camera does that was unplugged."""
    from segmentation.video import source as video_source
    real, stalled = video_source.VideoSource.items, threading.Event()

    def items(self):
        for item in real(self):
            yield item
            if item.number == 9:
                self.live = True
                stalled.wait(30)
    monkeypatch.setattr(video_source.VideoSource, "items", items)
    monkeypatch.setattr("segmentation.video.looks.PATIENCE", 0.5)
    source = make_clip(tmp_path / "in.mp4", 30)
    monkeypatch.setattr("segmentation.cli.video_run.VideoSource", live_source)
    assert segment(source) == 0
    stalled.set()
    assert "has ended: nothing came for 0.5 s" in capsys.readouterr().out
    assert numbers_in(tmp_path / "out.avi") == list(range(10))


def live_source(*args):
    from segmentation.video.source import VideoSource
    source = VideoSource(*args)
    source.live = True
    return source


def test_a_camera_that_is_not_there_is_one_line(segment, tmp_path, capsys):
    assert segment("7") == 1
    assert re.fullmatch(r"\[ERROR\] cannot read .*7 as a video: .*\n", capsys.readouterr().err)


def test_a_stream_over_http_is_read_to_its_end(segment, tmp_path, monkeypatch):
    import functools
    import http.server
    source = make_clip(tmp_path / "in.mkv", 20)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert segment(f"http://127.0.0.1:{server.server_port}/{source.name}") == 0
        server.shutdown()
    assert numbers_in(tmp_path / "out.avi") == list(range(20))


def test_a_rate_without_sense_is_replaced_with_a_warning(segment, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("segmentation.video.container.frame_rate", lambda stream: None)
    assert segment(make_clip(tmp_path / "in.mp4", 10)) == 0
    assert read_clip(tmp_path / "out.avi")[2] == 30
    assert "30 is taken; --fps sets another" in capsys.readouterr().err


def test_a_last_frame_that_is_shown_long_is_no_broken_source(segment, tmp_path, capsys):
    for name in ("in.mkv", "in.mp4"):
        source = make_clip(tmp_path / name, 12, times=[0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400, 2400])
        assert segment(source, "out.mkv", "--overwrite") == 0, capsys.readouterr().err


def test_start_works_where_there_is_no_seeking(segment, tmp_path):
    source = make_clip(tmp_path / "in.h264", 50, options={"bf": "0"})
    assert segment(source, "out.avi", "--start", "1") == 0
    numbers = numbers_in(tmp_path / "out.avi")
    assert numbers == list(range(numbers[0], 50)) and 20 <= numbers[0] <= 30


@pytest.mark.parametrize("name, frames, rate", [("cars.mp4", 97, Fraction(1241600, 25337)),
                                                ("run.mp4", 150, Fraction(30000, 1001))])
def test_real_clips_keep_their_frames_and_their_rate(segment, tmp_path, name, frames, rate):
    clip = SHARED / "videos" / name
    if not clip.is_file():
        pytest.skip(f"no clip at {clip}")
    assert segment(clip, "out.avi", "--every", "50") == 0
    with av.open(str(tmp_path / "out.avi")) as result:
        packets = sum(packet.size > 0 for packet in result.demux(video=0))
        assert packets == frames and float(result.streams.video[0].guessed_rate) == pytest.approx(float(rate), rel=1e-5)
