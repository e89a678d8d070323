"""Validation of metrics.json and evaluation.json."""

import math
from collections.abc import Mapping
from typing import Any

from ..lit import objectives

#: Keys of metrics.json whose values are counts or times.
COUNTS = ("parameters", "state_size", "updates", "sequences", "seconds")
TO_SOLVE = ("sequences_to_solve", "seconds_to_solve")


def sets(test: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Test metrics by test set; metrics that are not nested belong to the set `test`.

    >>> sets({"accuracy": 0.9, "generated": {"accuracy": 0.8}})
    {'test': {'accuracy': 0.9}, 'generated': {'accuracy': 0.8}}
    """
    alone = {name: value for name, value in test.items() if not isinstance(value, Mapping)}
    return ({"test": alone} if alone else {}) | {n: dict(v) for n, v in test.items() if isinstance(v, Mapping)}


def fault(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """The first fault in the metrics.json of a run that has finished or diverged; None if there is none."""
    missing = [key for key in ("model", "task", "seed", "validation", "test") if key not in metrics]
    if metrics["status"] == "finished":
        missing += [key for key in ("validation", "test") if key in metrics and not metrics[key]]
    if missing:
        return f"metrics.json lacks {', '.join(missing)}"
    for key, expected in {
        "model": config["model"].get("name"),
        "task": config["task"].get("name"),
        "seed": config["seed"],
    }.items():
        if metrics[key] != expected or isinstance(metrics[key], bool):
            return f"metrics.json has {key}={metrics[key]!r}, config.yaml {expected!r}"
    versions = metrics.get("versions", {})
    if not isinstance(versions, Mapping) or not all(isinstance(one, str) for one in versions.values()):
        return f"metrics.json has versions={versions!r}"
    if not isinstance(metrics.get("solved", False), bool):
        return f"metrics.json has solved={metrics['solved']!r}"
    for key in (*COUNTS, *TO_SOLVE):
        value: Any = metrics.get(key)
        wanted = metrics.get("solved") and key in TO_SOLVE
        if wanted if value is None else not (_is_number(value) and value >= 0):
            return f"metrics.json has {key}={value!r}"
    for name in ("validation", "test"):
        if not isinstance(metrics[name], Mapping):
            return f"metrics.json has {name}={metrics[name]!r}"
    return bad_test({"validation": metrics["validation"], **sets(metrics["test"])}, "metrics.json")


def bad_test(tests: Mapping[str, Mapping[str, Any]], file: str) -> str | None:
    """The first fault in metrics by test set, or None; null is valid and stands for infinity or NaN."""
    for test, metrics in tests.items():
        for name, value in metrics.items():
            known = objectives.metric(name)
            if value is None:
                if known is None:
                    return f"{file} has no metrics of {name}"
                continue
            least, most = (-math.inf, math.inf) if known is None else known.limits
            if not _is_number(value) or (known is not None and not least <= value <= most):
                return f"{file} has {test}.{name}={value!r}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
