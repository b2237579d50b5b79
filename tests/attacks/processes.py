"""A command in a process of its own: started anew, as users start it, or forked from this process.

Starting Python and importing numpy, OpenCV and PyAV takes half a second. A forked child has them already, and runs the
same script from its first line.
"""

import os
import resource
import runpy
import shlex
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = {"photos": "mask_rcnn.py", "videos": "mask_rcnn_video.py"}
MEMORY = 16 << 30  # bytes of addresses a command may have: an attack must not take the machine down


@dataclass(frozen=True)
class Done:
    """How a command ended.

    command: as one would type it; code: its exit code, negative for a signal; out, err: what it printed
    hung: whether it had to be killed for its time
    """

    command: str
    code: int
    out: str
    err: str
    hung: bool

    @property
    def said(self):
        """All that it printed."""
        return self.out + self.err


class Process:
    """A command that runs.

    project: the folder with the scripts; script: a key of SCRIPTS; args: of the command line
    folder: where it runs; its output goes to files in `logs`
    anew: start Python anew; else fork this process, which has imported the project
    closed: those of 0, 1, 2 that are closed; full: those of 1, 2 that are /dev/full
    stdin: the path of a file; environment: more variables; file_bytes: the size that a file may have at most
    """

    def __init__(self, project, script, args, folder, logs, anew=False, closed=(), full=(), stdin=os.devnull,
                 environment=(), file_bytes=None):
        self.argv = [str(project / SCRIPTS[script]), *map(os.fspath, args)]
        self.folder, self.logs, self.anew, self.closed, self.full = folder, logs, anew, closed, full
        self.stdin, self.environment, self.file_bytes = stdin, dict(environment), file_bytes
        self.began = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self.be_the_command()

    @property
    def command(self):
        """As one would type it."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        words = [shlex.quote(os.fsencode(word).decode(errors="backslashreplace")) for word in self.argv]
        limit = [f"ulimit -f {self.file_bytes // 1024};"] if self.file_bytes else []
        closed = [f"{number}{'<' if number == 0 else '>'}&-" for number in self.closed]
        full = [f"{number}>/dev/full" for number in self.full]
        return " ".join([f"cd {self.folder};", *limit, *variables, "python", *words, *closed, *full])

    # ---- In the child ----------------------------------------------------------------------------------------

    def be_the_command(self):
        """Become the command, and end with its exit code."""
        code = 70
        try:
            self.set_up()
            if self.anew:
                os.execv(sys.executable, [sys.executable, *self.argv])
            code = self.run_script()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def set_up(self):
        """A session, a folder, limits and streams of its own."""
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL if self.anew else signal.default_int_handler)
        os.chdir(self.folder)
        os.environ.update(self.environment)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if self.file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_bytes, self.file_bytes))
        log = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        places = {0: (self.stdin, os.O_RDONLY), 1: (self.logs / "1", log), 2: (self.logs / "2", log)}
        places.update({number: ("/dev/full", os.O_WRONLY) for number in self.full})
        for number, (path, flags) in places.items():
            opened = os.open(path, flags, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        for number in self.closed:
            os.close(number)

    def run_script(self):
        """Run the script in this process as `python SCRIPT ARGS` would; its exit code."""
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            errors = "strict" if number < 2 else "backslashreplace"
            setattr(sys, name, None if number in self.closed else
                    open(number, "w" if number else "r", encoding="utf-8", errors=errors, closefd=False))  # noqa: SIM115
        sys.argv = self.argv
        try:
            runpy.run_path(self.argv[0], run_name="__main__")
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1 if error.code else 0
        except BaseException as error:
            traceback.print_exc()
            code = 130 if isinstance(error, KeyboardInterrupt) else 1
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except (OSError, ValueError):
            code = 120
        return code

    # ---- In this process -------------------------------------------------------------------------------------

    def poll(self):
        """The exit code, negative for a signal; None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def lives(self):
        """Whether it has not ended; its exit code is still there to be taken."""
        with open(f"/proc/{self.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"

    def children(self):
        """How many processes it has started that are still there."""
        lists = []
        with suppress(OSError):  # it ends meanwhile
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                lists += (thread / "children").read_text().split()
        return len(lists)

    def send(self, number, group=False):
        """Send it a signal; with `group`, to its workers too."""
        (os.killpg if group else os.kill)(self.pid, number)

    def wait(self, patience):
        """Wait until it ends; a Done. After `patience` seconds it is killed."""
        deadline, code = time.monotonic() + patience, self.poll()
        while code is None and time.monotonic() < deadline:
            time.sleep(0.005)
            code = self.poll()
        hung = code is None
        if hung:
            self.send(signal.SIGKILL, group=True)
            os.waitpid(self.pid, 0)
        return Done(self.command, -signal.SIGKILL if hung else code, self.printed(1), self.printed(2), hung)

    def printed(self, number):
        """What it has printed so far on stdout (1) or stderr (2)."""
        path = Path(self.logs / str(number))
        return path.read_bytes().decode(errors="backslashreplace") if path.exists() else ""
