"""README and pages of docs against the scripts: their commands parse, and it names every option with its default."""

import argparse
import re
import shlex

import pytest
from conftest import ROOT

from segmentation.cli import photos, videos

PAGES = "".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("annotators", "counting"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARSERS = {"mask_rcnn.py": photos.make_parser, "mask_rcnn_video.py": videos.make_parser}
COMMANDS = re.findall(r"python3? (\w+\.py)( .*)?$", (README + PAGES).replace("\\\n", ""), re.M)


def test_readme_has_commands():
    assert set(PARSERS) <= set(dict(COMMANDS))


@pytest.mark.parametrize("script, args", COMMANDS)
def test_every_command_parses(script, args):
    PARSERS[script]().parse_args(shlex.split(args.partition(" > ")[0], comments=True))


def rows_of(heading):
    """The rows of the option table in a section, by the option's long name."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {re.search(r"--[\w-]+", row).group(): row for row in re.findall(r"^\| `.*--.*\|$", section, re.M)}


@pytest.mark.parametrize("script, heading", [("mask_rcnn.py", "Photos"), ("mask_rcnn_video.py", "Videos")])
def test_every_option_is_in_readme_with_its_default_and_no_other_is(script, heading):
    rows = {**rows_of(heading), **rows_of("Options of both")}
    options = {max(action.option_strings, key=len): action for action in PARSERS[script]()._actions
               if not isinstance(action, argparse._HelpAction)}
    assert set(rows) == set(options)
    for name, action in options.items():
        assert all(f"`{option}" in rows[name] for option in action.option_strings), name
        if action.default not in (None, False, 0, []) and name != "--mask-rcnn":
            assert str(action.default) in rows[name], name


def test_the_command_for_tests_is_the_one_that_ci_runs():
    assert re.search(r"^    python3 -m venv .*python -m pytest", README, re.M)
    assert "grep -m 1 'python -m pytest' README.md" in (ROOT / ".ci/run").read_text()


def test_readme_has_no_gaps():
    for path in (ROOT / "README.md", ROOT / "docs/training.md"):
        assert not re.search(r"\b(FIGURE|SPEED|VIDEO_\w+|LABEL: SCORE)\b", path.read_text(encoding="utf-8")), path
