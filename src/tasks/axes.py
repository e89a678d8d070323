"""Axes: what the test cells of a task vary, and the names of the test sets of cells."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Axis(NamedTuple):
    """What the test cells of a task vary, such as the length of its sequences.

    Attributes:
        name: singular, such as length: key of a sequence to replay, and word in figures and tables.
        many: plural, such as lengths: key of a grid to evaluate, and the task's attribute of the training range.
        named: whether the names of test sets contain the name of the axis.
    """

    name: str
    many: str
    named: bool = False


def cell_name(axes: Sequence[Axis], cell: Iterable[int]) -> str:
    """The name of the test set of a cell, which is one value for each axis.

    >>> cell_name([Axis("length", "lengths"), Axis("repeats", "repeats")], (10, 20))
    '10x20'
    >>> cell_name([Axis("length", "lengths", named=True), Axis("hops", "hops", named=True)], (32, 16))
    'length32_hops16'
    """
    values = [f"{axis.name if axis.named else ''}{value}" for axis, value in zip(axes, cell, strict=True)]
    return _between(axes).join(values)


def cell_of(axes: Sequence[Axis], name: str) -> tuple[int, ...] | None:
    """The values of a test set named as a cell of these axes is; None for another.

    >>> axes = [Axis("length", "lengths", named=True)]
    >>> cell_of(axes, "length32"), cell_of(axes, "in_distribution"), cell_of(axes, "32")
    ((32,), None, None)
    """
    parts = [f"{re.escape(axis.name) if axis.named else ''}([0-9]+)" for axis in axes]
    found = re.fullmatch(_between(axes).join(parts), name)
    return tuple(map(int, found.groups())) if axes and found else None


def cell_title(axes: Sequence[Axis], cell: Iterable[int]) -> str:
    """A cell in words.

    >>> cell_title([Axis("length", "lengths"), Axis("hops", "hops")], (32, 16))
    'length 32, hops 16'
    """
    return ", ".join(f"{axis.name.replace('_', ' ')} {value}" for axis, value in zip(axes, cell, strict=True))


def title_of(axes: Sequence[Axis], name: str) -> str:
    """The name of a test set in words, for figures and tables; numbers alone stay as they are.

    A cell may stand after other words.

    >>> axes = [Axis("length", "lengths", named=True)]
    >>> title_of(axes, "held_out_length32")
    'held out, length 32'
    >>> title_of(axes, "length32 with 64 slots"), title_of(axes, "held_out"), title_of([], "10x20")
    ('length 32 with 64 slots', 'held out', '10x20')
    """
    own, *slots = name.split(" with ", 1)
    words = own.split("_")
    for n in range(len(words)) if any(axis.named for axis in axes) else ():
        if cell := cell_of(axes, "_".join(words[n:])):
            before = [" ".join(words[:n])] if n else []
            return " with ".join([", ".join([*before, cell_title(axes, cell)]), *slots])
    return name.replace("_", " ")


def _between(axes: Sequence[Axis]) -> str:
    return "_" if any(axis.named for axis in axes) else "x"
