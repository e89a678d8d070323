"""How far several networks generalise, on one colour scale."""

from collections.abc import Mapping, Sequence

import numpy as np

from src.figures.grid import Ranges, draw_grid, draw_trained
from src.figures.heat_map import finite_limits, write
from src.figures.layout import COLUMNS, lowest, panel_axes
from src.figures.style import Figure, default_style


@default_style()
def grids(
    panels: Mapping[str, np.ndarray],
    lengths: Sequence[int],
    repeats: Sequence[int],
    label: str,
    trained: Ranges | None = None,
    cmap: str = "viridis",
) -> Figure:
    """An annotated heat map a network, lengths upwards on y, repeats on x.

    Args:
        panels: name -> [len(lengths), len(repeats)]; NaN where nothing was measured, which stays blank.
        lengths: ascending.
        repeats: ascending.
        label: what the values are, with their unit.
        trained: (least, most) length and (least, most) repeats of training, both included; boxed.
        cmap: name of a colour map.
    """
    width, height = min(4.5, 0.9 + 0.62 * len(repeats)), 0.6 + 0.4 * len(lengths)
    figure, axes = panel_axes(list(panels), width, height, beside=1.0, around=0.6)
    limits = finite_limits(*panels.values())
    images = [
        draw_grid(ax, values, lengths, repeats, cmap, limits)
        for ax, values in zip(axes, panels.values(), strict=True)
    ]
    # First the bar, since it widens the colour scale of values that are all equal; the others follow.
    figure.colorbar(images[0], ax=axes, label=label, aspect=12 * height)
    boxes = []
    for ax, image, values in zip(axes, images, panels.values(), strict=True):
        image.set_norm(images[0].norm)
        write(ax, image, values)
        boxes.append(draw_trained(ax, lengths, repeats, trained))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("Length")
    for ax in lowest(axes):
        ax.set_xlabel("Repeats")
    if boxes[0]:
        figure.legend(handles=[boxes[0]], loc="outside upper center", frameon=False)
    return figure
