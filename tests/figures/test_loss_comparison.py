"""Loss curves of several models and seeds."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from src.figures.loss_comparison import LossCurve, loss_comparison, quartiles
from src.figures.palette import colours

X = np.arange(1.0, 12.0) * 5_000


def runs(label, random, seeds=4, x=X):
    return [LossCurve(label, seed, x, random.lognormal(size=x.size)) for seed in range(seeds)]


def thick(ax):
    return [line for line in ax.lines if line.get_linewidth() == 2.0]


def thin(ax):
    return [line for line in ax.lines if line.get_linewidth() < 1.0]


def test_every_seed_the_median_and_the_band(random, draw):
    curves = [*runs("ntm", random, 4), *runs("gru", random, 5)]
    figure = loss_comparison({"repeat copy": curves}, "training sequences", "loss (nats)")
    draw(figure)
    (ax,) = figure.axes
    assert len(thin(ax)) == 9
    for line, curve in zip([*thin(ax)], curves, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([curve.x, curve.y], 1))
    for line, band, rows in zip(thick(ax), ax.collections, (curves[:4], curves[4:]), strict=True):
        y = np.stack([curve.y for curve in rows])
        np.testing.assert_allclose(line.get_ydata(), np.median(y, 0))
        np.testing.assert_array_equal(line.get_xdata(), X)
        outline = band.get_paths()[0].vertices
        for value in np.concatenate(np.quantile(y, [0.25, 0.75], axis=0)):
            assert np.isclose(outline[:, 1], value).any()
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (
        "repeat copy",
        "training sequences",
        "loss (nats)",
    )
    assert ax.get_yscale() == "log"
    assert "A run that has ended keeps its last value" in figure.get_supxlabel()


def test_runs_that_ended_keep_their_last_value():
    x = np.arange(1.0, 6.0)
    ended = LossCurve("a", 0, x[:2], np.array([9.0, 1.0]))
    later = LossCurve("a", 1, x, np.array([8.0, 7.0, 6.0, 5.0, 4.0]))
    sparse = LossCurve("a", 2, np.array([1.0, 5.0]), np.array([2.0, 10.0]))
    grid, (low, middle, high) = quartiles([ended, later, sparse])
    rows = np.array([[9, 1, 1, 1, 1], [8, 7, 6, 5, 4], [2, 4, 6, 8, 10]])
    assert grid.tolist() == x.tolist()
    np.testing.assert_allclose(middle, np.median(rows, 0))
    np.testing.assert_allclose([low, high], np.quantile(rows, [0.25, 0.75], axis=0))


def test_no_median_before_every_run_has_begun():
    early, late = LossCurve("a", 0, X, X), LossCurve("a", 1, X[3:], X[3:])
    assert quartiles([early, late])[0].tolist() == X[3:].tolist()


def test_missing_values_are_skipped_and_an_empty_run_is_only_counted(random, draw):
    y = np.array([3.0, np.nan, 1.0, np.nan])
    curves = [
        LossCurve("a", 0, X[:4], y),
        LossCurve("a", 1, X[:4], np.full(4, np.nan)),
        LossCurve("a", 2, np.zeros(0), np.zeros(0)),
    ]
    figure = loss_comparison({"t": curves, "u": runs("a", random, 3)}, "x", "y")
    draw(figure)
    (middle,) = thick(figure.axes[0])
    assert middle.get_xydata().tolist() == [[X[0], 3.0], [X[2], 1.0]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a (3)"]


def test_an_infinite_loss_is_no_error(draw):
    curves = [LossCurve("a", seed, X[:3], np.array([3.0, 2.0, np.inf if seed else 1.0])) for seed in range(4)]
    figure = loss_comparison({"t": curves}, "x", "y")
    draw(figure)
    assert thick(figure.axes[0])[0].get_ydata()[:2].tolist() == [3.0, 2.0]


def test_panels_of_their_own_tasks(random, draw):
    panels = {
        "copy": [*runs("ntm", random, 3), *runs("gru", random, 2)],
        "recall": runs("gru", random, 4, X / 100),
        "sort": runs("lstm", random, 1),
    }
    figure = loss_comparison(panels, "training sequences", "loss", log=False, order=["mlp", "gru", "ntm"])
    draw(figure)
    assert [ax.get_title() for ax in figure.axes] == list(panels)
    assert [len(thin(ax)) for ax in figure.axes] == [5, 4, 1]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "training sequences", "training sequences"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "", "loss"]
    assert {ax.get_yscale() for ax in figure.axes} == {"linear"}
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["gru (2 to 4)", "ntm (3)", "lstm (1)"]
    expected = colours(["gru", "ntm", "lstm"], ["mlp", "gru", "ntm"])
    assert same_color(thick(figure.axes[1])[0].get_color(), expected["gru"])
    assert same_color(thick(figure.axes[2])[0].get_color(), expected["lstm"])
    handles = figure.legends[0].legend_handles
    assert same_color([handle.get_color() for handle in handles], [expected[t.split()[0]] for t in texts])


@pytest.mark.parametrize("count", [1, 4])
def test_many_long_labels_fit(count, random, draw):
    labels = [f"sigma_init={s} carry={c}" for s in (0.3, 0.5, 1, 2, 4) for c in ("position", "weighting")]
    curves = [curve for label in labels for curve in runs(label, random, 2)]
    figure = loss_comparison({f"task {k}": curves for k in range(count)}, "training sequences", "loss (nats)")
    draw(figure)
    assert len(figure.legends[0].get_texts()) == 10
    assert figure.get_figwidth() * 150 <= 1650
    width = min(ax.get_window_extent().width for ax in figure.axes) / figure.dpi
    assert width > 2.5
