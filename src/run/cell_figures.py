"""Figures of the metrics of one network over a grid of test cells."""

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from ..figures.axis_curves import AxisCurve, axis_curves
from ..figures.grid import metric_grid
from ..figures.grids import grids
from ..figures.png import figure_errors_as_warnings
from ..figures.style import Figure
from ..lit.baselines import WORDS, Baselines, baseline, told
from ..lit.objective import Metric, Objective
from ..tasks.axes import cell_title
from ..tasks.base import Task

#: Metrics by test set.
Tested = Mapping[str, Mapping[str, float]]


def draw_cells(
    model: str,
    tested: Tested,
    known: Baselines,
    grid: Mapping[str, list[int]],
    task: Task,
    objective: Objective,
) -> dict[str, Figure]:
    """A figure for each metric in `objective.mapped`, or in `reach` if it has none; none without a grid.

    One axis gives a curve, two a heat map, and more a heat map for each combination of values of the further axes.

    Args:
        model: name of the network.
        tested: metrics by test set; a cell of the grid that is not among them stays empty.
        known: baselines by test set.
        grid: ascending values by `Axis.many`; empty for none.
        task: of the network.
        objective: of the task.
    """
    figures: dict[str, Figure] = {}
    if not task.axes or not all(grid.values()):
        return figures
    for name in objective.mapped or objective.reach:
        metric = objective.metric(name)
        with figure_errors_as_warnings(f"grid_{name}"):
            if len(task.axes) == 1:
                figures[f"grid_{name}"] = _curve(model, tested, known, grid, task, metric)
            else:
                figures[f"grid_{name}"] = _heat_maps(tested, known, grid, task, metric)
    return figures


def _curve(
    model: str, tested: Tested, known: Baselines, grid: Mapping[str, list[int]], task: Task, metric: Metric
) -> Figure:
    """The metric over the only axis, with its baselines."""
    (axis,), (trained,) = task.axes, task.trained
    tests = {value: task.name_of((value,)) for value in grid[axis.many]}
    x = np.array([value for value, name in tests.items() if name in tested])
    names = [tests[int(value)] for value in x]
    lines = {
        word: (x, _array(baseline(known, which, name, metric) for name in names)) for which, word in WORDS.items()
    }
    curve = AxisCurve(model, x, _array(tested[name][metric.name] for name in names))
    named = axis.name.replace("_", " ")
    return axis_curves([curve], named, metric.label, metric.more, [trained], lines)


def _heat_maps(
    tested: Tested, known: Baselines, grid: Mapping[str, list[int]], task: Task, metric: Metric
) -> Figure:
    """The metric over the first two axes, its baselines in the label; a panel for each value of the others."""
    down, across, *others = (grid[axis.many] for axis in task.axes)
    first, second, *further = task.trained
    panels, beyond = {}, []
    for rest in product(*others):
        title = cell_title(task.axes[2:], rest)
        names = [[task.name_of((one, other, *rest)) for other in across] for one in down]
        missing = {metric.name: np.nan}
        panels[title] = np.array([[tested.get(name, missing)[metric.name] for name in row] for row in names])
        if not all(least <= one <= most for one, (least, most) in zip(rest, further, strict=True)):
            beyond.append(title)
    named = [axis.name.replace("_", " ") for axis in task.axes[:2]]
    trained = first, second
    cells = (task.name_of(cell) for cell in product(*(grid[axis.many] for axis in task.axes)))
    drawn = [cell for cell in cells if cell in tested]
    values_of = {word: [baseline(known, which, cell, metric) for cell in drawn] for which, word in WORDS.items()}
    label = metric.label + told(values_of)
    if not others:
        return metric_grid(panels[""], down, across, named, label, metric.more, trained)
    return grids(panels, down, across, named, label, metric.more, trained, beyond)


def _array(values: Iterator[float | None]) -> np.ndarray:
    """Values as floats, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)
