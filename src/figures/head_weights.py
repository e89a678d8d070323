"""Weightings of the heads of one run over time."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .style import Figure, default_style

#: Inches: width of the figure and height of a head. Points: width of a letter and height of a line of mark labels.
WIDTH, ROW, LETTER, LINE = 10.0, 1.7, 5.0, 12.0


@default_style()
def head_weights(
    weights: np.ndarray,
    names: Sequence[str],
    cmap: str = "jet",
    marks: Mapping[str, int] | None = None,
) -> Figure:
    """The weight of every slot at every step, one row per head, as a colour from 0 to 1.

    Args:
        weights: [T, H, N], non-negative, each head's summing to one over its N slots.
        names: of the H heads.
        cmap: name of a colour map.
        marks: names of steps; each is drawn where its step begins and labelled above the first row.
    """
    steps, heads, _ = weights.shape
    # White with a black edge shows on every colour map.
    edge = withStroke(linewidth=1.6, foreground="black")
    figure = Figure(figsize=(WIDTH, ROW * heads + 0.9), layout="constrained")
    axes = figure.subplots(heads, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for head, (ax, name) in enumerate(zip(axes, names, strict=True)):
        # Nearest: smoothing would hide how sharp a focus is. Slot 0 is at the bottom: +1 is upwards.
        image = ax.imshow(
            weights[:, head].T,
            cmap=cmap,
            vmin=0.0,
            vmax=1.0,
            aspect="auto",
            interpolation="nearest",
            origin="lower",
        )
        ax.set_ylabel(f"{name}\nslot")
        for step in (marks or {}).values():
            ax.axvline(step - 0.5, color="white", linewidth=0.8, path_effects=[edge])
    axes[-1].set_xlabel("Time (steps)")
    axes[-1].xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    axes[-1].yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    _label(axes[0], marks or {}, steps)
    figure.colorbar(image, ax=list(axes), ticks=[0.0, 0.5, 1.0], label="Weight", pad=0.01, aspect=12 * heads)
    return figure


def _label(ax: Axes, marks: Mapping[str, int], steps: int) -> None:
    """Draw mark labels above the axes, on as many lines as keep labels and leader lines apart."""
    letter = LETTER * steps / (72.0 * 0.8 * WIDTH)  # in steps; the axes take 0.8 of the figure or more
    late = {name: step + letter * (len(name) + 1) > steps for name, step in marks.items()}
    lefts: list[float] = []  # where the leftmost label of each line begins, in steps
    # From both ends inwards: labels are then beside the leader lines to labels above, not across them.
    for name in sorted(marks, key=lambda name: (not late[name], marks[name] if late[name] else -marks[name])):
        width = letter * (len(name) + 1)
        left = marks[name] - width if late[name] else marks[name]
        fits = (line for line in range(len(lefts)) if left + width <= min(lefts[line:]))
        line = len(lefts) if late[name] else next(fits, len(lefts))
        lefts[line : line + 1] = [left]
        leader = {"arrowstyle": "-", "linewidth": 0.6, "relpos": (late[name], 0), "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            name,
            xy=(marks[name] - 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0.0, 4.0 + LINE * line),
            textcoords="offset points",
            ha="right" if late[name] else "left",
            fontsize="small",
            arrowprops=leader if line else None,
        )
