"""What a size of the network's input costs is said before the work, or refused."""

import pytest

from segmentation import SegmentationError
from segmentation.network.cost import InputCost
from segmentation.network.resizing import Resizer


@pytest.fixture
def cost(tmp_path, monkeypatch):
    """The InputCost of the rule of the demo graph, on a machine of 8 GB."""
    monkeypatch.setattr("segmentation.network.cost.physical_memory", lambda: 8_000_000_000)
    config = tmp_path / "model.config"
    config.write_text(Resizer(353, 609).config())
    return InputCost(config, "opencv")


def test_a_size_far_above_the_models_own_is_said_once(cost, capsys):
    for size in ((3000, 3000), "2000x2000", "raw"):
        cost.check(size, (1080, 1920))
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "3000x3000 pixels, 44 times as many" in err and "609x337" in err
    assert "2.4 GB" in err


def test_usual_sizes_say_nothing(cost, capsys):
    for size in ("keep", "raw", (609, 353), (1000, 800)):
        cost.check(size, (480, 640))
    assert capsys.readouterr().err == ""


def test_what_the_memory_cannot_hold_is_refused(cost, monkeypatch):
    with pytest.raises(SegmentationError, match=r"10000x10000 pixels .* about 27\.0 GB of memory, and there are 8\.0"):
        cost.check("10000x10000", (480, 640))
    monkeypatch.setattr("segmentation.network.cost.physical_memory", lambda: None)
    cost.check("10000x10000", (480, 640))


def test_a_rule_that_is_broken_is_no_matter_here(tmp_path):
    (tmp_path / "broken.config").write_text("no rule")
    InputCost(tmp_path / "broken.config", "opencv").check((300, 200), (480, 640))


def test_the_network_asks_before_it_runs(tiny_net, noise, monkeypatch):
    monkeypatch.setattr("segmentation.network.cost.physical_memory", lambda: 1_000_000)
    with pytest.raises(SegmentationError, match="choose a smaller size"):
        tiny_net(noise)
