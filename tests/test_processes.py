"""Forks of a parent that has imported everything behave as processes that were started cold."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.processes import ROOT, Process, ran

PROGRAM = """
import atexit, os, pathlib, sys, time
atexit.register(print, "the end")
print(__name__, sys.argv[1:], os.getcwd(), os.environ.get("MINE"), os.getsid(0) == os.getpid(), flush=True)
print("to stderr", file=sys.stderr)
if sys.argv[1] == "wait":
    pathlib.Path("begun").touch()
    time.sleep(600)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_a_fork_is_as_a_cold_process(program, tmp_path):
    arguments = [program, "3", "ä b"]
    cold = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=os.environ | {"MINE": "1"}, capture_output=True, text=True
    )
    assert ran(*arguments, cwd=tmp_path, env={"MINE": "1"}) == (3, cold.stdout, cold.stderr)
    assert cold.stdout.splitlines()[-1] == "the end"


def test_a_refusal_is_as_that_of_a_cold_process():
    line = ["-m", "src.train", "model.memory_slots=2.5"]
    cold = subprocess.run([sys.executable, *line], cwd=ROOT, capture_output=True, text=True)
    assert ran(*line) == (2, cold.stdout, cold.stderr)


def test_a_session_of_its_own_and_the_end_by_a_signal(program, tmp_path):
    process = Process(program, "wait", session=True, together=True, cwd=tmp_path)
    until = time.monotonic() + 60
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait() == -signal.SIGTERM
    both, nothing = process.communicate()
    assert both.split()[-4:] == ["None", "True", "to", "stderr"]
    assert not nothing
