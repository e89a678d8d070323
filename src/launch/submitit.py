"""Launcher for Slurm by submitit: hydra/launcher=submitit_slurm, an array of Slurm jobs, or submitit_local."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..settings.errors import ConfigError
from ..settings.job import Job
from .job import announce, announce_one, exit_code, losses, run_in_sweep

is_here = False
TARGET = "hydra_plugins.hydra_submitit_launcher.submitit_launcher."
LOCAL, SLURM = f"{TARGET}LocalLauncher", f"{TARGET}SlurmLauncher"
#: Settings that must be 1: submitit starts one process for a run, which starts those of `trainer.devices`.
ONE_EACH = ("nodes", "tasks_per_node")
#: Settings that have the same name in every executor of submitit.
SHARED = ("timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "name", "stderr_to_stdout", *ONE_EACH)
#: Programs of Slurm that are needed.
PROGRAMS = ("sbatch", "srun")


def check(settings: Mapping[str, Any]) -> None:
    """Refuse several processes for a job, and a machine without Slurm."""
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
    """Jobs at a time; all of them on this machine."""
    return sys.maxsize if settings["_target_"] == LOCAL else int(settings.get("array_parallelism") or 1)


class SubmititJob:
    """Function that submitit runs for a job, and requeues when the cluster stops it; the run is then resumed."""

    def __call__(self, job: Job) -> float | Exception:
        import submitit

        return run_in_sweep(job._replace(id=submitit.JobEnvironment().job_id))

    def checkpoint(self, job: Job) -> Any:
        """The submission that submitit queues again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job)


def launch(jobs: Sequence[Job], folder: Path) -> int:
    """Submit all jobs and wait for them; returns the exit code, or raises the first exception of a job."""
    import submitit

    settings = {key: value for key, value in jobs[0].launcher.items() if key != "_target_"}
    cluster = "slurm" if jobs[0].launcher["_target_"] == SLURM else "local"
    options: dict[str, Any] = {"folder": settings.pop("submitit_folder")}
    if "max_num_timeout" in settings:
        options[f"{cluster}_max_num_timeout"] = settings.pop("max_num_timeout")
    executor = submitit.AutoExecutor(cluster=cluster, **options)
    executor.update_parameters(
        **{key if key in SHARED else f"{cluster}_{key}": value for key, value in settings.items()}
    )
    announce(jobs, f"with submitit ({cluster}), sweep output dir : {folder}")
    for job in jobs:
        announce_one(job)
    with losses("the other jobs continue"):
        queued = executor.map_array(SubmititJob(), [job._replace(side_by_side=True) for job in jobs])
        return exit_code([one.results()[0] for one in queued])
