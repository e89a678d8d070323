"""runs.csv: a row a run, with all that the tables and most figures are made of."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.build import ConfigError
from src.files import write_whole
from src.report.gather import Problem, flat
from src.report.protocols import Placed
from src.tasks.repeat_copy import cell_of

#: A row as it is read again: every value a text, empty where there is none.
Row = dict[str, str]
COUNTS = ("parameters", "state_size", "engine", "updates", "sequences", "seconds")
SOLVING = ("solved", "sequences_to_solve", "seconds_to_solve")
#: Columns that every runs.csv has; those of metrics and settings follow.
COLUMNS = ("run", "table", "row", "model", "task", "seed", "status", "counted", "note", *COUNTS, *SOLVING)
LAST = ("git_revision", "versions")


class Metric(NamedTuple):
    """How a metric is read.

    Attributes:
        name: in metrics.json.
        more: whether more of it is better.
        worst: the worst it can be: what a run counts for that diverged.
    """

    name: str
    more: bool
    worst: float

    @property
    def told(self) -> str:
        """For people."""
        return self.name.replace("_", " ")


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", True, 0.0),
        Metric("exact", True, 0.0),
        Metric("end_exact", True, 0.0),
        Metric("payload_error", False, 1.0),
        Metric("end_error", False, 1.0),
        Metric("error_bits", False, math.inf),
        Metric("bits", False, math.inf),
        Metric("loss", False, math.inf),
    )
}


def of_run(placed: Placed) -> dict[str, Any]:
    """The row of a run that is counted."""
    entry, metrics = placed.entry, placed.entry.metrics
    # What was tested at the end of the run comes before what was asked for later.
    tests = {**_evaluated(entry.evaluation), **_sets(metrics["test"])}
    numbers = flat({"validation": metrics["validation"], **tests})
    bad = (
        sorted(key for key, value in numbers.items() if _is_bad(value)) if metrics["status"] == "finished" else []
    )
    return {
        "run": entry.name,
        "table": placed.group,
        "row": placed.variant,
        "counted": "yes",
        "note": f"not a number, counts as the worst: {', '.join(bad)}" if bad else "",
        **{key: metrics.get(key) for key in ("model", "task", "seed", "status", *COUNTS, *SOLVING)},
        **{key: math.nan if _is_bad(value) else value for key, value in numbers.items()},
        **{f"setting.{key}": value for key, value in placed.settings.items()},
        "git_revision": metrics.get("git_revision"),
        "versions": "; ".join(f"{name} {one}" for name, one in metrics.get("versions", {}).items()),
    }


def _sets(test: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Test metrics by test set; those that stand alone in metrics.json are of the set `test`."""
    alone = {name: value for name, value in test.items() if not isinstance(value, Mapping)}
    return ({"test": alone} if alone else {}) | {n: dict(v) for n, v in test.items() if isinstance(v, Mapping)}


def _evaluated(evaluation: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Tests of evaluation.json; those with a memory of another size by another name."""
    if evaluation.get("checkpoint", "best") != "best":
        return {}
    slots = evaluation.get("memory_slots")
    beside = "" if slots is None else f" with {slots} slots"
    return {f"{name}{beside}": its for name, its in _sets(evaluation.get("test", {})).items()}


def _is_bad(value: Any) -> bool:
    """JSON has no infinity and no NaN: they are null there."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def of_problem(problem: Problem) -> dict[str, Any]:
    """The row of a run that is not counted."""
    return {"run": problem.run, "counted": "no", "note": problem.what}


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; a key that a row lacks is left empty."""
    keys = dict.fromkeys(key for row in rows for key in row)
    middle = [key for key in keys if key not in (*COLUMNS, *LAST)]
    middle.sort(key=lambda key: key.startswith("setting."))
    return table_text([*COLUMNS, *middle, *LAST], rows)


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV, with floats in as many digits as a measurement has."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write runs.csv whole or not at all."""
    write_whole(path, text(rows))


def read(path: Path) -> list[Row]:
    """A runs.csv.

    Raises:
        ConfigError: a file that is none.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"runs={str(path)!r}: cannot be read ({error}); must be a runs.csv") from error
    whole = all(None not in row and None not in row.values() for row in rows)
    if not rows or not whole or not set(COLUMNS) <= set(rows[0]):
        raise ConfigError(f"runs={str(path)!r}: is not a whole runs.csv of src.report")
    return rows


def number(row: Row, key: str) -> float | None:
    """A number of a row; None where it has none."""
    value = row.get(key, "")
    return float(value) if value else None


def outcome(row: Row, test: str, metric: str) -> float | None:
    """What a run is worth by a metric of a test set; the worst for one that diverged; None if not tested."""
    if row["status"] == "diverged":
        return METRICS[metric].worst
    value = number(row, f"{test}.{metric}")
    return METRICS[metric].worst if value is not None and not math.isfinite(value) else value


def is_solved(row: Row) -> bool:
    """Whether the run solved its task."""
    return row["solved"] == "True" and row["status"] != "diverged"


def test_sets(rows: Iterable[Row], metric: str) -> list[str]:
    """Test sets in which a metric was measured, in the order of the columns."""
    columns = dict.fromkeys(key for row in rows for key, value in row.items() if value)
    ending = f".{metric}"
    return [key.removesuffix(ending) for key in columns if key.endswith(ending) and key != f"validation{ending}"]


def cells(names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Of names of test sets those that are cells of repeat-copy, with their length and repeats."""
    found = {name: cell_of(name) for name in names}
    return {name: cell for name, cell in found.items() if cell is not None}
