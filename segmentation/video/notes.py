"""What a run notes of a video that is not complete, so that a later run can continue it: Notes.

    notes = Notes({"--every": "3"}, points=[Point(48, {})])
    notes.save("out/film.partial.avi.json")
    notes = Notes.read("out/film.partial.avi.json")

The file holds the notes and their hash, so that notes which were changed or cut off are never taken for what the run
has noted.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Optional

from segmentation import SegmentationError
from segmentation.files import AnyPath, complete_file, writing

FORMAT = 3  # of the notes and of the states in them; a run does not read those of another format

State = dict[str, Any]  # plain values that JSON can hold
Step = tuple[str, Optional[str]]  # a path, and the path to rename it to; None: it is removed


class Point(NamedTuple):
    """A resume point: how many frames were written, and the state of the run after them."""

    frames: int
    state: State


@dataclass(frozen=True)
class Notes:
    """The notes of a run.

    options: that the frames depend on, plain text by name
    points: the last resume points, in order
    replaces: whether the run may replace files that exist: --overwrite was given
    video: the hash of the partial video, if the run was stopped and has ended it; empty while it grows
    steps: when all files of the run are complete, what is left to do, in order; before, there are none
    """

    options: dict[str, str]
    points: Sequence[Point] = ()
    replaces: bool = False
    video: str = ""
    steps: Sequence[Step] = field(default=())

    def save(self, path: AnyPath) -> None:
        """Write the notes to a file. Raises SegmentationError if that fails."""
        text = json.dumps({"format": FORMAT, "options": self.options, "points": self.points,
                           "replaces": self.replaces, "video": self.video, "steps": self.steps})
        with complete_file(path) as temporary:
            temporary.write_text(f'{{"sha256": "{hash_of(text)}", "notes": {text}}}\n', encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Notes":
        """The notes of a file. Raises SegmentationError if they are not as `save` wrote them."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            notes = content["notes"]
            # Text that JSON was read from is made of it again.
            if content["sha256"] != hash_of(json.dumps(notes)) or notes["format"] != FORMAT:
                raise ValueError("other notes than those that were saved")
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise SegmentationError(f"cannot resume: {path} is broken, or of another version of this program; start "
                                    "over by --overwrite") from error
        return cls(notes["options"], [Point(frames, state) for frames, state in notes["points"]], notes["replaces"],
                   notes["video"], [(path, target) for path, target in notes["steps"]])

    def changes(self, options: dict[str, str]) -> list[str]:
        """In words, how options differ from those of the notes."""
        pairs = {name: (self.options.get(name), options.get(name)) for name in {**self.options, **options}}
        return [f"{name} was {said(before)}, now {said(now)}" for name, (before, now) in pairs.items() if before != now]


def hash_of(text: str) -> str:
    """The hexadecimal SHA-256 of a text."""
    return sha256(text.encode()).hexdigest()


def do_steps(steps: Sequence[Step]) -> None:
    """Rename and remove the files of the steps, in order. A step that is done already is left out.

    Raises SegmentationError if one fails, or if a file to be renamed is lost.
    """
    for path, target in steps:
        with writing(target or path):
            if target is None:
                Path(path).unlink(missing_ok=True)
            elif os.path.lexists(path) or not os.path.lexists(target):
                os.replace(path, target)


def said(value: Optional[str]) -> str:
    """The value of an option, for people."""
    return "not given" if value in (None, "None") else str(value)
