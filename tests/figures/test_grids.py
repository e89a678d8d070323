"""Heat maps of several networks on one colour scale."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from src.figures.grids import grids

LENGTHS, REPEATS = (1, 5, 10, 20, 30), (1, 2, 5, 10, 15, 20, 40)
NAMED = ("length", "repeats")
VALUES = np.outer(LENGTHS, REPEATS) * 0.123
TRAINED = ((1, 10), (1, 5))


def panels_of(figure):
    return [ax for ax in figure.axes if ax.images]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_grid_with_its_numbers(count, draw):
    panels = {f"model {k}": VALUES * (k + 1) / 100 for k in range(count)}
    figure = grids(panels, LENGTHS, REPEATS, NAMED, "payload error", False, TRAINED)
    draw(figure)
    *shown, bar = figure.axes
    assert bar.get_ylabel() == "payload error\ndarker is better"
    for ax, (name, values) in zip(shown, panels.items(), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), values)
        assert ax.get_title() == name
        assert len(ax.texts) == values.size
        assert ax.images[0].get_clim() == pytest.approx((VALUES.min() / 100, VALUES.max() * count / 100))
        assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(one) for one in REPEATS]
        assert [tick.get_text() for tick in ax.get_yticklabels()] == [str(one) for one in LENGTHS]
        (box,) = ax.patches
        assert (*box.get_xy(), box.get_width(), box.get_height()) == (-0.5, -0.5, 3, 3)
    assert {ax.get_xlabel() for ax in shown[-2:]} == {"Repeats"}
    assert [ax.get_ylabel() for ax in shown[:2]] == ["Length", ""][:count]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["trained on"]
    assert figure.get_figwidth() * 150 <= 1600


def test_numbers_can_be_read_on_the_shared_scale():
    figure = grids({"low": VALUES, "high": VALUES + 100}, LENGTHS, REPEATS, NAMED, "x", more=True)
    for ax in panels_of(figure):
        values = ax.images[0].get_array()
        for text in ax.texts:
            column, row = text.get_position()
            red, green, blue, _ = ax.images[0].to_rgba(values[row, column])
            grey = 0.299 * red + 0.587 * green + 0.114 * blue
            assert abs(to_rgb(text.get_color())[0] - grey) >= 0.45


def test_cells_of_missing_values_stay_empty(draw):
    values = VALUES.copy()
    values[1, 4] = np.nan
    figure = grids({"a": values, "none": np.full((5, 7), np.nan)}, LENGTHS, REPEATS, NAMED, "x", more=True)
    draw(figure)
    a, none = panels_of(figure)
    assert (4, 1) not in {text.get_position() for text in a.texts}
    assert len(a.texts) == VALUES.size - 1
    assert len(none.texts) == 0
    assert none.images[0].get_clim() == a.images[0].get_clim() == (VALUES.min(), VALUES.max())
    assert figure.legends == []


def test_all_values_missing_or_equal_is_no_error(draw):
    draw(grids({"a": np.full((2, 3), np.nan)}, (1, 2), (3, 4, 5), NAMED, "x", more=True))
    equal = grids({"a": np.ones((2, 3)), "b": np.ones((2, 3))}, (1, 2), (3, 4, 5), NAMED, "x", more=True)
    draw(equal)
    for ax in panels_of(equal):
        assert ax.images[0].norm(1.0) == pytest.approx(0.5)  # the middle of the widened scale
        assert {text.get_color() for text in ax.texts} == {"black"}


def test_a_panel_beyond_training_has_no_box(draw):
    figure = grids(
        {"pairs 2": VALUES, "pairs 9": VALUES}, LENGTHS, REPEATS, NAMED, "x", True, TRAINED, ["pairs 9"]
    )
    draw(figure)
    assert [len(ax.patches) for ax in panels_of(figure)] == [1, 0]
    assert len(figure.legends) == 1
