"""Which object gets which colour."""

import cv2
import numpy as np
import pytest

from segmentation.drawing.captions import ink
from segmentation.drawing.palettes import PALETTES, colors_for, even_color
from segmentation.instances import Instances
from segmentation.network.weights import COLORS, MODEL_FOLDER, read_colors

PALETTE = read_colors(MODEL_FOLDER / COLORS)


def found(*class_ids):
    count = len(class_ids)
    return Instances(np.zeros((count, 4), np.int32), np.ones(count, np.float32), np.array(class_ids, np.int32),
                     np.zeros((count, 15, 15), np.float32), (10, 10))


def test_the_models_colours_in_turn():
    assert colors_for("colors", found(3, 3, 5), PALETTE) == PALETTE[:3]
    assert colors_for("colors", found(3, 3), PALETTE, first=88) == PALETTE[88:90]
    assert colors_for("colors", found(3, 3), PALETTE[:6], first=5) == [PALETTE[5], PALETTE[0]]
    assert colors_for("colors", found(3, 3), PALETTE, 7, ids=[4, 10**6]) == [PALETTE[11], PALETTE[(10**6 + 7) % 90]]


def test_a_class_has_its_colour_whatever_else_is_found():
    expected = [PALETTE[17], PALETTE[0], PALETTE[17], PALETTE[89]]
    assert colors_for("class", found(17, 0, 17, 89), PALETTE) == expected
    assert colors_for("class", found(0, 2), PALETTE, first=3, ids=[5, 6]) == [PALETTE[0], PALETTE[2]]
    assert colors_for("class", found(0, 4), [(1, 2, 3), (4, 5, 6), (7, 8, 9)]) == [(1, 2, 3), (4, 5, 6)]


def test_an_instance_has_its_own_colour_whatever_the_model_folder_has():
    assert colors_for("instance", found(1, 1, 1), PALETTE[:2]) == [even_color(0), even_color(1), even_color(2)]
    assert colors_for("instance", found(1, 1), PALETTE, ids=[8, 300]) == [even_color(8), even_color(300)]


def lab(color):
    """L 0..100, a, b of CIELAB, another space than that in which the colours are made."""
    return cv2.cvtColor(np.float32([[color]]) / 255, cv2.COLOR_BGR2Lab)[0, 0]


def test_the_model_folder_has_a_colour_for_each_class():
    assert [even_color(number) for number in range(90)] == PALETTE
    assert len(set(PALETTE)) == 90


def test_colours_are_equally_light_and_no_grey_and_text_can_be_read_on_them():
    light, a, b = np.transpose([lab(color) for color in PALETTE])
    assert light.min() > 63 and light.max() < 72
    assert np.hypot(a, b).min() > 30
    assert {ink(color) for color in PALETTE} == {(0, 0, 0)}


def test_neighbours_differ():
    shades = np.array([lab(color) for color in PALETTE])
    for apart in (1, 2, 3, 4):
        assert np.linalg.norm(shades[apart:] - shades[:-apart], axis=1).min() > 40


@pytest.mark.parametrize("palette", PALETTES)
def test_no_objects_have_no_colours(palette):
    assert colors_for(palette, found(), PALETTE) == colors_for(palette, found(), PALETTE, ids=[]) == []


def test_an_unknown_palette_is_named():
    with pytest.raises(ValueError, match="palette must be one of colors, class, instance, got 'rainbow'"):
        colors_for("rainbow", found(), PALETTE)
