"""Progress of a search: every trial, and the best value so far."""

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator

from .layout import plain
from .log_axis import logarithmic
from .palette import colours
from .style import Figure, default_style

#: Values that differ by more than this factor get a logarithmic scale.
DECADE = 10.0


@default_style()
def best_so_far(trials: Mapping[str, np.ndarray], label: str) -> Figure:
    """A dot per complete trial, over its number, and a line for the best value so far.

    Args:
        trials: name -> [P] values by trial number, lower is better; NaN without a value, infinite if diverged.
        label: what the values are.
    """
    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    ax = figure.subplots()
    for name, colour in colours(trials).items():
        values = np.where(np.isfinite(trials[name]), trials[name], np.nan)
        numbers = np.arange(len(values))
        best = np.fmin.accumulate(values)
        ax.plot(numbers, values, ".", color=colour, alpha=0.6)
        ax.plot(numbers, best, drawstyle="steps-post", color=colour, label=name)
    known = np.concatenate([values[np.isfinite(values)] for values in trials.values()])
    if known.size and known.max() > DECADE * known.min():
        logarithmic(ax, known)
    ax.set(xlabel="trial", ylabel=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(ax)
    ax.legend(frameon=False)
    return figure
