"""What the tests of training share."""

import pytest


@pytest.fixture
def folder(tmp_path):
    """Six pictures, each with a disc (RLE) and a square (polygon), and their annotations."""
    pytest.importorskip("torch", reason='training needs pip install ".[train]"')
    pytest.importorskip("pycocotools", reason='training needs pip install ".[train]"')
    from training.made_data import OWN, make_folder

    return make_folder(tmp_path, OWN)
