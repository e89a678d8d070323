"""Loss curves over seeds: against rows written by hand."""

import numpy as np

from src.report.curves import summarise
from src.report.statistics import interquartile_mean

X = np.arange(1.0, 12.0) * 5_000
INF = np.inf


def test_the_middle_half_of_the_seeds(rng_numpy: np.random.Generator) -> None:
    rows = rng_numpy.lognormal(size=(9, X.size))
    group = summarise("a", [(X, y) for y in rows])
    np.testing.assert_array_equal(group.x, X)
    for k, column in enumerate(rows.T):
        middle = sorted(column)[2:7]
        np.testing.assert_allclose(group.centre[k], np.mean(middle))
        assert group.band is not None
        assert group.band[:, k].tolist() == [middle[0], middle[-1]]
    assert len(group.seeds) == 9


def test_few_seeds_have_no_band(rng_numpy: np.random.Generator) -> None:
    assert summarise("a", [(X, y) for y in rng_numpy.lognormal(size=(4, X.size))]).band is None


def test_runs_that_ended_keep_their_last_value() -> None:
    x = np.arange(1.0, 6.0)
    ended, later = (x[:2], np.array([9.0, 1.0])), (x, np.array([8.0, 7.0, 6.0, 5.0, 4.0]))
    sparse = np.array([1.0, 5.0]), np.array([2.0, 10.0])
    group = summarise("a", [ended, later, sparse])
    rows = np.array([[9, 1, 1, 1, 1], [8, 7, 6, 5, 4], [2, 4, 6, 8, 10]])
    assert group.x.tolist() == x.tolist()
    np.testing.assert_allclose(group.centre, interquartile_mean(rows, axis=0))


def test_no_centre_before_every_run_has_begun() -> None:
    assert summarise("a", [(X, X), (X[3:], X[3:])]).x.tolist() == X[3:].tolist()


def test_missing_values_are_skipped_and_an_empty_run_has_no_say() -> None:
    y = np.array([3.0, np.nan, 1.0, np.nan])
    group = summarise("a", [(X[:4], y), (X[:4], np.full(4, np.nan)), (np.zeros(0), np.zeros(0))])
    assert [group.x.tolist(), group.centre.tolist()] == [[X[0], X[2]], [3.0, 1.0]]
    assert [len(x) for x, _ in group.seeds] == [2, 0, 0]
    empty = summarise("a", [(np.zeros(0), np.zeros(0))])
    assert empty.x.size == empty.centre.size == 0


def test_a_run_that_diverged_counts_as_infinite() -> None:
    """One of five is outside of the middle half; two are not."""
    x = np.array([1.0, 2.0, 4.0])
    fine, failed = (x, np.array([3.0, 2.0, 1.0])), (np.array([1.0, 4.0]), np.array([3.0, INF]))
    assert summarise("a", [fine] * 4 + [failed]).centre.tolist() == [3.0, 2.0, 1.0]
    assert summarise("a", [fine] * 3 + [failed] * 2).centre.tolist() == [3.0, INF, INF]
