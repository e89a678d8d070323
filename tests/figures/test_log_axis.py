"""Logarithmic axes: their labels are numbers that a reader can take in."""

import itertools

import numpy as np
import pytest

from src.figures.bars import bars
from src.figures.best_so_far import best_so_far
from src.figures.learning_curves import learning_curves
from src.figures.loss_comparison import LossGroup, loss_comparison

X = np.arange(3.0)
FIGURES = {
    "learning_curves": lambda y: learning_curves(X, {"y": y}, "step", log=["y"]),
    "loss_comparison": lambda y: loss_comparison({"t": [LossGroup("ntm", [(X, y)], X, y, None)]}, "x", "y"),
    "best_so_far": lambda y: best_so_far({"ntm": y}, "y"),
    "bars": lambda y: bars(["a", "b", "c"], {"t": y}, "x"),
}


def labels(figure, draw):
    """Labels within the limits of the logarithmic axis."""
    draw(figure)
    (ax,) = figure.axes
    axis = ax.xaxis if ax.get_xscale() == "log" else ax.yaxis
    low, high = axis.get_view_interval()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_text()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("y", [[40.0, 3.0, 200.0], [0.6, 0.05, 0.3]])
def test_labels_are_plain_numbers(name, y, draw):
    found = [float(label) for label in labels(FIGURES[name](np.array(y)), draw)]
    assert len(set(found)) == len(found) >= 1


@pytest.mark.parametrize("name", ["learning_curves", "loss_comparison"])
@pytest.mark.parametrize("y", [[40.0035, 40.0037, 40.0036], [4.86, 4.65, 4.7], [8.0, 12.0, 9.0], [0.0, 0.3, 0.9]])
def test_close_values_have_plain_labels_that_differ(name, y, draw):
    found = [float(label) for label in labels(FIGURES[name](np.array(y)), draw)]
    assert len(set(found)) == len(found) >= 2


def test_far_from_1_labels_are_powers_of_ten(draw):
    assert labels(FIGURES["learning_curves"](np.array([1e-7, 1.0, 1e6])), draw)[0].count("10^{-")


@pytest.mark.parametrize("name", ["learning_curves", "loss_comparison", "best_so_far"])
@pytest.mark.parametrize("least", [0.0037, 0.0099, 0.001, 1e-9, 0.5])
def test_labels_beside_that_of_0_do_not_touch_it(name, least, draw):
    figure = FIGURES[name](np.array([150.0, least, 0.0]))
    draw(figure)
    (ax,) = figure.axes
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = sorted((box.y0, box.y1) for box in (tick.label1.get_window_extent() for tick in ticks) if box.height)
    assert len(boxes) >= 3
    assert all(below[1] < above[0] for below, above in itertools.pairwise(boxes))
