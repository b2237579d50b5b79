"""Each effect on small arrays, to within one grey level, and what privacy asks of blur and pixelate."""

import dataclasses

import cv2
import numpy as np
import pytest

from segmentation.drawing.draw import Style, draw_instances
from segmentation.drawing.effects import CELLS, EFFECTS, blend, coarse, cover, hiding_mask, mix, soften
from segmentation.instances import Instances, paste_mask

RED = (0, 0, 255)
HIDING = ("blur", "pixelate")


def instances(*boxes, image_hw=(200, 300), mask=1.0, **paste):
    return Instances(np.int32(boxes).reshape(-1, 4), np.full(len(boxes), 0.9876, np.float32),
                     np.arange(len(boxes), dtype=np.int32), np.full((len(boxes), 15, 15), mask, np.float32), image_hw,
                     **paste)


def drawn(picture, found, effect, colors=None, **style):
    result = picture.copy()
    draw_instances(result, found, ["person"] * len(found), colors or [RED] * len(found), Style(effect, **style))
    return result


def disc(found, i=0):
    """Give object i a round mask."""
    y, x = np.mgrid[-7:8, -7:8]
    found.masks[i] = x * x + y * y < 36
    return found


def noise(seed=0, image_hw=(200, 300)):
    return np.random.default_rng(seed).integers(0, 255, (*image_hw, 3), dtype=np.uint8)


@pytest.fixture
def picture():
    return noise()


# What holds for all

def test_the_effects_by_name():
    assert EFFECTS == ("overlay", "outline", "blur", "pixelate", "cutout", "splash")


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("image_hw, boxes", [
    ((1, 1), [(0, 0, 1, 1)]), ((1, 40), [(0, 0, 40, 1), (3, 0, 4, 1)]), ((3, 2), [(0, 0, 2, 3)]),
    ((200, 300), [(0, 0, 1, 1), (299, 199, 300, 200), (0, 150, 20, 200), (280, 0, 300, 30), (0, 0, 300, 200)]),
    ((200, 300), [(x, y, x + 20, y + 15) for x in range(0, 200, 20) for y in range(0, 150, 15)])])  # 100
def test_any_picture_and_any_boxes(effect, image_hw, boxes):
    for interpolation in ("nearest", "linear", "cubic"):
        for mask in (0.0, 1.0):
            picture = noise(image_hw=image_hw)
            found = instances(*boxes, image_hw=image_hw, mask=mask, interpolation=interpolation)
            result = drawn(picture, found, effect, boxes=True, labels=True)
            assert result.shape == picture.shape and result.dtype == np.uint8


@pytest.mark.parametrize("effect, boxes, labels", [("overlay", True, True), ("outline", True, True),
                                                   *((effect, False, False) for effect in EFFECTS[2:])])
def test_boxes_and_captions_as_suits_the_effect_or_as_asked(effect, boxes, labels):
    assert Style(effect).annotated == (boxes, labels)
    assert Style(effect, boxes=True).annotated == (True, labels)
    assert Style(effect, labels=False).annotated == (boxes, False)


def test_boxes_and_captions_can_be_left_out(picture):
    found = instances((100, 60, 180, 160), mask=0)
    assert np.array_equal(drawn(picture, found, "overlay", boxes=False, labels=False), picture)
    assert (drawn(picture, found, "splash", boxes=True)[60, 100] == RED).all()


@pytest.mark.parametrize("wrong, message", [
    ({"effect": "glow"}, "effect must be one of overlay, .*, got 'glow'"), ({"opacity": 1.1}, "opacity"),
    ({"background": (1, 2)}, "background"), ({"background": "white"}, "background"),
    ({"background": np.zeros((4, 4), np.uint8)}, "background"), ({"background": np.zeros((4, 4, 3))}, "background"),
    ({"background": np.zeros((0, 4, 3), np.uint8)}, "background")])
def test_wrong_styles_say_what_must_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        Style(**wrong)


# overlay, outline

@pytest.mark.parametrize("opacity", [0, 0.25, 1])
def test_the_overlay_is_as_opaque_as_asked(picture, opacity):
    result = drawn(picture, instances((50, 50, 100, 100)), "overlay", opacity=opacity, boxes=False, labels=False)
    expected = (1 - opacity) * picture[52:98, 52:98] + opacity * np.array(RED)
    assert np.abs(result[52:98, 52:98] - expected).max() <= 1


def test_the_overlay_has_a_thin_line_along_the_edge(picture):
    result = drawn(picture, instances((50, 50, 100, 100)), "overlay", boxes=False, labels=False)
    flat = picture.copy()
    blend(flat[50:100, 50:100], np.ones((50, 50), bool), RED, 0.4)
    line = (result != flat).any(2)
    assert line[50, 50:100].all() and line[50:100, 99].all() and not line[53:97, 53:97].any()
    assert np.abs(result[50, 60:90] - np.array(RED)).max() <= 40  # it is smooth
    assert np.array_equal(np.delete(result, slice(47, 103), 0), np.delete(picture, slice(47, 103), 0))


def test_an_outline_follows_the_edge_and_fills_nothing():
    picture = np.zeros((200, 300, 3), np.uint8)
    result = drawn(picture, disc(instances((100, 20, 250, 170))), "outline", boxes=False, labels=False)
    mask = paste_mask(disc(instances((0, 0, 1, 1))).masks[0], (100, 20, 250, 170))
    edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    near = np.zeros((200, 300), np.uint8)
    near[20:170, 100:250] = cv2.dilate(edge, np.ones((5, 5), np.uint8))
    painted = result.any(2)
    assert not painted[near == 0].any()
    assert painted[20:170, 100:250][edge > 0].mean() > 0.95
    assert result[95, 175].tolist() == [0, 0, 0] and (result == RED).all(2).any()


def test_holes_have_outlines_too():
    found = instances((0, 0, 150, 150), image_hw=(150, 150))
    found.masks[0, 5:10, 5:10] = 0
    result = drawn(np.zeros((150, 150, 3), np.uint8), found, "outline", boxes=False, labels=False)
    assert result[75, 45:60].any() and result[75, 90:105].any() and not result[75, 65:85].any()


def test_outlines_of_small_objects_lie_above_those_of_large_ones():
    found = instances((50, 50, 100, 150), (50, 20, 250, 190))
    result = drawn(np.zeros((200, 300, 3), np.uint8), found, "outline", [(255, 0, 0), RED], boxes=False, labels=False)
    assert result[100, 50].tolist() == [255, 0, 0] and result[170, 50].tolist() == [0, 0, 255]


# blur, pixelate

def test_a_mosaic_is_the_mean_of_each_cell(picture):
    result = drawn(picture, instances((0, 0, 300, 200)), "pixelate")
    for y in range(0, 200, 50):
        for x in range(0, 300, 50):
            cell = picture[y:y + 50, x:x + 50].reshape(-1, 3)
            assert np.abs(result[y:y + 50, x:x + 50] - cell.mean(0)).max() <= 1


def test_cells_are_the_means_of_the_object_without_what_is_around_it():
    roi, mask = np.full((60, 60, 3), 10, np.uint8), np.zeros((60, 60), np.uint8)
    roi[:, :25], mask[:, :25] = 200, 255
    assert (coarse(roi, mask) == 200).all()
    roi[:, :10] = 100
    assert coarse(roi, mask)[0, :, 0].tolist() == [100, 200, 200, 160, 160, 160]


@pytest.mark.parametrize("effect", HIDING)
def test_objects_of_the_same_cells_look_the_same(effect):
    """Two pictures that differ in all detail but not in their cells' means give one result: nothing else remains."""
    found, first, second = instances((0, 0, 300, 300), image_hw=(300, 300)), noise(1, (300, 300)), noise(2, (300, 300))
    flat = np.indices((300, 300)).sum(0) % 2 == 0
    for picture in (first, second):  # a pixel and its neighbour, mirrored about 128: every cell's mean is 128
        picture[flat] = np.clip(picture[flat], 1, 255)
        picture[:, 1::2] = 256 - np.clip(picture[:, ::2].astype(int), 1, 255)
    one, other = drawn(first, found, effect), drawn(second, found, effect)
    assert np.abs(one.astype(int) - other).max() <= 1 and np.abs(one.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("effect", HIDING)
@pytest.mark.parametrize("side", [60, 240, 960])
def test_text_is_unreadable_at_every_size(effect, side):
    """Strokes a tenth of the object wide, as of a plate that fills its picture, leave no contrast to read."""
    picture = np.full((side, side, 3), 255, np.uint8)
    stroke = side // 20
    picture[:, np.arange(side) // stroke % 2 == 0] = 0
    result = drawn(picture, instances((0, 0, side, side), image_hw=(side, side)), effect)
    assert picture.std() > 120 and result.std() < 0.3 * picture.std()


@pytest.mark.parametrize("effect", HIDING)
@pytest.mark.parametrize("box", [(100, 60, 200, 160), (0, 0, 40, 200), (100, 60, 107, 70), (50, 60, 51, 61)])
def test_nothing_of_the_object_and_its_rim_shows(effect, box):
    """An object of one colour that is a little larger than its mask leaves no pixel of detail behind."""
    picture, found = noise(3), instances(box)
    x0, y0, x1, y1 = box
    seen = drawn(picture, found, effect)[max(0, y0 - 1):y1 + 1, max(0, x0 - 1):x1 + 1]
    before = picture[max(0, y0 - 1):y1 + 1, max(0, x0 - 1):x1 + 1]
    assert (seen == before).all(2).mean() < 0.05
    steps = np.abs(np.diff(seen.astype(int), axis=1)).mean()
    assert steps < 0.3 * np.abs(np.diff(before.astype(int), axis=1)).mean()


@pytest.mark.parametrize("effect", HIDING)
def test_pixels_away_from_the_masks_stay(picture, effect):
    found = disc(instances((100, 40, 220, 160)))
    changed = (drawn(picture, found, effect) != picture).any(2)
    y, x = np.mgrid[:200, :300]
    from_centre = np.hypot(x - 159.5, y - 99.5)
    assert changed[from_centre < 48].all() and not changed[from_centre > 48 + 4 + 6].any()


@pytest.mark.parametrize("effect", HIDING)
def test_a_small_object_does_not_uncover_the_large_one_behind_it(effect):
    """A telephone before a face: its finer cells are of the hidden face, whichever pixels the face has."""
    found = instances((130, 80, 170, 120), (0, 0, 300, 200))
    picture = np.full((200, 300, 3), 128, np.uint8)
    picture[100:150, 150:175], picture[100:150, 175:200] = 1, 255  # one of the large object's cells, of mean 128
    result = drawn(picture, found, effect)
    assert np.abs(result.astype(int) - 128).max() <= 3


def test_the_hiding_mask_is_larger_than_the_mask_and_its_box():
    for interpolation in ("nearest", "linear", "cubic"):
        for box in ((20, 30, 260, 190), (20, 30, 50, 190), (100, 100, 109, 104)):
            found = disc(instances(box, interpolation=interpolation))
            (x0, y0, x1, y1), alpha = hiding_mask(found, 0)
            assert alpha.shape == (y1 - y0, x1 - x0) and not alpha[0].any() and not alpha[:, 0].any()
            full = np.zeros((200, 300), np.uint8)
            full[y0:y1, x0:x1] = alpha
            pasted = np.zeros((200, 300), np.uint8)
            pasted[box[1]:box[3], box[0]:box[2]] = paste_mask(found.masks[0], box, 0.3, interpolation)
            assert (full[cv2.dilate(pasted, np.ones((3, 3), np.uint8)) > 0] == 255).all()


def test_the_hiding_mask_of_a_large_object_is_exact_enough():
    found = disc(instances((100, 200, 3100, 1800), image_hw=(2000, 3200)))
    (x0, y0, x1, y1), alpha = hiding_mask(found, 0)
    left, top = 100 - x0, 200 - y0
    inside = paste_mask(found.masks[0], found.boxes[0])
    assert (alpha[top:top + 1600, left:left + 3000][inside] == 255).all()
    assert (x0 < 100 and y0 < 200) and (x1, y1) > (3100, 1800)


@pytest.mark.parametrize("effect", EFFECTS)
def test_masks_are_pasted_as_the_instances_say(picture, effect):
    def ramp(**paste):
        found = instances((40, 20, 260, 180), **paste)
        found.masks[:] = np.linspace(0, 1, 15, dtype=np.float32)
        return found
    results = [drawn(picture, ramp(**paste), effect, boxes=False, labels=False) for paste in (
        {}, {"threshold": 0.8}, {"threshold": 0.5 if effect in ("cutout", "splash") else 0.3, "interpolation": "cubic"},
        {"interpolation": "nearest"})]
    assert np.array_equal(results[0], results[2])
    assert (results[0] != results[1]).any() and (results[0] != results[3]).any()


@pytest.mark.parametrize("effect", HIDING)
def test_an_object_without_a_mask_is_hidden_with_its_box(picture, effect):
    result = drawn(picture, instances((100, 60, 180, 160), mask=0), effect)
    assert (result[60:160, 100:180] != picture[60:160, 100:180]).any(2).mean() > 0.95


@pytest.mark.parametrize("effect", HIDING)
def test_cells_are_few_whatever_the_size(effect):
    for side in (5, 50, 500, 1500):
        roi = noise(image_hw=(side, side))
        cells = coarse(roi, np.full((side, side), 255, np.uint8))
        assert cells.shape[0] <= min(CELLS, max(1, side / 8))


# cutout, splash

def test_a_cutout_is_the_objects_on_the_background(picture):
    found = instances((50, 50, 150, 150), (140, 50, 250, 150))
    result = drawn(picture, found, "cutout", background=(10, 200, 90))
    assert np.array_equal(result[54:146, 54:246], picture[54:146, 54:246])  # no seam where they touch
    outside = np.ones((200, 300), bool)
    outside[45:155, 45:255] = False
    assert (result[outside] == (10, 200, 90)).all()


def test_the_edge_of_a_cutout_is_half_object_half_background():
    picture = np.zeros((200, 300, 3), np.uint8)
    row = drawn(picture, instances((100, 0, 300, 200)), "cutout")[100, 90:110, 0].astype(int)
    assert (np.diff(row) <= 0).all() and abs(row[9] + row[10] - 255) <= 1
    assert row[0] == 255 and row[-1] == 0 and len(set(row)) > 4
    assert not drawn(picture, instances((100, 0, 300, 200)), "cutout")[:, 110:].any()  # hard at the border


def test_a_splash_keeps_the_objects_colours_and_no_other(picture):
    result = drawn(picture, instances((50, 50, 150, 150)), "splash")
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    assert np.array_equal(result[54:146, 54:146], picture[54:146, 54:146])
    assert (result[:45] == grey[:45, :, None]).all() and (result[:, 155:] == grey[:, 155:, None]).all()


def test_without_objects_the_whole_picture_is_what_surrounds_them(picture):
    for effect in ("overlay", "outline", *HIDING):
        assert np.array_equal(drawn(picture, instances(), effect), picture)
    assert (drawn(picture, instances(), "cutout", background=(1, 2, 3)) == (1, 2, 3)).all()
    assert (np.ptp(drawn(picture, instances(), "splash"), axis=2) == 0).all()


def test_a_background_picture_covers_and_is_resized_once_for_all_frames(picture):
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, 125:275] = 77  # the middle: 150 of 100 x 150, the picture's shape
    style = Style("cutout", background=wide)
    fitted = style.background_for((200, 300))
    assert (fitted == 77).all() and style.background_for((200, 300)) is fitted
    assert style.background_for((50, 50)).shape == (50, 50, 3) and len(style.fitted) == 1
    draw_instances(picture, instances(), [], [], style)
    assert (picture == 77).all() and (fitted == 77).all()
    assert dataclasses.replace(style, effect="splash").effect == "splash"


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 500), (500, 1), (200, 300), (3000, 20)])
def test_any_background_fits(size_hw):
    assert (cover(np.full((*size_hw, 3), 9, np.uint8), (200, 300)) == 9).all()
    assert cover(np.full((*size_hw, 3), 9, np.uint8), (1, 1)).shape == (1, 1, 3)


def test_soft_edges_are_half_on_the_edge_and_even_inside():
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 20:] = 255
    soft = soften(mask, 1.0).astype(int)
    assert (soft == soft[:1]).all() and abs(soft[0, 19] + soft[0, 20] - 255) <= 1
    assert not soft[:, :15].any() and (soft[:, 25:] == 255).all()


def test_mixing_is_exact_to_a_level(picture):
    other, alpha = noise(5), np.random.default_rng(6).integers(0, 256, (200, 300), dtype=np.uint8)
    alpha[:, :100], alpha[:, 100:200] = 0, 255
    result = picture.copy()
    mix(result, other, alpha)
    share = alpha[..., None] / 255
    assert np.abs(result - (picture * (1 - share) + other * share)).max() <= 1
    assert np.array_equal(result[:, :100], picture[:, :100]) and np.array_equal(result[:, 100:200], other[:, 100:200])


def test_a_part_of_a_picture_can_be_drawn_on(picture):
    """A view, whose rows do not follow each other in memory."""
    for effect in EFFECTS:
        whole = picture.copy()
        draw_instances(whole[50:150, 50:200], instances((10, 10, 90, 90), image_hw=(100, 150)), ["x"], [RED],
                       Style(effect))
        alone = picture[50:150, 50:200].copy()
        draw_instances(alone, instances((10, 10, 90, 90), image_hw=(100, 150)), ["x"], [RED], Style(effect))
        assert np.array_equal(whole[50:150, 50:200], alone) and np.array_equal(whole[:50], picture[:50])
