"""What the tests of training share."""

import pytest


@pytest.fixture
def folder(tmp_path):
    """Six pictures, each with a disc (RLE) and a square (polygon), and their annotations."""
    pytest.importorskip("torch", reason='training needs pip install ".[train]"')
    pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')
    from training.made_data import OWN, make_folder

    return make_folder(tmp_path, OWN)


@pytest.fixture
def stop_at(monkeypatch):
    """stop_at(3): Ctrl-C ends the training in its fourth iteration. stop_at(None): none does."""
    from segmentation.training import loop

    iterate = loop.iterate

    def stop(iteration):
        def interrupted(training, batch, args):
            if training.done == iteration:
                raise KeyboardInterrupt
            return iterate(training, batch, args)
        monkeypatch.setattr(loop, "iterate", interrupted)
    return stop
