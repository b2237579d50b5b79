"""What a command prints and how it ends: streams that are closed or full, names with escape codes, early signals."""

import os
import signal
import subprocess
import sys
import threading

import cv2
import pytest
from conftest import ROOT

from segmentation import SegmentationError
from segmentation.cli.parser import Parser
from segmentation.cli.start import start
from segmentation.terminal import Stopped, info, interruptible, run, visible, warn, warn_at_end

PRINTS = """
from segmentation.terminal import info, warn
def main(argv):
    for number in range(3):
        info(f"line {number}")
        warn(f"[WARNING] line {number}")
    print("a plain line")
    open("done", "w").close()
    return 3
"""
SIGNALLED = """
import os, signal, time
os.kill(os.getpid(), signal.{name})
time.sleep(5)
"""
TO_STDOUT = """
import sys
from segmentation.files import writing
def main(argv):
    with writing("standard output"):
        sys.stdout.buffer.write(bytes(100_000))
        sys.stdout.buffer.flush()
    return 0
"""


@pytest.fixture
def command(tmp_path):
    """Runs a module's text as a command does, in a process of its own; `redirected` as a shell has it."""
    def run_command(module, redirected=""):
        (tmp_path / "worked.py").write_text(module)
        code = "import sys; from segmentation.cli.start import start; sys.exit(start('worked'))"
        return subprocess.run(["bash", "-c", f'{sys.executable} -c "{code}" {redirected}'], capture_output=True,
                              text=True, timeout=60, cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{ROOT}:."})
    return run_command


# ---- Streams that cannot be written ------------------------------------------------------------------------

CLOSED_OR_FULL = [">&-", ">/dev/full", "2>&-", "2>/dev/full", ">&- 2>&-", ">/dev/full 2>&1", "<&- >&- 2>&-"]


@pytest.mark.parametrize("redirected", CLOSED_OR_FULL)
def test_work_goes_on_where_nothing_can_be_printed(command, tmp_path, redirected):
    done = command(PRINTS, redirected)
    assert done.returncode == 3 and (tmp_path / "done").exists()
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    if "2>" not in redirected:
        assert done.stderr.splitlines() == [f"[WARNING] line {number}" for number in range(3)]
    elif ">&-" not in redirected[:3] and redirected[0] == "2":
        assert done.stdout.splitlines() == [*(f"[INFO] line {number}" for number in range(3)), "a plain line"]


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_picture_that_stdout_does_not_take_is_one_sentence(command, redirected):
    done = command(TO_STDOUT, redirected)
    assert done.returncode == 1
    assert done.stderr.startswith("[ERROR] cannot write standard output: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_photo_that_stdout_does_not_take_is_one_sentence(tiny_pb, tmp_path, noise, redirected):
    cv2.imwrite(str(tmp_path / "photo.png"), noise)
    command = (f"{sys.executable} {ROOT / 'mask_rcnn.py'} -i photo.png -o - --weights {tiny_pb} --size 160x128 "
               f"2>errors {redirected}; echo $? >code")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, timeout=60, check=True)
    assert (tmp_path / "code").read_text() == "1\n"
    errors = [line for line in (tmp_path / "errors").read_text().splitlines() if not line.startswith("[INFO]")]
    assert len(errors) == 1 and errors[0].startswith("[ERROR] cannot write standard output: ")


def test_a_usage_error_ends_with_2_where_nothing_can_be_printed():
    command = f"{sys.executable} {ROOT / 'mask_rcnn_video.py'} --nonsense 2>/dev/full"
    assert subprocess.run(["bash", "-c", command], timeout=60).returncode == 2


def test_a_file_that_a_run_opens_never_stands_where_a_closed_stream_was(command, tmp_path):
    command("import os\ndef main(argv):\n"
            "    open('numbers', 'w').write(str(os.open('other', os.O_CREAT)))\n    return 0", "<&- >&- 2>&-")
    assert int((tmp_path / "numbers").read_text()) > 2


# ---- Names that would command the terminal -----------------------------------------------------------------

def test_control_characters_are_shown_not_sent():
    assert visible("a\x1b[2Jb\x07\x9b\x7f\r\n\u202egpj") == "a\\x1b[2Jb\\x07\\x9b\\x7f\\r\\n\\u202egpj"
    ordinary = "Größe 写真 at 8\N{NARROW NO-BREAK SPACE}PM 👩‍👧.jpg"
    assert visible(ordinary) == ordinary


def test_names_on_stdout_and_stderr_are_shown_with_their_control_characters(capsys):
    info("saved a\x1b]0;title\x07.jpg")
    warn("[ERROR] cannot read b\nc.jpg")
    assert capsys.readouterr() == ("[INFO] saved a\\x1b]0;title\\x07.jpg\n", "[ERROR] cannot read b\\nc.jpg\n")


def test_an_error_is_one_line_whatever_the_name_holds(capsys):
    def fail(name):
        raise SegmentationError(f"cannot read {name}")
    assert run(fail, "a\x1b[31m\n.jpg") == 1
    assert capsys.readouterr().err == "[ERROR] cannot read a\\x1b[31m\\n.jpg\n"


def test_a_usage_error_shows_control_characters_too(capsys):
    with pytest.raises(SystemExit):
        Parser("[options]", "Does nothing.", prog="x").parse_args(["\x1b[2Jname"])
    assert "error: '\\x1b[2Jname' belongs to no option\n" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        Parser("[options]", "Does nothing.", prog="x").parse_args(["--\x1b[2Jname"])
    assert "error: there is no option --\\x1b[2Jname\n" in capsys.readouterr().err


# ---- Signals -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, code, said", [("SIGINT", 130, "[INFO] interrupted\n"), ("SIGTERM", 143, "")])
def test_a_signal_among_the_imports_is_no_traceback(command, name, code, said):
    done = command(SIGNALLED.format(name=name))
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")


@pytest.mark.parametrize("name", ["mask_rcnn", "mask_rcnn_video"])
def test_the_scripts_import_next_to_nothing_before_they_take_signals(name):
    code = f"import sys; before = set(sys.modules); import {name}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"numpy", "cv2", "av", "tqdm", "typing", "argparse", "re", "pathlib", "contextlib"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("number, code, said", [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped")])
def test_a_signal_during_the_work_is_an_exception_and_an_exit_code(number, code, said, capsys):
    cleaned = []

    def work(args):
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(True)
    assert run(work, None) == code and cleaned
    assert capsys.readouterr().err == f"[INFO] {said}; what was finished is kept\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_is_ignored_stays_so(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(lambda args: signal.raise_signal(number) or 7, None) == 7
    finally:
        signal.signal(number, before)


def test_handlers_are_as_before_after_a_run():
    before = signal.getsignal(signal.SIGTERM), sys.stdout, sys.stderr
    run(lambda args: 0, None)
    assert (signal.getsignal(signal.SIGTERM), sys.stdout, sys.stderr) == before


def test_a_lost_sigterm_is_raised_again():
    with pytest.raises(Stopped) as caught, interruptible() as check:
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)
        check()
    assert caught.value.number == signal.SIGTERM


def test_a_run_in_a_second_thread_takes_no_signals():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run(lambda args: 5, None)))
    thread.start()
    thread.join()
    assert codes == [5]


def test_an_early_usage_error_is_no_traceback(capsys):
    with pytest.raises(SystemExit) as caught:
        start("segmentation.cli.photos", ["-i", "x.jpg", "--seed", "-1"])
    assert caught.value.code == 2 and "--seed: must be a whole number from 0 to" in capsys.readouterr().err


# ---- Warnings that are said again at the end ---------------------------------------------------------------

@pytest.mark.parametrize("error, code", [(None, 0), (SegmentationError("no"), 1), (KeyboardInterrupt(), 130)])
def test_an_important_warning_is_the_last_line_once_however_the_run_ends(capsys, error, code):
    def work(number):
        for _ in range(2):
            warn_at_end("[WARNING] take care")
        info("much else")
        if error:
            raise error
        return 0
    warn_at_end("[WARNING] of a program that has loaded a network before")
    assert run(lambda args: run(work, args), None) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "[WARNING] take care" and "before" not in "".join(lines)
    assert run(lambda args: 0, None) == 0 and capsys.readouterr().err == ""


def test_a_package_that_is_missing_is_one_line(monkeypatch, capsys):
    def absent(name):
        raise ModuleNotFoundError("No module named 'PIL'", name="PIL")
    monkeypatch.setattr("segmentation.cli.start.import_module", absent)
    assert start("segmentation.cli.photos", []) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"[ERROR] the package PIL is not installed for {sys.executable}: ") and err.count("\n") == 1
