"""Checks of values that a user chooses, made before any work starts.

A refusal names the key, the value and what is allowed. A constructor passes its own argument name as the key;
the caller that knows the constructor's place in the configuration adds the prefix.
"""

import difflib
import re
import sys
from collections.abc import Collection, Sequence
from typing import Any


class Refusal(ValueError):
    """A value that a user chose and that cannot be used."""


def refuse(key: str, value: object, allowed: str) -> Refusal:
    """A refusal, in the form that all share: key, value, what is allowed."""
    return Refusal(f"{key}={value!r}: must be {allowed}")


def did_you_mean(name: str, allowed: Collection[str]) -> str:
    """A suggestion to append to the refusal of a misspelt name: the closest allowed name, or nothing.

    >>> did_you_mean("modle", ["model", "task"]), did_you_mean("x", ["model", "task"])
    ("; did you mean 'model'?", '')
    """
    names = {one.lower(): one for one in allowed}
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.65)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def integer(key: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """An integer from `least` to `most`; 2.5, '3' and True are refused."""
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
    """One of the allowed values, of the same type."""
    if not any(value == one and type(value) is type(one) for one in allowed):
        names = [str(one) for one in allowed]
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        raise refuse(key, value, f"one of {', '.join(names)}{hint}")
    return value


def flag(key: str, value: Any) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise refuse(key, value, "true or false")
    return value


def name(key: str, value: Any) -> str:
    """The name of a file or a folder."""
    if not isinstance(value, str) or not re.fullmatch(r"\w[\w-]*", value):
        quotes = "" if isinstance(value, str | None) else ", in quotes where it is a number"
        raise refuse(key, value, f"a name of letters, digits, _ and -{quotes}")
    return value


def integers(key: str, value: Any, least: int = 1) -> list[int]:
    """A non-empty list of integers."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise refuse(key, value, f"a list of integers of at least {least}")
    return [integer(f"{key}[{i}]", one, least) for i, one in enumerate(value)]


def span(noun: str, least: Any, most: Any) -> tuple[int, int]:
    """A range of positive integers, min_<noun>..max_<noun>; both ends may be equal."""
    integer(f"min_{noun}", least)
    integer(f"max_{noun}", most)
    if least > most:
        raise refuse(f"min_{noun}", least, f"at most max_{noun}={most}")
    return least, most
