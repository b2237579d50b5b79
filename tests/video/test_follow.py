"""Follower: objects move with the picture. The pictures are a texture that is shifted, enlarged or cut off."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from segmentation.drawing.draw import Style, draw_instances
from segmentation.drawing.effects import hiding_mask
from segmentation.instances import Instances
from segmentation.video.annotate import Annotator
from segmentation.video.follow import Follower, visible_part
from segmentation.video.looks import Look, WrittenFrame, look_at
from segmentation.video.source import Frame

WIDTH, HEIGHT = 320, 240
BOX = (120, 80, 200, 160)


def texture(seed, size_wh):
    noise = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def scene(x=0.0, y=0.0, zoom=1.0):
    """A ground that stays, and before it a textured square, at first BOX, shifted by x, y and enlarged."""
    image, side = texture(1, (WIDTH, HEIGHT)), BOX[2] - BOX[0]
    middle = np.float64([(BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2])
    low = middle + np.array((x, y)) - side * zoom / 2
    matrix = np.float64([[zoom, 0, low[0]], [0, zoom, low[1]]])
    square = cv2.warpAffine(texture(2, (side, side)), matrix, (WIDTH, HEIGHT))
    there = cv2.warpAffine(np.full((side, side), 255, np.uint8), matrix, (WIDTH, HEIGHT)) > 127
    image[there] = square[there]
    return image


def objects(*boxes):
    count = len(boxes)
    return Instances(np.int32(boxes).reshape(-1, 4), np.full(count, 0.9, np.float32), np.arange(count, dtype=np.int32),
                     np.ones((count, 15, 15), np.float32), (HEIGHT, WIDTH))


def follow(images, *boxes):
    """The Instances on the last image, when the network saw the boxes on the first one."""
    follower = Follower()
    found = follower(images[0], objects(*boxes))
    for image in images[1:]:
        found = follower(image)
    return found


def test_a_box_moves_with_its_object_and_what_is_still_stays():
    still = (10, 10, 80, 70)
    found = follow([scene(4 * k, 2 * k) for k in range(6)], BOX, still)
    np.testing.assert_allclose(found.boxes[0], np.add(BOX, (20, 10, 20, 10)), atol=2)
    np.testing.assert_allclose(found.boxes[1], still, atol=1)
    assert found.slack[0] > 20 and found.slack[1] < 3


@pytest.mark.parametrize("step", [1.03, 0.97])
def test_a_box_grows_and_shrinks_with_its_object(step):
    found = follow([scene(zoom=step ** k) for k in range(7)], BOX)
    side = (BOX[2] - BOX[0]) * step ** 6
    np.testing.assert_allclose(found.boxes[0, 2:] - found.boxes[0, :2], (side, side), atol=4)


def test_an_object_that_leaves_is_cut_off_and_keeps_its_place_among_the_others():
    half = follow([scene(10 * k) for k in range(17)], BOX)
    assert half.boxes[0, 2] == WIDTH and abs(half.boxes[0, 0] - 280) <= 4
    follower = Follower()
    follower(scene(), objects(BOX, (10, 10, 80, 70)))
    follower.boxes[0] += (WIDTH, 0, WIDTH, 0)
    found = follower(scene())
    assert found.boxes.tolist() == [[WIDTH, 80, WIDTH, 160], [10, 10, 80, 70]] and found.class_ids.tolist() == [0, 1]


def test_the_visible_part_of_a_mask_is_what_is_in_the_picture():
    mask = np.zeros((15, 15), np.float32)
    mask[:, 9:] = 1  # the right 6 of 15 columns
    part = visible_part(mask, np.array([0, 0, 150, 150]), np.array([75, 0, 150, 150]))
    assert part.shape == (15, 15) and (part[:, :2] < 0.5).all() and (part[:, 4:] > 0.5).all()


def test_no_objects_stay_none():
    assert len(follow([scene(), scene(4)])) == 0


def test_threads_do_not_change_the_result():
    images, threads = [scene(5 * k, k) for k in range(4)], cv2.getNumThreads()
    found = []
    try:
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            found.append(follow(images, BOX))
    finally:
        cv2.setNumThreads(threads)
    assert all((other.boxes == found[0].boxes).all() and (other.slack == found[0].slack).all() for other in found)


def frames(count):
    return [Frame(number, Fraction(number, 25), scene(4 * number), 0.0) for number in range(count)]


def find(frame):
    """Stands for the network: it finds the square where it is."""
    return objects(np.add(BOX, (4 * frame.number, 0, 4 * frame.number, 0))), 1.0


def test_the_frames_between_looks_have_moved_objects_although_the_pictures_are_drawn_on():
    boxes = []
    for look in look_at(frames(9), find, every=4, follow=True):
        boxes.append(look.found.boxes[0, 0])
        look.image[:] = 0
    np.testing.assert_allclose(boxes, 120 + 4 * np.arange(9), atol=2)


@pytest.mark.parametrize("done", [3, 4, 6])
def test_a_resumed_run_has_the_same_objects(done):
    whole = list(look_at(frames(9), find, every=4, follow=True))
    rest = list(look_at(frames(9), find, every=4, done=done, follow=True))
    assert all(isinstance(item, WrittenFrame) for item in rest[:done])
    for one, other in zip(whole[done:], rest[done:]):
        assert (one.found.boxes == other.found.boxes).all() and (one.found.masks == other.found.masks).all()


@pytest.mark.parametrize("effect", ["overlay", "outline", "blur", "pixelate", "cutout", "splash"])
def test_an_object_that_has_left_is_not_drawn_and_the_others_keep_their_colours(effect):
    annotate = Annotator(["a", "b"], [(0, 0, 255), (0, 255, 0)], style=Style(effect))
    left, one = objects((WIDTH, 80, WIDTH, 160), BOX), objects((0, 0, 1, 1), BOX)[[1]]
    image, expected = scene(), scene()
    annotate(Look(1, {}, 0, Fraction(1), image, left))
    draw_instances(expected, one, annotate.captions(left)[1:], annotate.colors(left)[1:], Style(effect))
    assert (image == expected).all()


def test_hiding_reaches_as_far_as_a_place_may_be_wrong():
    found, slack = objects(BOX), 30
    object.__setattr__(found, "slack", np.float32([slack]))
    box, alpha = hiding_mask(found, 0)
    hidden = np.zeros((HEIGHT, WIDTH), np.uint8)
    hidden[box[1]:box[3], box[0]:box[2]] = alpha
    x0, y0, x1, y1 = BOX
    assert (hidden[y0:y1, x0 - slack:x1 + slack] == 255).all() and hidden[y0, x0 - slack - 20] == 0


def test_what_moves_is_hidden_whole_between_looks():
    """Hidden is each pixel of the square on every frame, though the flow may be wrong by some pixels."""
    for look in look_at(frames(8), find, every=8, follow=True):
        box, alpha = hiding_mask(look.found, 0)
        x0 = BOX[0] + 4 * look.number
        part = alpha[BOX[1] - box[1]:BOX[3] - box[1], x0 - box[0]:x0 + 80 - box[0]]
        assert part.shape == (80, 80) and (part == 255).all()
