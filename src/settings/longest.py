"""Refusal of sequences that are longer than a network can take, such as a transformer past its positions."""

from collections.abc import Mapping
from typing import Any

from ..tasks.base import Task
from ..tasks.lengths import longest_of_all
from .errors import ConfigError

#: Keys of a model that limit the length of a sequence.
LIMITS = ("max_positions", "address_bits")


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
        name, task_name = cfg["model"].get("name", "the model"), cfg["task"].get("name", "this task")
        raise ConfigError(
            f"{_limit(cfg)}: {name} takes sequences of at most {most:,} steps; must be larger on {task_name}, "
            f"whose longest sequences of training or tests have {steps:,}"
        )


def check_steps(asked: str, steps: int, cfg: Mapping[str, Any], network: Any) -> None:
    """Refuse a sequence that is asked for and too long for a trained network.

    Args:
        asked: what was asked for, such as "test_cells=[[99]]".
        steps: of the longest sequence of it.
        cfg: configuration of the run.
        network: the trained network.

    Raises:
        ConfigError: names what was asked for.
    """
    most = getattr(network, "longest_sequence", None)
    if most is not None and steps > most:
        raise ConfigError(f"{asked}: takes {steps:,} steps; must take at most {most:,}: {_limit(cfg)} in this run")


def _limit(cfg: Mapping[str, Any]) -> str:
    """The setting that limits the network of a configuration, such as model.max_positions=512."""
    key = next((key for key in LIMITS if key in cfg["model"]), "name")
    return f"model.{key}={cfg['model'].get(key)!r}"
