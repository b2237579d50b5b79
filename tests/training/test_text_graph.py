"""segmentation/training/text_graph.py: the text graph it builds, against OpenCV's and against itself.

OpenCV's own text graph is reference data beside the checkout (../shared/reference), not part of the
repository; the test that reads it skips where it is missing.
"""

import doctest
import re
import struct
from pathlib import Path

import pytest

from segmentation.training import architectures, text_format
from segmentation.training import text_graph as make
from segmentation.training.architectures import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[2]
NAME = "mask_rcnn_inception_v2_coco_2018_01_28.pbtxt"
REFERENCE = ROOT.parent / "shared" / "reference" / NAME

# The last part of a name among the weights, which hold constants such as a concatenation's axis too.
WEIGHTS = {"weights", "depthwise_weights", "pointwise_weights", "biases", "gamma", "beta", "moving_mean",
           "moving_variance", "axis", "crop_size", "reduction_indices", "shape", "size", "perm", "x", "y"}



# ---- A reader of text protobuf that shares nothing with the generator ----

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}:]|[^\s{}:"]+')


def read_message(tokens):
    """The (field, value) pairs up to the closing brace or the end; a nested message is such a list."""
    fields = []
    for token in tokens:
        if token == "}":
            break
        opening = next(tokens)
        assert opening in (":", "{"), f"{token} is followed by {opening}"
        fields.append((token, read_message(tokens) if opening == "{" else next(tokens)))
    return fields


def comparable(fields):
    """The same pairs with floats as the four bytes of a float32: 0.7 equals 0.699999988079."""
    def value_of(field, value):
        if isinstance(value, list):
            return comparable(value)
        return struct.pack("<f", float(value)) if field in ("f", "float_val") else value
    return [(field, value_of(field, value)) for field, value in fields]


def read_graph(text):
    """The nodes of a text graph, each a dict of name, op, inputs and attributes, and what is no node."""
    nodes, others = [], []
    for field, value in comparable(read_message(iter(TOKEN.findall(text)))):
        if field != "node":
            others.append((field, value))
            continue
        get = {key: [content for other, content in value if other == key]
               for key in ("name", "op", "input", "attr")}
        assert sum(map(len, get.values())) == len(value), f"a field of {get['name']} is not known"
        pairs = [dict(pair) for pair in get["attr"]]
        attributes = {pair["key"].strip('"'): pair["value"] for pair in pairs}
        assert len(attributes) == len(pairs), f"an attribute of {get['name']} is there twice"
        [name], [op] = get["name"], get["op"]
        nodes.append({"name": name.strip('"'), "op": op.strip('"'), "attributes": attributes,
                      "inputs": [source.strip('"') for source in get["input"]]})
    return nodes, others


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture(scope="module")
def nodes(architecture):
    return read_graph(make.build(architecture=architecture))[0]


def attribute(nodes, name, key):
    [node] = [node for node in nodes if node["name"] == name]
    return node["attributes"][key]


# ---- Against OpenCV's ----

def test_equals_opencv_node_for_node():
    if not REFERENCE.is_file():
        pytest.skip(f"OpenCV's text graph, reference data beside the checkout, is not at {REFERENCE}")
    nodes, others = read_graph(make.build())
    wanted, wanted_others = read_graph(REFERENCE.read_text())
    assert [node["name"] for node in nodes] == [node["name"] for node in wanted]
    for index, node in enumerate(nodes):
        assert node == wanted[index], node["name"]
    assert others == wanted_others
    assert len(nodes) == 346


# ---- The file in the model folder ----

@pytest.mark.parametrize(("name", "architecture"), [(NAME, "inception_v2"),
                                                    ("demo_inference_graph.pbtxt", "mobilenet_v2")])
def test_committed_files_are_what_the_generator_builds(name, architecture):
    assert make.OUT[architecture] == ROOT / "mask-rcnn-coco" / name
    assert make.OUT[architecture].read_bytes() == make.build(architecture=architecture).encode(), \
        f"run python -m segmentation.training.text_graph --architecture {architecture}"


# ---- The number of classes ----

def test_another_number_of_classes_changes_two_numbers_only(architecture):
    before, after = (make.build(count, architecture).splitlines() for count in (90, 3))
    assert len(before) == len(after)
    changed = [(old.strip(), after[line].strip()) for line, old in enumerate(before) if old != after[line]]
    assert changed == [("i: 91", "i: 4"), ("i: 90", "i: 3")]


def test_another_number_of_classes_reaches_the_final_detections():
    nodes, _ = read_graph(make.build(num_classes=3))
    assert attribute(nodes, "detection_out_final", "num_classes") == [("i", "3")]
    assert attribute(nodes, "detection_out_final", "background_label_id") == [("i", "4")]
    # Proposals know two classes whatever the network was trained on: background and something.
    assert attribute(nodes, "detection_out", "num_classes") == [("i", "2")]


@pytest.mark.parametrize("num_classes", [0, -1])
def test_no_classes_is_an_error(num_classes):
    with pytest.raises(ValueError, match=f"num_classes must be at least 1, got {num_classes}"):
        make.build(num_classes)


# ---- The graph in itself ----

def test_names_are_unique(nodes):
    names = [node["name"] for node in nodes]
    assert len(set(names)) == len(names)


def test_every_input_is_an_earlier_node_or_a_weight(nodes):
    every = {node["name"] for node in nodes}
    # Constants are known from the start: cv2.dnn collects them before it makes the first layer.
    known = {node["name"] for node in nodes if node["op"] == "Const"}
    for node in nodes:
        for source in node["inputs"]:
            if source not in known and not source.startswith("^"):
                assert source not in every, f"{node['name']} stands before its input {source}"
                assert source.rsplit("/", 1)[-1] in WEIGHTS, f"{node['name']} reads {source}"
        known.add(node["name"])


def test_every_node_is_read_or_is_the_output(nodes):
    read = {source for node in nodes for source in node["inputs"]}
    assert [node["name"] for node in nodes if node["name"] not in read] == ["detection_masks"]


def test_both_heads_read_the_same_weights(nodes, architecture):
    def weights(scope):
        return [[source for source in node["inputs"] if source.endswith("weights")]
                for node in nodes if node["name"].startswith(scope) and node["op"] == "Conv2D"]
    box, mask = weights("SecondStageFeatureExtractor/"), weights("SecondStageFeatureExtractor_1/")
    assert len(box) == {"inception_v2": 5 + 7 + 7, "mobilenet_v2": 2 * 2}[architecture]
    assert box == mask


def test_mobilenet_is_the_paper_s_table():
    """Sandler et al. 2018, table 2; channels, stride and residual of each block."""
    blocks = architectures.MOBILE_TRUNK_BLOCKS + architectures.REST
    assert [block.outputs for block in blocks] == [16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
    assert [index for index, block in enumerate(blocks) if block.stride == 2] == [1, 3, 6, 13]
    assert [index for index, block in enumerate(blocks) if not block.adds] == [0, 1, 3, 6, 10, 13, 16]
    assert [block.hidden // block.inputs for block in blocks] == [1] + [6] * 16


def test_the_rest_of_mobilenet_runs_on_the_picture_without_its_stride_and_its_ends_on_rois():
    context, head = architectures.MOBILE_CONTEXT_BLOCKS, architectures.MOBILE_HEAD_BLOCKS
    assert [block.name for block in context] == [f"expanded_conv_{number}" for number in (13, 14, 15, 16)]
    assert [(block.stride, block.dilation) for block in context] == [(1, 1), (1, 2), (1, 2), (1, 2)]
    assert [(block.name, block.inputs, block.stride, block.dilation) for block in head] == [
        ("expanded_conv_13", 96 + 128, 2, 1), ("expanded_conv_16", 160, 1, 1)]


def test_layer_names_count_strides_and_layers():
    assert [name for name, *_ in architectures.parse_layers(architectures.STEM)] == [
        "Conv2d_1a_7x7", "MaxPool_2a_3x3", "Conv2d_2b_1x1", "Conv2d_2c_3x3", "MaxPool_3a_3x3"]


def test_anchors_by_hand():
    widths, heights = architectures.anchor_sizes()
    root = 2 ** 0.5
    # All scales of a ratio before the next ratio, which is width / height.
    assert widths == pytest.approx([64 / root, 128 / root, 256 / root, 512 / root, 64, 128, 256, 512,
                                    64 * root, 128 * root, 256 * root, 512 * root])
    assert heights == pytest.approx(widths[8:] + widths[4:8] + widths[:4])


def test_the_examples_in_docstrings():
    for module, count in ((architectures, 2), (text_format, 2)):
        assert doctest.testmod(module) == (0, count)


@pytest.mark.parametrize(("number", "text"), [
    (0.0, "0.0"), (16.0, "16.0"), (0.001, "0.001"), (0.7, "0.7"), (64 * 0.5 ** 0.5, "45.254833")])
def test_floats_are_short_and_exact(number, text):
    assert text_format.shortest_float32(number) == text
    assert struct.pack("f", float(text)) == struct.pack("f", number)


# ---- The command line ----

def test_writes_a_file_and_nothing_beside_it(tmp_path, capsys):
    out = tmp_path / "graph.pbtxt"
    out.write_text("an older one")
    assert make.main(["--out", str(out)]) == 0
    assert out.read_bytes() == make.build().encode()
    assert [path.name for path in tmp_path.iterdir()] == ["graph.pbtxt"]
    assert capsys.readouterr().out == f"[INFO] wrote {out}\n"


def test_prints(capsys):
    assert make.main(["--out", "-"]) == 0
    assert capsys.readouterr().out == make.build()


@pytest.mark.parametrize("out", ["missing/graph.pbtxt", "file/graph.pbtxt", "."])
def test_where_it_cannot_write_is_one_line(tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert make.main(["--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"cannot write {out}: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
