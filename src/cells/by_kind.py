"""Options that may differ between the read heads and the write heads of a machine."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..common import checks


class ByKind(NamedTuple):
    """A value for the read heads and a value for the write heads."""

    read: Any
    write: Any

    def of_heads(self, reads: int, writes: int) -> list[Any]:
        """The value of each head; the read heads come first.

        >>> ByKind(0.0, 1.0).of_heads(2, 1)
        [0.0, 0.0, 1.0]
        """
        return [self.read] * reads + [self.write] * writes


def by_kind(key: str, value: Any, check: Callable[..., Any], **bounds: Any) -> ByKind:
    """One value for all heads, or a mapping with a value for each kind of head.

    Args:
        key: name of the option, for messages.
        value: as a user gives it.
        check: called as check(key, value, **bounds); it returns the value or raises a Refusal.

    >>> by_kind("gate_bias", -2, checks.number)
    ByKind(read=-2.0, write=-2.0)
    >>> by_kind("gate_bias", {"read": 0, "write": -2}, checks.number)
    ByKind(read=0.0, write=-2.0)

    Raises:
        checks.Refusal: a mapping with other keys, or a value that `check` refuses.
    """
    if isinstance(value, ByKind):
        value = value._asdict()
    if not isinstance(value, Mapping):
        return ByKind(*[check(key, value, **bounds)] * 2)
    if set(value) != set(ByKind._fields):
        raise checks.refuse(key, dict(value), "one value for all heads, or {read: .., write: ..}")
    return ByKind(*(check(f"{key}.{kind}", value[kind], **bounds) for kind in ByKind._fields))
