"""Overhead of a large sweep: tiny jobs, killed half-way, resumed and reported."""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..common.paths import CHECKOUT, extra, module
from ..settings.errors import ConfigError

ABOUT = "many tiny jobs, killed half-way and resumed: seconds a job, jobs lost, seconds of the report"
#: One update of a small network, so that the time is the overhead of a job.
JOB = (
    *("model=mlp", "model.hidden_sizes=[8]", "task=mnist1d", "logger=none"),
    *("trainer.max_steps=1", "validate_every=1", "trainer.enable_progress_bar=false"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--jobs", type=int, default=1000)
    add("--workers", type=int, default=2, help=f"jobs in parallel; more than 1 needs `{extra('parallel')}`")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each phase, and counts of ended, finished and reported jobs."""
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={given.workers}"] if given.workers > 1 else []
    with tempfile.TemporaryDirectory() as scratch:
        folder, page = Path(scratch) / "sweep", Path(scratch) / "report"
        seeds = ",".join(map(str, range(given.jobs)))
        command = [module("train"), "-m", *JOB, f"seed={seeds}", *launcher, f"hydra.sweep.dir={folder}"]
        started = time.perf_counter()
        killed_at = given.jobs // 2
        with _started(command) as process:
            first = _until(process, folder, 1) - started
            half = _until(process, folder, killed_at) - started
        done = len(_ended(folder))
        started = time.perf_counter()
        _finish([module("train"), f"resume={folder}"])
        rest = time.perf_counter() - started
        started = time.perf_counter()
        _finish([module("report"), f"runs={folder}", f"out={page}"])
        report = time.perf_counter() - started
        with (page / "runs.csv").open(newline="", encoding="utf-8") as file:
            counted = {row["seed"] for row in csv.DictReader(file) if row["counted"] == "yes"}
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        statuses = [json.loads(path.read_text(encoding="utf-8"))["status"] for path in _ended(folder)]
    return {
        "jobs": given.jobs,
        "workers": given.workers,
        "seconds to the end of the first job": first,
        "seconds a job, side by side": (half - first) / max(1, killed_at - 1),
        "ended when it was killed": done,
        "seconds of the rest": rest,
        "finished": statuses.count("finished"),
        "in the report": len(counted),
        "seconds of the report": report,
        "files a job": len(files) / given.jobs,
        "KiB a job": size / given.jobs / 1024,
    }


@contextmanager
def _started(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command; kill it and its workers if it still runs when the block ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ended(folder: Path) -> list[Path]:
    return list(folder.glob("*/metrics.json"))


def _until(process: "subprocess.Popen[bytes]", folder: Path, count: int) -> float:
    """Wait until `count` jobs have ended; return the time."""
    while len(_ended(folder)) < count:
        if process.poll() is not None:
            raise ConfigError(f"the sweep ended with exit code {process.returncode} before {count} jobs had")
        time.sleep(0.05)
    return time.perf_counter()


def _finish(command: list[str]) -> None:
    with _started(command) as process:
        if process.wait() != 0:
            raise ConfigError(f"{' '.join(command[:2])} ended with exit code {process.returncode}")


def markdown(result: dict[str, Any]) -> str:
    """A Markdown table with a row for each number."""
    rows = [f"| {key} | {value:,.2f} |" if isinstance(value, float) else f"| {key} | {value:,} |"
            for key, value in result.items()]  # fmt: skip
    return "\n".join(["| a sweep | |", "|---|---:|", *rows])
