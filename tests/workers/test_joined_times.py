"""A source whose times jump, in one process and by workers: the same frames at one rate, and the sound with them."""

from fractions import Fraction

import av
import pytest
from clips import make_clip, needs_cuts, numbers_in, read_clip, sound_in
from workers.test_workers import assert_same


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A .ts of three clips of 60 frames with sound; the times of each begin again."""
    folder = tmp_path_factory.mktemp("clips")
    clip = make_clip(folder / "clip.ts", 60, sound=True).read_bytes()
    (folder / "in.ts").write_bytes(clip * 3)
    return folder / "in.ts"


def sound_times(path):
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size]


def bare_sound(path):
    """The packets of AAC without the header of 7 bytes that they have in .ts."""
    return [data[7:] if data.startswith(b"\xff\xf1") else data for data in sound_in(path)]


@needs_cuts
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_source_joined_of_three_stays_at_its_rate(segment, tmp_path, joined, suffix, capsys):
    assert segment(joined, f"one{suffix}", "-c", 1, "--every", 45) == 0
    out, err = capsys.readouterr()
    assert "180 total frames" in out and err.count("go back by 2.40 s") == 2
    _, times, rate = read_clip(tmp_path / f"one{suffix}")
    assert numbers_in(tmp_path / f"one{suffix}") == [*range(60)] * 3 and rate == 25
    assert times == pytest.approx([number / 25 for number in range(180)], abs=0.001)
    # .avi takes AAC only from sources that say how it is coded outside of its packets.
    assert bare_sound(tmp_path / f"one{suffix}") == ([] if suffix == ".avi" else bare_sound(joined))
    assert ("takes no aac" in err) == (suffix == ".avi")
    assert segment(joined, f"two{suffix}", "-c", 1, "--every", 45, "--workers", "2") == 0
    assert_same(tmp_path / f"one{suffix}", tmp_path / f"two{suffix}")
    assert capsys.readouterr().err.count("go back by 2.40 s") == 2
    if suffix != ".avi":
        at = sound_times(tmp_path / f"one{suffix}")
        assert len(at) % 3 == 0 and at[len(at) // 3] - at[0] == pytest.approx(2.4, abs=0.03)
        assert at[2 * len(at) // 3] - at[0] == pytest.approx(4.8, abs=0.03)
        assert at == sound_times(tmp_path / f"two{suffix}")


def test_seconds_are_counted_as_joined(segment, tmp_path, joined):
    for options in ([], ["--workers", "2"]):
        assert segment(joined, "out.mp4", "-c", 1, "--start", "2.2", "--end", "0:02.6", "--overwrite", *options) == 0
        assert numbers_in(tmp_path / "out.mp4") == [*range(55, 60), *range(5)]
        assert read_clip(tmp_path / "out.mp4")[1][-1] == pytest.approx(Fraction(9, 25))


@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
def test_frames_before_an_end_are_as_many_as_its_text_says(segment, tmp_path, options):
    source = make_clip(tmp_path / "in.mkv", 60)
    for args, expected in ((["--end", "0.2"], range(5)), (["--start", "2.39"], [59])):
        assert segment(source, "out.mp4", "-c", 1, *args, "--overwrite", *options) == 0
        assert numbers_in(tmp_path / "out.mp4") == list(expected)
