"""Settings of an evaluation of a run by `python -m src.evaluate`, checked."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..settings import build, errors, keys
from ..settings.construct import locate
from ..settings.errors import ConfigError
from ..tasks.axes import Axis
from .folder import results_folder

#: Folder of outputs/ for evaluations of published runs.
KIND = "evaluations"
WITHOUT_CELLS = "is for runs on a task with test cells, as repeat_copy has"


class Request(NamedTuple):
    """What an evaluation tests."""

    cells: list[tuple[int, ...]] | None  # None for those of the run
    grid: dict[str, list[int]]  # values by `Axis.many`; empty for none
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
    cells, axes = cfg["test_cells"], build.axes_of(task)
    if cells is not None and not axes:
        raise ConfigError(f"test_cells={cells!r}: {WITHOUT_CELLS}; must be null on {task['name']}")
    grid = _grid(cfg["grid"], axes, task["name"])
    check_cells = locate("task", task).check_cells  # type: ignore[attr-defined]
    if cells is not None:
        cells = errors.check("", check_cells, "test_cells", cells)
        check_built(task, "test_cells", cells)
    if axes:
        asked = [list(cell) for cell in product(*grid.values())]
        check_built(task, "grid", errors.check("", check_cells, "grid", asked))
    return Request(cells, grid, slots, checkpoint, results_folder(cfg["run"], cfg["out"], KIND))


def check_built(task: Mapping[str, Any], key: str, cells: Sequence[Sequence[int]]) -> None:
    """Refuse cells that the task refuses by its other settings; nothing is drawn."""
    if not cells or "test_cells" not in task:
        return
    try:
        build.build_task({"task": {**task, "test_cells": [list(cell) for cell in cells]}, "seed": 0})
    except ConfigError as refusal:
        given, own = str(refusal), "task.test_cells"
        raise ConfigError(key + given.removeprefix(own) if given.startswith(own) else given) from refusal


def _grid(given: Mapping[str, Any], axes: Sequence[Axis], task: str) -> dict[str, list[int]]:
    """The values of the grid for each axis of a task."""
    own = [axis.many for axis in axes]
    for key, value in given.items():
        if not axes and value is not None:
            raise ConfigError(f"grid.{key}={value!r}: {WITHOUT_CELLS}; must be left out on {task}")
        if axes and key not in own:
            raise ConfigError(
                f"grid.{key}={value!r}: unknown key 'grid.{key}'; must be under grid one of {', '.join(own)}"
                f"{checks.did_you_mean(str(key), own)}"
            )
    values = {key: given.get(key) for key in own}
    missing = [key for key, value in values.items() if value is None]
    if 0 < len(missing) < len(own):
        told = ", ".join(f"grid.{key}={value!r}" for key, value in values.items())
        all_of = "both" if len(own) == 2 else "all"
        raise ConfigError(f"{told}: must {all_of} be lists of integers, or {all_of} null")
    return {
        key: [] if value is None else sorted(set(errors.check("", checks.integers, f"grid.{key}", value)))
        for key, value in values.items()
    }
