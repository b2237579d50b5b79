"""How fast the network runs: the 2018 tutorial's way against this project's, in one interleaved run.

    python tests/benchmark.py --weights mask-rcnn-coco/frozen_inference_graph.pb --image photo.jpg
    python tests/benchmark.py --video       what reading, drawing and writing cost a video beside the network
    python tests/benchmark.py --workers 2   frames a second of one process against several workers
    python tests/benchmark.py --chunk       what it costs to send a chunk of a video to a worker and back

All see the same picture at the same size on the same weights. The tutorial's way is one cv2.dnn network asked
for both outputs, its mask head on all 100 rows; ours is MaskRCNN.forward on each engine, whose mask head works
on the N objects above the confidence. A round runs each once, so that other work on the machine slows all
alike; medians are compared, and the quartiles say how much they spread. The share of the processor's float32
peak counts the operations of the exported model; what does them with fewer, as Winograd's algorithm does, can
pass 100 %.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import mask_rcnn_video
from segmentation import SegmentationError
from segmentation.instances import Instances
from segmentation.network.engines import load_engine
from segmentation.network.graph_check import BOXES, MASKS
from segmentation.network.made import Made
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.model import read_model
from segmentation.network.onnx.kept import export
from segmentation.network.resizing import parse_size
from segmentation.network.weights import DEMO, MODEL_FOLDER, ModelFiles, find_model
from segmentation.pictures import read_photo
from segmentation.video.source import VideoSource
from segmentation.workers.chunks import cut, read_chunks
from segmentation.workers.packet_index import PacketIndex
from segmentation.workers.processes import LocalWorkers
from segmentation.workers.tasks import EncodedData, Part, Task
from tests.clips import make_clip

SIZES = ("512x512", "800x800", "1280x720", "1920x1080")


def tutorial_net(files):
    """The network as the tutorial loads it (OpenCV 5 has to be told the outputs)."""
    options = {"extraOutputs": [BOXES, MASKS]} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    return cv2.dnn.readNetFromTensorflow(str(files.weights), str(files.text_graph), **options)


def tutorial_forward(net, image):
    """What the tutorial times: both outputs for all rows."""
    net.setInput(cv2.dnn.blobFromImage(image, swapRB=True, crop=False))
    return net.forward([BOXES, MASKS])


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


class Way:
    """One way to run the network: its times, and its result on the picture."""

    def __init__(self, name, work):
        self.name, self.work, self.times = name, work, []

    def __call__(self):
        taken, self.result = seconds(self.work)
        self.times.append(taken)


def compare(files, weights, image, engines, detections, rounds):
    """Print what each way takes at one size, and by how much it differs from the single network."""
    single = tutorial_net(files)
    scores = np.sort(tutorial_forward(single, image)[0][0, 0, :, 2])[::-1]
    # A confidence that `detections` rows pass, and at least the scripts' default; in the middle between two
    # scores, so that rounding does not decide which rows pass.
    confidence = max(0.5, float(scores[detections - 1:detections + 1].mean()))
    model = read_model(files)
    ways = [Way("tutorial", lambda: tutorial_forward(single, image))]
    for name in engines:
        engine, _, precision = name.partition("-")
        net = MaskRCNN.load(MODEL_FOLDER, weights, size="raw", confidence=confidence, engine=engine,
                            precision=precision or "fp32")
        ways.append(Way(name, lambda net=net: net.forward(image)))
    peak = Way("peak", matrix_product)
    for _ in range(rounds + 1):
        for way in (*ways, peak):
            way()
    flop, peak_rate = count_flop(model, image.shape[:2], detections), 2 * SIDE ** 3 / np.median(peak.times[1:])
    boxes, masks = ways[0].result
    keep = np.flatnonzero(boxes[0, 0, :, 2] > confidence)
    ways[0].result = boxes[:, :, keep], masks[keep]
    print(f"{image.shape[1]}x{image.shape[0]}, {len(keep)} detections, {flop / 1e9:.0f} GFLOP; "
          f"matrix product {peak_rate / 1e9:.0f} GFLOP/s")
    for way in ways:
        times = np.array(way.times[1:])  # the first round allocates memory
        low, middle, high = np.percentile(times, (25, 50, 75))
        print(f"  {way.name:<16} {middle:6.3f} ({low:.3f}-{high:.3f})  {np.median(ways[0].times[1:]) / middle:5.2f}x  "
              f"{flop / middle / peak_rate:4.0%}  {differences(ways[0].result, way.result)}", flush=True)


SIDE = 2048
MATRIX = np.random.default_rng(0).random((SIDE, SIDE), np.float32)


def matrix_product():
    """What stands for the processor's float32 peak."""
    return MATRIX @ MATRIX


def count_flop(model, image_hw, detections):
    """Floating-point operations of the exported model's convolutions; nan where onnx is not installed.

    Of the RoIs' maps the number is not known to ONNX: 100 proposals, or the detections in the mask head.
    """
    try:
        from onnx import shape_inference
    except ImportError:
        return float("nan")
    proto = export(model)
    for dim, size in zip(proto.graph.input[0].type.tensor_type.shape.dim[2:], image_hw):
        dim.dim_value = size
    inferred = shape_inference.infer_shapes(proto, data_prop=True).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    kernels = {tensor.name: tensor.dims for tensor in inferred.initializer}
    flop = 0
    for node in inferred.node:
        if node.op_type == "Conv":
            batch, *output = shapes[node.output[0]]
            batch = batch or (detections if "_1/" in node.name.split("InceptionV2")[0] else 100)
            flop += 2 * batch * np.prod(output) * np.prod(kernels[node.input[1]][1:])
    return float(flop)


def differences(expected, found):
    """By how much detections differ at most, matched by class and nearest box: scores, boxes in 0..1, masks."""
    (boxes, masks), (own_boxes, own_masks) = expected, found
    rows, own = boxes[0, 0], own_boxes[0, 0]
    if sorted(rows[:, 1]) != sorted(own[:, 1]):
        return f"{len(own)} detections, of other classes"
    near = [min(np.flatnonzero(own[:, 1] == row[1]), key=lambda i: np.abs(own[i, 3:] - row[3:]).max()) for row in rows]
    each, classes = range(len(rows)), rows[:, 1].astype(int)
    masks = np.abs(masks[each, classes] - own_masks[near, classes])
    columns = np.abs(rows - own[near])
    return (f"scores {columns[:, 2].max(initial=0):.0e}, boxes {columns[:, 3:].max(initial=0):.0e}, "
            f"masks {masks.max(initial=0):.0e}")


class SleepingNet:
    """Stands for a network that takes 20 ms and finds three objects."""

    labels, colors, files = ("person",) * 90, [(0, 255, 0)], ModelFiles(*[Path(__file__)] * 4)
    made = Made("stub", "0" * 64, "nothing", "keep", 0.5)
    found = Instances(np.int32([[100, 100, 300, 400], [400, 50, 500, 150], [600, 200, 780, 420]]),
                      np.float32([0.9, 0.8, 0.7]), np.int32([0, 1, 2]), np.ones((3, 15, 15), np.float32), (450, 800))

    def __init__(self):
        self.slept = 0

    def __call__(self, image):
        began = time.perf_counter()
        time.sleep(0.02)
        self.slept += time.perf_counter() - began
        return self.found


def available_engines():
    """The engines that this machine has, by name or name-precision."""
    found = []
    for name in ("opencv", "onnxruntime", "openvino", "openvino-bf16", "openvino-int8"):
        engine, _, precision = name.partition("-")
        if precision == "int8" and find_spec("nncf") is None:
            continue
        with contextlib.suppress(SegmentationError):
            load_engine(engine, precision=precision or "fp32")
            found.append(name)
    return found


def compare_video(rounds, frames=300):
    """Print a whole run of the video script on an 800-wide clip against its network's time alone."""
    print(f"{frames} frames of 800x450, 20 ms of network each: seconds of the network, of the whole run, ratio")
    with tempfile.TemporaryDirectory() as folder:
        source = make_clip(Path(folder, "in.mp4"), frames, size_wh=(800, 450))
        for name in ("out.avi", "out.mp4"):
            ratios = []
            for _ in range(rounds):
                net = SleepingNet()
                with contextlib.redirect_stdout(io.StringIO()), \
                        mock.patch("segmentation.cli.videos.load_network", return_value=net):
                    whole, code = seconds(lambda name=name: mask_rcnn_video.main(
                        ["-i", str(source), "-o", str(Path(folder, name)), "--overwrite"]))
                assert code == 0
                ratios.append((net.slept, whole, whole / net.slept))
            slept, whole, ratio = np.median(ratios, axis=0)
            spread = [f"{entry[2]:.2f}" for entry in sorted(ratios, key=lambda entry: entry[2])]
            print(f"{name}  {slept:.2f}  {whole:.2f}  {ratio:.2f}  (runs: {', '.join(spread)})", flush=True)


def compare_workers(weights, engines, counts, rounds, frames):
    """Print the frames a second of whole runs, loading and starting included, in one process and by workers.

    The ratios are those of each round, whose runs follow one another, and their median.
    Then what more cores should give: that many workers of one thread, each as fast as one of the largest of
    `counts` was here. It is worked out, not measured: memory that all cores share makes it less.
    """
    print(f"{frames} frames of 800x450: frames a second (of each run), network seconds a frame")
    with tempfile.TemporaryDirectory() as folder:
        source, output = make_clip(Path(folder, "in.mp4"), frames, size_wh=(800, 450)), Path(folder, "out.mp4")
        for engine in engines:
            name, _, precision = engine.partition("-")
            options = ["-i", str(source), "-o", str(output), "--overwrite", "--engine", name, "--precision",
                       precision or "fp32", *(["--weights", weights] if weights else [])]
            ways = {"one process": [], **{f"{count} workers": ["--workers", str(count)] for count in counts}}
            rates, network = {way: [] for way in ways}, {}
            for number in range(rounds):  # there and back, so that a machine that slows down slows all alike
                for way, more in list(ways.items())[::1 - 2 * (number % 2)]:
                    said = io.StringIO()
                    with contextlib.redirect_stdout(said):
                        whole, code = seconds(lambda more=more, options=options: mask_rcnn_video.main(options + more))
                    assert code == 0
                    rates[way].append(frames / whole)
                    network[way] = float(said.getvalue().rpartition("network ")[2].split(",")[0])
            for way, runs in rates.items():
                ratios = np.divide(runs, rates["one process"])
                print(f"{engine:<16} {way:<12} {np.median(runs):6.3f}  ({', '.join(f'{rate:.3f}' for rate in runs)})  "
                      f"{network[way]:.3f}  {np.median(ratios):.2f}x ({', '.join(f'{x:.2f}' for x in ratios)})",
                      flush=True)
            if cv2.getNumberOfCPUs() <= counts[-1]:  # one thread each
                print(f"{engine:<16} worked out: " + ", ".join(
                    f"{cores / network[f'{counts[-1]} workers']:.1f} on {cores} cores" for cores in (8, 16, 64)))


@dataclass(frozen=True)
class Echo:
    """Stands for a Task without work: it gives `size` bytes for each frame of a chunk."""

    size: int

    def do(self, chunk, drawing):
        frames = [EncodedData(bytes(self.size), 0, 0, 1, True) for _ in chunk.times]
        return Part(chunk.first, frames, {}, {"network": 0.0})


def time_chunks(rounds, size=120_000):
    """Print what a chunk costs beside its work, on its way to a process of this machine and back, by each way."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        source = stack.enter_context(VideoSource(
            make_clip(Path(folder, "in.mkv"), 240, size_wh=(1920, 1080), codec="mjpeg")))
        index = PacketIndex(source)
        chunk = next(read_chunks(index, cut(index)))[0]
        ways = {"--workers": stack.enter_context(LocalWorkers(Echo(size), 1))}
        with contextlib.suppress(SegmentationError):  # --scheduler is optional
            ways["--scheduler"] = stack.enter_context(echoing_cluster(Echo(size)))
        times = {way: [] for way in ways}
        for number in range(rounds + 1):
            for way, pool in ways.items():
                taken, _ = seconds(lambda pool=pool, number=number: send_and_wait(pool, number, chunk))
                times[way].append(taken)
    print(f"{len(chunk.times)} frames, {chunk.bytes / 1e6:.1f} MB there, {len(chunk.times) * size / 1e6:.1f} MB back: "
          "milliseconds (quartiles)")
    for way, taken in times.items():
        low, middle, high = np.percentile(taken[1:], (25, 50, 75)) * 1000
        print(f"  {way:<12} {middle:4.0f} ({low:.0f}-{high:.0f})")


def send_and_wait(pool, key, chunk):
    pool.submit(key, (chunk, None))
    while not (done := pool.wait(1)):
        pass
    assert isinstance(done[0][1], Part), done


@contextlib.contextmanager
def echoing_cluster(echo):
    """DaskWorkers of a cluster on this machine, of one worker, that does `echo` for a Task."""
    from segmentation.workers import dask_cluster

    class EchoModel(dask_cluster.Model):
        def setup(self, worker):
            dask_cluster.tasks[self.name] = echo
    with dask_cluster.distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        task = Task(find_model(MODEL_FOLDER, MODEL_FOLDER / DEMO))
        with mock.patch.object(dask_cluster, "Model", EchoModel), \
                dask_cluster.DaskWorkers(task, cluster.scheduler_address) as pool:
            yield pool


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="frozen graph (default: the official one, fetched if missing)")
    parser.add_argument("--image", default=Path(__file__).parent.parent / "images/example_01.jpg",
                        help="photo, resized to each size (default: %(default)s)")
    parser.add_argument("--video", action="store_true", help="measure the video script instead")
    parser.add_argument("--workers", nargs="+", type=int, metavar="N",
                        help="measure the video script in one process and by N workers instead")
    parser.add_argument("--chunk", action="store_true", help="measure the way of a chunk to a worker and back instead")
    parser.add_argument("--frames", type=int, default=192, help="of the clip for --workers (default: %(default)s)")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH")
    parser.add_argument("--engines", nargs="+", default=available_engines(), metavar="NAME",
                        help="opencv, onnxruntime, openvino, openvino-bf16, openvino-int8 (default: those that are "
                             "installed)")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds at each size (default: %(default)s)")
    parser.add_argument("--detections", type=int, default=10, metavar="N",
                        help="how many objects to segment at most, of those above 0.5; a photo shows 3 to 10 "
                             "(default: %(default)s)")
    args = parser.parse_args(argv)
    if args.video:
        compare_video(args.rounds)
        return 0
    if args.chunk:
        time_chunks(args.rounds)
        return 0
    if args.workers:
        compare_workers(args.weights, args.engines, args.workers, args.rounds, args.frames)
        return 0
    files, photo = find_model(MODEL_FOLDER, args.weights), read_photo(args.image)
    print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads, {args.rounds} rounds: median seconds (quartiles)")
    print("  way               seconds (quartiles)   ratio  peak  differences from the tutorial's at most")
    for size in args.sizes:
        compare(files, args.weights, cv2.resize(photo, parse_size(size)), args.engines, args.detections, args.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
