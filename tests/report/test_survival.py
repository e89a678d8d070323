"""The share solved by a time, against a known example and a second implementation."""

import numpy as np
import pytest

from src.report.statistics import wilson
from src.report.survival import kaplan_meier, median_time

INF = float("inf")


def leukaemia():
    """Weeks in remission under 6-MP: Freireich et al. 1963, Blood 21."""
    relapsed, censored = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    return [*relapsed, *censored], [True] * 9 + [False] * 12


def product_limit(times, solved):
    """[(time, share unsolved, at risk)] as in a textbook."""
    share, rows = 1.0, []
    for t in sorted({t for t in times if t < INF}):
        at_risk = sum(one >= t for one in times)
        events = sum(one == t and done for one, done in zip(times, solved, strict=True))
        share *= 1 - events / at_risk
        rows.append((t, share, at_risk))
    return rows


def test_the_leukaemia_example():
    survival = kaplan_meier(*leukaemia())
    unsolved = dict(zip(survival.times, 1 - survival.share, strict=True))
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {t: round(float(unsolved[t]), 3) for t in published} == published
    assert [unsolved[0], unsolved[9], unsolved[35]] == pytest.approx([1, unsolved[7], unsolved[23]])
    assert dict(zip(survival.times, survival.at_risk, strict=True))[10] == 15
    assert median_time(survival) == 23


@pytest.mark.parametrize("seed", range(5))
def test_survival_is_the_product_limit(seed):
    random = np.random.default_rng(seed)
    times = random.integers(1, 12, size=17).astype(float)
    solved = random.random(17) < 0.6
    times[(random.random(17) < 0.2) & ~solved] = INF
    survival = kaplan_meier(times, solved.tolist())
    expected = [(0.0, 1.0, 17), *product_limit(times, solved)]
    assert np.allclose(np.stack([survival.times, 1 - survival.share, survival.at_risk], 1), expected)
    assert np.all(survival.low <= survival.share)
    assert np.all(survival.share <= survival.high)
    assert survival.low.min() >= 0
    assert survival.high.max() <= 1
    inner = (survival.share > 0) & (survival.share < 1)
    for k in np.flatnonzero(inner):
        assert (survival.low[k], survival.high[k]) == pytest.approx(greenwood(times, solved, survival.times[k]))


def greenwood(times, solved, at):
    """Log-log bounds of the share solved at a time, by the formula."""
    share, total = 1.0, 0.0
    for t in sorted({t for t in times if t <= at}):
        n = sum(one >= t for one in times)
        d = sum(one == t and done for one, done in zip(times, solved, strict=True))
        share, total = share * (1 - d / n), total + d / (n * (n - d))
    half = 1.959963984540054 * np.sqrt(total) / abs(np.log(share))
    return 1 - share ** np.exp(-half), 1 - share ** np.exp(half)


def test_a_failed_run_stays_at_risk_for_ever():
    """If it were censored at its last sequence, the estimated share solved would be too high."""
    failed = kaplan_meier([10, INF, 30, INF], [True, False, True, False])
    lost = kaplan_meier([10, 5, 30, 5], [True, False, True, False])
    assert failed.times.tolist() == [0, 10, 30]
    assert failed.share.tolist() == [0, 0.25, 0.5]
    assert failed.at_risk.tolist() == [4, 4, 3]
    assert lost.share[-1] == 1
    assert median_time(failed) == 30
    assert median_time(lost) == 10


def test_none_and_all_solved_have_wilsons_interval():
    none = kaplan_meier([40.0] * 10, [False] * 10)
    assert (none.times.tolist(), none.share.tolist()) == ([0, 40], [0, 0])
    assert (none.low[1], none.high[1]) == wilson(0, 10)
    assert median_time(none) is None
    never = kaplan_meier([INF, INF], [False, False])
    assert [part.tolist() for part in never] == [[0], [0], [0], [wilson(0, 2).high], [2]]
    every = kaplan_meier([3.0, 3.0, 3.0], [True] * 3)
    assert every.share.tolist() == [0, 1]
    assert (every.low[1], every.high[1]) == wilson(3, 3)
    assert median_time(every) == 3
    last = kaplan_meier([3.0, 4.0, 6.0, 2.0], [True, True, True, False])
    assert last.at_risk.tolist() == [4, 4, 3, 2, 1]
    assert (last.low[1], last.high[1]) == wilson(0, 4)
    assert (last.low[4], last.high[4]) == wilson(3, 3)
    one = kaplan_meier([7.0], [True])
    assert (one.low.tolist(), one.high.tolist()) == ([0, wilson(1, 1).low], [wilson(0, 1).high, 1])


def test_a_run_that_was_never_seen_is_at_risk_at_zero_only():
    survival = kaplan_meier([0.0, 5.0], [False, True])
    assert (survival.times.tolist(), survival.at_risk.tolist()) == ([0, 5], [2, 1])
