"""Values of a metric over seeds, with the interquartile mean."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .layout import COLUMNS, LETTER, lowest, panel_axes
from .palette import colours
from .style import Figure, default_style

#: Positions in a column of width 1: first and last seed, centre of the mark; half the width of the mark.
FIRST, LAST, MARK, HALF = -0.38, 0.04, 0.25, 0.12
#: Distance of infinite values from the finite ones, as a share of the height.
EDGE = 0.04
#: Inches: width of a column and of the labels of a panel, least height of a panel.
COLUMN, LABELS, HEIGHT = 0.65, 0.9, 1.6
#: Inches: least width of a line of an upright label; length of such a label up to which it is one line.
UPRIGHT, LONG = 0.14, 2.1
#: Inches: width of the legend on one line.
LEGEND = 5.2
#: Points: distance between line labels, and of the labels from the axes.
LINE, GAP = 11.0, 10.0


class SeedGroup(NamedTuple):
    """The seeds of one label.

    Attributes:
        label: such as the name of a model.
        values: [n], one per seed, in the order of the seeds; infinite for a failed run of an unbounded metric.
        centre: the interquartile mean.
        interval: lower and upper end of the interval of the centre; None where there is none.
    """

    label: str
    values: np.ndarray
    centre: float
    interval: tuple[float, float] | None = None

    @property
    def mark(self) -> tuple[float, ...]:
        """The centre, and the ends of the interval if there is one."""
        return (self.centre, *(self.interval or ()))


@default_style()
def seeds(
    panels: Mapping[str, Sequence[SeedGroup]],
    ylabel: str,
    lines: Mapping[str, Mapping[str, float]] | None = None,
    order: Sequence[str] = (),
) -> Figure:
    """One panel per test cell, one column per group: seeds as dots, the interquartile mean as a bar with interval.

    Args:
        panels: title, such as "10x20" -> groups.
        ylabel: what the values are, with their unit.
        lines: title -> label -> a number to compare with: a dashed line across the panel.
        order: labels of all figures of a set, which fix the colours.
    """
    painted = colours((group.label for groups in panels.values() for group in groups), order)
    names = [[group.label for group in groups] for groups in panels.values()]
    # If all panels have the same labels, only the lowest show them.
    alike = all(one == names[0] for one in names)
    most = max(map(len, names), default=1)
    width = max(min(4.2, max(2.4, LABELS + COLUMN * most)), LABELS + UPRIGHT * most)
    below = label_height(names, width - LABELS)
    across = [line_label(*line) for one in (lines or {}).values() for line in one.items()]
    beside = LETTER * max(map(len, across), default=0)
    height, around = (2.2, 0.5 + below) if alike else (2.2 + below, 0.5)
    figure, axes = panel_axes(list(panels), width + beside, height, around=around)
    for ax, (title, groups) in zip(axes, panels.items(), strict=True):
        draw_groups(ax, groups, painted, (width - LABELS) / len(groups) if below > 0.25 else 0.0)
        if alike and ax not in lowest(axes):
            ax.tick_params(labelbottom=False)
        draw_lines(ax, (lines or {}).get(title, {}))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(ylabel)
    figure.legend(
        handles=marks([group for groups in panels.values() for group in groups]),
        loc="outside upper center",
        ncols=3 if figure.get_figwidth() > LEGEND else 1,
        frameon=False,
        fontsize="small",
    )
    return figure


def label_height(names: Sequence[Sequence[str]], width: float) -> float:
    """Inches of height of the labels below a panel of `width` inches; upright if they do not fit horizontally."""
    letters = max((len(name) for row in names for name in row), default=0)
    if all(LETTER * (letters + 1) * len(row) <= width for row in names):
        return 0.25
    lines = [line for row in names for name in row for line in upright_label(name, width / len(row)).split("\n")]
    return LETTER * max(map(len, lines)) + 0.1


def upright_label(name: str, column: float) -> str:
    """A long name in as many lines as have room side by side in a column of `column` inches.

    >>> upright_label("dms_ntm controller=lstm input_skip=false", 0.3)
    'dms_ntm controller=lstm\\ninput_skip=false'
    >>> upright_label("dms_ntm controller=lstm input_skip=false", 0.2)
    'dms_ntm controller=lstm input_skip=false'
    """
    most = int(column / UPRIGHT)
    for length in range(int(LONG / LETTER), len(name)):
        lines = textwrap.wrap(name, length, break_on_hyphens=False)
        if len(lines) <= most:
            return "\n".join(lines)
    return name


def draw_groups(ax: Axes, groups: Sequence[SeedGroup], painted: Mapping[str, str], upright: float) -> None:
    """Draw the columns into empty axes; infinite values are at the upper or the lower edge.

    A seed has the same position in every column; dots hide neither one another nor the mark.

    Args:
        ax: axes to draw into.
        groups: one per column.
        painted: label -> colour.
        upright: inches of a column whose label is to be rotated by 90 degrees; 0 for horizontal labels.
    """
    for column, group in enumerate(groups):
        finite = np.isfinite(group.values)
        ax.plot(places(column, group)[finite], group.values[finite], linestyle="", **_dot(painted[group.label]))
    bounds = [value for group in groups for value in group.mark if np.isfinite(value)]
    ax.plot(np.zeros(len(bounds)), bounds, linestyle="")  # for the limits
    bottom, top = ax.get_ylim()
    edge = EDGE * (top - bottom)
    below, above = bottom - edge, top + edge
    for column, group in enumerate(groups):
        for bound, at, marker in ((np.inf, above, "^"), (-np.inf, below, "v")):
            failed = group.values == bound
            style = _dot(painted[group.label]) | {"marker": marker}
            ax.plot(places(column, group)[failed], np.full(failed.sum(), at), linestyle="", **style)
        centre, *ends = np.clip(group.mark, below, above)
        x = column + MARK
        if ends:
            ax.plot([x, x], ends, color="black", linewidth=1.2, solid_capstyle="butt", zorder=3)
        ax.plot(
            [x - HALF, x + HALF],
            [centre, centre],
            color=painted[group.label],
            linewidth=4.0,
            solid_capstyle="butt",
            zorder=4,
        )
    # Space for infinite values.
    infinite = {value for group in groups for value in (*group.values, *group.mark) if np.isinf(value)}
    limits = (bottom - 2 * edge * (-np.inf in infinite), top + 2 * edge * (np.inf in infinite))
    ax.set(xlim=(-0.55, len(groups) - 0.45), ylim=limits)
    labels = [upright_label(group.label, upright) if upright else group.label for group in groups]
    ax.set_xticks(range(len(groups)), labels, rotation=90 if upright else 0)
    ax.tick_params(axis="x", labelsize="small", length=0)
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def places(column: int, group: SeedGroup) -> np.ndarray:
    """x position of each seed in its column, [n]."""
    n = len(group.values)
    return column + (np.linspace(FIRST, LAST, n) if n > 1 else np.array([(FIRST + LAST) / 2]))


def draw_lines(ax: Axes, lines: Mapping[str, float]) -> None:
    """Draw dashed lines across the axes, which are extended to contain them, with labels to the right."""
    if not lines:
        return
    low, high = ax.get_ylim()
    margin = 0.05 * (high - low)
    low, high = min(low, min(lines.values()) - margin), max(high, max(lines.values()) + margin)
    ax.set_ylim(low, high)
    tall = 72.0 * HEIGHT  # points
    step, at = LINE / tall, -1.0
    for label, value in sorted(lines.items(), key=lambda line: line[1]):
        ax.axhline(value, color="0.35", linewidth=0.9, linestyle="--", zorder=1)
        here = (value - low) / (high - low)
        at = max(here, at + step)
        leader = {"arrowstyle": "-", "linewidth": 0.6, "color": "0.5", "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            line_label(label, value),
            xy=(1.0, here),
            xycoords="axes fraction",
            xytext=(GAP, (at - here) * tall),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color="0.25",
            arrowprops=leader | {"relpos": (0, 0.5)},
        )


def line_label(label: str, value: float) -> str:
    """Label of a line."""
    return f"{label} {value:.4g}"


def marks(groups: Sequence[SeedGroup]) -> list[Line2D]:
    """Legend handles of a dot, a mark and a triangle."""
    dot = Line2D([], [], linestyle="", label="a seed", **_dot("0.35"))
    interval = " and its 95 % interval" if any(group.interval for group in groups) else ""
    mark = Line2D([], [], color="0.35", linewidth=4.0, label=f"interquartile mean{interval}")
    failed = Line2D([], [], linestyle="", label="infinite: failed", **(_dot("0.35") | {"marker": "^"}))
    return [dot, mark, failed] if any(np.isinf(group.values).any() for group in groups) else [dot, mark]


def _dot(colour: str) -> dict[str, Any]:
    return {"marker": "o", "markersize": 4.0, "color": colour, "alpha": 0.7, "markeredgewidth": 0.0}
