"""Reads a command line: a parser with short help, its options as a frozen value, and kinds of arguments.

    parser = Parser("-i PHOTO ... [options]", "Segment the objects in photos.", [("one photo", "-i photo.jpg")], GROUPS)
    parser.group(INPUT).add_argument("-i", "--image", type=path)
    options = parse(parser, ["-i", "a.jpg"], PhotoOptions)
"""

import argparse
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Optional, TypeVar, overload

from segmentation.terminal import visible

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
Number = TypeVar("Number", int, float)

# The groups of options, in the order in which one meets them: both scripts have the same ones.
INPUT, FIND, LOOK, RESULTS, SPEED, MANY, SELDOM = GROUPS = (
    "input and output", "what to find", "how it looks", "results for other programs", "network and speed",
    "many workers", "seldom needed")


class Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples, and whose errors are two lines: what is wrong, and where help is.

    takes: what follows the name of the program in the line of usage
    does: one sentence that says what the program does
    examples: (a word or two, the arguments) of each
    titles: the groups of options, in the order in which the help shows them. Without them the parser has no groups
    prog: how the program is called; without it, the name of its file
    """

    def __init__(self, takes: str, does: str, examples: Sequence[tuple[str, str]] = (), titles: Sequence[str] = (),
                 prog: Optional[str] = None):
        super().__init__(prog=prog, usage=f"%(prog)s {takes}", formatter_class=Help, add_help=not titles)
        self.description = "\n".join([does, *self.lines_of(examples)])
        self.groups = {title: self.add_argument_group(title) for title in titles}

    @property
    def command(self) -> str:
        """How the program is called."""
        return f"python {self.prog}" if self.prog.endswith(".py") else self.prog

    def lines_of(self, examples: Sequence[tuple[str, str]]) -> list[str]:
        """The lines of the help with the examples."""
        width = max((len(word) for word, _ in examples), default=0)
        return [*(["", "examples:"] if examples else []),
                *(f"  {word + ':':<{width + 1}}  {self.command} {arguments}".rstrip() for word, arguments in examples)]

    def group(self, title: str) -> "argparse._ArgumentGroup":
        """The group of that title. A group without options is not shown."""
        return self.groups[title]

    def add_help_to(self, title: str) -> None:
        """Add -h to a group."""
        self.group(title).add_argument("-h", "--help", action="help", help="show this help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self.said_of(unknown[0]))
        return parsed

    def said_of(self, unknown: str) -> str:
        """A sentence about an argument that belongs to no option."""
        name = unknown.partition("=")[0]
        if name.startswith("-"):
            close = get_close_matches(name, self._option_string_actions, 1)
            return f"there is no option {name}{f': did you mean {close[0]}?' if close else ''}"
        if "-i" in self._option_string_actions:
            return f"{unknown!r} belongs to no option: files to read come after -i"
        return f"{unknown!r} belongs to no option"

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {visible(message)}\n{self.command} --help lists the options\n")


class Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, up to 100 columns, in which an option's value stands once: -i, --image PHOTO ..."""

    def __init__(self, prog: str, **options: Any):
        width = min(shutil.get_terminal_size().columns, 100) - 2
        super().__init__(prog, **{"max_help_position": 27, "width": width, **options})

    def _split_lines(self, text: str, width: int) -> list[str]:
        """The lines of an option's help. No word is broken, and "(default: 3" is one word."""
        lines = textwrap.wrap(text.replace("(default: ", "(default:\0"), width, break_on_hyphens=False)
        return [line.replace("\0", " ") for line in lines]

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs in ("+", "*") and isinstance(action.metavar, str):
            return f"{action.metavar} ..."
        return super()._format_args(action, default_metavar)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


# ---- Parsed options as frozen values -----------------------------------------------------------------------

def pick(kind: type[Kind], args: argparse.Namespace) -> Kind:
    """A frozen dataclass of that kind from parsed options: a field has the value of the option of its name.

    A field that is a dataclass is picked from the same options, and a list becomes a tuple. A field without an option
    has its default.
    """
    values: dict[str, Any] = {}
    for entry in fields(kind):
        if is_dataclass(entry.type) and isinstance(entry.type, type):
            values[entry.name] = pick(entry.type, args)
        elif hasattr(args, entry.name):
            value = getattr(args, entry.name)
            values[entry.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def parse(parser: argparse.ArgumentParser, argv: Optional[Sequence[str]], kind: type[Kind]) -> Kind:
    """A dataclass of that kind from a command line.

    argv: without the name of the program; None: those of this process

    A wrong option, or a ValueError of the dataclass, ends the program with a message and exit code 2.
    """
    args = parser.parse_args(argv)
    try:
        return pick(kind, args)
    except ValueError as error:
        parser.error(str(error))


# ---- argparse types ----------------------------------------------------------------------------------------

def path(text: str) -> Path:
    """An argparse type: a path. No path is empty: Path("") would be the folder that one is in."""
    return Path(path_text(text))


def path_text(text: str) -> str:
    """An argparse type: a path as text, or the name of a video, which may be an address."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got ''")
    return text


@overload
def number_in(low: float, high: float) -> Callable[[str], float]: ...


@overload
def number_in(low: float, high: float, kind: type[Number]) -> Callable[[str], Number]: ...


def number_in(low: float, high: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """An argparse type: a number from low to high, both included. kind: int or float

    >>> number_in(0, 1)("0.5"), number_in(1, 10, int)("3")
    (0.5, 3)
    """
    def number(text: str) -> float:
        try:
            value: Optional[float] = kind(text)
        except ValueError:
            value = None
        # `not low <= value`, because nan must be refused too.
        if value is None or not low <= value <= high:
            whole = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {whole} from {low} to {high}, got {text!r}")
        return value
    return number
