"""Loss curves of several seeds, and their middle half at each point."""

from collections.abc import Sequence

import numpy as np

from ..figures.loss_comparison import LossGroup
from . import intervals, statistics


def summarise(label: str, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> LossGroup:
    """The interquartile mean over seeds at every x of any run, from the latest first point of a run.

    A run is interpolated linearly between its points, and keeps its last value after its end. The band is from the
    least to the greatest of the values that the interquartile mean is of.

    Args:
        label: of the runs.
        curves: x [n], ascending, and y [n] of each run; NaN where y is missing.
    """
    known = [(x[~np.isnan(y)], y[~np.isnan(y)]) for x, y in curves]
    begun = [(x, y) for x, y in known if x.size]
    if not begun:
        return LossGroup(label, known, np.zeros(0), np.zeros(0), None)
    grid = np.unique(np.concatenate([x for x, _ in begun]))
    grid = grid[grid >= max(x[0] for x, _ in begun)]
    with np.errstate(invalid="ignore"):
        rows = np.stack([np.interp(grid, x, y) for x, y in begun])
    rows = np.sort(np.where(np.isnan(rows), np.inf, rows), axis=0)  # NaN is beside an infinite loss
    middle = rows[len(rows) // 4 : len(rows) - len(rows) // 4]
    band = np.stack([middle[0], middle[-1]]) if intervals.enough(len(rows)) else None
    return LossGroup(label, known, grid, statistics.interquartile_mean(rows, axis=0), band)
