"""Settings of an evaluation of a run by `python -m src.evaluate`, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..settings import build, errors, keys
from ..settings.construct import locate
from ..settings.errors import ConfigError
from .folder import results_folder

#: Folder of outputs/ for evaluations of published runs.
KIND = "evaluations"


class Request(NamedTuple):
    """What an evaluation tests."""

    cells: list[tuple[int, ...]] | None  # None for those of the run
    grid: dict[str, list[int]]  # values by key of the axis, such as lengths and repeats; empty for none
    memory_slots: int | None
    checkpoint: str
    out: Path  # folder for the results


def read_request(cfg: Mapping[str, Any], task: Mapping[str, Any]) -> Request:
    """Check the settings of an evaluation.

    Args:
        cfg: the settings.
        task: section `task` of the configuration of the run.

    Raises:
        ConfigError: an invalid value, or one that does not suit the task of the run.
    """
    checkpoint = errors.check("", checks.choice, "checkpoint", cfg["checkpoint"], ("best", "last"))
    slots = cfg["memory_slots"]
    if slots is not None:
        slots = errors.check("", checks.integer, "memory_slots", slots)
    if cfg["figure"]["cmap"] is not None:
        keys.check_cmap(cfg["figure"]["cmap"])
    axes = build.axes_of(task)
    own = [axis.many for axis in axes]
    suits = {"test_cells": bool(axes)} | {f"grid.{key}": key in own for key in cfg["grid"]}
    asked = {"test_cells": cfg["test_cells"]} | {f"grid.{key}": value for key, value in cfg["grid"].items()}
    for key, value in asked.items():
        if value is not None and not suits[key]:
            raise ConfigError(
                f"{key}={value!r}: is for runs on a task with such test cells, as repeat_copy has; "
                f"must be null on {task['name']}"
            )
    grid = {key: cfg["grid"].get(key) for key in own}
    if None in grid.values() and any(value is not None for value in grid.values()):
        given = ", ".join(f"grid.{key}={value!r}" for key, value in grid.items())
        raise ConfigError(f"{given}: must both be lists of integers, or both null")
    cells = cfg["test_cells"]
    if cells is not None:
        check_cells = locate("task", task).check_cells  # type: ignore[attr-defined]
        cells = errors.check("", check_cells, "test_cells", cells)
    values = {
        key: [] if given is None else sorted(set(errors.check("", checks.integers, f"grid.{key}", given)))
        for key, given in (cfg["grid"] | grid).items()
    }
    return Request(cells, values, slots, checkpoint, results_folder(cfg["run"], cfg["out"], KIND))
