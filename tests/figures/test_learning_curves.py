"""Learning curves of one run."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.figures.learning_curves import learning_curves

X = np.arange(0.0, 1_000_000.0, 2_500.0)
LOSS = np.exp(-X / 200_000)
NAMES = ("loss", "bit accuracy", "wrong bits per sequence", "learning rate", "gradient norm")


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_shows_every_curve(count: int, grid: tuple[int, int], draw: Callable[[Figure], object]) -> None:
    curves = {name: LOSS * (index + 1) for index, name in enumerate(NAMES[:count])}
    figure = learning_curves(X, curves, "training sequences")
    draw(figure)
    assert len(figure.axes) == count
    for ax, (name, y) in zip(figure.axes, curves.items(), strict=True):
        (line,) = ax.lines
        np.testing.assert_array_equal(line.get_xdata(), X)
        np.testing.assert_array_equal(line.get_ydata(), y)
        assert ax.get_ylabel() == name
        assert ax.get_yscale() == "linear"
        assert ax.get_subplotspec().get_gridspec().get_geometry() == grid
    assert figure.get_supxlabel() == "training sequences"
    assert figure.get_figwidth() * 150 <= 1600


def test_missing_values_are_skipped() -> None:
    y = np.array([np.nan, 3.0, np.nan, np.nan, 1.0, 2.0, np.nan])
    figure = learning_curves(np.arange(7), {"y": y}, "step")
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 4, 5])
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 1.0, 2.0])


def test_few_points_are_shown_as_dots() -> None:
    sparse = np.where(np.arange(X.size) == 7, 1.0, np.nan)
    figure = learning_curves(X, {"dense": LOSS, "sparse": sparse}, "step")
    assert [ax.lines[0].get_marker() for ax in figure.axes] == ["", "."]


def test_logarithmic_where_named() -> None:
    figure = learning_curves(X, {"a": LOSS, "b": LOSS}, "step", log={"b", "absent"})
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log"]


def test_a_logarithmic_curve_keeps_its_zeros(draw: Callable[[Figure], object]) -> None:
    y = np.where(np.arange(X.size) < 300, LOSS * 1e4, 0.0)
    figure = learning_curves(X, {"errors": y}, "step", log=["errors"])
    draw(figure)
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), y)
    assert ax.get_yscale() == "symlog"
    low, high = ax.get_ylim()
    assert low < 0.0 < y.max() < high
    shown = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert 0.0 in shown
    assert 3 <= len(shown) <= 7
    # Above the smallest positive value equal factors are equal distances, as on a logarithmic scale.
    heights = ax.transData.transform([(0, 500), (0, 1000), (0, 2000)])[:, 1]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=1e-6)


@pytest.mark.parametrize("y", [np.zeros(4), np.full(4, np.nan), np.array([0.0, np.nan, -1.0, 0.0])])
def test_a_curve_without_positive_values_stays_linear(y: np.ndarray, draw: Callable[[Figure], object]) -> None:
    figure = learning_curves(np.arange(4), {"y": y}, "step", log=["y"])
    draw(figure)
    assert figure.axes[0].get_yscale() == "linear"


def test_panels_share_x_and_count_it_in_thousands(draw: Callable[[Figure], object]) -> None:
    figure = learning_curves(X, {"a": LOSS, "b": LOSS}, "training sequences")
    draw(figure)
    first, second = figure.axes
    for ax in (first, second):
        assert {"0", "200k", "1M"} <= {label.get_text() for label in ax.get_xticklabels()}
    second.set_xlim(3, 8)
    assert first.get_xlim() == (3, 8)


def test_small_x_is_left_as_it_is(draw: Callable[[Figure], object]) -> None:
    figure = learning_curves(np.linspace(0.0, 1.0, 5), {"a": np.arange(5.0)}, "epochs")
    draw(figure)
    assert "0.2" in {label.get_text() for label in figure.axes[0].get_xticklabels()}


def test_baselines_are_lines_in_the_panels_of_their_metrics_and_in_one_legend(draw):
    lines = {"guessing": {"b": 2.0, "c": 9.0}, "best possible": {"a": 0.125, "b": np.inf}}
    figure = learning_curves(X, {"a": LOSS, "b": LOSS}, "step", log={"a"}, lines=lines)
    draw(figure)
    across = [[(line.get_linestyle(), line.get_ydata()[0]) for line in ax.lines[1:]] for ax in figure.axes]
    assert across == [[(":", 0.125)], [("--", 2.0)]]
    assert figure.axes[1].get_ylim()[1] > 2.0
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["guessing", "best possible"]
    assert not learning_curves(X, {"a": LOSS}, "step", lines={"guessing": {}}).legends


def test_a_baseline_of_0_is_shown_on_a_logarithmic_axis():
    figure = learning_curves(X, {"a": LOSS}, "step", log={"a"}, lines={"best possible": {"a": 0.0}})
    assert figure.axes[0].get_yscale() == "symlog"
    assert figure.axes[0].get_ylim()[0] < 0.0
