"""Lines and zones: from texts to pixels, which side a point is on, and what makes no line or zone."""

import pytest

from segmentation import SegmentationError
from segmentation.tracking.boundaries import CountOptions, Line, Zone, parse_line, parse_zone

SIZE_WH = (640, 360)


def placed(parse, text, size_wh=SIZE_WH):
    """The Line or Zone of a text."""
    text = parse(text)
    return text.place(text.name or "nameless", size_wh, "film.mp4")


def test_pixels_and_per_cent_may_be_mixed_and_the_edge_of_the_picture_is_in_it():
    assert placed(parse_line, "0,50%, 640, 180.5,north gate") == Line("north gate", ((0, 180), (640, 180.5)))
    assert placed(parse_zone, "0,0,100%,0,100%,100%") == Zone("nameless", ((0, 0), (640, 0), (640, 360)))


@pytest.mark.parametrize("points, right", [
    (((0, 100), (200, 100)), (50, 120)), (((200, 100), (0, 100)), (50, 80)), (((100, 0), (100, 200)), (80, 50)),
    (((100, 200), (100, 0)), (120, 50)), (((0, 0), (100, 100)), (20, 60))])
def test_in_is_to_the_right_of_who_goes_along_the_line(points, right):
    assert Line("gate", points).distance(*right) > 0 > Line("gate", points[::-1]).distance(*right)


@pytest.mark.parametrize("before, after, is_crossed", [
    ((50, 90), (50, 110), True), ((50, 110), (50, 90), True), ((0, 90), (0, 110), True), ((100, 90), (100, 110), True),
    ((-1, 90), (-1, 110), False), ((101, 90), (101, 110), False), ((-20, 90), (30, 110), True),
    ((-30, 90), (20, 110), False)])
def test_a_way_leads_through_a_line_or_past_its_ends(before, after, is_crossed):
    assert Line("gate", ((0, 100), (100, 100))).is_crossed(before, after) == is_crossed


def test_a_zone_may_have_a_bay():
    yard = Zone("yard", ((0, 0), (90, 0), (90, 90), (60, 90), (60, 30), (30, 30), (30, 90), (0, 90)))
    assert yard.distance(15, 60) == 15 and yard.distance(45, 60) == -15 and yard.distance(45, 15) == 15


@pytest.mark.parametrize("parse, text, said", [
    (parse_line, "1,2,3", "must be x0,y0,x1,y1"), (parse_line, "1,2,3,4,5", "must be x0,y0,x1,y1"),
    (parse_line, "", "must be numbers"), (parse_line, "gate", "must be num"), (parse_line, "1,2,x,4", "must be num"),
    (parse_line, "1,2,3,4,a,b", "at most one name"), (parse_line, "-1,2,3,4", "must be numbers"),
    (parse_line, "nan,2,3,4", "must be numbers"), (parse_line, "1e9,2,3,4", "must be numbers"),
    (parse_line, "½,2,3,4", "must be numbers"), (parse_line, "101%,2,3,4", "no more than 100%"),
    (parse_line, "1,2,3,4,", "a letter in it"), (parse_line, "1,2,3,4,½", "a letter in it"),
    (parse_line, "1,2,3,4,a;b", "no semicolon"), (parse_line, "1,2,3,4,a\x1b[2J", "must have a name"),
    (parse_line, "1,2,3,4," + "n" * 31, "more than 30 characters"),
    (parse_zone, "1,2,3,4,yard", "three corners or more"), (parse_zone, "1,2,3,4,5,6,7", "three corners or more")])
def test_a_wrong_text_is_named_in_one_sentence(parse, text, said):
    with pytest.raises(ValueError, match=r"^must ") as caught:
        parse(text)
    assert said in str(caught.value) and ". " not in str(caught.value)


@pytest.mark.parametrize("parse, text, said", [
    (parse_line, "0,0,641,20", "--count-line 0,0,641,20: its point 641,20 is outside the picture of film.mp4, "
     "which is 640x360; name one in it"),
    (parse_zone, "0,0,50,0,50,400,a", "its point 50,400 is outside"), (parse_line, "50%,0,320,0", "are the same"),
    (parse_zone, "0,0,10,10,20,20", "no area"), (parse_zone, "5,5,5,5,5,5", "no area"),
    (parse_zone, "0,0,50,50,50,0,0,50", "its edges cross")])
def test_what_does_not_fit_the_picture_is_named_in_one_sentence(parse, text, said):
    with pytest.raises(SegmentationError) as caught:
        placed(parse, text)
    assert said in str(caught.value)


def test_names_are_given_in_turn_and_none_twice():
    options = CountOptions((parse_line("0,0,9,9"), parse_line("0,0,9,9,gate"), parse_line("9,9,0,0")),
                           (parse_zone("0,0,9,0,9,9"),))
    assert [boundary.name for boundary in options.place(SIZE_WH)] == ["line 1", "gate", "line 3", "zone 1"]
    for name in ("gate", "line 1"):
        with pytest.raises(ValueError, match=f"two have the name '{name}'"):
            CountOptions((*options.count_line, parse_line(f"1,1,2,2,{name}")))
    assert options and not CountOptions() and not CountOptions().place(SIZE_WH)
    assert str(options.count_line) == "(0,0,9,9, 0,0,9,9,gate, 9,9,0,0)"
