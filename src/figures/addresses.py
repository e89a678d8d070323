"""Addresses of heads that move over a line or a plane, and of the items that they wrote."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .layout import legend_beside, legend_width, plain
from .style import Figure, default_style

#: Inches: height and width of the axes with their labels; the second also for a line.
HEIGHT, PLANE, LINE = 4.6, 5.6, 7.6
#: Area of the dot of an item of strength 1, and least area of a dot, in points^2.
DOT, FAINT = 60.0, 3.0
#: Of the paths of read heads, and of the steps that are marked.
READ_COLOURS = ("#CC79A7", "#000000", "#56B4E9", "#E69F00")
WRITE_COLOUR = "0.6"
MARKERS = ("*", "s", "^", "D", "v", "P")


@default_style()
def addresses(
    seen: Mapping[str, np.ndarray], cmap: str = "jet", marks: Mapping[str, int] | None = None, title: str = ""
) -> Figure:
    """The paths of the heads in the plane, or on a line over time, and every written item as a dot.

    The colour of a dot is the step at which the item was written, its area the strength of the item.

    Args:
        seen: a trace: `x`, and in the plane `y`, [T, H], with read heads before write heads; `add`, [T, W, M];
            `strength`, [T, H], of which the numbers of the write heads are drawn.
        cmap: name of a colour map, for steps.
        marks: names of steps. In the plane, the place of every head at such a step is marked; on a line, the
            step is.
        title: of the figure.
    """
    marks, plane = marks or {}, "y" in seen
    steps, heads = seen["x"].shape
    reads, time = heads - seen["add"].shape[1], np.arange(steps)
    across = seen["x"] if plane else np.repeat(time[:, None], heads, 1)
    up = seen["y"] if plane else seen["x"]

    handles: list[Artist] = []
    figure = Figure(figsize=(PLANE if plane else LINE, HEIGHT), layout="constrained")
    figure.suptitle(title, fontsize="medium")
    ax = figure.add_subplot()
    for head in range(heads):
        name = _name(head, reads, heads)
        colour = READ_COLOURS[head % len(READ_COLOURS)] if head < reads else WRITE_COLOUR
        # A read head often goes where the write head went: its path is drawn above, and thinner.
        path: dict[str, Any] = (
            {"linewidth": 1.0, "zorder": 2.2} if head < reads else {"linewidth": 2.0, "zorder": 2.1}
        )
        handles += ax.plot(across[:, head], up[:, head], color=colour, label=name, **path)
        if head >= reads:
            dots = _items(ax, across[:, head], up[:, head], seen["strength"][:, head], cmap)
        for marker, step in zip(MARKERS, marks.values(), strict=False):
            if plane:
                ax.plot(
                    across[step, head],
                    up[step, head],
                    marker=marker,
                    color=colour,
                    markersize=11,
                    markeredgecolor="black",
                    linestyle="none",
                    zorder=2.6,
                )
    handles.append(Line2D([], [], color="0.3", marker="o", markersize=6, linestyle="none", label="written item"))
    for marker, (mark, step) in zip(MARKERS, marks.items(), strict=False):
        if plane:
            look: dict[str, Any] = {
                "color": "white",
                "markeredgecolor": "black",
                "marker": marker,
                "linestyle": "none",
            }
            handles.append(Line2D([], [], markersize=8, label=f"{mark} begins", **look))
        else:
            line = ax.axvline(step - 0.5, color="0.3", linewidth=0.8, linestyle=("--", ":")[len(handles) % 2])
            line.set_label(f"{mark} begins")
            handles.append(line)
    plain(ax)
    ax.set_xlabel("Address, x" if plane else "Time (steps)")
    ax.set_ylabel("Address, y" if plane else "Address")
    if plane:
        ax.set_aspect("equal", adjustable="datalim")
    else:
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    bar = figure.colorbar(dots, ax=ax, label="Step of writing", pad=0.02, aspect=30)
    bar.ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    labels = [str(handle.get_label()) for handle in handles]
    figure.set_figwidth(figure.get_figwidth() + legend_width(labels))
    legend_beside(figure, handles)
    return figure


def _items(ax: Axes, x: np.ndarray, y: np.ndarray, strength: np.ndarray, cmap: str) -> PathCollection:
    """A dot for the item that a head wrote at each step."""
    return ax.scatter(
        x,
        y,
        s=FAINT + (DOT - FAINT) * strength,
        c=np.arange(len(x)),
        cmap=cmap,
        vmin=0,
        vmax=max(1, len(x) - 1),
        edgecolors="white",
        linewidths=0.4,
        zorder=2.5,
    )


def _name(head: int, reads: int, heads: int) -> str:
    """As `Cell.head_names`."""
    kind, index, count = (
        ("read head", head, reads) if head < reads else ("write head", head - reads, heads - reads)
    )
    return f"{kind} {index + 1}" if count > 1 else kind
