"""Instances, decode and paste_mask on arrays made by hand, and on the original network's outputs for a photo."""

import pickle

import cv2
import numpy as np
import pytest

from segmentation import instances
from segmentation.instances import Instances, decode, paste_mask
from segmentation.network.weights import LABELS, MODEL_FOLDER, read_labels

NAME = "mask_rcnn_inception_v2_coco_2018_01_28"


def rows(*rows):
    """Boxes (1, 1, N, 7) from (class, score, x0, y0, x1, y1)."""
    return np.array([[[(0, *row) for row in rows]]], np.float32).reshape(1, 1, -1, 7)


def masks_for(boxes):
    """Masks (N, 90, 15, 15) whose every value tells its row and class."""
    shape = boxes.shape[2], 90
    return np.broadcast_to(np.arange(np.prod(shape)).reshape(*shape, 1, 1), (*shape, 15, 15)).astype(np.float32)


def three(**changes):
    """Instances of three objects in a picture of 60 x 80, with other fields where `changes` says so."""
    fields = {"boxes": np.int32([[10, 20, 30, 50], [40, 0, 80, 60], [5, 5, 9, 8]]),
              "scores": np.float32([0.9, 0.75, 0.6]), "class_ids": np.int32([2, 0, 2]),
              "masks": np.random.default_rng(0).random((3, 15, 15), np.float32), "image_hw": (60, 80)}
    return Instances(**{**fields, **changes})


@pytest.mark.parametrize("changes, message", [
    ({"boxes": np.zeros((2, 4), np.int32)}, r"boxes must be \(3, 4\), got \(2, 4\)"),
    ({"boxes": np.zeros((3, 5), np.int32)}, r"boxes must be \(3, 4\), got \(3, 5\)"),
    ({"scores": np.zeros((3, 1), np.float32)}, r"scores must be \(3,\), got \(3, 1\)"),
    ({"class_ids": np.zeros(4, np.int32)}, r"class_ids must be \(3,\), got \(4,\)"),
    ({"masks": np.zeros((2, 15, 15), np.float32)}, "masks must be 3, one for each object, got 2"),
    ({"interpolation": "best"}, "interpolation must be one of nearest, linear, cubic, got 'best'")])
def test_arrays_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        three(**changes)


@pytest.mark.parametrize("which, numbers", [
    (slice(1, None), [1, 2]), ([2, 0], [2, 0]), (np.array([1, 1]), [1, 1]), ([], []),
    (np.array([True, False, True]), [0, 2]), (slice(3, None), [])])
def test_some_of_the_objects_are_instances_too(which, numbers):
    found = three(threshold=0.6, interpolation="linear")
    found.mask(0)
    some = found[which]
    assert len(some) == len(numbers)
    for name in ("boxes", "scores", "class_ids", "masks"):
        assert np.array_equal(getattr(some, name), getattr(found, name)[np.array(numbers, int)])
    assert (some.image_hw, some.threshold, some.interpolation) == ((60, 80), 0.6, "linear")
    assert some.pasted == {}  # the numbers of the objects have changed
    for i, number in enumerate(numbers):
        assert np.array_equal(some.mask(i), found.mask(number))


def test_each_object_alone():
    found = three(names=("cat", "dog", "bus"))
    assert [one.label for one in found] == ["bus", "cat", "bus"] == found.labels.tolist()
    assert [one.score for one in found] == pytest.approx([0.9, 0.75, 0.6])
    assert [list(one.box) for one in found] == found.boxes.tolist()
    assert [one.area for one in found] == [found.area(i) for i in range(3)]
    assert found[-1].box == found[np.int64(2)].box == (5, 5, 9, 8) and found[-1].class_id == 2
    assert repr(found[0]) == "<bus 0.90, box (10, 20, 30, 50)>" and three()[0].label == "class 3"
    for wrong in (3, -4):
        with pytest.raises(IndexError):
            found[wrong]


def test_objects_are_picked_by_score_and_by_label():
    found = three(names=("cat", "dog", "bus"))
    assert [one.score for one in found[found.scores > 0.7]] == pytest.approx([0.9, 0.75])
    assert [one.label for one in found[found.labels == "bus"]] == ["bus", "bus"]
    assert len(found[found.labels == "dog"]) == 0 and list(found[[]].labels) == []


def test_the_mask_of_an_object_is_as_large_as_the_picture():
    found = three()
    for i, one in enumerate(found):
        assert one.mask.shape == (60, 80) and np.array_equal(one.mask[found.crop(i)], found.mask(i))
        assert np.count_nonzero(one.mask) == one.area


def test_polygons_are_the_parts_in_pixels_of_the_picture():
    cells = np.zeros((3, 15, 15), np.float32)
    cells[0, :5, :3] = cells[0, 9:, 9:] = 1
    one = three(masks=cells, interpolation="nearest")[0]  # a cell is 4/3 x 2 pixels
    parts = sorted(polygon.tolist() for polygon in one.polygons)
    assert [sorted(part) for part in parts] == [[[10, 20], [10, 30], [14, 20], [14, 30]],
                                                [[22, 38], [22, 50], [30, 38], [30, 50]]]
    assert [one.polygons for one in three(masks=np.zeros((3, 15, 15), np.float32))] == [[], [], []]


@pytest.mark.parametrize("changes", [{}, {"threshold": 0.7}, {"interpolation": "nearest"}])
def test_a_mask_is_pasted_once_and_kept(monkeypatch, changes):
    found, calls = three(**changes), []
    monkeypatch.setattr(instances, "paste_mask", lambda *args: calls.append(args) or paste_mask(*args))
    masks = [found.mask(i) for i in range(3)]
    assert len(calls) == 3
    for i, mask in enumerate(masks):
        pasted = paste_mask(found.masks[i], found.boxes[i], found.mask_threshold, found.interpolation)
        assert np.array_equal(mask, pasted) and mask.dtype == bool
        assert found.mask(i) is mask and found.mask(np.int64(i)) is mask
        assert found.area(i) == np.count_nonzero(pasted)
        picture = np.zeros((60, 80), bool)
        picture[found.crop(i)][mask] = True
        x0, y0, x1, y1 = found.boxes[i]
        assert np.array_equal(picture[y0:y1, x0:x1], pasted) and np.count_nonzero(picture) == found.area(i)
    assert len(calls) == 3


def test_a_mask_cannot_be_written_to():
    found = three()
    for array in (found.mask(0), found.mask(0).view(np.uint8)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_kept_masks_are_bounded(monkeypatch):
    monkeypatch.setattr(instances, "PASTED_PIXELS", 20 * 30 + 4 * 3)
    found = three()
    small, other = found.mask(0), found.mask(2)
    assert found.mask(0) is small and found.mask(2) is other
    large = found.mask(1)  # larger than all that may be kept, and kept alone
    assert list(found.pasted) == [1] and found.mask(1) is large
    assert np.array_equal(found.mask(0), small) and list(found.pasted) == [0]


def test_another_process_gets_the_arrays_without_the_pasted_masks():
    found = three(boxes=np.int32([[0, 0, 80, 60]] * 3), threshold=0.4, interpolation="linear")
    before = len(pickle.dumps(found))
    masks = [found.mask(i) for i in range(3)]
    data = pickle.dumps(found)
    assert len(data) == before and len(found.pasted) == 3
    again = pickle.loads(data)
    assert again.pasted == {} and again.image_hw == (60, 80)
    assert (again.threshold, again.interpolation) == (0.4, "linear")
    for name in ("boxes", "scores", "class_ids", "masks"):
        assert np.array_equal(getattr(again, name), getattr(found, name))
    assert all(np.array_equal(again.mask(i), masks[i]) for i in range(3))


def test_decode_gives_pixels_best_first_and_each_class_its_own_mask():
    boxes = rows((2, 0.6, 0.1, 0.2, 0.5, 0.6), (0, 0.9, 0, 0, 1, 1))
    found = decode(boxes, masks_for(boxes), (100, 200))
    assert found.boxes.tolist() == [[0, 0, 200, 100], [20, 20, 100, 60]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.class_ids.tolist() == [0, 2]
    assert found.masks[:, 0, 0].tolist() == [90, 2]
    assert found.image_hw == (100, 200)
    assert (found.boxes.dtype, found.class_ids.dtype, found.masks.dtype) == (np.int32, np.int32, np.float32)


def test_decode_says_how_masks_are_pasted():
    boxes = rows((2, 0.6, 0.1, 0.2, 0.5, 0.6))
    found = decode(boxes, masks_for(boxes), (100, 200))
    assert (found.mask_threshold, found.interpolation) == (0.3, "cubic")
    found = decode(boxes, masks_for(boxes), (100, 200), 0.5, 0.8, "nearest")
    assert (found.threshold, found.interpolation) == (0.8, "nearest")


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
    found = decode(boxes, masks, (512, 512), 0.5, 0.3, "linear")
    labels = read_labels(MODEL_FOLDER / LABELS)
    assert [labels[i] for i in found.class_ids] == ["person", "car", "traffic light", "car", "traffic light"]
    for i, (x0, y0, x1, y1) in enumerate(found.boxes):
        expected = bilinear_by_hand(masks[0, i], x1 - x0, y1 - y0)
        pasted = paste_mask(found.masks[i], found.boxes[i], 0.3, "linear")
        certain = abs(expected - 0.3) > 1e-5
        assert np.array_equal(pasted[certain], (expected > 0.3)[certain])
        assert np.count_nonzero(pasted) == found.area(i) > 300


def test_recorded_masks_of_the_own_class_equal_a_full_tensor(reference):
    boxes = np.load(reference / f"{NAME}.detection_out.npy")
    own = np.load(reference / f"{NAME}.detection_masks.npy")
    full = np.zeros((7, 90, 15, 15), np.float32)
    full[np.arange(7), boxes[0, 0, :, 1].astype(int)] = own[0, :7]
    assert np.array_equal(decode(boxes, own, (512, 512)).masks, decode(boxes, full, (512, 512)).masks)
