"""Windows under Xvfb, and none where no display answers."""

import os
import shutil
import subprocess
import sys
import time

import cv2
import pytest
from clips import make_clip, numbers_in
from conftest import ROOT

needs_xvfb = pytest.mark.skipif(not (shutil.which("Xvfb") and shutil.which("xdotool")),
                                reason="needs Xvfb and xdotool (apt-get install xvfb xdotool)")


@pytest.fixture
def display(tmp_path):
    """The name of a display that answers."""
    read, write = os.pipe()
    # Without -noreset Xvfb starts over when its last window closes, and is away for a moment.
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-noreset", "-screen", "0", "1400x900x24"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        yield f":{number.readline().strip()}"
    server.terminate()
    server.wait()


def start(tmp_path, noise, tiny_pb, display, *args):
    """The script started on a photo, with `display` as its DISPLAY."""
    cv2.imwrite(str(tmp_path / "photo.png"), noise)
    cv2.imwrite(str(tmp_path / "photo2.png"), noise)
    return subprocess.Popen(
        [sys.executable, ROOT / "mask_rcnn.py", "--weights", tiny_pb, "--size", "160x128", "-o", tmp_path / "out",
         *args, "-i", tmp_path / "photo.png", tmp_path / "photo2.png"],
        env={**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)


def windows(display, title):
    found = subprocess.run(["xdotool", "search", "--name", f"^{title}$"], env={**os.environ, "DISPLAY": display},
                           capture_output=True, text=True, check=False)
    return found.stdout.split()


def wait_until(true, what):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def press_until(true, display, title, key):
    """Press a key in a window, once it is there, again and again until it has had its effect."""
    def pressed():
        for window in windows(display, title):
            subprocess.run(["xdotool", "windowfocus", window, "sleep", "0.1", "key", "--window", window, key],
                           env={**os.environ, "DISPLAY": display}, check=False, capture_output=True)
        time.sleep(0.2)  # for the script to hear of it
        return true()
    wait_until(lambda: windows(display, title), f"no window {title}")
    wait_until(pressed, f"{key} in {title} did nothing")


@pytest.mark.parametrize("display_name", ["", ":87654", "nohost.invalid:0"])
def test_no_display_means_no_window_and_no_crash(tmp_path, noise, tiny_pb, display_name):
    script = start(tmp_path, noise, tiny_pb, display_name, "-v")
    _, err = script.communicate(timeout=120)
    assert script.returncode == 0 and err == ""
    assert len(os.listdir(tmp_path / "out")) == 4


@needs_xvfb
def test_the_result_is_saved_then_shown_and_any_key_goes_on(tmp_path, noise, tiny_pb, display):
    script = start(tmp_path, noise, tiny_pb, display)
    first, second = (tmp_path / "out" / f"{name}_segmented.png" for name in ("photo", "photo2"))
    wait_until(lambda: windows(display, "Output"), "no window")
    assert first.exists() and not second.exists()
    press_until(second.exists, display, "Output", "space")
    press_until(lambda: script.poll() is not None, display, "Output", "space")
    out, _ = script.communicate(timeout=60)
    assert script.returncode == 0 and "ended by key" not in out


@needs_xvfb
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_visualize_shows_three_windows_and_q_or_escape_ends(tmp_path, noise, tiny_pb, display, key):
    script = start(tmp_path, noise, tiny_pb, display, "-v")
    for title in ("ROI", "Mask", "Segmented"):
        wait_until(lambda title=title: windows(display, title), f"no window {title}")
    assert (tmp_path / "out" / "photo_segmented_steps.png").exists()
    press_until(lambda: script.poll() is not None, display, "ROI", key)
    out, _ = script.communicate(timeout=60)
    assert script.returncode == 0 and "[INFO] ended by key, 1 photo left" in out
    assert not (tmp_path / "out" / "photo2_segmented.png").exists()


@needs_xvfb
def test_no_show_opens_no_window(tmp_path, noise, tiny_pb, display):
    script = start(tmp_path, noise, tiny_pb, display, "--no-show")
    script.communicate(timeout=60)
    assert script.returncode == 0


@needs_xvfb
def test_the_preview_of_a_video_ends_with_q_and_keeps_what_is_done(tmp_path, tiny_pb, display):
    source = make_clip(tmp_path / "in.mp4", 500)
    script = subprocess.Popen(
        [sys.executable, ROOT / "mask_rcnn_video.py", "-i", source, "-o", tmp_path / "out.avi", "--weights", tiny_pb,
         "--size", "160x128", "-c", "1", "--show"], env={**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    press_until(lambda: script.poll() is not None, display, "Output", "q")
    _, err = script.communicate(timeout=60)
    assert script.returncode == 130 and " kept in " in err
    numbers = numbers_in(tmp_path / "out.partial.avi")
    assert 0 < len(numbers) < 500 and numbers == list(range(len(numbers)))


def test_a_preview_without_a_display_is_a_warning(tmp_path, tiny_pb):
    source = make_clip(tmp_path / "in.mp4", 3)
    done = subprocess.run(
        [sys.executable, ROOT / "mask_rcnn_video.py", "-i", source, "-o", tmp_path / "out.avi", "--weights", tiny_pb,
         "--size", "160x128", "--show"], env={**os.environ, "DISPLAY": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "no display answers" in done.stderr
