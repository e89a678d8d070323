"""Shifts of a focused head by a real number of slots, for several distances and widths."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from .style import Figure, default_style


@default_style()
def addressing_examples(
    kernels: np.ndarray, deltas: Sequence[float], sigmas: Sequence[float], before: int
) -> Figure:
    """A grid of weightings: one row per distance, one column per width; x is the slot relative to the start.

    Args:
        kernels: [D, S, N], the weighting of a head that was focused on slot `before`, after its shift.
        deltas: the D distances, in slots.
        sigmas: the S widths, in slots.
        before: slot of the head before the shift, 0..N-1; slots -before .. N-1-before are shown.
    """
    slots = kernels.shape[2]
    rows, columns = len(deltas), len(sigmas)
    figure = Figure(figsize=(min(10.0, max(4.5, 1.3 + 2.2 * columns)), 1.1 + 1.25 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for row, delta in enumerate(deltas):
        # Memory is a ring.
        now = (before + delta + 0.5) % slots - 0.5 - before
        for column in range(columns):
            ax = axes[row, column]
            start = ax.axvline(0, color="0.45", linewidth=1.0, linestyle="--", label="before")
            end = ax.axvline(now, color="tab:red", linewidth=1.0, label="before + delta")
            corners = list(outlines(kernels[row, column], before))
            bars = PolyCollection(corners, color="tab:blue", linewidth=0, label="weight now")
            ax.add_collection(bars, autolim=False)
            ax.spines[["top", "right"]].set_visible(False)
        axes[row, 0].set_ylabel(f"delta = {delta:g}")
    for column, sigma in enumerate(sigmas):
        axes[0, column].set_title(f"sigma = {sigma:g}", fontsize="medium")
    axes[0, 0].set(xlim=(-before - 0.5, slots - before - 0.5), ylim=(0.0, 1.05), yticks=[0.0, 0.5, 1.0])
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    figure.supxlabel("Slot, counted from where the head was", fontsize="medium")
    figure.legend(handles=[bars, start, end], loc="outside upper center", ncols=3, frameon=False)
    return figure


def outlines(weights: np.ndarray, before: int) -> np.ndarray:
    """Corners of the bars of N weights, [N, 4, 2]; one collection is drawn much faster than N bars."""
    corners = np.zeros((len(weights), 4, 2))
    corners[..., 0] = np.arange(len(weights))[:, None] - before + np.array([-0.4, -0.4, 0.4, 0.4])
    corners[:, 1:3, 1] = weights[:, None]
    return corners
