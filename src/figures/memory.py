"""Memory content, and the vectors and weightings of each head, on shared axes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .layout import wrapped
from .palette import SIGNED
from .ring import slot_ticks, stretch
from .style import Figure, default_style

#: Inches: width of a memory, greatest width of a head and of all heads; height of vectors and of weightings.
MEMORY, HEAD, ALL_HEADS, WORDS, SLOTS = 1.1, 2.6, 7.8, 1.0, 2.0
#: Inches: margins beside the images, and above and below them.
BESIDE, AROUND = 1.5, 1.3
#: Inches: height of a line of mark labels.
LINE = 0.16


class HeadTrace(NamedTuple):
    """What one head wrote or read in T steps, and where.

    Attributes:
        name: such as "read head".
        words_name: meaning of the words, "added" or "read".
        words: [T, M], what was added or read.
        weights: [T, N], its weightings: non-negative, summing to one over the N slots.
    """

    name: str
    words_name: str
    words: np.ndarray
    weights: np.ndarray


@default_style()
def memory(
    memories: Mapping[str, np.ndarray],
    heads: Sequence[HeadTrace],
    cmap: str = "jet",
    marks: Mapping[str, int] | None = None,
    title: str = "",
) -> Figure:
    """Memories to the left; to the right one column per head, its words above its weightings.

    The lower panels share the slot axis, both panels of a head share the time axis. Words and memories share one
    diverging colour scale, weightings one from 0 to 1. Only the stretch of the ring with slots in use is shown.
    After Graves, Wayne and Danihelka, arXiv:1410.5401, figure of the memory use in the copy task.

    Args:
        memories: [N, M] by name, such as that of the step when the answer begins.
        heads: in the order of the columns, all with the same T, N and M.
        cmap: name of a colour map, for weightings.
        marks: names of steps; each is drawn where its step begins and labelled above.
        title: of the figure.
    """
    marks = marks or {}
    steps, slots = heads[0].weights.shape
    first, count = stretch(np.stack([head.weights for head in heads]).max((0, 1)))
    shown = np.arange(first, first + count) % slots
    ring, time = (first - 0.5, first + count - 0.5), (-0.5, steps - 0.5)
    word = (-0.5, heads[0].words.shape[1] - 0.5)
    limit = max(float(np.abs(one).max()) for one in (*memories.values(), *(head.words for head in heads))) or 1.0

    head_width, top = min(HEAD, ALL_HEADS / len(heads)), LINE * len(marks)
    widths = [MEMORY] * len(memories) + [head_width] * len(heads)
    figure = Figure(figsize=(sum(widths) + BESIDE, WORDS + SLOTS + AROUND + top), layout="constrained")
    figure.suptitle(title, fontsize="medium")
    axes = figure.subplots(
        2,
        len(widths),
        sharex="col",
        sharey="row",
        squeeze=False,
        width_ratios=widths,
        height_ratios=[WORDS, SLOTS],
    )
    left, right = axes[:, : len(memories)], axes[:, len(memories) :]
    for ax in left[0]:
        ax.set_axis_off()
    for ax, (name, held) in zip(left[1], memories.items(), strict=True):
        _image(ax, held[shown], word, ring, SIGNED, (-limit, limit))
        ax.set_title(name, fontsize="small")
        ax.set_xlabel("Element")
    for (upper, lower), head in zip(right.T, heads, strict=True):
        value = _image(upper, head.words.T, time, word, SIGNED, (-limit, limit))
        weight = _image(lower, head.weights[:, shown].T, time, ring, cmap, (0.0, 1.0))
        name = wrapped(f"{head.name}: {head.words_name}", head_width)
        upper.set_title(name, fontsize="small", pad=4.0 + 72.0 * top)
        lower.set_title("weighting", fontsize="small")
        lower.set_xlabel("Time (steps)")
        for line, (mark, step) in enumerate(marks.items()):
            _mark((upper, lower), mark, step, line, steps)
    right[0, 0].set_ylabel("Element")
    right[0, 0].tick_params(labelleft=True)
    axes[1, 0].set_ylabel("Slot")
    axes[1, 0].set_yticks(*slot_ticks(first, count, slots, 10))
    for axis, most in [(right[0, 0].yaxis, 3), *((ax.xaxis, 4) for ax in axes[1])]:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10], integer=True))
    figure.colorbar(value, ax=right[0, -1], label="Value", pad=0.02, fraction=0.08)
    figure.colorbar(weight, ax=right[1, -1], label="Weight", ticks=[0.0, 0.5, 1.0], pad=0.02, fraction=0.08)
    return figure


def _image(
    ax: Axes,
    values: np.ndarray,
    x: tuple[float, float],
    y: tuple[float, float],
    cmap: str,
    limits: tuple[float, float],
) -> AxesImage:
    return ax.imshow(
        values,
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        extent=(*x, *y),
        aspect="auto",
        # Nearest: smoothing would show values that are not stored. Slot 0 is at the bottom: +1 is upwards.
        interpolation="nearest",
        origin="lower",
    )


def _mark(pair: tuple[Axes, Axes], name: str, step: int, line: int, steps: int) -> None:
    # White with a black edge shows on every colour map.
    edge = withStroke(linewidth=1.6, foreground="black")
    for ax in pair:
        ax.axvline(step - 0.5, color="white", linewidth=0.8, path_effects=[edge])
    pair[0].annotate(
        name,
        xy=(step - 0.5, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0.0, 2.0 + 72.0 * LINE * line),
        textcoords="offset points",
        ha="right" if step > steps / 2 else "left",
        fontsize="x-small",
    )
