"""Photos of every kind, and pictures that appear only when they are complete."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation import SegmentationError
from segmentation import pictures as photos
from segmentation.files import complete_file
from segmentation.pictures import find_photos, name_outputs, read_photo, write_picture

RED = np.zeros((4, 6, 3), np.uint8)
RED[:, :, 0] = 255  # RGB
GRADIENT = np.linspace(0, 255, 24).astype(np.uint8).reshape(4, 6)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_colour_comes_as_bgr(tmp_path):
    assert read_photo(save(tmp_path / "red.png", RED))[0, 0].tolist() == [0, 0, 255]


def test_grey_becomes_colour(tmp_path):
    read = read_photo(save(tmp_path / "grey.png", GRADIENT))
    assert np.array_equal(read, np.stack([GRADIENT] * 3, 2)) and read.dtype == np.uint8


def test_what_is_transparent_becomes_white(tmp_path):
    rgba = np.dstack([RED, np.full((4, 6), 255, np.uint8)])
    rgba[0, 0, 3], rgba[0, 1, 3] = 0, 128
    read = read_photo(save(tmp_path / "alpha.png", rgba))
    assert read[0, 0].tolist() == [255, 255, 255] and read[1, 1].tolist() == [0, 0, 255]
    assert np.abs(read[0, 1].astype(int) - [127, 127, 255]).max() <= 1


def test_sixteen_bits_become_eight(tmp_path):
    grey = (GRADIENT.astype(np.uint16) << 8) | 0xFF
    cv2.imwrite(str(tmp_path / "grey16.png"), grey)
    cv2.imwrite(str(tmp_path / "grey16.tif"), grey)
    cv2.imwrite(str(tmp_path / "color16.png"), np.stack([grey, grey // 2, grey // 4], 2))
    assert np.array_equal(read_photo(tmp_path / "grey16.png")[:, :, 1], GRADIENT)
    assert np.array_equal(read_photo(tmp_path / "grey16.tif")[:, :, 1], GRADIENT)
    color = read_photo(tmp_path / "color16.png")
    assert np.abs(color.astype(int) - np.stack([GRADIENT, GRADIENT // 2, GRADIENT // 4], 2)).max() <= 1


def test_float_and_palette_and_cmyk_and_one_bit_open(tmp_path):
    Image.fromarray((GRADIENT / 255).astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(RED).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(RED).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(GRADIENT).convert("1").save(tmp_path / "bits.png")
    assert np.abs(read_photo(tmp_path / "float.tif")[:, :, 0].astype(int) - GRADIENT).max() <= 1
    for name in ("palette.gif", "cmyk.jpg"):
        assert np.abs(read_photo(tmp_path / name)[2, 2].astype(int) - [0, 0, 255]).max() <= 6, name
    assert set(np.unique(read_photo(tmp_path / "bits.png"))) == {0, 255}


@pytest.mark.parametrize("orientation, upright", [(1, lambda a: a), (3, lambda a: np.rot90(a, 2)),
                                                  (6, lambda a: np.rot90(a, -1)), (8, lambda a: np.rot90(a)),
                                                  (2, lambda a: a[:, ::-1])])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exif_orientation_is_honoured(tmp_path, orientation, upright, suffix):
    blocks = np.kron(GRADIENT[:2, :3] * 8, np.ones((16, 16), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_photo(save(tmp_path / f"turned.{suffix}", blocks, exif=exif, **({"quality": 100} if suffix == "jpg"
                                                                               else {})))
    expected = upright(blocks)
    assert read.shape[:2] == expected.shape and np.abs(read[:, :, 0].astype(int) - expected).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_tiny_photos_open(tmp_path, shape):
    assert read_photo(save(tmp_path / "tiny.png", np.zeros(shape, np.uint8))).shape == (*shape, 3)


def test_paths_of_any_script_open_and_are_written(tmp_path):
    path = tmp_path / "Straße 東京 фото.png"
    write_picture(path, np.zeros((4, 4, 3), np.uint8))
    assert read_photo(path).shape == (4, 4, 3)


@pytest.mark.parametrize("name, data, said", [
    ("missing.jpg", None, "No such file"), ("empty.jpg", b"", "the file is empty"),
    ("text.jpg", b"not a photo at all\n" * 50, "it is no photo"), ("page.png", b"<html></html>", "it is no photo")])
def test_what_is_no_photo_is_named(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SegmentationError, match=f"cannot read .*{name}: .*{said}") as caught:
        read_photo(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp", "gif"])
def test_truncated_photos_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"cut.{suffix}", noise)
    data = path.read_bytes()
    for share in (0.02, 0.3, 0.8):
        path.write_bytes(data[:int(len(data) * share)])
        with pytest.raises(SegmentationError, match=rf"cannot read .*cut\.{suffix}: "):
            read_photo(path)


def test_a_trap_of_a_picture_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(SegmentationError, match=r"cannot read .*bomb\.png: .*exceeds limit"):
        read_photo(save(tmp_path / "bomb.png", np.zeros((9, 9), np.uint8)))


def test_folders_give_their_photos_sorted_and_once(tmp_path):
    for name in ("b.png", "a.jpg", "sub/c.tif", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_photos([str(tmp_path / "sub"), str(tmp_path), str(tmp_path / "b.png"), "z.jpg"])
    assert found == sorted([tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "sub/c.tif", Path("z.jpg")])


def test_a_folder_without_photos_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (photo,) = find_photos([tmp_path / "empty"])
    with pytest.raises(SegmentationError, match="empty: it is a folder without photos"):
        read_photo(photo)


def test_results_never_share_a_name_nor_replace_a_photo():
    given = [Path(name) for name in ("a/x.jpg", "a/x.png", "b/x.JPG", "a/x_segmented.jpg")]
    outputs = name_outputs(given, Path("a"))
    assert [path.name for path in outputs.values()] == ["x_segmented-2.jpg", "x_segmented.png", "x_segmented-3.jpg",
                                                       "x_segmented_segmented.jpg"]
    assert len({*outputs.values(), *given}) == 8


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "result.png"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), complete_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["result.png"]


def test_a_full_disk_is_one_error(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SegmentationError, match=r"cannot write .*x\.png: No space left on device"):
        write_picture(tmp_path / "x.png", np.zeros((4, 4, 3), np.uint8))


def test_a_file_in_the_way_of_the_folder_is_one_error(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(SegmentationError, match=r"cannot write .*out.x\.png: (File exists|Not a directory)"):
        write_picture(tmp_path / "out" / "x.png", np.zeros((4, 4, 3), np.uint8))


def test_a_picture_too_large_for_its_format_is_one_error(tmp_path):
    with pytest.raises(SegmentationError, match=r"cannot write .*\.jpg takes no picture of 70000x1 pixels"):
        write_picture(tmp_path / "long.jpg", np.zeros((1, 70000, 3), np.uint8))


def test_the_written_file_is_whole_when_its_name_appears(tmp_path):
    seen, path = [], tmp_path / "new" / "x.png"
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            if path.exists():
                seen.append(path.stat().st_size)
    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(20):
        write_picture(path, np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    stop.set()
    watcher.join()
    assert set(seen) <= {path.stat().st_size}


def test_the_module_says_what_it_bounds():
    assert Image.MAX_IMAGE_PIXELS >= 12_000 * 9_000 and photos.JPEG_QUALITY == 95
