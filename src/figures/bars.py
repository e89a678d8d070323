"""Bar chart on a logarithmic scale."""

from collections.abc import Mapping, Sequence

import numpy as np

from .log_axis import label_log
from .palette import colours
from .style import Figure, default_style


@default_style()
def bars(names: Sequence[str], panels: Mapping[str, Sequence[float]], label: str) -> Figure:
    """One horizontal bar per name, on a logarithmic scale, in one panel per group of numbers.

    Args:
        names: of the bars, from top to bottom; the first word, the model, has the colour.
        panels: title -> a positive number for each name.
        label: what the numbers are, with their unit.
    """
    figure = Figure(figsize=(2.2 + 2.2 * len(panels), 0.9 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    models = [name.split()[0] for name in names]
    painted = colours(models)
    rows = np.arange(len(names))
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        drawn = ax.barh(rows, values, color=[painted[model] for model in models], height=0.7)
        ax.bar_label(drawn, [f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in values], padding=3)
        ax.set(xscale="log", title=title)
        label_log(ax.xaxis)
        ax.margins(x=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(rows, names)
    axes[0].invert_yaxis()
    figure.supxlabel(label, fontsize="medium")
    return figure
