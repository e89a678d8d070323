"""Usage of the memory of a DNC, the modes of its read heads over time, and the links at the end."""

from collections.abc import Mapping

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .style import Figure, default_style

#: Inches: width of the panels over time and of the links; height of the usage, and of the modes of a head.
WIDTH, SQUARE, USAGE, MODES = 6.5, 4.2, 2.4, 1.5
#: Read modes in the order in which they are stacked, with colours of Okabe and Ito.
COLOURS = {"backward": "#E69F00", "content": "#009E73", "forward": "#56B4E9"}


@default_style()
def usage_and_links(
    seen: Mapping[str, np.ndarray], cmap: str = "jet", marks: Mapping[str, int] | None = None
) -> Figure:
    """Usage of every slot above the read modes, over time; to the right the links after the last step.

    Args:
        seen: `usage` [T, N], `links` [T, N, N], and the read modes `backward`, `content` and `forward` [T, H],
            which are NaN for the write head and sum to one for each read head.
        cmap: name of a colour map.
        marks: names of steps; each is drawn where its step begins and labelled above the first panel.
    """
    marks = marks or {}
    modes = np.stack([seen[name] for name in COLOURS])
    modes = modes[:, :, ~np.isnan(modes).any((0, 1))]
    steps, heads = modes.shape[1:]
    height = max(USAGE + MODES * heads, SQUARE - 0.4) + 0.9
    figure = Figure(figsize=(WIDTH + SQUARE, height), layout="constrained")
    grid = figure.add_gridspec(1 + heads, 2, width_ratios=[WIDTH, SQUARE], height_ratios=[USAGE] + [MODES] * heads)
    used = figure.add_subplot(grid[0, 0])
    scale = {"vmin": 0.0, "vmax": 1.0, "cmap": cmap}
    # Nearest: smoothing would show shares that no slot has. Slot 0 is at the bottom, as in other figures.
    image = used.imshow(seen["usage"].T, aspect="auto", interpolation="nearest", origin="lower", **scale)
    used.set_ylabel("Slot")
    used.set_title("Usage", fontsize="medium", pad=6.0 + 12.0 * len(marks))
    panels = [used]
    for head in range(heads):
        ax = figure.add_subplot(grid[1 + head, 0], sharex=used)
        shares = np.pad(modes[:, :, head], ((0, 0), (0, 1)), "edge")  # the last step has an end, too
        edges = np.arange(steps + 1) - 0.5
        ax.stackplot(edges, shares, colors=COLOURS.values(), labels=list(COLOURS), step="post")
        ax.set_ylim(0.0, 1.0)
        ax.set_ylabel("Read mode" if heads == 1 else f"Read mode,\nhead {head + 1}")
        panels.append(ax)
    used.set_xlim(-0.5, steps - 0.5)
    panels[-1].set_xlabel("Time (steps)")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.45)}
    panels[-1].legend(**below, fontsize="small", ncols=len(COLOURS), frameon=False)
    for ax in panels[:-1]:
        ax.tick_params(labelbottom=False)
    edge = withStroke(linewidth=1.6, foreground="black")  # white with a black edge shows on every colour
    for line, (name, step) in enumerate(marks.items()):
        for ax in panels:
            ax.axvline(step - 0.5, color="white", linewidth=0.8, path_effects=[edge])
        used.annotate(
            name,
            xy=(step - 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0.0, 3.0 + 12.0 * line),
            textcoords="offset points",
            ha="right" if step > steps / 2 else "left",
            fontsize="small",
        )
    linked = figure.add_subplot(grid[:, 1])
    linked.imshow(seen["links"][-1], interpolation="nearest", origin="lower", **scale)
    linked.set(xlabel="Slot written before", ylabel="Slot written right after")
    linked.set_title("Links at the end", fontsize="medium")
    for axis in (used.xaxis, used.yaxis, linked.xaxis, linked.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    figure.colorbar(image, ax=linked, ticks=[0.0, 0.5, 1.0], label="Usage, link", location="bottom", aspect=30)
    return figure
