"""Where weights come from: files, folders and archives."""

import hashlib
import re

import pytest
from archives import GRAPH, archive_of, publish

from segmentation import SegmentationError
from segmentation.network import download
from segmentation.network.published import DEFAULT, PUBLISHED, WEIGHTS
from segmentation.network.weights import DEMO, MODEL, MODEL_FOLDER, find_model

ARCHIVE = PUBLISHED[DEFAULT].archive


@pytest.mark.parametrize("place, name", [("mine.pb", "mine"), (f"resnet/{WEIGHTS}", "resnet")])
def test_a_model_is_named_after_its_file_or_its_folder(model_folder, tmp_path, place, name):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    assert find_model(model_folder, path).name == name


def test_without_a_network_the_demo_graph_serves_and_the_reason_is_kept(demo_folder):
    files = find_model(demo_folder)
    assert files.weights == demo_folder / DEMO and files.config == files.weights.with_suffix(".config")
    assert files.labels.parent == demo_folder
    for part in ("no network in tests", PUBLISHED[DEFAULT].url, PUBLISHED[DEFAULT].digest, str(demo_folder)):
        assert part in files.demo_because


def test_the_official_weights_come_before_the_demo_graph(demo_folder, server):
    files = find_model(demo_folder)
    assert files.weights == demo_folder / WEIGHTS and files.config is files.demo_because is None


def test_named_weights_come_before_the_demo_graph(demo_folder, tmp_path):
    (tmp_path / "mine.pb").write_bytes(b"mine")
    files = find_model(demo_folder, tmp_path / "mine.pb")
    assert files.weights == tmp_path / "mine.pb" and files.config is files.demo_because is None


@pytest.mark.parametrize("name", [WEIGHTS, ARCHIVE])
def test_a_file_of_the_wrong_hash_is_an_error_beside_the_demo_graph_too(demo_folder, archive, name):
    (demo_folder / name).write_bytes(b"cut off")
    with pytest.raises(SegmentationError, match="is not the official file"):
        find_model(demo_folder)


def test_what_lies_beside_a_graph_under_its_name_is_its_own(model_folder, tmp_path):
    graph = tmp_path / "mine.pb"
    graph.write_bytes(b"mine")
    (tmp_path / "pipeline.config").write_text("")  # of some other graph, perhaps
    assert find_model(model_folder, graph).config is None
    for suffix in (".txt", ".pbtxt", ".config"):
        graph.with_suffix(suffix).write_text("")
    files = find_model(model_folder, graph)
    assert (files.labels, files.text_graph, files.config) == tuple(
        graph.with_suffix(suffix) for suffix in (".txt", ".pbtxt", ".config"))
    assert files.colors.parent == model_folder


def test_an_archive_placed_by_hand_is_used_and_kept(model_folder, archive):
    (model_folder / ARCHIVE).write_bytes(archive)
    assert find_model(model_folder).weights.read_bytes() == GRAPH
    assert (model_folder / ARCHIVE).exists()


def test_an_archive_can_be_named(model_folder, archive, tmp_path):
    (tmp_path / "mine.tar.gz").write_bytes(archive)
    assert find_model(model_folder, tmp_path / "mine.tar.gz").weights == model_folder / WEIGHTS


@pytest.mark.parametrize("place", [WEIGHTS, f"{MODEL}/{WEIGHTS}"])
def test_an_unpacked_folder_serves_as_model_folder_and_as_weights(archive, tmp_path, model_folder, place):
    official = tmp_path / "official"
    (official / place).parent.mkdir(parents=True)
    (official / place).write_bytes(GRAPH)
    files = find_model(official)
    assert files.weights == official / place and files.labels.parent == MODEL_FOLDER and files.config is None
    (official / place).with_name("pipeline.config").write_text("")
    assert find_model(official).config == (official / place).with_name("pipeline.config")
    assert find_model(model_folder, official).weights == official / place


def test_a_file_of_the_wrong_hash_is_refused_and_kept(model_folder, archive):
    (model_folder / WEIGHTS).write_bytes(b"cut off")
    found = hashlib.sha1(b"cut off").hexdigest()
    with pytest.raises(SegmentationError, match=f"7 bytes, sha1 {found}.*not used.*--weights"):
        find_model(model_folder)
    assert (model_folder / WEIGHTS).read_bytes() == b"cut off"


@pytest.mark.parametrize("where", ["named", "in the folder"])
def test_an_archive_of_the_wrong_hash_is_refused_and_kept(model_folder, tmp_path, where):
    path = (model_folder if where == "in the folder" else tmp_path) / ARCHIVE
    path.write_bytes(archive_of({WEIGHTS: GRAPH}))
    with pytest.raises(SegmentationError, match=re.escape(ARCHIVE) + " is not the official file.*download it again"):
        find_model(model_folder, path if where == "named" else None)
    assert path.exists() and not (model_folder / WEIGHTS).exists()


def test_an_archive_without_the_weights_says_so(model_folder, tmp_path, monkeypatch):
    data = archive_of({"saved_model.pb": b"x"})
    (tmp_path / ARCHIVE).write_bytes(data)
    publish(monkeypatch, data)
    with pytest.raises(SegmentationError, match=f"cannot unpack .*{WEIGHTS}"):
        find_model(model_folder, tmp_path / ARCHIVE)
    assert len(list(model_folder.iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_one_error(model_folder, archive, tmp_path, monkeypatch):
    (tmp_path / ARCHIVE).write_bytes(archive)

    def full(source, target):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(download, "copyfileobj", full)
    with pytest.raises(SegmentationError, match=f"cannot write .*{WEIGHTS}: No space left on device"):
        find_model(model_folder, tmp_path / ARCHIVE)
    assert len(list(model_folder.iterdir())) == 3


@pytest.mark.parametrize("folder, named, said", [
    ("nowhere", None, "there is no model folder"), ("empty", None, "holds no model"),
    ("model", "nowhere.pb", "there are no weights"), ("model", "empty", f"holds no {WEIGHTS}")])
def test_wrong_paths_are_named(model_folder, tmp_path, folder, named, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SegmentationError, match=said):
        find_model(tmp_path / folder, named and tmp_path / named)


def test_a_named_archive_is_told_by_the_folder_in_it(model_folder, tmp_path, monkeypatch):
    name = PUBLISHED["resnet101"].name
    (tmp_path / "mine.tar.gz").write_bytes(archive_of({WEIGHTS: b"another"}, name))
    with pytest.raises(SegmentationError, match=f"not the official file.*{name}"):
        find_model(model_folder, tmp_path / "mine.tar.gz")
    publish(monkeypatch, (tmp_path / "mine.tar.gz").read_bytes(), "resnet101")
    assert find_model(model_folder, tmp_path / "mine.tar.gz").weights == model_folder / name / WEIGHTS
    assert find_model(model_folder, model="resnet101").name == name
