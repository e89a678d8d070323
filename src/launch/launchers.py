"""The launchers of a sweep: what each needs before it can begin, and how many jobs it runs at a time."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import OmegaConf

from src.common.paths import CONF
from src.launch import remote
from src.settings import cli
from src.settings.errors import ConfigError

SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher."
SLURM = f"{SUBMITIT}SlurmLauncher"
#: A run has one process here; the others that `trainer.devices` asks for it starts itself.
ONE_EACH = ("nodes", "tasks_per_node")
#: What Slurm is asked with.
PROGRAMS = ("sbatch", "srun")


def check(launcher: dict[str, Any]) -> None:
    """Refuse what would go wrong after the sweep has begun.

    Raises:
        ConfigError: a setting that cannot be used, or something that is not installed.
    """
    if is_remote(launcher):
        remote.settings(launcher)
        return
    workers = launcher.get("n_jobs", 1)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers == 0:
        raise ConfigError(f"hydra.launcher.n_jobs={workers!r}: must be an integer, -1 for one a core, but not 0")
    for key in ONE_EACH:
        if launcher.get(key, 1) != 1:
            raise ConfigError(
                f"hydra.launcher.{key}={launcher[key]!r}: must be 1; trainer.devices starts the processes of a run"
            )
    missing = [one for one in PROGRAMS if shutil.which(one) is None]
    if launcher["_target_"] == SLURM and missing:
        raise ConfigError(
            f"hydra/launcher=submitit_slurm: there is no {' and no '.join(missing)} here; must be "
            "given on a machine that can send jobs to Slurm"
        )


def given(overrides: list[str]) -> list[str]:
    """The overrides of a sweep, with what conf/launchers.yaml gives its launcher besides."""
    read = cli.parsed(overrides)
    name = next((str(one.value()) for one in reversed(read) if one.key_or_group == "hydra/launcher"), "basic")
    there = {one.key_or_group for one in read}
    found = OmegaConf.to_container(OmegaConf.load(Path(CONF) / "launchers.yaml"))
    its = found.get(name, {}) if isinstance(found, dict) else {}
    keys = {f"hydra.launcher.{key}": value for key, value in its.items()}
    return [*overrides, *(f"{key}={_text(value)}" for key, value in keys.items() if key not in there)]


def _text(value: Any) -> str:
    """A value as an override has it."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return cli.quoted(value) if isinstance(value, str) else json.dumps(value)


@contextmanager
def faults(launcher: dict[str, Any]) -> Iterator[None]:
    """A job of Slurm that was lost, with its process or its machine, is told in one line."""
    if not str(launcher.get("_target_")).startswith(SUBMITIT):
        yield
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints what it was, and where in the code
    try:
        yield
    except HydraException:
        raise
    except Exception as fault:
        lines = [line for line in str(fault).splitlines() if line.strip()] or [type(fault).__name__]
        raise ConfigError(f"a job was lost: {lines[0]}; the others are left to end, and resume goes on") from fault


def is_remote(launcher: dict[str, Any]) -> bool:
    """Whether jobs run where nothing of this machine's files is."""
    return bool(launcher.get("_target_") == remote.TARGET)


def is_here(launcher: dict[str, Any]) -> bool:
    """Whether jobs run on this machine, one after another or as workers of joblib."""
    return not is_remote(launcher) and not str(launcher.get("_target_")).startswith(SUBMITIT)


def workers(launcher: dict[str, Any]) -> int:
    """Jobs that a launcher runs at a time; of a cluster with an unknown size, what this machine could."""
    if is_remote(launcher):
        its = remote.settings(launcher)
        return max(1, int((its.init.get("num_cpus") or os.cpu_count() or 1) / (its.remote.get("num_cpus") or 1)))
    wanted = int(launcher.get("n_jobs") or launcher.get("array_parallelism") or 1)
    return wanted if wanted > 0 else max(1, (os.cpu_count() or 1) + 1 + wanted)
