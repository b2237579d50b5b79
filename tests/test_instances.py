"""decode and paste_mask on arrays made by hand, and on what the original network gave for a photo."""

import cv2
import numpy as np
import pytest

from segmentation.instances import decode, mask_areas, paste_mask
from segmentation.network.weights import LABELS, MODEL_FOLDER, read_labels

NAME = "mask_rcnn_inception_v2_coco_2018_01_28"


def rows(*rows):
    """Boxes (1, 1, N, 7) from (class, score, x0, y0, x1, y1)."""
    return np.array([[[(0, *row) for row in rows]]], np.float32).reshape(1, 1, -1, 7)


def masks_for(boxes):
    """Masks (N, 90, 15, 15) whose every value tells its row and class."""
    shape = boxes.shape[2], 90
    return np.broadcast_to(np.arange(np.prod(shape)).reshape(*shape, 1, 1), (*shape, 15, 15)).astype(np.float32)


def test_decode_gives_pixels_best_first_and_each_class_its_own_mask():
    boxes = rows((2, 0.6, 0.1, 0.2, 0.5, 0.6), (0, 0.9, 0, 0, 1, 1))
    found = decode(boxes, masks_for(boxes), (100, 200))
    assert found.boxes.tolist() == [[0, 0, 200, 100], [20, 20, 100, 60]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.class_ids.tolist() == [0, 2]
    assert found.masks[:, 0, 0].tolist() == [90, 2]
    assert found.image_hw == (100, 200)
    assert (found.boxes.dtype, found.class_ids.dtype, found.masks.dtype) == (np.int32, np.int32, np.float32)


def test_decode_of_nothing_is_empty():
    found = decode(np.zeros((1, 1, 0, 7)), np.zeros((0, 90, 15, 15)), (10, 10))
    assert (len(found), found.boxes.shape, found.masks.shape) == (0, (0, 4), (0, 15, 15))


def test_decode_leaves_out_padding_and_the_confidence_itself():
    boxes = rows((1, 0.5, 0, 0, 1, 1), (0, 0, 0, 0, 0, 0), (1, 0.75, 0, 0, 1, 1))
    assert decode(boxes, masks_for(boxes), (10, 10), 0.5).scores.tolist() == [0.75]


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0.6, 0, 0.4, 1), (1, 0, 2, 1), (-1, 0, 0, 1),
                                 (0.501, 0, 0.502, 1), (np.nan, 0, 1, 1), (0, 0, np.inf, 1)])
def test_decode_leaves_out_boxes_that_cover_no_pixel(box):
    boxes = rows((1, 0.9, *box))
    assert len(decode(boxes, masks_for(boxes), (10, 10))) == 0


def test_decode_clips_to_the_picture():
    boxes = rows((1, 0.9, -0.2, 0.5, 0.5, 1.7))
    assert decode(boxes, masks_for(boxes), (10, 10)).boxes.tolist() == [[0, 5, 5, 10]]


@pytest.mark.parametrize("class_id", [-1, 90])
def test_decode_leaves_out_classes_without_a_mask(class_id):
    boxes = rows((class_id, 0.9, 0, 0, 1, 1))
    assert len(decode(boxes, masks_for(boxes), (10, 10))) == 0


def test_decode_takes_masks_of_the_own_class_alone():
    boxes = rows((7, 0.6, 0, 0, 1, 1), (3, 0.9, 0, 0, 1, 1))
    own = np.stack([np.full((15, 15), value, np.float32) for value in (0.1, 0.2, 0.3)])
    for masks in (own, own[None]):
        assert decode(boxes, masks, (10, 10)).masks[:, 0, 0].tolist() == pytest.approx([0.2, 0.1])


def test_decode_refuses_fewer_masks_than_detections():
    boxes = rows((1, 0.9, 0, 0, 1, 1), (1, 0.8, 0, 0, 1, 1))
    with pytest.raises(ValueError, match="a row for each of the 2 detections, got 0"):
        decode(boxes, np.zeros((0, 90, 15, 15)), (10, 10))


def test_paste_mask_cuts_the_resized_mask_at_the_threshold():
    mask = np.zeros((15, 15), np.float32)
    mask[:, 8:] = 1
    pasted = paste_mask(mask, (10, 20, 40, 50), 0.5, "nearest")
    assert (pasted.shape, pasted.dtype) == ((30, 30), bool)
    assert not pasted[:, :16].any() and pasted[:, 16:].all()


def test_paste_mask_interpolates_as_cv2_does():
    mask = np.random.default_rng(0).random((15, 15)).astype(np.float32)
    for name, flag in (("nearest", cv2.INTER_NEAREST), ("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC)):
        expected = cv2.resize(mask, (61, 37), interpolation=flag) > 0.3
        assert np.array_equal(paste_mask(mask, (3, 5, 64, 42), 0.3, name), expected)


@pytest.mark.parametrize("box, shape", [((5, 5, 6, 6), (1, 1)), ((5, 5, 6, 99), (94, 1)), ((5, 5, 5, 9), (4, 0)),
                                        ((9, 9, 5, 5), (0, 0))])
def test_paste_mask_takes_boxes_of_any_size(box, shape):
    assert paste_mask(np.ones((15, 15), np.float32), box).shape == shape


def bilinear_by_hand(mask, width, height):
    """A 15x15 mask at another size, with half-pixel centres and the edge repeated, in plain numpy."""
    def weights(size):
        centre = np.clip((np.arange(size) + 0.5) * 15 / size - 0.5, 0, 14)
        low = np.minimum(centre.astype(int), 13)
        matrix = np.zeros((size, 15))
        matrix[np.arange(size), low] = 1 - (centre - low)
        matrix[np.arange(size), low + 1] += centre - low
        return matrix
    return weights(height) @ mask @ weights(width).T


def test_the_recorded_photo_has_its_five_objects(reference):
    boxes = np.load(reference / f"{NAME}.detection_out.npy")
    masks = np.load(reference / f"{NAME}.detection_masks.npy")
    found = decode(boxes, masks, (512, 512), 0.5)
    labels = read_labels(MODEL_FOLDER / LABELS)
    assert [labels[i] for i in found.class_ids] == ["person", "car", "traffic light", "car", "traffic light"]
    for i, (x0, y0, x1, y1) in enumerate(found.boxes):
        expected = bilinear_by_hand(masks[0, i], x1 - x0, y1 - y0)
        pasted = paste_mask(found.masks[i], found.boxes[i], 0.3, "linear")
        certain = abs(expected - 0.3) > 1e-5
        assert np.array_equal(pasted[certain], (expected > 0.3)[certain])
        assert np.count_nonzero(pasted) == mask_areas(found, 0.3, "linear")[i] > 300


def test_recorded_masks_of_the_own_class_equal_a_full_tensor(reference):
    boxes = np.load(reference / f"{NAME}.detection_out.npy")
    own = np.load(reference / f"{NAME}.detection_masks.npy")
    full = np.zeros((7, 90, 15, 15), np.float32)
    full[np.arange(7), boxes[0, 0, :, 1].astype(int)] = own[0, :7]
    assert np.array_equal(decode(boxes, own, (512, 512)).masks, decode(boxes, full, (512, 512)).masks)
