"""Loss curves of several models, with several seeds each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .layout import COLUMNS, legend_beside, legend_width, lowest, panel_axes, plain, sequences
from .learning_curves import logarithmic
from .palette import colours
from .style import Figure, default_style

NOTE = "Thin: a seed. Thick: median over seeds. Band: quartiles.\nA run that has ended keeps its last value."


class LossCurve(NamedTuple):
    """Loss curve of one run.

    Attributes:
        label: shared by all runs that differ only in the seed.
        seed: of the run.
        x: [n], ascending, such as training sequences.
        y: [n], such as the validation loss; NaN where it is missing.
    """

    label: str
    seed: int
    x: np.ndarray
    y: np.ndarray


@default_style()
def loss_comparison(
    panels: Mapping[str, Sequence[LossCurve]],
    xlabel: str,
    ylabel: str,
    log: bool = True,
    order: Sequence[str] = (),
) -> Figure:
    """One panel per task: every seed, and per label the median and the quartiles over seeds.

    Args:
        panels: title -> runs.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        log: make y logarithmic.
        order: labels of all figures of a set, which fix the colours.
    """
    labels = list(dict.fromkeys(curve.label for curves in panels.values() for curve in curves))
    painted = colours(labels, order)
    names = {label: f"{label} ({_count(panels, label)})" for label in painted if label in labels}
    figure, axes = panel_axes(list(panels), 3.7, 2.9, legend_width(list(names.values())), lines=len(names))
    for ax, curves in zip(axes, panels.values(), strict=True):
        for label in dict.fromkeys(curve.label for curve in curves):
            _draw(ax, [curve for curve in curves if curve.label == label], painted[label])
        y = np.concatenate([curve.y for curve in curves]) if curves else np.zeros(0)
        if log:
            logarithmic(ax, y[np.isfinite(y)])
        sequences(ax, max((curve.x.max(initial=0.0) for curve in curves), default=0.0))
        plain(ax)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(ylabel)
    for ax in lowest(axes):
        ax.set_xlabel(xlabel)
    figure.supxlabel(NOTE, fontsize="small", color="0.35")
    legend_beside(
        figure, [Line2D([], [], color=painted[label], linewidth=2.0, label=name) for label, name in names.items()]
    )
    return figure


def quartiles(curves: Sequence[LossCurve]) -> tuple[np.ndarray, np.ndarray]:
    """x [P], and the lower quartile, median and upper quartile of y at each x, [3, P].

    x is every x of any run, from the latest first point of a run. A run is interpolated linearly between its
    points, and keeps its last value after its end.
    """
    known = [(curve.x[~np.isnan(curve.y)], curve.y[~np.isnan(curve.y)]) for curve in curves]
    known = [(x, y) for x, y in known if x.size]
    if not known:
        return np.zeros(0), np.zeros((3, 0))
    grid = np.unique(np.concatenate([x for x, _ in known]))
    grid = grid[grid >= max(x[0] for x, _ in known)]
    with np.errstate(invalid="ignore"):  # points next to an infinite loss are not drawn
        rows = np.stack([np.interp(grid, x, y) for x, y in known])
        return grid, np.quantile(rows, [0.25, 0.5, 0.75], axis=0)


def _draw(ax: Axes, curves: Sequence[LossCurve], colour: str) -> None:
    for curve in curves:
        known = ~np.isnan(curve.y)
        ax.plot(curve.x[known], curve.y[known], color=colour, linewidth=0.6, alpha=0.3)
    grid, bounds = quartiles(curves)
    lower, middle, upper = np.where(np.isfinite(bounds), bounds, np.nan)
    ax.fill_between(grid, lower, upper, color=colour, alpha=0.13, linewidth=0.0)
    ax.plot(grid, middle, color=colour, linewidth=2.0)


def _count(panels: Mapping[str, Sequence[LossCurve]], label: str) -> str:
    """Number of runs per panel: one number, or the least and the most of the panels that have any."""
    counts = [sum(curve.label == label for curve in curves) for curves in panels.values()]
    least, most = min(filter(None, counts)), max(counts)
    return str(most) if least == most else f"{least} to {most}"
