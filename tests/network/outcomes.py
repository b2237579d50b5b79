"""How loading and running a broken model ends: in a forked child, because it may take the process with it.

    attack = Attack(weights, text, engine="opencv")
    attack.outcomes([lambda: {"text": broken_text}])    # [("refused", "the sentence")], or "same", "signal", ...

    python tests/network/outcomes.py text 1000 --seed 1

How it may end: "refused" with one sentence; "same" results as the whole model's; "other", results of a network all the
same. How it may not: "signal", "hang", "invalid" results, "traceback", a sentence of "two lines".
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/network")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from mutations import graph_mutations, kept_model_mutations, text_mutations  # noqa: E402
from tiny_graph import frozen_graph, tiny_consts  # noqa: E402

from segmentation import SegmentationError  # noqa: E402
from segmentation.network.mask_rcnn import MaskRCNN  # noqa: E402
from segmentation.network.weights import DEMO, MODEL_FOLDER, TEXT_GRAPH  # noqa: E402

FINE = ("refused", "same", "other")
CPU_SECONDS, MEMORY = 60, 12 << 30
IMAGE = np.random.default_rng(3).integers(0, 255, (128, 160, 3), dtype=np.uint8)


def endings(works):
    """(how it ended, its words) of each of the functions `works`, which run in a forked child, one after another.

    How: what the function returns first, or "signal" or "hang", after which another child goes on.
    """
    works = list(works)
    while works:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            run_child(works, writer)
        os.close(writer)
        with open(reader, "rb") as pipe:
            for line in pipe:
                works.pop(0)
                yield tuple(json.loads(line))
        status = os.waitpid(child, 0)[1]
        if works:
            works.pop(0)
            name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit code {status >> 8}"
            yield ("hang" if name == "SIGXCPU" else "signal"), name


def run_child(works, writer):
    """Do the works, write what each returns to a pipe, a line each, and end the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for work in works:
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + CPU_SECONDS, resource.RLIM_INFINITY))
        try:
            answer = work()
        except SegmentationError as error:
            answer = ("two lines" if "\n" in str(error) else "refused", str(error))
        except BaseException:
            answer = ("traceback", traceback.format_exc()[-2000:])
        os.write(writer, json.dumps(answer).encode() + b"\n")
    os._exit(0)


class Attack:
    """A model to be broken.

    engine: what runs it
    found: what the whole model finds in IMAGE, (boxes, masks)
    """

    def __init__(self, weights, text, engine="opencv", confidence=0.2):
        self.weights, self.text, self.engine, self.confidence = weights, text, engine, confidence
        self.base = tempfile.mkdtemp(prefix="attack")
        self.results = Path(self.base) / "found.npz"
        how, = endings([lambda: self.run(keep=True)])
        assert how[0] == "same", how
        self.kept = {path.name: path.read_bytes() for path in (Path(self.base) / "whole").glob("*.onnx")}

    def close(self):
        shutil.rmtree(self.base)

    def outcomes(self, changes):
        """(how it ended, its words) of the model with other files, for each of several functions.

        A function returns arguments of `run`; it is called in the child.
        """
        return endings([partial(self.run_changed, change) for change in changes])

    def run_changed(self, change):
        return self.run(**change())

    def run(self, weights=None, text=None, kept=None, keep=False):
        """("same" or "other" or "invalid", "") of the model with other files, in this process.

        kept: its ONNX models, name -> bytes
        """
        folder = Path(self.base) / ("whole" if keep else str(os.getpid()))
        folder.mkdir()
        try:
            (folder / "a.pb").write_bytes(self.weights if weights is None else weights)
            (folder / "a.pbtxt").write_text(self.text if text is None else text, encoding="utf-8")
            (folder / "a.txt").write_text("".join(f"class {number}\n" for number in range(90)))
            for name, data in (kept or {}).items():
                (folder / name).write_bytes(data)
            net = MaskRCNN.load(MODEL_FOLDER, folder / "a.pb", size="raw", confidence=self.confidence,
                                engine=self.engine)
            found = net.forward(IMAGE)
            if keep:
                np.savez(self.results, *found)
            return self.judge(*found)
        finally:
            if not keep:
                shutil.rmtree(folder)

    def judge(self, boxes, masks):
        with np.load(self.results) as whole:
            expected = [whole[name] for name in whole.files]
        own = masks[range(len(masks)), boxes[0, 0, :, 1].astype(int)]  # the others mean nothing
        if not (np.isfinite(boxes).all() and np.isfinite(own).all() and boxes.shape[:2] == (1, 1)
                and boxes.shape[3] == 7 and masks.shape == (boxes.shape[2], 90, 15, 15)
                and (boxes[..., 3:] >= 0).all() and (boxes[..., 3:] <= 1).all()):
            return "invalid", str((boxes.shape, masks.shape))
        alike = all(one.shape == other.shape and np.allclose(one, other, atol=1e-4)
                    for one, other in zip(expected, (boxes, masks)))
        return ("same" if alike else "other"), ""


# ---- Command line --------------------------------------------------------------------------------------------

def changed_file(kind, attack, rng):
    """The arguments of Attack.run for one random change of "text", "graph" or "kept"."""
    if kind == "text":
        return {"text": text_mutations(attack.text, rng)}
    if kind == "graph":
        return {"weights": graph_mutations(attack.weights, rng)}
    name, data = rng.choice(sorted(attack.kept.items()))
    return {"kept": {name: kept_model_mutations(data, rng)}}


def main(argv=None):
    """Run many random changes and print how they ended; the exit code: 1 if one ended as it may not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=["text", "graph", "kept"])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="opencv")
    parser.add_argument("--demo", action="store_true", help="the demo graph, not the tiny one")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    text, weights = MODEL_FOLDER / TEXT_GRAPH, MODEL_FOLDER / DEMO
    text = (weights.with_suffix(".pbtxt") if args.demo else text).read_text(encoding="utf-8")
    attack = Attack(weights.read_bytes() if args.demo else frozen_graph(tiny_consts(text)), text, args.engine)
    tally, start = Counter(), time.monotonic()
    changes = [partial(changed_file, args.kind, attack, random.Random(args.seed + number))
               for number in range(args.count)]
    for number, (how, words) in enumerate(attack.outcomes(changes)):
        tally[how] += 1
        if how not in FINE:
            print(f"seed {args.seed + number}: {how}: {words[-300:]}", flush=True)
    attack.close()
    print(args.kind, args.engine, f"OpenCV {cv2.__version__}, {time.monotonic() - start:.0f} s:", dict(tally))
    return int(not set(tally) <= set(FINE))


if __name__ == "__main__":
    sys.exit(main())
