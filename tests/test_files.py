"""Files that are complete or not there, and one run at a time that writes them."""

import errno
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from segmentation import SegmentationError
from segmentation.files import complete_file, fingerprint, only_writer

HOLD = """if True:
    import sys, time
    from segmentation.files import only_writer
    with only_writer(sys.argv[1]):
        print("held", flush=True)
        time.sleep(60)"""


def test_a_second_writer_is_refused_in_words_and_the_lock_leaves_nothing(tmp_path):
    output = tmp_path / "new" / "out.avi"
    with only_writer(output):
        with pytest.raises(SegmentationError, match=r"out\.avi is being written by another run: wait for it, or"), \
                only_writer(output):
            pass
        with only_writer(tmp_path / "new" / "out.mp4"):
            pass
    with only_writer(output):
        pass
    assert os.listdir(tmp_path / "new") == []


def test_a_writer_that_fails_gives_the_lock_back_and_keeps_its_error(tmp_path):
    with pytest.raises(ValueError, match="its own"), only_writer(tmp_path / "out.avi"):
        raise ValueError("its own")
    with only_writer(tmp_path / "out.avi"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_lock_is_given_back_by_another_thread_too(tmp_path):
    lock = only_writer(tmp_path / "out.avi")
    thread = threading.Thread(target=lock.__enter__)
    thread.start()
    thread.join()
    lock.__exit__(None, None, None)
    with only_writer(tmp_path / "out.avi"):
        pass


def test_the_lock_goes_with_a_killed_process(tmp_path):
    output = tmp_path / "out.avi"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, output], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(SegmentationError, match="is being written by another run"), only_writer(output):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with only_writer(output):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SegmentationError, match=r"^cannot write .*file/out\.avi: "), \
            only_writer(tmp_path / "file" / "out.avi"):
        pass


def count_up(path):
    """Add one to the number in a file, many times, each time as its only writer."""
    done = 0
    while done < 30:
        try:
            with only_writer(path):
                path.write_text(str(int(path.read_text()) + 1))
            done += 1
        except SegmentationError:
            pass


def test_never_are_there_two_writers(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=count_up, args=(path,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert path.read_text() == "90" and os.listdir(tmp_path) == ["count"]


def test_a_temporary_file_of_a_killed_run_is_used_again(tmp_path):
    code = """if True:
        import os, signal, sys
        from segmentation.files import complete_file
        with complete_file(sys.argv[1]) as temporary:
            temporary.write_bytes(b"half, and much longer than what comes later")
            os.kill(os.getpid(), signal.SIGKILL)"""
    path = tmp_path / "photo.png"
    subprocess.run([sys.executable, "-c", code, path], cwd=ROOT)
    assert len(os.listdir(tmp_path)) == 1
    with complete_file(path) as temporary:
        assert temporary.name in os.listdir(tmp_path) and temporary.suffix == ".png"
        temporary.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["photo.png"] and path.read_bytes() == b"whole"


def test_two_that_write_the_same_path_have_two_temporary_files(tmp_path):
    path = tmp_path / "photo.png"
    with complete_file(path) as first:
        first.write_bytes(b"first")
        with complete_file(path) as second:
            second.write_bytes(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["photo.png"]


def test_what_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"old")
    with pytest.raises(SegmentationError, match=r"cannot write .*photo\.png: No space"), complete_file(path) as new:
        new.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["photo.png"]


def test_a_copy_has_the_same_fingerprint_and_another_file_of_its_size_has_not(tmp_path):
    content = bytes(range(256)) * 4_000
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    first = fingerprint(path)
    assert re.fullmatch("1024000 bytes, hash [0-9a-f]{16}", first)
    shutil.copy(path, tmp_path / "moved.mp4")
    os.utime(path, (1, 1))
    assert fingerprint(path) == fingerprint(tmp_path / "moved.mp4") == first
    for place in (0, 500_000, 1_023_999):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
        assert fingerprint(path) != first
    path.write_bytes(b"")
    assert fingerprint(path).startswith("0 bytes")
    with pytest.raises(SegmentationError, match=r"cannot read .*gone\.mp4: No such file"):
        fingerprint(tmp_path / "gone.mp4")
