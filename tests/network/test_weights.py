"""Where weights come from: folders, archives and the download, all of it without a network."""

import dataclasses
import hashlib
import http.server
import io
import os
import re
import signal
import socket
import tarfile
import threading
import time

import pytest

from segmentation import SegmentationError
from segmentation.network import download, published, weights
from segmentation.network.published import DEFAULT, PUBLISHED, WEIGHTS
from segmentation.network.weights import COLORS, LABELS, MODEL, MODEL_FOLDER, TEXT_GRAPH, find_model

ARCHIVE = PUBLISHED[DEFAULT].archive
GRAPH = b"the official weights, as far as this test goes"


def archive_of(members, folder=MODEL):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def publish(monkeypatch, data, model=DEFAULT):
    """Have an archive pass for the official one of a model."""
    known = PUBLISHED[model]
    sha1 = hashlib.sha1(GRAPH).hexdigest() if known.weights_sha1 else None
    digest = hashlib.new(known.algorithm, data).hexdigest()
    monkeypatch.setitem(PUBLISHED, model, dataclasses.replace(known, digest=digest, weights_sha1=sha1))


@pytest.fixture
def archive(monkeypatch):
    """The bytes of a small archive whose hashes pass for the official ones."""
    data = archive_of({WEIGHTS: GRAPH, "pipeline.config": b"model {}"})
    publish(monkeypatch, data)
    return data


@pytest.fixture
def server(archive, monkeypatch):
    """A server on this machine that stands for the official one; it counts requests in `served`."""
    monkeypatch.undo()
    publish(monkeypatch, archive)

    class Handler(http.server.BaseHTTPRequestHandler):
        answer, served = archive, 0

        def do_GET(self):
            Handler.served += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.answer)))
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        monkeypatch.setattr(published, "SERVER", f"http://127.0.0.1:{httpd.server_port}")
        yield Handler
        httpd.shutdown()


def test_missing_weights_are_fetched_once_and_nothing_else_stays(model_folder, server, capfd):
    files = find_model(model_folder)
    assert files.weights == model_folder / WEIGHTS and files.weights.read_bytes() == GRAPH
    assert find_model(model_folder) == files and server.served == 1
    assert len(list(model_folder.iterdir())) == 4
    assert "100%" in capfd.readouterr().err  # the progress bar


def test_a_download_of_the_wrong_hash_is_not_kept(model_folder, server):
    server.answer = b"<html>sign in to the hotel network</html>"
    with pytest.raises(SegmentationError, match="could not be fetched"):
        find_model(model_folder)
    assert len(list(model_folder.iterdir())) == 3


@pytest.fixture
def hanging(server):
    """The server sends some bytes and then nothing, until the event in `go_on` is set."""
    server.go_on = threading.Event()

    def send_some(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(server.answer)))
        handler.end_headers()
        handler.wfile.write(server.answer[:20])
        handler.wfile.flush()
        server.go_on.wait(30)
    answering, server.do_GET = server.do_GET, send_some
    yield server, answering
    server.go_on.set()


def test_a_download_that_stops_sending_is_given_up_and_leaves_nothing(model_folder, hanging, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (1, 0.2))
    with pytest.raises(SegmentationError, match=r"could not be fetched \(.*timed out"):
        find_model(model_folder)
    assert len(list(model_folder.iterdir())) == 3


def test_ctrl_c_in_a_download_leaves_nothing(model_folder, server, monkeypatch):
    def interrupt(model, path):
        path.write_bytes(b"a part of it")
        raise KeyboardInterrupt
    monkeypatch.setattr(download, "download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        find_model(model_folder)
    assert len(list(model_folder.iterdir())) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_a_killed_download_leaves_is_removed_by_the_next_run(model_folder, hanging):
    server, answering = hanging
    child = os.fork()
    if not child:
        try:
            find_model(model_folder)
        finally:
            os._exit(1)
    wait_until(lambda: list(model_folder.glob(".*")))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list(model_folder.iterdir())) == 4
    server.do_GET = answering
    find_model(model_folder)
    assert sorted(path.name for path in model_folder.iterdir() if path.name not in (LABELS, COLORS, TEXT_GRAPH)) == [
        WEIGHTS]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_a_network_one_error_says_all_that_is_needed(model_folder):
    with pytest.raises(SegmentationError) as caught:
        find_model(model_folder)
    text = str(caught.value)
    official = PUBLISHED[DEFAULT]
    assert str(model_folder) in text and WEIGHTS in text
    assert official.url in text and official.digest in text and official.weights_sha1 in text
    assert "no network in tests" in text and "\n" not in text and len(list(model_folder.iterdir())) == 3


def test_a_download_that_failed_is_not_tried_again_for_a_day(demo_folder, monkeypatch):
    tries = []
    monkeypatch.setattr(download, "check_answers", lambda url, seconds: tries.append(url) or fail_to_connect())
    assert "(unplugged): download" in find_model(demo_folder).demo_because and len(tries) == 1
    because = find_model(demo_folder).demo_because
    assert len(tries) == 1 and "less than a minute ago (unplugged)" in because and "--weights official" in because
    note, = weights.user_cache().glob("*.failed")
    yesterday = time.time() - 86_401
    os.utime(note, (yesterday, yesterday))
    find_model(demo_folder)
    assert len(tries) == 2


def fail_to_connect():
    raise TimeoutError("unplugged")


def test_weights_official_tries_again_and_takes_no_demo_graph(demo_folder, server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(download, "check_answers", lambda url, seconds: fail_to_connect())
        find_model(demo_folder)
        with pytest.raises(SegmentationError, match=r"could not be fetched \(unplugged\).*--weights"):
            find_model(demo_folder, weights.OFFICIAL)
    assert find_model(demo_folder).demo_because and not server.served
    files = find_model(demo_folder, weights.OFFICIAL)
    assert files.weights == demo_folder / WEIGHTS and files.name == MODEL and not files.demo_because
    assert not list(weights.user_cache().glob("*.failed"))


def test_a_full_disk_is_not_remembered(demo_folder, server, monkeypatch):
    def full(model, path):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(download, "download", full)
        assert "No space left" in find_model(demo_folder).demo_because
    assert find_model(demo_folder).weights == demo_folder / WEIGHTS


@pytest.mark.loopback
def test_a_server_that_is_silent_is_given_up_soon(demo_folder, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.3, 20))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and says nothing, as some proxies
        monkeypatch.setattr(published, "SERVER", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        because = find_model(demo_folder).demo_because
    assert time.monotonic() - began < 3 and re.search(r"\(no answer within 0.3 seconds\)|timed out", because)


def test_without_the_demo_graph_the_reason_is_an_error(demo_folder):
    with pytest.raises(SegmentationError, match=r"no network in tests.*name it with --weights"):
        find_model(demo_folder, demo=False)


def test_a_folder_that_cannot_be_written_gets_its_weights_in_the_user_s_cache(demo_folder, server, monkeypatch):
    monkeypatch.setattr(weights.os, "access", lambda path, mode: False)  # the tests may run as root
    cached = weights.user_cache() / WEIGHTS
    try:
        files = find_model(demo_folder)
        assert files.weights == cached and files.labels.parent == demo_folder and files.name == MODEL
        assert find_model(demo_folder) == files and server.served == 1
        (demo_folder / WEIGHTS).write_bytes(GRAPH)
        assert find_model(demo_folder).weights == demo_folder / WEIGHTS
    finally:
        cached.unlink(missing_ok=True)


@pytest.mark.parametrize("place, name", [("mine.pb", "mine"), (f"resnet/{WEIGHTS}", "resnet")])
def test_a_model_is_named_after_its_file_or_its_folder(model_folder, tmp_path, place, name):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    assert find_model(model_folder, path).name == name


@pytest.fixture
def demo_folder(model_folder):
    """A model folder with something in the demo graph's place."""
    (model_folder / weights.DEMO).write_bytes(b"the demo graph, as far as this test goes")
    (model_folder / weights.DEMO).with_suffix(".config").write_text("")
    return model_folder


def test_without_a_network_the_demo_graph_serves_and_the_reason_is_kept(demo_folder):
    files = find_model(demo_folder)
    assert files.weights == demo_folder / weights.DEMO and files.config == files.weights.with_suffix(".config")
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


def test_the_network_is_shut_in_tests():
    with pytest.raises(OSError, match="no network in tests"):
        socket.create_connection(("127.0.0.1", 9))


# ---- The other published models --------------------------------------------------------------------------------

@pytest.mark.parametrize("model", ["resnet50", "inception_resnet_v2"])
def test_another_model_is_fetched_into_a_folder_of_its_own(model_folder, server, monkeypatch, model):
    name = PUBLISHED[model].name
    server.answer = archive_of({WEIGHTS: b"another"}, name)
    publish(monkeypatch, server.answer, model)
    files = find_model(model_folder, model=model)
    assert files.weights == model_folder / name / WEIGHTS and files.weights.read_bytes() == b"another"
    assert files.name == name and files.demo_because is None
    assert find_model(model_folder, model=model) == files and server.served == 1
    assert len(list(model_folder.iterdir())) == 4


def test_an_archive_of_another_hash_kind_is_checked(model_folder, server):
    server.answer = archive_of({WEIGHTS: b"another"}, PUBLISHED["inception_resnet_v2"].name)
    with pytest.raises(SegmentationError, match=r"sent another file, .* bytes with the sha384 "):
        find_model(model_folder, model="inception_resnet_v2")
    assert len(list(model_folder.iterdir())) == 3


def test_the_demo_graph_does_not_stand_in_for_another_model(demo_folder):
    with pytest.raises(SegmentationError, match=r"could not be fetched .*mask_rcnn_resnet101_atrous"):
        find_model(demo_folder, model="resnet101")


def test_another_model_that_failed_today_is_tried_again(demo_folder, server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(download, "check_answers", lambda url, seconds: fail_to_connect())
        with pytest.raises(SegmentationError, match="unplugged"):
            find_model(demo_folder, model="resnet50")
    server.answer = archive_of({WEIGHTS: b"another"}, PUBLISHED["resnet50"].name)
    publish(monkeypatch, server.answer, "resnet50")
    assert find_model(demo_folder, model="resnet50").weights.read_bytes() == b"another"


def test_a_named_archive_is_told_by_the_folder_in_it(model_folder, tmp_path, monkeypatch):
    name = PUBLISHED["resnet101"].name
    (tmp_path / "mine.tar.gz").write_bytes(archive_of({WEIGHTS: b"another"}, name))
    with pytest.raises(SegmentationError, match=f"not the official file.*{name}"):
        find_model(model_folder, tmp_path / "mine.tar.gz")
    publish(monkeypatch, (tmp_path / "mine.tar.gz").read_bytes(), "resnet101")
    assert find_model(model_folder, tmp_path / "mine.tar.gz").weights == model_folder / name / WEIGHTS
    assert find_model(model_folder, model="resnet101").name == name


def test_each_hash_is_as_long_as_its_kind_says():
    for model in PUBLISHED.values():
        assert len(model.digest) == 2 * hashlib.new(model.algorithm).digest_size and int(model.digest, 16)
