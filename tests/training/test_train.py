"""segmentation/training/train.py and the modules behind it, on a made data set of a few pictures."""

import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason='training needs pip install ".[train]"')
pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')

import torch
from training.made_data import COCO, NAMES, OWN, make_folder, read, run, write

from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.weights import MODEL_FOLDER
from segmentation.training import evaluate, feeding, loop, options, start, train, weights_file
from segmentation.training.architectures import ARCHITECTURES
from segmentation.training.classes import BOXES, CLASS_BIAS, CLASSES, MASKS
from segmentation.training.layers import DepthwiseConvolution
from segmentation.training.pretrained import fitted, operations, read_pretrained
from segmentation.training.torch_model import TorchMaskRCNN

# pycocotools is older than numpy 2's copy argument.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools"),
              pytest.mark.usefixtures("one_torch_thread")]

ROOT = MODEL_FOLDER.parent
CLASS_LAYERS = tuple(f"{layer}/" for layer in (CLASSES, BOXES, MASKS))


def started(folder, *arguments):
    """The Training of such a run at its start."""
    chosen = options.parse_options(["--images", str(folder), "--annotations", str(folder / "a.json"), "--out",
                                    str(folder / "g.pb"), *arguments])
    return start.start(chosen, start.load_data(chosen)[0])


def consts(path):
    return weights_file.read_consts(path)


@pytest.fixture
def pretrained(tmp_path):
    """A file of arrays as those of MobileNet v2 that has seen photos, random ones."""
    rng = np.random.default_rng(0)
    shapes = {name: array.shape for name, array in TorchMaskRCNN(1, 0.1, "mobilenet_v2").consts().items()}
    arrays = {}
    for name, (key, shape) in operations().items():
        assert shape == shapes[name], name
        shape = (3, 3, *shape[2:]) if shape[0] == 5 else shape
        array = rng.normal(0, 0.1, (*shape[:2], 96, shape[3]) if key == "w47" else shape).astype(np.float16)
        # (out, k, k, in); of depthwise ones (1, 3, 3, C), which is where their (3, 3, C, 1) have their last axis too
        arrays[key] = array.transpose(3, 0, 1, 2) if array.ndim == 4 else array
    np.savez(tmp_path / "pretrained.npz", **arrays)
    return tmp_path / "pretrained.npz"


def test_each_array_of_the_pretrained_file_has_its_layer():
    keys = {name.replace("FeatureExtractor/MobilenetV2", ""): key for name, (key, _) in operations().items()}
    trunk = {key: name for name, key in keys.items() if name.startswith("FirstStage")}
    assert len(trunk) == 2 * 51 == len(set(keys.values())) and max(int(key[1:]) for key in trunk) == 60
    assert trunk["w0"] == "FirstStage/Conv/weights"
    assert trunk["w1"] == "FirstStage/expanded_conv/depthwise/depthwise_weights"
    assert trunk["b45"] == "FirstStage/expanded_conv_12/project/biases"
    assert trunk["w47"] == "FirstStage/expanded_conv_13/expand/weights"
    head = {name: key for name, key in keys.items() if name.startswith("SecondStage")}
    assert len(head) == 2 * 6 and set(head.values()) < set(trunk)
    assert head["SecondStage/expanded_conv_13/expand/weights"] == "w47"
    assert head["SecondStage/expanded_conv_16/project/biases"] == "b60"


def test_a_dilated_kernel_looks_twice_as_far():
    layer, x = DepthwiseConvolution("layer", channels=2, stride=1, dilation=2), torch.rand(1, 2, 9, 8)
    wide = torch.zeros(2, 1, 5, 5)
    wide[..., ::2, ::2] = layer.weight.detach()
    torch.testing.assert_close(layer(x).detach(), torch.nn.functional.conv2d(x, wide, padding=2, groups=2))


def test_new_inputs_start_at_nothing():
    grown = fitted(np.ones((1, 1, 2, 3), np.float32), (1, 1, 4, 3))
    assert (grown[:, :, :2] == 1).all() and not grown[:, :, 2:].any()


def test_a_pretrained_trunk_is_trained_on_what_its_first_layers_make_of_a_few_views(folder, pretrained, capsys):
    assert run(folder, "--pretrained", str(pretrained), "--width", "0.1", "--views", "2", "--iterations", "8",
               "--holdout", "0", "--scale", "0.8", "1.3", "--half") == 0
    found, start = consts(folder / "g.pb"), read_pretrained(pretrained)
    moved = {name for name, array in start.items() if np.abs(found[name] - array).max() > 2e-4}
    assert moved and not any("expanded_conv_6/" in name or name.endswith("V2/Conv/weights") for name in moved)
    net = MaskRCNN.load(MODEL_FOLDER, folder / "g.pb", confidence=0.01)
    assert net.labels == ("disc", "square")
    net(cv2.imread(str(folder / "0.png")))
    assert run(folder, "--init", str(folder / "g.pb"), "--width", "0.1", "--iterations", "1", "--holdout", "0",
               out="h.pb") == 0
    assert "it knows disc, square; new to it: none" in capsys.readouterr().out


def test_unfrozen_first_layers_are_trained_in_the_smallest_steps(folder, pretrained, capsys):
    assert run(folder, "--pretrained", str(pretrained), "--unfreeze", "--width", "0.1", "--iterations", "8",
               "--holdout", "0") == 0
    found, start = consts(folder / "g.pb"), read_pretrained(pretrained)
    steps = {name: np.abs(found[name] - array).max() for name, array in start.items() if name.endswith("/weights")}
    first, head = (max(step for name, step in steps.items() if name.startswith(stage))
                   for stage in ("FirstStage", "SecondStage"))
    assert 1e-5 < first < head / 2
    with pytest.raises(SystemExit, match="2"):
        run(folder, "--pretrained", str(pretrained), "--unfreeze", "--views", "2")
    assert "--unfreeze" in capsys.readouterr().err


def test_what_the_first_layers_make_is_the_same_in_openvino(folder, pretrained, monkeypatch):
    pytest.importorskip("openvino", reason="pip install openvino")
    training = started(folder, "--pretrained", str(pretrained))
    images = torch.randint(0, 256, (2, 3, 97, 129), dtype=torch.uint8)
    found = feeding.frozen_features(training.model, training.device)(images)
    monkeypatch.setitem(sys.modules, "openvino", None)
    expected = feeding.frozen_features(training.model, training.device)(images)
    assert found.dtype == expected.dtype == torch.float8_e4m3fn
    assert found.shape == expected.shape == (2, 96 + 320, 7, 9)
    expected = expected.float()
    np.testing.assert_allclose(found.float(), expected, rtol=0.13, atol=0.02 * expected.abs().max().item())


@pytest.mark.parametrize("content", ["missing", "other", "text"])
def test_a_pretrained_file_of_another_kind_is_one_line(folder, capsys, content):
    path = folder / "p.npz"
    if content == "other":
        np.savez(path, w0=np.zeros(3))
    elif content == "text":
        path.write_text("no arrays")
    assert run(folder, "--pretrained", str(path), "--iterations", "1") == 1
    error = capsys.readouterr().err
    assert "p.npz" in error and error.count("\n") == 1


def test_pictures_of_several_folders_are_learnt_together(tmp_path, capsys):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = make_folder(tmp_path / "one", OWN, 2), make_folder(tmp_path / "two", OWN, 3)
    options = ["--init", "scratch", "--width", "0.02", "--short-side", "97", "--long-side", "129",
               "--out", str(tmp_path / "g.pb"), "--iterations", "1", "--holdout", "0"]
    assert train.main(["--images", str(one), str(two), "--annotations", str(one / "a.json"), str(two / "a.json"),
                       *options]) == 0
    assert "5 pictures with 10 objects" in capsys.readouterr().out
    write(two, **{**read(two), "categories": [{"id": 3, "name": "ring"}, {"id": 8, "name": "square"}]})
    assert train.main(["--images", str(one), str(two), "--annotations", str(one / "a.json"), str(two / "a.json"),
                       *options]) == 1
    assert "must have the same categories" in capsys.readouterr().err


def test_own_classes_get_a_label_file_and_a_text_graph(folder, capsys):
    assert run(folder, "--iterations", "3", "--holdout", "0", "--half") == 0
    assert (folder / "g.txt").read_text() == "disc\nsquare\n"
    assert "num_classes" in (folder / "g.pbtxt").read_text()
    assert consts(folder / "g.pb")[weights_file.SHIFT] == np.float32(weights_file.MASK_SHIFT)
    assert "min_dimension: 97\n        max_dimension: 129" in (folder / "g.config").read_text()
    assert len(consts(folder / "g.pb")[weights_file.CLASS_BIASES]) == 3
    assert not (folder / "g.checkpoint").exists()
    output = capsys.readouterr()
    assert "6 pictures with 12 objects of 2 classes" in output.out
    assert "training" in output.err and "mask=" in output.err
    net = cv2.dnn.readNetFromTensorflow(str(folder / "g.pb"), str(folder / "g.pbtxt"))
    net.setInput(cv2.dnn.blobFromImage(np.zeros((97, 129, 3), np.uint8)))
    assert net.forward().shape[1:] == (2, 15, 15)


def test_coco_s_classes_keep_their_numbers_and_are_measured(tmp_path, capsys):
    folder = make_folder(tmp_path, COCO, 4)
    assert run(folder, "--iterations", "2", "--holdout", "0.25") == 0
    assert len(consts(folder / "g.pb")[weights_file.CLASS_BIASES]) == 91
    assert not (folder / "g.txt").exists() and not (folder / "g.pbtxt").exists()
    output = capsys.readouterr().out
    assert "3 pictures with 6 objects of 2 classes" in output
    assert "1 picture: box AP50 0.0" in output and "stop sign" in output


def test_losses_fall(folder, monkeypatch):
    losses, iterate = [], loop.iterate

    def noted(*args):
        losses.append(iterate(*args))
        return losses[-1]
    monkeypatch.setattr(loop, "iterate", noted)
    assert run(folder, "--iterations", "100", "--holdout", "0", "--learning-rate", "0.01") == 0
    total = [sum(float(loss) for loss in entry.values()) for entry in losses]
    assert sum(total[-10:]) < 0.7 * sum(total[:10])


def test_a_resumed_run_ends_like_an_uninterrupted_one(folder, stop_at, capsys):
    assert run(folder, "--iterations", "6", "--holdout", "0", out="whole.pb") == 0
    stop_at(3)
    assert run(folder, "--iterations", "6", "--holdout", "0") == 130
    assert "go on with --resume" in capsys.readouterr().err
    assert (folder / "g.checkpoint").exists() and not (folder / "g.pb").exists()
    stop_at(None)
    assert run(folder, "--iterations", "6", "--holdout", "0") == 1
    assert "--resume" in capsys.readouterr().err
    assert run(folder, "--iterations", "6", "--holdout", "0", "--resume") == 0
    for name, array in consts(folder / "whole.pb").items():
        np.testing.assert_allclose(consts(folder / "g.pb")[name], array, atol=1e-5)


def test_resume_needs_a_checkpoint_that_fits(folder, capsys):
    assert run(folder, "--resume") == 1
    assert "no checkpoint" in capsys.readouterr().err
    (folder / "g.checkpoint").write_bytes(b"nothing")
    assert run(folder, "--resume") == 1
    assert "g.checkpoint is no checkpoint" in capsys.readouterr().err


def knowing(num_classes, architecture="inception_v2"):
    """The constants of a network with random weights that knows all its classes."""
    model = TorchMaskRCNN(num_classes, 0.04, architecture)
    with torch.no_grad():
        model.box_deltas.bias.copy_(torch.arange(1, 1 + len(model.box_deltas.bias)))
        model.class_scores.weight += 1  # those of a new network are near 0
    return model.consts()


def columns(found, label):
    """What constants hold for a class, and for the background, in one list of arrays."""
    layers = ((CLASSES, [0, label + 1]), (BOXES, range(4 * label, 4 * label + 4)), (MASKS, [label]))
    return [found[f"{layer}/{part}"][..., list(which)] for layer, which in layers for part in ("weights", "biases")]


def test_init_takes_all_but_the_class_layers(folder, capsys):
    other = knowing(90)
    weights_file.write_consts(folder / "official.pb", other)
    training = started(folder, "--init", str(folder / "official.pb"))
    assert training.model.width == pytest.approx(0.04, abs=0.01)
    assert "it knows none; new to it: disc, square" in capsys.readouterr().out
    own = training.model.consts()
    for name, array in other.items():
        if not name.startswith(CLASS_LAYERS):
            np.testing.assert_array_equal(own[name], array)
    assert run(folder, "--init", str(folder / "official.pb"), "--width", "0.2") == 1
    assert "leave out --width" in capsys.readouterr().err
    assert run(folder, "--init", "demo", "--width", "0.02") == 1
    assert "--init scratch" in capsys.readouterr().err
    assert run(folder, "--init", str(folder / "a.json")) == 1
    assert "a.json" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("names", [("star", "square", "ring"), ("star", "square")])
def test_classes_are_taken_over_by_their_names(folder, capsys, architecture, names):
    other = knowing(len(names), architecture)
    weights_file.write_consts(folder / "other.pb", other)
    (folder / "other.txt").write_text("\n".join(names))
    own = started(folder, "--init", str(folder / "other.pb")).model.consts()  # disc, square
    assert "it knows square; new to it: disc" in capsys.readouterr().out
    for found, expected in zip(columns(own, 1), columns(other, 1)):
        np.testing.assert_array_equal(found, expected)
    assert np.abs(own[f"{CLASSES}/weights"][:, 1]).max() < 0.2  # a new one's, not the star's
    assert own[f"{CLASSES}/biases"][1] == CLASS_BIAS


def test_the_demo_graph_is_the_start(folder, capsys):
    write(folder, **{**read(folder), "categories": [{"id": 3, "name": "dog"}, {"id": 8, "name": "square"}]})
    demo, own = consts(MODEL_FOLDER / "demo_inference_graph.pb"), started(folder).model.consts()
    assert "demo_inference_graph.pb; of the classes to learn it knows dog; new to it: square" in capsys.readouterr().out
    dog = NAMES.index("dog")
    np.testing.assert_array_equal(own[f"{CLASSES}/weights"][:, :2], demo[f"{CLASSES}/weights"][:, [0, dog + 1]])
    for label in (0, 1):  # one box and one mask for all classes
        np.testing.assert_array_equal(own[f"{BOXES}/weights"][:, 4 * label:4 * label + 4],
                                      demo[f"{BOXES}/weights"][:, 4 * dog:4 * dog + 4])
    assert run(folder, "--init", "demo", "--iterations", "1", "--holdout", "0") == 0
    assert MaskRCNN.load(MODEL_FOLDER, folder / "g.pb").labels == ("dog", "square")


def test_the_learning_rate_depends_on_the_start():
    command = ["--images", "i", "--annotations", "a", "--out", "g.pb"]
    for given, expected in (([], 1e-3), (["--init", "g.pb"], 3e-4), (["--init", "scratch"], 2e-3),
                            (["--pretrained", "p.npz"], 2e-3), (["--learning-rate", "0.5"], 0.5)):
        assert options.parse_options(command + given).highest_rate == expected


def test_fine_tuning_starts_from_weights_under_the_official_names(folder, capsys):
    stand_in = ROOT.parent / "shared" / "tools" / "random_graph.py"
    if not stand_in.is_file():
        pytest.skip(f"no stand-in weights: {stand_in} is not there")
    official = folder / "frozen_inference_graph.pb"
    subprocess.run([sys.executable, stand_in, official, "--width", "0.1"], check=True, capture_output=True)
    assert train.main(["--images", str(folder), "--annotations", str(folder / "a.json"), "--init", str(official),
                       "--iterations", "2", "--batch", "2", "--holdout", "0.2", "--short-side", "97", "--long-side",
                       "129", "--out", str(folder / "g.pb")]) == 0
    out = capsys.readouterr().out
    assert "new to it: disc, square" in out and "1 picture: box AP50" in out
    official, own = consts(official), consts(folder / "g.pb")
    assert all(own[name].shape == array.shape for name, array in official.items()
               if not name.startswith(CLASS_LAYERS) and "Reshape_1" not in name)


def test_the_shift_of_masks_is_undone_before_fine_tuning_and_applied_once(folder):
    trained = knowing(2)
    for name, own in (("trained.pb", trained), ("ours.pb", weights_file.shift_masks(trained))):
        weights_file.write_consts(folder / name, own)
        biases = started(folder, "--init", str(folder / name)).model.consts()[weights_file.MASK_BIASES]
        np.testing.assert_allclose(biases, trained[weights_file.MASK_BIASES], atol=1e-6)
    assert run(folder, "--iterations", "1", "--holdout", "0", "--learning-rate", "1e-9", "--width", "0.04", "--init",
               str(folder / "ours.pb")) == 0
    np.testing.assert_allclose(consts(folder / "g.pb")[weights_file.MASK_BIASES],
                               trained[weights_file.MASK_BIASES] + weights_file.MASK_SHIFT, atol=1e-6)


def test_fine_tuning_keeps_the_averages_of_batch_normalisation(folder):
    model = TorchMaskRCNN(2, 0.02)
    weights_file.write_consts(folder / "start.pb", model.consts())
    options = ("--init", str(folder / "start.pb"), "--iterations", "2", "--holdout", "0")
    assert run(folder, *options) == 0
    found, start = consts(folder / "g.pb"), model.consts()
    for name in start:
        if name.endswith(("moving_mean", "moving_variance")):
            np.testing.assert_array_equal(found[name], start[name])
    assert not (found["Conv/weights"] == start["Conv/weights"]).all()


# ---- What cannot be used ---------------------------------------------------------------------------------

def test_bad_pictures_and_annotations_are_named_and_left_out(folder, capsys):
    content = read(folder)
    content["images"].append({"id": 90, "file_name": "gone.png", "height": 120, "width": 160})
    content["images"].append({"id": 91, "file_name": "1.png"})
    first = content["annotations"][0]
    content["annotations"] += [{**first, "id": 100, "category_id": 77},
                               {**first, "id": 101, "segmentation": [[1, 2, 3, 4]]},
                               {**first, "id": 102, "segmentation": {"size": [1, 1], "counts": [1]}},
                               {**first, "id": 103, "segmentation": None},
                               {**first, "id": 104, "image_id": 90}]
    write(folder, **content)
    (folder / "2.png").write_bytes(b"no picture")
    assert run(folder, "--iterations", "4", "--holdout", "0") == 0
    output = capsys.readouterr()
    assert "7 pictures" not in output.out and "6 pictures with 12 objects" in output.out
    for what in ("gone.png is missing", "annotation 100", "annotation 101", "annotation 102",
                 "annotation 103", "without file_name"):
        assert output.err.count(what) == 1
    assert output.err.count("2.png cannot be read") == 1 and "annotation 104" not in output.err


@pytest.mark.parametrize("change, message", [
    ({"annotations": []}, "has no object on any picture"),
    ({"images": []}, "has no object on any picture"),
    ({"categories": 3}, "COCO's instance format"),
])
def test_an_empty_or_foreign_data_set_is_an_error(folder, capsys, change, message):
    write(folder, **{**read(folder), **change})
    assert run(folder) == 1
    assert message in capsys.readouterr().err


def test_no_readable_picture_is_an_error(folder, capsys):
    for path in folder.glob("*.png"):
        path.write_bytes(b"")
    assert run(folder, "--holdout", "0") == 1
    assert "none of the pictures" in capsys.readouterr().err


@pytest.mark.parametrize("heading, script", [("Train on your own", options), ("Measure a graph", evaluate)])
def test_every_option_is_in_the_readme_and_no_other_is(heading, script):
    section = (ROOT / "docs/training.md").read_text(encoding="utf-8").partition(f"## {heading}")[2]
    rows = {re.search(r"--[\w-]+", row).group(): row
            for row in re.findall(r"^\| `-.*\|$", section.partition("\n## ")[0], re.M)}
    options = {max(action.option_strings, key=len): action.default for action in script.make_parser()._actions
               if "--help" not in action.option_strings}
    assert set(rows) == set(options)
    for name, default in options.items():
        default = default[0] if isinstance(default, list) else default
        assert default in (None, False) or str(default) in rows[name], name


def test_usage_errors(folder):
    for wrong in (["--short-side", "352"], ["--short-side", "609", "--long-side", "353"],
                  ["--iterations", "0"], ["--val-images", "x"], ["--iterations", "1", "--minutes", "1"]):
        with pytest.raises(SystemExit) as stopped:
            run(folder, *wrong)
        assert stopped.value.code == 2
    with pytest.raises(SystemExit):
        run(folder, out="g.onnx")
