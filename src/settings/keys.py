"""Keys that every configuration has, checked before anything is built."""

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ..common import checks
from . import required, trainer_arguments
from .errors import ConfigError, check


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain dictionaries and lists, with references resolved."""
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def check_run(cfg: Mapping[str, Any]) -> None:
    """Check the keys that no constructor of this project checks: those of the trainer and of the run."""
    required.check_run(cfg)
    try:
        trainer_arguments.check(cfg["trainer"])
    except checks.Refusal as refusal:
        raise ConfigError(f"trainer.{refusal}") from refusal
    check_seed(cfg["seed"])
    check("", checks.flag, "stop_when_solved", cfg["stop_when_solved"])
    check("", checks.number, "solve_threshold", cfg["solve_threshold"], least=0)
    check("", checks.integer, "validate_every", cfg["validate_every"])
    if cfg["overfit_batches"] is not None:
        check("", checks.integer, "overfit_batches", cfg["overfit_batches"])
    check_cmap(cfg["figure"]["cmap"])


def check_seed(seed: Any) -> int:
    """A seed is an integer that numpy and torch both take; 0 is one."""
    return check("", checks.integer, "seed", seed, least=0, most=2**32 - 1)


def check_cmap(name: Any) -> None:
    """Refuse a colour map that matplotlib does not know."""
    import matplotlib

    if not isinstance(name, str) or name not in matplotlib.colormaps:
        raise ConfigError(
            f"figure.cmap={name!r}: must be a colour map of matplotlib, such as jet, viridis or cividis"
            + (checks.did_you_mean(name, matplotlib.colormaps) if isinstance(name, str) else "")
        )


def on_cpu(trainer: Mapping[str, Any]) -> bool:
    """Whether a run computes on the CPU."""
    other_device = torch.cuda.is_available() or torch.backends.mps.is_available()
    device = trainer.get("accelerator", "cpu")
    return bool(device == "cpu" or (device == "auto" and not other_device))
