"""Videos done by a Dask cluster: the same frames as in one process, whatever happens to it on the way."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from clips import make_clip, needs_cuts, numbers_in
from conftest import ROOT
from workers.test_workers import LONG, assert_gone, assert_same, wait_for, workers_of

pytestmark = needs_cuts


@pytest.fixture
def loopback(monkeypatch):
    """Connections to this machine are allowed, others are not."""
    monkeypatch.undo()
    connect = socket.socket.connect

    def local(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError("no network in tests")
        return connect(self, address)
    monkeypatch.setattr(socket.socket, "connect", local)


class DaskCluster:
    """A scheduler and two workers, in processes of their own."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.address = folder, f"tcp://127.0.0.1:{self.port}"
        self.processes = {}
        self.start("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", self.port, "--no-dashboard",
                   "--no-show")
        for name in ("first", "second"):
            self.start(name, "dask_worker", self.address, "--nthreads", 1, "--no-dashboard", "--local-directory",
                       folder)

    def start(self, name, module, *args):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False"}
        command = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, args)]
        self.processes[name] = command, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                                                         stderr=subprocess.DEVNULL)

    def restart(self, name):
        command, process = self.processes[name]
        process.wait(20)
        self.start(name, command[2].rpartition(".")[2], *command[3:])

    def children(self, name):
        return workers_of(self.processes[name][1])

    def end(self):
        for name in ("first", "second", "scheduler"):
            self.processes[name][1].terminate()
        for _, process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def dask(tmp_path, loopback):
    pytest.importorskip("distributed")
    cluster = DaskCluster(tmp_path / "dask")
    yield cluster
    cluster.end()


def test_a_dask_cluster_gives_what_one_process_gives_and_survives_its_worker(segment, dask, tmp_path, capsys):
    for name, clip in LONG.items():
        make_clip(tmp_path / name, 110, sound=True, **clip)
        assert segment(tmp_path / name, "one.mp4", "--overwrite") == 0
        assert segment(tmp_path / name, "two.mp4", "--overwrite", "--scheduler", dask.address) == 0
        assert_same(tmp_path / "one.mp4", tmp_path / "two.mp4")
    source, killed = make_clip(tmp_path / "long.mp4", 400), []

    def kill():
        wait_for((tmp_path / "two.partial.avi").exists)
        killed.extend(dask.children("first"))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
    killer = threading.Thread(target=kill)
    killer.start()
    assert segment(source, "two.avi", "-c", 1, "--scheduler", dask.address) == 0, capsys.readouterr()
    killer.join()
    assert_gone(killed)
    assert len(killed) == 1 and numbers_in(tmp_path / "two.avi") == list(range(400))


def test_a_scheduler_that_goes_away_is_waited_for(segment, dask, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("segmentation.workers.dask_cluster.AWAY", 60)
    source, lines, said = make_clip(tmp_path / "long.mp4", 400), [], threading.Event()

    def warn(line):
        lines.append(line)
        said.set()
    monkeypatch.setattr("segmentation.workers.dask_cluster.warn", warn)

    def outage():
        wait_for((tmp_path / "two.partial.avi").exists)
        dask.processes["scheduler"][1].kill()
        dask.processes["scheduler"][1].wait()
        said.wait(60)  # a scheduler that is back sooner may not be missed at all
        for name in ("scheduler", "first", "second"):  # Dask's workers end when they lose their scheduler
            dask.restart(name)
    away = threading.Thread(target=outage)
    away.start()
    assert segment(source, "two.avi", "-c", 1, "--scheduler", dask.address) == 0, capsys.readouterr()
    away.join()
    assert any("it is waited for" in line for line in lines)
    assert numbers_in(tmp_path / "two.avi") == list(range(400))


def test_without_dask_the_scheduler_option_says_what_to_install(segment, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "segmentation.workers.dask_cluster", raising=False)
    monkeypatch.setattr("segmentation.cli.spreading.find_files", lambda *args: pytest.fail("looked for the model"))
    assert segment(make_clip(tmp_path / "in.mp4", 5), "two.avi", "--scheduler", "tcp://127.0.0.1:1") == 1
    assert "needs Dask: pip install distributed" in capsys.readouterr().err


def test_a_scheduler_that_never_answers_is_one_line(segment, tmp_path, loopback, monkeypatch, capsys):
    dask_cluster = pytest.importorskip("segmentation.workers.dask_cluster")
    monkeypatch.setattr(dask_cluster, "AWAY", 0)
    assert segment(make_clip(tmp_path / "in.mp4", 5), "two.avi", "--scheduler", "tcp://127.0.0.1:1") == 1
    assert "[ERROR] the scheduler tcp://127.0.0.1:1 does not answer" in capsys.readouterr().err
