"""Shifts by a real number of slots."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.figures.addressing_examples import addressing_examples

DELTAS, SIGMAS, SLOTS, BEFORE = (0.0, 0.5, -2.25), (0.1, 0.5, 1.0, 2.0), 17, 6


def moved(deltas: tuple[float, ...] = DELTAS, before: int = BEFORE) -> np.ndarray:
    """[D, S, N]: a Gaussian around before + delta."""
    at = before + np.array(deltas)[:, None, None]
    kernels = np.exp(-((np.arange(SLOTS) - at) ** 2) / (2 * np.array(SIGMAS)[:, None] ** 2))
    return kernels / kernels.sum(2, keepdims=True)


def test_shows_every_kernel_in_its_row_and_column(draw: Callable[[Figure], object]) -> None:
    kernels = moved()
    figure = addressing_examples(kernels, DELTAS, SIGMAS, BEFORE)
    draw(figure)
    assert len(figure.axes) == 12
    for index, ax in enumerate(figure.axes):
        row, column = divmod(index, 4)
        (bars,) = ax.collections
        boxes = np.array([path.get_extents().get_points() for path in bars.get_paths()])
        np.testing.assert_array_equal(boxes[:, :, 1], np.stack([np.zeros(SLOTS), kernels[row, column]], 1))
        np.testing.assert_allclose(boxes.mean(1)[:, 0], np.arange(SLOTS) - BEFORE, atol=1e-12)
        spec = ax.get_subplotspec()
        assert (spec.rowspan.start, spec.colspan.start) == (row, column)
        assert ax.get_ylabel() == (f"delta = {DELTAS[row]:g}" if column == 0 else "")
        assert ax.get_title() == (f"sigma = {SIGMAS[column]:g}" if row == 0 else "")
    assert figure.axes[4].get_ylabel() == "delta = 0.5"
    assert figure.axes[2].get_title() == "sigma = 1"
    assert figure.get_supxlabel() == "Slot, counted from where the head was"
    assert figure.get_figwidth() * 150 <= 1600


def test_lines_where_the_head_was_and_should_be() -> None:
    figure = addressing_examples(moved(), DELTAS, SIGMAS, BEFORE)
    for index, ax in enumerate(figure.axes):
        was, now = ax.lines
        assert was.get_xdata()[0] == 0
        assert now.get_xdata()[0] == pytest.approx(DELTAS[index // 4])
        assert (was.get_linestyle(), now.get_linestyle()) == ("--", "-")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["weight now", "before", "before + delta"]


def test_axes_are_shared_and_hold_all_slots() -> None:
    for ax in addressing_examples(moved(), DELTAS, SIGMAS, BEFORE).axes:
        assert ax.get_xlim() == (-BEFORE - 0.5, SLOTS - BEFORE - 0.5)
        assert ax.get_ylim() == (0.0, 1.05)


@pytest.mark.parametrize(("delta", "line"), [(-1.0, 16.0), (16.25, 16.25), (17.0, 0.0), (16.75, -0.25)])
def test_positions_wrap_around_the_ring(delta: float, line: float) -> None:
    figure = addressing_examples(moved((delta,), 0), (delta,), SIGMAS, 0)
    assert figure.axes[0].lines[1].get_xdata()[0] == pytest.approx(line)


def test_a_single_example(draw: Callable[[Figure], object]) -> None:
    figure = addressing_examples(moved()[:1, :1], DELTAS[:1], SIGMAS[:1], BEFORE)
    draw(figure)
    assert len(figure.axes) == 1
