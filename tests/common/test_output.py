"""Errors of printing do not end a command."""

import io
import logging
import os
import subprocess
import sys

import pytest

from src.common import output
from src.common.paths import CHECKOUT as ROOT
from tests.helpers import small, written


def piped(monkeypatch):
    """Replace standard output by a pipe; return its read end. No fixture: pytest would undo it before a test."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w", encoding="ascii", errors="strict", buffering=1)
    monkeypatch.setattr(sys, "__stdout__", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    output.protect_standard_streams()
    return read


def test_characters_that_the_encoding_lacks_are_escaped(monkeypatch):
    pipe = piped(monkeypatch)
    print("ü …")
    assert os.read(pipe, 100) == b"\\xfc \\u2026\n"
    assert (sys.stdout.encoding, sys.stdout.line_buffering, sys.stdout.isatty()) == ("ascii", True, False)
    assert sys.stdout.fileno() == sys.__stdout__.fileno()
    os.close(pipe)
    sys.__stdout__.close()


def test_unbuffered_streams_stay_unbuffered(monkeypatch):
    """PYTHONUNBUFFERED keeps what is written to both streams in order."""
    pipe = piped(monkeypatch)
    sys.__stdout__.reconfigure(write_through=True)
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    output.protect_standard_streams()
    print("x", end="")
    assert os.read(pipe, 100) == b"x"
    os.close(pipe)
    sys.__stdout__.close()


def test_output_without_a_reader_is_dropped(monkeypatch):
    os.close(piped(monkeypatch))
    for _ in range(3):
        print("x" * 100_000, flush=True)
    sys.__stdout__.close()


def test_log_handlers_write_to_the_protected_stream(monkeypatch):
    os.close(piped(monkeypatch))
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    handler = logging.StreamHandler(sys.stdout)
    logging.getLogger("protected").addHandler(handler)
    output.protect_standard_streams()
    logging.getLogger("protected").removeHandler(handler)
    assert handler.stream is sys.stdout is not sys.__stdout__
    sys.__stdout__.close()


def test_other_write_errors_are_raised():
    with open("/dev/full", "w") as full:
        raw = output._PipeFile(full.fileno(), "w", closefd=False)
        with pytest.raises(OSError, match="No space left"):
            raw.write(b"x")
        raw.close()


def test_replaced_streams_are_left_alone(monkeypatch):
    own = io.StringIO()
    monkeypatch.setattr(sys, "stdout", own)
    output.protect_standard_streams()
    assert sys.stdout is own


def test_a_closed_stream_accepts_output(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "stdout", None)
    output.protect_standard_streams()
    print("x", flush=True)
    sys.stdout.close()


@pytest.mark.cold
def test_a_run_finishes_when_its_reader_is_gone(tmp_path):
    """Needs a process: the interpreter also writes when it exits."""
    sizes = small(f"hydra.run.dir={tmp_path}/run", "trainer.enable_progress_bar=true", model="lstm")
    command = [sys.executable, "-m", "src.train", *sizes]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        run.stderr.close()
        assert run.wait(timeout=300) == 0
    assert written(tmp_path / "run")["status"] == "finished"
