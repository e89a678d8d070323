"""Launcher that runs the jobs of a sweep in this process, one after another: hydra/launcher=basic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..settings.job import Job
from .job import announce, announce_one, exit_code, log_as_hydra, run_in_sweep

is_here = True


def check(settings: Mapping[str, Any]) -> None:
    """Accept any settings: this launcher has none."""


def workers(settings: Mapping[str, Any]) -> int:
    """One job at a time."""
    return 1


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run all jobs; returns the exit code, or raises the first exception of a job."""
    results = []
    announce(jobs, "locally")
    for job in jobs:
        announce_one(job)
        results.append(run_in_sweep(job._replace(id=str(job.number))))
        log_as_hydra(job)
    return exit_code(results)
