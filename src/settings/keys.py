"""Keys that every configuration has, checked before anything is built."""

from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ..common import checks
from . import trainer_arguments
from .errors import ConfigError, check

#: Sections of every configuration and their keys; the keys at the top level first.
SECTIONS = {
    "": ("seed", "stop_when_solved", "solve_threshold", "validate_every", "overfit_batches"),
    "model": ("name", "_target_"),
    "task": ("name", "_target_"),
    "optimizer": ("_target_", "lr"),
    "schedule": ("_target_",),
    "trainer": ("_target_", "accelerator", "devices", "max_steps", "log_every_n_steps", "deterministic"),
    "callbacks": (),
    "logger": (),
    "figure": ("cmap",),
}


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
    check_sections(cfg)
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


def check_sections(cfg: Mapping[str, Any]) -> None:
    """Refuse a configuration without a section or key of SECTIONS, as after ~seed or trainer=5."""
    for section, keys in SECTIONS.items():
        if section and section not in cfg:
            raise ConfigError(f"{section}: cannot be left out")
        node = cfg[section] if section else cfg
        if not isinstance(node, Mapping):
            raise ConfigError(f"{section}={node!r}: must be a section of keys, as in conf/")
        for key in keys:
            where = f"{section}.{key}" if section else key
            if key not in node:
                raise ConfigError(f"{where}: cannot be left out")
            if key == "name" and not (isinstance(node[key], str) and node[key]):
                raise ConfigError(f"{where}={node[key]!r}: must be a name")


def check_seed(seed: Any) -> int:
    """A seed is an integer that numpy and torch both take; 0 is one."""
    return check("", checks.integer, "seed", seed, least=0, most=2**32 - 1)


def check_cmap(name: Any) -> None:
    """Refuse a colour map that matplotlib does not know."""
    import matplotlib

    if not isinstance(name, str) or name not in matplotlib.colormaps:
        raise ConfigError(
            f"figure.cmap={name!r}: must be a colour map of matplotlib, such as jet, viridis or cividis"
        )


def on_cpu(trainer: Mapping[str, Any]) -> bool:
    """Whether a run computes on the CPU."""
    other_device = torch.cuda.is_available() or torch.backends.mps.is_available()
    device = trainer.get("accelerator", "cpu")
    return bool(device == "cpu" or (device == "auto" and not other_device))
