"""Test cells that a user asks for with one key for each axis: a cell, or a grid of them."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from ..common import checks
from ..settings import build, errors
from ..settings.construct import locate
from ..settings.errors import ConfigError
from ..tasks.axes import Axis, cell_title


class Grid(NamedTuple):
    """Every combination of some values of the axes."""

    values: dict[str, list[int]]  # ascending, by `Axis.many`; empty lists for no grid
    cells: list[tuple[int, ...]]  # those that the task can have
    left_out: str = ""  # how many others there are, and why; empty for none


def grid_of(task: Mapping[str, Any], axes: Sequence[Axis], given: Mapping[str, Any]) -> Grid:
    """The grid of the lists that a user gives under `grid`; an axis without a list has its largest training value.

    Args:
        task: section `task` of the configuration of a run.
        axes: of the task, at least one.
        given: lists by `Axis.many`; None for an axis without one.

    Raises:
        ConfigError: an unknown axis, an invalid list, or a grid without a cell that the task can have.
    """
    own = [axis.many for axis in axes]
    for key, value in given.items():
        if key not in own:
            raise ConfigError(
                f"grid.{key}={value!r}: unknown key 'grid.{key}'; must be under grid one of {', '.join(own)}"
                f"{checks.did_you_mean(str(key), own)}"
            )
    asked = {
        key: sorted(set(errors.check("", checks.integers, f"grid.{key}", given[key])))
        for key in own
        if given.get(key) is not None
    }
    if not asked:
        return Grid({key: [] for key in own}, [])
    if len(asked) < len(own):
        trained = build.build_task({"task": task, "seed": 0}).trained
        asked = {key: asked.get(key, [most]) for key, (_, most) in zip(own, trained, strict=True)}
    keys = [None if given.get(key) is None else f"grid.{key}" for key in own]
    faults = {cell: fault_of(task, axes, cell, keys) for cell in product(*asked.values())}
    refused = [fault for fault in faults.values() if fault is not None]
    if len(refused) == len(faults):
        raise ConfigError(refused[0])
    why = {fault.partition(": ")[2]: fault for fault in reversed(refused)}  # the first cell of each reason
    told = f"The grid leaves out {len(refused)} of {len(faults)} cells: {'; '.join(reversed(why.values()))}"
    return Grid(asked, [cell for cell, fault in faults.items() if fault is None], told if refused else "")


def fault_of(
    task: Mapping[str, Any], axes: Sequence[Axis], cell: Sequence[int], keys: Sequence[str | None]
) -> str | None:
    """Why a task cannot have a cell, as a refusal of the keys that gave it; None if it can. Nothing is drawn.

    Args:
        task: section `task` of the configuration of a run.
        axes: of the task.
        cell: a value for each axis.
        keys: the key that gave each value; None for the largest value of training.

    Raises:
        ConfigError: the task is refused for another reason than the cell.
    """
    try:
        errors.check("", locate("task", task).check_cells, "cell", [list(cell)])  # type: ignore[attr-defined]
        check_built(task, "cell", [cell])
    except ConfigError as refusal:
        key, _, reason = str(refusal).partition(": ")
        if not (place := re.match(r"cell\[0\](?:\[(\d+)\])?=", key)):
            raise
        values = list(zip(axes, cell, keys, strict=True))
        at_fault = values[int(place[1])] if place[1] else None
        if at_fault and at_fault[2]:
            return f"{at_fault[2]}={at_fault[1]}: {reason}"
        shown = ", ".join(f"{key}={value}" for _, value, key in values if key) or cell_title(axes, cell)
        others = [(axis, value) for axis, value, key in values if not key]
        more = f"; at {cell_title(*zip(*others, strict=True))}, the largest of training" if others else ""
        return f"{shown}: {reason}{more}"
    return None


def check_built(task: Mapping[str, Any], key: str, cells: Sequence[Sequence[int]]) -> None:
    """Refuse cells that the task refuses by its other settings; nothing is drawn."""
    if not cells or "test_cells" not in task:
        return
    try:
        build.build_task({"task": {**task, "test_cells": [list(cell) for cell in cells]}, "seed": 0})
    except ConfigError as refusal:
        given, own = str(refusal), "task.test_cells"
        raise ConfigError(key + given.removeprefix(own) if given.startswith(own) else given) from refusal
