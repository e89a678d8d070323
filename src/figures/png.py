"""PNG files of figures, in memory; a figure that cannot be drawn is left out, with a warning."""

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .style import Figure

log = logging.getLogger(__name__)


@contextmanager
def figure_errors_as_warnings(name: str) -> Iterator[None]:
    """Turn an exception into a one-line warning; as a decorator, the function then returns None.

    Args:
        name: of the figure.
    """
    try:
        yield
    except Exception as failure:
        # submitit raises an exception in a signal handler, to end the job.
        if type(failure).__module__.startswith("submitit."):
            raise
        log.warning("The figure %s cannot be drawn: %s", name, reason(failure))


def reason(failure: Exception) -> str:
    """An exception in one line.

    >>> reason(ValueError("no font\\nat all"))
    'ValueError: no font'
    """
    first = str(failure).strip().split("\n")[0]
    return f"{type(failure).__name__}: {first}".removesuffix(": ")


def pngs(figures: Mapping[str, Figure], dpi: int) -> dict[str, bytes]:
    """The content of a PNG file for each figure that can be drawn, by name.

    Args:
        figures: by name.
        dpi: dots per inch.
    """
    drawn = {}
    for name, figure in figures.items():
        with figure_errors_as_warnings(name):
            content = io.BytesIO()
            # Without the version of matplotlib in the metadata, the same data give the same file.
            figure.savefig(content, dpi=dpi, format="png", metadata={"Software": None})
            drawn[name] = content.getvalue()
    return drawn
