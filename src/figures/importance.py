"""Importance of the settings of a search."""

from collections.abc import Mapping

import numpy as np

from .palette import colours
from .style import Figure, default_style

#: Inches: width of a letter, height of a bar, margins around the bars.
LETTER, BAR, AROUND = 0.085, 0.32, 0.75


@default_style()
def importance(panels: Mapping[str, Mapping[str, float]], label: str) -> Figure:
    """One horizontal bar per setting, the greatest at the top, in one panel per model.

    Args:
        panels: title -> name of a setting -> its share of 1; every panel has at least one.
        label: what the shares are.
    """
    heights = [AROUND + BAR * len(shares) for shares in panels.values()]
    longest = max(len(name) for shares in panels.values() for name in shares)
    figure = Figure(figsize=(3.4 + LETTER * longest, sum(heights) + 0.3), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (title, shares) in zip(axes, panels.items(), strict=True):
        ordered = sorted(shares.items(), key=lambda one: -one[1])
        rows = np.arange(len(ordered))
        drawn = ax.barh(rows, [share for _, share in ordered], color=colours(panels)[title], height=0.7)
        ax.bar_label(drawn, [f"{share:.2f}" for _, share in ordered], padding=3)
        ax.set_yticks(rows, [name for name, _ in ordered])
        ax.set(title=title, xlim=(0, 1.12), ylim=(len(ordered) - 0.5, -0.5))
        ax.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(label, fontsize="medium")
    return figure
