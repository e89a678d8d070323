"""Warm subprocesses, forked from a parent with all modules imported, behave as cold ones."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.processes import ROOT, Cold, Popen

LINE = [sys.executable, "-m", "src.train"]


def started(kind, tmp_path, *arguments, **variables):
    """The exit code and output of a process, and whether it was a fork."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with kind([*LINE, *arguments], cwd=tmp_path, env=environment, **pipes) as process:
        output = process.communicate(timeout=300)
    return (process.returncode, *output), getattr(process, "_forked", None) is not None


def test_a_fork_behaves_as_a_cold_process(tmp_path):
    """Exit code and streams, from another folder."""
    (warm, forked), (cold, _) = (started(kind, tmp_path, "model.memory_slots=2.5") for kind in (Popen, Cold))
    assert warm == cold
    assert forked


def test_a_process_with_another_locale_is_cold(tmp_path, monkeypatch):
    """The locale is read as Python starts. The command ends at once, without an import of the project."""
    monkeypatch.setattr("tests.test_processes.LINE", [sys.executable, "-m", "src.nothing"])
    assert started(Popen, tmp_path)[1] is True
    assert started(Popen, tmp_path, LC_ALL="C")[1] is False


def test_tests_start_processes_as_forks():
    assert subprocess.Popen is Popen


@pytest.mark.cold
def test_a_test_marked_cold_starts_cold_processes():
    assert subprocess.Popen is Cold


def test_a_fork_has_its_own_session_and_ends_by_a_signal(monkeypatch):
    """The process waits for its standard input; a signal to its process group ends it."""
    monkeypatch.setattr(processes, "FILES", ("tests/waiting_for_input.py",))
    path = ROOT / processes.FILES[0]
    path.write_text("import os, sys\nprint(os.getsid(0) == os.getpid(), flush=True)\nsys.stdin.read()\n")
    try:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with Popen([sys.executable, str(processes.FILES[0])], cwd=ROOT, start_new_session=True, **pipes) as one:
            assert one._forked is not None
            assert one.stdout.readline() == "True\n"
            assert one.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                one.wait(0.01)
            os.killpg(one.pid, signal.SIGTERM)
            assert one.wait(60) == one.poll() == -signal.SIGTERM
        with Popen([sys.executable, str(processes.FILES[0])], cwd=ROOT, **pipes) as one:
            assert one.stdout.readline() == "False\n"
            one.stdin.close()
            until = time.monotonic() + 60
            while one.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.01)
        assert one.returncode == 0
    finally:
        path.unlink()
