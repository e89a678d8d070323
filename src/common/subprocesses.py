"""Python modules run as subprocesses in the foreground."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

#: Exit code of a command that the user has stopped.
STOPPED = 130


def run_module(command: list[str]) -> int:
    """Run `python -m <command>` and return its exit code.

    Raises:
        KeyboardInterrupt: the user stopped it; it has ended.
    """
    return run_modules([command])[0]


def run_modules(commands: Sequence[list[str]]) -> list[int]:
    """Run several `python -m <command>` in parallel and return their exit codes.

    Each subprocess has its own process group, so that a Ctrl-C reaches it once: a second one would kill it.

    Raises:
        KeyboardInterrupt: the user stopped them; they have ended.
    """
    stopped = []
    children: list[subprocess.Popen[bytes]] = []
    told = set()  # process ids of the children that were told to stop

    def stop(child: subprocess.Popen[bytes]) -> None:
        if child.pid not in told and child.poll() is None:
            told.add(child.pid)
            with suppress(ProcessLookupError):  # it has just ended
                os.killpg(child.pid, signal.SIGINT)  # for any signal: it makes the child stop its own workers

    def forward(number: int, frame: Any) -> None:
        stopped.append(number)
        for child in children:
            stop(child)

    numbers = [signal.SIGINT, signal.SIGTERM]  # set even where they are ignored: the children would inherit that
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        for command in commands:
            if not stopped:
                children.append(subprocess.Popen([sys.executable, "-m", *command], start_new_session=True))
                if stopped:  # as it was started
                    stop(children[-1])
        codes = [child.wait() for child in children]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped or STOPPED in codes:
        raise KeyboardInterrupt
    return codes
