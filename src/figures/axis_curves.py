"""A metric over the one axis that test cells vary, such as length, for one network or several."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from .baselines import GREY, STYLES
from .layout import ALONE, legend_beside, legend_width, panel_axes, plain, wrapped
from .palette import colours
from .style import Figure, default_style

#: Colour of the training range; inches of the panel with its labels.
SHADE, WIDTH, HEIGHT = "0.9", 3.4, 2.3
#: Width of the last curve in points, and how much wider the first is.
THICK, EXTRA = 2.0, 1.2


class AxisCurve(NamedTuple):
    """A metric of one network, or of the runs of one label.

    Attributes:
        label: of the runs.
        x: [P], values of the axis, ascending.
        y: [P], the metric; not finite where it is not drawn.
        band: [2, P], lower and upper end of an interval, NaN where there is none; None for no band.
        runs: [R, P], the metric of each run, drawn thin; None for none.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    band: np.ndarray | None = None
    runs: np.ndarray | None = None


@default_style()
def axis_curves(
    curves: Sequence[AxisCurve],
    named: str,
    label: str,
    more: bool,
    trained: Sequence[tuple[int, int]] = (),
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    order: Sequence[str] = (),
) -> Figure:
    """One curve a label, with its band; the training range is shaded, baselines are dashed or dotted.

    The first curve is the thickest, so that it is seen below one with the same values.

    Args:
        curves: of all labels.
        named: name of the axis.
        label: what the values are, with their unit.
        more: whether more is better.
        trained: (least, most) of each range of the axis in training, both included.
        lines: name of a baseline, such as guessing -> x [P] and y [P].
        order: labels of all figures of a set, which fix the colours.
    """
    painted = colours((curve.label for curve in curves), order)
    known = {name: line for name, line in (lines or {}).items() if np.isfinite(line[1]).any()}
    names = [*(curve.label for curve in curves), *known, "trained on"]
    figure, (ax,) = panel_axes([""], WIDTH, HEIGHT, legend_width(names), around=0.2, lines=len(names))
    handles: list[Artist] = []
    for curve, width in zip(
        curves, np.linspace(THICK + (len(curves) > 1) * EXTRA, THICK, len(curves)), strict=True
    ):
        look = {"color": painted[curve.label], "linewidth": width, "marker": "o", "markersize": 2.0 * width}
        _draw(ax, curve, look)
        handles.append(Line2D([], [], label=curve.label, **look))
    for (name, (x, y)), style in zip(known.items(), STYLES, strict=False):
        # A single point has no line: the value holds across.
        if len(x) > 1:
            ax.plot(x, _finite(y), color=GREY, linewidth=1.2, linestyle=style, zorder=3)
        else:
            ax.axhline(y[0], color=GREY, linewidth=1.2, linestyle=style, zorder=3)
        handles.append(Line2D([], [], color=GREY, linewidth=1.2, linestyle=style, label=name))
    for least, most in trained:
        ax.axvspan(least - 0.5, most + 0.5, color=SHADE, linewidth=0.0, zorder=0)
    if trained:
        handles.append(Patch(color=SHADE, label="trained on"))
    plain(ax)
    ax.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set(
        xlabel=named.capitalize(),
        ylabel=f"{wrapped(label, ALONE * HEIGHT)}\n{'more' if more else 'less'} is better",
    )
    legend_beside(figure, handles)
    return figure


def _draw(ax: Axes, curve: AxisCurve, look: Mapping[str, Any]) -> None:
    if curve.band is not None:
        low, high = _finite(curve.band)
        ax.fill_between(curve.x, low, high, color=look["color"], alpha=0.13, linewidth=0.0)
    for run in [] if curve.runs is None else curve.runs:
        ax.plot(curve.x, _finite(run), color=look["color"], alpha=0.35, linewidth=0.6)
    ax.plot(curve.x, _finite(curve.y), **look)


def _finite(values: np.ndarray) -> np.ndarray:
    """Values with NaN, which is not drawn, in the place of infinity."""
    return np.where(np.isfinite(values), values, np.nan)
