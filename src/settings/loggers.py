"""Loggers of a configuration: any number of them, each under its name in the section `logger`."""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from ..common.files import utf8_path
from ..common.paths import extra
from .construct import arguments_of, check_entries, construct, locate
from .errors import ConfigError

#: Loggers whose packages are optional.
OPTIONAL = ("wandb", "mlflow")


def nodes(cfg: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The nodes of the loggers by name."""
    return {name: node for name, node in cfg["logger"].items() if node is not None}


def build(cfg: Mapping[str, Any], folder: str, done: int = 0) -> list[Logger]:
    """The loggers of a resolved configuration. They write into the run folder, MLflow to its own store.

    Args:
        cfg: the resolved configuration.
        folder: the run folder.
        done: the update that the run is resumed from; TensorBoard hides later points of the earlier process.

    Raises:
        ConfigError: a logger that cannot be made, or whose package is not installed.
    """
    made = []
    check_entries("logger", nodes(cfg))
    for name, node in nodes(cfg).items():
        if name in OPTIONAL and importlib.util.find_spec(name) is None:
            raise ConfigError(f"logger={name}: needs {name}, which `{extra(name)}` installs")
        given = _given(name, folder, done)
        if given is None:
            every = {"save_dir": folder, "name": "", "version": ""}
            taken = arguments_of(locate(f"logger.{name}", node))
            given = {key: value for key, value in every.items() if key in taken}
        made.append(construct(f"logger.{name}", node, Logger, **given))
    return made


def _given(name: str, folder: str, done: int) -> dict[str, Any] | None:
    """The arguments of a logger of this project that say where a run is; None for another logger."""
    title = Path(folder).name
    if name == "csv":
        return {"save_dir": folder, "name": "", "version": ""}
    if name == "tensorboard":
        place = {"save_dir": utf8_path(folder), "name": "", "version": ""}
        return place | {"default_hp_metric": False, "purge_step": done + 1 if done else None}
    if name == "wandb":  # a run that is resumed has the same id, so that it stays one run
        digest = hashlib.sha256(str(Path(folder).absolute()).encode()).hexdigest()
        return {"save_dir": folder, "name": title, "id": digest[:12], "resume": "allow"}
    return {"run_name": title} if name == "mlflow" else None
