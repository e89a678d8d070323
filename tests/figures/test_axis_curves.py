"""A metric over one axis of test cells."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from src.figures.axis_curves import GREY, AxisCurve, axis_curves
from src.figures.palette import MODELS

X = np.array([5.0, 10.0, 40.0, 500.0])


def curve(label, band=True):
    y = np.array([0.0, 0.1, 0.2, 0.4])
    return AxisCurve(label, X, y, np.stack([y, y + 0.1]) if band else None)


def shown(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("labels", [["ntm"], ["ntm", "lstm", "dms_ntm memory_slots=64 lr=0.001"]])
def test_every_label_has_its_curve_and_its_band(labels, draw):
    figure = axis_curves([curve(label) for label in labels], "length", "payload error", False, [(1, 30), (35, 40)])
    draw(figure)
    (ax,) = figure.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.0, 0.1, 0.2, 0.4]] * len(labels)
    assert to_hex(ax.lines[0].get_color()).upper() == MODELS["ntm"]
    assert len(ax.collections) == len(labels)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Length", "payload error\nless is better")
    assert shown(figure) == [*labels, "trained on"]
    shades = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    assert [(one.x0, one.x1) for one in shades] == [pytest.approx((0.5, 30.5)), pytest.approx((34.5, 40.5))]


def test_baselines_are_lines_and_one_without_a_number_is_left_out(draw):
    lines = {"guessing": (X, X * 3), "best possible": (X, X * np.nan)}
    figure = axis_curves([curve("ntm", band=False)], "items", "bits", False, lines=lines)
    draw(figure)
    (ax,) = figure.axes
    grey = [line for line in ax.lines if line.get_color() == GREY]
    assert [list(line.get_ydata()) for line in grey] == [list(X * 3)]
    assert shown(figure) == ["ntm", "guessing"]


def test_a_baseline_of_a_single_value_goes_across(draw):
    lines = {"guessing": (X[:1], np.array([0.5]))}
    figure = axis_curves([AxisCurve("ntm", X[:1], X[:1])], "items", "accuracy", True, [(5, 5)], lines)
    draw(figure)
    (ax,) = figure.axes
    assert list(ax.lines[1].get_xdata()) == [0, 1]
    assert all(float(tick.get_text()).is_integer() for tick in ax.get_xticklabels())


def test_values_that_are_not_finite_are_gaps(draw):
    y = np.array([0.1, np.inf, np.nan, 0.2])
    figure = axis_curves([AxisCurve("ntm", X, y, np.stack([y, y]))], "length", "bits", False)
    draw(figure)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0.1, np.nan, np.nan, 0.2])


def test_a_long_label_fits(draw):
    label = "share of runs exact at length 32, hops 16, with 128 slots"
    draw(axis_curves([curve("ntm")], "largest reach in training", label, True))
