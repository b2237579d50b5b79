"""Small videos that the tests make: each frame carries its number, so that order and loss show."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest

BITS = 10
CELL = 16  # pixels a side of one bit's block

# PyAV 15, the last one for Python 3.9, does not tell all that a worker must know to decode a part of a video.
CAN_CUT = hasattr(av.CodecContext.create("h264", "r"), "reorder_depth")
needs_cuts = pytest.mark.skipif(not CAN_CUT, reason="videos are cut with PyAV 16 or newer")


def numbered(number, size_wh=(320, 240)):
    """A picture with `number` in it as a row of black and white blocks: BGR uint8."""
    width, height = size_wh
    image = np.full((height, width, 3), (200, 120, 60), np.uint8)
    image[:, :, 1] = np.linspace(60, 180, width).astype(np.uint8)
    for bit in range(BITS):
        image[8:8 + CELL, 8 + bit * CELL:8 + (bit + 1) * CELL] = 255 if number >> bit & 1 else 0
    return image


def number_in(image):
    """The number in a picture made by `numbered`, also after lossy compression."""
    cells = [image[12:8 + CELL - 4, 12 + bit * CELL:4 + (bit + 1) * CELL].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, value in enumerate(cells) if value > 127)


def make_clip(path, frames=30, rate=Fraction(25), size_wh=(320, 240), sound=False, codec="libx264", times=None,
              options=None, sizes=None):
    """Write a clip; `times` are the frames' times in milliseconds, `sizes` their sizes where they change."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size_wh
        odd = size_wh[0] % 2 or size_wh[1] % 2
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv444p" if odd else "yuv420p"
        stream.options = {"bf": "3", "g": "12", **(options or {})} if codec == "libx264" else {}
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        voice = container.add_stream("aac", rate=44100) if sound else None
        for number in range(frames):
            image = numbered(number, sizes[number] if sizes else size_wh)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            if times:
                frame.time_base, frame.pts = Fraction(1, 1000), times[number]
            container.mux(stream.encode(frame))
            if voice:
                container.mux(voice.encode(tone(number, rate)))
        container.mux(stream.encode(None))
        if voice:
            container.mux(voice.encode(None))
    return path


def tone(number, rate):
    """A frame's length of a 440 Hz tone."""
    start, end = (int(number_ * 44100 / rate) for number_ in (number, number + 1))
    wave = np.sin(2 * np.pi * 440 * np.arange(start, end) / 44100).astype(np.float32)[None] * 0.2
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.rate, frame.pts = 44100, start
    return frame


def rotate_flag(path, degrees):
    """Write a rotation into an MP4's track header, as phones do: its display matrix, by hand."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = b"".join(int(value * scale).to_bytes(4, "big", signed=True) for value, scale in (
        (cos, 1 << 16), (sin, 1 << 16), (0, 1), (-sin, 1 << 16), (cos, 1 << 16), (0, 1), (0, 1), (0, 1), (1, 1 << 30)))
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4  # version and flags, times, ids, duration, layer, volume: then the matrix
    data[header + 40:header + 76] = matrix
    path.write_bytes(data)
    return path


def read_clip(path):
    """(images, times in seconds, average rate) of a video."""
    with av.open(str(path)) as container:
        frames = [(frame.to_ndarray(format="bgr24"), frame.time) for frame in container.decode(video=0)]
        return [image for image, _ in frames], [at for _, at in frames], container.streams.video[0].average_rate


def numbers_in(path):
    return [number_in(image) for image in read_clip(path)[0]]


def sound_in(path):
    """The bytes of every packet of sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size] if container.streams.audio else []


def assert_only(tmp_path, *names):
    assert sorted(os.listdir(tmp_path)) == sorted(names)
