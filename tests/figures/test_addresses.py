"""Addresses of heads in the plane or on a line, and the items that they wrote."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from src.figures.addresses import DOT, FAINT, addresses

STEPS, WORD = 21, 3


def seen(reads: int, random: np.random.Generator, plane: bool = True) -> dict[str, np.ndarray]:
    """A trace without a batch: read heads, then a write head that steps along a line."""
    across = random.normal(size=(STEPS, reads + 1))
    across[:, reads] = 0.8 * np.arange(STEPS)
    up = random.normal(size=(STEPS, reads + 1))
    strength = np.full((STEPS, reads + 1), np.nan)
    strength[:, reads] = np.linspace(1, 0, STEPS)
    found = {"x": across, "strength": strength, "add": random.normal(size=(STEPS, 1, WORD))}
    return found | ({"y": up} if plane else {})


def axes_of(figure: Figure) -> Axes:
    return figure.axes[0]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("reads", [1, 3])
def test_paths_and_items_in_the_plane(
    reads: int, random: np.random.Generator, draw: Callable[[Figure], FigureCanvasAgg]
) -> None:
    trace = seen(reads, random)
    figure = addresses(trace, "viridis", {"answer": 11}, "Length 10")
    draw(figure)
    ax, names = axes_of(figure), ["read head"] if reads == 1 else [f"read head {n + 1}" for n in range(reads)]
    assert figure.get_suptitle() == "Length 10"
    assert legend(figure) == [*names, "write head", "written item", "answer begins"]
    paths = {line.get_label(): line.get_xydata() for line in ax.lines if len(line.get_xdata()) == STEPS}
    for head, name in enumerate([*names, "write head"]):
        np.testing.assert_array_equal(paths[name], np.stack([trace["x"][:, head], trace["y"][:, head]], 1))
    marked = [line.get_xydata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    np.testing.assert_array_equal(marked, np.stack([trace["x"][11], trace["y"][11]], 1))
    (dots,) = ax.collections
    np.testing.assert_array_equal(dots.get_offsets(), np.stack([trace["x"][:, reads], trace["y"][:, reads]], 1))
    np.testing.assert_array_equal(dots.get_array(), np.arange(STEPS))
    assert dots.get_cmap().name == "viridis"
    assert dots.get_sizes()[[0, -1]].tolist() == [DOT, FAINT]
    assert ax.get_aspect() == 1
    assert figure.axes[1].get_ylabel() == "Step of writing"


def test_a_line_is_drawn_over_time(random: np.random.Generator, draw: Callable[[Figure], FigureCanvasAgg]) -> None:
    trace = seen(1, random, plane=False)
    figure = addresses(trace, marks={"delimiter": 10, "answer": 11})
    draw(figure)
    ax = axes_of(figure)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (steps)", "Address")
    read, write, *marks = ax.lines
    np.testing.assert_array_equal(read.get_xydata(), np.stack([np.arange(STEPS), trace["x"][:, 0]], 1))
    np.testing.assert_array_equal(write.get_ydata(), trace["x"][:, 1])
    assert [line.get_xdata()[0] for line in marks] == [9.5, 10.5]
    assert len({line.get_linestyle() for line in marks}) == 2
    assert legend(figure)[-2:] == ["delimiter begins", "answer begins"]


def test_one_step_and_no_marks(random: np.random.Generator, draw: Callable[[Figure], FigureCanvasAgg]) -> None:
    figure = addresses({name: one[:1] for name, one in seen(1, random).items()})
    draw(figure)
    assert legend(figure) == ["read head", "write head", "written item"]
