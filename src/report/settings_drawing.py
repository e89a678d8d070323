"""A figure of how a metric depends on the settings that rows differ in."""

from collections.abc import Callable, Sequence

import numpy as np

from src.figures import settings_map
from src.figures.png import figure_errors_as_warnings
from src.report import statistics, tables
from src.report.drawings import Drawing
from src.report.kinds import Kind
from src.report.rows import Row, is_solved


@figure_errors_as_warnings("settings")
def draw_settings(rows: Sequence[Row], kind: Kind, name: str) -> Drawing | None:
    """Heat maps over two settings, where just two were varied for one model."""
    varied = [
        key for key in dict.fromkeys(key for row in rows for key in row)
        if key.startswith("setting.") and len({row.get(key, "") for row in rows}) > 1
    ]  # fmt: skip
    if len(varied) != 2 or len({row["model"] for row in rows}) > 1:
        return None
    values = [sorted({row[key] for row in rows}, key=_as_number) for key in varied]
    down, across = sorted((0, 1), key=lambda i: len(values[i]))
    measures: dict[str, Callable[[Sequence[Row]], float]] = {}
    if kind.solvable:
        measures["share solved"] = lambda its: float(np.mean([is_solved(row) for row in its]))
    for test, metric in kind.headlines:
        measures[f"{kind.metric(metric).told} {test.replace('_', ' ')}"] = _iqm_of(test, metric)
    panels, data = {}, []
    for told, measure in measures.items():
        panel = np.full((len(values[down]), len(values[across])), np.nan)
        for i, one in enumerate(values[down]):
            for j, other in enumerate(values[across]):
                its = [row for row in rows if row[varied[down]] == one and row[varied[across]] == other]
                if its:
                    panel[i, j] = measure(its)
                    data.append({"measure": told, varied[down]: one, varied[across]: other, "value": panel[i, j],
                                 "runs": len(its)})  # fmt: skip
        panels[told] = panel
    names = [key.split(".")[-1] for key in varied]
    figure = settings_map.settings_map(panels, values[down], values[across], names[down], names[across])
    caption = f"What {names[0]} and {names[1]} do: interquartile means over all runs of a pair."
    return Drawing(name, caption, figure, ("measure", varied[down], varied[across], "value", "runs"), data)


def _iqm_of(test: str, metric: str) -> Callable[[Sequence[Row]], float]:
    def measure(its: Sequence[Row]) -> float:
        values = tables.outcomes(its, test, metric)
        return statistics.interquartile_mean(values) if len(values) else float("nan")

    return measure


def _as_number(value: str) -> tuple[int, float, str]:
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0.0, value)
