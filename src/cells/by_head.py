"""Options that may differ between the heads of a machine."""

from collections.abc import Callable, Mapping
from typing import Any

from ..common import checks

#: Kinds of head, in the order of the heads.
KINDS = ("read", "write")


class ByHead(tuple[Any, ...]):
    """A value for each head of a machine; the read heads come first."""


class Heads:
    """How many heads of each kind a machine has, for options that a user gives for all, by kind or by head.

    Args:
        read_heads, write_heads: numbers of heads, at least one each.

    Raises:
        checks.Refusal: another number.
    """

    def __init__(self, read_heads: int, write_heads: int) -> None:
        self.read = checks.integer("read_heads", read_heads)
        self.write = checks.integer("write_heads", write_heads)

    def named(self, key: str, value: Any) -> list[tuple[str, Any]]:
        """For each head, the name and the value of its part of an option, not yet checked.

        >>> Heads(2, 1).named("delta_init", {"read": [1.0, 0.0], "write": 1.0})
        [('delta_init.read[0]', 1.0), ('delta_init.read[1]', 0.0), ('delta_init.write', 1.0)]

        Raises:
            checks.Refusal: a mapping with other keys, or a list of another length than the number of heads.
        """
        if not isinstance(value, Mapping):
            return [(key, value)] * (self.read + self.write)
        if set(value) != set(KINDS):
            raise checks.refuse(key, dict(value), "one value for all heads, or {read: .., write: ..}")
        found = []
        for kind, count in zip(KINDS, (self.read, self.write), strict=True):
            name, own = f"{key}.{kind}", value[kind]
            if not isinstance(own, list):
                found += [(name, own)] * count
                continue
            if len(own) != count:
                allowed = f"one value, or a list of {count}, one for each {kind} head"
                raise checks.refuse(name, own, allowed)
            found += [(f"{name}[{i}]", one) for i, one in enumerate(own)]
        return found

    def option(self, key: str, value: Any, check: Callable[..., Any], **bounds: Any) -> ByHead:
        """The value of each head: from one for all heads, or a mapping with one, or a list, for each kind.

        Args:
            key: name of the option, for messages.
            value: as a user gives it.
            check: called as check(key, value, **bounds); it returns the value or raises a Refusal.

        >>> Heads(2, 1).option("gate_bias", {"read": [0, -20], "write": -2}, checks.number)
        (0.0, -20.0, -2.0)

        Raises:
            checks.Refusal: as `named`, or a value that `check` refuses.
        """
        return ByHead(check(name, one, **bounds) for name, one in self.named(key, value))
