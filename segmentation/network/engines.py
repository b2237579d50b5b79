"""What runs the network: cv2.dnn, or the same weights as an ONNX model through ONNX Runtime or OpenVINO.

    engine = load_engine("onnxruntime", "cpu", "fp32")(model, confidence=0.5, proposals=100)
    boxes, features = engine.boxes(blob)        # (1, 1, 100, 7), and what masks() wants, of whatever form
    masks = engine.masks(features, boxes)       # (100, classes, 15, 15), arrays of their own

The graph's own mask head works on all 100 rows of boxes, padding included, which is two thirds of the whole
computation, while a photo shows 3 to 10 objects. So an engine is two networks: the first ends with the
boxes, and the second runs the mask head on those that the caller keeps, at least one.

An engine is built from a Model. blob: (1, 3, H, W), RGB floats 0..255; boxes: at most 100 rows (0, class,
score, x0, y0, x1, y1), best first, the box in 0..1; rows of zeros may pad them, and some may score no more
than the confidence. `name` says what it runs on; on a CPU, as many threads work as cv2.getNumThreads() says
at loading.
"""

from functools import partial

from segmentation.network import opencv_engine
from segmentation.network.onnx import engines as onnx_engines

DEVICES = {"opencv": opencv_engine.DEVICES, "onnxruntime": onnx_engines.PROVIDERS,
           "openvino": onnx_engines.OPENVINO_DEVICES}
PRECISIONS = ("fp32", "bf16")


def load_engine(engine="opencv", device="cpu", precision="fp32"):
    """The function (model, confidence, proposals) -> engine of that name, device and precision.

    Raises ValueError where there is no such choice, SegmentationError where it is not there on this machine.
    """
    check_choice(engine, device, precision)
    if engine == "openvino":
        return partial(onnx_engines.OpenVINO, onnx_engines.find_openvino(device, precision), device, precision)
    if engine == "onnxruntime":
        return partial(onnx_engines.OnnxRuntime, onnx_engines.find_onnxruntime(device), device)
    return partial(opencv_engine.OpenCV, opencv_engine.find_device(device), device)


def check_choice(engine, device, precision):
    """Raise ValueError where there is no such engine or it knows no such device or precision."""
    if engine not in DEVICES:
        raise ValueError(f"engine must be {', '.join(DEVICES)}, got {engine}")
    if device not in DEVICES[engine]:
        raise ValueError(f"device must be {' or '.join(DEVICES[engine])} with engine {engine}, got {device}")
    if precision not in PRECISIONS or (precision != "fp32" and engine != "openvino"):
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, and bf16 needs the engine openvino, "
                         f"got {precision}")
