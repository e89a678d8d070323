"""Refusals: every value a user chooses is checked by one of these before any work starts.

Each names the key, the value and what is allowed. Constructors call them and know their own argument
names; the caller that knows where in the configuration the constructor stands adds the prefix.
"""

import difflib
import sys
from collections.abc import Collection, Sequence
from typing import Any


class Refusal(ValueError):
    """A value that a user chose and that cannot be used."""


def refuse(key: str, value: object, allowed: str) -> Refusal:
    """The one form of all refusals: key, value, what is allowed."""
    return Refusal(f"{key}={value!r}: must be {allowed}")


def did_you_mean(name: str, allowed: Collection[str]) -> str:
    """What to add to the refusal of a misspelt name: the allowed one that is most like it, if any is.

    >>> did_you_mean("modle", ["model", "task"]), did_you_mean("x", ["model", "task"])
    ("; did you mean 'model'?", '')
    """
    close = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def integer(key: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """An integer from `least` to `most`; 2.5, '3' and True are none."""
    allowed = f"an integer of at least {least}" + (f" and at most {most}" if most is not None else "")
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(key, value, allowed)
    if value < least or (most is not None and value > most):
        raise refuse(key, value, allowed)
    return value


def number(
    key: str,
    value: Any,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """A finite number within the given bounds: above < value < below, least <= value <= most."""
    bounds = [("above", above), ("of at least", least), ("below", below), ("of at most", most)]
    words = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    allowed = "a finite number " + " and ".join(words) if words else "a finite number"
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise refuse(key, value, allowed)
    inside = (
        (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    )
    if not inside:
        raise refuse(key, value, allowed)
    return float(value)


def choice(key: str, value: Any, allowed: Collection[Any]) -> Any:
    """One of a few values."""
    if not any(value == one and type(value) is type(one) for one in allowed):
        raise refuse(key, value, "one of " + ", ".join(str(one) for one in allowed))
    return value


def flag(key: str, value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise refuse(key, value, "true or false")
    return value


def integers(key: str, value: Any, least: int = 1) -> list[int]:
    """A list of at least one integer."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise refuse(key, value, f"a list of integers of at least {least}")
    return [integer(f"{key}[{i}]", one, least) for i, one in enumerate(value)]


def span(noun: str, least: Any, most: Any) -> tuple[int, int]:
    """A range of positive integers, min_<noun>..max_<noun>, that may be a single value."""
    integer(f"min_{noun}", least)
    integer(f"max_{noun}", most)
    if least > most:
        raise refuse(f"min_{noun}", least, f"at most max_{noun}={most}")
    return least, most
