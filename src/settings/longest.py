"""Refusal of sequences that are longer than a network can take, such as a transformer past its positions."""

from collections.abc import Mapping
from typing import Any

from ..tasks.base import Task
from ..tasks.lengths import longest_of_all
from .errors import ConfigError


def check_task(cfg: Mapping[str, Any], network: Any, task: Task) -> None:
    """Refuse a task with sequences, of training or tests, that are too long for a network; draws its fixed sets.

    Raises:
        ConfigError: names the setting that limits the network.
    """
    most = getattr(network, "longest_sequence", None)
    if most is None:
        return
    steps = longest_of_all(task)
    if steps > most:
        raise ConfigError(
            f"model.{network.limited_by}={most}: must be at least {steps} on {cfg['task']['name']}, the steps of "
            "the longest sequence of training or tests"
        )


def check_steps(asked: str, steps: int, network: Any) -> None:
    """Refuse a sequence that is asked for and too long for a trained network.

    Args:
        asked: what was asked for, such as "test_cells=[[99]]".
        steps: of the longest sequence of it.
        network: the trained network.

    Raises:
        ConfigError: names what was asked for.
    """
    most = getattr(network, "longest_sequence", None)
    if most is not None and steps > most:
        raise ConfigError(
            f"{asked}: takes {steps:,} steps; must take at most {most:,}, model.{network.limited_by} of the run"
        )
