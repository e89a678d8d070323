"""Registry of objectives by name. A new one is a file beside `bits.py` and an entry here; see `Objective`."""

from collections.abc import Iterable

from .bits import Bits, BitsWithoutEnd, PredictedBits
from .classes import Classes
from .objective import Metric, Objective
from .repeated_bits import RepeatedBits
from .symbols import Symbols

#: All objectives by name. A metric name has the same meaning in all of them.
OBJECTIVES: dict[str, Objective] = {
    one.name: one for one in (Bits(), RepeatedBits(), BitsWithoutEnd(), PredictedBits(), Symbols(), Classes())
}


def metric(name: str) -> Metric | None:
    """The metric with a name; None if no objective has it."""
    metrics = (metric for objective in OBJECTIVES.values() for metric in objective.metrics)
    return next((metric for metric in metrics if metric.name == name), None)


def is_detail(name: str) -> bool:
    """Whether a metric is left out of learning curves and of the table that a run prints."""
    found = metric(name)
    return found is not None and found.detail


def recognised(measured: Iterable[str]) -> Objective | None:
    """The objective whose metric names match measured ones best; None if none matches.

    >>> recognised(["update", "accuracy", "loss"]).name
    'classes'
    """
    found = set(measured)
    known = [one for one in OBJECTIVES.values() if {one.monitor, one.headline} & found]
    return min(known, key=lambda one: len(found ^ set(one.names)), default=None)
