"""Outputs of several models on the same sequences, beside the distribution of a metric over seeds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpecBase

from .layout import LINE, wrapped
from .palette import colours
from .seeds import SeedGroup, draw_groups, label_height, marks
from .style import Figure, default_style
from .target_output import TargetOutputPanel, draw_pair

#: Inches of height: margins of a row; a channel, in both images; margins of the figure.
ROW, CHANNEL, AROUND = 0.9, 0.2, 0.8
#: Inches: greatest height of all channels of a row.
TALL = 4.0
#: Inches: least and greatest height of a strip of dots, and its width.
STRIP, TALLEST, BESIDE = 1.7, 3.2, 3.0
#: Space above and below the dots of all strips, as a share of their range.
MARGIN = 0.05
#: Points from an image to the line above its title.
TITLE = 20.0
#: Inches: greatest width of all images with the colour bar, and of one image.
PICTURES, PICTURE = 7.4, 3.4


class ComparisonRow(NamedTuple):
    """Targets and outputs of one run.

    Attributes:
        label: such as "ntm, seed 3".
        panels: one per test cell, the same cells in every row.
    """

    label: str
    panels: Sequence[TargetOutputPanel]


@default_style()
def comparison(
    rows: Sequence[ComparisonRow],
    groups: Mapping[str, Sequence[SeedGroup]],
    ylabel: str,
    cmap: str = "jet",
    order: Sequence[str] = (),
) -> Figure:
    """One row per model, one column per test cell, targets above outputs; to the right a strip of seeds per cell.

    After Graves, Wayne and Danihelka, arXiv:1410.5401, figure of the generalisation on repeat-copy.

    Args:
        rows: one or more.
        groups: title of a test cell -> values of all seeds of each model; if empty, there are no strips.
        ylabel: what the groups' values are, with their unit.
        cmap: name of a colour map, for values from 0 to 1.
        order: labels of all figures of a set, which fix the colours of the groups.

    Raises:
        ValueError: the rows have different test cells.
    """
    titles = [panel.title for panel in rows[0].panels]
    for row in rows:
        if [panel.title for panel in row.panels] != titles:
            raise ValueError(f"{row.label}: the cells of every row are {', '.join(titles)}")
    names = [[group.label for group in one] for one in groups.values()]
    below = label_height(names, BESIDE - 0.9)
    channels = max(panel.targets.shape[1] for row in rows for panel in row.panels)
    pictures = min(PICTURES, PICTURE * len(titles) + 0.9)
    labels = [wrapped(row.label, 0.8 * pictures) for row in rows]
    further = LINE * sum(label.count("\n") for label in labels)
    images = len(rows) * (ROW + min(CHANNEL * channels, TALL)) + further
    height = max(images, (STRIP + 0.3) * len(groups) + below) + AROUND
    width = pictures + (BESIDE if groups else 0.0)
    figure = Figure(figsize=(width, height), layout="constrained")
    parts = figure.add_gridspec(1, 2 if groups else 1, width_ratios=[pictures, BESIDE] if groups else None)
    _pictures(figure, rows, labels, parts[0].subgridspec(2 * len(rows), len(titles)), cmap)
    if groups:
        painted = colours((group.label for one in groups.values() for group in one), order)
        tall = (height - AROUND - below) / len(groups)
        # An empty row at the bottom limits the height of the strips beside many rows.
        ratios = [TALLEST] * len(groups) + [(tall - TALLEST) * len(groups)] if tall > TALLEST + 0.1 else None
        strips = parts[1].subgridspec(len(groups) + bool(ratios), 1, height_ratios=ratios)
        beside: list[Axes] = []
        for index, (title, one) in enumerate(groups.items()):
            ax = figure.add_subplot(strips[index])
            beside.append(ax)
            draw_groups(ax, one, painted, (BESIDE - 0.9) / len(one) if below > 0.25 else 0.0)
            ax.set_title(title, fontsize="medium")
            ax.set_ylabel(ylabel)
            if index < len(groups) - 1 and names[index] == names[-1]:
                ax.tick_params(labelbottom=False)
        lows, highs = zip(*(ax.get_ylim() for ax in beside), strict=True)
        margin = MARGIN * (max(highs) - min(lows))
        for ax in beside:
            ax.set_ylim(min(lows) - margin, max(highs) + margin)
        handles = marks([group for one in groups.values() for group in one])
        figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize="small")
    return figure


def _pictures(
    figure: Figure, rows: Sequence[ComparisonRow], labels: Sequence[str], grid: GridSpecBase, cmap: str
) -> None:
    axes: list[Axes] = []
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        for column, panel in enumerate(row.panels):
            above = figure.add_subplot(grid[2 * index, column])
            below = figure.add_subplot(grid[2 * index + 1, column], sharex=above)
            image = draw_pair(above, below, panel, cmap)
            if column:
                above.set_ylabel("")
                below.set_ylabel("")
            else:
                # The layout sees blank lines instead of the label, which may be wider than the first image.
                for text in (label, "\n".join(" " for _ in label.splitlines())):
                    above.annotate(
                        text,
                        xy=(0.0, 1.0),
                        xycoords="axes fraction",
                        xytext=(0.0, TITLE),
                        textcoords="offset points",
                        fontweight="bold",
                    ).set_in_layout(not text.strip())
            if index == len(rows) - 1:
                below.set_xlabel(panel.xlabel)
            axes += [above, below]
    figure.colorbar(image, ax=axes, ticks=[0.0, 0.5, 1.0], pad=0.01, aspect=20 * len(rows))
