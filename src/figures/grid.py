"""A number for every length and every number of repeats: how far a network generalises."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke


def length_repeat_grid(
    values: np.ndarray,
    lengths: Sequence[int],
    repeats: Sequence[int],
    label: str,
    trained: tuple[tuple[int, int], tuple[int, int]] | None = None,
    cmap: str = "viridis",
) -> Figure:
    """An annotated heat map, lengths upwards on y, repeats on x.

    Args:
        values: [len(lengths), len(repeats)]; NaN where a value is missing, which stays blank.
        lengths: ascending.
        repeats: ascending.
        label: what the values are, with their unit.
        trained: (least, most) length and (least, most) repeats of training, both included; boxed.
        cmap: name of a colour map.
    """
    size = (min(10.0, 2.2 + 0.75 * len(repeats)), min(10.0, 1.3 + 0.45 * len(lengths)))
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(values, cmap=cmap, aspect="auto", interpolation="nearest", origin="lower")
    figure.colorbar(image, label=label)  # first, since it widens the colour scale of values that are all equal
    for row, column in np.argwhere(~np.isnan(values)):
        red, green, blue, _ = image.to_rgba(values[row, column])
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        ax.text(
            column,
            row,
            f"{values[row, column]:.3g}",
            color="white" if dark else "black",
            ha="center",
            va="center",
            fontsize="small",
        )
    ax.set_xticks(range(len(repeats)), [str(repeat) for repeat in repeats])
    ax.set_yticks(range(len(lengths)), [str(length) for length in lengths])
    ax.set(xlabel="Repeats", ylabel="Length")
    if trained is not None:
        rows, columns = _within(lengths, trained[0]), _within(repeats, trained[1])
        if rows and columns:
            box = Rectangle(
                (columns[0] - 0.5, rows[0] - 0.5),
                len(columns),
                len(rows),
                fill=False,
                edgecolor="tab:red",
                linewidth=2.0,
                label="trained on",
                clip_on=False,  # half of a line on the edge lies outside
                path_effects=[withStroke(linewidth=4.0, foreground="white")],
            )
            ax.add_patch(box)
            figure.legend(handles=[box], loc="outside upper center", frameon=False)
    return figure


def _within(numbers: Sequence[int], bounds: tuple[int, int]) -> list[int]:
    """Where the numbers are that lie within the bounds."""
    return [index for index, number in enumerate(numbers) if bounds[0] <= number <= bounds[1]]
