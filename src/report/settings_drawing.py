"""Figure of metrics over two varied settings."""

from collections.abc import Callable, Sequence

import numpy as np

from ..figures import settings_map
from ..figures.png import figure_errors_as_warnings
from . import statistics, tables
from .drawings import Drawing
from .kinds import TableKind
from .rows import RunRow, is_solved


@figure_errors_as_warnings("settings")
def draw_settings(rows: Sequence[RunRow], kind: TableKind, name: str) -> Drawing | None:
    """Heat maps over two settings; None unless exactly two settings of one model were varied."""
    varied = [
        key for key in dict.fromkeys(key for row in rows for key in row)
        if key.startswith("setting.") and len({row.get(key, "") for row in rows}) > 1
    ]  # fmt: skip
    if len(varied) != 2 or len({row["model"] for row in rows}) > 1:
        return None
    values = [sorted({row[key] for row in rows}, key=_as_number) for key in varied]
    down, across = sorted((0, 1), key=lambda i: len(values[i]))
    measures: dict[str, Callable[[Sequence[RunRow]], float]] = {}
    more = ["share solved"]
    if kind.solvable:
        measures["share solved"] = lambda group: float(np.mean([is_solved(row) for row in group]))
    for test, metric in kind.headlines:
        measures[kind.label(test, metric)] = _iqm_of(test, metric)
        if kind.metric(metric).more:
            more.append(kind.label(test, metric))
    panels, data = {}, []
    for label, measure in measures.items():
        panel = np.full((len(values[down]), len(values[across])), np.nan)
        for i, one in enumerate(values[down]):
            for j, other in enumerate(values[across]):
                group = [row for row in rows if row[varied[down]] == one and row[varied[across]] == other]
                if group:
                    panel[i, j] = measure(group)
                    data.append({"measure": label, varied[down]: one, varied[across]: other, "value": panel[i, j],
                                 "runs": len(group)})  # fmt: skip
        panels[label] = panel
    names = [key.split(".")[-1] for key in varied]
    figure = settings_map.settings_map(panels, values[down], values[across], names[down], names[across], more)
    shown = f"{'share solved, and ' * kind.solvable}interquartile means of the metrics"
    caption = f"By {names[0]} and {names[1]}: {shown}, over all runs of each pair of values."
    return Drawing(name, caption, figure, ("measure", varied[down], varied[across], "value", "runs"), data)


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
