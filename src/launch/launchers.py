"""Launchers of a sweep, and their default settings in conf/launchers.yaml."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from omegaconf import OmegaConf

from ..common.paths import CONF, command
from ..settings import cli
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import basic, joblib, ray, submitit


class Launcher(Protocol):
    """Interface of a module that runs the jobs of a sweep; `settings` is the node hydra.launcher."""

    @property
    def is_here(self) -> bool:
        """Whether jobs run on this machine, as processes of this command."""

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that would fail after the sweep has begun.

        Raises:
            ConfigError: an invalid setting, or a package or program that is not installed.
        """

    def workers(self, settings: Mapping[str, Any]) -> int:
        """Jobs at a time; for a cluster of unknown size, as many as this machine could run."""

    def launch(self, jobs: Sequence[Job], folder: Path) -> int:
        """Run the jobs of the sweep in a folder; returns the exit code, or raises the first exception of a job."""


#: By hydra.launcher._target_, which serves only as a name here.
LAUNCHERS: dict[str, Launcher] = {
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher": basic,
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher": joblib,
    submitit.LOCAL: submitit,
    submitit.SLURM: submitit,
    ray.TARGET: ray,
}


def launcher_of(settings: Mapping[str, Any]) -> Launcher:
    """The launcher that the node hydra.launcher chooses.

    Raises:
        ConfigError: a launcher that is not in LAUNCHERS.
    """
    target = settings.get("_target_")
    if target not in LAUNCHERS:
        raise ConfigError(
            f"hydra.launcher._target_={target!r}: is no launcher of {command('train')}; must be that of "
            "hydra/launcher=basic, joblib, submitit_local, submitit_slurm or ray"
        )
    return LAUNCHERS[str(target)]


def with_defaults(overrides: list[str]) -> list[str]:
    """The overrides of a sweep, with the defaults of the launcher in conf/launchers.yaml added."""
    read = cli.parsed(overrides)
    name = next((str(one.value()) for one in reversed(read) if one.key_or_group == "hydra/launcher"), "basic")
    given = {one.key_or_group for one in read}
    found = OmegaConf.to_container(OmegaConf.load(Path(CONF) / "launchers.yaml"))
    defaults = found.get(name, {}) if isinstance(found, dict) else {}
    keys = {f"hydra.launcher.{key}": value for key, value in defaults.items()}
    return [*overrides, *(f"{key}={_text(value)}" for key, value in keys.items() if key not in given)]


def _text(value: Any) -> str:
    """A value written as in an override."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return cli.quoted(value) if isinstance(value, str) else json.dumps(value)
