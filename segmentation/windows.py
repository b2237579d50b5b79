"""Windows, opened only where a display really answers."""

import subprocess
import sys

import cv2

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


def preview(title, picture):
    """Show a picture without waiting; whether to go on (Escape and q end)."""
    cv2.imshow(title, fitted(picture))
    return cv2.waitKey(1) & 0xFF not in QUIT_KEYS
