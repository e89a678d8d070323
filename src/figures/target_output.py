"""Targets above outputs, as in the figures of the copy tasks in the NTM paper."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .style import Figure, default_style

#: Inches: height of a channel, least and greatest height of an image; gap between two images; margins.
CHANNEL, IMAGE, TALL, GAP = 0.12, 0.7, 2.4, 0.08
LEFT, RIGHT, TOP, BOTTOM = 0.65, 0.8, 0.3, 0.5
#: Inches: greatest width of all columns with their gaps; width of the colour bar.
WIDTH, BAR = 9.1, 0.14


class TargetOutputPanel(NamedTuple):
    """Targets and outputs of one sequence: T steps of O channels.

    Attributes:
        title: such as "Length 10, Repeat 20".
        targets: [T, O] in 0..1.
        outputs: [T, O] in 0..1.
        end: whether the last channel is an end marker, which is set apart.
        in_time: whether the steps follow one another in time; else x is the number of the answer, from 1.
    """

    title: str
    targets: np.ndarray
    outputs: np.ndarray
    end: bool = True
    in_time: bool = True

    @property
    def xlabel(self) -> str:
        """What x is."""
        return "Time (steps)" if self.in_time else "Number of the answer"


def consecutive(steps: np.ndarray) -> bool:
    """Whether steps [T], ascending, follow one another in time."""
    return bool((np.diff(steps) == 1).all())


@default_style()
def target_output(panels: Sequence[TargetOutputPanel], cmap: str = "jet") -> Figure:
    """Targets above outputs, steps on x, channels on y, the value as a colour from 0 to 1.

    Graves, Wayne and Danihelka, arXiv:1410.5401, figure of the generalisation on repeat-copy.

    Args:
        panels: one or more, with the same O; in two columns, and the last of an odd number takes both.
        cmap: name of a colour map.
    """
    rows, columns = (len(panels) + 1) // 2, min(len(panels), 2)
    longest, channels = (max(sizes) for sizes in zip(*(panel.targets.shape for panel in panels), strict=True))
    image_height = min(max(CHANNEL * channels, IMAGE), TALL)
    pair = 2 * image_height + GAP
    column = min(max(4.0, longest / 20), (WIDTH - LEFT * (columns - 1)) / columns)
    width = columns * (LEFT + column) + RIGHT
    height = rows * (TOP + pair + BOTTOM)
    figure = Figure(figsize=(width, height))
    # An explicit layout gives all channels of all figures the same height.
    bottom, top = BOTTOM / height, 1.0 - TOP / height
    cells = figure.add_gridspec(
        rows,
        columns,
        left=LEFT / width,
        right=1.0 - RIGHT / width,
        bottom=bottom,
        top=top,
        wspace=LEFT / column,
        hspace=(TOP + BOTTOM) / pair,
    )
    for index, panel in enumerate(panels):
        row, side = divmod(index, 2)
        cell = cells[row, side:] if index == len(panels) - 1 else cells[row, side]
        halves = cell.subgridspec(2, 1, hspace=GAP / image_height)
        above = figure.add_subplot(halves[0])
        below = figure.add_subplot(halves[1], sharex=above)
        image = draw_pair(above, below, panel, cmap)
        below.set_xlabel(panel.xlabel)
    bar = figure.add_axes((1.0 - (RIGHT - 1.5 * BAR) / width, bottom, BAR / width, top - bottom))
    figure.colorbar(image, cax=bar, ticks=[0.0, 0.5, 1.0])
    return figure


def draw_pair(above: Axes, below: Axes, panel: TargetOutputPanel, cmap: str) -> AxesImage:
    """Draw targets and outputs of one sequence into axes that share x; return an image for the colour bar."""
    begin = 0 if panel.in_time else 1
    _image(above, panel.targets, "Targets", cmap, panel.end, begin)
    image = _image(below, panel.outputs, "Outputs", cmap, panel.end, begin)
    above.set_title(panel.title, fontsize="medium")
    above.tick_params(bottom=False, labelbottom=False)
    below.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    return image


def _image(ax: Axes, values: np.ndarray, label: str, cmap: str, end: bool, begin: int) -> AxesImage:
    last = values.shape[1] - 1
    extent = (begin - 0.5, begin + len(values) - 0.5, last + 0.5, -0.5)
    # Nearest: smoothing would show values that are no outputs.
    style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "extent": extent}
    image = ax.imshow(values.T, cmap=cmap, vmin=0.0, vmax=1.0, **style)
    if end:
        # White with a black edge shows on every colour map.
        edge = withStroke(linewidth=1.6, foreground="black")
        ax.axhline(last - 0.5, color="white", linewidth=0.8, path_effects=[edge])
    ax.set_yticks([0, last] if last else [], ["1", "end" if end else str(last + 1)] if last else [])
    if CHANNEL * (last + 1) > TALL:  # else the last label touches the first of the image below
        first, second = ax.get_yticklabels()
        first.set_verticalalignment("top")
        second.set_verticalalignment("bottom")
    ax.set_ylabel(label, labelpad=1.0)
    return image
