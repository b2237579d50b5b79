"""Windows, opened only where a display really answers."""

import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

LARGEST = (1280, 800)  # width and height, in pixels, above which a picture is shown reduced
QUIT_KEYS = (27, ord("q"))  # Escape and q


def display_answers():
    """Whether a window can be opened here.

    Tried in another process: where no display answers, opencv-python aborts the process (SIGABRT out of
    Qt, no exception), and a headless build of OpenCV raises cv2.error.
    """
    attempt = "import cv2; cv2.namedWindow('display'); cv2.waitKey(1); cv2.destroyAllWindows()"
    try:
        return subprocess.run([sys.executable, "-c", attempt], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def show(pictures):
    """Show pictures {title: BGR or grey uint8} until a key is pressed; whether to go on.

    Escape and q end (False); any other key, or closing one of the windows, goes on (True).
    """
    for title, picture in pictures.items():
        cv2.imshow(title, fitted(picture))
    key = -1
    # A wait without end would hear neither Ctrl-C nor a window's closing.
    while key < 0 and all(cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1 for title in pictures):
        key = cv2.waitKey(50)
    cv2.destroyAllWindows()
    cv2.waitKey(1)  # lets the windows disappear
    return key & 0xFF not in QUIT_KEYS if key >= 0 else True


def fitted(picture):
    """The picture itself, or reduced so that it fits on a screen."""
    scale = min(1, LARGEST[0] / picture.shape[1], LARGEST[1] / picture.shape[0])
    if scale == 1:
        return picture
    size_wh = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)


class Preview:
    """A window that shows pictures as they come, in a process of its own.

    Of its own, because imshow hangs for good in a process that has imported PyAV (seen with opencv-python 5.0
    and PyAV 18 on Linux), and because a display that goes away takes the process with it.
    """

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "segmentation.drawing.windows"], stdin=subprocess.PIPE,
                                        cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
                                        start_new_session=True)  # Ctrl-C is for the run, not for the window

    def show(self, picture):
        """Show BGR uint8 (H, W, 3); whether to go on: False once Escape or q was pressed or the window closed."""
        picture = np.ascontiguousarray(fitted(picture))
        try:
            self.process.stdin.write(struct.pack("<II", *picture.shape[:2]) + picture.tobytes())
            self.process.stdin.flush()
        except OSError:  # the window is gone
            return False
        return True

    def close(self):
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


def show_what_comes(stream):
    """Show the pictures in a stream of bytes, each after its height and width, until it ends or a key ends it."""
    while len(header := stream.read(8)) == 8:
        height, width = struct.unpack("<II", header)
        data = stream.read(height * width * 3)
        if len(data) < height * width * 3:
            return
        cv2.imshow("Output", np.frombuffer(data, np.uint8).reshape(height, width, 3))
        if cv2.waitKey(1) & 0xFF in QUIT_KEYS or cv2.getWindowProperty("Output", cv2.WND_PROP_VISIBLE) < 1:
            return


if __name__ == "__main__":
    show_what_comes(sys.stdin.buffer)
