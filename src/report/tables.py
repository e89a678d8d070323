"""What tables of a report are made of: their texts, the options of a reader, runs grouped by row."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from src.report.rows import Row, outcome

#: Lines of a table of details that are not folded, at most; seeds that an interval takes, and a word on equality.
MANY, FEW, ENOUGH = 20, 5, 10


class Table(NamedTuple):
    """What a page shows as a table: a header, rows of texts, and a note below; folded where few will look."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    folded: bool = False


class Options(NamedTuple):
    """What a reader asked of the tables.

    Attributes:
        against: the row that others are compared with; None for every pair, or the first row where they are many.
        reference: rows that are shown but not compared.
        margin: a difference within it is none, in the unit of the metric; None for no such claim.
        published: numbers of others for the headline metric, by row.
        published_as: what to call these.
    """

    against: str | None = None
    reference: tuple[str, ...] = ()
    margin: float | None = None
    published: Mapping[str, float] = {}
    published_as: str = "published"


def variants(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of runs.csv by the row of the table they belong to."""
    return {
        name: [row for row in rows if row["row"] == name] for name in dict.fromkeys(row["row"] for row in rows)
    }


def outcomes(rows: Sequence[Row], test: str, metric: str) -> np.ndarray:
    """What each run is worth, those left out that were not tested there."""
    values = [outcome(row, test, metric) for row in rows]
    return np.array([value for value in values if value is not None])
