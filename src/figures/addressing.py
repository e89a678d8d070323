"""Weightings of the heads of several runs on the same sequence."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .layout import wrapped
from .ring import slot_ticks, stretch
from .style import Figure, default_style

#: Inches: width and height of a panel; horizontal and vertical margins of the figure.
PANEL, ROW, BESIDE, AROUND = 4.2, 1.9, 1.3, 0.6


class RunHeads(NamedTuple):
    """The weightings of the heads of one run in one sequence.

    Attributes:
        label: of the run.
        title: of the sequence.
        weights: [T, N] of each head, non-negative, by the head's name; the same heads in every run.
        answer: the step at which the answer begins; None for a task without one.
    """

    label: str
    title: str
    weights: Mapping[str, np.ndarray]
    answer: int | None


@default_style()
def addressing(runs: Sequence[RunHeads], cmap: str = "jet") -> Figure:
    """One row per run and one column per head: the weight of every slot at every step, as a colour from 0 to 1.

    Only the stretch of the ring with all slots in use is shown; slot 0 follows the last one.

    Args:
        runs: one or more.
        cmap: name of a colour map.
    """
    columns = max(len(run.weights) for run in runs)
    figure = Figure(figsize=(PANEL * columns + BESIDE, ROW * len(runs) + AROUND), layout="constrained")
    axes = figure.subplots(len(runs), columns, squeeze=False)
    # White with a black edge shows on every colour map.
    edge = withStroke(linewidth=1.6, foreground="black")
    image = None
    for row, run in zip(axes, runs, strict=True):
        first, count = stretch(np.stack([one.max(0) for one in run.weights.values()]).max(0))
        for ax in row[len(run.weights) :]:
            ax.set_axis_off()
        for ax, (head, weights) in zip(row, run.weights.items(), strict=False):
            steps, slots = weights.shape
            image = ax.imshow(
                weights[:, np.arange(first, first + count) % slots].T,
                cmap=cmap,
                vmin=0.0,
                vmax=1.0,
                extent=(-0.5, steps - 0.5, first - 0.5, first + count - 0.5),
                aspect="auto",
                # Nearest: smoothing would hide how sharp a focus is. Slot 0 is at the bottom: +1 is upwards.
                interpolation="nearest",
                origin="lower",
            )
            if run.answer is not None:
                ax.axvline(run.answer - 0.5, color="white", linewidth=0.8, path_effects=[edge])
            ax.set_title(wrapped(f"{run.label}: {head}", PANEL), fontsize="small")
            ax.set_yticks(*slot_ticks(first, count, slots, 6))
            ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        row[0].set_ylabel("Slot")
    for ax in axes[-1]:
        ax.set_xlabel("Time (steps)")
    if image is not None:
        figure.colorbar(image, ax=axes, ticks=[0.0, 0.5, 1.0], label="Weight", pad=0.01, aspect=15 * len(runs))
    titles = dict.fromkeys(run.title for run in runs)
    figure.suptitle("; ".join(titles), fontsize="medium")
    return figure
