"""Learning curves of one run, one small panel per metric."""

from collections.abc import Collection, Mapping
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, SymmetricalLogLocator

from .style import Figure, default_style

#: Most panels in a row; fewest points of a line without dots.
COLUMNS, DENSE = 3, 50


@default_style()
def learning_curves(
    x: np.ndarray,
    curves: Mapping[str, np.ndarray],
    x_label: str,
    log: Collection[str] = (),
    best: Mapping[str, float] | None = None,
) -> Figure:
    """One panel per curve, its name as the label of y.

    Args:
        x: [P], such as training sequences.
        curves: [P] each, by name; NaN where a value is missing; the line connects its neighbours.
        x_label: what x is, with its unit.
        log: names of curves with a logarithmic y; other names are ignored.
        best: the best possible value by name of a curve, drawn as a line.
    """
    rows = ceil(len(curves) / COLUMNS)
    columns = ceil(len(curves) / rows)
    figure = Figure(figsize=(max(4.5, 3.3 * columns), 2.3 * rows + 0.3), layout="constrained")
    first: Axes | None = None
    for index, (name, y) in enumerate(curves.items()):
        ax = figure.add_subplot(rows, columns, index + 1, sharex=first)
        first = first or ax
        known = ~np.isnan(y)
        ax.plot(x[known], y[known], linewidth=1.2, color="0.2", marker="." if known.sum() < DENSE else "")
        if best and np.isfinite(best.get(name, np.nan)):
            ax.axhline(best[name], color="0.5", linewidth=1.2, linestyle=":", label="best possible")
            ax.legend(frameon=False, fontsize="small")
        if name in log:
            logarithmic(ax, y[known])
        ax.set_ylabel(name)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    if first is not None and np.abs(x).max(initial=0) >= 10_000:
        first.xaxis.set_major_formatter(EngFormatter(sep=""))  # 250k, 1M
    figure.supxlabel(x_label, fontsize="medium")
    figure.align_ylabels()
    return figure


def logarithmic(ax: Axes, y: np.ndarray) -> None:
    """Make y logarithmic; if there are values of 0 or less, linear below the smallest positive one."""
    positive = y[y > 0]
    if positive.size == y.size > 0:
        ax.set_yscale("log")
    elif positive.size > 0:
        ax.set_yscale("symlog", linthresh=positive.min(), linscale=0.5)
        locator = SymmetricalLogLocator(base=10.0, linthresh=positive.min())
        locator.set_params(numticks=5)  # the default labels every decade, too many for a small panel
        ax.yaxis.set_major_locator(locator)
