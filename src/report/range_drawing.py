"""Figures over tables of one task that differ in a training range, such as the largest distance of seek."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..figures.axis_curves import AxisCurve, axis_curves
from ..figures.png import figure_errors_as_warnings
from ..tasks.axes import Axis, cell_title
from . import intervals, tables
from .drawings import Drawing
from .kinds import TableKind
from .rows import RunRow, is_solved, outcome

#: A run has learned a test set if at least this share of its sequences is exact.
EXACT = 0.99


class _Measure(NamedTuple):
    """A property of runs: its name in files, in words, and whether a run has it (None: the run was not tested)."""

    name: str
    words: str
    holds: Callable[[RunRow], bool | None]


def draw_ranges(rows: Sequence[RunRow], kinds: Mapping[str, TableKind], order: Sequence[str]) -> list[Drawing]:
    """Share of successful runs over the end of a training range; none unless tables differ in exactly one range.

    Success is a solved task, and exact answers: of the test set like training, and of each test cell that has the
    same values on the other axes in all tables.
    """
    tables_of: dict[str, list[str]] = {}
    for row in rows:
        names = tables_of.setdefault(row["task"], [])
        if row["table"] not in names:
            names.append(row["table"])
    drawings: list[Drawing] = []
    for task, names in tables_of.items():
        own = {name: kinds[name] for name in names}
        if (found := _varied(own)) is not None:
            axis, ends = found
            group = [row for row in rows if row["task"] == task]
            for measure in _measures(own, axis):
                file = f"{task}_{axis.name}_{measure.name}"
                with figure_errors_as_warnings(file):
                    drawings.append(_draw(group, ends, axis, measure, task, file, order))
    return drawings


def _varied(kinds: Mapping[str, TableKind]) -> tuple[Axis, dict[str, int]] | None:
    """The only axis whose training range ends at different values in the tables, with these values."""
    first = next(iter(kinds.values()))
    if len(kinds) < 2 or any(kind.trained is None or kind.axes != first.axes for kind in kinds.values()):
        return None
    ends = {name: [most for _, most in kind.trained or []] for name, kind in kinds.items()}
    varied = [i for i in range(len(first.axes)) if len({values[i] for values in ends.values()}) > 1]
    if len(varied) != 1 or len({values[varied[0]] for values in ends.values()}) < len(ends):
        return None
    return first.axes[varied[0]], {name: values[varied[0]] for name, values in ends.items()}


def _measures(kinds: Mapping[str, TableKind], axis: Axis) -> list[_Measure]:
    """What is drawn: the share solved, and the shares of runs with exact answers."""
    kind = next(iter(kinds.values()))
    found = [_Measure("solved", "solved", is_solved)] if kind.solvable else []
    if "exact" in kind.of.names:
        like = kind.headlines[0][0]
        found.append(_Measure("exact", "exact like training", partial(_exact, tests=dict.fromkeys(kinds, like))))
        index = kind.axes.index(axis)
        others = _without(kind.axes, index)
        for rest in _others(kinds, index):
            tests = {table: _cells(own, index)[rest] for table, own in kinds.items()}
            found.append(
                _Measure(
                    "exact_" + "_".join(f"{one.name}{value}" for one, value in zip(others, rest, strict=True)),
                    f"exact at {cell_title(others, rest)} and that {axis.name.replace('_', ' ')}",
                    partial(_exact, tests=tests),
                )
            )
    return found


def _others(kinds: Mapping[str, TableKind], index: int) -> list[tuple[int, ...]]:
    """The values on the other axes of the headline cells that all tables have."""
    first, *others = (_cells(kind, index) for kind in kinds.values())
    return [rest for rest in first if all(rest in own for own in others)]


def _cells(kind: TableKind, index: int) -> dict[tuple[int, ...], str]:
    """The first headline cell of a table for each combination of values on all axes but one."""
    found: dict[tuple[int, ...], str] = {}
    for test, cell in kind.cells(test for test, _ in kind.headlines).items():
        found.setdefault(tuple(_without(cell, index)), test)
    return found


def _without(values: Sequence[Any], index: int) -> list[Any]:
    return [value for i, value in enumerate(values) if i != index]


def _exact(row: RunRow, tests: Mapping[str, str]) -> bool | None:
    """Whether the answers of a run are exact on the test set of its table."""
    value = outcome(row, tests[row["table"]], "exact")
    return None if value is None else value >= EXACT


def _draw(
    rows: Sequence[RunRow], ends: Mapping[str, int], axis: Axis, measure: _Measure, task: str, file: str,
    order: Sequence[str],
) -> Drawing:  # fmt: skip
    """The share of runs with a property, for each row of the tables, with Wilson's interval."""
    curves, data = [], []
    for label, group in tables.variants(rows).items():
        points: list[dict[str, Any]] = []
        for table, end in sorted(ends.items(), key=lambda item: item[1]):
            held = [holds for row in group if row["table"] == table and (holds := measure.holds(row)) is not None]
            if held:
                point = {"row": label, axis.name: end, "runs": len(held), "share": sum(held) / len(held)}
                interval = intervals.of_share(sum(held), len(held)) or ()
                points.append(point | dict(zip(("low", "high"), interval, strict=False)))
        if points:
            x, y, low, high = (
                np.array([point.get(key, np.nan) for point in points], dtype=float)
                for key in (axis.name, "share", "low", "high")
            )
            curves.append(AxisCurve(label, x, y, np.stack([low, high])))
            data += points
    named = axis.name.replace("_", " ")
    figure = axis_curves(
        curves, f"{named} (largest in training)", f"share of runs {measure.words}", True, order=order
    )
    exact = f" A run is exact where at least {EXACT:.0%} of the sequences are." if measure.name != "solved" else ""
    least, most = (function(point["runs"] for point in data) for function in (min, max))
    caption = (
        f"{task}: share of runs {measure.words} over the largest {named} in training, {intervals.RULE} with "
        f"Wilson's 95 % interval; {least if least == most else f'{least} to {most}'} runs a point.{exact}"
    )
    return Drawing(file, caption, figure, ("row", axis.name, "share", "low", "high", "runs"), data)
