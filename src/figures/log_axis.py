"""Logarithmic axes with readable labels."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatterSciNotation, SymmetricalLogLocator

#: From the first to the second, labels are plain numbers; others have a power of ten.
PLAIN = (1e-4, 1e5)


class LogLabels(LogFormatterSciNotation):
    """Labels such as 0.02 or 300, where matplotlib's own would be 2 x 10^-2 or 3 x 10^2."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        label = super().__call__(x, pos)  # empty for ticks that have no place for a label
        # Between close values there are ticks such as 40.00355; more digits would show rounding errors.
        return f"{x:.8g}" if label and (x == 0 or PLAIN[0] <= abs(x) < PLAIN[1]) else label


def label_log(axis: Axis) -> None:
    """Give a logarithmic axis readable labels."""
    axis.set_major_formatter(LogLabels())
    axis.set_minor_formatter(LogLabels())


def logarithmic(ax: Axes, y: np.ndarray) -> None:
    """Make y logarithmic; if there are values of 0 or less, linear up to the least positive decade."""
    positive = y[y > 0]
    if positive.size == y.size > 0:
        ax.set_yscale("log")
        label_log(ax.yaxis)
    elif positive.size > 0:
        # A power of ten: a tick further below would lie beside that of 0. And far enough from 0 for two labels.
        threshold = 10.0 ** np.floor(np.log10(positive.min()))
        decades = np.log10(positive.max() / threshold)
        ax.set_yscale("symlog", linthresh=threshold, linscale=max(0.5, decades / 6.0))
        locator = SymmetricalLogLocator(base=10.0, linthresh=threshold)
        locator.set_params(numticks=5)  # the default labels every decade, too many for a small panel
        ax.yaxis.set_major_locator(locator)
        ax.yaxis.set_major_formatter(LogLabels(linthresh=threshold))
