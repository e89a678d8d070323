"""Panels of the film: strips over time with a marker at the current step, and the memory at that step."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ..figures.palette import SIGNED
from ..figures.ring import slot_ticks
from .recording import FADED, Heads, Recording, scale
from .shrink import furthest, picture, room

#: Left, bottom, right and top of an area, as fractions of the figure.
Area = tuple[float, float, float, float]
#: Largest number of heads with long labels, with numbers, and with whole names above their weightings.
FEW, SEVERAL, MANY = 2, 4, 6
#: Most letters of the name of a channel.
LONG = 10


class Strips:
    """Input, target, output, wrong bits or symbols and head weights over a shared time axis."""

    def __init__(self, figure: SubFigure, recording: Recording, cmap: str, area: Area) -> None:
        names = recording.heads.names if recording.heads else []
        heights = {"input": 1.1, "target": 1.0, "output": 1.0, "wrong": 0.22} | dict.fromkeys(names, 1.5)
        for name, values in {"target": recording.target, "wrong": recording.wrong}.items():
            if values is None:
                del heights[name]
        left, bottom, right, top = area
        grid = figure.add_gridspec(len(heights), 1, height_ratios=list(heights.values()), hspace=0.2)
        grid.update(left=left, bottom=bottom, right=right, top=top)
        axes = {name: figure.add_subplot(grid[i]) for i, name in enumerate(heights)}
        everywhere = np.ones(len(recording.x), dtype=bool)
        for name, ax in axes.items():
            ax.set_ylabel(name, fontsize="small", labelpad=2)
        channels(axes["input"], recording.x, recording.x_names, everywhere, cmap)
        channels(axes["output"], recording.y, recording.y_names, recording.asked, cmap)
        if recording.target is not None:
            channels(axes["target"], recording.target, recording.y_names, everywhere, cmap)
        if recording.wrong is not None:
            edges = np.arange(len(recording.wrong) + 1) - 0.5
            axes["wrong"].stairs(recording.wrong, edges, fill=True, color="#b3261e")
            axes["wrong"].set(ylim=(0, recording.most_wrong or recording.y.shape[1]), yticks=[])
            axes["wrong"].yaxis.label.set(rotation=0, ha="right", va="center")  # too low for a vertical label
        if recording.right is not None:
            axes["output"].set_yticks([recording.right], [f"right: {recording.y_names[recording.right]}"])
        if recording.heads:
            for h, name in enumerate(names):
                over_time(axes[name], recording.heads.weights[:, h], recording.heads.read_slots, cmap)
                label = f"{name}\nslot" if len(names) <= FEW else name.replace(" ", "\n", 1)
                axes[name].set_ylabel(label, fontsize="small", color=recording.heads.colours[h], labelpad=2)
        self._draw_time_axis(list(axes.values()), recording)
        legend = figure.add_axes((right - 0.09, 0.3 * bottom, 0.09, 0.14 * bottom))
        legend.imshow(np.linspace(0, 1, 256)[None], cmap=cmap, aspect="auto")
        legend.set(xticks=[], yticks=[])
        for text, x, side in (("0", -0.05, "right"), ("1", 1.05, "left")):
            legend.text(x, 0.5, text, transform=legend.transAxes, fontsize="x-small", ha=side, va="center")
        # White with a black edge is visible on every colour map.
        edge = [withStroke(linewidth=2.4, foreground="black")]
        style: dict[str, Any] = {"facecolor": "none", "edgecolor": "white", "linewidth": 0.9, "path_effects": edge}
        self.markers = [ax.axvspan(-0.5, 0.5, animated=True, **style) for ax in axes.values()]

    def _draw_time_axis(self, axes: Sequence[Axes], recording: Recording) -> None:
        """Set the same limits on all axes; label steps below the last and phases above the first."""
        for ax in axes:
            ax.set_xlim(-0.5, len(recording.x) - 0.5)
            ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
            ax.tick_params(labelbottom=ax is axes[-1], labelsize="x-small", length=2)
            for _, first in recording.phases[1:]:
                ax.axvline(first - 0.5, color="0.45", linewidth=0.8, linestyle=(0, (3, 2)))
        axes[-1].set_xlabel("step", fontsize="small", labelpad=1)
        # The first phase may be short: its name is right-aligned to its end, so that names do not overlap.
        second = recording.phases[1][1] if len(recording.phases) > 1 else None
        for i, (name, first) in enumerate(recording.phases):
            at, side, away = (second, "right", -3) if i == 0 and second is not None else (first, "left", 1)
            axes[0].annotate(name, (at - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(away, 3),
                             textcoords="offset points", ha=side, fontsize="small", color="0.35")  # fmt: skip

    def show(self, step: int) -> Sequence[Artist]:
        """Move the markers to a step; returns them."""
        for marker in self.markers:
            marker.set_x(step - 0.5)
        return self.markers


class MemoryPanel:
    """The memory at one step, and the weighting of every head on the same slot axis."""

    def __init__(self, figure: SubFigure, heads: Heads, area: Area) -> None:
        self.heads = heads
        self.shown = heads.read_slots
        count, (_, self.slots, width) = len(heads.names), heads.memory.shape
        slots = len(self.shown)
        left, bottom, right, top = area
        grid = figure.add_gridspec(1, 1 + count, width_ratios=[max(1.5, count / 4), *[1.0] * count], wspace=0.1)
        grid.update(left=left, bottom=bottom, right=right, top=top)
        memory = figure.add_subplot(grid[0])
        self.memory = picture(
            memory, heads.memory[0, self.shown], cmap=SIGNED, vmin=-heads.bound, vmax=heads.bound,
            origin="lower", animated=True,
        )  # fmt: skip
        self.room = room(memory, (slots, width))
        memory.set_title("memory", fontsize="small")
        memory.set_ylabel("slot", fontsize="small", labelpad=1)
        memory.set_xlabel(f"word of {width}", fontsize="x-small", labelpad=2)
        memory.set_xticks([])
        name_slots(memory, self.shown, self.slots, 14)
        memory.tick_params(labelsize="x-small", length=2)
        place = memory.get_position()
        below = figure.add_axes((place.x0, 0.485 * bottom, place.width, 0.1 * bottom))
        ends = [-heads.bound, 0, heads.bound]
        figure.colorbar(self.memory, cax=below, orientation="horizontal", ticks=ends, format="{x:.3g}")
        below.tick_params(labelsize="x-small", length=2)
        self.bars, self.places, self.numbers = [], [], []
        for h, (name, colour) in enumerate(zip(heads.names, heads.colours, strict=True)):
            ax = figure.add_subplot(grid[1 + h], sharey=memory)
            title = name if count <= FEW else "\n".join(name.split() if count <= MANY else initials(name))
            ax.set_title(title, fontsize="small", color=colour)
            ax.set(xlim=(0, 1.05), xticks=[0, 1], xticklabels=["0", "1"] if count <= MANY else ["", ""])
            ax.tick_params(labelleft=False, labelsize="x-small", length=2)
            zero, one = ax.get_xticklabels()
            zero.set_horizontalalignment("left")
            one.set_horizontalalignment("right")
            ax.spines[["top", "right"]].set_visible(False)
            edges = np.arange(slots + 1) - 0.5
            self.bars.append(
                ax.stairs(np.zeros(slots), edges, orientation="horizontal", fill=True, color=colour, animated=True)
            )
            self.places += ax.plot([0], [0], marker=5, markersize=5, color="black", clip_on=False, animated=True)
            text = ax.text(0.5, -0.085, "", transform=ax.transAxes, fontsize="x-small", ha="center", va="top")
            text.set_animated(True)
            self.numbers.append(text)
        memory.set_ylim(-0.5, slots - 0.5)

    def show(self, step: int) -> Sequence[Artist]:
        """Show memory and heads at a step; returns the artists to redraw."""
        self.memory.set_data(furthest(self.heads.memory[step, self.shown], self.room))
        count = len(self.heads.names)
        at = "position" if count <= FEW else "at"
        for h, (bars, place, text) in enumerate(zip(self.bars, self.places, self.numbers, strict=True)):
            position, width = (self.heads.numbers[name][step, h] for name in ("position", "width"))
            bars.set_data(self.heads.weights[step, h, self.shown])
            along = (position - self.shown[0] + 0.5) % self.slots - 0.5
            place.set_ydata([along if along < len(self.shown) - 0.5 else np.nan])
            text.set_text(f"{at} {position:.1f}\nwidth {width:.1f}" if count <= SEVERAL else "")
        return [self.memory, *self.bars, *self.places, *self.numbers]


def initials(name: str) -> list[str]:
    """The name of a head with only the first letters of its words, each with the number after it.

    >>> initials("layer 1 head 2"), initials("read head 12")
    (['L1', 'H2'], ['R', 'H12'])
    """
    return [word[0].upper() + number for word, number in re.findall(r"([a-z]+) ?(\d*)", name)]


def channels(ax: Axes, values: np.ndarray, names: Sequence[str], asked: np.ndarray, cmap: str) -> None:
    """Draw channels over time, the first on top: as colours, or as a line if there is only one.

    The label of signed channels gets the bound of their colours.

    Args:
        values: [T, channels].
        names: of the channels.
        asked: [T]; steps where it is false are faded.
        cmap: name of a colour map for values from 0 to 1.
    """
    if values.shape[1] == 1:
        if values.min() < 0.0:
            ax.axhline(0.0, color="0.75", linewidth=0.8)
        ax.plot(values[:, 0], color="0.2", linewidth=1.0, marker=".", markersize=3)
        return
    clear = np.broadcast_to(np.where(asked, 1.0, FADED), values.T.shape)
    colours, low, high = scale(values, cmap)
    if low < 0.0:
        ax.set_ylabel(f"{ax.get_ylabel()}\n±{high:.2g}", fontsize="small", labelpad=2)
    picture(ax, values.T, clear, cmap=colours, vmin=low, vmax=high)
    ends = [name if len(name) <= LONG else f"{name[: LONG - 1]}…" for name in (names[0], names[-1])]
    ax.set_yticks([0, values.shape[1] - 1], ends)


def over_time(ax: Axes, weights: np.ndarray, shown: np.ndarray, cmap: str) -> None:
    """Draw weights [T, N] of the shown slots over time, the first slot at the bottom."""
    picture(ax, weights[:, shown].T, cmap=cmap, vmin=0, vmax=1, origin="lower")
    name_slots(ax, shown, weights.shape[1], 4)


def name_slots(ax: Axes, shown: np.ndarray, slots: int, most: int) -> None:
    """Label about `most` of the shown slots, which are in a row on the ring of `slots`, with their numbers."""
    first = int(shown[0]) - (slots if shown[0] > shown[-1] else 0)
    at, names = slot_ticks(first, len(shown), slots, most)
    ax.set_yticks([one - first for one in at], names)
