"""Share of runs that have solved their task, over training sequences."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .layout import COLUMNS, legend_beside, legend_width, lowest, panel_axes, plain, sequences
from .palette import colours
from .style import Figure, default_style


class SurvivalCurve(NamedTuple):
    """The survival curve of the runs of one label.

    Attributes:
        times: [P], ascending from 0, such as training sequences.
        share: [P], share solved from each time until the next, 0..1.
        band: [2, P], lower and upper end of its interval; None where there is none.
        censored: [C], times at which runs ended unsolved; infinite ones are not drawn.
    """

    times: np.ndarray
    share: np.ndarray
    band: np.ndarray | None
    censored: np.ndarray


@default_style()
def survival(panels: Mapping[str, Mapping[str, SurvivalCurve]], xlabel: str, order: Sequence[str] = ()) -> Figure:
    """One panel per task, one step curve and interval band per label, and ticks where runs ended unsolved.

    Every curve extends to the latest time in its panel.

    Args:
        panels: title -> label -> runs.
        xlabel: what the times are, with their unit.
        order: labels of all figures of a set, which fix the colours.
    """
    painted = colours((label for steps in panels.values() for label in steps), order)
    shown = [label for label in painted if any(label in steps for steps in panels.values())]
    figure, axes = panel_axes(list(panels), 3.7, 2.7, legend_width(shown), lines=len(shown) + 1)
    for ax, steps in zip(axes, panels.values(), strict=True):
        times = [time for one in steps.values() for time in (*one.times, *one.censored) if np.isfinite(time)]
        end = max(times, default=0.0)
        for label, one in steps.items():
            _draw(ax, one, end, painted[label], 0.35 / max(3, len(steps)))
        ax.set(ylim=(-0.03, 1.03), yticks=[0.0, 0.25, 0.5, 0.75, 1.0])
        sequences(ax, end)
        plain(ax)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("Share solved")
    for ax in lowest(axes):
        ax.set_xlabel(xlabel)
    lines = [Line2D([], [], color=painted[label], linewidth=1.8, label=label) for label in shown]
    tick = Line2D([], [], color="0.35", marker="|", markersize=7, linestyle="", label="ended unsolved")
    ticked = any(np.isfinite(one.censored).any() for steps in panels.values() for one in steps.values())
    legend_beside(figure, [*lines, tick] if ticked else lines)
    return figure


def _draw(ax: Axes, steps: SurvivalCurve, end: float, colour: str, alpha: float) -> None:
    times = np.append(steps.times, end)
    share = np.append(steps.share, steps.share[-1])
    if steps.band is not None:
        low, high = np.append(steps.band, steps.band[:, -1:], axis=1)
        ax.fill_between(times, low, high, step="post", color=colour, alpha=alpha, linewidth=0.0)
    ax.step(times, share, where="post", color=colour, linewidth=1.8)
    censored = np.asarray(steps.censored, dtype=float)
    censored = censored[np.isfinite(censored)]
    at = steps.share[np.searchsorted(steps.times, censored, side="right") - 1]
    ax.plot(censored, at, color=colour, marker="|", markersize=7, linestyle="")
