"""Figures of metrics over the axes of the test cells: a curve for one axis, heat maps for more."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..figures.axis_curves import AxisCurve, axis_curves
from ..figures.grids import grids
from ..figures.png import figure_errors_as_warnings
from ..lit.baselines import WORDS, told
from ..tasks.axes import Axis, cell_title
from . import intervals, statistics, tables
from .drawings import Drawing
from .kinds import TableKind
from .rows import RunRow, outcome, test_sets

#: Values of a cell, by test set.
Cells = Mapping[str, tuple[int, ...]]


class _Slice(NamedTuple):
    """The cells that share the values of all axes but those drawn."""

    where: Cells
    drawn: list[int]  # indices of the axes drawn, one or two
    suffix: str  # of the file name
    title: str  # the shared values; empty if nothing but the drawn axes varies


def draw_cells(rows: Sequence[RunRow], kind: TableKind, name: str, order: Sequence[str] = ()) -> list[Drawing]:
    """For each metric of generalisation, a curve or heat maps over the axes in which the test cells differ.

    One axis gives a curve for each row of the table, two a heat map for each row, and more the heat maps of the
    first two, in a figure for each combination of values of the others.
    """
    drawings: list[Drawing] = []
    for metric in kind.of.reach:
        for part in _slices(kind.cells(test_sets(rows, metric)), kind.axes):
            file = f"{name}_{metric}{part.suffix}"
            draw = _curves if len(part.drawn) == 1 else _heat_maps
            with figure_errors_as_warnings(file):
                drawings.append(draw(rows, kind, metric, part, file, order))
    return drawings


def _slices(where: Cells, axes: Sequence[Axis]) -> list[_Slice]:
    """The figures to draw of some cells; none if the cells do not differ."""
    values = [sorted({cell[i] for cell in where.values()}) for i in range(len(axes))]
    varied = [i for i, one in enumerate(values) if len(one) > 1]
    drawn, others = varied[:2], varied[2:]
    found = []
    for rest in product(*(values[i] for i in others)):
        own = {test: cell for test, cell in where.items() if tuple(cell[i] for i in others) == rest}
        if drawn and all(len({cell[i] for cell in own.values()}) > 1 for i in drawn):
            suffix = "".join(f"_{axes[i].name}{value}" for i, value in zip(others, rest, strict=True))
            fixed = [i for i in range(len(axes)) if i not in drawn]
            some = next(iter(own.values()))
            found.append(
                _Slice(own, drawn, suffix, cell_title([axes[i] for i in fixed], [some[i] for i in fixed]))
            )
    return found


def _curves(
    rows: Sequence[RunRow], kind: TableKind, metric: str, part: _Slice, file: str, order: Sequence[str]
) -> Drawing:
    """All runs of each row, and their interquartile mean with its interval, over one axis."""
    (index,) = part.drawn
    axis, shown = kind.axes[index], kind.metric(metric)
    tests = sorted(part.where, key=lambda test: part.where[test])
    curves, data = [], []
    for label, group in tables.variants(rows).items():
        points: list[dict[str, Any]] = []
        where = [test for test in tests if tables.tested(group, test, metric)]
        for test in where:
            found = tables.outcomes(group, test, metric)
            point = {"row": label, axis.name: part.where[test][index], "runs": len(found)}
            point[metric] = statistics.interquartile_mean(found)
            points.append(point | dict(zip(("low", "high"), intervals.of_mean(found) or (), strict=False)))
        if points:
            x, y, *band = (_column(points, key) for key in (axis.name, metric, "low", "high"))
            each = [[outcome(row, test, metric) for test in where] for row in group]
            curves.append(AxisCurve(label, x, y, np.stack(band), np.array(each, dtype=float)))
            data += points
    values = [part.where[test][index] for test in tests]
    lines = {}
    for which, word in WORDS.items():
        known = [kind.baseline(which, test, metric) for test in tests]
        lines[word] = np.array(values), np.array([np.nan if one is None else one for one in known])
        data += [
            {"row": word, axis.name: value, metric: one}
            for value, one in zip(values, known, strict=True)
            if one is not None
        ]
    values_trained = dict(kind.further).get(axis)
    trained = _trained(kind, part) if values_trained is None else _ranges(values_trained)
    figure = axis_curves(curves, axis.name.replace("_", " "), shown.label, shown.more, trained, lines, order)
    over = axis.many.replace("_", " ")
    caption = (
        f"{shown.label.capitalize()} over {over}{_fixed(part)}: every run thin, the interquartile means over all "
        f"runs thick, {intervals.RULE} with their 95 % intervals."
    )
    return Drawing(file, caption, figure, ("row", axis.name, metric, "low", "high", "runs"), data)


def _heat_maps(
    rows: Sequence[RunRow], kind: TableKind, metric: str, part: _Slice, file: str, order: Sequence[str]
) -> Drawing:
    """The interquartile mean over seeds over two axes, a panel for each row."""
    first, second = part.drawn
    down, across = kind.axes[first], kind.axes[second]
    up, along = (sorted({cell[i] for cell in part.where.values()}) for i in part.drawn)
    panels, data = {}, []
    for label, group in tables.variants(rows).items():
        values = np.full((len(up), len(along)), np.nan)
        for test, cell in part.where.items():
            found = tables.outcomes(group, test, metric)
            if tables.tested(group, test, metric):
                one, other = cell[first], cell[second]
                value = values[up.index(one), along.index(other)] = statistics.interquartile_mean(found)
                data.append({"row": label, down.name: one, across.name: other, metric: value, "runs": len(found)})
        panels[label] = values
    shown = kind.metric(metric)
    known = {
        word: [kind.baseline(which, test, metric, fallback=False) for test in part.where]
        for which, word in WORDS.items()
    }
    both = " and ".join(axis.many.replace("_", " ") for axis in (down, across))
    caption = f"{shown.label.capitalize()} over {both}{_fixed(part)}: interquartile means over all runs."
    named = [axis.name.replace("_", " ") for axis in (down, across)]
    spans = _trained(kind, part)
    trained = (spans[0], spans[1]) if spans else None
    figure = grids(panels, up, along, named, shown.label + told(known), shown.more, trained)
    return Drawing(file, caption, figure, ("row", down.name, across.name, metric, "runs"), data)


def _trained(kind: TableKind, part: _Slice) -> list[tuple[int, int]]:
    """The training ranges of the axes drawn; none if unknown, or if another axis lies outside its own."""
    spans = [(least, most) for least, most in kind.trained or []]
    some = next(iter(part.where.values()))
    inside = [least <= one <= most for one, (least, most) in zip(some, spans, strict=False)]
    if not spans or not all(one or i in part.drawn for i, one in enumerate(inside)):
        return []
    return [spans[i] for i in part.drawn]


def _ranges(values: Sequence[int]) -> list[tuple[int, int]]:
    """The ranges without a gap that ascending integers form.

    >>> _ranges([1, 2, 4, 7, 8])
    [(1, 2), (4, 4), (7, 8)]
    """
    found: list[tuple[int, int]] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1] = found[-1][0], value
        else:
            found.append((value, value))
    return found


def _fixed(part: _Slice) -> str:
    return f" at {part.title}" if part.title else ""


def _column(points: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Values of a column, NaN where it is missing."""
    return np.array([point.get(key, np.nan) for point in points], dtype=float)
