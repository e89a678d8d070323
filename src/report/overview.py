"""Overviews of a report on several tasks: tasks by models, and a line for each model on each task."""

from collections.abc import Mapping, Sequence

import numpy as np

from . import statistics
from .kinds import TableKind
from .rows import RunRow, is_solved, number
from .summary import median, range_text, survival
from .survival import median_time
from .tables import MANY, Table, outcomes, variants
from .wording import shown

HEADER = (
    "task", "model", "runs", "solved", "sequences", "sequences to solve", "seconds a run", "metric",
    "like training", "beyond", "test beyond", "parameters", "state",
)  # fmt: skip
NOTE = (
    "Sequences and seconds: median of the training. To solve: Kaplan-Meier median. Metrics: interquartile means "
    "over the runs. State: numbers in the recurrent state of one sequence, after the longest of training."
)


#: Most columns of models in the table of tasks by models.
MOST_MODELS = 16
BY_MODEL_NOTE = (
    "The metric on sizes like those of training / beyond them, interquartile means over the runs. Then, where "
    "most runs solved the task, after how many thousands of sequences (Kaplan-Meier median)."
)


def by_model_table(rows: Sequence[RunRow], kinds: Mapping[str, TableKind]) -> Table | None:
    """A line for each table and a column for each model.

    None with fewer than three tables or models, with more than `MOST_MODELS`, or if most cells would be empty.
    """
    models = list(variants(rows))
    lines = []
    filled = 0
    for table, kind in kinds.items():
        metric, (like, beyond) = kind.of.reach[0], _tests(kind)
        groups = variants([row for row in rows if row["table"] == table])
        cells = []
        for name in models:
            group = groups.get(name, [])
            tests = [like] if beyond is None else [like, beyond]
            means = [_mean(group, test, metric) or "—" for test in tests] if group else []
            after = median_time(survival(group, "sequences")) if group and kind.solvable else None
            cells.append(" / ".join(means) + ("" if after is None else f", {after / 1000:.0f}k"))
        filled += sum(map(bool, cells))
        lines.append([table, kind.metric(metric).label, "" if beyond is None else kind.title(beyond), *cells])
    if len(lines) < 3 or not 3 <= len(models) <= MOST_MODELS or 2 * filled < len(lines) * len(models):
        return None
    return Table("Tasks by models", ["task", "metric", "test beyond", *models], lines, BY_MODEL_NOTE)


def overview_table(rows: Sequence[RunRow], kinds: Mapping[str, TableKind]) -> Table | None:
    """A line for each row of each table; None for a report with one table."""
    if len(kinds) < 2:
        return None
    lines = []
    for table, kind in kinds.items():
        metric, (like, beyond) = kind.of.reach[0], _tests(kind)
        for name, group in variants([row for row in rows if row["table"] == table]).items():
            after = median_time(survival(group, "sequences")) if kind.solvable else None
            values = (_mean(group, test, metric) for test in (like, beyond))
            lines.append(
                [
                    group[0]["task"],
                    name,
                    str(len(group)),
                    f"{sum(map(is_solved, group))}/{len(group)}" if kind.solvable else "",
                    f"{median(group, 'sequences'):,.0f}",
                    "" if not kind.solvable else "—" if after is None else f"{after:,.0f}",
                    f"{median(group, 'seconds'):,.0f}",
                    kind.metric(metric).label,
                    *values,
                    "" if beyond is None else kind.title(beyond),
                    *(
                        range_text([number(row, key) for row in group], "{:,.0f}")
                        for key in ("parameters", "state_size")
                    ),
                ]
            )
    return Table("All tasks", list(HEADER), lines, NOTE, folded=len(lines) > MANY)


def _tests(kind: TableKind) -> tuple[str, str | None]:
    """The test set like training, and the first one beyond, if there is one."""
    (like, _), *others = kind.headlines
    return like, next((test for test, _ in others if test not in kind.like_training), None)


def _mean(group: Sequence[RunRow], test: str | None, metric: str) -> str:
    values = np.array([]) if test is None else outcomes(group, test, metric)
    return shown(statistics.interquartile_mean(values)) if len(values) else ""
