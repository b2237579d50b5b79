"""--tiles: what several looks at a large picture have found becomes one object each."""

import numpy as np
import pytest
from conftest import MODEL_FOLDER

from segmentation.instances import decode
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.tiles import Pieces, Tile, cut, join, merge, placed
from segmentation.network.weights import DEMO
from segmentation.pictures import read_photo

IMAGE_HW = (100, 200)
LEFT, RIGHT = Tile(0, 0, 120, 100), Tile(80, 0, 200, 100)
FULL = np.ones((15, 15), np.float32)


def found(tile, *objects, masks=FULL):
    """The Pieces of a tile; objects: (class, score, x0, y0, x1, y1), boxes in pixels of the image."""
    rows = np.float32([(0, *one) for one in objects]).reshape(-1, 7)
    low, size = np.tile(tile[:2], 2), np.tile([tile.x1 - tile.x0, tile.y1 - tile.y0], 2)
    rows[:, 3:] = (rows[:, 3:] - low) / size
    return placed(rows, np.broadcast_to(masks, (len(rows), 15, 15)).copy(), tile, IMAGE_HW)


def merged(*looks):
    """What becomes of several Pieces: [(class, x0, y0, x1, y1), ...] in pixels of the image, best first."""
    rows, masks = merge(join(looks))
    assert len(rows) == len(masks) and rows.dtype == masks.dtype == np.float32
    pixels = np.round(rows[:, 3:] * np.tile(IMAGE_HW[::-1], 2)).astype(int)
    return [(int(row[1]), *box) for row, box in zip(rows, pixels.tolist())]


def test_tiles_cover_the_image_and_overlap_by_a_quarter():
    tiles = cut((4000, 6000), (1365, 800))
    seen = np.zeros((40, 60), int)
    for tile in tiles:
        assert (tile.x1 - tile.x0, tile.y1 - tile.y0) == (1365, 800)
        seen[tile.y0 // 100:-(-tile.y1 // 100), tile.x0 // 100:-(-tile.x1 // 100)] += 1
    assert seen.all()
    across = sorted({tile.x0 for tile in tiles})
    assert np.diff(across).max() <= 1365 * 0.75 + 1 and across[-1] + 1365 == 6000


def test_a_small_image_is_one_tile():
    assert cut((300, 400), (1365, 800)) == [Tile(0, 0, 400, 300)]


def test_an_object_that_two_tiles_see_whole_is_one():
    dog = (17, 0.9, 85, 20, 115, 60)
    assert merged(found(LEFT, dog), found(RIGHT, (17, 0.8, 86, 20, 115, 61))) == [(17, 85, 20, 115, 60)]


def test_a_piece_of_a_whole_object_is_left_out():
    assert merged(found(LEFT, (17, 0.99, 60, 20, 120, 60)), found(RIGHT, (17, 0.8, 80, 20, 150, 60)),
                  found(Tile(0, 0, 200, 100), (17, 0.7, 60, 20, 150, 60))) == [(17, 60, 20, 150, 60)]


def test_a_piece_that_ends_just_before_the_edge_is_a_piece():
    whole = found(Tile(0, 0, 200, 100), (17, 0.8, 20, 10, 195, 90))
    assert merged(found(LEFT, (17, 0.99, 60, 20, 118.2, 60)), whole) == [(17, 20, 10, 195, 90)]


def test_a_piece_that_was_taken_for_another_class_is_left_out():
    bus, car = (5, 0.9, 60, 20, 150, 60), (2, 0.95, 60, 40, 120, 60)
    assert merged(found(Tile(0, 0, 200, 100), bus), found(LEFT, car)) == [(5, 60, 20, 150, 60)]
    assert len(merged(found(Tile(0, 0, 200, 100), bus, car))) == 2  # seen whole: a car in front of a bus


def test_two_pieces_of_an_object_become_one_with_the_mask_of_both():
    top = FULL.copy()
    top[8:] = 0  # the lower half is background
    looks = found(LEFT, (17, 0.7, 10, 20, 120, 60), masks=top), found(RIGHT, (17, 0.9, 80, 20, 190, 60), masks=top)
    assert merged(*looks) == [(17, 10, 20, 190, 60)]
    rows, masks = merge(join(looks))
    assert rows[0, 2] == np.float32(0.9)
    assert (masks[0, :7] > 0.5).all() and (masks[0, 9:] < 0.5).all()


@pytest.mark.parametrize("other", [(16, 0.8, 80, 20, 190, 60), (17, 0.8, 80, 65, 190, 95)], ids=["class", "place"])
def test_pieces_of_two_objects_stay_two(other):
    assert len(merged(found(LEFT, (17, 0.9, 10, 20, 120, 60)), found(RIGHT, other))) == 2


def test_objects_that_overlap_in_a_look_stay_two():
    left, right = FULL.copy(), FULL.copy()
    left[:, 8:], right[:, :7] = 0, 0
    looks = [found(LEFT, (17, 0.9, 20, 20, 80, 60), masks=left), found(LEFT, (17, 0.8, 20, 20, 80, 60), masks=right)]
    assert len(merged(*looks)) == 2


def test_nothing_found_is_nothing():
    empty = Pieces(np.empty((0, 7), np.float32), np.empty((0, 15, 15), np.float32), np.empty(0, bool))
    assert merged(empty, empty) == []


def test_small_objects_of_a_mosaic_are_found_once_each(photo):
    """Sixteen pictures side by side: each one's objects are found as in the picture alone."""
    mosaic = np.tile(photo, (4, 4, 1))
    load = {"model_dir": MODEL_FOLDER, "weights": MODEL_FOLDER / DEMO}
    alone = MaskRCNN.load(**load)(photo)
    without, with_tiles = MaskRCNN.load(**load)(mosaic), MaskRCNN.load(**load, tiles=5)(mosaic)
    assert len(with_tiles) >= 16 * len(alone) * 0.8 > 2 * len(without)
    centres = {(int(one[0] + one[2]) // 40, int(one[1] + one[3]) // 40, int(class_id))
               for one, class_id in zip(with_tiles.boxes, with_tiles.class_ids)}
    assert len(centres) >= 0.95 * len(with_tiles)  # none twice


@pytest.fixture
def photo():
    return read_photo(MODEL_FOLDER.parent / "images/example_01.jpg")


def test_forward_gives_what_decode_takes(photo):
    net = MaskRCNN.load(MODEL_FOLDER, MODEL_FOLDER / DEMO, tiles="auto")
    boxes, masks = net.forward(photo)
    assert masks.shape == (boxes.shape[2], 90, net.mask_side, net.mask_side)
    assert len(decode(boxes, masks, photo.shape[:2], 0.5, 0.3, "cubic")) == boxes.shape[2]


@pytest.mark.parametrize("tiles", [1, 0, "many", 101])
def test_other_values_are_refused(tiles):
    with pytest.raises(ValueError, match="tiles must be auto or a number from 2 to 100"):
        MaskRCNN.load(tiles=tiles)
