"""Counts and their nouns: one photo is "1 photo", in every message."""

import ast
import re

import pytest
from conftest import ROOT

from segmentation.wording import counted

# What is counted in messages. A size such as 640x480 pixels or a range such as 1 to 240 frames is no count.
NOUNS = ("photos|pictures|frames|objects|videos|threads|workers|chunks|classes|scenes|results|names|lines|numbers"
         "|inputs|axes|boxes|channels|constants|others")
COUNT = re.compile(rf" (?:more |total )?(?:{NOUNS})\b")


@pytest.mark.parametrize("count, said", [(0, "0 boxes"), (1, "1 box"), (2, "2 boxes"), (1.0, "1 box"),
                                         (0.5, "0.5 boxes")])
def test_the_noun_fits_the_count(count, said):
    assert counted(count, "box", "boxes", style="g") == said


def test_no_message_has_a_count_before_a_fixed_plural():
    """f"{n} photos" would say "1 photos"; counted(n, "photo") does not."""
    found = []
    for path in (ROOT / "segmentation").rglob("*.py"):
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(text, ast.JoinedStr):
                found += [f"{path.relative_to(ROOT)}:{text.lineno} {after.value!r}"
                          for before, after in zip(text.values, text.values[1:])
                          if isinstance(before, ast.FormattedValue) and isinstance(after, ast.Constant)
                          and COUNT.match(after.value)]
    assert [line for line in found if "frames a second" not in line] == []
