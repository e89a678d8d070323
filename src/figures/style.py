"""How figures look: matplotlib's own settings, whatever a matplotlibrc or the calling process says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.figure

#: Without the backend, which pyplot alone has a use for.
SETTINGS: dict[Any, Any] = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}


@contextmanager
def default_style() -> Iterator[None]:
    """Matplotlib's own settings within, and those of before afterwards; also a decorator of functions."""
    with matplotlib.rc_context(SETTINGS):
        yield


class Figure(matplotlib.figure.Figure):
    """A figure that is also drawn in the default style: ticks and labels are made only then."""

    __init__ = default_style()(matplotlib.figure.Figure.__init__)
    draw = default_style()(matplotlib.figure.Figure.draw)
    draw_artist = default_style()(matplotlib.figure.Figure.draw_artist)
    savefig = default_style()(matplotlib.figure.Figure.savefig)
