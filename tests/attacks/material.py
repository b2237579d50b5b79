"""The photos, the videos and the small network that the attacks use.

    python tests/attacks/material.py FOLDER

A process of its own makes them: it imports this checkout's tests, and the attacks may be on another checkout.
"""

import sys
from pathlib import Path

NETWORK = ("--size", "96x64", "--proposals", "20", "-c", "0.52")  # a few objects a picture, in milliseconds
FRAMES, LONG = 30, 150  # frames of the short clips and of the long one, all with 25 a second


def weights(material):
    """The options that choose the small network."""
    return ["--weights", material / "tiny.pb", *NETWORK]


def make_photos(folder):
    """A small photo of each kind that the project reads."""
    import numpy as np
    from PIL import Image

    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    for name in ("jpg", "png", "bmp", "tif", "webp", "gif"):
        noise.save(folder / f"{name}.{name}")
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    noise.save(folder / "turned.jpg", exif=exif)
    noise.convert("CMYK").save(folder / "cmyk.jpg")
    noise.convert("L").save(folder / "grey.png")
    noise.convert("P").save(folder / "palette.png", transparency=bytes(range(256)))
    noise.convert("RGBA").save(folder / "alpha.png")
    Image.fromarray(np.random.default_rng(4).integers(0, 65535, (120, 160), dtype=np.uint16)).save(folder / "deep.png")
    noise.save(folder / "progressive.jpg", progressive=True)
    noise.save(folder / "odd_exif.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03\xff\xff\xff\xff\0\x06")
    noise.convert("L").resize((40, 30)).save(folder / "eps.eps")


def make_clips(folder):
    """A small video of each kind, and two long ones of one length."""
    from clips import make_clip

    size = (192, 128)
    make_clip(folder / "film.mp4", FRAMES, size_wh=size, sound=True)
    make_clip(folder / "film.mkv", FRAMES, size_wh=size, times=[40 * i + i % 3 for i in range(FRAMES)])
    make_clip(folder / "film.avi", FRAMES, size_wh=size, codec="mjpeg")
    make_clip(folder / "film.ts", FRAMES, size_wh=size, codec="mpeg2video")
    make_clip(folder / "long.mp4", LONG, size_wh=size, sound=True)
    make_clip(folder / "other.mp4", LONG, size_wh=size, sound=True, options={"crf": "40"})
    paths = [folder / "long.mp4", folder / "other.mp4"]
    most = max(path.stat().st_size for path in paths) + 8
    for path in paths:  # an empty box at the end of an MP4 may have any length
        more = most - path.stat().st_size
        with open(path, "ab") as file:
            file.write(more.to_bytes(4, "big") + b"free" + bytes(more - 8))


def make_network(folder):
    """The weights of the tests' tiny network."""
    from tiny_graph import frozen_graph, tiny_consts

    text_graph = next((Path(__file__).parents[2] / "mask-rcnn-coco").glob("mask_rcnn_*.pbtxt"))
    (folder / "tiny.pb").write_bytes(frozen_graph(tiny_consts(text_graph.read_text())))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]
    for made in ("photos", "clips"):
        Path(sys.argv[1], made).mkdir(parents=True)
    make_photos(Path(sys.argv[1], "photos"))
    make_clips(Path(sys.argv[1], "clips"))
    make_network(Path(sys.argv[1]))
