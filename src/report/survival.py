"""Share of solved runs over time, by the Kaplan-Meier estimator."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from .statistics import numbers, wilson


class Survival(NamedTuple):
    """Estimated share of solved runs over time: 1 - Kaplan-Meier.

    Attributes:
        times: [P], 0 and the distinct finite times, ascending.
        share: [P], share solved from each time until the next, 0..1.
        low: [P], lower end of the pointwise 95 % interval.
        high: [P], upper end.
        at_risk: [P], runs neither solved nor censored before the time.
    """

    times: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray


def kaplan_meier(times: Sequence[float] | np.ndarray, solved: Sequence[bool]) -> Survival:
    """Estimate the share solved over time; runs that ended unsolved are censored.

    The interval is the log-log interval with Greenwood's variance. Where none or all are solved it does not exist;
    Wilson's interval replaces it, over the runs still at risk or over the solved runs. Kaplan and Meier 1958,
    J. Am. Stat. Assoc. 53.

    Args:
        times: [n], time to solve, or length of the run if unsolved; infinite for a diverged run, which stays at
            risk at all times.
        solved: [n].

    Raises:
        ValueError: no times, a time that is NaN or negative, different lengths, or solved at infinity.
    """
    x = numbers(times)
    done = np.asarray(solved, dtype=bool)
    if x.shape != done.shape:
        raise ValueError(f"{x.size} times, but solved or not for {done.size}")
    if x.min() < 0:
        raise ValueError(f"times of 0 or more, not {x.min():g}")
    if np.any(done & np.isinf(x)):
        raise ValueError("solved, but at an infinite time")
    never = x[np.isfinite(x)].max(initial=0.0) + 1.0  # replaces infinity, which scipy does not accept
    sf = stats.ecdf(stats.CensoredData.right_censored(np.where(np.isinf(x), never, x), ~done)).sf
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = sf.confidence_interval(0.95, method="log-log")
    # Survival is the unsolved share, so its upper bound gives the lower bound of the solved share.
    rows = np.stack([sf.quantiles, *(1.0 - part.probabilities for part in (sf, interval.high, interval.low))])
    rows = rows[:, rows[0] < never]
    if not np.any(rows[0] == 0):
        rows = np.insert(rows, 0, 0.0, axis=1)
    at, share, low, high = rows
    at_risk = (x[:, None] >= at).sum(0)
    for k in np.flatnonzero(share == 0):
        low[k], high[k] = wilson(0, int(at_risk[k]))
    for k in np.flatnonzero(share == 1):
        low[k], high[k] = wilson(int(done.sum()), int(done.sum()))
    return Survival(at, share, low, high, at_risk)


def median_time(survival: Survival) -> float | None:
    """The first time at which at least half are solved; None if there is none."""
    (half,) = np.nonzero(survival.share >= 0.5 - 1e-9)  # a product of ratios is off by rounding
    return float(survival.times[half[0]]) if half.size else None
