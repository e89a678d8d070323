"""Figures of a report, with their data, drawn from runs.csv and the records in `figures/`.

A figure that cannot be drawn is None, with a warning.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..figures import addressing, comparison, loss_comparison, seeds, survival
from ..figures.png import figure_errors_as_warnings
from ..figures.style import Figure
from ..figures.target_output import TargetOutputPanel, consecutive
from ..lit.baselines import WORDS
from . import curves, intervals, statistics, summary, tables
from .kinds import TableKind
from .rows import RunRow, is_solved, number
from .summary import guessing
from .tables import TableOptions

#: Most tests that a caption names one by one.
MOST_NAMED = 3


class Drawing(NamedTuple):
    """A figure with file name, caption and data."""

    name: str
    caption: str
    figure: Figure
    columns: Sequence[str]
    data: Sequence[Mapping[str, Any]]


@figure_errors_as_warnings("loss_comparison")
def draw_losses(points: Sequence[RunRow], kinds: Mapping[str, TableKind], order: Sequence[str]) -> Drawing | None:
    """Validation loss of all runs, one panel a table; `kinds` are by name of the table."""
    if not points:
        return None
    panels: dict[str, list[loss_comparison.LossGroup]] = defaultdict(list)
    for (table, row), group in _grouped(points, ("table", "row")):
        seeds = [
            (
                np.array([float(point["sequences"]) for point in own]),
                np.array([float(point["loss"]) for point in own]),
            )
            for _, own in _grouped(group, ("seed",))
        ]
        panels[table].append(curves.summarise(row, seeds))
    label = f"validation loss ({', '.join(dict.fromkeys(kind.of.unit for kind in kinds.values()))})"
    # Validation is drawn as the first headline's test set is.
    known = {
        table: _baselines(kind, test, "loss") for table, kind in kinds.items() for test, _ in kind.headlines[:1]
    }
    lines = {
        word: {table: values[word] for table, values in known.items() if word in values} for word in WORDS.values()
    }
    figure = loss_comparison.loss_comparison(panels, "training sequences", label, order=order, lines=lines)
    caption = (
        "Validation loss while training: every seed thin, the interquartile mean over seeds thick; a band, "
        f"{intervals.RULE}, of the seeds that this mean is of. A run that had solved its task keeps its last "
        "value; one that diverged counts as infinite from there on."
    )
    if shown := [word for word, values in lines.items() if values]:
        caption += f" Across, without a model: {', '.join(shown)}, on the test set that is drawn as validation is."
    return Drawing("loss_comparison", caption, figure, list(points[0]), points)


@figure_errors_as_warnings("survival")
def draw_survival(rows: Sequence[RunRow], kind: TableKind, name: str, order: Sequence[str]) -> Drawing | None:
    """Share of solved runs over training sequences."""
    if not kind.solvable:
        return None
    steps: dict[str, survival.SurvivalCurve] = {}
    data: list[dict[str, Any]] = []
    for label, group in tables.variants(rows).items():
        found = summary.survival(group, "sequences")
        unsolved = {
            row["run"]: (number(row, "sequences") or 0.0, row["status"]) for row in group if not is_solved(row)
        }
        ended = np.array([at for at, _ in unsolved.values()])
        columns = {"sequences": found.times, "share_solved": found.share, "at_risk": found.at_risk}
        band = None
        if intervals.enough(len(group)):
            band = np.stack([found.low, found.high])
            columns |= {"low": found.low, "high": found.high}
        steps[label] = survival.SurvivalCurve(found.times, found.share, band, ended)
        points = zip(*columns.values(), strict=True)
        data += [{"row": label, **dict(zip(columns, map(float, point), strict=True))} for point in points]
        data += [{"row": label, "sequences": at, "ended": status} for at, status in unsolved.values()]
    figure = survival.survival({rows[0]["table"]: steps}, "training sequences", order)
    caption = (
        "Share of runs that have solved the task, over training sequences: Kaplan-Meier, with pointwise 95 % "
        f"bands {intervals.RULE}; ticks are runs that ended unsolved. One that "
        "diverged counts as unsolved for ever."
    )
    keys = ("row", "sequences", "share_solved", "low", "high", "at_risk", "ended")
    return Drawing(name, caption, figure, keys, data)


def groups(rows: Sequence[RunRow], test: str, metric: str) -> list[seeds.SeedGroup]:
    """Distribution over seeds of a metric, for each row of a table."""
    found = []
    for label, group in tables.variants(rows).items():
        values = tables.outcomes(group, test, metric)
        if len(values):
            centre = statistics.interquartile_mean(values)
            found.append(seeds.SeedGroup(label, values, centre, intervals.of_mean(values)))
    return found


def _baselines(kind: TableKind, test: str, metric: str) -> dict[str, float]:
    """The baselines that the task gives for a test set, as lines of figures."""
    known = {word: kind.baseline(which, test, metric, fallback=False) for which, word in WORDS.items()}
    return {word: value for word, value in known.items() if value is not None}


@figure_errors_as_warnings("seeds")
def draw_seeds(
    rows: Sequence[RunRow], kind: TableKind, options: TableOptions, name: str, order: Sequence[str]
) -> Drawing | None:
    """A dot for every run, and the interquartile means."""
    compared, reference = (
        [row for row in rows if (row["row"] in options.reference) == wanted] for wanted in (False, True)
    )
    metrics = dict.fromkeys(kind.metric(metric).label for _, metric in kind.compared)
    title = kind.label if len(metrics) > 1 else lambda test, _: kind.title(test)
    panels = {title(test, metric): groups(compared, test, metric) for test, metric in kind.compared}
    lines = {
        title(test, metric): {group.label: group.centre for group in groups(reference, test, metric)}
        | _baselines(kind, test, metric)
        for test, metric in kind.compared
    }
    figure = seeds.seeds(panels, " or ".join(metrics), lines, order)
    data: list[dict[str, Any]] = []
    for test, panel in panels.items():
        for group in panel:
            shared = {"test": test, "row": group.label, "iqm": group.centre}
            shared |= dict(zip(("low", "high"), group.interval or (), strict=False))
            data += [{**shared, "value": float(value)} for value in group.values]
        data += [{"test": test, "row": label, "iqm": value} for label, value in lines[test].items()]
    known = [word for word in WORDS.values() if any(word in line for line in lines.values())]
    caption = (
        f"Every run a dot; the bar is the interquartile mean over seeds, {intervals.RULE} with its 95 % interval."
    )
    if reference:
        caption += f" Dashed: interquartile means of {', '.join(tables.variants(reference))}."
    if known:
        caption += f" Dashed, without a model: {', '.join(known)}."
    return Drawing(name, caption, figure, ("test", "row", "value", "iqm", "low", "high"), data)


@figure_errors_as_warnings("target_output")
def draw_answers(
    answers: Sequence[RunRow], rows: Sequence[RunRow], kind: TableKind, name: str, cmap: str, order: Sequence[str]
) -> Drawing | None:
    """Targets and outputs of the median run of each row, and the distribution over seeds."""
    if not answers:
        return None
    pictures = []
    titles: dict[str, str] = {}
    for (label, seed), group in _grouped(answers, ("row", "seed")):
        panels = []
        for (title,), points in _grouped(group, ("title",)):
            shown = _array(points, "target"), _array(points, "output")
            steps = np.array([int(point.get("step") or n) for n, point in enumerate(points)])
            panels.append(TargetOutputPanel(title, *shown, end=kind.of.end, in_time=consecutive(steps)))
            # Reports of earlier versions have no cell; its values are the numbers of the title.
            titles[title] = points[0].get("cell") or "x".join(re.findall(r"\d+", title))
        pictures.append(comparison.ComparisonRow(f"{label}, seed {seed}", panels))
    drawn = {row.label.rsplit(", seed", 1)[0] for row in pictures}
    some = [row for row in rows if row["row"] in drawn]
    metric = kind.metric(kind.of.reach[0])
    spread = {title: found for title, cell in titles.items() if (found := groups(some, cell, metric.name))}
    figure = comparison.comparison(pictures, spread, metric.label, cmap, order)
    caption = (
        f"Targets above outputs of the median run of each row{_chosen_by(kind)}, on one sequence of each cell, "
        "which is in no test set"
    )
    if spread:
        caption += (
            f"; at the right the {metric.label} of all seeds on the test of that cell{guessing(kind, metric)}, "
            f"with the interquartile mean and, {intervals.RULE}, its 95 % interval"
        )
    caption += "."
    return Drawing(name, caption, figure, list(answers[0]), answers)


@figure_errors_as_warnings("addressing_examples")
def draw_heads(heads: Sequence[RunRow], kind: TableKind, name: str, cmap: str) -> Drawing | None:
    """Weightings of the heads of the median run of each row."""
    if not heads:
        return None
    pictures = []
    for (label, seed, title, answer), group in _grouped(heads, ("row", "seed", "title", "answer")):
        of = {head: _array(points, "slot") for (head,), points in _grouped(group, ("head",))}
        pictures.append(addressing.RunHeads(f"{label}, seed {seed}", title, of, int(answer) if answer else None))
    figure = addressing.addressing(pictures, cmap)
    caption = (
        f"Weightings of the heads of the median run of each row{_chosen_by(kind)} at every step of one sequence."
    )
    return Drawing(name, caption, figure, list(heads[0]), heads)


def _chosen_by(kind: TableKind) -> str:
    """By what the median run is chosen, to follow its mention in a caption."""
    tests = [kind.label(test, metric) for test, metric in kind.compared]
    if len(tests) > MOST_NAMED:
        metrics = dict.fromkeys(kind.metric(metric).label for _, metric in kind.compared)
        return f" (by the mean of its {' and '.join(metrics)} over the {len(tests)} tests of the contrasts)"
    return (
        f" (by the mean of its {' and '.join(tests)})" if len(tests) > 1 else f" (by {tests[0]})" if tests else ""
    )


def _array(points: Sequence[RunRow], name: str) -> np.ndarray:
    """The columns "<name> <number>" as an array [rows, columns], without empty columns of a smaller memory."""
    columns = [key for key in points[0] if key.rpartition(" ")[0] == name and points[0][key]]
    return np.array([[float(point[key]) for key in columns] for point in points])


def _grouped(rows: Iterable[RunRow], keys: Sequence[str]) -> list[tuple[tuple[str, ...], list[RunRow]]]:
    """Rows grouped by the values of some columns, in order of first occurrence."""
    found: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return list(found.items())
