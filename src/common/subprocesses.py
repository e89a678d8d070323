"""Commands of ours in processes of their own, in the foreground."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def run_module(module_and_arguments: list[str]) -> int:
    """Run `python -m ...` and return its exit code.

    Raises:
        KeyboardInterrupt: the user stopped it, and it has ended.
    """
    return run_modules([module_and_arguments])[0]


def run_modules(commands: Sequence[list[str]]) -> list[int]:
    """Run several `python -m ...` at a time and return their exit codes.

    Each is a process group of its own, so that each Ctrl-C reaches it once: a second one would end it at once.

    Raises:
        KeyboardInterrupt: the user stopped them, and they have ended.
    """
    stopped = []
    children: list[subprocess.Popen[bytes]] = []

    def hand_over(number: int, frame: Any) -> None:
        stopped.append(number)
        for child in children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGINT)  # which leaves no worker behind, whatever came

    before = {
        number: signal.signal(number, hand_over) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        for command in commands:
            if not stopped:
                children.append(subprocess.Popen([sys.executable, "-m", *command], start_new_session=True))
        codes = [child.wait() for child in children]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped or 130 in codes:
        raise KeyboardInterrupt
    return codes
