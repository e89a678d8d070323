"""Heat maps of a metric over two axes of test cells, several on one colour scale."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from .grid import Ranges, draw_grid, draw_trained, write_grid
from .heat_map import finite_limits
from .layout import COLUMNS, lowest, panel_axes
from .palette import BETTER
from .style import Figure, default_style


@default_style()
def grids(
    panels: Mapping[str, np.ndarray],
    rows: Sequence[int],
    columns: Sequence[int],
    named: Sequence[str],
    label: str,
    more: bool,
    trained: Ranges | None = None,
    beyond: Collection[str] = (),
) -> Figure:
    """One annotated heat map per panel, such as a network, the first axis upwards on y, the second on x.

    Args:
        panels: name -> [len(rows), len(columns)]; NaN where nothing was measured.
        rows: values of the first axis, ascending.
        columns: values of the second axis, ascending.
        named: names of the two axes.
        label: what the values are, with their unit.
        more: whether more is better.
        trained: (least, most) of each axis in training, both included; boxed.
        beyond: names of panels without a box: a further axis is outside its training range there.
    """
    area = (min(3.6, 0.62 * len(columns)), 0.4 * len(rows))
    width, height = 0.9 + area[0], 0.6 + area[1]
    figure, axes = panel_axes(list(panels), width, height, beside=1.0, around=0.6)
    limits = finite_limits(*panels.values())
    images = [
        draw_grid(ax, values, rows, columns, more, area, limits)
        for ax, values in zip(axes, panels.values(), strict=True)
    ]
    # The colour bar first: it widens the scale of equal values, which the other images then take.
    figure.colorbar(images[0], ax=axes, label=f"{label}\n{BETTER}", aspect=12 * height)
    boxes = []
    for ax, image, (name, values) in zip(axes, images, panels.items(), strict=True):
        image.set_norm(images[0].norm)
        write_grid(ax, image, values, area)
        boxes.append(None if name in beyond else draw_trained(ax, rows, columns, trained))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(named[0].capitalize())
    for ax in lowest(axes):
        ax.set_xlabel(named[1].capitalize())
    if any(boxes):
        figure.legend(handles=[next(box for box in boxes if box)], loc="outside upper center", frameon=False)
    return figure
