"""Partial videos: what a run that was killed has left is used as far as it is whole, and broken notes are not."""

import json
from fractions import Fraction

import numpy as np
import pytest
from clips import numbered

from segmentation import SegmentationError
from segmentation.video.notes import Notes, Point, hash_of
from segmentation.video.resumable import Finished, PartialVideo
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


# ---- Notes -----------------------------------------------------------------------------------------------

NOTES = Notes({"--every": "3", "--input": "7 bytes"}, [Point(48, {"ids": None, "seen": {"dog": 2}}), Point(96, {})],
              replaces=True, steps=[("/out/a.partial.avi", "/out/a.avi"), ("/out/a.partial.avi.json", None)])


def test_notes_are_read_as_they_were_saved(tmp_path):
    NOTES.save(tmp_path / "notes.json")
    assert Notes.read(tmp_path / "notes.json") == NOTES


def test_no_changed_notes_are_read(tmp_path):
    path = tmp_path / "notes.json"
    NOTES.save(path)
    content = path.read_bytes()
    for place in range(0, len(content) - 1, 3):
        for changed in (content[:place], content[:place] + bytes([content[place] ^ 1]) + content[place + 1:],
                        content[:place] + b"9" + content[place + 1:]):
            path.write_bytes(changed)
            try:
                assert Notes.read(path) == NOTES  # a space of JSON became a tab, or a 9 was there
            except SegmentationError as error:
                assert "is broken, or of another version of this program; start over by --overwrite" in str(error)


@pytest.mark.parametrize("text", [
    "", "[]", "null", "7", '"notes"', "{}", "[" * 100_000, '{"notes": []}', '{"notes": 1, "sha256": null}', "\udcff",
    '{"options": {}, "points": [[1]]}', '{"options": {}, "points": [[-5, {"ids": null}]]}'])
def test_broken_notes_are_one_sentence(tmp_path, text):
    path = tmp_path / "out.partial.avi.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(SegmentationError, match=r"^cannot resume: .*out\.partial\.avi\.json is broken"):
        PartialVideo(tmp_path / "out.avi", resume=True)


def test_notes_of_another_format_are_not_read(tmp_path):
    text = json.dumps({"format": 1, "options": {}, "points": [[-5, {}]], "replaces": False, "steps": []})
    (tmp_path / "notes.json").write_text(f'{{"sha256": "{hash_of(text)}", "notes": {text}}}')
    with pytest.raises(SegmentationError, match="of another version of this program"):
        Notes.read(tmp_path / "notes.json")


def test_options_that_came_and_went_are_named_too():
    assert NOTES.changes({"--every": "3", "config": "ab"}) == ["--input was 7 bytes, now not given",
                                                               "config was not given, now ab"]


# ---- Partial videos --------------------------------------------------------------------------------------

def write_partial(path, frames, resume=False, state=None, fit=lambda state: True, killed=True, **given):
    """Write frames of a partial video, as a run that is then killed; how many of the earlier run were used."""
    with PartialVideo(path, resume=resume, **given) as partial:
        partial.start({}, fit)
        writer = partial.open((320, 240), Fraction(25))
        for number in range(frames):
            if number < partial.done:
                writer.copy_frame()
            else:
                writer.write(numbered(number), None, state or {})
        if killed:
            writer.behind.drain()
            writer.sink.container.close()
        else:
            writer.finish(frames)
        return partial.done


def test_a_resume_point_that_other_files_do_not_fit_is_not_used(tmp_path, capsys):
    for usable in (96, 48):
        write_partial(tmp_path / "out.avi", 100)
        fit = iter([False] * (96 // usable - 1) + [True])
        assert write_partial(tmp_path / "out.avi", 100, resume=True, fit=lambda state, fit=fit: next(fit)) == usable
        (tmp_path / "out.partial.old.avi").unlink()
        (tmp_path / "out.partial.avi").unlink()
    assert "not as it left them: going on after 48 frames" in capsys.readouterr().err
    write_partial(tmp_path / "out.avi", 100)
    assert write_partial(tmp_path / "out.avi", 100, resume=True, fit=lambda state: False, killed=False) == 0
    assert "not as it left them: going on at the first frame" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out.avi"]


def test_frames_of_a_run_with_other_options_are_never_mixed_in(tmp_path):
    """A run that starts over leaves nothing of the one before, even if it is killed early."""
    write_partial(tmp_path / "out.avi", 60)
    write_partial(tmp_path / "out.avi", 70, resume=True)  # copies the frames of the first: two partial videos
    write_partial(tmp_path / "out.avi", 50, overwrite=True)
    assert not (tmp_path / "out.partial.old.avi").exists() and count_frames(tmp_path / "out.partial.avi") == 50


def test_a_run_that_may_replace_files_may_so_when_it_is_resumed(tmp_path):
    rows = tmp_path / "rows.csv"
    for path in (tmp_path / "out.avi", rows):
        path.write_text("of an earlier run")
    with pytest.raises(SegmentationError, match=r"out\.avi exists already: name another --output, or add"):
        write_partial(tmp_path / "out.avi", 60)
    write_partial(tmp_path / "out.avi", 60, overwrite=True, beside=[rows])
    assert write_partial(tmp_path / "out.avi", 70, resume=True, beside=[rows], killed=False) == 48
    with pytest.raises(SegmentationError, match=r"rows\.csv exists already: name another file, or add"):
        write_partial(tmp_path / "other.avi", 60, beside=[rows])


def test_partial_rows_of_another_video_are_not_lost(tmp_path):
    partial = tmp_path / "rows.partial.csv"
    partial.write_text("hours of work")
    for resume in (False, True):
        with pytest.raises(SegmentationError, match=r"rows\.partial\.csv is left of an earlier run: go on with that"):
            write_partial(tmp_path / "out.avi", 3, resume=resume, partial_beside=[partial])
    assert partial.read_text() == "hours of work" and [path.name for path in tmp_path.iterdir()] == [partial.name]


def test_one_run_at_a_time_has_the_files_of_a_video(tmp_path):
    rows = tmp_path / "rows.csv"
    with PartialVideo(tmp_path / "out.avi", [rows]) as partial:
        partial.start({})
        for output, beside in (("out.avi", []), ("other.avi", [rows])):
            for given in ({}, {"overwrite": True}, {"resume": True}):
                with pytest.raises(SegmentationError, match="is being written by another run"):
                    PartialVideo(tmp_path / output, beside, **given)
    assert list(tmp_path.iterdir()) == []
    PartialVideo(tmp_path / "other.avi", [rows]).close()


def test_steps_that_a_killed_run_has_left_are_done_and_each_only_once(tmp_path):
    done, todo, gone = tmp_path / "rows.csv", tmp_path / "out.partial.avi", tmp_path / "rows.partial.jsonl"
    for path in (done, todo, gone):
        path.write_text(path.name)
    notes = tmp_path / "out.partial.avi.json"
    steps = [(str(tmp_path / "rows.partial.csv"), str(done)), (str(todo), str(tmp_path / "out.avi")),
             (str(gone), None), (str(notes), None)]
    Notes({}, steps=steps).save(notes)
    with pytest.raises(Finished, match=r"out\.avi is complete"), \
            PartialVideo(tmp_path / "out.avi", [done], resume=True) as partial:
        partial.start({})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "rows.csv": "rows.csv", "out.avi": "out.partial.avi"}


def test_a_step_whose_file_is_lost_is_an_error_and_stays_to_be_done(tmp_path):
    notes = tmp_path / "out.partial.avi.json"
    Notes({}, steps=[(str(tmp_path / "out.partial.avi"), str(tmp_path / "out.avi")), (str(notes), None)]).save(notes)
    with pytest.raises(SegmentationError, match=r"^cannot write .*out\.avi: No such file"), \
            PartialVideo(tmp_path / "out.avi", resume=True) as partial:
        partial.start({})
    assert notes.exists()
