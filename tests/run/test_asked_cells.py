"""Cells that a user asks for by keys: of a grid those that the task can have, and refusals that name the keys."""

import pytest

from src.run.asked_cells import fault_of, grid_of
from src.settings import build
from src.settings.errors import ConfigError
from tests.helpers import compose_train


def section(name, *overrides):
    return compose_train("model=lstm", f"task={name}", *overrides)["task"]


def grid(task, **given):
    return grid_of(task, build.axes_of(task), given)


@pytest.mark.parametrize("task", ["mqar", "seek", "missing_duplicate"])
def test_no_list_is_no_grid(task):
    task = section(task)
    axes = build.axes_of(task)
    found = grid(task, **{axes[0].many: None})
    assert (found.values, found.cells, found.left_out) == ({axis.many: [] for axis in axes}, [], "")


def test_an_axis_without_a_list_has_its_largest_value_of_training():
    found = grid(section("seek"), lengths=[16, 9], hops=[4])
    assert found.values == {"lengths": [9, 16], "hops": [4], "reaches": [8]}
    assert (found.cells, found.left_out) == ([(9, 4, 8), (16, 4, 8)], "")


THIRD = "must be [pairs, length] with a length of at least 3 * pairs"
BELOW = "must be [length, hops, reach] with a reach below the length"
HALF = "must be at most half of vocabulary=256"


@pytest.mark.parametrize(
    ("task", "given", "cells", "left_out"),
    [
        (
            "mqar",
            {"pairs": [4, 32], "lengths": [32, 128]},
            [(4, 32), (4, 128), (32, 128)],
            f"The grid leaves out 1 of 4 cells: grid.pairs=32, grid.lengths=32: {THIRD}",
        ),
        (
            "mqar",
            {"pairs": [32, 40, 200], "lengths": [64, 600]},
            [(32, 600), (40, 600)],
            f"The grid leaves out 4 of 6 cells: grid.pairs=32, grid.lengths=64: {THIRD}; grid.pairs=200: {HALF}",
        ),
        (
            "seek",
            {"lengths": [1, 8, 16], "hops": [4]},
            [(16, 4, 8)],
            "The grid leaves out 2 of 3 cells: grid.lengths=1: must be an integer of at least 2; "
            f"grid.lengths=8, grid.hops=4: {BELOW}; at reach 8, the largest of training",
        ),
        (
            "dynamic_ngrams",
            {"lengths": [4, 400]},
            [(400,)],
            "The grid leaves out 1 of 2 cells: grid.lengths=4: must be above context=5",
        ),
    ],
)
def test_cells_that_the_task_cannot_have_are_left_out(task, given, cells, left_out):
    assert grid(section(task), **given)[1:] == (cells, left_out)


@pytest.mark.parametrize(
    ("task", "given", "text"),
    [
        ("mqar", {"pairs": [32, 40], "lengths": [32]}, f"grid.pairs=32, grid.lengths=32: {THIRD}"),
        ("mqar", {"pairs": [30]}, f"grid.pairs=30: {THIRD}; at length 64, the largest of training"),
        ("seek", {"lengths": [1]}, "grid.lengths=1: must be an integer of at least 2"),
        ("dynamic_ngrams", {"lengths": [4, 5]}, "grid.lengths=4: must be above context=5"),
        ("missing_duplicate", {"lengths": [1]}, "grid.lengths=1: must be an integer of at least 2"),
        ("mqar", {"pairs": [0]}, "grid.pairs[0]=0: must be an integer of at least 1"),
        ("mqar", {"pairs": 3}, "grid.pairs=3: must be a list of integers of at least 1"),
    ],
)
def test_a_grid_without_a_cell_is_refused_by_its_keys(task, given, text):
    with pytest.raises(ConfigError) as refusal:
        grid(section(task), **given)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("task", "cell", "keys", "text"),
    [
        ("mqar", (30, 64), ["pairs", "length"], f"pairs=30, length=64: {THIRD}"),
        ("mqar", (200, 900), ["pairs", "length"], f"pairs=200: {HALF}"),
        ("mqar", (16, 20), [None, "length"], f"length=20: {THIRD}; at pairs 16, the largest of training"),
        ("mqar", (16, 64), [None, None], None),
        ("dynamic_ngrams", (4,), ["length"], "length=4: must be above context=5"),
    ],
)
def test_the_fault_of_a_cell_names_the_keys_that_gave_it(task, cell, keys, text):
    task = section(task)
    assert fault_of(task, build.axes_of(task), cell, keys) == text


def test_a_task_that_is_refused_for_another_reason_is_no_hole():
    task = {**section("mqar"), "vocabulary": 3}
    with pytest.raises(ConfigError, match=r"^task.vocabulary=3: must be an even number"):
        grid(task, pairs=[4], lengths=[64])
