"""Statistics over seeds: intervals and tests.

A failed run counts as the worst value of its metric, which may be infinite; results are still not NaN. All
infinities stand for one number that is larger than any finite one, so that opposite infinities cancel.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

#: Resamples of a bootstrap; sign flips: all up to this number, else as many random ones.
RESAMPLES, FLIPS = 10_000, 2**14


class Interval(NamedTuple):
    """Confidence interval, in the unit of the values."""

    low: float
    high: float


class Contrast(NamedTuple):
    """Paired comparison of two groups of runs.

    Attributes:
        n: number of pairs.
        difference: mean over the pairs of first minus second, in the unit of the values.
        low: lower end of the 95 % bootstrap interval of that mean.
        high: upper end.
        p: two-sided p of `sign_flip`; not adjusted for other contrasts (see `holm`).
    """

    n: int
    difference: float
    low: float
    high: float
    p: float


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a probability (Wilson 1927, J. Am. Stat. Assoc. 22).

    >>> "{:.3f} {:.3f}".format(*wilson(8, 10))
    '0.490 0.943'

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes in {trials} trials: one trial or more, and no more successes")
    low, high = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return Interval(float(low), float(high))


def mean(values: ArrayLike, axis: int = -1) -> Any:
    """The mean along an axis; opposite infinities cancel (see the module docstring).

    >>> float(mean([1.0, 2.0, 6.0])), float(mean([1.0, np.inf])), float(mean([np.inf, -np.inf, 6.0]))
    (3.0, inf, 2.0)
    """
    x = np.asarray(values, dtype=float)
    infinite = np.isinf(x)
    finite = np.where(infinite, 0.0, x).mean(axis)
    balance = np.where(infinite, np.sign(x), 0.0).sum(axis)
    return np.where(balance == 0, finite, np.copysign(np.inf, balance))[()]


def interquartile_mean(values: ArrayLike, axis: int = -1) -> Any:
    """The mean without the lowest and the highest quarter, rounded down to whole values.

    It is finite if at most a quarter of the values are infinite. Agarwal et al. 2021, arXiv:2108.13264.

    >>> float(interquartile_mean([1, 2, 3, 100])), float(interquartile_mean([1, np.inf, np.inf, np.inf]))
    (2.5, inf)
    """
    return mean(stats.trimboth(np.asarray(values, dtype=float), 0.25, axis), axis)


def bootstrap(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[..., Any] = interquartile_mean,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a statistic.

    Args:
        values: [n]; may be infinite, and then so may the bounds.
        statistic: function of an array and `axis`, such as `mean` or `interquartile_mean`.
        level: confidence level.
        seed: of the resamples.

    Raises:
        ValueError: no values, or one that is NaN.
    """
    x = numbers(values)
    if np.all(x == x[0]):
        return Interval(float(x[0]), float(x[0]))
    generator = np.random.default_rng(seed)
    # scipy's own interval is not used: it interpolates between a finite and an infinite value to NaN.
    with np.errstate(invalid="ignore"):
        drawn = stats.bootstrap(
            (x,), statistic, n_resamples=RESAMPLES, vectorized=True, method="percentile", rng=generator
        ).bootstrap_distribution
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


def sign_flip(differences: Sequence[float] | np.ndarray, seed: int = 0) -> float:
    """Two-sided p of the mean of paired differences, by a sign-flip permutation test.

    Exact for up to 14 differences, else from 2^14 random flips.

    Args:
        differences: [n]; may be infinite.
        seed: of the random flips.

    Raises:
        ValueError: no differences, or one that is NaN.
    """
    x = numbers(differences)
    infinite = np.isinf(x)
    outweighing = 4.0 * (1.0 + np.abs(x[~infinite]).sum())
    x = np.where(infinite, np.sign(x) * outweighing, x)
    if x.size == 1:
        return 1.0  # both flips are equally far from zero; scipy needs two values
    flips = stats.permutation_test(
        (x,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        rng=np.random.default_rng(seed),
    )
    return float(flips.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for multiple tests, in the given order (Holm 1979, step-down).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Raises:
        ValueError: a p that is not from 0 to 1.
    """
    p = np.asarray(p_values, dtype=float)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p from 0 to 1, not {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    steps = p[order] * np.arange(p.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(one) for one in adjusted]


def contrast(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, seed: int = 0) -> Contrast:
    """First minus second, paired by position: the same seeds in the same order.

    Args:
        first: [n]; may be infinite; two equal infinities have difference 0.
        second: [n].
        seed: of the resamples and of the flips.

    Raises:
        ValueError: different numbers of values, no values, or NaN.
    """
    a, b = numbers(first), numbers(second)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} values against {b.size}: pairs need as many")
    same = a == b
    differences = np.where(same, 0.0, a) - np.where(same, 0.0, b)
    interval = bootstrap(differences, mean, seed=seed)
    return Contrast(a.size, float(mean(differences)), *interval, sign_flip(differences, seed))


def numbers(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Values as an array [n] of floats.

    Raises:
        ValueError: not one-dimensional, no values, or NaN.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"one or more values in a row, not an array of shape {x.shape}")
    if np.isnan(x).any():
        raise ValueError("NaN among the values: a failed run counts as the worst value of its metric")
    return x
