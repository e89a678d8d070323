"""Figures over a grid of test cells, some of which the task cannot have."""

import numpy as np
import pytest

from src.lit.objectives import OBJECTIVES
from src.run.cell_figures import draw_cells
from tests.toys import Items, LengthHops, ThreeAxes

GRID = {"lengths": [2, 5, 9], "hops": [1, 4], "pairs": [3, 7]}


def drawn(cls, cells, grid):
    """The figure of made-up accuracies: a hundredth of the sum of the cell."""
    task = cls()
    tested = {task.name_of(cell): {"accuracy": sum(cell) / 100, "loss": 1.0} for cell in cells}
    known = {name: {"chance": {"accuracy": 0.125}} for name in tested}
    (figure,) = draw_cells("ntm", tested, known, grid, task, OBJECTIVES[task.objective]).values()
    return figure


def panels(figure):
    return [ax for ax in figure.axes if ax.images]


@pytest.mark.drawn
def test_a_heat_map_has_an_empty_cell_where_there_is_no_test():
    figure = drawn(LengthHops, [(2, 1), (5, 1), (5, 4), (9, 4)], {key: GRID[key] for key in ("lengths", "hops")})
    (ax,) = panels(figure)
    assert ax.images[0].get_array().mask.tolist() == [[False, True], [False, False], [True, False]]
    written = {tuple(map(int, text.get_position())): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "0.03", (0, 1): "0.06", (1, 1): "0.09", (1, 2): "0.13"}
    assert "guessing: 0.125\n" in figure.axes[-1].get_ylabel()  # and not 0.5, the chance of an unknown cell


@pytest.mark.drawn
def test_a_panel_without_a_test_is_empty():
    cells = [(length, hops, 3) for length in (2, 5, 9) for hops in (1, 4)]
    full, empty = panels(drawn(ThreeAxes, cells, GRID))
    assert not full.images[0].get_array().mask.any()
    assert empty.images[0].get_array().mask.all()
    assert len(empty.texts) == 0


@pytest.mark.drawn
def test_a_curve_has_a_point_for_each_test():
    ax = drawn(Items, [(2,), (9,)], {"items": [2, 5, 9]}).axes[0]
    for line in ax.lines[:2]:
        np.testing.assert_array_equal(line.get_xdata(), [2, 9])
