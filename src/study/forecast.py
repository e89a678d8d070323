"""Forecast of the time that the remaining jobs of a study will take."""

from collections.abc import Mapping
from typing import Any

from ..common.text import columns, duration
from ..launch import estimate
from ..launch.estimate import Cost
from ..settings.errors import ConfigError


def forecast(todo: Mapping[str, list[dict[str, Any]]], workers: int) -> str:
    """A table of the sweeps with remaining jobs, the time that each would take, and the sum.

    Args:
        todo: the configurations of the remaining jobs, by the name of the sweep.
        workers: jobs in parallel.

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
        return "No jobs remain to train."
    seconds = {name: estimate.together(of, workers) for name, of in costs.items()}
    rows = [{"sweep": name, "jobs": str(len(of)), "time": duration(seconds[name])} for name, of in costs.items()]
    by = "1 worker" if workers == 1 else f"{workers} workers"
    return f"{columns(rows)}\n\nabout {duration(sum(seconds.values()))} with {by}"
