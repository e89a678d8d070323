"""Numbers and tables formatted for the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def table(
    test: Mapping[str, Any],
    below: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    shown: Callable[[str], bool] = lambda name: True,
) -> str:
    """Test metrics as a table: one row per test set, one column per metric.

    Args:
        test: metrics by name, or by test set and name, as in metrics.json.
        below: further rows of a test set, by its name and theirs; indented, those without metrics are left out.
        shown: whether a metric has a column; the table is empty if none has one.

    >>> print(table({"accuracy": 0.95, "loss": 0.2, "generated": {"accuracy": 0.9}}))
                accuracy     loss
    test            0.95      0.2
    generated        0.9
    """
    rows = {"test": {name: value for name, value in test.items() if not isinstance(value, Mapping)}}
    rows |= {name: dict(value) for name, value in test.items() if isinstance(value, Mapping)}
    named = []
    for name, row in rows.items():
        further = [(f"  {label}", dict(values)) for label, values in (below or {}).get(name, {}).items()]
        named += [(label, values) for label, values in [(name, row), *further] if row and any(map(shown, values))]
    if not named:
        return "" if any(rows.values()) else "(not tested)"
    columns = list(dict.fromkeys(name for _, row in named for name in row if shown(name)))
    width = max(len(label) for label, _ in named) + 1
    widths = {
        column: max(7, len(column), *(len(_cell(row.get(column))) for _, row in named)) + 2 for column in columns
    }
    lines = [" " * width + "".join(column.rjust(widths[column]) for column in columns)]
    for label, row in named:
        cells = (_cell(row.get(column)).rjust(widths[column]) for column in columns)
        lines.append((label.ljust(width) + "".join(cells)).rstrip())
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def columns(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as aligned columns under a header of their keys; empty columns are left out.

    >>> print(columns([{"job": "0_ntm", "error": "", "took": "3 s"}, {"job": "1", "error": "", "took": "12 s"}]))
    job    took
    0_ntm  3 s
    1      12 s
    """
    names = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    lines = [{name: name for name in names}, *rows]
    return "\n".join("  ".join(line[name].ljust(widths[name]) for name in names).rstrip() for line in lines)


def duration(seconds: float) -> str:
    """A duration in readable units.

    >>> duration(0.4), duration(75), duration(5400), duration(200_000)
    ('0 s', '75 s', '1 h 30 min', '2 d 7 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def size(n_bytes: float) -> str:
    """A size in kB, MB or GB.

    >>> size(800), size(2_340_000), size(5.1e9)
    ('1 kB', '2.3 MB', '5.1 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
