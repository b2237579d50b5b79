"""Options: every one of the command line reaches a field, and every field that counts is compared by --resume."""

from dataclasses import fields, is_dataclass

import pytest

from segmentation.cli import photo_options, video_options
from segmentation.cli.options import DrawingOptions, what_decides
from segmentation.cli.parser import parse
from segmentation.network.options import NetworkOptions
from segmentation.results.outputs import ResultOptions
from segmentation.tracking.boundaries import CountOptions

GROUPS = (NetworkOptions, DrawingOptions, ResultOptions, CountOptions)


def names(kind):
    """The names of a dataclass's fields, with those of the groups in place of the groups."""
    return {name for group in (kind, *GROUPS) for name in (field.name for field in fields(group))} - {
        "network", "drawing", "results", "counting"}


def given(parser):
    return {action.dest for action in parser._actions} - {"help"}


def test_every_option_reaches_a_field_and_every_field_has_an_option():
    parsed = given(photo_options.make_parser()), given(video_options.make_parser())
    assert parsed[0] <= names(photo_options.PhotoOptions) and parsed[1] <= names(video_options.VideoOptions)
    assert names(photo_options.PhotoOptions) | names(video_options.VideoOptions) <= parsed[0] | parsed[1]


def test_resume_compares_every_field_but_those_beside_the_frames(tmp_path):
    argv = ["-i", "a.mp4", "-o", str(tmp_path / "b.avi"), "--every", "3"]
    options = parse(video_options.make_parser(), argv, video_options.VideoOptions)
    compared = what_decides(options)
    assert compared["--every"] == "3" and compared["--confidence"] == "0.5" and compared["--track"] == "False"
    beside = {"--input", "--output", "--recursive", "--overwrite", "--resume", "--show", "--workers", "--scheduler",
              "--mask-rcnn", "--model", "--weights", "--no-demo", "--quiet", "--stream"}
    assert not beside & compared.keys()
    assert {f"--{name.replace('_', '-')}" for name in names(video_options.VideoOptions)} == beside | compared.keys()


@pytest.mark.parametrize("kind", [photo_options.PhotoOptions, video_options.VideoOptions, *GROUPS])
def test_options_are_frozen(kind):
    assert is_dataclass(kind) and kind.__dataclass_params__.frozen


@pytest.mark.parametrize("module, kind, argv", [
    (photo_options, photo_options.PhotoOptions, ["-i", "a.jpg"]),
    (video_options, video_options.VideoOptions, ["-i", "a.mp4", "-o", "b.avi"])])
def test_two_models_are_wrong_options(module, kind, argv, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(module.make_parser(), [*argv, "--model", "resnet50", "--weights", "mine.pb"], kind)
    assert caught.value.code == 2 and "--model and --weights name two models" in capsys.readouterr().err
    assert parse(module.make_parser(), [*argv, "--model", "resnet50"], kind).model == "resnet50"
    assert parse(module.make_parser(), [*argv, "--weights", "mine.pb"], kind).model == "inception_v2"
