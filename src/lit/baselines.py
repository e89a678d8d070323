"""Baselines of metrics: what random guessing reaches, and what the best possible predictor reaches."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..figures.png import reason
from ..tasks.base import Task
from . import objectives
from .objective import Metric

log = logging.getLogger(__name__)
#: The two baselines, as `Task.baselines` and metrics.json name them, and their words in figures and tables.
WORDS = {"chance": "guessing", "optimum": "best possible"}
#: Values by metric, by baseline and by test set.
Baselines = Mapping[str, Mapping[str, Mapping[str, float]]]


def of_sets(task: Task, sets: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """The baselines that a task gives for test sets or validation, without sets that have none.

    A failure is logged and gives no baselines: the metrics of a network do not depend on them.
    """
    try:
        found = {name: task.baselines(batches) for name, batches in sets.items()}
        if fault := fault_of(found):
            raise ValueError(fault)
    except Exception as failure:
        log.warning("The baselines of %s are left out: %s", type(task).__name__, reason(failure))
        return {}
    return {
        name: {which: {key: _number(one) for key, one in values.items()} for which, values in given.items()}
        for name, given in found.items()
        if given
    }


def _number(value: float | None) -> float:
    """A baseline as a number; null stands for infinity."""
    return math.inf if value is None else float(value)


def fault_of(found: Any) -> str | None:
    """The first fault in baselines by test set; None if there is none. Null is a valid value, for infinity."""
    if not isinstance(found, Mapping):
        return f"baselines={found!r}"
    for name, given in found.items():
        if not isinstance(given, Mapping) or not set(given) <= set(WORDS):
            return f"baselines of {name}: {given!r}; must be of {', '.join(WORDS)}"
        for which, values in given.items():
            numbers = list(values.values()) if isinstance(values, Mapping) else [values]
            if not isinstance(values, Mapping) or any(
                isinstance(one, bool) or not isinstance(one, int | float | None) for one in numbers
            ):
                return f"{which} of {name}: {values!r}; must be a number for each metric"
    return None


def told(known: Mapping[str, Sequence[float | None]]) -> str:
    """Lines on baselines over several cells, to follow the label of a heat map; empty for unknown ones.

    >>> told({"guessing": [0.5, 0.5], "best possible": [0.125, None, 0.25]})
    '\\nguessing: 0.5\\nbest possible: 0.125 to 0.25'
    """
    lines = ""
    for word, values in known.items():
        finite = [one for one in values if one is not None and math.isfinite(one)]
        ends = dict.fromkeys(f"{one:.3g}" for one in (min(finite), max(finite))) if finite else {}
        lines += f"\n{word}: {' to '.join(ends)}" if ends else ""
    return lines


def baseline(known: Baselines, which: str, test: str, metric: Metric, fallback: bool = True) -> float | None:
    """A baseline of a metric on a test set: that of the task, or else `Metric.chance`; None if there is neither.

    Args:
        known: of the task.
        which: chance or optimum.
        test: name of the test set, which may end with the number of memory slots.
        metric: the metric.
        fallback: whether `Metric.chance` is taken where the task gives none.
    """
    value = known.get(test.split(" with ", 1)[0], {}).get(which, {}).get(metric.name)
    return metric.chance if fallback and value is None and which == "chance" else value


def by_word(
    known: Baselines, test: str, names: Iterable[str], fallback: bool = True
) -> dict[str, dict[str, float]]:
    """The baselines of metrics on a test set, by word and metric; see `baseline`.

    >>> by_word({"test": {"optimum": {"loss": 0.5}}}, "test", ["payload_error", "loss"])
    {'guessing': {'payload_error': 0.5}, 'best possible': {'loss': 0.5}}
    """
    found: dict[str, dict[str, float]] = {word: {} for word in WORDS.values()}
    for name in names:
        metric = objectives.metric(name)
        for which, word in WORDS.items():
            value = None if metric is None else baseline(known, which, test, metric, fallback)
            if value is not None:
                found[word][name] = value
    return found


def of_tests(test: Mapping[str, Any], known: Baselines) -> dict[str, dict[str, dict[str, float]]]:
    """The baselines that a task gives for test metrics, by test set, word and metric: rows below those of a table.

    >>> of_tests({"loss": 0.6}, {"test": {"chance": {"loss": 0.7, "bits": 9.0}}})
    {'test': {'guessing': {'loss': 0.7}, 'best possible': {}}}

    Args:
        test: metrics by name, which are of the set `test`, or by test set and name, as in metrics.json.
        known: of the task.
    """
    sets = {"test": test, **{name: row for name, row in test.items() if isinstance(row, Mapping)}}
    return {name: by_word(known, name, row, fallback=False) for name, row in sets.items()}
