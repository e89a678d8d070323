"""Heat map of a metric over two axes of test cells, for the generalisation of one network."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from .heat_map import heat_map, write
from .layout import LINE, spacing
from .palette import BETTER
from .style import Figure, default_style

#: Inches of a number in a cell.
NUMBER = 0.42
#: (least, most) of the first and of the second axis, both included.
Ranges = tuple[tuple[int, int], tuple[int, int]]


@default_style()
def metric_grid(
    values: np.ndarray,
    rows: Sequence[int],
    columns: Sequence[int],
    named: Sequence[str],
    label: str,
    more: bool,
    trained: Ranges | None = None,
) -> Figure:
    """An annotated heat map, the first axis upwards on y, the second on x.

    Args:
        values: [len(rows), len(columns)]; NaN where a value is missing.
        rows: values of the first axis, ascending.
        columns: values of the second axis, ascending.
        named: names of the two axes.
        label: what the values are, with their unit.
        more: whether more is better.
        trained: (least, most) of each axis in training, both included; boxed.
    """
    size = (min(10.0, 2.2 + 0.75 * len(columns)), min(10.0, 1.3 + 0.45 * len(rows)))
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    area = (size[0] - 2.2, size[1] - 1.3)
    image = draw_grid(ax, values, rows, columns, more, area)
    figure.colorbar(image, label=f"{label}\n{BETTER}")  # first: it widens the colour scale of equal values
    write_grid(ax, image, values, area)
    ax.set(xlabel=named[1].capitalize(), ylabel=named[0].capitalize())
    box = draw_trained(ax, rows, columns, trained)
    if box:
        figure.legend(handles=[box], loc="outside upper center", frameon=False)
    return figure


def draw_grid(
    ax: Axes,
    values: np.ndarray,
    rows: Sequence[int],
    columns: Sequence[int],
    more: bool,
    area: tuple[float, float],
    limits: tuple[float, float] | None = None,
) -> AxesImage:
    """Draw the heat map, and as many ticks as fit.

    Args:
        ax: axes to draw into.
        values: [len(rows), len(columns)].
        rows: values of the first axis, ascending.
        columns: values of the second axis, ascending.
        more: whether more is better.
        area: width and height of the axes, in inches.
        limits: of the colour scale; those of the finite values if None.
    """
    image = heat_map(ax, values, more, limits)
    across, along = [str(one) for one in columns], [str(one) for one in rows]
    step = spacing(across, area[0])
    ax.set_xticks(range(0, len(across), step), across[::step])
    step = max(1, ceil(LINE * len(along) / area[1]))
    ax.set_yticks(range(0, len(along), step), along[::step])
    return image


def write_grid(ax: Axes, image: AxesImage, values: np.ndarray, area: tuple[float, float]) -> None:
    """Write the numbers of all cells if they fit into an area of this width and height, in inches."""
    down, across = values.shape
    if across * NUMBER <= area[0] and down * LINE <= area[1]:
        write(ax, image, values)


def draw_trained(
    ax: Axes, rows: Sequence[int], columns: Sequence[int], trained: Ranges | None
) -> Rectangle | None:
    """Draw a box around the training ranges; None if they are outside the grid."""
    down, across = (_within(*one) for one in zip((rows, columns), trained or ((1, 0), (1, 0)), strict=True))
    if not down or not across:
        return None
    box = Rectangle(
        (across[0] - 0.5, down[0] - 0.5),
        len(across),
        len(down),
        fill=False,
        edgecolor="tab:red",
        linewidth=2.0,
        label="trained on",
        clip_on=False,  # half of a line on the edge lies outside
        path_effects=[withStroke(linewidth=4.0, foreground="white")],
    )
    ax.add_patch(box)
    return box


def _within(numbers: Sequence[int], bounds: tuple[int, int]) -> list[int]:
    """Indices of the numbers within the bounds."""
    return [index for index, number in enumerate(numbers) if bounds[0] <= number <= bounds[1]]
