"""Windows that show pictures. A window is opened only if a display really answers."""

import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import cv2
import numpy as np

LARGEST = (1280, 800)  # width and height, in pixels; a larger picture is reduced to be shown
QUIT_KEYS = (27, ord("q"))  # Escape and q


def display_answers() -> bool:
    """Whether a window can be opened here.

    This is tried in another process: if no display answers, opencv-python aborts its process (Qt sends SIGABRT,
    there is no exception), and a headless build of OpenCV raises cv2.error.
    """
    attempt = "import cv2; cv2.namedWindow('display'); cv2.waitKey(1); cv2.destroyAllWindows()"
    try:
        return subprocess.run([sys.executable, "-c", attempt], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def show(pictures: Mapping[str, np.ndarray]) -> bool:
    """Show pictures {title: BGR or grey uint8} until a key is pressed; returns whether to continue.

    False after Escape or q; True after any other key, or after one of the windows was closed.
    """
    for title, picture in pictures.items():
        cv2.imshow(title, fitted(picture))
    key = -1
    # An endless waitKey would notice neither Ctrl-C nor that a window was closed.
    while key < 0 and all(cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1 for title in pictures):
        key = cv2.waitKey(50)
    cv2.destroyAllWindows()
    cv2.waitKey(1)  # without it the windows stay on the screen
    return key & 0xFF not in QUIT_KEYS if key >= 0 else True


def fitted(picture: np.ndarray) -> np.ndarray:
    """The picture itself, or reduced to at most LARGEST, so that it fits on a screen."""
    scale = min(1, LARGEST[0] / picture.shape[1], LARGEST[1] / picture.shape[0])
    if scale == 1:
        return picture
    size_wh = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)


class Preview:
    """A window that shows one picture after another, in a process of its own.

        with Preview() as preview:
            preview.show(picture)

    It needs its own process because imshow never returns in a process that has imported PyAV (seen with
    opencv-python 5.0 and PyAV 18 on Linux), and because the process ends if its display goes away.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "segmentation.drawing.windows"], stdin=subprocess.PIPE,
                                        cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
                                        start_new_session=True)  # Ctrl-C must reach the run, not the window
        self.pipe = cast(IO[bytes], self.process.stdin)

    def __enter__(self) -> "Preview":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def show(self, picture: np.ndarray) -> bool:
        """Show BGR uint8 (H, W, 3); False if Escape or q was pressed or the window was closed."""
        picture = np.ascontiguousarray(fitted(picture))
        try:
            self.pipe.write(struct.pack("<II", *picture.shape[:2]) + picture.tobytes())
            self.pipe.flush()
        except OSError:  # the window is gone
            return False
        return True

    def close(self) -> None:
        """Close the window."""
        with suppress(OSError):
            self.pipe.close()
        self.process.wait()


def show_what_comes(stream: IO[bytes]) -> None:
    """Show the pictures in a stream of bytes until it ends, Escape or q is pressed, or the window is closed.

    Before each picture, BGR uint8, stand its height and width, two little-endian uint32.
    """
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
