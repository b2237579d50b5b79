"""A model with a random change in one of its files does not take the process with it (outcomes.py runs many more)."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_graph import const_node

from segmentation.network.onnx.kept import CONTENT, is_damaged, is_whole, seal_end, seal_start

sys.path.append(str(Path(__file__).parent))  # last, or its conftest would stand for that of all tests
from mutations import graph_mutations, kept_model_mutations, text_mutations


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["text", "graph"])
def test_no_changed_file_ends_in_a_signal(kind):
    done = subprocess.run([sys.executable, Path(__file__).with_name("outcomes.py"), kind, "20", "--seed", "7"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "refused" in done.stdout, done.stdout + done.stderr


def test_every_change_of_a_kept_model_is_seen():
    content = b"\x08\x08\x12\x16mask-rcnn-segmentation" + random.Random(0).randbytes(30_000) + seal_start("0" * 64)
    whole = content + seal_end(content)
    assert is_whole(whole) and CONTENT.encode() in whole
    changed = [kept_model_mutations(whole, random.Random(seed)) for seed in range(500)]
    assert all(is_whole(data) == (data == whole) for data in changed)
    assert sum(map(is_damaged, changed)) > 480  # the others lost the marks at both ends: they count as somebody else's


def test_the_same_seed_makes_the_same_change():
    text = 'node {\n  name: "x"\n  op: "Relu"\n  input: "y"\n}\n' * 9
    for change, whole in ((text_mutations, text), (graph_mutations, const_node("x", np.ones((3, 3), np.float32)) * 9)):
        changed = [[change(whole, random.Random(seed)) for seed in range(10)] for _ in range(2)]
        assert changed[0] == changed[1] and len(set(changed[0])) > 5
