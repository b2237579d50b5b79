"""Downloads of weights, all of them without a network: from a server on this machine, or from none."""

import hashlib
import os
import re
import signal
import socket
import threading
import time

import pytest
from archives import GRAPH, archive_of, publish
from tqdm import tqdm

from segmentation import SegmentationError
from segmentation.network import download, published, weights
from segmentation.network.download import user_cache
from segmentation.network.published import DEFAULT, PUBLISHED, WEIGHTS
from segmentation.network.weights import COLORS, LABELS, MODEL, TEXT_GRAPH, find_model


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
            tqdm.set_lock(threading.RLock())  # its own lock is shared with this process, which would wait for the child
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
    note, = user_cache().glob("*.failed")
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
    assert not list(user_cache().glob("*.failed"))


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
    cached = user_cache() / WEIGHTS
    try:
        files = find_model(demo_folder)
        assert files.weights == cached and files.labels.parent == demo_folder and files.name == MODEL
        assert find_model(demo_folder) == files and server.served == 1
        (demo_folder / WEIGHTS).write_bytes(GRAPH)
        assert find_model(demo_folder).weights == demo_folder / WEIGHTS
    finally:
        cached.unlink(missing_ok=True)


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


def test_each_hash_is_as_long_as_its_kind_says():
    for model in PUBLISHED.values():
        assert len(model.digest) == 2 * hashlib.new(model.algorithm).digest_size and int(model.digest, 16)
