"""Statistics over seeds, against known values and second implementations."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from src.report.statistics import (
    bootstrap,
    contrast,
    holm,
    interquartile_mean,
    mean,
    sign_flip,
    wilson,
)
from src.report.survival import kaplan_meier

INF = float("inf")


@pytest.fixture
def random():
    return np.random.default_rng(0)


# ---- shares


def test_wilson_by_its_formula():
    z = 1.959963984540054
    for successes, trials in ((0, 10), (3, 10), (7, 20), (20, 20)):
        share = successes / trials
        centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
        half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
        assert wilson(successes, trials) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert wilson(10, 10).high == 1
    assert wilson(5, 10, 0.5).low > wilson(5, 10, 0.9).low


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (4, 3), (-1, 3)])
def test_wilson_refuses_invalid_counts(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials"):
        wilson(successes, trials)


# ---- means


@pytest.mark.parametrize("n", range(1, 13))
def test_the_interquartile_mean_is_scipys(n, random):
    values = random.normal(size=n)
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 1, 2, 3, 4, 9, 7, 8, INF, INF], (3 + 4 + 5 + 7 + 8 + 9) / 6),
        ([5, 1, 2, 3, 4, 9, 7, INF, INF, INF], INF),
        ([3, 1, INF, 2], 2.5),
        ([1, INF, 2], INF),
        ([INF] * 6, INF),
        ([-INF, 1, 2, 6, INF, 3, 4, 5], 3.5),
        ([-INF, -INF, -INF, 1, INF, INF, INF, 4], 1.25),  # the two that are left cancel: (0 + 1 + 4 + 0) / 4
    ],
)
def test_infinities_in_an_interquartile_mean(values, expected):
    assert interquartile_mean(values) == expected


def test_means_go_along_an_axis(random):
    x = random.normal(size=(3, 5, 9))
    assert np.allclose(mean(x), x.mean(2))
    assert np.allclose(interquartile_mean(x, 1), stats.trim_mean(x, 0.25, 1))
    x[1, 2, 3] = INF
    expected = x.mean(2)
    assert expected[1, 2] == INF
    assert np.allclose(mean(x), expected)


# ---- bootstrap


@pytest.mark.parametrize("statistic", [mean, interquartile_mean])
def test_the_interval_is_scipys(statistic, random):
    values = random.exponential(size=11)
    theirs = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=10_000,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert bootstrap(values, statistic, seed=3) == pytest.approx(theirs, rel=5e-3)


def test_the_interval_is_that_of_a_plain_loop(random):
    values = random.normal(3.0, 2.0, size=15)
    means = [random.choice(values, 15).mean() for _ in range(10_000)]
    for level in (0.95, 0.8):
        tails = np.percentile(means, [50 - 50 * level, 50 + 50 * level])
        assert bootstrap(values, mean, level) == pytest.approx(tails, abs=0.04)


def test_the_interval_depends_on_the_seed_alone():
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 33.0]
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


@pytest.mark.parametrize("values", [[2.5], [2.5] * 7, [INF], [INF, INF]])
def test_equal_values_have_a_point_interval(values):
    assert bootstrap(values) == bootstrap(values, mean) == (values[0], values[0])


def test_infinities_give_infinite_bounds():
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, INF]
    low, high = bootstrap(values)
    assert 1 < low < 5
    assert high == INF
    low, high = bootstrap([*values[:3], INF, INF, INF, INF, INF])
    assert high == INF
    assert bootstrap([1.0] + [INF] * 9) == (INF, INF)
    assert bootstrap([-INF, 0.0, 1.0, INF], mean) == (-INF, INF)


# ---- tests


@pytest.mark.parametrize("n", [2, 5, 10, 14])
def test_sign_flips_by_enumeration(n, random):
    differences = random.normal(0.4, 1.0, size=n)
    signs = np.array(list(product((-1, 1), repeat=n)))
    expected = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    assert sign_flip(differences) == pytest.approx(expected, abs=1e-12)
    assert sign_flip(-differences) == pytest.approx(expected, abs=1e-12)


def test_known_p_of_sign_flips():
    assert sign_flip([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 32)
    assert sign_flip([0.0] * 6) == sign_flip([0.0]) == sign_flip([3.0]) == 1
    assert sign_flip([1.0, -1.0]) == 1


def test_many_differences_are_sampled(random):
    differences = random.normal(0.8, 1.0, size=16)
    signs = np.array(list(product((-1, 1), repeat=16)))
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()))
    assert 0.001 < exact < 0.2
    assert sign_flip(differences) == pytest.approx(exact, abs=4 * np.sqrt(exact / 2**14))
    assert sign_flip(differences, seed=1) != sign_flip(differences, seed=2)
    assert sign_flip(differences) == sign_flip(differences)


def test_an_infinite_difference_outweighs_all_others():
    assert sign_flip([INF, INF, INF, 1.0]) == pytest.approx(2 / 16)
    assert sign_flip([INF, INF, INF, -1.0]) == pytest.approx(4 / 16)
    # In 8 of the 16 flips both infinities have one sign; in 4 of the others, 100 and 1 have the same sign.
    assert sign_flip([INF, -INF, 100.0, 1.0]) == pytest.approx(12 / 16)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.02, 0.5]) == pytest.approx([1.0, 0.06, 1.0])
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06] * 3)
    assert holm([0.3]) == [0.3]
    assert holm([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p(p):
    with pytest.raises(ValueError, match="p from 0 to 1"):
        holm([0.5, p])


# ---- contrasts


def test_a_contrast_is_of_the_paired_differences(random):
    second = random.normal(size=12)
    first = second + random.normal(0.8, 0.5, size=12)
    found = contrast(first, second, seed=4)
    differences = first - second
    assert found.n == 12
    assert found.difference == pytest.approx(differences.mean())
    assert (found.low, found.high) == bootstrap(differences, mean, seed=4)
    assert 0 < found.low < found.difference < found.high
    assert found.p == sign_flip(differences) < 0.01
    turned = contrast(second, first)
    assert turned.difference == -found.difference
    assert turned.p == found.p


def test_contrasts_with_failed_runs():
    """If both runs of a pair failed, their difference is zero; if one failed, it is infinite."""
    found = contrast([1.0, INF, 3.0, INF], [2.0, INF, 5.0, 1.0])
    # Of the 256 resamples 1 has mean -2 and 4 have -1.75, fewer than 2.5 %; the next have -1.5.
    assert found[:3] == (4, INF, -1.5)
    assert found.high == INF
    # No flip of (-1, 0, -2, inf) is closer to zero than the observed one, in which -1 and -2 oppose the infinity.
    assert found.p == 1
    assert contrast([INF, INF], [INF, INF]) == (2, 0, 0, 0, 1)
    assert contrast([2.0], [0.5]) == (1, 1.5, 1.5, 1.5, 1)


# ---- refusals


@pytest.mark.parametrize("call", [bootstrap, sign_flip, lambda x: contrast(x, x), lambda x: kaplan_meier(x, x)])
def test_no_values_and_nan_are_refused(call):
    with pytest.raises(ValueError, match="one or more values in a row"):
        call([])
    with pytest.raises(ValueError, match="a failed run counts as the worst value"):
        call([1.0, float("nan")])


def test_refusals_of_pairs_and_times():
    with pytest.raises(ValueError, match="3 values against 2: pairs need as many"):
        contrast([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="2 times, but solved or not for 3"):
        kaplan_meier([1, 2], [True, True, False])
    with pytest.raises(ValueError, match="times of 0 or more, not -2"):
        kaplan_meier([1, -2], [True, True])
    with pytest.raises(ValueError, match="solved, but at an infinite time"):
        kaplan_meier([1, INF], [True, True])
