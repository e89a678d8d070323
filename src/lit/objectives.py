"""The kinds of answers; a task names its own. A new one is a file beside `bits.py` and a line here."""

from collections.abc import Iterable

from src.lit.bits import Bits
from src.lit.classes import Classes
from src.lit.objective import Metric, Objective

#: All objectives, by name. A metric that several have means the same in all of them.
OBJECTIVES: dict[str, Objective] = {one.name: one for one in (Bits(), Classes())}


def metric(name: str) -> Metric | None:
    """How a metric is read; None for one that no objective has."""
    return next((its for one in OBJECTIVES.values() for its in one.metrics if its.name == name), None)


def recognised(measured: Iterable[str]) -> Objective | None:
    """The objective whose metrics were measured: the one with the fewest more or less than these.

    >>> recognised(["update", "accuracy", "loss"]).name
    'classes'
    """
    found = set(measured)
    known = [one for one in OBJECTIVES.values() if {one.monitor, one.headline} & found]
    return min(known, key=lambda one: len(found ^ set(one.names)), default=None)
