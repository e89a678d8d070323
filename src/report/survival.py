"""The share of runs that have solved their task by a time: 1 - Kaplan-Meier."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from src.report.statistics import numbers, wilson


class Survival(NamedTuple):
    """How many runs have solved their task by a time: 1 - Kaplan-Meier.

    Attributes:
        times: [P], ascending from 0, in the unit of the times given; all finite ones, each once.
        share: [P], estimated share solved at each time and until the next, 0..1.
        low: [P], of a pointwise interval of 95 %.
        high: [P].
        at_risk: [P], runs neither solved nor lost from sight before the time.
    """

    times: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray


def kaplan_meier(times: Sequence[float] | np.ndarray, solved: Sequence[bool]) -> Survival:
    """The share solved by each time, with runs that ended unsolved as censored.

    The interval is the log-log one of Greenwood's variance. Where none or all are solved that does not exist, and
    Wilson's stands in, over the runs that are still at risk or over those that have solved. Kaplan and Meier 1958,
    J. Am. Stat. Assoc. 53.

    Args:
        times: [n], sequences to solve, or sequences seen where unsolved; infinite for a run that failed and will
            never solve, which stays at risk for ever.
        solved: [n].

    Raises:
        ValueError: no times, one that is NaN or negative, not as many of both, or solved at infinity.
    """
    x = numbers(times)
    done = np.asarray(solved, dtype=bool)
    if x.shape != done.shape:
        raise ValueError(f"{x.size} times, but solved or not for {done.size}")
    if x.min() < 0:
        raise ValueError(f"times of 0 or more, not {x.min():g}")
    if np.any(done & np.isinf(x)):
        raise ValueError("solved, but at an infinite time")
    never = x[np.isfinite(x)].max(initial=0.0) + 1.0  # as good as infinity, which scipy does not take
    sf = stats.ecdf(stats.CensoredData.right_censored(np.where(np.isinf(x), never, x), ~done)).sf
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = sf.confidence_interval(0.95, method="log-log")
    # Bounds of who survives, unsolved, are those of who solved, turned round.
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
    (late,) = np.nonzero(survival.share >= 0.5 - 1e-9)  # a product of ratios is off by rounding
    return float(survival.times[late[0]]) if late.size else None
