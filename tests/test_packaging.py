"""The package as it is installed: what the wheel holds, where it keeps the weights, and what an import costs."""

import ast
import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

import segmentation
from segmentation.network import weights
from segmentation.network.download import CACHE_NAME

MODEL_FILES = ["NOTICE", "colors.txt", "demo_inference_graph.config", "demo_inference_graph.pb",
               "demo_inference_graph.pbtxt", weights.TEXT_GRAPH, weights.LABELS]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, as a ZipFile. It is built from a copy, since a build leaves files in its folder."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("pip install setuptools")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("segmentation", "mask-rcnn-coco"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    # What downloads and exports leave in a clone's model folder must not travel.
    (source / "mask-rcnn-coco" / weights.WEIGHTS).write_bytes(b"downloaded")
    (source / "mask-rcnn-coco" / "demo_inference_graph.onnx").write_bytes(b"exported")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index",
                    "-w", out, source], check=True)
    with zipfile.ZipFile(next(out.iterdir())) as file:
        yield file


def metadata(wheel, name):
    """The text of a file in the wheel's .dist-info."""
    return wheel.read(next(path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))).decode()


def test_the_wheel_has_the_whole_model_folder_and_nothing_that_was_fetched_or_made(wheel):
    found = [path for path in wheel.namelist() if path.startswith("segmentation/mask_rcnn_coco/")]
    assert sorted(found) == sorted(f"segmentation/mask_rcnn_coco/{name}" for name in MODEL_FILES)
    for name, path in zip(sorted(MODEL_FILES), sorted(found)):
        assert wheel.read(path) == (ROOT / "mask-rcnn-coco" / name).read_bytes()


def test_the_wheel_has_every_module_and_the_reports_page(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "segmentation").rglob("*.py")}
    assert {path for path in wheel.namelist() if path.endswith(".py")} == modules
    assert "segmentation/results/report.html" in wheel.namelist()


def test_the_wheel_has_both_commands(wheel):
    entries = configparser.ConfigParser()
    entries.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(entries["console_scripts"]) == {"mask-rcnn": "segmentation.cli.start:photos",
                                                "mask-rcnn-video": "segmentation.cli.start:videos"}


def test_the_wheel_needs_what_requirements_txt_names_and_has_its_extras(wheel):
    lines = re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.M)
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata(wheel, "METADATA"), re.M)
    assert needed == lines
    extras = re.findall(r"^Provides-Extra: (\w+)", metadata(wheel, "METADATA"), re.M)
    assert set(extras) == {"engines", "int8", "tracks", "timeline", "cluster", "train"}


# ---- Where an installed package keeps what it downloads --------------------------------------------------

@pytest.fixture
def installed(model_folder, tmp_path, monkeypatch):
    """(the model folder of an installed package, the user's cache)."""
    monkeypatch.setattr(weights, "INSTALLED_FOLDER", model_folder)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / "cache" / name)
    return model_folder, tmp_path / "cache" / CACHE_NAME


def test_an_installed_package_looks_for_weights_in_the_cache(installed, monkeypatch):
    folder, cache = installed
    cache.mkdir(parents=True)
    (cache / weights.WEIGHTS).write_bytes(b"the official weights")
    monkeypatch.setattr(weights, "check_hash", lambda *args: None)
    files = weights.find_model(folder)
    assert files.weights == cache / weights.WEIGHTS and files.labels == folder / weights.LABELS


def test_an_installed_package_names_the_cache_where_it_cannot_download(installed):
    folder, cache = installed
    (folder / weights.DEMO).write_bytes(b"the demo graph")
    files = weights.find_model(folder)
    assert files.weights == folder / weights.DEMO and str(cache) in files.demo_because
    assert not (folder / weights.WEIGHTS).exists()


def test_a_clone_keeps_weights_in_its_model_folder():
    assert weights.MODEL_FOLDER == ROOT / "mask-rcnn-coco"
    assert weights.folder_for_new_files(weights.MODEL_FOLDER) == weights.MODEL_FOLDER


# ---- What an import costs --------------------------------------------------------------------------------

def test_what_is_public_can_be_imported():
    for name in segmentation.__all__:
        assert getattr(segmentation, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Network'"):
        segmentation.Network  # noqa: B018


@pytest.mark.parametrize("module, unwanted", [
    ("segmentation", "cv2 numpy av"), ("segmentation.files", "cv2 numpy av"), ("segmentation.threads", "cv2 numpy av"),
    ("segmentation.terminal", "cv2 numpy av"), ("segmentation.network.weights", "cv2 numpy av pooch"),
    ("segmentation.network.mask_rcnn", "av torch onnx onnxruntime openvino pooch"),
    ("segmentation.cli.photos", "av torch onnx onnxruntime openvino pooch dask matplotlib")])
def test_importing_a_module_does_not_import_what_it_does_not_use(module, unwanted):
    code = f"import sys, {module}; print(*set('{unwanted}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# ---- Which way imports go --------------------------------------------------------------------------------

# A module imports only from those before it, or from its own package; docs/architecture.md says the same.
ORDER = ["wording", "files", "terminal", "threads", "polygons", "instances", "pictures", "search", "network",
         "tracking", "drawing", "results", "found", "api", "cvat", "video", "workers", "cli", "training"]


def imported(path):
    """The packages and modules of segmentation that a file imports from."""
    names = [name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, (ast.Import, ast.ImportFrom))
             for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])]
    return {name.split(".")[1] for name in names if name.startswith("segmentation.")}


@pytest.mark.parametrize("place", range(len(ORDER)), ids=ORDER)
def test_imports_go_one_way(place):
    name = ORDER[place]
    module = ROOT / "segmentation" / f"{name}.py"
    files = [module] if module.exists() else (ROOT / "segmentation" / name).rglob("*.py")
    backwards = {str(path.relative_to(ROOT)): imported(path) - set(ORDER[:place + 1]) for path in files}
    assert not any(backwards.values()), backwards


def test_every_package_has_its_place_in_the_order():
    there = {path.stem for path in (ROOT / "segmentation").iterdir() if path.suffix == ".py" or
             (path / "__init__.py").exists()}
    assert there - {"__init__"} == set(ORDER)
    text = " ".join((ROOT / "docs/architecture.md").read_text(encoding="utf-8").split())
    assert " < ".join(["wording, files, terminal, threads", *ORDER[4:]]) in text


# ---- The tests themselves --------------------------------------------------------------------------------

def test_every_test_module_can_be_imported():
    """--doctest-ignore-import-errors, meant for modules of optional packages, hides a broken test module too: it is
    skipped, and its tests with it. Without doctests it is an error.
    """
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "--collect-only", "-o",
                           "addopts=--import-mode=importlib --strict-markers", "-p", "no:cacheprovider", "tests"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
