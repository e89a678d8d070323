"""Jobs of a sweep in processes of this machine: hydra/launcher=joblib."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from src.launch import job as of
from src.settings.errors import ConfigError
from src.settings.job import Job

is_here = True
#: Settings that Hydra takes for texts, where joblib takes numbers, too.
NUMBERS = ("pre_dispatch", "batch_size", "max_nbytes")


def check(settings: Mapping[str, Any]) -> None:
    """Refuse a number of workers that cannot be."""
    count = settings.get("n_jobs", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count == 0:
        raise ConfigError(f"hydra.launcher.n_jobs={count!r}: must be an integer, -1 for one a core, but not 0")


def workers(settings: Mapping[str, Any]) -> int:
    """Jobs at a time; -1 stands for one a core, -2 for one fewer."""
    count = int(settings.get("n_jobs") or 1)
    return count if count > 0 else max(1, (os.cpu_count() or 1) + 1 + count)


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Run all jobs; returns the exit code, or raises what the first failed with."""
    import joblib  # type: ignore[import-untyped]

    settings = {key: value for key, value in jobs[0].launcher.items() if key != "_target_"}
    settings["backend"] = "loky"  # threads would share one log, one HydraConfig and one seed
    for key in NUMBERS:
        with suppress(ValueError, TypeError):
            settings[key] = int(settings[key])
    told = ",".join(f"{key}={value}" for key, value in settings.items())
    of.announce(jobs, f"with joblib.Parallel({told}), sweep output dir : {folder}")
    for job in jobs:
        of.announce_one(job)
    named = (job._replace(id=f"{job.composed.hydra.job.name}_{job.number}", side_by_side=True) for job in jobs)
    return of.ended(joblib.Parallel(**settings)(joblib.delayed(of.of_sweep)(job) for job in named))
