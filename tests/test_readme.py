"""README and the pages in docs/ against the scripts: commands parse, options and links are there, none is left out."""

import argparse
import re
import shlex

import pytest
from conftest import ROOT

from segmentation.cli import photo_options, video_options
from segmentation.cli.parser import parse

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
         for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
PARSERS = {"mask_rcnn.py": "segmentation.cli.photo_options", "mask_rcnn_video.py": "segmentation.cli.video_options",
           "segmentation.cli.to_onnx": "segmentation.cli.to_onnx",
           "segmentation.training.train": "segmentation.training.options",
           "segmentation.training.evaluate": "segmentation.training.evaluate",
           "segmentation.training.scenes.draw": "segmentation.training.scenes.draw"}
KINDS = {"mask_rcnn.py": photo_options.PhotoOptions, "mask_rcnn_video.py": video_options.VideoOptions}
# Options of other programs that the pages name.
FOREIGN = {"--nthreads", "--allow-unmatched-labels"}


def commands_of(page):
    """[(the script or module, its arguments)] of the commands in a page's blocks; a line goes on after a backslash."""
    fenced = re.findall(r"^```(?:bash|sh)?\n(.*?)^```", page, re.M | re.S)
    text = "\n".join([*fenced, *re.findall(r"^ {4}.*", page, re.M)]).replace("\\\n", " ")
    text = re.sub(r" (?:&&|\|) ", "\n", text)
    found = re.findall(r"(?:^|[ /])python (?:-m )?([\w.]+)( .*)?$", text, re.M)
    return [(script, arguments.partition(" > ")[0]) for script, arguments in found if script in PARSERS]


def make_parser(script):
    return pytest.importorskip(PARSERS[script]).make_parser()


# ---- Commands ----------------------------------------------------------------------------------------------

COMMANDS = [(page, *command) for page, text in PAGES.items() for command in commands_of(text)]


def test_commands_are_found():
    assert ("README.md", "mask_rcnn.py", " --image images/example_01.jpg") in COMMANDS
    assert {(page, script) for page, script, _ in COMMANDS} >= {
        ("README.md", "mask_rcnn_video.py"), ("docs/videos.md", "mask_rcnn_video.py"),
        ("docs/training.md", "segmentation.training.evaluate"), ("docs/speed.md", "segmentation.cli.to_onnx")}


@pytest.mark.parametrize("page, script, arguments", COMMANDS)
def test_every_command_parses(page, script, arguments):
    arguments = shlex.split(arguments, comments=True)
    if script in KINDS:
        parse(make_parser(script), arguments, KINDS[script])
    else:
        make_parser(script).parse_args(arguments)


def test_the_command_for_tests_is_the_one_that_ci_runs():
    assert re.search(r"^    python3 -m venv .*python -m pytest", README, re.M)
    assert "grep -m 1 'python -m pytest' README.md" in (ROOT / ".ci/run").read_text()


# ---- Options -----------------------------------------------------------------------------------------------

def rows_of(script):
    """{the option's long name: its row} of the tables in options.md that are about a script, in order."""
    rows, other = {}, "videos" if script == "mask_rcnn.py" else "photos"
    for heading, section in re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGES["docs/options.md"], re.M | re.S):
        for row in re.findall(r"^\| `.*\|$", section, re.M):
            if not heading.endswith(f": {other}") and f"| ({other}) " not in row:
                rows[re.search(r"--[\w-]+", row).group()] = row
    return rows


@pytest.mark.parametrize("script", KINDS)
def test_options_md_has_every_option_with_its_default_and_no_other_in_the_order_of_help(script):
    options = {action.option_strings[-1]: action for group in make_parser(script)._action_groups
               for action in group._group_actions if not isinstance(action, argparse._HelpAction)}
    rows = rows_of(script)
    assert list(rows) == list(options)
    for name, action in options.items():
        assert all(f"`{option}" in rows[name] for option in action.option_strings), name
        if action.default not in (None, False, 0, []) and name != "--mask-rcnn":
            assert str(action.default) in rows[name], name


def test_options_md_has_the_groups_of_help():
    headings = re.findall(r"^## (.*)", PAGES["docs/options.md"], re.M)
    titles = [heading.partition(":")[0].lower() for heading in headings]
    assert list(dict.fromkeys(titles)) == list(video_options.make_parser().groups)


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_a_page_names_is_one(page):
    known = {option for script in PARSERS for action in make_parser(script)._actions
             for option in action.option_strings}
    assert set(re.findall(r"`(--[a-z][\w-]*)", PAGES[page])) <= known | FOREIGN


# ---- Links -------------------------------------------------------------------------------------------------

def anchors_of(page):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if not target.startswith("http"):
            name, _, anchor = target.partition("#")
            path = ((ROOT / page).parent / name).resolve() if name else ROOT / page
            assert path.exists(), target
            assert not anchor or anchor in anchors_of(path.read_text(encoding="utf-8")), target


def test_readme_leads_to_every_page():
    assert {f"docs/{name}" for name in re.findall(r"\]\(docs/([\w]+\.md)\)", README)} == PAGES.keys() - {"README.md"}


def test_pages_have_no_gaps():
    for page, text in PAGES.items():
        assert not re.search(r"\b(FIGURE|SPEED|VIDEO_\w+|LABEL: SCORE)\b", text), page
