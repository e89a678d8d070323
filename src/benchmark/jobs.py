"""Time of two training runs with one thread each: in parallel, and one after the other."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from ..common.paths import CHECKOUT, module
from ..settings.errors import ConfigError

ABOUT = "seconds of two training commands side by side with one thread each, and of the two one after the other"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--updates", type=int, default=2000, help="of each run")
    add("--rounds", type=int, default=2)


def measure(given: argparse.Namespace) -> dict[str, float]:
    """Seconds of both orders, the fastest of all rounds."""
    best = {"one after the other": float("inf"), "side by side": float("inf")}
    _wait([_start(10, 0)])  # compiles the kernels
    for _ in range(given.rounds):
        for name in best:
            started = time.perf_counter()
            if name == "side by side":
                _wait([_start(given.updates, seed) for seed in (0, 1)])
            else:
                for seed in (0, 1):
                    _wait([_start(given.updates, seed)])
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def _start(updates: int, seed: int) -> tuple["subprocess.Popen[str]", "tempfile.TemporaryDirectory[str]"]:
    folder = tempfile.TemporaryDirectory()
    command = [sys.executable, "-m", module("train"), "model=ntm", "~recipe", "trainer.enable_progress_bar=false"]
    process = subprocess.Popen(
        [*command, f"trainer.max_steps={updates}", f"seed={seed}", f"hydra.run.dir={folder.name}/run"],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    return process, folder


def _wait(jobs: list[tuple["subprocess.Popen[str]", "tempfile.TemporaryDirectory[str]"]]) -> None:
    for process, folder in jobs:
        _, error = process.communicate()
        folder.cleanup()
        if process.returncode != 0:
            raise ConfigError(f"a run failed: {error.strip().splitlines()[-1] if error.strip() else 'no reason'}")


def markdown(seconds: dict[str, float]) -> str:
    """A Markdown table of both times and their ratio."""
    ratio = seconds["side by side"] / seconds["one after the other"]
    lines = [f"| {name} | {value:.1f} s |" for name, value in seconds.items()]
    return "\n".join(["| two runs, one thread each | |", "|---|---:|", *lines, f"| their ratio | {ratio:.2f} |"])
