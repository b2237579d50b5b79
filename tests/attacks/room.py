"""Room: the folder of one attack, its commands, its inputs, and what was found."""

import hashlib
import random
import re
import shutil
import signal

from attacks.equal import difference, digests
from attacks.findings import Finding
from attacks.material import weights
from attacks.processes import Process
from attacks.whole import disagreement, is_final, trouble_of

CODES = (0, 1, 2, 130, 143)  # the exit codes of the commands
BUGS = ("Traceback (most recent call last)", "Exception ignored in", "Fatal Python error", "terminate called")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
WARNING = re.compile(r"\w+Warning: ")


class Room:
    """One run of an attack.

    attack, number, seed: what it is called; together they decide all that `rng` gives
    project: the checkout that is attacked; material: the folder that material.py has made
    folder: for this room alone; `here` in it is where the commands run
    patience: seconds that a command may take
    """

    def __init__(self, attack, number, seed, project, material, folder, patience):
        self.attack, self.number, self.rng = attack, number, random.Random(f"{seed} {attack} {number}")
        self.project, self.material, self.patience = project, material, patience
        self.here, self.logs = folder / "here", folder / "logs"
        shutil.rmtree(folder, ignore_errors=True)
        self.here.mkdir(parents=True)
        self.given = {}  # path -> hash of its content, which must stay
        self.findings, self.commands, self.killed = [], [], False

    # ---- Inputs ----------------------------------------------------------------------------------------------

    def give(self, name, data, guarded=True):
        """Write an input. guarded: whether the commands must leave it as it is"""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if guarded:
            self.guard(path)
        return path

    def guard(self, path):
        """Note what a file holds; when the attack is over it must hold the same."""
        self.given[path] = hashlib.sha1(path.read_bytes()).hexdigest()

    def photo(self, name="photo.jpg", kind=None):
        """A photo of the material, as an input. kind: its name there; None: one that has the same suffix"""
        return self.give(name, (self.material / "photos" / (kind or f"{name[-3:]}.{name[-3:]}")).read_bytes())

    def clip(self, name="film.mp4", kind=None):
        """A video of the material, as an input. kind: as of `photo`"""
        return self.give(name, (self.material / "clips" / (kind or f"film.{name.rpartition('.')[2]}")).read_bytes())

    # ---- Commands --------------------------------------------------------------------------------------------

    def start(self, script, *args, bare=False, **how):
        """Start a command; a Process. bare: without the small network; how: as of Process"""
        self.logs = self.logs.with_name(f"logs{len(self.commands)}")
        self.logs.mkdir(exist_ok=True)
        options = [] if bare else weights(self.material)
        if script == "photos" and not bare:
            options.append("--no-show")
        process = Process(self.project, script, [*options, *args], self.here, self.logs, **how)
        self.commands.append(process.command)
        return process

    def run(self, script, *args, expected=None, **how):
        """Run a command to its end and check how it ended; a Done. expected: its exit code, if only one is right"""
        return self.end(self.start(script, *args, **how), expected)

    def end(self, process, expected=None, sent=None):
        """Wait for a command and check how it ended; a Done. sent: a signal that was sent to it"""
        done = process.wait(self.patience)
        self.killed |= sent == signal.SIGKILL
        codes = CODES if sent is None else (*CODES, -sent)
        bug = next((bug for bug in BUGS if bug in done.said), None)
        if done.hung:
            self.find("hang", f"more than {self.patience} s")
        elif done.code < 0 and done.code not in codes:
            self.find("signal", f"{signal.Signals(-done.code).name}; {done.err[-200:]!r}")
        elif bug or done.code not in codes:
            self.find("traceback", f"exit {done.code}: {done.err.strip()[-300:]}")
        elif expected is not None and done.code != expected:
            self.find("differs", f"exit {done.code}, not {expected}: {done.err.strip()[-300:]}")
        elif done.code in (1, 2) and not done.err.strip() and not {1, 2} & {*process.closed, *process.full}:
            self.find("silent", f"exit {done.code} without a word")
        for pattern in (CONTROL, WARNING) if not bug else ():
            if match := pattern.search(done.said):
                self.find("raw", repr(done.said[max(0, match.start() - 60):match.end() + 60]))
        return done

    # ---- Findings --------------------------------------------------------------------------------------------

    def find(self, kind, text):
        """Note a finding."""
        self.findings.append(Finding(self.attack, self.number, kind, text, tuple(self.commands)))

    def expect(self, true, kind, text):
        """Note a finding unless something is true."""
        if not true:
            self.find(kind, text)

    def close(self):
        """Look through the files: inputs are as they were, and what has a final name is whole. The findings."""
        for path, before in self.given.items():
            now = hashlib.sha1(path.read_bytes()).hexdigest() if path.is_file() else None
            self.expect(now == before, "input", f"{path.name} is {'another file now' if now else 'gone'}")
        for path in sorted(self.here.rglob("*")):
            if is_final(path) and path not in self.given and (trouble := trouble_of(path)):
                self.find("not whole", f"{path.name}: {trouble}")
            if path.name.startswith(".") and ".part" in path.name and not self.killed:
                self.find("left over", path.name)
        return self.findings

    # ---- Comparisons -----------------------------------------------------------------------------------------

    def results(self, folder):
        """The digests of a folder of results, to be compared by `compare`."""
        return digests(self.here / folder)

    def compare(self, expected, found, what, kind="differs"):
        """Note a finding if two results of `results` differ. Whether they are equal."""
        trouble = difference(expected, found)
        self.expect(trouble is None, kind, f"{what}: {trouble}")
        return trouble is None

    def check_agreement(self, *paths):
        """Note a finding if files of rows of one run disagree."""
        there = [path for path in paths if path.exists() and not trouble_of(path)]
        for other in there[1:]:
            if trouble := disagreement(there[0], other):
                self.find("differs", trouble)
