"""Usage, read modes and links of a DNC."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from src.figures.usage_and_links import COLOURS, usage_and_links

STEPS, SLOTS = 37, 12


def activity(reads: int) -> dict[str, np.ndarray]:
    """A trace of a DNC with some read heads and a write head."""
    rng = np.random.default_rng(0)
    modes = rng.dirichlet(np.ones(3), (STEPS, reads + 1))
    modes[:, -1] = np.nan
    return {
        "usage": np.linspace(0, 1, STEPS)[:, None] * rng.random(SLOTS),
        "links": rng.random((STEPS, SLOTS, SLOTS)) / SLOTS,
        **{name: modes[..., i] for i, name in enumerate(COLOURS)},
    }


@pytest.mark.parametrize("reads", [1, 3])
def test_panels(reads: int, draw: Callable[[Figure], object]) -> None:
    seen = activity(reads)
    marks = {"delimiter": 10, "answer": 12}
    figure = usage_and_links(seen, "viridis", marks)
    draw(figure)
    used, *modes, linked, _ = figure.axes
    np.testing.assert_array_equal(used.images[0].get_array(), seen["usage"].T)
    np.testing.assert_array_equal(linked.images[0].get_array(), seen["links"][-1])
    assert {ax.images[0].get_clim() for ax in (used, linked)} == {(0.0, 1.0)}
    assert {ax.images[0].get_cmap().name for ax in (used, linked)} == {"viridis"}
    assert len(modes) == reads
    for ax in (used, *modes):
        assert sorted(line.get_xdata()[0] for line in ax.lines) == [9.5, 11.5]
        assert ax.get_xlim() == (-0.5, STEPS - 0.5)
    assert {text.get_text() for text in used.texts} == set(marks)
    assert [text.get_text() for text in modes[-1].get_legend().get_texts()] == list(COLOURS)
    for head, ax in enumerate(modes):
        heights = [area.get_paths()[0].vertices for area in ax.collections]
        top = max(point[1] for points in heights for point in points)
        assert top == pytest.approx(1.0)
        shown = heights[0][:, 1].max()
        assert shown == pytest.approx(seen["backward"][:, head].max())


def test_without_marks(draw: Callable[[Figure], object]) -> None:
    figure = usage_and_links(activity(1))
    draw(figure)
    assert not any(ax.texts or ax.lines for ax in figure.axes[:2])
    assert figure.axes[0].images[0].get_cmap().name == "jet"
