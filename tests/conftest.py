"""What the tests share: the tiny network, the reference data, and no way out to the network."""

import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from tiny_graph import frozen_graph, tiny_consts

from segmentation.network.made import Made
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.model import BOXES
from segmentation.network.resizing import Resizer
from segmentation.network.text_graph import read_nodes, set_value, write_nodes
from segmentation.network.weights import COLORS, LABELS, TEXT_GRAPH, user_cache

ROOT = Path(__file__).resolve().parent.parent
MODEL_FOLDER = ROOT / "mask-rcnn-coco"
SHARED = ROOT.parent / "shared"
MADE = Made("stub", "0" * 64, "nothing", "keep", 0.5)  # what results say of a network that is none


def pytest_configure():
    # A shell's background jobs ignore Ctrl-C, and pass that on; several tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Any connection that a test opens is an error; with the marker `loopback`, any to another machine."""
    allowed = ("127.0.0.1", "localhost") if request.node.get_closest_marker("loopback") else ()
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if address[0] not in allowed:
            raise OSError("no network in tests")
        return connect(self, address)

    def guarded_getaddrinfo(host, *args, **options):
        if host not in allowed:
            raise OSError("no network in tests")
        return getaddrinfo(host, *args, **options)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """A user's cache of the tests' own: what earlier runs have left there does not count, and nothing is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def no_failed_downloads():
    """No test knows of a download that failed in another one."""
    yield
    for note in user_cache().glob("*.failed"):
        note.unlink()


@pytest.fixture(scope="session")
def tiny_pb(tmp_path_factory):
    """The path of a frozen graph of the real network with eight channels a layer."""
    path = tmp_path_factory.mktemp("weights") / "tiny.pb"
    path.write_bytes(frozen_graph(tiny_consts((MODEL_FOLDER / TEXT_GRAPH).read_text())))
    return path


@pytest.fixture
def model_folder(tmp_path):
    """A copy of the model folder's three texts, to be broken."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (LABELS, COLORS, TEXT_GRAPH):
        shutil.copy(MODEL_FOLDER / name, folder)
    return folder


@pytest.fixture
def own(tmp_path):
    """The path of a graph of three classes with its names, text graph and rule beside it."""
    path = tmp_path / "own.pb"
    text = (MODEL_FOLDER / TEXT_GRAPH).read_text()
    path.write_bytes(frozen_graph(tiny_consts(text, seed=4, num_classes=3)))
    path.with_suffix(".pbtxt").write_text(write_nodes(set_value(read_nodes(text), BOXES, "num_classes", 3)))
    path.with_suffix(".txt").write_text("disc\nsquare\nstar\n")
    path.with_suffix(".config").write_text(Resizer(129, 161).config())
    return path


@pytest.fixture(scope="session")
def tiny_net(tiny_pb):
    """The tiny network, loaded once, on small inputs."""
    return MaskRCNN.load(MODEL_FOLDER, tiny_pb, size=(160, 128))


@pytest.fixture(scope="session")
def noise():
    """A picture with something to find for random weights: BGR uint8 (120, 160, 3)."""
    return np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def reference():
    """The folder of OpenCV's reference data, which lies beside the checkout on some machines."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}")
    return folder


@pytest.fixture
def one_torch_thread():
    """Networks that are too small to share out among threads."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
