"""Table of a page, options of the tables, and grouping of runs by row."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .rows import RunRow, outcome

#: Most lines of an unfolded table; fewest seeds for a statement of no difference.
MANY, ENOUGH = 20, 10


class Table(NamedTuple):
    """A table of text cells with a title, a header and a note; `folded` hides it until clicked."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    folded: bool = False


class TableOptions(NamedTuple):
    """Options of the tables.

    Attributes:
        against: row that others are compared with; None for all pairs, or the first row if there are many.
        reference: rows that are shown but not compared.
        margin: largest difference that counts as none, in the unit of the metric; None for no such statement.
        published: published values of the headline metric by row.
        published_as: header of their column.
    """

    against: str | None = None
    reference: tuple[str, ...] = ()
    margin: float | None = None
    published: Mapping[str, float] = {}
    published_as: str = "published"


def variants(rows: Sequence[RunRow]) -> dict[str, list[RunRow]]:
    """Rows of runs.csv grouped by their row of the table."""
    return {
        name: [row for row in rows if row["row"] == name] for name in dict.fromkeys(row["row"] for row in rows)
    }


def tested(rows: Sequence[RunRow], test: str, metric: str) -> bool:
    """Whether a finished run of a row was tested there, so that its diverged ones count; or all have diverged."""
    finished = [row for row in rows if row["status"] != "diverged"]
    return not finished or any(outcome(row, test, metric) is not None for row in finished)


def outcomes(rows: Sequence[RunRow], test: str, metric: str) -> np.ndarray:
    """A test metric of all runs that were tested there; see `rows.outcome`."""
    values = [outcome(row, test, metric) for row in rows]
    return np.array([value for value in values if value is not None])
