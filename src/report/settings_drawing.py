"""Figure of metrics over varied settings, two or more: one across, the others down."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..figures import settings_map
from ..figures.png import figure_errors_as_warnings
from . import statistics, tables
from .drawings import Drawing
from .kinds import TableKind
from .rows import RunRow, is_solved

#: The name of the share of runs that solved the task.
SOLVED = "share solved"


@figure_errors_as_warnings("settings")
def draw_settings(rows: Sequence[RunRow], kind: TableKind, name: str) -> Drawing | None:
    """Heat maps over settings; None unless all rows are of one model, and two settings or more vary.

    The setting with the most values is across; the combinations of the others, as far as they were run, are down.
    """
    rows = [_joined(row) for row in rows]
    varied = [
        key for key in dict.fromkeys(key for row in rows for key in row)
        if key.startswith("setting.") and len({row.get(key, "") for row in rows}) > 1
    ]  # fmt: skip
    if len(varied) < 2 or len({row["model"] for row in rows}) > 1:
        return None
    values = {key: sorted({row.get(key, "") for row in rows}, key=_as_number) for key in varied}
    across = max(reversed(varied), key=lambda key: len(values[key]))
    down = [key for key in varied if key != across]
    combinations = sorted({_values(row, down) for row in rows}, key=lambda one: [*map(_as_number, one)])
    # Settings that were not crossed, but changed one at a time, would make a map of empty cells.
    filled = len({_values(row, varied) for row in rows})
    if len(varied) > 2 and filled <= math.prod(map(len, values.values())) / 2:
        return None
    more = [SOLVED, *(kind.label(test, metric) for test, metric in kind.headlines if kind.metric(metric).more)]
    panels, data = {}, []
    for label, measure in _measures(kind).items():
        panel = np.full((len(combinations), len(values[across])), np.nan)
        for i, one in enumerate(combinations):
            for j, other in enumerate(values[across]):
                group = [row for row in rows if _values(row, down) == one and row.get(across, "") == other]
                if group:
                    panel[i, j] = measure(group)
                    settings = dict(zip((*down, across), (*one, other), strict=True))
                    data.append({"measure": label, **settings, "value": panel[i, j], "runs": len(group)})
        panels[label] = panel
    names = {key: key.split(".")[-1] for key in varied}
    if len(down) == 1:
        labels, below = [one for (one,) in combinations], names[down[0]]
    else:  # a setting that is null is left out, as in the names of rows
        named = (
            [f"{names[key]}={value}" for key, value in zip(down, one, strict=True) if value]
            for one in combinations
        )
        labels, below = [" ".join(one) or "none" for one in named], ""
    shares = {SOLVED: (0.0, 1.0)}
    figure = settings_map.settings_map(panels, labels, values[across], below, names[across], more, shares)
    shown = f"{f'{SOLVED}, and ' * kind.solvable}interquartile means of the metrics"
    *firsts, last = names.values()
    caption = f"By {', '.join(firsts)} and {last}: {shown}, over all runs with the same values."
    return Drawing(name, caption, figure, ("measure", *down, across, "value", "runs"), data)


def _measures(kind: TableKind) -> dict[str, Callable[[Sequence[RunRow]], float]]:
    """What is shown of a group of runs, by its name."""
    found: dict[str, Callable[[Sequence[RunRow]], float]] = {}
    if kind.solvable:
        found[SOLVED] = lambda group: float(np.mean([is_solved(row) for row in group]))
    return found | {kind.label(test, metric): _iqm_of(test, metric) for test, metric in kind.headlines}


def _joined(row: RunRow) -> RunRow:
    """A row with the keys of a setting that is a mapping, such as a schedule, as one setting."""
    joined: RunRow = {}
    for key, value in row.items():
        section, _, last = key.rpartition(".")
        if not key.startswith("setting.") or section.count(".") < 2:
            joined[key] = value
        elif value:
            joined[section] = f"{joined[section]} {last}={value}" if joined.get(section) else f"{last}={value}"
    return joined


def _values(row: RunRow, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(row.get(key, "") for key in keys)


def _iqm_of(test: str, metric: str) -> Callable[[Sequence[RunRow]], float]:
    def measure(group: Sequence[RunRow]) -> float:
        values = tables.outcomes(group, test, metric)
        return statistics.interquartile_mean(values) if len(values) else float("nan")

    return measure


def _as_number(value: str) -> tuple[int, float, str]:
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0.0, value)
