"""Attacks on the model: text graphs, frozen graphs, the other files of a model, and kept ONNX models."""

import shutil

from network.mutations import graph_mutations, kept_model_mutations, text_mutations

from attacks.material import NETWORK
from attacks.mutations import mutate_bytes
from attacks.whole import rows_of


def own_model(room):
    """A copy of the small network with a text graph beside it: (weights, text graph)."""
    weights = room.here / "own.pb"
    text_graph = next((room.project / "mask-rcnn-coco").glob("mask_rcnn_*.pbtxt"))
    shutil.copy(room.material / "tiny.pb", weights)
    shutil.copy(text_graph, weights.with_suffix(".pbtxt"))
    return weights, weights.with_suffix(".pbtxt")


def run_model(room, *options):
    """Segment a photo with the room's own model; a Done."""
    room.photo()
    return room.run("photos", "-i", "photo.jpg", "-o", "out", "--weights", "own.pb", *NETWORK, "--no-show", *options,
                    bare=True)


def mutated_text_graph(room):
    """A text graph with random changes."""
    _, text_graph = own_model(room)
    text_graph.write_text(text_mutations(text_graph.read_text(), room.rng))
    run_model(room)


def mutated_frozen_graph(room):
    """A frozen graph with random changes."""
    weights, _ = own_model(room)
    weights.write_bytes(graph_mutations(weights.read_bytes(), room.rng))
    run_model(room)


def mutated_texts(room):
    """Names, a rule for sizes or colours with random changes."""
    weights, _ = own_model(room)
    folder = room.here / "model"
    shutil.copytree(room.project / "mask-rcnn-coco", folder, ignore=shutil.ignore_patterns("demo*", "*.onnx"))
    names = next(folder.glob("*classes*.txt")).read_bytes()
    room.give("own.txt", mutate_bytes(names, room.rng))
    room.give("own.config", mutate_bytes((room.project / "mask-rcnn-coco/demo_inference_graph.config").read_bytes(),
                                         room.rng))
    colors = folder / "colors.txt"
    colors.write_bytes(mutate_bytes(colors.read_bytes(), room.rng))
    if room.rng.random() < 0.7:
        (room.here / room.rng.choice(("own.txt", "own.config"))).write_bytes(names)
        room.guard(room.here / "own.txt"), room.guard(room.here / "own.config")
    room.photo()
    room.run("photos", "-i", "photo.jpg", "-o", "out", "--weights", weights.name, "-m", "model", "-c", "0.52",
             "--no-show", bare=True)


def labels_that_command(room):
    """Names of classes with escape codes."""
    own_model(room)
    names = [f"\x1b[2J\x07name{number}" for number in range(90)]
    room.give("own.txt", "\n".join(names).encode())
    run_model(room, "--json", "rows.json")


def kept_onnx(room):
    """A kept ONNX model with random changes: it is made anew, so that the results are the same."""
    cache = room.here.parent.parent / "kept_onnx"
    if not cache.exists():
        own_model(room)
        run_model(room, "--engine", "onnxruntime", "--json", "rows.json")
        if not (room.here / "rows.json").exists() or not list(room.here.glob("own*.onnx")):
            return
        shutil.copytree(room.here, cache, ignore=shutil.ignore_patterns("out", "photo.jpg"))
    shutil.copytree(cache, room.here, dirs_exist_ok=True)
    expected = rows_of(room.here / "rows.json")
    (room.here / "rows.json").unlink()
    kept = next(room.here.glob("own*.onnx"))
    data = kept.read_bytes()
    if room.rng.random() < 0.5:
        at = room.rng.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ 1 << room.rng.randrange(8)]) + data[at + 1:]
    else:
        changed = kept_model_mutations(data, room.rng)
    kept.write_bytes(changed)
    done = run_model(room, "--engine", "onnxruntime", "--json", "rows.json")
    if done.code != 0:
        room.find("differs", f"exit {done.code} with a changed ONNX model: {done.err.strip()[-200:]}")
    else:
        room.expect(rows_of(room.here / "rows.json") == expected, "differs", "other objects by a changed ONNX model")
        room.expect(changed == data or kept.read_bytes() != changed, "silent", "the changed ONNX model is kept")


ONCE = [labels_that_command]
MANY = [mutated_text_graph, mutated_text_graph, mutated_frozen_graph, mutated_texts, kept_onnx]
