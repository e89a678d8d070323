"""Loading of a trained run: network, task, configuration and metrics."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from ..common.paths import command
from ..settings.build import build_network, build_task
from ..settings.errors import ConfigError
from ..tasks.base import Task
from .folder import RunFolder, UnreadableError


class Run(NamedTuple):
    """A loaded run."""

    model: nn.Module
    task: Task
    config: dict[str, Any]
    metrics: dict[str, Any]


def stored_weights(checkpoint: Path, where: str) -> dict[str, torch.Tensor]:
    """The weights of the network in a checkpoint; tensors and numbers only, so that no code in the file is run.

    Args:
        checkpoint: the file.
        where: names it in messages.

    Raises:
        UnreadableError: a missing, damaged or foreign checkpoint.
    """
    if checkpoint.exists() and not checkpoint.is_file():
        raise UnreadableError(where, "is not a file", f"it must be one that {command('train')} has saved")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other formats, which are refused below
            stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UnreadableError(where, "does not exist", "the run must have saved one") from None
    except Exception as error:
        advice = "it is damaged, or holds more than tensors and numbers"
        raise UnreadableError(where, "cannot be read as weights", advice) from error
    prefix = "network."
    if not isinstance(stored, dict) or not isinstance(stored.get("state_dict"), dict):
        raise UnreadableError(where, f"is not a checkpoint of {command('train')}")
    return {k.removeprefix(prefix): v for k, v in stored["state_dict"].items() if k.startswith(prefix)}


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint into the network of its run.

    Raises:
        UnreadableError: see `stored_weights`, or a checkpoint that does not fit the network.
    """
    where = f"checkpoint {str(checkpoint)!r}"
    weights = stored_weights(checkpoint, where)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UnreadableError(where, f"does not fit the configuration of its run: {reason}") from error


def check_slots(memory_slots: int | None, *runs: Run) -> None:
    """Refuse a number of memory slots for runs of which none has a memory.

    Raises:
        ConfigError: such a number.
    """
    if memory_slots is not None and all(run.model.memory_slots is None for run in runs):
        name = runs[0].config["model"]["name"]
        raise ConfigError(f"memory_slots={memory_slots!r}: {name} has no memory; must be null")


def load_run(path: str | Path, checkpoint: str = "best") -> Run:
    """Load a run folder: the trained network in evaluation mode, the task, configuration and metrics.

    Args:
        path: the run folder.
        checkpoint: best or last.

    Raises:
        UnreadableError: see `RunFolder.read_config` and `load_weights`.

    Example:
        >>> run = load_run("outputs/published/runs/repeat_copy_ntm_seed1")
        >>> run.task.setup()
        >>> y, state = run.model(run.task.validation[0].x)
        >>> list(y.shape), list(state.memory.shape)  # [B, T, O], [B, N, M]
        ([64, 18, 9], [64, 128, 20])
    """
    folder = RunFolder(path)
    cfg = folder.read_config()
    task = build_task(cfg)
    network = build_network(cfg, task)
    load_weights(network, folder.checkpoint(f"{checkpoint}.ckpt"))
    return Run(network.eval(), task, cfg, folder.read_metrics())
