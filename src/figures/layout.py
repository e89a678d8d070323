"""Layout of panels and legends in figures of several panels."""

import textwrap
from collections.abc import Sequence
from math import ceil

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from .style import Figure, default_style

#: Most panels in a row; scale of a single panel; inches of a letter and of a line of small print.
COLUMNS, ALONE, LETTER, LINE = 2, 1.3, 0.075, 0.2


@default_style()
def panel_axes(
    titles: Sequence[str], width: float, height: float, beside: float = 0.0, around: float = 0.4, lines: int = 0
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per title, in at most two columns, row by row.

    Args:
        titles: of the panels; may be empty.
        width: of a panel with its labels, in inches.
        height: of a panel with its labels, in inches.
        beside: inches of margin to the right of all panels.
        around: inches of margin above and below all panels together.
        lines: of the legend beside the panels; the figure is made high enough for them.
    """
    columns = min(len(titles), COLUMNS)
    rows = ceil(len(titles) / columns)
    if len(titles) == 1:
        width, height = ALONE * width, ALONE * height
    height = max(height, LINE * (lines + 1) / rows)
    figure = Figure(figsize=(width * columns + beside, height * rows + around), layout="constrained")
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(len(titles))]
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(wrapped(title, width), fontsize="medium")
    return figure, axes


def wrapped(title: str, width: float) -> str:
    """A title wrapped to a panel of `width` inches."""
    return "\n".join(textwrap.wrap(title, max(1, int(width / (1.2 * LETTER))))) or title


def spacing(names: Sequence[str], width: float) -> int:
    """The least k for which every k-th name fits beside the others in `width` inches.

    >>> spacing(["10", "20", "30"], 3.0), spacing([str(k) for k in range(100, 130)], 3.0)
    (1, 3)
    """
    return max(1, ceil(LETTER * (max(map(len, names), default=0) + 1) * len(names) / width))


def plain(ax: Axes) -> None:
    """Draw a faint grid, and no frame at the top and at the right."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def lowest(axes: Sequence[Axes]) -> list[Axes]:
    """The axes without a panel below."""
    return list(axes[-COLUMNS:])


def sequences(ax: Axes, most: float) -> None:
    """Format x as 250k, 1M if it has 10,000 or more."""
    if most >= 10_000:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))


def legend_width(labels: Sequence[str]) -> float:
    """Width in inches of a legend of these labels."""
    return LETTER * max(map(len, labels), default=0) + 0.6


def legend_beside(figure: Figure, handles: Sequence[Artist]) -> None:
    """Draw a legend to the right of all panels."""
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize="small")
