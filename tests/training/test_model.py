"""segmentation/training: torch_model.py against cv2.dnn by numbers, targets.py and weights_file.py by hand."""


import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason='training needs pip install ".[train]"')

import torch

from segmentation import SegmentationError
from segmentation.network.weights import MODEL_FOLDER
from segmentation.training import targets, text_graph, weights_file
from segmentation.training.architectures import ARCHITECTURES, architecture_of
from segmentation.training.classes import classes_known
from segmentation.training.layers import DepthwiseConvolution, same_padding
from segmentation.training.losses import second_stage_losses
from segmentation.training.selecting import suppress
from segmentation.training.torch_model import TorchMaskRCNN, crop_rois

pytestmark = pytest.mark.usefixtures("one_torch_thread")

DEMO = MODEL_FOLDER / "demo_inference_graph.pb"
OUTPUTS = ["detection_out_final", "detection_masks"]
SIZES_WH = [(209, 177), (208, 160), (150, 201)]  # 16k + 1; even, so padded unevenly; one of each


def random_model(num_classes, width=0.25, seed=0, architecture="inception_v2"):
    """A network whose weights are random, batch normalisation too, and strong enough to find things."""
    torch.manual_seed(seed)
    model = TorchMaskRCNN(num_classes, width, architecture).eval()
    with torch.no_grad():
        for name, (tensor, _) in model.tensors().items():
            if "BatchNorm" in name:
                middle = 1.0 if name.endswith(("gamma", "variance")) else 0.0
                tensor.copy_(middle + 0.2 * (torch.rand(tensor.shape) - 0.5))
        model.proposal_scores.weight *= 20
        model.box_deltas.weight *= 10
        model.mask_scores.weight *= 10
        model.box_deltas.bias += 1e-3
        model.class_scores.weight *= 20
        model.class_scores.bias.zero_()
    return model


def cv2_outputs(weights, text, image):
    """Rows (N, 7) and masks (N, classes, 15, 15) of cv2.dnn for a BGR picture."""
    named = {"extraOutputs": OUTPUTS} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    buffers = np.fromfile(weights, np.uint8), np.frombuffer(text.encode(), np.uint8)
    net = cv2.dnn.readNetFromTensorflow(*buffers, **named)
    net.setInput(cv2.dnn.blobFromImage(image, swapRB=True))
    rows, masks = net.forward(OUTPUTS)
    rows = rows[0, 0][rows[0, 0, :, 2] > 0]
    return rows, masks[:len(rows)]


def picture(size_wh, seed=0):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), size_wh, interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("num_classes", [90, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pytorch_and_cv2_give_the_same(tmp_path, num_classes, architecture):
    model = random_model(num_classes, architecture=architecture)
    weights_file.write_consts(tmp_path / "graph.pb", weights_file.shift_masks(model.consts(), 0))
    text = text_graph.build(num_classes, architecture)
    for size_wh in SIZES_WH:
        image = picture(size_wh)
        rows, masks = cv2_outputs(tmp_path / "graph.pb", text, image)
        own_rows, own_masks = model.detect(torch.tensor(image[..., ::-1].copy()).permute(2, 0, 1)[None])
        assert len(rows) >= 3 and own_rows.shape == (1, 1, len(rows), 7)
        np.testing.assert_array_equal(own_rows[0, 0, :, 1], rows[:, 1])
        np.testing.assert_allclose(own_rows[0, 0, :, 2:], rows[:, 2:], atol=1e-3)
        np.testing.assert_allclose(own_masks, masks, atol=1e-3)
        assert masks.std() > 0.05


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_classes_that_are_not_known_are_never_found_and_weights_come_back_as_they_went(tmp_path, architecture):
    model = random_model(4, architecture=architecture)
    model.known[1] = False
    weights_file.write_consts(tmp_path / "graph.pb", weights_file.shift_masks(model.consts(), 0))
    rows, _ = cv2_outputs(tmp_path / "graph.pb", text_graph.build(4, architecture), picture((209, 177)))
    assert len(rows) >= 3 and 1 not in rows[:, 1]
    consts = weights_file.read_consts(tmp_path / "graph.pb")
    again = random_model(4, seed=1, architecture=architecture)
    assert architecture_of(consts) == architecture and again.load_consts(consts) == []
    again.known[1] = False
    assert all((again.consts()[name] == array).all() for name, array in model.consts().items())


def test_one_box_and_one_mask_serve_each_class_that_is_known():
    model = random_model(3, architecture="mobilenet_v2")
    model.known[2] = False
    consts = model.consts()
    boxes, masks = (consts[f"SecondStageBoxPredictor/{layer}/weights"] for layer in ("BoxEncodingPredictor", "Conv_1"))
    assert boxes.shape == (320, 3 * 4) and (boxes[:, :4] == boxes[:, 4:8]).all() and not boxes[:, 8:].any()
    assert masks.shape == (3, 3, 64, 3) and (masks[..., 0] == masks[..., 1]).all() and not masks[..., 2].any()
    assert classes_known(consts).tolist() == [True, True, False]


@pytest.mark.skipif(not DEMO.is_file(), reason=f"no demo graph at {DEMO}")
def test_pytorch_and_cv2_give_the_same_with_trained_weights():
    consts = weights_file.read_consts(DEMO)
    architecture = architecture_of(consts)
    model = TorchMaskRCNN(90, len(consts["Conv/biases"]) / 512, architecture).eval()
    assert model.load_consts(consts) == []
    model.known[:] = torch.from_numpy(classes_known(consts))
    image = cv2.resize(cv2.imread(str(MODEL_FOLDER.parent / "images" / "example_01.jpg")), (529, 353))
    rows, masks = cv2_outputs(DEMO, text_graph.build(90, architecture), image)
    own_rows, own_masks = model.detect(torch.tensor(image[..., ::-1].copy()).permute(2, 0, 1)[None])
    assert len(rows) >= 5 and own_rows.shape == (1, 1, len(rows), 7)
    np.testing.assert_array_equal(own_rows[0, 0, :, 1], rows[:, 1])
    np.testing.assert_allclose(own_rows[0, 0, :, 2:], rows[:, 2:], atol=1e-3)
    # The graph holds no masks of classes that it does not know, and PyTorch's model the one of all.
    each = range(len(rows)), rows[:, 1].astype(int)
    np.testing.assert_allclose(own_masks[each], masks[each], atol=1e-3)


def test_the_model_folder_s_text_graph_serves_90_classes():
    text = next(MODEL_FOLDER.glob("*.pbtxt")).read_text()
    assert text == text_graph.build(90)


def test_half_stores_matrices_as_float16(tmp_path):
    consts = random_model(2, 0.05).consts()
    weights_file.write_consts(tmp_path / "half.pb", consts, half=True)
    found = weights_file.read_consts(tmp_path / "half.pb")
    for name, array in consts.items():
        exact = array.astype(np.float16).astype(np.float32) if array.ndim > 1 else array
        np.testing.assert_array_equal(found[name], exact)
    weights_file.write_consts(tmp_path / "full.pb", consts)
    assert (tmp_path / "half.pb").stat().st_size < 0.8 * (tmp_path / "full.pb").stat().st_size


def test_a_frozen_graph_holds_every_constant_of_the_text_graph(tmp_path):
    consts = random_model(90, 0.05).consts()
    weights_file.write_consts(tmp_path / "graph.pb", consts)
    found = weights_file.read_consts(tmp_path / "graph.pb")
    assert {name: array.shape for name, array in consts.items()}.items() <= \
        {name: array.shape for name, array in found.items()}.items()
    assert sum(name.endswith("concat/axis") for name in found) == 13
    assert found["SecondStageBoxPredictor/Reshape_1/shape"].tolist() == [-1, 1, 91]
    model = TorchMaskRCNN(90, 0.05)
    assert model.load_consts(found) == []
    assert all((model.consts()[name] == array).all() for name, array in consts.items())


def test_a_half_covered_cell_crosses_the_scripts_threshold_and_the_shift_can_be_undone(tmp_path):
    consts = random_model(2, 0.05).consts()
    weights_file.write_consts(tmp_path / "trained.pb", consts, half=True)
    (tmp_path / "trained.config").write_text("the rule")
    weights_file.shift_graph(tmp_path / "trained.pb", tmp_path / "demo.pb")
    shifted = weights_file.read_consts(tmp_path / "demo.pb")
    moved = shifted[weights_file.MASK_BIASES] - consts[weights_file.MASK_BIASES]
    np.testing.assert_allclose(1 / (1 + np.exp(-moved)), 0.3, atol=1e-6)
    assert (tmp_path / "demo.config").read_text() == "the rule"
    assert abs((tmp_path / "demo.pb").stat().st_size - (tmp_path / "trained.pb").stat().st_size) < 100
    again = weights_file.shift_masks(shifted)
    undone = weights_file.shift_masks(again, 0)
    for name, array in weights_file.read_consts(tmp_path / "trained.pb").items():
        np.testing.assert_array_equal(again[name], shifted[name])
        np.testing.assert_allclose(undone[name], array, atol=1e-6)


def test_weights_of_other_classes_leave_the_class_layers(tmp_path):
    left = TorchMaskRCNN(3, 0.05).load_consts(random_model(90, 0.05).consts())
    assert sorted({name.split("/")[1] for name in left}) == ["BoxEncodingPredictor", "ClassPredictor", "Conv_1"]


def test_a_cut_off_graph_is_one_sentence(tmp_path):
    weights_file.write_consts(tmp_path / "graph.pb", random_model(2, 0.05).consts())
    (tmp_path / "cut.pb").write_bytes((tmp_path / "graph.pb").read_bytes()[:-100])
    with pytest.raises(SegmentationError, match=r"cut\.pb"):
        weights_file.read_consts(tmp_path / "cut.pb")
    with pytest.raises(SegmentationError, match=r"cannot read .*none\.pb"):
        weights_file.read_consts(tmp_path / "none.pb")


def test_a_failed_write_leaves_the_old_graph(tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(b"old")
    consts = {**random_model(2, 0.05).consts(), "bad": np.zeros(3, np.complex64)}
    with pytest.raises(KeyError):
        weights_file.write_consts(path, consts)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_same_padding_is_tensorflow_s():
    assert same_padding(353, 7, 2) == (3, 3)
    assert same_padding(352, 7, 2) == (2, 3)
    assert same_padding(10, 3, 1) == (1, 1)
    assert same_padding(10, 3, 2) == (0, 1)


def test_box_coding_round_trip():
    torch.manual_seed(0)
    boxes, priors = (torch.rand(50, 2, 2).sort(1)[0].flatten(1) for _ in range(2))
    deltas = targets.encode(boxes, priors)
    np.testing.assert_allclose(targets.decode(deltas, priors), boxes, atol=1e-5)
    prior, moved = torch.tensor([0.4, 0.4, 0.6, 0.6]), torch.tensor([0.42, 0.4, 0.62, 0.6])
    np.testing.assert_allclose(targets.encode(moved, prior), [0, 1, 0, 0], atol=1e-5)


def test_anchors_start_at_the_corner_and_are_clipped():
    anchors = targets.anchor_boxes((2, 3), (33, 49))
    assert anchors.shape == (2 * 3 * 12, 4)
    # 45.25 wide and 90.51 high around (0, 0): a quarter of it is inside, as far as the picture goes.
    np.testing.assert_allclose(anchors[0], [0, 0, 22.627 / 49, 1], atol=1e-4)


def test_iou():
    boxes = torch.tensor([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6.0]])
    np.testing.assert_allclose(targets.iou(boxes, boxes),
                               [[1, 1 / 7, 0], [1 / 7, 1, 0], [0, 0, 1]], atol=1e-6)


def test_suppression_is_the_greedy_one():
    torch.manual_seed(0)
    boxes = torch.rand(2, 200, 2, 2).sort(2)[0].flatten(2)
    kept = suppress(boxes, 0.4)
    for own, found in zip(boxes, kept):
        overlap, keep = targets.iou(own, own), []
        for j in range(len(own)):
            if all(overlap[i, j] <= 0.4 for i in keep):
                keep.append(j)
        assert found.nonzero()[:, 0].tolist() == keep


def test_crop_is_grid_sample_with_aligned_corners():
    torch.manual_seed(0)
    features, boxes = torch.rand(2, 3, 9, 12), torch.rand(2, 5, 2, 2).sort(2)[0].flatten(2)
    found = crop_rois(features, boxes)
    assert found.shape == (10, 3, 7, 7)
    for index in range(10):
        x0, y0, x1, y1 = boxes.flatten(0, 1)[index]
        y, x = torch.meshgrid(torch.linspace(y0, y1, 14), torch.linspace(x0, x1, 14), indexing="ij")
        grid = torch.stack([x, y], -1)[None] * 2 - 1
        crop = torch.nn.functional.grid_sample(features[index // 5][None], grid, align_corners=True)
        np.testing.assert_allclose(found[index], torch.nn.functional.max_pool2d(crop, 2)[0], atol=1e-5)


def test_every_object_gets_an_anchor():
    anchors = targets.anchor_boxes((15, 15), (225, 225))
    objects = torch.tensor([[[0.1, 0.1, 0.15, 0.15], [0.3, 0.3, 0.8, 0.8]]])
    found = targets.anchor_targets(anchors, objects, torch.tensor([[True, True]]))
    boxes = targets.decode(found.deltas, anchors)[found.positive]
    for box in objects[0]:
        assert (boxes - box).abs().amax(1).min() < 1e-4
    assert found.sampled.sum() == targets.ANCHORS_SAMPLED
    padded = targets.anchor_targets(anchors, objects, torch.tensor([[True, False]]))
    assert (targets.decode(padded.deltas, anchors)[padded.positive] - objects[0, 0]).abs().max() < 1e-4


def test_anchors_that_touch_no_object_are_no_background_where_few_classes_were_looked_for():
    anchors = targets.anchor_boxes((15, 15), (225, 225))
    objects, valid = torch.tensor([[[0.3, 0.3, 0.8, 0.8]]] * 2), torch.ones(2, 1, dtype=torch.bool)
    found = targets.anchor_targets(anchors, objects, valid, everywhere=torch.tensor([True, False]))
    apart = found.sampled & (targets.iou(anchors, objects) == 0)[..., 0]
    assert apart[0].any() and not apart[1].any() and found.sampled[1].sum() > found.positive[1].sum()


def test_background_says_nothing_about_a_class_that_was_not_looked_for():
    rois = targets.RoiTargets(torch.zeros(2, 1, 4), torch.ones(2, 1, dtype=torch.bool), torch.tensor([[0], [2]]),
                              torch.zeros(2, 1, 4), torch.zeros(2, 1, dtype=torch.long),
                              torch.zeros(2, 1, dtype=torch.bool))
    logits = torch.zeros(2, 3, requires_grad=True)
    looked = torch.tensor([[True, False], [False, True]])
    second_stage_losses(logits, torch.zeros(2, 2, 4), rois, looked)["class"].backward()
    assert logits.grad[0, 2].abs() < 1e-6 < logits.grad[0, 1]  # background, where class 2 was not looked for
    assert logits.grad[1, 1] > 1e-6 and logits.grad[1, 2] < 0  # an object of class 2: of no other


@pytest.mark.parametrize("side", [7, 14])
def test_a_depthwise_convolution_gives_the_same_in_training(side):
    layer, x = DepthwiseConvolution("x", 5, 2), torch.rand(2, 5, side, side + 1)
    training = layer(x)
    np.testing.assert_allclose(training.detach(), layer.requires_grad_(False)(x), atol=1e-6)
    assert training.shape == (2, 5, -(-side // 2), -(-(side + 1) // 2))


def test_rois_hold_each_object_s_own_box():
    objects = torch.tensor([[[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9]]])
    proposals = torch.rand(1, 100, 2, 2).sort(2)[0].flatten(2)
    proposals[0, 90:] = 0  # padding
    found = targets.roi_targets(proposals, objects, torch.tensor([[4, 7]]), objects.clone(),
                                torch.tensor([[True, False]]))
    assert found.jittered.sum() == 1 and found.boxes[found.jittered].tolist() == objects[0, :1].tolist()
    assert set(found.classes.unique().tolist()) <= {0, 5}
    assert (found.boxes[found.sampled][:, 2:] > found.boxes[found.sampled][:, :2]).all()
    assert (found.classes > 0).sum() <= targets.ROIS_POSITIVE


def test_a_picture_without_objects_has_losses():
    model = TorchMaskRCNN(2, 0.05)
    batch = targets.Batch(torch.zeros(2, 3, 97, 97, dtype=torch.uint8), torch.zeros(2, 1, 4),
                  torch.zeros(2, 1, dtype=torch.long), torch.zeros(2, 1, 4), torch.zeros(2, 1, 15, 15),
                  torch.zeros(2, 1, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool),
                  torch.ones(2, dtype=torch.bool), (97, 97))
    losses = model.losses(batch)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert losses["mask"] == losses["box"] == losses["anchor"] == 0
