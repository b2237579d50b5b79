"""The exported ONNX model and its two engines against cv2.dnn, on the tiny graph and on the demo graph."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from conftest import MODEL_FOLDER, ROOT
from tiny_graph import frozen_graph, tiny_consts

import mask_rcnn
from segmentation import SegmentationError
from segmentation.cli import to_onnx
from segmentation.network import weights as weights_module
from segmentation.network.download import CACHE_NAME
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.model import read_model
from segmentation.network.onnx import kept as kept_file
from segmentation.network.weights import DEMO, TEXT_GRAPH, find_model

onnx = pytest.importorskip("onnx", reason="pip install '.[engines]'")
ENGINES = [pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"pip install {name}"))
           for name in ("onnxruntime", "openvino")]


@pytest.fixture
def weights(tmp_path, tiny_pb):
    """The tiny graph where an .onnx may be written beside it."""
    path = tmp_path / "weights.pb"
    path.write_bytes(tiny_pb.read_bytes())
    return path


def matched(one, other):
    """For each row of one, the nearest row of the same class of the other; (N,) indices.

    Two detections of about the same score may come in either order.
    """
    near = []
    for row in one[0, 0]:
        same = np.flatnonzero(other[0, 0, :, 1] == row[1])
        near.append(same[np.abs(other[0, 0, same, 3:] - row[3:]).max(1).argmin()])
    assert sorted(near) == list(range(other.shape[2]))
    return np.array(near)


def assert_same(expected, found, boxes_atol=2e-5, masks_atol=1e-4):
    (boxes, masks), (own_boxes, own_masks) = expected, found
    assert own_boxes.shape == boxes.shape and own_masks.shape == masks.shape
    assert own_boxes.dtype == own_masks.dtype == np.float32
    near = matched(boxes, own_boxes)
    np.testing.assert_allclose(own_boxes[:, :, near], boxes, atol=boxes_atol)
    classes = boxes[0, 0, :, 1].astype(int)
    np.testing.assert_allclose(own_masks[near, classes], masks[range(len(masks)), classes], atol=masks_atol)


@pytest.mark.parametrize("engine", ENGINES)
def test_sizes_in_a_row_give_what_opencv_gives(weights, noise, engine):
    options = {"size": "raw", "confidence": 0.3}
    opencv = MaskRCNN.load(MODEL_FOLDER, weights, **options)
    net = MaskRCNN.load(MODEL_FOLDER, weights, **options, engine=engine)
    for size_wh in ((160, 128), (161, 129), (97, 120), (320, 240), (160, 128)):
        image = cv2.resize(noise, size_wh)
        expected = opencv.forward(image)
        assert expected[0].size
        assert_same(expected, net.forward(image))


@pytest.mark.parametrize("engine", ENGINES)
def test_winograd_changes_only_rounding(weights, noise, engine, monkeypatch):
    monkeypatch.setattr("segmentation.network.onnx.layers.WINOGRAD_CHANNELS", 8)  # which the layer has here
    model = read_model(find_model(MODEL_FOLDER, weights))
    assert [node.op_type for node in kept_file.export(model, True).graph.node].count("DepthToSpace") == 1
    opencv, net = (MaskRCNN.load(MODEL_FOLDER, weights, size="raw", engine=name) for name in ("opencv", engine))
    for size_wh in ((160, 128), (161, 129), (97, 120), (257, 240)):
        image = cv2.resize(noise, size_wh)
        assert_same(opencv.forward(image), net.forward(image), boxes_atol=1e-3, masks_atol=2e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_demo_finds_the_same(tmp_path, engine):
    for name in (DEMO, DEMO.replace(".pb", ".config"), DEMO.replace(".pb", ".pbtxt")):
        (tmp_path / name).write_bytes((MODEL_FOLDER / name).read_bytes())
    opencv, net = (MaskRCNN.load(MODEL_FOLDER, tmp_path / DEMO, engine=name) for name in ("opencv", engine))
    for number in (1, 2, 3):
        image = cv2.imread(str(ROOT / f"images/example_0{number}.jpg"))
        assert_same(opencv.forward(image), net.forward(image))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_of_other_classes(own, noise, engine):
    opencv, net = (MaskRCNN.load(MODEL_FOLDER, own, confidence=0.2, engine=name) for name in ("opencv", engine))
    assert_same(opencv.forward(noise), net.forward(noise))


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_found(weights, noise, engine):
    boxes, masks = MaskRCNN.load(MODEL_FOLDER, weights, size=(160, 128), confidence=1, engine=engine).forward(noise)
    assert boxes.shape == (1, 1, 0, 7) and masks.shape == (0, 90, 15, 15)


@pytest.mark.parametrize("engine", ENGINES)
def test_confidence_and_proposals_count(weights, noise, engine):
    def count(**options):
        net = MaskRCNN.load(MODEL_FOLDER, weights, size=(160, 128), engine=engine, **options)
        return len(net.forward(noise)[1])

    assert count(confidence=0.5) < count(confidence=0.3) < count(confidence=0.1)
    assert count(confidence=0.01, proposals=10) <= 20 < count(confidence=0.01, proposals=30)


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_outlive_the_next_forward(weights, noise, engine):
    net = MaskRCNN.load(MODEL_FOLDER, weights, size=(160, 128), engine=engine)
    first = net.forward(noise)
    copies = [array.copy() for array in first]
    net.forward(noise[::-1].copy())
    assert all(np.array_equal(*pair) for pair in zip(first, copies))


# ---- The file beside the weights -------------------------------------------------------------------------

def find_export(weights):
    return kept_file.find_export(read_model(find_model(MODEL_FOLDER, weights)))


def test_the_export_is_kept_and_made_anew_from_other_weights(weights, monkeypatch):
    made = find_export(weights)
    kept = weights.with_suffix(".onnx")
    onnx.checker.check_model(str(kept), full_check=True)
    with monkeypatch.context() as patch:
        patch.setattr(kept_file, "export", None)
        assert find_export(weights).graph == made.graph == onnx.load(kept).graph
    weights.write_bytes(frozen_graph(tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text(), seed=5)))
    other = find_export(weights)
    assert other.graph != made.graph and onnx.load(kept).graph == other.graph


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1:]


BROKEN = {"a flipped bit": lambda data: flipped(data, len(data) // 2), "at the start": lambda data: flipped(data, 1),
          "in the seal": lambda data: flipped(data, len(data) - 3), "in a name": lambda data: flipped(data, 8),
          "in the seal's name": lambda data: flipped(data, len(data) - 75), "a longer file": lambda data: data + b"x",
          "cut off": lambda data: data[:len(data) // 3], "without its seal": lambda data: data[:-100],
          "its end": lambda data: data[-1000:], "zeros": lambda data: bytes(len(data)), "empty": lambda data: b"",
          "a block of zeros": lambda data: data[:4096] + bytes(4096) + data[8192:]}


@pytest.mark.parametrize("how", BROKEN)
def test_a_damaged_export_is_made_anew_with_one_line(weights, how, capsys):
    made, kept = find_export(weights), weights.with_suffix(".onnx")
    whole = kept.read_bytes()
    kept.write_bytes(BROKEN[how](whole))
    assert find_export(weights).graph == made.graph and kept.read_bytes() == whole
    out, err = capsys.readouterr()
    assert out == f"[INFO] {kept} is damaged, so the ONNX model is made anew\n" and not err
    find_export(weights)
    assert capsys.readouterr() == ("", "")


def test_an_export_of_an_older_version_is_made_anew_without_a_word(weights, capsys):
    kept = weights.with_suffix(".onnx")
    old = find_export(weights)
    old.producer_name = ""
    del old.metadata_props[:]
    onnx.helper.set_model_props(old, {kept_file.MADE_FROM: "0" * 64})
    onnx.save(old, kept)
    find_export(weights)
    assert kept_file.is_whole(kept.read_bytes()) and capsys.readouterr() == ("", "")


def foreign_model():
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    return onnx.helper.make_model(onnx.helper.make_graph([], "another", [value], [value])).SerializeToString()


@pytest.mark.parametrize("content", [b"not ONNX", foreign_model()])
def test_a_file_of_another_kind_is_left_as_it_is(weights, content, capsys):
    weights.with_suffix(".onnx").write_bytes(content)
    find_export(weights)
    assert weights.with_suffix(".onnx").read_bytes() == content
    assert "is not this project's" in capsys.readouterr().err
    assert to_onnx.main(["--weights", str(weights)]) == 1
    assert weights.with_suffix(".onnx").read_bytes() == content
    assert "is not this project's, so it is not replaced" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".pb", ".pbtxt", ".txt", ".config"])
def test_to_onnx_does_not_write_over_a_file_of_the_model(own, suffix, capsys):
    before = own.with_suffix(suffix).read_bytes()
    assert to_onnx.main(["--weights", str(own), "--out", str(own.with_suffix(suffix))]) == 1
    assert own.with_suffix(suffix).read_bytes() == before
    assert "is a file of the model itself" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(weights, monkeypatch, capsys):
    def fail(proto, path, key):
        raise SegmentationError(f"cannot write {path}: no space left on device")
    monkeypatch.setattr(kept_file, "save", fail)
    assert find_export(weights).graph.node
    assert "no space left on device; the ONNX model is made anew each time" in capsys.readouterr().err


def test_an_installed_package_keeps_the_export_in_the_cache(tmp_path, monkeypatch):
    assert kept_file.export_path(tmp_path / "my.pb") == tmp_path / "my.onnx"
    assert kept_file.export_path(tmp_path / "my.pb", kept_file.WINOGRAD) == tmp_path / "my.winograd.onnx"
    monkeypatch.setattr(weights_module, "INSTALLED_FOLDER", tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / "cache" / name)
    assert kept_file.export_path(tmp_path / DEMO) == tmp_path / "cache" / CACHE_NAME / (
        DEMO.replace(".pb", ".onnx"))


def test_to_onnx_writes_beside_the_weights_with_the_model_s_own_proposals(tmp_path):
    for suffix in (".pb", ".pbtxt", ".config"):
        shutil.copy((MODEL_FOLDER / DEMO).with_suffix(suffix), tmp_path / f"my{suffix}")
    assert to_onnx.main(["--weights", str(tmp_path / "my.pb")]) == 0
    tensors = onnx.load(tmp_path / "my.onnx").graph.initializer
    assert [onnx.numpy_helper.to_array(tensor).tolist() for tensor in tensors if tensor.name == "proposals"] == [[50]]


def test_to_onnx_writes_a_standard_model(weights, tmp_path, capsys):
    out = tmp_path / "out" / "model.onnx"
    assert to_onnx.main(["--weights", str(weights), "--out", str(out), "--proposals", "30"]) == 0
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.output] == ["detection_out_final", "detection_masks"]
    assert {domain.domain: domain.version for domain in model.opset_import} == {"": 17}
    values = {tensor.name: onnx.numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer}
    assert values["proposals"] == [30] and values["confidence"] == pytest.approx([0.3])
    assert f"saved {out}" in capsys.readouterr().out


def test_to_onnx_names_what_is_wrong(tmp_path, capsys):
    assert to_onnx.main(["--weights", str(tmp_path / "none.pb")]) == 1
    assert "there are no weights" in capsys.readouterr().err


# ---- What is not there -----------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_that_is_not_installed_is_named(weights, engine, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, engine, None)
    assert mask_rcnn.main(["-i", "x.jpg", "--weights", str(weights), "--engine", engine]) == 1
    assert f"{engine} is not installed: pip install onnx {engine}" in capsys.readouterr().err


@pytest.mark.parametrize("engine, device", [("onnxruntime", "directml"), ("openvino", "npu")])
def test_a_device_that_is_not_there_is_named(weights, engine, device):
    pytest.importorskip(engine)
    with pytest.raises(SegmentationError, match=f"{device} here.*leave out --device"):
        MaskRCNN.load(MODEL_FOLDER, weights, engine=engine, device=device)


@pytest.mark.parametrize("options, said", [
    (["--engine", "opencv", "--precision", "bf16"], "bf16 and int8 need the engine openvino"),
    (["--engine", "openvino", "--device", "opencl"], "device must be cpu or gpu or npu with engine openvino"),
    (["--engine", "tensorflow"], "invalid choice")])
def test_options_that_contradict_each_other(options, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        mask_rcnn.main(["-i", "x.jpg", *options])
    assert stopped.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_hundred_scenes(tmp_path, engine):
    """The same objects: scores within 1e-3, boxes within half a pixel, masks within 2e-3.

    A detection that one engine has and the other lacks is allowed where its score is within 1e-3 of the
    confidence, since rounding then decides on which side it falls; such a one is left out of the comparison.
    """
    from segmentation.training.scenes import draw as scenes

    assert scenes.main(["--out", str(tmp_path), "--count", "100", "--seed", "99", "--split", "test"]) == 0
    opencv, net = (MaskRCNN.load(MODEL_FOLDER, MODEL_FOLDER / DEMO, engine=name) for name in ("opencv", engine))
    worst = np.zeros(3)
    for path in sorted((tmp_path / "images").iterdir()):
        image = cv2.imread(str(path))
        (boxes, masks), (own_boxes, own_masks) = (without_ties(*net.forward(image)) for net in (opencv, net))
        near = matched(boxes, own_boxes)
        size = np.array([image.shape[1], image.shape[0]] * 2)
        classes = boxes[0, 0, :, 1].astype(int)
        differences = (np.abs(own_boxes[0, 0, near, 2] - boxes[0, 0, :, 2]),
                       np.abs(own_boxes[0, 0, near, 3:] - boxes[0, 0, :, 3:]) * size,
                       np.abs(own_masks[near, classes] - masks[range(len(masks)), classes]))
        worst = np.maximum(worst, [difference.max(initial=0) for difference in differences])
    print(f"{engine}: score {worst[0]:.1e}, box {worst[1]:.1e} pixels, mask {worst[2]:.1e}")
    assert (worst < (1e-3, 0.5, 2e-3)).all()


def without_ties(boxes, masks, confidence=0.5):
    """The detections whose score is not within 1e-3 of the confidence."""
    clear = boxes[0, 0, :, 2] > confidence + 1e-3
    return boxes[:, :, clear], masks[clear]


@pytest.mark.parametrize("cores", [1, 8])
def test_openvino_keeps_to_cores_of_its_own_only_if_it_has_all(monkeypatch, tiny_pb, cores):
    pytest.importorskip("openvino")
    monkeypatch.setattr(cv2, "getNumberOfCPUs", lambda: cores)
    monkeypatch.setattr(cv2, "getNumThreads", lambda: 1)  # as in a worker, if there are 8
    net = MaskRCNN.load(MODEL_FOLDER, tiny_pb, engine="openvino")
    for request, _, _ in (*net.engine.box_steps, *net.engine.mask_steps):
        assert request.get_compiled_model().get_property("ENABLE_CPU_PINNING") == (cores == 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the call")
def test_openvino_leaves_the_signal_stack_alone(tiny_pb):
    """In a process of its own, whose OpenVINO has not been loaded yet. With another stack Ctrl-C can crash later."""
    pytest.importorskip("openvino")
    code = """
import sys
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.onnx.signal_stack import read_signal_stack
before = read_signal_stack()
net = MaskRCNN.load(sys.argv[1], sys.argv[2], engine="openvino")
after = read_signal_stack()
print((before.start, before.flags) == (after.start, after.flags))
"""
    run = subprocess.run([sys.executable, "-c", code, MODEL_FOLDER, tiny_pb], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "True\n", run.stderr
