"""Jobs of a sweep in this process, one after another: hydra/launcher=basic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.launch import job as of
from src.settings.job import Job

is_here = True


def check(settings: Mapping[str, Any]) -> None:
    """It has no settings."""


def workers(settings: Mapping[str, Any]) -> int:
    """One job at a time."""
    return 1


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run all jobs; returns the exit code, or raises what the first failed with."""
    results = []
    of.announce(jobs, "locally")
    for job in jobs:
        of.announce_one(job)
        results.append(of.of_sweep(job._replace(id=str(job.number))))
        of.log_as_hydra(job)
    return of.ended(results)
