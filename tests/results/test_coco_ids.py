"""--coco-ids: the rows of photos have the ids of the user's own COCO file, so that the two can be compared."""

import json
from pathlib import Path

import pytest
from conftest import MODEL_FOLDER
from pycocotools.coco import COCO

import mask_rcnn
from segmentation import SegmentationError
from segmentation.network.weights import LABELS
from segmentation.pictures import encode_picture
from segmentation.results.coco_ids import CocoIds

NAMES = (MODEL_FOLDER / LABELS).read_text().split("\n")[:90]


def coco_file(path, images=(("s/a.png", 40), ("b.png", 7)), names=NAMES[::-1]):
    path.write_text(json.dumps({
        "images": [{"file_name": name, "id": number, "width": 160, "height": 120} for name, number in images],
        "categories": [{"id": number, "name": name, "supercategory": "own"} for number, name in enumerate(names, 200)],
        "annotations": []}))
    return path


@pytest.fixture
def run(tmp_path, tiny_pb, monkeypatch, capsys, noise):
    """Run the script for photos on in/s/a.png and in/b.png, with ids of ids.json; (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/s/a.png", "in/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(encode_picture(noise, ".png", name))
    coco_file(tmp_path / "ids.json")

    def run(*args, given=("in", "--recursive", "--coco-ids", "ids.json")):
        code = mask_rcnn.main(["--no-show", "--weights", str(tiny_pb), "--size", "160x128", "-c", "0.01", *args,
                               "--json", "r.json", "-i", *given])
        return code, capsys.readouterr().err
    return run


def test_rows_can_be_compared_with_the_file(run, tmp_path):
    code, said = run()
    assert code == 0 and "lacks" not in said
    content = json.loads((tmp_path / "r.json").read_text())
    assert {image["file_name"]: image["id"] for image in content["images"]} == {"in/s/a.png": 40, "in/b.png": 7}
    assert content["annotations"] and {row["image_id"] for row in content["annotations"]} <= {40, 7}
    assert all(NAMES[::-1][row["category_id"] - 200] == row["label"] for row in content["annotations"])
    assert content["categories"][0] == {"id": 200, "name": NAMES[-1], "supercategory": "own"}
    assert len(COCO("ids.json").loadRes(content["annotations"]).anns) == len(content["annotations"])


def test_what_the_file_lacks_gets_ids_after_its_own_and_is_said_in_one_line(run, tmp_path):
    coco_file(tmp_path / "ids.json", [("s/a.png", 40), ("c.png", 41)], NAMES[:-2])
    code, said = run()
    assert code == 0
    assert (f"[WARNING] ids.json lacks 1 of 2 photos, such as in/b.png, and the classes {NAMES[-2]}, {NAMES[-1]}: "
            "they get ids after its own\n") in said
    content = json.loads((tmp_path / "r.json").read_text())
    assert {image["file_name"]: image["id"] for image in content["images"]} == {"in/s/a.png": 40, "in/b.png": 42}
    assert [entry["id"] for entry in content["categories"]] == [*range(200, 288), 288, 289]


def test_a_run_adds_to_rows_with_the_same_ids_alone(run, tmp_path):
    coco_file(tmp_path / "ids.json", [("s/a.png", 40)])
    assert run()[0] == 0
    whole = (tmp_path / "r.json").read_bytes()
    (tmp_path / "r.json").unlink()
    assert run(given=("in/b.png", "--coco-ids", "ids.json"))[0] == 0
    assert run("--skip-existing")[0] == 0
    assert {row["file"]: row["image_id"] for row in json.loads((tmp_path / "r.json").read_text())["annotations"]} == {
        row["file"]: row["image_id"] for row in json.loads(whole)["annotations"]}
    coco_file(tmp_path / "ids.json", [("s/a.png", 5)])
    code, said = run("--skip-existing")
    assert code == 1 and "its id of in/s/a.png is not that of ids.json" in said
    coco_file(tmp_path / "ids.json", [("s/a.png", 40)], NAMES)
    (tmp_path / "in/d.png").write_bytes((tmp_path / "in/b.png").read_bytes())
    code, said = run("--skip-existing")
    assert code == 1 and "its class" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": [{"file_name": "", "id": 1}], "categories": []}',
                                  '{"images": [{"file_name": "a", "id": "1"}], "categories": []}',
                                  '{"images": [], "categories": [{"id": 1}]}', "[" * 100_000])
def test_a_file_of_another_kind_is_named(tmp_path, text):
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(SegmentationError, match=r"cannot take ids from .*f.json: it is no COCO file"):
        CocoIds.read(tmp_path / "f.json")


def test_names_are_found_by_their_ends_and_classes_in_any_case(tmp_path):
    ids = CocoIds.read(coco_file(tmp_path / "f.json", [("a\\x.jpg", 1), ("b/x.jpg", 2), ("y.jpg", 3)], ["Dog"]))
    photos = ("q/a/x.jpg", "b/x.jpg", "x.jpg", "c/y.jpg", "z.jpg")
    assert [ids.image_id(photo) for photo in photos] == [1, 2, None, 3, None]
    assert ids.category_ids(["dog", "cat"]) == [200, 201]


def test_the_file_is_not_written_over(run):
    assert run("--overwrite", given=("in", "--coco-ids", "r.json"))[0] == 1
