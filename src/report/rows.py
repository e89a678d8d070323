"""runs.csv: a row a run, with all that the tables and most figures are made of."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.common.nested import flat
from src.lit import objectives
from src.report.gather import Problem
from src.report.metrics import sets
from src.report.protocols import Placed
from src.settings.errors import ConfigError
from src.tasks.base import cell_of

#: A row as it is read again: every value a text, empty where there is none.
Row = dict[str, str]
COUNTS = ("parameters", "state_size", "engine", "updates", "sequences", "seconds")
SOLVING = ("solved", "sequences_to_solve", "seconds_to_solve")
#: Columns that hold a number, where they hold anything.
NUMBERS = ("seed", "parameters", "state_size", "updates", "sequences", "seconds", *SOLVING[1:])
#: Columns that every runs.csv has; those of metrics and settings follow.
COLUMNS = ("run", "table", "row", "model", "task", "seed", "status", "counted", "note", *COUNTS, *SOLVING)
LAST = ("git_revision", "evaluation_revision", "versions")


def of_run(placed: Placed, memory_slots: int | None = None) -> dict[str, Any]:
    """The row of a run that is counted; tests with other than so many memory slots are named by their number.

    Args:
        placed: the run.
        memory_slots: None for as many as the run was trained with.
    """
    entry, metrics = placed.entry, placed.entry.metrics
    own = entry.config["model"].get("memory_slots")
    lead = own if memory_slots is None else memory_slots
    # What was tested at the end of the run comes before what was asked for later.
    tests = _named(metrics["test"], own, lead)
    tests |= {name: its for name, its in _evaluated(entry.evaluation, own, lead).items() if name not in tests}
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
        "evaluation_revision": entry.evaluation.get("git_revision"),
        "versions": "; ".join(f"{name} {one}" for name, one in metrics.get("versions", {}).items()),
    }


def _evaluated(evaluation: Mapping[str, Any], own: int | None, lead: int | None) -> dict[str, dict[str, Any]]:
    """Tests of evaluation.json by their names."""
    if evaluation.get("checkpoint", "best") != "best":
        return {}
    return _named(evaluation.get("test", {}), evaluation.get("memory_slots") or own, lead)


def _named(test: Mapping[str, Any], slots: int | None, lead: int | None) -> dict[str, dict[str, Any]]:
    """Tests with so many memory slots, None for no memory, by their names."""
    beside = "" if slots in (None, lead) else f" with {slots} slots"
    return {f"{name}{beside}": its for name, its in sets(test).items()}


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


def read(path: Path) -> list[Row]:
    """A runs.csv.

    Raises:
        ConfigError: a file that is none, or that was changed by hand so that it holds together no more.
    """
    refused = f"runs={str(path)!r}: "
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{refused}cannot be read ({error}); must be a runs.csv") from error
    whole = all(None not in row and None not in row.values() for row in rows)
    if not rows or not whole or not set(COLUMNS) <= set(rows[0]):
        raise ConfigError(f"{refused}is not a whole runs.csv of src.report")
    seen = set()
    for line, row in enumerate(rows, 2):
        if row["counted"] not in ("yes", "no"):
            raise ConfigError(f"{refused}line {line}: counted={row['counted']!r}: must be yes or no")
        if row["counted"] == "no":
            continue
        place = row["table"], row["row"], row["seed"]
        if place in seen:
            raise ConfigError(f"{refused}line {line}: {row['row']} has seed {row['seed']} twice")
        seen.add(place)
        for key in NUMBERS:
            _check_number(row, key, refused, line)
        for key in row:
            if objectives.metric(key.rpartition(".")[2]) is not None and not key.startswith("setting."):
                _check_number(row, key, refused, line)
    return rows


def _check_number(row: Row, key: str, refused: str, line: int) -> None:
    try:
        number(row, key)
    except ValueError:
        raise ConfigError(f"{refused}line {line}: {key}={row[key]!r}: must be a number") from None


def number(row: Row, key: str) -> float | None:
    """A number of a row; None where it has none."""
    value = row.get(key, "")
    return float(value) if value else None


def outcome(row: Row, test: str, metric: str) -> float | None:
    """What a run is worth by a metric of a test set; the worst for one that diverged; None if not tested."""
    value = number(row, f"{test}.{metric}")
    if row["status"] == "diverged" or (value is not None and not math.isfinite(value)):
        read = objectives.metric(metric)
        assert read is not None
        return read.worst
    return value


def is_solved(row: Row) -> bool:
    """Whether the run solved its task."""
    return row["solved"] == "True" and row["status"] != "diverged"


def test_sets(rows: Iterable[Row], metric: str) -> list[str]:
    """Test sets in which a metric was measured, in the order of the columns."""
    columns = dict.fromkeys(key for row in rows for key, value in row.items() if value)
    ending = f".{metric}"
    return [key.removesuffix(ending) for key in columns if key.endswith(ending) and key != f"validation{ending}"]


def cells(names: Iterable[str], axes: int) -> dict[str, tuple[int, ...]]:
    """Of names of test sets those that are cells of so many axes, with their values."""
    found = {name: cell_of(name) for name in names}
    return {name: cell for name, cell in found.items() if cell is not None and len(cell) == axes}
