"""Learning curves of one run, one small panel per metric."""

from collections.abc import Collection, Mapping
from math import ceil

import numpy as np
from matplotlib.axes import Axes

from .baselines import Baselines, draw_across, handles
from .layout import LINE, plain, sequences
from .log_axis import logarithmic
from .style import Figure, default_style

#: Most panels in a row; fewest points of a line without dots.
COLUMNS, DENSE = 3, 50


@default_style()
def learning_curves(
    x: np.ndarray,
    curves: Mapping[str, np.ndarray],
    x_label: str,
    log: Collection[str] = (),
    lines: Baselines | None = None,
) -> Figure:
    """One panel per curve, its name as the label of y.

    Args:
        x: [P], such as training sequences.
        curves: [P] each, by name; NaN where a value is missing; the line connects its neighbours.
        x_label: what x is, with its unit.
        log: names of curves with a logarithmic y; other names are ignored.
        lines: name of a baseline, such as guessing -> value by name of a curve.
    """
    rows = ceil(len(curves) / COLUMNS)
    columns = ceil(len(curves) / rows)
    named = handles(lines or {}, curves)
    height = 2.3 * rows + 0.3 + LINE * bool(named)
    figure = Figure(figsize=(max(4.5, 3.3 * columns), height), layout="constrained")
    first: Axes | None = None
    for index, (name, y) in enumerate(curves.items()):
        ax = figure.add_subplot(rows, columns, index + 1, sharex=first)
        first = first or ax
        known = ~np.isnan(y)
        ax.plot(x[known], y[known], linewidth=1.2, color="0.2", marker="." if known.sum() < DENSE else "")
        across = draw_across(ax, lines or {}, name)
        if name in log:
            logarithmic(ax, np.concatenate([y[known], across]))
        ax.set_ylabel(name)
        plain(ax)
    if first is not None:
        sequences(first, np.abs(x).max(initial=0))
    figure.supxlabel(x_label, fontsize="medium")
    figure.align_ylabels()
    if named:
        figure.legend(handles=named, loc="outside upper right", ncols=len(named), frameon=False, fontsize="small")
    return figure
