"""Photos of every kind, and pictures that appear only when they are complete."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT
from PIL import EpsImagePlugin, Image

from segmentation import SegmentationError
from segmentation import pictures as photos
from segmentation.files import complete_file
from segmentation.pictures import MARK, has_mark, photo_suffixes, read_photo, read_photos, write_picture
from segmentation.search import STEPS, find_photos, name_outputs, search_photos

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
    assert list(found) == sorted([tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "sub/c.tif", Path("z.jpg")])


def test_a_folder_without_photos_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (photo,) = find_photos([tmp_path / "empty"])
    with pytest.raises(SegmentationError, match="empty: it is a folder without photos"):
        read_photo(photo)


def test_one_photo_named_twice_is_listed_once(tmp_path, monkeypatch):
    monkeypatch.chdir(touch(tmp_path / "in" / "sub" / "x.jpg").parents[1])
    os.symlink(tmp_path / "in", tmp_path / "link")
    for names in (["sub/x.jpg", tmp_path / "in/sub/x.jpg"], ["sub", "sub/../sub/x.jpg"],
                  [tmp_path / "link/sub/x.jpg", "sub/x.jpg"]):
        assert len(find_photos(names)) == 1, names
    # The name below the folder stays, whichever comes first.
    for names in ([".", tmp_path / "in/sub/x.jpg"], [tmp_path / "in/sub/x.jpg", "."]):
        assert list(find_photos(names, recursive=True).values()) == [Path("sub/x")]


def test_a_name_depends_on_the_photo_alone(tmp_path):
    for name in ("a/x.jpg", "b/x.JPG", "b/x.png", "b/x.bmp", "b/x.jpeg", "b/X.y.TIF"):
        touch(tmp_path / name)
    names = find_photos([tmp_path], recursive=True)
    assert [name.as_posix() for name in names.values()] == ["a/x", "b/X.y_tif", "b/x", "b/x_bmp", "b/x_jpeg", "b/x"]
    assert [path.as_posix() for path in name_outputs(names, "out").values()] == [
        "out/a/x_segmented.jpg", "out/b/X.y_tif_segmented.png", "out/b/x_segmented.jpg", "out/b/x_bmp_segmented.png",
        "out/b/x_jpeg_segmented.jpg", "out/b/x_segmented.png"]
    (tmp_path / "a/x.jpg").unlink()
    assert find_photos([tmp_path], recursive=True) == {photo: names[photo] for photo in list(names)[1:]}
    assert sorted(find_photos([tmp_path / "b/x.png", "-"]).values()) == [Path("stdin"), Path("x")]


@pytest.mark.parametrize("stem", ["n" * 251, "東" * 83, "é" * 124, "n" * 201])
def test_names_that_are_too_long_with_our_endings_are_cut_and_stay_different(tmp_path, stem):
    photos = [touch(tmp_path / f"{stem[:-1]}{last}.png") for last in "ab"]
    outputs = name_outputs(find_photos([tmp_path]), tmp_path / "out")
    assert list(outputs) == photos and len(set(outputs.values())) == 2
    for output in outputs.values():
        write_picture(output.with_name(output.stem + STEPS), np.zeros((4, 4, 3), np.uint8))


def touch(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="its file names are Unicode")
def test_names_that_are_not_utf_8_are_found_and_read(tmp_path):
    photo = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.png"))
    write_picture(photo, np.zeros((4, 4, 3), np.uint8))
    (output,) = name_outputs(find_photos([tmp_path]), tmp_path / "out").values()
    assert os.fsencode(output.name) == b"caf\xe9_segmented.png"
    write_picture(output, read_photo(photo))
    long = touch(Path(os.fsdecode(bytes(tmp_path) + b"/" + b"\xe9" * 250 + b".png")))
    assert len(os.fsencode(find_photos([long])[long])) == 200


# ---- Results of earlier runs are no photos ----------------------------------------------------------------

def test_results_of_earlier_runs_are_left_out_of_folders_and_patterns(tmp_path):
    rgb, deep = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint16)
    for name in ("x.jpg", "y.bmp", "z_01_a.png"):
        touch(tmp_path / name)
    pictures = {"x_segmented.jpg": rgb, "x_segmented-2.png": rgb, "y_bmp_segmented_steps.png": rgb,
                "x_instances.png": deep, "x_01_dog.png": np.zeros((4, 4, 4), np.uint8), "sub/y_bmp_12_sports_ball.png":
                np.zeros((4, 4, 4), np.uint8), "x_100_dog_mask.png": rgb[..., 0], ".x_segmented.123.part.jpg": rgb}
    for name, picture in pictures.items():
        write_picture(tmp_path / name, picture)
    kept = {"x_02_sea.png": None, "other_instances.png": deep, "segmented.jpg": rgb, "x_instances_2.png": deep}
    for name, picture in kept.items():
        if picture is not None:
            write_picture(tmp_path / name, picture)
    save(tmp_path / "x_02_sea.png", RED)  # named as a cut-out, but not ours
    expected = sorted([*(tmp_path / name for name in kept), tmp_path / "x.jpg", tmp_path / "y.bmp",
                       tmp_path / "z_01_a.png"])
    for given in (tmp_path, f"{tmp_path}/**/*"):
        photos, left_out = search_photos([given], recursive=True)
        assert [photo for photo in photos if photo.is_file()] == expected
        hidden = {".x_segmented.123.part.jpg"} if "*" in str(given) else set()  # * fits no hidden file
        assert sorted(left_out) == sorted(str(tmp_path / name) for name in set(pictures) - hidden)


@pytest.mark.parametrize("shape", [(9, 7, 3), (9, 7), (9, 7, 4), (1, 1, 3)])
def test_our_pictures_have_a_mark_and_open_as_ever(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    for suffix in (".png", ".jpg") if shape[2:] != (4,) else (".png",):
        path = tmp_path / f"x{suffix}"
        write_picture(path, image)
        assert has_mark(path) and not has_mark(save(tmp_path / f"y{suffix}", RED))
        with Image.open(path) as opened:
            opened.load()
            assert opened.info["Software" if suffix == ".png" else "comment"] in (MARK, MARK.decode())
        assert np.array_equal(cv2.imread(str(path), -1), cv2.imdecode(np.frombuffer(photos.encode_picture(
            image, suffix, path), np.uint8), -1))


def test_a_result_that_is_named_itself_is_a_photo(tmp_path):
    result = touch(tmp_path / "x_segmented.jpg")
    assert search_photos([tmp_path, result]) == ({result: Path("x_segmented")}, [])
    photos, left_out = search_photos([tmp_path])  # nothing else is there: an error will say so
    assert list(photos) == [tmp_path] and left_out == [str(result)]


# ---- What is no file that can be read ---------------------------------------------------------------------

def test_loops_of_links_and_links_to_nothing_are_one_error_each(tmp_path):
    os.symlink("b.jpg", tmp_path / "a.jpg")
    os.symlink("a.jpg", tmp_path / "b.jpg")
    os.symlink("nowhere", tmp_path / "c.jpg")
    for given in ([tmp_path], [tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg")]):
        errors = [error for _, error in read_photos(find_photos(given))]
        assert [str(error).rpartition(": ")[2] for error in errors] == [
            "Too many levels of symbolic links"] * 2 + ["No such file or directory"]


def test_a_name_that_no_file_can_have_is_one_error(tmp_path):
    (photo,) = find_photos([tmp_path / ("n" * 300)])
    with pytest.raises(SegmentationError, match=r"cannot read .*n: File name too long"):
        read_photo(photo)


@pytest.mark.skipif(not hasattr(os, "mkfifo") or not hasattr(os, "geteuid"), reason="no pipes with names")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(SegmentationError, match=r"it is no regular file; .* name -"):
            read_photo(path)


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_found(tmp_path, monkeypatch):
    closed, listdir, scandir = touch(tmp_path / "closed" / "x.jpg").parent, os.listdir, os.scandir
    photo = touch(tmp_path / "y.jpg")

    def refusing(function):
        def call(path):
            if Path(path) == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return function(path)
        return call
    monkeypatch.setattr(os, "scandir", refusing(scandir))
    monkeypatch.setattr(os, "listdir", refusing(listdir))
    for given, recursive in (([tmp_path], True), ([closed, photo], False)):
        assert list(find_photos(given, recursive)) == [closed, photo]
    with pytest.raises(SegmentationError, match=r"cannot read .*closed: Permission denied"):
        read_photo(closed)


@pytest.mark.parametrize("name", ["page.eps", "page.jpg", "page.ps"])
def test_nothing_starts_ghostscript(tmp_path, monkeypatch, name):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **options: started.append(args))
    Image.fromarray(RED).save(tmp_path / name, format="EPS")
    with pytest.raises(SegmentationError, match="it is no photo of a known format"):
        read_photo(tmp_path / name)
    assert started == []


def test_formats_that_pillow_writes_are_read(tmp_path):
    writable = [name for name in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS",
                                  "DIB", "MSP", "SPIDER", "XBM", "JPEG2000", "AVIF", "ICNS", "QOI", "MPO", "BLP")
                if name in Image.SAVE]
    assert len(writable) > 15
    for name in writable:
        mode = {"MSP": "1", "XBM": "1", "SPIDER": "F", "BLP": "P"}.get(name, "RGB")
        Image.new(mode, (16, 16)).save(tmp_path / "photo", format=name)
        assert read_photo(tmp_path / "photo").shape[2] == 3, name


def test_pillows_warnings_are_not_shown(tmp_path):
    exif = tmp_path / "exif.jpg"
    save(exif, RED, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\0" + b"\x12\x01\x02\0\xff\xff\xff\0\xff\0\0\0")
    code = f"from segmentation.pictures import read_photo; print(read_photo({str(exif)!r}).shape)"
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "(4, 6, 3)\n" and done.stderr == ""


def test_folders_give_photos_of_every_kind_that_opens_when_named(tmp_path):
    names = ["a.webp", "b.gif", "c.JFIF", "d.ppm", "e.avif"] if ".avif" in photo_suffixes() else ["a.webp", "b.gif"]
    for name in [*names, "film.mp4", "page.html", "print.eps"]:
        (tmp_path / name).write_bytes(b"-")
    assert [photo.name for photo in find_photos([tmp_path])] == names


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
