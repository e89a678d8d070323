"""Tables of a report, made from the rows of runs.csv."""

import math
from collections.abc import Sequence

import numpy as np

from ..common.text import duration
from ..lit.baselines import WORDS
from ..lit.objective import Metric
from . import intervals, statistics
from .kinds import TableKind
from .rows import RunRow, is_solved, number, outcome, test_sets
from .survival import Survival, kaplan_meier, median_time
from .tables import MANY, Table, TableOptions, outcomes, tested, variants
from .wording import between, shown

#: Note of a table with lines of baselines.
BASELINES = "Guessing: without a model. Best possible: by the best predictor that there is. Both are of the task."


def main_table(rows: Sequence[RunRow], kind: TableKind, options: TableOptions) -> Table:
    """Main table, a row a model or setting: share solved, time to solve, headline metrics, size, training time."""
    lines = []
    for name, group in variants(rows).items():
        failed = sum(row["status"] == "diverged" for row in group)
        line = {"model": name + (" (reference)" if name in options.reference else ""), "runs": str(len(group))}
        line["diverged"] = str(failed)
        if kind.solvable:
            line |= _solving(group)
        for test, metric in kind.headlines:
            line |= _score(group, kind.label(test, metric), test, metric, not kind.solvable)
        if options.published:
            line[options.published_as] = shown(options.published[name]) if name in options.published else ""
        line["parameters"] = range_text([number(row, "parameters") for row in group], "{:,.0f}")
        line["state"] = range_text([number(row, "state_size") for row in group], "{:,.0f}")
        line["seconds a run"] = f"{median(group, 'seconds'):,.0f}"
        lines.append(line)
    for which, word in WORDS.items():
        if known := _known(kind, which, list(lines[0])):
            lines.append(dict.fromkeys(lines[0], "") | {"model": word} | known)
    note = (
        "IQM: interquartile mean over all runs, diverged ones at the worst value there is; in brackets its 95 % "
        f"bootstrap interval over seeds, {intervals.RULE}. Seconds: median of the fitting alone."
    )
    if kind.of.solved_by is not None:
        judged = kind.metric(kind.of.solved_by)
        note = (
            f"Solved: validation at or under the threshold of {judged.about}, three times in a row; "
            f"in brackets the 95 % interval of Wilson, {intervals.RULE}. Sequences and seconds to solve: "
            "Kaplan-Meier median, unsolved runs censored, — where less than half are solved. " + note
        )
    note += f" {BASELINES}" * (lines[-1]["model"] in WORDS.values())
    return Table("Models", list(lines[0]), [list(line.values()) for line in lines], note)


def _known(kind: TableKind, which: str, columns: Sequence[str]) -> dict[str, str]:
    """The baselines of a task in the columns of the main table; empty if the task gives none."""
    found: dict[str, str] = {}
    for test, metric in kind.headlines:
        value = kind.baseline(which, test, metric, fallback=False)
        if value is not None:
            name = f"{kind.label(test, metric)}: "
            found |= {column: shown(value) for column in columns if column.startswith(name)}
    return found


def _solving(group: Sequence[RunRow]) -> dict[str, str]:
    solved = sum(map(is_solved, group))
    interval = between(intervals.of_share(solved, len(group)), "{:.2f}".format)
    line = {"solved": f"{solved}/{len(group)} {interval}".rstrip()}
    for unit in ("sequences", "seconds"):
        median = median_time(survival(group, unit))
        line[f"{unit} to solve"] = "—" if median is None else f"{median:,.0f}"
    return line


def survival(group: Sequence[RunRow], unit: str) -> Survival:
    """Kaplan-Meier estimate over sequences or seconds; diverged runs never solve."""
    solved = list(map(is_solved, group))
    times = [
        math.inf if row["status"] == "diverged" else number(row, f"{unit}_to_solve" if yes else unit)
        for row, yes in zip(group, solved, strict=True)
    ]
    return kaplan_meier([0.0 if time is None else time for time in times], solved)


def _score(group: Sequence[RunRow], name: str, test: str, metric: str, with_mean: bool) -> dict[str, str]:
    values = outcomes(group, test, metric)
    few = f" ({len(values)} runs)" if len(values) < len(group) else ""
    scores = {f"{name}: mean": shown(float(np.mean(values))) if len(values) else ""} if with_mean else {}
    return scores | {f"{name}: IQM [95 %]": centre(values) + few if len(values) else ""}


def centre(values: np.ndarray) -> str:
    """The interquartile mean, with an interval if there are enough runs."""
    return f"{shown(statistics.interquartile_mean(values))} {between(intervals.of_mean(values))}".rstrip()


def tests_table(rows: Sequence[RunRow], kind: TableKind) -> Table | None:
    """Generalisation metrics on every test set, over seeds; None if the main table has all of them."""
    main = {test for test, _ in kind.headlines}
    if not kind.axes and {one.split(" with ")[0] for one in test_sets(rows, kind.of.reach[0])} <= main:
        return None
    first, *others = (kind.metric(name) for name in kind.of.reach)
    lines = []
    for name, group in variants(rows).items():
        for test in test_sets(rows, first.name):
            values = outcomes(group, test, first.name)
            if not tested(group, test, first.name):
                continue
            line = [name, kind.title(test), str(len(values)), shown(float(np.mean(values))), centre(values)]
            line += [shown(float(np.median(values))), shown(best(values, first)), shown(worst(values, first))]
            for metric in others:
                other_values = outcomes(group, test, metric.name)
                line += [
                    centre(other_values),
                    shown(float(np.median(other_values))),
                    shown(best(other_values, metric)),
                ]
            lines.append(line)
    models = len(lines)
    for which, word in WORDS.items():
        for test in test_sets(rows, first.name):
            known = [kind.baseline(which, test, metric.name, fallback=False) for metric in (first, *others)]
            if any(value is not None for value in known):
                mean, *further = ["" if value is None else shown(value) for value in known]
                line = [word, kind.title(test), "", mean, "", "", "", ""]
                lines.append(line + [text for value in further for text in (value, "", "")])
    header = ["model", "test", "runs", f"{first.label}: mean", "IQM [95 %]", "median", "best", "worst"]
    for metric in others:
        header += [f"{metric.label}: IQM [95 %]", f"{metric.label}: median", f"best of {metric.label}"]
    notes = [
        f"{one.label.capitalize()}: {one.about}{guessing(kind, one)}." for one in (first, *others) if one.about
    ]
    notes += [BASELINES] * (len(lines) > models)
    return Table("Every test", header, lines, " ".join(notes), folded=len(lines) > MANY)


def best(values: np.ndarray, metric: Metric) -> float:
    """The best value of a metric."""
    return float(values.max() if metric.more else values.min())


def worst(values: np.ndarray, metric: Metric) -> float:
    """The worst value of a metric."""
    return float(values.min() if metric.more else values.max())


def guessing(kind: TableKind, metric: Metric) -> str:
    """Text about random guessing, to follow the description of a metric, where it is the same on all test sets."""
    own = any(metric.name in known.get("chance", {}) for known in kind.baselines.values())
    return "" if metric.chance is None or own else f", {metric.chance:g} for guessing"


def settings_table(rows: Sequence[RunRow]) -> Table | None:
    """Table of the settings in which rows differ; None if there are none."""
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key.startswith("setting.")]
    by_name = variants(rows)
    differing = {}
    for key in keys:
        values = {name: _joined([row.get(key, "") for row in group]) for name, group in by_name.items()}
        if len(set(values.values())) > 1:
            differing[key.removeprefix("setting.")] = values
    if not differing:
        return None
    lines = [[key, *values.values()] for key, values in differing.items()]
    return Table("Settings in which rows differ", ["setting", *by_name], lines, folded=True)


def runs_table(rows: Sequence[RunRow], kind: TableKind) -> Table:
    """Table of all runs, a line a run."""
    tests = kind.headlines
    header = ["run", "model", "seed", "status"]
    if kind.solvable:
        header += ["solved after"]
    header += [kind.label(test, metric) for test, metric in tests]
    lines = []
    for row in rows:
        line = [row["run"], row["row"], row["seed"], row["status"] + (f" ({row['note']})" if row["note"] else "")]
        if kind.solvable:
            after = number(row, "sequences_to_solve")
            line.append("" if after is None else f"{after:,.0f}")
        values = (outcome(row, test, metric) for test, metric in tests)
        line += ["" if value is None else shown(value) for value in values]
        lines.append([*line, duration(number(row, "seconds") or 0.0)])
    return Table("Every run", [*header, "took"], lines, folded=True)


def median(group: Sequence[RunRow], key: str) -> float:
    """The median over runs of one of their numbers, which counts as 0 in a run without it."""
    return float(np.median([number(row, key) or 0.0 for row in group]))


def range_text(values: Sequence[float | None], form: str) -> str:
    """The smallest and the largest of some numbers as text, or the only one; empty without any."""
    known = sorted({value for value in values if value is not None})
    if not known:
        return ""
    first, last = form.format(known[0]), form.format(known[-1])
    return first if first == last else f"{first} to {last}"


def _joined(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
