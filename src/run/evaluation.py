"""Settings of an evaluation of a run by `python -m src.evaluate`, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..lit.repeated_bits import END_AT
from ..settings import build, errors, keys
from ..settings.construct import locate
from ..settings.errors import ConfigError
from .asked_cells import Grid, check_built, grid_of
from .folder import results_folder

#: Folder of outputs/ for evaluations of published runs.
KIND = "evaluations"
WITHOUT_CELLS = "is for runs on a task with test cells, as repeat_copy has"


class Request(NamedTuple):
    """What an evaluation tests."""

    cells: list[tuple[int, ...]] | None  # None for those of the run
    grid: Grid
    memory_slots: int | None
    prolong: int  # further steps after the answer of a test cell
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
    prolong = errors.check("", checks.integer, "prolong", cfg["prolong"], least=0)
    objective = build.objective_of(task)
    if prolong and (objective is None or END_AT.name not in objective.names):
        raise ConfigError(
            f"prolong={prolong}: is for tasks with the metric {END_AT.name}, as repeat_copy has; "
            f"must be 0 on {task['name']}"
        )
    cells, axes = cfg["test_cells"], build.axes_of(task)
    if cells is not None and not axes:
        raise ConfigError(f"test_cells={cells!r}: {WITHOUT_CELLS}; must be null on {task['name']}")
    for key, value in cfg["grid"].items():
        if not axes and value is not None:
            raise ConfigError(f"grid.{key}={value!r}: {WITHOUT_CELLS}; must be left out on {task['name']}")
    grid = grid_of(task, axes, cfg["grid"]) if axes else Grid({}, [])
    if cells is not None:
        check_cells = locate("task", task).check_cells  # type: ignore[attr-defined]
        cells = errors.check("", check_cells, "test_cells", cells)
        check_built(task, "test_cells", cells)
    return Request(cells, grid, slots, prolong, checkpoint, results_folder(cfg["run"], cfg["out"], KIND))
