"""Heat map of metrics by the values of two settings."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from .heat_map import heat_map, write
from .layout import COLUMNS, LETTER, lowest, panel_axes
from .palette import BETTER
from .style import Figure, default_style


@default_style()
def settings_map(
    panels: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    row_name: str,
    column_name: str,
    more: Collection[str],
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """One annotated heat map per metric, each with its own colour scale; rows go downwards.

    Args:
        panels: name of a metric -> [len(rows), len(columns)]; NaN where nothing was measured, shown as a dash.
        rows: values of the first setting.
        columns: values of the second setting.
        row_name: name of the first setting.
        column_name: name of the second setting.
        more: names of the metrics of which more is better.
        limits: name of a metric -> ends of its colour scale; those of its values for others.
    """
    across, along = (max(len(name) for name in names) for names in (columns, rows))
    cell = max(0.62, LETTER * (across + 1))
    upright = LETTER * (across + 1) > 0.9
    width = 1.7 + LETTER * along + (0.62 if upright else cell) * len(columns)
    height = 0.8 + 0.4 * len(rows) + (LETTER * across if upright else 0.0)
    figure, axes = panel_axes(list(panels), width, height, around=0.1)
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        image = heat_map(ax, values, name in more, (limits or {}).get(name), origin="upper")
        figure.colorbar(image, ax=ax).set_label(BETTER.replace(" ", "\n", 1), fontsize="x-small")
        write(ax, image, values, missing="-")
        ax.set_xticks(range(len(columns)), columns, rotation=90 if upright else 0)
        ax.set_yticks(range(len(rows)), rows)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(row_name)
    for ax in lowest(axes):
        ax.set_xlabel(column_name)
    return figure
