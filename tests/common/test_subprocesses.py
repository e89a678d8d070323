"""Subprocesses: exit codes, and signals forwarded to all of them."""

import os
import signal
import threading
import time

import pytest

from src.common import subprocesses

#: A module of the standard library that runs its argument as a program: `python -m timeit -n 1 -r 1 <statement>`.
RUN = ["timeit", "-n", "1", "-r", "1"]


def test_exit_codes_are_returned():
    codes = subprocesses.run_modules([[*RUN, "import os; os._exit(3)"], [*RUN, "import os; os._exit(0)"]])
    assert codes == [3, 0]
    assert subprocesses.run_module([*RUN, "import os; os._exit(4)"]) == 4


def test_a_subprocess_that_was_stopped_stops_the_command():
    with pytest.raises(KeyboardInterrupt):
        subprocesses.run_modules([[*RUN, "import os; os._exit(130)"], [*RUN, "pass"]])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_every_subprocess_once_and_handlers_are_restored(tmp_path, number):
    """Each child writes a file when it is ready, and then the number of SIGINTs that it received."""
    program = (
        "import os, pathlib, signal, time; received = []; "
        "signal.signal(signal.SIGINT, lambda n, f: received.append(n)); "
        "note = pathlib.Path({path!r}); note.write_text('ready')\n"
        "while not received: time.sleep(0.01)\n"
        "time.sleep(0.3); note.write_text(str(len(received)))"
    )
    notes = [tmp_path / "a", tmp_path / "b"]
    before = signal.getsignal(number)

    def stop():
        while not all(note.exists() and note.read_text() == "ready" for note in notes):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        subprocesses.run_modules([[*RUN, program.format(path=str(note))] for note in notes])
    thread.join()
    assert [note.read_text() for note in notes] == ["1", "1"]
    assert signal.getsignal(number) == before


def test_an_ignored_hangup_stays_ignored():
    """As under nohup, whose subprocesses ignore it too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        program = "import os, signal; os.kill(os.getppid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGHUP)"
        assert subprocesses.run_module([*RUN, program]) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_stops_subprocesses_where_interrupts_are_ignored():
    """As of a command that a shell script runs in the background; subprocesses would inherit it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        program = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
        with pytest.raises(KeyboardInterrupt):
            subprocesses.run_module([*RUN, program])
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
