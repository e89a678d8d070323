"""runs.csv: one row a run, the data of the tables and most figures."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..common.nested import flat
from ..common.paths import command
from ..lit import objectives
from ..settings.errors import ConfigError
from .gather import Problem
from .metrics import sets
from .protocols import PlacedRun

#: A row of runs.csv as read: values by column, all text, empty if missing.
RunRow = dict[str, str]
COUNTS = ("parameters", "state_size", "engine", "updates", "sequences", "seconds")
SOLVING = ("solved", "sequences_to_solve", "seconds_to_solve")
#: Columns whose values are numbers or empty.
NUMBERS = ("seed", "parameters", "state_size", "updates", "sequences", "seconds", *SOLVING[1:])
#: First columns of every runs.csv; columns of metrics and settings follow, then `LAST`.
COLUMNS = ("run", "table", "row", "model", "task", "seed", "status", "counted", "note", *COUNTS, *SOLVING)
LAST = ("git_revision", "evaluation_revision", "versions")


def of_run(placed: PlacedRun, memory_slots: int | None = None) -> dict[str, Any]:
    """The row of a counted run.

    Args:
        placed: the run.
        memory_slots: tests with another number of slots get it in their names; None for the number in training.
    """
    entry, metrics = placed.entry, placed.entry.metrics
    own = entry.config["model"].get("memory_slots")
    lead = own if memory_slots is None else memory_slots
    # Tests at the end of the run take precedence over later evaluations.
    tests = _named(metrics["test"], own, lead)
    later = _evaluated(entry.evaluation, own, lead)
    tests |= {name: metrics for name, metrics in later.items() if name not in tests}
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
    """Metrics of evaluation.json by test set; empty if another checkpoint was evaluated."""
    if evaluation.get("checkpoint", "best") != "best":
        return {}
    return _named(evaluation.get("test", {}), evaluation.get("memory_slots") or own, lead)


def _named(test: Mapping[str, Any], slots: int | None, lead: int | None) -> dict[str, dict[str, Any]]:
    """Metrics by test set; the names contain the memory slots if those asked for differ from `lead`.

    A long sequence may have needed more slots than were asked for.
    """
    if slots in (None, lead):
        return dict(sets(test))
    return {f"{name} with {one.get('memory_slots', slots)} slots": one for name, one in sets(test).items()}


def _is_bad(value: Any) -> bool:
    """Whether a value is infinite or NaN, which JSON files store as null."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def of_problem(problem: Problem) -> dict[str, Any]:
    """The row of a run that is not counted, with the reason as note."""
    return {"run": problem.run, "counted": "no", "note": problem.what}


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The text of runs.csv; missing values are empty."""
    keys = dict.fromkeys(key for row in rows for key in row)
    middle = [key for key in keys if key not in (*COLUMNS, *LAST)]
    middle.sort(key=lambda key: key.startswith("setting."))
    return table_text([*COLUMNS, *middle, *LAST], rows)


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV text of rows, floats with eight significant digits."""
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


def read(path: Path) -> list[RunRow]:
    """Read and check runs.csv.

    Raises:
        ConfigError: a file that is not a runs.csv, or has invalid values.
    """
    refused = f"runs={str(path)!r}: "
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{refused}cannot be read ({error}); must be a runs.csv") from error
    complete = all(None not in row and None not in row.values() for row in rows)
    if not rows or not complete or not set(COLUMNS) <= set(rows[0]):
        raise ConfigError(f"{refused}is not a whole runs.csv of {command('report')}")
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


def _check_number(row: RunRow, key: str, refused: str, line: int) -> None:
    try:
        number(row, key)
    except ValueError:
        raise ConfigError(f"{refused}line {line}: {key}={row[key]!r}: must be a number") from None


def number(row: RunRow, key: str) -> float | None:
    """A number of a row; None if empty."""
    value = row.get(key, "")
    return float(value) if value else None


def outcome(row: RunRow, test: str, metric: str) -> float | None:
    """A test metric of a run; the worst value if it diverged or is not finite; None if not tested."""
    value = number(row, f"{test}.{metric}")
    if row["status"] == "diverged" or (value is not None and not math.isfinite(value)):
        known = objectives.metric(metric)
        assert known is not None
        return known.worst
    return value


def is_solved(row: RunRow) -> bool:
    """Whether a run has solved its task; diverged runs have not."""
    return row["solved"] == "True" and row["status"] != "diverged"


def test_sets(rows: Iterable[RunRow], metric: str) -> list[str]:
    """Test sets with values of a metric, in the order of the columns."""
    columns = dict.fromkeys(key for row in rows for key, value in row.items() if value)
    ending = f".{metric}"
    return [key.removesuffix(ending) for key in columns if key.endswith(ending) and key != f"validation{ending}"]
