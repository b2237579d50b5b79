"""segmentation/training: dataset.py, coco.py, samples.py and batches.py on a made data set of a few pictures."""

import doctest

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason='training needs pip install ".[train]"')
pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')

from pycocotools import mask as rle_masks
from training.made_data import NAMES, OWN, make_folder, read, write

from segmentation import SegmentationError
from segmentation.network.resizing import Resizer
from segmentation.training import batches, coco, dataset, samples

# pycocotools is older than numpy 2's copy argument.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools"),
              pytest.mark.usefixtures("one_torch_thread")]


# ---- What is in a data set --------------------------------------------------------------------------------

def test_classes_that_were_not_looked_for_and_rare_ones(folder):
    content = read(folder)
    content["images"][0]["annotated"] = [8]
    content["annotations"] = [entry for entry in content["annotations"]
                              if entry["category_id"] == 8 or entry["image_id"] < 3]
    write(folder, **content)
    data = coco.load_coco(folder / "a.json", folder, NAMES)
    assert [picture.looked for picture in data.pictures[:2]] == [{1}, None]
    assert data.counts().tolist() == [3, 6] and data.known.all()
    batch = batches.make_batch(data, [0, 1], Resizer(97, 129), np.random.default_rng(0))
    assert batch.looked.tolist() == [[False, True], [True, True]] and batch.everywhere.all()
    common = dataset.without_rare(data, 4)
    assert common.counts().tolist() == [0, 6] and all(picture.looked == {1} for picture in common.pictures)
    often = dataset.repeated(data, 1.0, np.random.default_rng(0))
    times = [sum(picture.path == own.path for picture in often.pictures) for own in data.pictures]
    assert set(times[:3]) <= {1, 2} and 2 in times[:3] and times[3:] == [1] * 3  # sqrt(1 / 0.5) = 1.41
    assert len(dataset.joined([data, data])) == 12


def test_pictures_in_another_folder_are_one_line_and_many_missing_ones_are_counted(tmp_path, capsys):
    make_folder(tmp_path, OWN, 14)
    (tmp_path / "other").mkdir()
    with pytest.raises(SegmentationError, match="none of the 14 annotated pictures is in"):
        coco.load_coco(tmp_path / "a.json", tmp_path / "other", NAMES)
    (tmp_path / "0.png").rename(tmp_path / "other" / "0.png")
    coco.load_coco(tmp_path / "a.json", tmp_path / "other", NAMES)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and lines[-1].endswith(f"3 more pictures are missing in {tmp_path / 'other'}")


def test_load_coco_refuses_a_missing_folder(folder):
    with pytest.raises(SegmentationError, match="no folder"):
        coco.load_coco(folder / "a.json", folder / "nowhere", NAMES)


# ---- What training sees ----------------------------------------------------------------------------------

def test_the_examples_in_docstrings():
    assert doctest.testmod(coco).attempted == 1 and doctest.testmod(coco).failed == 0


def test_windows_keep_the_rest_that_the_strides_leave():
    sizes = {batches.window_size((833, 481), np.random.default_rng(seed)) for seed in range(50)}
    assert len(sizes) > 10 and ((833, 481), 1.0) in sizes
    for (width, height), part in sizes:
        assert width % 16 == 1 and height % 16 == 1 and abs(width / 833 - part) < 0.02 > abs(height / 481 - part) - 0.02


def test_mask_target_is_the_part_of_each_cell():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:25, 20:41] = 1
    roi = np.array([15.5, 5.0, 45.5, 35.0])  # cells of 2 x 2 pixels
    cells = samples.mask_target(mask, roi)
    fine = np.kron(mask, np.ones((2, 2)))[10:70, 31:91].reshape(15, 4, 15, 4).mean((1, 3))
    np.testing.assert_allclose(cells, fine, atol=1e-9)


def test_boxes_and_masks_follow_the_picture(folder):
    data = coco.load_coco(folder / "a.json", folder, NAMES)
    for seed in range(20):
        sample = samples.make_sample(data.pictures[0], (129, 97), 1 - seed % 2 / 10, np.random.default_rng(seed))
        for box, label in zip(sample.boxes, sample.labels):
            x0, y0, x1, y1 = np.rint(box * [129, 97, 129, 97]).astype(int)
            middle = sample.image[(y0 + y1) // 2, (x0 + x1) // 2].astype(int)
            assert middle[0] > middle[2] if label == 0 else middle[2] > middle[0]  # yellow disc, blue square
        assert sample.masks[sample.labels == 1].mean() > 0.8
        assert sample.masks.shape == (len(sample.labels), 15, 15)


def test_compressed_rle_is_read_as_pycocotools_writes_it():
    rng = np.random.default_rng(0)
    for shape in ((7, 9), (300, 400), (1500, 40)):
        mask = cv2.resize(rng.integers(0, 2, (5, 5), np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
        mask[::7, 3] ^= 1
        rle = rle_masks.encode(np.asfortranarray(mask))
        outline = {"size": list(shape), "counts": rle["counts"].decode()}
        assert (rle_masks.decode(coco.outline_rle(outline, shape)) == mask).all()
        for counts in (outline["counts"][:-1], "zzzz", ""):
            with pytest.raises(ValueError, match="add up"):
                coco.outline_rle({**outline, "counts": counts}, shape)


def test_batches_hold_every_picture_once(folder):
    data = coco.load_coco(folder / "a.json", folder, NAMES)
    for epoch in range(3):
        numbers = np.concatenate(batches.shuffled_batches(data, 4, 0, epoch))
        assert len(numbers) == 8 and set(numbers) == set(range(6))
    again = batches.shuffled_batches(data, 4, 0, 2)
    assert (np.concatenate(again) == numbers).all()
