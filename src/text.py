"""Numbers as a person reads them in a terminal."""

from collections.abc import Mapping
from typing import Any


def table(test: Mapping[str, Any]) -> str:
    """Test metrics as a short table: a row a test set, a column a metric.

    Args:
        test: metrics by name, or by test set and name, as in metrics.json.

    >>> print(table({"accuracy": 0.95, "loss": 0.2, "generated": {"accuracy": 0.9}}))
                accuracy     loss
    test            0.95      0.2
    generated        0.9
    """
    rows = {"test": {name: value for name, value in test.items() if not isinstance(value, Mapping)}}
    rows |= {name: dict(value) for name, value in test.items() if isinstance(value, Mapping)}
    rows = {name: row for name, row in rows.items() if row}
    if not rows:
        return "(not tested)"
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    width = max(map(len, rows)) + 1
    widths = {column: max(len(column), 7) + 2 for column in columns}
    lines = [" " * width + "".join(column.rjust(widths[column]) for column in columns)]
    for name, row in rows.items():
        cells = (_cell(row.get(column)).rjust(widths[column]) for column in columns)
        lines.append((name.ljust(width) + "".join(cells)).rstrip())
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"
