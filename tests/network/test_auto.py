"""--engine auto and --benchmark: measured once, kept, the fastest that finds the same."""

import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT

import mask_rcnn
from segmentation.network import auto
from segmentation.network.auto import Measured, choose, fastest
from segmentation.network.comparing import Cost, compare
from segmentation.network.model import read_model
from segmentation.network.options import NetworkOptions
from segmentation.network.weights import find_model

SLOW, FAST = Measured("opencv", "fp32", 0.3, True, ""), Measured("openvino", "bf16", 0.1, True, "")
WRONG = Measured("openvino", "int8", 0.01, False, "")
DOG, CAT = [0, 17, 0.9, 0.1, 0.1, 0.5, 0.5], [0, 16, 0.8, 0.6, 0.6, 0.9, 0.9]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache for the tables."""
    monkeypatch.setattr(auto, "folder", lambda: tmp_path / "engines")
    return tmp_path / "engines"


@pytest.fixture
def model(tiny_pb):
    return read_model(find_model(MODEL_FOLDER, tiny_pb))


class Recorded:
    """An Engine that finds the same rows in every picture; masks are of one kind."""

    name = "recorded"

    def __init__(self, *rows, inside=1.0):
        self.rows, self.inside = np.float32(rows).reshape(1, 1, -1, 7), inside

    def boxes(self, blob):
        return self.rows, None

    def masks(self, features, boxes):
        return np.full((boxes.shape[2], 90, 15, 15), self.inside, np.float32)


def test_the_fastest_that_keeps_the_detections_is_taken():
    assert fastest([SLOW, FAST, WRONG]) == FAST


def test_it_is_measured_once_and_then_kept(model, cache, monkeypatch, capsys):
    monkeypatch.setattr(auto, "measure", lambda *args: [SLOW, FAST])
    options = choose(NetworkOptions(engine="auto"), model)
    assert (options.engine, options.precision) == ("openvino", "bf16")
    assert "3.0 times as fast as opencv" in capsys.readouterr().out
    monkeypatch.setattr(auto, "measure", lambda *args: [SLOW])
    assert choose(NetworkOptions(engine="auto"), model) == options
    assert choose(NetworkOptions(engine="auto", size="raw"), model).engine == "opencv"  # another size, another table
    for table in cache.iterdir():
        table.write_text("broken")
    assert choose(NetworkOptions(engine="auto"), model).engine == "opencv"


def test_this_machine_is_measured(model):
    table = auto.measure(model, auto.Calibration(size="raw"), int8=False)
    assert table[0].engine == "opencv" and table[0].keeps
    assert all(row.seconds > 0 for row in table)


def test_opencv_hears_of_a_much_faster_engine(model, monkeypatch):
    options, digest = NetworkOptions(), model.digest.result()
    monkeypatch.setattr(auto, "find_spec", lambda name: name in ("onnx", "openvino") or None)
    assert auto.hint(digest, options) == "openvino can be faster: --engine auto measures it once"
    assert auto.hint(digest, NetworkOptions(engine="openvino")) == ""
    monkeypatch.setattr(auto, "measure", lambda *args: [SLOW, FAST])
    auto.measured(model, auto.Calibration(), int8=False)
    assert auto.hint(digest, options).startswith(f"--engine {FAST.name} is more than twice as fast here")
    assert "measures it once" in auto.hint(digest, NetworkOptions(size="raw"))
    monkeypatch.setattr(auto, "find_spec", lambda name: None)
    assert auto.hint(digest, NetworkOptions(size="raw")) == ""


def test_opencv_hears_nothing_if_it_was_measured_and_no_engine_is_much_faster(model, monkeypatch):
    monkeypatch.setattr(auto, "measure", lambda *args: [SLOW])
    auto.measured(model, auto.Calibration(), int8=False)
    assert auto.hint(model.digest.result(), NetworkOptions()) == ""


def test_benchmark_prints_the_table_alone(tiny_pb, monkeypatch, capsys):
    monkeypatch.setattr(auto, "measure", lambda *args: [SLOW, FAST])
    assert mask_rcnn.main(["--benchmark", "--weights", str(tiny_pb), "-m", str(ROOT / "mask-rcnn-coco")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["measuring", "opencv", "openvino"]


@pytest.mark.parametrize("options", [{"device": "opencl"}, {"precision": "bf16"}])
def test_auto_is_for_the_cpu_and_chooses_bf16_itself(options):
    with pytest.raises(ValueError, match="engine auto is for the cpu"):
        NetworkOptions(engine="auto", **options)


# ---- Comparing two engines -----------------------------------------------------------------------------------

def test_the_same_detections_cost_nothing():
    cost = compare(Recorded(DOG, CAT), Recorded(CAT, DOG), [None])
    assert cost == Cost(2, 2, 0, 0, 1, 1) and cost.keeps


def test_lost_and_new_objects_are_counted():
    moved = [*CAT[:3], 0.6, 0.6, 0.9, 0.75]  # half of it: still the same object
    other_class = [0, 3, *DOG[2:]]
    cost = compare(Recorded(DOG, CAT), Recorded(other_class, moved), [None, None])
    assert (cost.objects, cost.found, cost.more) == (4, 2, 2)
    assert cost.box == pytest.approx(0.5) and not cost.keeps
    assert str(cost) == "2 of 4 objects found, 2 more; scores differ by 0.000, box IoU 0.500, mask IoU 1.000"


def test_a_score_just_below_the_limit_is_no_lost_object():
    low = [*DOG[:2], 0.45, *DOG[3:]]
    cost = compare(Recorded(DOG), Recorded(low), [None])
    assert (cost.found, cost.more) == (1, 0)
    assert compare(Recorded(low), Recorded(DOG), [None]).more == 0


def test_nothing_found_by_either_keeps():
    assert compare(Recorded(), Recorded(), [None]).keeps
