"""Best value so far: it never rises, and ignores trials without a value."""

import numpy as np
import pytest

from src.figures.best_so_far import best_so_far


def test_a_line_of_the_least_so_far_and_a_dot_a_trial():
    figure = best_so_far({"ntm": np.array([np.nan, 3.0, 4.0, np.inf, 2.0]), "gru": np.array([5.0])}, "bits")
    (ax,) = figure.axes
    dots, line, _, other = ax.get_lines()
    np.testing.assert_equal(dots.get_ydata(), [np.nan, 3.0, 4.0, np.nan, 2.0])
    np.testing.assert_equal(line.get_ydata(), [np.nan, 3.0, 3.0, 3.0, 2.0])
    np.testing.assert_equal(line.get_xdata(), range(5))
    assert line.get_color() == dots.get_color() != other.get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ntm", "gru"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("trial", "bits", "linear")


@pytest.mark.parametrize(
    ("values", "scale"), [([1.0, 11.0], "log"), ([0.0, 11.0], "symlog"), ([1.0, 9.0], "linear")]
)
def test_values_far_apart_are_on_a_logarithmic_scale(values, scale):
    (ax,) = best_so_far({"ntm": np.array(values)}, "bits").axes
    assert ax.get_yscale() == scale


def test_no_trial_has_a_value_yet():
    (ax,) = best_so_far({"ntm": np.array([np.nan, np.inf])}, "bits").axes
    assert np.isnan(ax.get_lines()[1].get_ydata()).all()
