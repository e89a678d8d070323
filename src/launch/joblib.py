"""Launcher that runs the jobs of a sweep in parallel processes on this machine: hydra/launcher=joblib."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..settings.errors import ConfigError
from ..settings.job import Job
from ..settings.unknown import first_line
from .job import announce, announce_one, exit_code, losses, run_in_sweep

is_here = True
#: Settings that are strings for Hydra, but may be numbers for joblib.
NUMBERS = ("pre_dispatch", "batch_size", "max_nbytes")


def check(settings: Mapping[str, Any]) -> None:
    """Refuse an invalid number of workers, and other settings that joblib does not take."""
    count = settings.get("n_jobs", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count == 0:
        raise ConfigError(f"hydra.launcher.n_jobs={count!r}: must be an integer, -1 for one a core, but not 0")
    import joblib  # type: ignore[import-untyped]

    try:
        joblib.Parallel(**arguments(settings))
    except (TypeError, ValueError) as fault:
        raise ConfigError(f"hydra.launcher: {first_line(fault)}; must be settings of joblib.Parallel") from fault


def workers(settings: Mapping[str, Any]) -> int:
    """Jobs at a time; -1 stands for one per core, -2 for one fewer."""
    count = int(settings.get("n_jobs") or 1)
    return count if count > 0 else max(1, (os.cpu_count() or 1) + 1 + count)


def arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of joblib.Parallel."""
    own = {key: value for key, value in settings.items() if key != "_target_"}
    own["backend"] = "loky"  # threads would share one log, one HydraConfig and one seed
    for key in NUMBERS:
        with suppress(ValueError, TypeError):
            own[key] = int(own[key])
    return own


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run all jobs; returns the exit code, or raises the first exception of a job."""
    import joblib

    settings = arguments(jobs[0].launcher)
    shown = ",".join(f"{key}={value}" for key, value in settings.items())
    announce(jobs, f"with joblib.Parallel({shown}), sweep output dir : {folder}")
    for job in jobs:
        announce_one(job)
    named = (job._replace(id=f"{job.composed.hydra.job.name}_{job.number}", side_by_side=True) for job in jobs)
    with losses("the other jobs ended with it"):
        results = joblib.Parallel(**settings)(joblib.delayed(run_in_sweep)(job) for job in named)
    return exit_code(results)
