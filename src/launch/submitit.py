"""Jobs of a sweep by submitit: hydra/launcher=submitit_slurm, an array of Slurm jobs, or submitit_local."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from src.launch import job as of
from src.settings.errors import ConfigError
from src.settings.job import Job

is_here = False
TARGET = "hydra_plugins.hydra_submitit_launcher.submitit_launcher."
LOCAL, SLURM = f"{TARGET}LocalLauncher", f"{TARGET}SlurmLauncher"
#: A run has one process here; the others that `trainer.devices` asks for it starts itself.
ONE_EACH = ("nodes", "tasks_per_node")
#: Settings that every executor of submitit has by the same name.
SHARED = ("timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "name", "stderr_to_stdout", *ONE_EACH)
#: What Slurm is asked with.
PROGRAMS = ("sbatch", "srun")


def check(settings: Mapping[str, Any]) -> None:
    """Refuse several processes a job, and a machine without Slurm."""
    for key in ONE_EACH:
        if settings.get(key, 1) != 1:
            raise ConfigError(
                f"hydra.launcher.{key}={settings[key]!r}: must be 1; trainer.devices starts the processes of a run"
            )
    missing = [one for one in PROGRAMS if shutil.which(one) is None]
    if settings["_target_"] == SLURM and missing:
        raise ConfigError(
            f"hydra/launcher=submitit_slurm: there is no {' and no '.join(missing)} here; must be "
            "given on a machine that can send jobs to Slurm"
        )


def workers(settings: Mapping[str, Any]) -> int:
    """Jobs at a time."""
    return int(settings.get("array_parallelism") or 1)


class Task:
    """What submitit runs for a job, and queues again where a cluster stops it: the job then resumes its run."""

    def __call__(self, job: Job) -> float | Exception:
        import submitit

        return of.of_sweep(job._replace(id=submitit.JobEnvironment().job_id))

    def checkpoint(self, job: Job) -> Any:
        """What is to be queued."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job)


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Submit all jobs and wait for them; returns the exit code, or raises what the first failed with."""
    import submitit

    settings = {key: value for key, value in jobs[0].launcher.items() if key != "_target_"}
    cluster = "slurm" if jobs[0].launcher["_target_"] == SLURM else "local"
    its: dict[str, Any] = {"folder": settings.pop("submitit_folder")}
    if "max_num_timeout" in settings:
        its[f"{cluster}_max_num_timeout"] = settings.pop("max_num_timeout")
    executor = submitit.AutoExecutor(cluster=cluster, **its)
    executor.update_parameters(
        **{key if key in SHARED else f"{cluster}_{key}": value for key, value in settings.items()}
    )
    of.announce(jobs, f"with submitit ({cluster}), sweep output dir : {folder}")
    if "mode" in jobs[0].composed.hydra.sweep:
        os.chmod(folder, int(str(jobs[0].composed.hydra.sweep.mode), 8))
    for job in jobs:
        of.announce_one(job)
    with faults():
        queued = executor.map_array(Task(), [job._replace(side_by_side=True) for job in jobs])
        results = [one.results()[0] for one in queued]
    return of.ended(results)


@contextmanager
def faults() -> Iterator[None]:
    """A job that was lost within, with its process or its machine, is told in one line."""
    try:
        yield
    except Exception as fault:
        lines = [line for line in str(fault).splitlines() if line.strip()] or [type(fault).__name__]
        raise ConfigError(f"a job was lost: {lines[0]}; the others are left to end, and resume goes on") from fault
