"""Nested mappings, of settings or metrics."""

from collections.abc import Mapping
from typing import Any


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of settings or metrics as one level of dotted keys.

    >>> flat({"a": 1, "b": {"c": [2], "d": {"e": 3}}})
    {'a': 1, 'b.c': [2], 'b.d.e': 3}
    """
    level: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            level |= flat(value, f"{prefix}{key}.")
        else:
            level[f"{prefix}{key}"] = value
    return level


def finite(value: Any) -> Any:
    """A nested value with null in the place of numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value
