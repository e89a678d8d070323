"""Where panels and legends stand: what figures with a panel a task or a cell share."""

import textwrap
from collections.abc import Sequence
from math import ceil

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from src.figures.style import Figure, default_style

#: Most panels in a row; how much larger one is that stands alone; inches of a letter and of a line of small print.
COLUMNS, ALONE, LETTER, LINE = 2, 1.3, 0.075, 0.2


@default_style()
def panel_axes(
    titles: Sequence[str], width: float, height: float, beside: float = 0.0, around: float = 0.4, lines: int = 0
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel a title, in at most two columns, row by row.

    Args:
        titles: of the panels; an empty one stays away.
        width: of a panel, in inches, with its own labels.
        height: likewise.
        beside: inches to the right of all panels.
        around: inches above and below all panels together.
        lines: of the legend beside them, for which the figure is high enough.
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
    """A title on as many lines as keep it within a panel of that many inches."""
    return "\n".join(textwrap.wrap(title, max(1, int(width / (1.2 * LETTER))))) or title


def plain(ax: Axes) -> None:
    """A faint grid and no frame on two sides."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def lowest(axes: Sequence[Axes]) -> list[Axes]:
    """Those with no panel below."""
    return list(axes[-COLUMNS:])


def sequences(ax: Axes, most: float) -> None:
    """x in thousands, if it goes that far: 250k, 1M."""
    if most >= 10_000:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))


def legend_room(labels: Sequence[str]) -> float:
    """Inches that a legend of these labels takes beside the panels."""
    return LETTER * max(map(len, labels), default=0) + 0.6


def legend_beside(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend to the right of all panels."""
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize="small")
