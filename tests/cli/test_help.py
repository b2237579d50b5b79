"""Help and usage errors: short, the examples in it run, and both scripts are alike."""

import importlib
import re
import shlex

import pytest

from segmentation.cli import photo_options, to_onnx, video_options
from segmentation.cli.parser import GROUPS, Parser

PARSERS = {"photos": photo_options.make_parser, "videos": video_options.make_parser, "to_onnx": to_onnx.make_parser}


def with_options(parser):
    """{title: the options} of the groups that the help shows, in order."""
    return {group.title: [action.option_strings[-1] for action in group._group_actions]
            for group in parser._action_groups if group._group_actions}


def test_both_scripts_have_the_same_groups_in_the_same_order():
    ours, theirs = (with_options(PARSERS[name]()) for name in ("photos", "videos"))
    assert list(ours) == [title for title in GROUPS if title in ours]
    assert list(theirs) == [title for title in GROUPS if title in theirs]
    assert set(theirs) - set(ours) <= {"many workers"} and set(ours) <= set(theirs)


def test_an_option_of_both_scripts_is_in_the_same_group_and_order():
    ours, theirs = (with_options(PARSERS[name]()) for name in ("photos", "videos"))
    both = {option for options in ours.values() for option in options} & {
        option for options in theirs.values() for option in options}
    for title in ours:
        shared = [[option for option in options[title] if option in both] for options in (ours, theirs)]
        if title == "input and output":  # --overwrite goes with --skip-existing in one and --resume in the other
            shared = [sorted(options) for options in shared]
        assert shared[0] == shared[1], title


@pytest.mark.parametrize("name", PARSERS)
def test_the_examples_in_the_help_parse(name):
    parser = PARSERS[name]()
    examples = re.findall(rf"^  .*?: +{re.escape(parser.command)} ?(.*)$", parser.format_help(), re.M)
    assert len(examples) >= (2 if name == "to_onnx" else 4)
    for arguments in examples:
        parser.parse_args(shlex.split(arguments))


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("name", ["photos", "videos"])
def test_help_begins_with_one_line_of_usage_and_examples_and_is_not_too_wide(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = PARSERS[name]().format_help().splitlines()
    assert lines[0].startswith("usage: ") and lines[0].endswith("[options]") and lines[1] == ""
    assert lines[4] == "examples:" and max(map(len, lines)) <= 100
    assert max(len(line) for line in lines if line.startswith(" " * 10)) <= min(columns, 100) - 2


def test_help_breaks_no_word_and_keeps_a_default_with_its_word(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for make in PARSERS.values():
        lines = make().format_help().splitlines()
        assert not any(line.endswith(("-", "(default:")) for line in lines)


# ---- Usage errors ------------------------------------------------------------------------------------------

COMMANDS = {"mask_rcnn": ["--nothing"], "mask_rcnn_video": ["-i", "a.mp4"],
            "segmentation.cli.to_onnx": ["--proposals", "1"],
            "segmentation.training.evaluate": [], "segmentation.training.train": ["--seed", "x"],
            "segmentation.training.scenes.draw": ["--out", "a", "--min-size", "900x900", "--max-size", "100x100"],
            "segmentation.training.text_graph": ["--architecture", "x"], "segmentation.training.photo_panel": [],
            "segmentation.training.example_files": ["x"], "segmentation.training.readme_pictures": ["x"]}


@pytest.mark.parametrize("module", COMMANDS)
def test_a_usage_error_is_two_lines_with_exit_code_2(module, capsys):
    if module.startswith("segmentation.training"):
        pytest.importorskip("torch")
        pytest.importorskip("pycocotools")
    with pytest.raises(SystemExit) as caught:
        importlib.import_module(module).main(COMMANDS[module])
    wrong, where = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2
    assert ": error: " in wrong and where.endswith(" --help lists the options")


def test_two_options_that_contradict_each_other_are_a_usage_error_too(capsys):
    with pytest.raises(SystemExit) as caught:
        importlib.import_module("mask_rcnn").main(["-i", "a.jpg", "--opacity", "0.2", "--effect", "blur"])
    assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 2


def test_an_installed_command_is_called_by_its_name():
    installed = Parser("[options]", "Does nothing.", [("so", "-h")], prog="mask-rcnn")
    assert "so:  mask-rcnn -h" in installed.format_help()
    assert "so:  python mask_rcnn.py -h" in Parser("", "", [("so", "-h")], prog="mask_rcnn.py").format_help()


@pytest.mark.parametrize("argv, said", [
    (["photo.jpg"], "'photo.jpg' belongs to no option: files to read come after -i"),
    (["-i", "a.jpg", "--efect", "blur"], "there is no option --efect: did you mean --effect?"),
    (["-i", "a.jpg", "--efect=blur"], "there is no option --efect: did you mean --effect?"),
    (["-i", "a.jpg", "--zzz"], "there is no option --zzz")])
def test_what_belongs_to_no_option_is_named_with_what_was_meant(argv, said, capsys):
    with pytest.raises(SystemExit) as end:
        photo_options.make_parser().parse_args(argv)
    assert end.value.code == 2 and f"error: {said}\n" in capsys.readouterr().err
