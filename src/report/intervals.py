"""Intervals over seeds: the one rule by which tables, figures and texts show them."""

from collections.abc import Sequence

import numpy as np

from . import statistics
from .statistics import Interval

#: Fewest seeds for an interval: the resamples of fewer show little more than their lowest and highest value.
FEW = 5
#: The rule, for notes and captions.
RULE = f"from {FEW} seeds on"


def enough(seeds: int) -> bool:
    """Whether there are enough seeds for an interval or a band."""
    return seeds >= FEW


def of_mean(values: Sequence[float] | np.ndarray) -> Interval | None:
    """The 95 % bootstrap interval of the interquartile mean; None for few seeds."""
    return statistics.bootstrap(values) if enough(len(values)) else None


def of_share(successes: int, trials: int) -> Interval | None:
    """Wilson's 95 % interval of a share; None for few seeds."""
    return statistics.wilson(successes, trials) if enough(trials) else None


def of_difference(contrast: statistics.Contrast) -> Interval | None:
    """The 95 % interval of a paired difference; None for few seeds."""
    return Interval(contrast.low, contrast.high) if enough(contrast.n) else None
