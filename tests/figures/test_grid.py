"""Heat map over two axes of test cells."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from src.figures.grid import metric_grid
from src.figures.palette import metric_map

LENGTHS, REPEATS = (1, 5, 10, 20, 30), (1, 2, 5, 10, 15, 20, 40)
NAMED = ("length", "repeats")
VALUES = np.outer(LENGTHS, REPEATS) * 0.123


def boxes(figure: Figure) -> list[tuple[float, float, float, float]]:
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in patches]


def test_lengths_go_upwards_and_repeats_to_the_right(draw: Callable[[Figure], object]) -> None:
    figure = metric_grid(VALUES, LENGTHS, REPEATS, NAMED, "wrong bits per sequence", more=False)
    draw(figure)
    ax, bar = figure.axes
    np.testing.assert_array_equal(ax.images[0].get_array(), VALUES)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 6.5), (-0.5, 4.5))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "5", "10", "15", "20", "40"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", "5", "10", "20", "30"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Repeats", "Length")
    assert bar.get_ylabel() == "wrong bits per sequence\ndarker is better"
    assert ax.images[0].get_cmap().name == metric_map(more=False)
    assert boxes(figure) == []
    assert figure.legends == []
    assert figure.get_figwidth() * 150 <= 1600


@pytest.mark.parametrize("more", [False, True])
def test_every_value_is_written_in_its_cell_and_can_be_read(more: bool) -> None:
    figure = metric_grid(VALUES, LENGTHS, REPEATS, NAMED, "x", more)
    ax = figure.axes[0]
    written = {text.get_position(): text for text in ax.texts}
    assert len(written) == VALUES.size
    for (row, column), value in np.ndenumerate(VALUES):
        assert written[column, row].get_text() == f"{value:.3g}"
        red, green, blue, _ = ax.images[0].to_rgba(value)
        grey = 0.299 * red + 0.587 * green + 0.114 * blue
        assert abs(to_rgb(written[column, row].get_color())[0] - grey) >= 0.45


def test_equal_values_are_readable_too() -> None:
    figure = metric_grid(np.ones((2, 3)), (1, 2), (3, 4, 5), NAMED, "accuracy", more=True)
    ax = figure.axes[0]
    assert ax.images[0].norm(1.0) == pytest.approx(0.5)  # the colour bar widens the scale to both sides
    assert {text.get_color() for text in ax.texts} == {"black"}


def test_the_cell_of_a_missing_value_stays_empty(draw: Callable[[Figure], object]) -> None:
    values = VALUES.copy()
    values[1, 4] = np.nan
    figure = metric_grid(values, LENGTHS, REPEATS, NAMED, "x", more=False)
    draw(figure)
    image = figure.axes[0].images[0]
    assert image.get_array().mask.sum() == 1
    assert image.get_array().mask[1, 4]
    assert image.get_clim() == (VALUES.min(), VALUES.max())
    texts = figure.axes[0].texts
    assert len(texts) == VALUES.size - 1
    assert (4, 1) not in {text.get_position() for text in texts}


def test_all_values_missing_is_no_error(draw: Callable[[Figure], object]) -> None:
    figure = metric_grid(np.full((2, 3), np.nan), (1, 2), (3, 4, 5), NAMED, "x", more=False)
    draw(figure)
    assert len(figure.axes[0].texts) == 0


@pytest.mark.parametrize(
    ("trained", "box"),
    [
        (((1, 10), (1, 10)), (-0.5, -0.5, 4, 3)),  # both bounds belong to it
        (((4, 19), (2, 4)), (0.5, 0.5, 1, 2)),
        (((25, 99), (20, 99)), (4.5, 3.5, 2, 1)),
        (((0, 99), (0, 99)), (-0.5, -0.5, 7, 5)),
    ],
)
def test_the_training_range_is_boxed(
    trained: tuple[tuple[int, int], tuple[int, int]],
    box: tuple[float, float, float, float],
    draw: Callable[[Figure], object],
) -> None:
    figure = metric_grid(VALUES, LENGTHS, REPEATS, NAMED, "x", False, trained)
    draw(figure)
    assert boxes(figure) == [box]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["trained on"]


@pytest.mark.parametrize("trained", [((11, 19), (1, 10)), ((1, 10), (41, 50)), ((31, 40), (41, 50))])
def test_a_training_range_outside_the_grid_is_not_boxed(
    trained: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    figure = metric_grid(VALUES, LENGTHS, REPEATS, NAMED, "x", False, trained)
    assert boxes(figure) == []
    assert figure.legends == []


def test_many_cells_have_no_numbers_and_the_ticks_that_fit(draw: Callable[[Figure], object]) -> None:
    values = np.ones((60, 30))
    figure = metric_grid(values, range(10, 610, 10), range(100, 3100, 100), NAMED, "x", more=True)
    draw(figure)
    ax = figure.axes[0]
    assert len(ax.texts) == 0
    assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["100", "300"]
    assert len(ax.get_yticks()) < 60
