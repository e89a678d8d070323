"""Checks of every figure: it can be drawn, no text is cut off or overlaps another, none stays open in pyplot."""

from collections.abc import Callable, Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


@pytest.fixture(autouse=True)
def _no_open_figure() -> Iterator[None]:
    """No figure is registered with pyplot, which would keep it in memory for the whole process."""
    assert plt.get_fignums() == []
    yield
    assert plt.get_fignums() == []


@pytest.fixture
def draw() -> Callable[[Figure], FigureCanvasAgg]:
    """Draw a figure and check that no text is cut off or overlaps another one."""

    def drawn(figure: Figure) -> FigureCanvasAgg:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        # Labels of ticks outside the limits are made, but not drawn.
        hidden: set[Text] = set()
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                    if not low <= tick.get_loc() <= high:
                        hidden |= {tick.label1, tick.label2}
        texts = [
            text
            for text in figure.findobj(Text)
            if text not in hidden and text.get_visible() and text.get_text().strip()
        ]
        boxes = [(text.get_text(), Text.get_window_extent(text, renderer)) for text in texts]
        for text, box in boxes:
            inside = min(box.x0, box.y0) >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
            assert inside, f"{text!r} is cut off"
        for (a, box), (b, other) in combinations(boxes, 2):
            assert not box.padded(-1).overlaps(other.padded(-1)), f"{a!r} overlaps {b!r}"
        return canvas

    return drawn


@pytest.fixture
def random() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)
