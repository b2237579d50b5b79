"""Which object gets which colour."""

import numpy as np
import pytest

from segmentation.drawing.palettes import PALETTES, colors_for, pick_colors
from segmentation.instances import Instances
from segmentation.network.weights import COLORS, MODEL_FOLDER, read_colors
from segmentation.tracking.instance_ids import class_colors, id_color

PALETTE = read_colors(MODEL_FOLDER / COLORS)


def found(*class_ids):
    count = len(class_ids)
    return Instances(np.zeros((count, 4), np.int32), np.ones(count, np.float32), np.array(class_ids, np.int32),
                     np.zeros((count, 15, 15), np.float32), (10, 10))


def test_colours_repeat_with_the_seed_and_differ_while_they_can():
    assert pick_colors(PALETTE, 20, 1) == pick_colors(PALETTE, 20, 1) != pick_colors(PALETTE, 20, 2)
    assert set(pick_colors(PALETTE, 6, 5)) == set(PALETTE) and pick_colors(PALETTE, 0, 1) == []
    assert set(pick_colors(PALETTE, 9, 5)) <= set(PALETTE)


def test_the_models_colours_by_seed_and_by_number():
    assert colors_for("colors", found(3, 3, 5), PALETTE, 7) == pick_colors(PALETTE, 3, 7)
    order = pick_colors(PALETTE, len(PALETTE), 7)
    assert colors_for("colors", found(3, 3), PALETTE, 7, ids=[4, 10**6]) == [order[4], order[10**6 % len(order)]]


def test_a_class_has_its_colour_whatever_else_is_found():
    colors = class_colors(90)
    assert colors_for("class", found(17, 0, 17, 89), PALETTE) == [colors[17], colors[0], colors[17], colors[89]]
    assert colors_for("class", found(0, 2), PALETTE, ids=[5, 6]) == [colors[0], colors[2]]


def test_an_instance_has_its_own_colour():
    assert colors_for("instance", found(1, 1, 1), PALETTE) == [id_color(0), id_color(1), id_color(2)]
    assert colors_for("instance", found(1, 1), PALETTE, ids=[8, 3]) == [id_color(8), id_color(3)]


@pytest.mark.parametrize("palette", PALETTES)
def test_no_objects_have_no_colours(palette):
    assert colors_for(palette, found(), PALETTE) == colors_for(palette, found(), PALETTE, ids=[]) == []


def test_an_unknown_palette_is_named():
    with pytest.raises(ValueError, match="palette must be one of colors, class, instance, got 'rainbow'"):
        colors_for("rainbow", found(), PALETTE)
