"""segmentation/training/evaluate.py on a made data set of a few pictures."""

import numpy as np
import pytest

pytest.importorskip("torch", reason='training needs pip install ".[train]"')
pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')

from pycocotools import mask as rle_masks
from training.made_data import NAMES, read, run, write

from segmentation.instances import Instances
from segmentation.training import coco, evaluate, samples

# pycocotools is older than numpy 2's copy argument.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools"),
              pytest.mark.usefixtures("one_torch_thread")]


class Oracle:
    """Stands in for the network: finds what is annotated, in order of the pictures."""

    def __init__(self, data, shift=0):
        self.pictures, self.shift = iter(data.pictures), shift

    def __call__(self, image):
        outlines = next(self.pictures).objects
        boxes = [np.array(rle_masks.toBbox(o.rle)) @ [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]]
                 for o in outlines]
        masks = [samples.mask_target(rle_masks.decode(o.rle), box) for o, box in zip(outlines, boxes)]
        return Instances(np.int32(boxes) + self.shift, np.ones(len(boxes), np.float32),
                         np.int32([o.label for o in outlines]), np.float32(masks), image.shape[:2])


def test_perfect_boxes_score_1_and_shifted_ones_less(folder):
    data = coco.load_coco(folder / "a.json", folder, NAMES)
    figures, nearest = evaluate.evaluate(Oracle(data), data, [(0.5, "linear"), (0.5, "nearest")])
    assert figures.box_ap == nearest.box_ap and figures.mask_ap > nearest.mask_ap
    assert figures.box_ap == pytest.approx(1) and figures.mask_ap > 0.85
    assert set(figures.by_class) == {"disc", "square"}
    shifted, = evaluate.evaluate(Oracle(data, 5), data)
    assert shifted.box_ap50 == pytest.approx(1) and shifted.box_ap < 0.8


def test_classes_can_be_left_out_of_the_figures(folder):
    data = coco.load_coco(folder / "a.json", folder, NAMES)
    for outline in (outline for picture in data.pictures for outline in picture.objects):
        outline.rle["counts"] = outline.rle["counts"] if outline.label else rle_masks.encode(
            np.eye(120, 160, dtype=np.uint8, order="F"))["counts"]
    figures, = evaluate.evaluate(Oracle(data), data, [(0.5, "linear")], ["square", "star"])
    assert set(figures.by_class) == {"square"} and figures.mask_ap > 0.9


def test_evaluate_runs_own_classes_and_refuses_others(folder, capsys):
    assert run(folder, "--iterations", "1", "--holdout", "0") == 0
    command = ["--weights", str(folder / "g.pb"), "--images", str(folder), "--annotations", str(folder / "a.json")]
    assert evaluate.main([*command, "--interpolation", "linear", "cubic", "--threshold", "0.3", "0.5",
                          "--known-classes"]) == 0
    out = capsys.readouterr().out
    assert out.count("6 pictures: box AP50") == 4 and "cut at 0.5, cubic" in out and "disc  " in out
    write(folder, **{**read(folder), "categories": [{"id": 3, "name": "ring"}, {"id": 8, "name": "star"}]})
    assert evaluate.main(command) == 1
    assert "is about other classes (ring, star" in capsys.readouterr().err


def test_evaluate_reports_a_missing_file(folder, capsys):
    code = evaluate.main(["--weights", str(folder / "none.pb"), "--images", str(folder),
                          "--annotations", str(folder / "none.json")])
    assert code == 1 and "none.json" in capsys.readouterr().err
