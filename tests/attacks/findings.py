"""What an attack may find, and the table at the end."""

from collections import Counter
from dataclasses import dataclass, field

KINDS = {
    "signal": "a process that ended by a signal that nobody sent",
    "traceback": "a traceback, or an exit code that no command has",
    "hang": "a process that had to be killed",
    "not whole": "a file under its final name that is not whole",
    "input": "an input that was changed",
    "lost": "results that were lost, or replaced unasked",
    "differs": "results that differ from those of an undisturbed run",
    "silent": "something wrong or left out without a word",
    "raw": "control characters, or another library's warning, on the terminal",
    "left over": "a temporary file that stays",
}


@dataclass(frozen=True)
class Finding:
    """What an attack has found.

    attack, number: which attack, and the number of its run; with the seed they give the same again
    kind: of KINDS; text: what it is; commands: the command lines that were run, the last one last
    """

    attack: str
    number: int
    kind: str
    text: str
    commands: tuple[str, ...] = ()


@dataclass
class Table:
    """Counts what the attacks have found.

    runs: the runs of each attack; found: the findings by attack and kind; broken: the (attack, number) with findings
    """

    runs: "Counter[str]" = field(default_factory=Counter)
    broken: "set[tuple[str, int]]" = field(default_factory=set)
    found: "Counter[tuple[str, str]]" = field(default_factory=Counter)

    def add(self, attack, findings):
        """Count a run of an attack, and what it has found: each kind once."""
        self.runs[attack] += 1
        self.broken.update((attack, finding.number) for finding in findings)
        self.found.update({(attack, finding.kind) for finding in findings})

    def lines(self):
        """The table as text: a line an attack, a column for each kind that was found."""
        kinds = [kind for kind in KINDS if any(found[1] == kind for found in self.found)]
        width = max(map(len, self.runs), default=0)
        yield "  ".join([f"{'attack':{width}}", "runs", *kinds])
        for attack, runs in sorted(self.runs.items()):
            counts = [self.found[attack, kind] or "." for kind in kinds]
            yield "  ".join([f"{attack:{width}}", f"{runs:4}",
                             *(f"{count:>{len(kind)}}" for kind, count in zip(kinds, counts))])
        yield "  ".join([f"{'together':{width}}", f"{sum(self.runs.values()):4}",
                         *(f"{sum(n for (_, of), n in self.found.items() if of == kind):>{len(kind)}}"
                           for kind in kinds)])
