"""Overview of a report on several tasks: a line for each model on each task."""

from collections.abc import Mapping, Sequence

import numpy as np

from . import statistics
from .kinds import TableKind
from .rows import RunRow, is_solved, number
from .summary import range_text, survival
from .survival import median_time
from .tables import Table, outcomes, variants
from .wording import shown

HEADER = (
    "task", "model", "runs", "solved", "sequences", "sequences to solve", "seconds a run", "metric",
    "like training", "beyond", "test beyond", "parameters", "state",
)  # fmt: skip
NOTE = (
    "Sequences and seconds: median of the training. To solve: Kaplan-Meier median. Metrics: interquartile means "
    "over the runs. State: numbers in the recurrent state of one sequence, after the longest of training."
)


def overview_table(rows: Sequence[RunRow], kinds: Mapping[str, TableKind]) -> Table | None:
    """A line for each row of each table; None for a report with one table."""
    if len(kinds) < 2:
        return None
    lines = []
    for table, kind in kinds.items():
        metric = kind.of.reach[0]
        like, *others = kind.headlines
        beyond = next((test for test, _ in others), None)
        for name, group in variants([row for row in rows if row["table"] == table]).items():
            after = median_time(survival(group, "sequences")) if kind.solvable else None
            values = (_mean(group, test, metric) for test in (like[0], beyond))
            lines.append(
                [
                    group[0]["task"],
                    name,
                    str(len(group)),
                    f"{sum(map(is_solved, group))}/{len(group)}" if kind.solvable else "",
                    f"{_median(group, 'sequences'):,.0f}",
                    "" if not kind.solvable else "—" if after is None else f"{after:,.0f}",
                    f"{_median(group, 'seconds'):,.0f}",
                    kind.metric(metric).label,
                    *values,
                    "" if beyond is None else kind.title(beyond),
                    *(
                        range_text([number(row, key) for row in group], "{:,.0f}")
                        for key in ("parameters", "state_size")
                    ),
                ]
            )
    return Table("All tasks", list(HEADER), lines, NOTE)


def _mean(group: Sequence[RunRow], test: str | None, metric: str) -> str:
    values = np.array([]) if test is None else outcomes(group, test, metric)
    return shown(statistics.interquartile_mean(values)) if len(values) else ""


def _median(group: Sequence[RunRow], key: str) -> float:
    return float(np.median([number(row, key) or 0.0 for row in group]))
