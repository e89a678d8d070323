"""Cost as a function of a size."""

from collections.abc import Mapping

from .layout import plain
from .palette import colours
from .style import Figure, default_style

#: Styles of the lines of one model.
STYLES = ("-", "--", ":", "-.")


@default_style()
def costs_figure(panels: Mapping[str, Mapping[str, Mapping[int, float]]], label: str) -> Figure:
    """One panel per kind of size; both axes begin at zero, so that linear costs are straight lines.

    Args:
        panels: name of a size -> name of a line -> size -> cost. The first word of the name of a line, the model,
            has the colour, and lines of one model differ in style.
        label: what the cost is, with its unit.
    """
    figure = Figure(figsize=(3.4 * len(panels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    models = {name: name.split()[0] for lines in panels.values() for name in lines}
    painted = colours(models.values())
    styles = {
        name: STYLES[list(models.values())[:i].count(models[name]) % len(STYLES)] for i, name in enumerate(models)
    }
    for ax, (size, lines) in zip(axes, panels.items(), strict=True):
        for name, points in lines.items():
            ax.plot(
                list(points),
                list(points.values()),
                marker=".",
                color=painted[models[name]],
                linestyle=styles[name],
                label=name,
            )
        ax.set(xlabel=size, xlim=(0, None), ylim=(0, None))
        plain(ax)
    axes[0].set_ylabel(label)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, frameon=False)
    return figure
