"""Loss curves of several models, with several seeds each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .baselines import Baselines, draw_across, handles
from .layout import COLUMNS, legend_beside, legend_width, lowest, panel_axes, plain, sequences
from .log_axis import logarithmic
from .palette import colours
from .style import Figure, default_style

NOTE = "Thin: a seed. Thick: interquartile mean over seeds.{band}\nA run that has ended keeps its last value."
BAND = " Band: the middle half of the seeds."


class LossGroup(NamedTuple):
    """Loss curves of the runs of one label, which differ only in the seed.

    Attributes:
        label: of the runs.
        seeds: x [n], ascending, such as training sequences, and y [n], such as the validation loss, of each run.
        x: [P], where the seeds are summarised.
        centre: [P], the interquartile mean over seeds; not finite where it is not drawn.
        band: [2, P], the least and the greatest value of the middle half; None where it is not drawn.
    """

    label: str
    seeds: Sequence[tuple[np.ndarray, np.ndarray]]
    x: np.ndarray
    centre: np.ndarray
    band: np.ndarray | None


@default_style()
def loss_comparison(
    panels: Mapping[str, Sequence[LossGroup]],
    xlabel: str,
    ylabel: str,
    order: Sequence[str] = (),
    lines: Baselines | None = None,
) -> Figure:
    """One panel per task: every seed, and per label the interquartile mean and the middle half of the seeds; y is
    logarithmic.

    Args:
        panels: title -> groups.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        order: labels of all figures of a set, which fix the colours.
        lines: name of a baseline, such as guessing -> value by title of a panel.
    """
    labels = list(dict.fromkeys(group.label for groups in panels.values() for group in groups))
    painted = colours(labels, order)
    names = {label: f"{label} ({_count(panels, label)})" for label in painted if label in labels}
    across = handles(lines or {}, panels)
    beside = [*names.values(), *(str(line.get_label()) for line in across)]
    figure, axes = panel_axes(list(panels), 3.7, 2.9, legend_width(beside), lines=len(beside))
    for ax, (title, groups) in zip(axes, panels.items(), strict=True):
        for group in groups:
            _draw(ax, group, painted[group.label])
        known = draw_across(ax, lines or {}, title)
        points = [seed for group in groups for seed in group.seeds]
        y = np.concatenate([*(y for _, y in points), known])
        logarithmic(ax, y[np.isfinite(y)])
        sequences(ax, max((x.max(initial=0.0) for x, _ in points), default=0.0))
        plain(ax)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(ylabel)
    for ax in lowest(axes):
        ax.set_xlabel(xlabel)
    banded = any(group.band is not None for groups in panels.values() for group in groups)
    figure.supxlabel(NOTE.format(band=BAND * banded), fontsize="small", color="0.35")
    models = [Line2D([], [], color=painted[label], linewidth=2.0, label=name) for label, name in names.items()]
    legend_beside(figure, [*models, *across])
    return figure


def _draw(ax: Axes, group: LossGroup, colour: str) -> None:
    for x, y in group.seeds:
        ax.plot(x, y, color=colour, linewidth=0.6, alpha=0.3)
    if group.band is not None:
        low, high = np.where(np.isfinite(group.band), group.band, np.nan)
        ax.fill_between(group.x, low, high, color=colour, alpha=0.13, linewidth=0.0)
    ax.plot(group.x, np.where(np.isfinite(group.centre), group.centre, np.nan), color=colour, linewidth=2.0)


def _count(panels: Mapping[str, Sequence[LossGroup]], label: str) -> str:
    """Number of runs per panel: one number, or the least and the most of the panels that have any."""
    counts = [len(group.seeds) for groups in panels.values() for group in groups if group.label == label]
    least, most = min(counts), max(counts)
    return str(most) if least == most else f"{least} to {most}"
