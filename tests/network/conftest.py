"""What the tests of weights share: an archive, a server that gives it, and a model folder with a demo graph."""

import http.server
import threading

import pytest
from archives import GRAPH, archive_of, publish

from segmentation.network import published, weights
from segmentation.network.published import WEIGHTS


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


@pytest.fixture
def demo_folder(model_folder):
    """A model folder with something in the demo graph's place."""
    (model_folder / weights.DEMO).write_bytes(b"the demo graph, as far as this test goes")
    (model_folder / weights.DEMO).with_suffix(".config").write_text("")
    return model_folder
