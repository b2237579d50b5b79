"""Times that jump: every frame comes once, at the source's rate, and the sound stays with its picture."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clips import make_clip, needs_cuts, number_in

from segmentation.video.clock import Clock
from segmentation.video.source import Frame, Sound, VideoSource
from segmentation.workers.chunks import cut, decode, read_chunks
from segmentation.workers.packet_index import PacketIndex

UNIT = Fraction(1, 1000)


class Stream:
    time_base = UNIT


PICTURE, VOICE = Stream(), Stream()


def moved(clip, path, seconds):
    """A copy of a clip whose times are later; past MPEG's 33 bits they begin again at 0."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as copy:
        out = {stream: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                offset = round(seconds / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, out[packet.stream]
                copy.mux(packet)
    return path


def join(path, *clips):
    path.write_bytes(b"".join(clip.read_bytes() for clip in clips))
    return path


def read(path, start=0, end=None):
    """(frames, sound) of a file."""
    with VideoSource(path, start, end) as source:
        items = list(source.items())
    return [item for item in items if isinstance(item, Frame)], [item for item in items if isinstance(item, Sound)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """By letter: a clip of 30 frames with sound, one an hour later, one whose clock begins again, one 5 s later."""
    folder = tmp_path_factory.mktemp("clips")
    first = make_clip(folder / "a.ts", 30, sound=True)
    return {"a": first, "h": moved(first, folder / "h.ts", Fraction(3600)),
            "w": moved(first, folder / "w.ts", Fraction(1 << 33, 90_000) - 1), "5": moved(first, folder / "5.ts", 5),
            "m": make_clip(folder / "m.ts", 30), "L": make_clip(folder / "L.ts", 60),
            "n": make_clip(folder / "n.ts", 30, Fraction(30000, 1001))}


@pytest.mark.parametrize("letters, jumps", [
    ("aaa", ["go back by 1.20 s at 1.20 s", "go back by 1.20 s at 2.40 s"]),
    ("ah", ["leap ahead by 3598.80 s at 1.20 s"]), ("ha", ["go back by 3601.20 s at 1.20 s"]),
    ("hah", ["go back by 3601.20 s at 1.20 s", "leap ahead by 3598.80 s at 2.40 s"]),
    ("aw", ["go back by 2.20 s at 1.20 s"]), ("w", []), ("mmm", ["go back by 1.20 s at 1.20 s", "at 2.40 s"]),
    ("nn", ["go back by 1.00 s at 1.00 s"]), ("ama", ["go back by 1.20 s at 1.20 s", "at 2.40 s"])])
def test_parts_follow_each_other_at_the_sources_rate(clips, tmp_path, letters, jumps, capsys):
    rate = Fraction(30000, 1001) if "n" in letters else Fraction(25)
    path = join(tmp_path / "in.ts", *(clips[letter] for letter in letters))
    with VideoSource(path) as source:
        assert (source.rate, source.variable, source.frames) == (rate, False, 30 * len(letters))
        frames = [item for item in source.items() if isinstance(item, Frame)]
        assert source.trouble is None
    assert [number_in(frame.image) for frame in frames] == [*range(30)] * len(letters)
    assert [frame.time for frame in frames] == [number / rate for number in range(len(frames))]
    err = capsys.readouterr().err
    assert err.count("[WARNING]") == len(jumps) and all(said in err for said in jumps), err


@pytest.mark.parametrize("letters", ["aaa", "ah", "hah", "aw", "aLa"])
def test_sound_moves_with_its_picture(clips, tmp_path, letters):
    path = join(tmp_path / "in.ts", *(clips[letter] for letter in letters))
    _, alone = read(clips["a"])
    _, sound = read(path)
    begins = [Fraction(sum(60 if other == "L" else 30 for other in letters[:place]), 25) for place in range(3)]
    expected = [(item.time + begin, bytes(item.packet))
                for letter, begin in zip(letters, begins) if letter != "L" for item in alone]
    assert [bytes(item.packet) for item in sound] == [data for _, data in expected]
    # MPEG's clock cannot hold the times of AAC exactly.
    assert all(abs(item.time - at) < Fraction(1, 1000) for item, (at, _) in zip(sound, expected))


@needs_cuts
@pytest.mark.parametrize("letters", ["aaa", "hah", "aw"])
@pytest.mark.parametrize("start, end", [(0, None), (1.1, 2.5)])
def test_chunks_have_the_same_frames_times_and_sound(clips, tmp_path, letters, start, end):
    path = join(tmp_path / "in.ts", *(clips[letter] for letter in letters))
    frames, sound = read(path, start, end)
    with VideoSource(path, start, end) as source:
        index = PacketIndex(source)
        parts = list(read_chunks(index, cut(index, 12)))
        chunked = [frame for chunk, _ in parts if chunk for frame in decode(chunk)]
        assert [index.seconds(number) for number in range(len(index))] == [frame.time for frame in frames]
    assert [frame.time for frame in chunked] == [frame.time for frame in frames]
    assert all(np.array_equal(frame.image, other.image) for frame, other in zip(chunked, frames))
    assert [(item.time, bytes(item.packet)) for _, part in parts for item in part] == [
        (item.time, bytes(item.packet)) for item in sound]


def test_a_pause_of_some_seconds_is_no_jump(clips, tmp_path, capsys):
    frames, sound = read(join(tmp_path / "in.ts", clips["a"], clips["5"]))
    assert frames[30].time == 5 and frames[-1].time == Fraction(5 * 25 + 29, 25) and sound[-1].time > 6
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_long_pause_in_a_screen_recording_stays(tmp_path, suffix, capsys):
    times = [0, 40, 80, 30_000, 30_040, 90_000, 90_040]
    frames, _ = read(make_clip(tmp_path / f"in.{suffix}", 7, times=times))
    assert [frame.time * 1000 for frame in frames] == times and capsys.readouterr().err == ""


def test_a_source_that_jumps_often_says_so_three_times(clips, tmp_path, capsys):
    frames, _ = read(join(tmp_path / "in.ts", *[clips["m"]] * 6))
    assert len(frames) == 180 and frames[-1].time == Fraction(179, 25)
    err = capsys.readouterr().err
    assert err.count("go back by 1.20 s") == 3 == err.count("\n") and "more jumps are joined without a line" in err


# ---- The clock alone -------------------------------------------------------------------------------------

def packets(stream, times, duration=40):
    """A packet for each of the times in milliseconds."""
    made = []
    for at in times:
        packet = SimpleNamespace(stream=stream, pts=at, dts=at, time_base=UNIT, size=1, duration=duration)
        made.append(packet)
    return made


def joined(*parts, can_leap=True):
    """The joined times of the picture and those of the sound, of lists of packets one after the other."""
    out = list(Clock(PICTURE, can_leap).joined(packet for part in parts for packet in part))
    assert len(out) == sum(map(len, parts))
    return [[packet.pts for packet in out if packet.stream is stream] for stream in (PICTURE, VOICE)]


def test_a_slide_that_stands_while_the_sound_goes_on_is_no_leap():
    speech = packets(VOICE, range(0, 60_000, 100), 100)
    picture, sound = joined(packets(PICTURE, [0, 40]), speech, packets(PICTURE, [60_000, 60_040]))
    assert picture == [0, 40, 60_000, 60_040] and sound == list(range(0, 60_000, 100))
    picture, _ = joined(packets(PICTURE, [0, 40]), packets(PICTURE, [60_000, 60_040]))
    assert picture == [0, 40, 80, 120]


def test_sound_that_comes_before_its_picture_waits_for_it():
    times = [1000, 1040, 1080]
    picture, sound = joined(packets(PICTURE, times), packets(VOICE, times), packets(VOICE, [5, 45]),
                            packets(PICTURE, [10, 50, 90]))
    # The picture of the second part begins at 1120 instead of 10, so its sound begins at 1115.
    assert picture == [*times, 1120, 1160, 1200] and sound == [*times, 1115, 1155]


def test_sound_that_is_stored_far_from_its_picture_stays(tmp_path):
    """Some files hold all of the picture before the sound."""
    picture, sound = joined(packets(PICTURE, range(0, 60_000, 40)), packets(VOICE, range(0, 60_000, 40)))
    assert picture == sound == list(range(0, 60_000, 40))


def test_sound_that_jumps_alone_follows_what_was_before():
    _, sound = joined(packets(VOICE, [1000, 1040]), packets(PICTURE, range(0, 4000, 40)), packets(VOICE, [200, 240]),
                      packets(PICTURE, range(4000, 10_000, 40)), packets(VOICE, [280]))
    assert sound == [1000, 1040, 1080, 1120, 1160]


def test_frames_shown_before_the_first_keyframe_of_a_part_stay_before_it():
    picture, _ = joined(packets(PICTURE, [400, 440, 480]), [
        SimpleNamespace(stream=PICTURE, pts=pts, dts=dts, time_base=UNIT, size=1, duration=40)
        for pts, dts in ((80, 0), (0, 40), (40, 80), (120, 120))])
    assert picture == [400, 440, 480, 600, 520, 560, 640]


def test_an_error_of_the_source_comes_after_all_packets_before_it():
    def broken():
        yield from packets(PICTURE, [1000, 1040, 0])
        raise av.error.FFmpegError(1, "it broke")
    read_so_far = []
    with pytest.raises(av.error.FFmpegError, match="it broke"):
        read_so_far.extend(packet.pts for packet in Clock(PICTURE, True).joined(broken()) if read_so_far.append(packet))
    assert [packet.pts for packet in read_so_far] == [1000, 1040, 1080]
