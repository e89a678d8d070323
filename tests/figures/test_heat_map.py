"""Annotated heat maps."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.figures.heat_map import finite_limits, heat_map, short, write

VALUES = np.array([[0.5, np.nan, 2.0], [np.inf, 0.25, -np.inf]])


def written(ax):
    return {(int(y), int(x)): text.get_text() for text in ax.texts for x, y in [text.get_position()]}


def test_cells_without_a_finite_number_stay_empty(draw):
    figure = Figure()
    ax = figure.subplots()
    image = heat_map(ax, VALUES, True)
    write(ax, image, VALUES, missing="-")
    draw(figure)
    assert image.get_array().mask.tolist() == [[False, True, False], [True, False, True]]
    assert image.get_clim() == (0.25, 2.0)
    expected = {(0, 0): "0.5", (0, 1): "-", (0, 2): "2", (1, 0): "inf", (1, 1): "0.25", (1, 2): "-inf"}
    assert written(ax) == expected
    ink = {text.get_text(): text.get_color() for text in ax.texts}
    assert (ink["0.25"], ink["2"], ink["inf"], ink["-"]) == ("black", "white", "black", "black")


def test_missing_values_have_no_text_by_default():
    ax = Figure().subplots()
    write(ax, heat_map(ax, VALUES, True), VALUES)
    assert (0, 1) not in written(ax)
    assert len(written(ax)) == 5


@pytest.mark.parametrize(("origin", "limits"), [("lower", (-0.5, 1.5)), ("upper", (1.5, -0.5))])
def test_the_first_row_is_below_or_above(origin, limits):
    ax = Figure().subplots()
    image = heat_map(ax, VALUES, True, (-1.0, 4.0), origin)
    assert ax.get_ylim() == limits
    assert image.get_clim() == (-1, 4)


def test_a_missing_value_looks_like_no_value():
    ax = Figure().subplots()
    image = heat_map(ax, VALUES, more=True)
    background = np.array(ax.get_facecolor())
    assert min(np.abs(background - image.cmap(one)).max() for one in np.linspace(0, 1, 50)) > 0.1


@pytest.mark.parametrize("more", [False, True])
def test_the_better_cell_is_the_darker(more):
    image = heat_map(Figure().subplots(), np.array([[0.25, 2.0]]), more)
    small, large = (sum(image.to_rgba(value)[:3]) for value in (0.25, 2.0))
    assert (large < small) == more


def test_limits_of_all_finite_values():
    assert finite_limits(VALUES, np.array([[7.0]])) == (0.25, 7.0)
    assert finite_limits(VALUES[:1, 1:2]) is None
    assert finite_limits() is None


@pytest.mark.parametrize(
    "value", [9_999.0, 999_499.0, 999_501.0, 0.00012345, 0.0012345, 0.099, 0.1, 123.456, -0.05]
)
def test_short_numbers_are_right_to_half_a_digit(value):
    text = short(value)
    assert len(text) <= 6
    back = float(text.replace("k", "e3").replace("M", "e6"))
    assert back == pytest.approx(value, rel=0.5 if abs(value) < 0.001 else 0.05 if abs(value) < 0.1 else 0.005)
