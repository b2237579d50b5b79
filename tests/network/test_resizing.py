"""Resizing as TensorFlow does it. The numbers are what tf.image.resize_images of TensorFlow 2.13 gave for PICTURE."""

import numpy as np
import pytest

from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import NetworkOptions
from segmentation.network.resizing import resize, resize_as_tensorflow

PICTURE = (np.arange(5 * 7 * 3).reshape(5, 7, 3) * 37 % 256).astype(np.uint8)
EXPECTED = {
    (4, 3): ([[[147.5, 184.5, 93.5], [85.75, 122.75, 159.75]],
              [[162.5, 156.8332977294922, 108.5], [100.75, 137.75, 153.4167022705078]]], 3785.5002),
    (9, 8): ([[[178.2917022705078, 73.06939697265625, 110.06939697265625], [179.29159545898438, 45.625, 82.625]],
              [[183.9167022705078, 78.69439697265625, 115.69439697265625], [184.91659545898438, 51.25, 88.25]]],
             27344.486),
}


@pytest.mark.parametrize("size_wh", EXPECTED)
def test_it_gives_tensorflow_s_numbers(size_wh):
    values, total = EXPECTED[size_wh]
    resized = resize_as_tensorflow(PICTURE, size_wh)
    assert resized.dtype == np.float32 and resized.shape == (size_wh[1], size_wh[0], 3)
    np.testing.assert_allclose(resized[1:3, 2:4], values, atol=1e-4)  # they are printed with four places
    assert resized.sum() == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("size_wh", [(1, 1), (7, 1), (1, 5), (300, 2)])
def test_no_size_reads_beyond_the_image(size_wh):
    resized = resize_as_tensorflow(PICTURE, size_wh)
    assert resized.shape == (size_wh[1], size_wh[0], 3) and resized.min() >= 0 and resized.max() <= 255
    assert (resized[0, 0] == PICTURE[0, 0]).all()


def test_an_image_of_the_right_size_stays_as_it_is():
    assert resize(PICTURE, (7, 5), way="tensorflow") is PICTURE


def test_the_network_is_given_what_the_option_asks_for(tiny_pb):
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    nets = {way: MaskRCNN.load(weights=tiny_pb, size=(160, 128), resizing=way, confidence=0) for way in
            ("opencv", "tensorflow")}
    seen = {}
    for way, net in nets.items():
        net.engine = Recorder()
        net.forward(image)
        seen[way] = net.engine.blob
    assert (seen["tensorflow"][0] == resize_as_tensorflow(image, (160, 128))[:, :, ::-1].transpose(2, 0, 1)).all()
    assert np.abs(seen["opencv"] - seen["tensorflow"]).max() > 5


class Recorder:
    """An engine that keeps its input and finds nothing."""

    def boxes(self, blob):
        self.blob = blob
        return np.zeros((1, 1, 0, 7), np.float32), None


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="resizing must be one of opencv, tensorflow, got 'area'"):
        NetworkOptions(resizing="area")
