"""How long what is left of a study will take, before any of it is begun."""

from collections.abc import Mapping
from typing import Any

from src.common.text import columns, duration
from src.launch import estimate
from src.launch.estimate import Cost
from src.settings.errors import ConfigError


def forecast(todo: Mapping[str, list[dict[str, Any]]], workers: int) -> str:
    """A table of the sweeps that have something to do, with the time each would take, and their sum.

    Args:
        todo: the configurations of the jobs to do, by the name of the sweep.
        workers: jobs side by side.

    Raises:
        ConfigError: a job that src.train would refuse.
    """
    jobs = [(name, config) for name, configs in todo.items() for config in configs]
    costs: dict[str, list[Cost]] = {}
    for (name, _), cost in zip(jobs, estimate.costs([config for _, config in jobs]), strict=True):
        if isinstance(cost, str):
            raise ConfigError(f"{name}: {cost}")
        costs.setdefault(name, []).append(cost)
    if not costs:
        return "Nothing is left to train."
    seconds = {name: estimate.together(of, workers) for name, of in costs.items()}
    rows = [{"sweep": name, "jobs": str(len(of)), "time": duration(seconds[name])} for name, of in costs.items()]
    crew = "1 worker" if workers == 1 else f"{workers} workers"
    return f"{columns(rows)}\n\nabout {duration(sum(seconds.values()))} with {crew}"
