"""What is printed cannot end a command, whoever reads it."""

import io
import logging
import os
import subprocess
import sys

import pytest

from src.common import output
from src.common.paths import ROOT
from tests.helpers import small, written


def piped(monkeypatch):
    """Standard output as the end of a pipe; returns the other. Not a fixture, for pytest sets it before a test."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w", encoding="ascii", errors="strict", buffering=1)
    monkeypatch.setattr(sys, "__stdout__", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    output.protect_standard_streams()
    return read


def test_signs_that_the_encoding_lacks_are_escaped(monkeypatch):
    pipe = piped(monkeypatch)
    print("ü …")
    assert os.read(pipe, 100) == b"\\xfc \\u2026\n"
    assert (sys.stdout.encoding, sys.stdout.line_buffering, sys.stdout.isatty()) == ("ascii", True, False)
    assert sys.stdout.fileno() == sys.__stdout__.fileno()
    os.close(pipe)
    sys.__stdout__.close()


def test_what_is_not_buffered_stays_so(monkeypatch):
    """As PYTHONUNBUFFERED has it: what goes to both streams stays in its order."""
    pipe = piped(monkeypatch)
    sys.__stdout__.reconfigure(write_through=True)
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    output.protect_standard_streams()
    print("x", end="")
    assert os.read(pipe, 100) == b"x"
    os.close(pipe)
    sys.__stdout__.close()


def test_what_nobody_reads_is_dropped(monkeypatch):
    os.close(piped(monkeypatch))
    for _ in range(3):
        print("x" * 100_000, flush=True)
    sys.__stdout__.close()


def test_what_is_logged_goes_the_same_way(monkeypatch):
    os.close(piped(monkeypatch))
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    handler = logging.StreamHandler(sys.stdout)
    logging.getLogger("steady").addHandler(handler)
    output.protect_standard_streams()
    logging.getLogger("steady").removeHandler(handler)
    assert handler.stream is sys.stdout is not sys.__stdout__
    sys.__stdout__.close()


def test_other_faults_of_writing_are_told():
    with open("/dev/full", "w") as full:
        raw = output._Unread(full.fileno(), "w", closefd=False)
        with pytest.raises(OSError, match="No space left"):
            raw.write(b"x")
        raw.close()


def test_streams_of_others_stay_as_they_are(monkeypatch):
    own = io.StringIO()
    monkeypatch.setattr(sys, "stdout", own)
    output.protect_standard_streams()
    assert sys.stdout is own


def test_a_stream_that_is_closed_takes_all(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "stdout", None)
    output.protect_standard_streams()
    print("x", flush=True)
    sys.stdout.close()


def test_a_run_whose_reader_has_gone_is_finished(tmp_path):
    """In a process of its own, for the end of the interpreter writes, too."""
    sizes = small(f"hydra.run.dir={tmp_path}/run", "trainer.enable_progress_bar=true", model="lstm")
    command = [sys.executable, "-m", "src.train", *sizes]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        run.stderr.close()
        assert run.wait(timeout=300) == 0
    assert written(tmp_path / "run")["status"] == "finished"
