"""The camera of a scene: light, contrast, tint, blur and noise."""

from collections.abc import Callable
from statistics import NormalDist

import cv2
import numpy as np

GRAIN = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])   # a random byte -> normal noise


def draw_look(rng: np.random.Generator, size_wh: tuple[int, int],
              clean: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A random camera: a function from an image of size_wh to the same image with other light, tint, blur and noise.

    clean: without blur and noise, for clips. Noise that changes with each frame would be most of a video's size
    """
    gain, gamma = rng.uniform(0.8, 1.15), rng.uniform(0.85, 1.2)
    tints = gain * (1 + rng.uniform(-0.06, 0.06, 3))
    levels = (np.arange(256) / 255)[:, None] ** gamma * 255 * tints             # (256, 3)
    table = np.clip(levels, 0, 255).astype(np.uint8)[:, None]                   # (256, 1, 3)
    corner = rng.uniform(0, 0.35) if rng.random() < 0.5 else 0.0
    ramp = np.linspace(-1, 1, 32) ** 2
    vignette = cv2.resize((255 * (1 - corner * (ramp[:, None] + ramp) / 2)).astype(np.uint8), size_wh)
    blur = rng.uniform(0.4, 1.1) if rng.random() < 0.2 and not clean else 0
    sigma = rng.uniform(1, 8) if rng.random() < 0.6 and not clean else 0

    def look(image: np.ndarray) -> np.ndarray:
        image = cv2.LUT(image, table)
        if corner:
            image = cv2.multiply(image, cv2.merge([vignette] * 3), scale=1 / 255)
        if blur:
            image = cv2.GaussianBlur(image, (0, 0), blur)
        if sigma:
            grain = rng.integers(0, 256, image.shape, np.uint8)
            image = cv2.add(image, cv2.LUT(grain, np.rint(GRAIN * sigma).astype(np.int16)), dtype=cv2.CV_8U)
        return image
    return look
