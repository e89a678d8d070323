"""Heat maps of a metric by length and repeats, for several networks on one colour scale."""

from collections.abc import Mapping, Sequence

import numpy as np

from .grid import Ranges, draw_grid, draw_trained, write_grid
from .heat_map import finite_limits
from .layout import COLUMNS, lowest, panel_axes
from .palette import BETTER
from .style import Figure, default_style


@default_style()
def grids(
    panels: Mapping[str, np.ndarray],
    lengths: Sequence[int],
    repeats: Sequence[int],
    label: str,
    more: bool,
    trained: Ranges | None = None,
    named: Sequence[str] = ("length", "repeats"),
) -> Figure:
    """One annotated heat map per network, lengths upwards on y, repeats on x.

    Args:
        panels: name -> [len(lengths), len(repeats)]; NaN where nothing was measured.
        lengths: ascending.
        repeats: ascending.
        label: what the values are, with their unit.
        more: whether more is better.
        trained: (least, most) length and (least, most) repeats of training, both included; boxed.
        named: names of the two axes, for a task whose test cells vary something else.
    """
    area = (min(3.6, 0.62 * len(repeats)), 0.4 * len(lengths))
    width, height = 0.9 + area[0], 0.6 + area[1]
    figure, axes = panel_axes(list(panels), width, height, beside=1.0, around=0.6)
    limits = finite_limits(*panels.values())
    images = [
        draw_grid(ax, values, lengths, repeats, more, area, limits)
        for ax, values in zip(axes, panels.values(), strict=True)
    ]
    # The colour bar first: it widens the scale of equal values, which the other images then take.
    figure.colorbar(images[0], ax=axes, label=f"{label}\n{BETTER}", aspect=12 * height)
    boxes = []
    for ax, image, values in zip(axes, images, panels.values(), strict=True):
        image.set_norm(images[0].norm)
        write_grid(ax, image, values, area)
        boxes.append(draw_trained(ax, lengths, repeats, trained))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(named[0].capitalize())
    for ax in lowest(axes):
        ax.set_xlabel(named[1].capitalize())
    if boxes[0]:
        figure.legend(handles=[boxes[0]], loc="outside upper center", frameon=False)
    return figure
