"""Style of figures: matplotlib's defaults, independent of a matplotlibrc and of the calling process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.figure

#: Without the backend, which only pyplot uses.
SETTINGS: dict[Any, Any] = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}


@contextmanager
def default_style() -> Iterator[None]:
    """Use matplotlib's default settings, and restore the previous ones; also a decorator."""
    with matplotlib.rc_context(SETTINGS):
        yield


class Figure(matplotlib.figure.Figure):
    """A figure that is also drawn in the default style, since ticks and labels are made when it is drawn."""

    __init__ = default_style()(matplotlib.figure.Figure.__init__)
    draw = default_style()(matplotlib.figure.Figure.draw)
    draw_artist = default_style()(matplotlib.figure.Figure.draw_artist)
    savefig = default_style()(matplotlib.figure.Figure.savefig)
