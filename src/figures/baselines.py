"""Lines across panels at values that need no network, such as those of guessing."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

#: Line styles of baselines, in their order, and the colour of all.
STYLES: tuple[Literal["--", ":"], ...] = ("--", ":")
GREY = "0.35"
#: Name of a baseline, such as guessing -> its value by name of a panel.
Baselines = Mapping[str, Mapping[str, float]]


def draw_across(ax: Axes, lines: Baselines, panel: str) -> np.ndarray:
    """Draw the finite baselines of a panel across it, and return their values."""
    drawn = []
    for values, style in zip(lines.values(), STYLES, strict=False):
        value = values.get(panel, np.nan)
        if np.isfinite(value):
            ax.axhline(value, color=GREY, linewidth=1.2, linestyle=style, zorder=3)
            drawn.append(value)
    return np.array(drawn)


def handles(lines: Baselines, panels: Iterable[str]) -> list[Line2D]:
    """Legend handles of the baselines that are drawn in any of the panels."""
    panels = list(panels)
    return [
        Line2D([], [], color=GREY, linewidth=1.2, linestyle=style, label=name)
        for (name, values), style in zip(lines.items(), STYLES, strict=False)
        if any(np.isfinite(values.get(panel, np.nan)) for panel in panels)
    ]
